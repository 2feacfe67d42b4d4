"""Any read tool at many servers."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field, JsonValue

from holdfast.appliances.idrac.arguments import Generation, Group, MaxAge, Model, Names, Tag
from holdfast.appliances.idrac.fleet import Selection, Sweep
from holdfast.appliances.idrac.fleetread import ROWS_EACH, Question, chosen, grouped, read_all
from holdfast.appliances.idrac.observedmodels import FleetAnswers
from holdfast.control.context import Connections, Context
from holdfast.control.inventory import load_catalogue
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import tool
from holdfast.errors import InputError

ReadName: TypeAlias = Annotated[
    str, Field(pattern=r"^idrac_[a-z_]{1,34}$", description="A read tool, such as idrac_get_thermals.")
]
FieldName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


@tool(title="Read many servers", toolset="fleetread", fleet=True)
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
    ctx.check_read(read, "idrac", dict(given))
    question = Question(read, given, tuple(fields or ()), float(max_age_s))
    sweep = Sweep(ctx.progress)
    selection = Selection(tuple(names or ()), tag, group, model, generation)
    meant, unknown = await chosen(ctx.client, sweep, selection)
    heard = [*await read_all(ctx.read, sweep, meant, question), *unknown]
    silent = sorted(one.target.name for one in heard if one.result != "ok")
    rows = grouped(heard)
    notes = []
    if unknown:
        notes.append("Of the silent ones it is not known whether they are of this model or generation.")
    ok = len(heard) - len(silent)
    return paginate(FleetAnswers, rows, limit, cursor, notes=notes, asked=len(heard), ok=ok, silent=list(silent))


def _pages(read: str) -> bool:
    known = next((entry for entry in load_catalogue(("idrac",)).entries if entry.name == read), None)
    properties = known.input_schema.get("properties") if known is not None else None
    return isinstance(properties, dict) and "limit" in properties
