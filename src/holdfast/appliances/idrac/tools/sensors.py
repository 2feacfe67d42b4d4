"""Power readings, temperatures and fans."""

from __future__ import annotations

from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.models import Power, Thermals
from holdfast.appliances.idrac.state import read_power, read_thermals
from holdfast.control.spec import tool


@tool(title="Power readings", toolset="sensors")
async def idrac_get_power(ctx: Ctx) -> Power:
    """Power state, consumption now and over the last minute, cap, power supplies, and power actions allowed."""
    return await read_power(ctx.client)


@tool(title="Temperatures and fans", toolset="sensors")
async def idrac_get_thermals(ctx: Ctx) -> Thermals:
    """Temperatures with their limits, and fans."""
    return await read_thermals(ctx.client)
