"""Power of the server."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.power import Verb, plan_power
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool

Action = Annotated[
    Verb,
    Field(description="off_graceful and restart_graceful ask the OS and never force; nmi makes it write a crash dump."),
]


@tool(title="Set power", toolset="power", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_set_power(ctx: Ctx, *, action: Action) -> Change:
    """Switch the server on or off, restart it, power cycle it, or send an NMI; the effect is verified by reading."""
    return await plan_power(ctx, action)
