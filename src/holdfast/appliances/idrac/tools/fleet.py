"""Many servers in one call."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.arguments import Generation, Group, MaxAge, Model, Names, Tag
from holdfast.appliances.idrac.fleet import Selection, Sweep
from holdfast.appliances.idrac.fleethealth import fits, severity, sweep_health
from holdfast.appliances.idrac.observedmodels import FleetHealth
from holdfast.control.context import Connections, Context
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import tool


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
    well = sum(row.result == "ok" and row.health == "OK" for row in chosen_rows)
    silent = [row.target for row in chosen_rows if row.result != "ok"]
    return paginate(
        FleetHealth,
        shown,
        limit,
        cursor,
        asked=len(rows),
        ok=well,
        not_ok=len(chosen_rows) - well - len(silent),
        silent=list(silent),
    )
