"""Further power actions on guests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.guests import find_guest, find_vm
from holdfast.appliances.proxmox.power import HIBERNATE, REBOOT, RESET, RESUME, SUSPEND, plan_power
from holdfast.appliances.proxmox.tools.guests import TimeoutS
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool


@tool(title="Reboot guest", toolset="power", risk=Risk.DESTRUCTIVE, idempotent=False)
async def proxmox_reboot_guest(ctx: Ctx, *, guest: GuestRef, timeout_s: TimeoutS = None) -> Change:
    """Shut a running VM or container down and start it again, which also applies pending changes."""
    return await plan_power(ctx, await find_guest(ctx.client, guest), REBOOT, timeout=timeout_s)


@tool(title="Reset VM", toolset="power", risk=Risk.DESTRUCTIVE, idempotent=False)
async def proxmox_reset_guest(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Press the reset button of a running VM: unsaved data is lost. Prefer proxmox_reboot_guest."""
    warning = "Unsaved data in the guest is lost."
    return await plan_power(ctx, await find_vm(ctx.client, guest), RESET, warnings=(warning,))


@tool(title="Suspend VM", toolset="power", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_suspend_guest(
    ctx: Ctx,
    *,
    guest: GuestRef,
    to_disk: Annotated[bool, Field(description="Hibernate: save memory to disk and stop (not for HA guests).")] = False,
) -> Change:
    """Pause a running VM, in memory or on disk; proxmox_resume_guest lets it go on."""
    found = await find_vm(ctx.client, guest)
    if to_disk:
        return await plan_power(ctx, found, HIBERNATE, todisk=True)
    return await plan_power(ctx, found, SUSPEND)


@tool(title="Resume VM", toolset="power", risk=Risk.WRITE, idempotent=True)
async def proxmox_resume_guest(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Let a paused or hibernated VM go on. A guest that runs already is left alone."""
    return await plan_power(ctx, await find_vm(ctx.client, guest), RESUME)
