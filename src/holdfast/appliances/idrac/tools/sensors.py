"""Power readings and cap, temperatures and fans."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.models import Power, Thermals
from holdfast.appliances.idrac.powercap import plan_cap
from holdfast.appliances.idrac.state import read_power, read_thermals
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool


@tool(title="Power readings", toolset="sensors")
async def idrac_get_power(ctx: Ctx) -> Power:
    """Power state, consumption now and over the last minute, cap, power supplies, redundancy, actions allowed."""
    return await read_power(ctx.client)


@tool(title="Set power cap", toolset="sensors", risk=Risk.WRITE, idempotent=True)
async def idrac_set_power_cap(
    ctx: Ctx,
    *,
    watts: Annotated[int | None, Field(ge=1, le=32_767, description="Most watts; no cap when left out.")] = None,
) -> Change:
    """Cap the server's power, within what it can hold, or lift the cap."""
    return await plan_cap(ctx, watts)


@tool(title="Temperatures and fans", toolset="sensors")
async def idrac_get_thermals(ctx: Ctx) -> Thermals:
    """Temperatures with their limits, and fans."""
    return await read_thermals(ctx.client)
