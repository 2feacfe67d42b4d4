"""State and power of VMs and containers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import is_drive, plain, properties
from holdfast.appliances.proxmox.guests import Guest, config_of, current_state, find_guest
from holdfast.appliances.proxmox.models.guests import GuestDisk, GuestState
from holdfast.appliances.proxmox.power import SHUTDOWN, START, STOP, plan_power, shown_state
from holdfast.appliances.proxmox.reading import made
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.errors import HoldfastError, NotFoundError
from holdfast.transport.values import JsonObject, digits, opt_bool, opt_int, opt_object, opt_str

TimeoutS = Annotated[int | None, Field(ge=1, le=600, description="Seconds Proxmox waits for the guest.")]


@tool(title="Get guest", toolset="guests")
async def proxmox_get_guest(ctx: Ctx, *, guest: GuestRef) -> GuestState:
    """State, usage, disks and networks of one VM or container right now, wherever it runs."""
    try:
        return await _state(ctx, await find_guest(ctx.client, guest, fresh=False))
    except NotFoundError:  # the kept inventory may name the node that it has left
        return await _state(ctx, await find_guest(ctx.client, guest))


async def _state(ctx: Ctx, found: Guest) -> GuestState:
    state = await current_state(ctx.client, found)
    notes: list[str] = []
    config: JsonObject = {}
    try:
        config = await config_of(ctx.client, found)
    except NotFoundError:
        raise
    except HoldfastError as error:
        notes.append(f"The configuration cannot be read now: {error.message}")
    shown = shown_state(found, state)
    ha = opt_object(state, "ha") or {}
    return made(
        GuestState,
        state,
        vmid=found.vmid,
        name=found.name,
        kind="container" if found.kind == "lxc" else "vm",
        node=found.node,
        status=str(shown["status"]),
        template=True if found.template else None,
        ha_state=opt_str(ha, "state"),
        agent=opt_bool(state, "agent", lenient=True) if found.is_vm else None,
        disk_used_bytes=None if found.is_vm else opt_int(state, "disk", lenient=True),
        cores=opt_int(config, "cores", lenient=True),
        memory_mib=digits(properties(plain(config.get("memory"))).get("", "")),
        onboot=opt_bool(config, "onboot", lenient=True),
        protection=opt_bool(config, "protection", lenient=True),
        tags=list(found.tags) or None,
        disks=_disks(config) or None,
        networks=[plain(config[option]) for option in sorted(config) if option.startswith("net")] or None,
        notes=notes or None,
    )


def _disks(config: JsonObject) -> list[GuestDisk]:
    disks: list[GuestDisk] = []
    for option in sorted(config):
        parts = properties(plain(config[option]))
        if is_drive(option) and parts.get("media") != "cdrom":
            disks.append(GuestDisk(slot=option, volume=parts.get("", parts.get("file", "")), size=parts.get("size")))
    return disks


@tool(title="Start guest", toolset="guests", risk=Risk.WRITE, idempotent=True)
async def proxmox_start_guest(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Start a stopped VM or container and wait until its task has ended. A guest that runs already is left alone."""
    return await plan_power(ctx, await find_guest(ctx.client, guest), START)


@tool(title="Shut down guest", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_shutdown_guest(ctx: Ctx, *, guest: GuestRef, timeout_s: TimeoutS = None) -> Change:
    """Ask the guest's operating system to shut down (ACPI, agent or init). Use it before proxmox_stop_guest."""
    return await plan_power(ctx, await find_guest(ctx.client, guest), SHUTDOWN, timeout=timeout_s)


@tool(title="Stop guest", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_stop_guest(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Cut the power of a VM or container at once; unsaved data in it is lost. Prefer proxmox_shutdown_guest."""
    warning = "Unsaved data in the guest is lost, as with a power cut."
    return await plan_power(ctx, await find_guest(ctx.client, guest), STOP, warnings=(warning,))
