"""Power of VMs and containers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.guests import find_guest
from holdfast.appliances.proxmox.power import SHUTDOWN, START, STOP, plan_power
from holdfast.control.change import Change
from holdfast.control.context import Context
from holdfast.control.spec import Risk, tool

Ctx = Context[AsyncProxmoxClient]
GuestRef = Annotated[
    str,
    Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", description="Id or name of the guest."),
]
TimeoutS = Annotated[int | None, Field(ge=1, le=600, description="Seconds Proxmox waits for the guest.")]


@tool(title="Start guest", toolset="guests", risk=Risk.WRITE, idempotent=True)
async def proxmox_start_guest(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Start a stopped VM or container and wait until its task has ended. A guest that runs already is left alone."""
    found = await find_guest(ctx.client, guest)
    return await plan_power(ctx.client, found, START, now=ctx.now, sleep=ctx.sleep)


@tool(title="Shut down guest", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_shutdown_guest(ctx: Ctx, *, guest: GuestRef, timeout_s: TimeoutS = None) -> Change:
    """Ask the guest's operating system to shut down (ACPI, agent or init). Use it before proxmox_stop_guest."""
    found = await find_guest(ctx.client, guest)
    form: dict[str, str | int] = {} if timeout_s is None else {"timeout": timeout_s}
    return await plan_power(ctx.client, found, SHUTDOWN, now=ctx.now, sleep=ctx.sleep, form=form)


@tool(title="Stop guest", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_stop_guest(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Cut the power of a VM or container at once; unsaved data in it is lost. Prefer proxmox_shutdown_guest."""
    found = await find_guest(ctx.client, guest)
    warning = "Unsaved data in the guest is lost, as with a power cut."
    return await plan_power(ctx.client, found, STOP, now=ctx.now, sleep=ctx.sleep, warnings=(warning,))
