"""Many servers in one call."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.fleet import Selection, Sweep, fits, severity
from holdfast.appliances.idrac.models import FleetHealth
from holdfast.config.targets import TargetName
from holdfast.control.context import Connections, Context
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import tool


@tool(title="Health of many servers", toolset="fleet", fleet=True)
async def idrac_fleet_health(
    ctx: Context[Connections],
    *,
    names: Annotated[list[TargetName] | None, Field(max_length=500, description="Targets; all when left out.")] = None,
    tag: Annotated[str | None, Field(max_length=64, description="Only targets with this tag.")] = None,
    model: Annotated[str | None, Field(max_length=64, description="Only models with this in their name.")] = None,
    generation: Annotated[int | None, Field(ge=7, le=10, description="Only this iDRAC generation.")] = None,
    not_ok_only: Annotated[bool, Field(description="Leave out servers that are well.")] = False,
    max_age_s: Annotated[int, Field(ge=0, le=900, description="Answers up to this old are not asked for again.")] = 60,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FleetHealth:
    """Health and power of all servers, or some, the worst first, with who did not answer."""
    selection = Selection(tuple(names or ()), tag, model, generation)
    rows = await Sweep(ctx.client, ctx.progress).run(selection.targets(ctx.client), max_age_s)
    chosen = sorted((row for row in rows if fits(row, selection)), key=severity)
    shown = [row for row in chosen if not (not_ok_only and row.result == "ok" and row.health == "OK")]
    items, next_cursor = window(shown, limit, cursor)
    well = sum(row.result == "ok" and row.health == "OK" for row in chosen)
    silent = [row.target for row in chosen if row.result != "ok"]
    return FleetHealth(
        items=list(items),
        total=len(shown),
        next_cursor=next_cursor,
        asked=len(rows),
        ok=well,
        not_ok=len(chosen) - well - len(silent),
        silent=list(silent),
    )
