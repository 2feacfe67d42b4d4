"""Many servers in one call."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field, JsonValue

from holdfast.appliances.idrac.fleet import Selection, Sweep
from holdfast.appliances.idrac.fleethealth import fits, severity, sweep_health
from holdfast.appliances.idrac.fleetread import ROWS_EACH, Question, chosen, grouped, read_all
from holdfast.appliances.idrac.models import FleetAnswers, FleetHealth
from holdfast.config.targets import TargetName
from holdfast.control.context import Connections, Context
from holdfast.control.inventory import load_catalogue
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import tool
from holdfast.errors import InputError

Names: TypeAlias = Annotated[list[TargetName] | None, Field(max_length=500, description="Targets; all when left out.")]
Tag: TypeAlias = Annotated[str | None, Field(max_length=64, description="Only targets with this tag.")]
Group: TypeAlias = Annotated[str | None, Field(max_length=64, description="Only targets of this group.")]
Model: TypeAlias = Annotated[str | None, Field(max_length=64, description="Only models with this in their name.")]
Generation: TypeAlias = Annotated[int | None, Field(ge=7, le=10, description="Only this iDRAC generation.")]
MaxAge: TypeAlias = Annotated[int, Field(ge=0, le=900, description="Answers up to this old are not asked for again.")]
ReadName: TypeAlias = Annotated[
    str, Field(pattern=r"^idrac_[a-z_]{1,34}$", description="A read tool, such as idrac_get_thermals.")
]
FieldName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


@tool(title="Health of many servers", toolset="fleet", fleet=True)
async def idrac_fleet_health(
    ctx: Context[Connections],
    *,
    names: Names = None,
    tag: Tag = None,
    group: Group = None,
    model: Model = None,
    generation: Generation = None,
    not_ok_only: Annotated[bool, Field(description="Leave out servers that are well.")] = False,
    max_age_s: MaxAge = 60,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FleetHealth:
    """Health and power of all servers, or some, the worst first, with who did not answer."""
    selection = Selection(tuple(names or ()), tag, group, model, generation)
    rows = await sweep_health(ctx.client, Sweep(ctx.progress), selection.targets(ctx.client), max_age_s)
    chosen_rows = sorted((row for row in rows if fits(row, selection)), key=severity)
    shown = [row for row in chosen_rows if not (not_ok_only and row.result == "ok" and row.health == "OK")]
    items, next_cursor = window(shown, limit, cursor)
    well = sum(row.result == "ok" and row.health == "OK" for row in chosen_rows)
    silent = [row.target for row in chosen_rows if row.result != "ok"]
    return FleetHealth(
        items=list(items),
        total=len(shown),
        next_cursor=next_cursor,
        asked=len(rows),
        ok=well,
        not_ok=len(chosen_rows) - well - len(silent),
        silent=list(silent),
    )


@tool(title="Read many servers", toolset="fleet", fleet=True)
async def idrac_fleet_read(
    ctx: Context[Connections],
    *,
    read: ReadName,
    arguments: Annotated[dict[str, JsonValue] | None, Field(description="Its arguments, without target.")] = None,
    fields: Annotated[
        list[FieldName] | None, Field(max_length=20, description="Only these fields of answers or their rows.")
    ] = None,
    names: Names = None,
    tag: Tag = None,
    group: Group = None,
    model: Model = None,
    generation: Generation = None,
    max_age_s: MaxAge = 60,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FleetAnswers:
    """Any read tool of the iDRAC at many servers: equal answers are one row, rare ones first, failures last."""
    given = dict(arguments or {})
    if "target" in given:
        raise InputError("Choose servers by names, tag, group, model or generation, not by target.")
    if "limit" not in given and _pages(read):
        given["limit"] = ROWS_EACH
    question = Question(read, given, tuple(fields or ()), float(max_age_s))
    sweep = Sweep(ctx.progress)
    selection = Selection(tuple(names or ()), tag, group, model, generation)
    meant, unknown = await chosen(ctx.client, sweep, selection)
    heard = [*await read_all(ctx.read, sweep, meant, question), *unknown]
    silent = sorted(one.target.name for one in heard if one.result != "ok")
    rows = grouped(heard)
    items, next_cursor = window(rows, limit, cursor)
    notes = []
    if unknown:
        notes.append("Of the silent ones it is not known whether they are of this model or generation.")
    return FleetAnswers(
        items=list(items),
        total=len(rows),
        next_cursor=next_cursor,
        asked=len(heard),
        ok=len(heard) - len(silent),
        silent=list(silent),
        notes=notes or None,
    )


def _pages(read: str) -> bool:
    known = next((entry for entry in load_catalogue(("idrac",)).entries if entry.name == read), None)
    properties = known.input_schema.get("properties") if known is not None else None
    return isinstance(properties, dict) and "limit" in properties
