"""Virtual machines and containers, by whatever name the release has for them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import ObjectRef
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.guests import Found, find_guest, guest_rows, state_of
from holdfast.appliances.truenas.models.guests import Device, Guest, GuestDetail, GuestPage
from holdfast.appliances.truenas.reading import dig, made
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.writes import Ctx, Seen, Write
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, UnsupportedError
from holdfast.transport.values import JsonValue, as_objects, opt_int, opt_str

Force = Annotated[bool, Field(description="Cut the power instead of asking the system to stop.")]
GuestName = Annotated[ObjectRef, Field(description="Name or id.")]
Kind = Annotated[Literal["vm", "container"] | None, Field(description="Where both have one of this name.")]


@tool(title="List VMs and containers", toolset="guests")
async def truenas_list_guests(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> GuestPage:
    """Virtual machines and containers with their state."""
    rows: list[JsonObject] = [
        {**row, "kind": "vm" if space == "vm" else "container"} for space, row in await guest_rows(ctx)
    ]
    return page(GuestPage, rows, _guest, limit, cursor)


def _guest(row: JsonObject) -> Guest:
    memory = opt_int(row, "memory") if row.get("kind") == "vm" else None
    return made(
        Guest,
        row,
        id=str(row.get("id")),
        state=state_of(row),
        memory_bytes=memory * 2**20 if memory is not None else None,
    )


@tool(title="Get VM or container", toolset="guests")
async def truenas_get_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None) -> GuestDetail:
    """One virtual machine or container with its devices: disks, network cards, displays. Passwords are left out."""
    found = await find_guest(ctx, guest, kind)
    rows = await ctx.client.query(f"{found.space}.query", [["id", "=", found.id]], {"limit": 1})
    row = rows[0] if rows else {}
    devices = row.get("devices")
    if found.space == "virt.instance":
        devices = await ctx.client.call("virt.instance.device_list", found.id)
    memory = opt_int(row, "memory")
    unit = 2**20 if found.space == "vm" else 1
    addresses = row.get("aliases")
    return made(
        GuestDetail,
        row,
        kind=found.kind,
        id=str(found.id),
        name=found.name,
        state=found.state,
        memory_bytes=memory * unit if memory is not None else None,
        cores=row.get("cores") if found.space == "vm" else None,
        cpu=row.get("cpu") if found.space == "virt.instance" else None,
        devices=[_device(one) for one in as_objects(devices or [], "devices")],
        addresses=[str(one.get("address")) for one in addresses if isinstance(one, dict)]
        if isinstance(addresses, list)
        else None,
        image=opt_str(row, "image.description") or _text(dig(row, "image.description")),
    )


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


_TOLD = {
    "DISK": ("path", "source", "destination"),
    "CDROM": ("path", "source"),
    "RAW": ("path",),
    "NIC": ("nic_attach", "network", "parent", "mac"),
    "DISPLAY": ("type", "bind", "port", "web_port"),
    "FILESYSTEM": ("source", "target"),
    "PCI": ("pptdev", "address"),
    "USB": ("device", "bus", "dev"),
    "GPU": ("gpu_type", "pci", "pci_address"),
    "PROXY": ("source_proto", "source_port", "dest_proto", "dest_port"),
}
"""What is told of a device, by kind; a display's password is not."""


def _device(row: JsonObject) -> Device:
    attributes = row.get("attributes")
    facts: JsonObject = attributes if isinstance(attributes, dict) else row
    kind = str(facts.get("dtype") or facts.get("dev_type") or "?")
    told = [f"{name} {value}" for name in _TOLD.get(kind, ()) if (value := facts.get(name)) not in (None, "")]
    number = row.get("id")
    return Device(
        id=number if isinstance(number, int) else None,
        name=opt_str(row, "name"),
        kind=kind,
        what=", ".join(told) or None,
    )


@tool(title="Start VM or container", toolset="guests", risk=Risk.WRITE, idempotent=True)
async def truenas_start_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None) -> Change:
    """Start a virtual machine or container."""
    found = await find_guest(ctx, guest, kind)
    is_job = found.space == "virt.instance"
    way = Way(f"{found.space}.start", (found.id,), job=is_job)
    return await _power(ctx, found, way, "Start", "RUNNING", "truenas_stop_guest")


@tool(title="Stop VM or container", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_stop_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None, force: Force = False) -> Change:
    """Shut a virtual machine or container down, or cut its power with force."""
    found = await find_guest(ctx, guest, kind)
    options: JsonObject = {"force": force}
    if found.space != "virt.instance":
        options["force_after_timeout"] = False
    way = Way(f"{found.space}.stop", (found.id, options), job=True)
    return await _power(ctx, found, way, "Cut the power of" if force else "Shut down", "STOPPED", "truenas_start_guest")


async def _power(ctx: Ctx, found: Found, way: Way, verb: str, wanted: str, back: str) -> Change:
    async def look() -> Seen:
        now = (await find_guest(ctx, found.name, found.kind)).state
        return Seen(now == wanted, {"state": now})

    arguments: JsonObject = {"guest": found.name, "kind": found.kind}
    if back in ("truenas_suspend_guest", "truenas_resume_guest"):
        del arguments["kind"]
    return await change(
        ctx,
        Write((way,)),
        summary=f"{verb} {found.label}",
        before={"state": found.state},
        after={"state": wanted},
        look=look,
        undo=UndoCall(tool=back, arguments=arguments),
        nothing_to_do=found.state == wanted,
    )


@tool(title="Restart VM or container", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_restart_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None) -> Change:
    """Restart a running virtual machine or container. Containers of release 26 have to be stopped and started."""
    found = await find_guest(ctx, guest, kind)
    if found.space == "container":
        raise UnsupportedError(
            "This release cannot restart containers.", next_step="truenas_stop_guest, then truenas_start_guest."
        )
    if found.state != "RUNNING":
        raise ConflictError(f"{found.name} is {found.state}.", next_step="Start it with truenas_start_guest.")
    params: tuple[JsonValue, ...] = (found.id,) if found.space == "vm" else (found.id, {"force": False})

    async def look() -> Seen:
        now = (await find_guest(ctx, found.name, found.kind)).state
        return Seen(None if now == "RUNNING" else False, {"state": now})

    return await change(
        ctx,
        Write((Way(f"{found.space}.restart", params, job=True),)),
        summary=f"Restart {found.label}",
        before={"state": found.state},
        after={"state": "RUNNING"},
        look=look,
        cannot_undo="A restart is over when it is over.",
    )


@tool(title="Suspend VM", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_suspend_guest(ctx: Ctx, *, guest: GuestName) -> Change:
    """Pause a running virtual machine; its memory stays in use. Containers cannot be paused."""
    found = await find_guest(ctx, guest, "vm")
    if found.state not in ("RUNNING", "SUSPENDED"):
        raise ConflictError(
            f"{found.name} is {found.state}.",
            next_step="truenas_get_guest tells its state; choose the call that fits it.",
        )
    way = Way("vm.suspend", (found.id,))
    return await _power(ctx, found, way, "Suspend", "SUSPENDED", "truenas_resume_guest")


@tool(title="Resume VM", toolset="guests", risk=Risk.WRITE, idempotent=True)
async def truenas_resume_guest(ctx: Ctx, *, guest: GuestName) -> Change:
    """Let a paused virtual machine go on."""
    found = await find_guest(ctx, guest, "vm")
    if found.state not in ("RUNNING", "SUSPENDED"):
        raise ConflictError(f"{found.name} is {found.state}.", next_step="truenas_start_guest starts it.")
    return await _power(ctx, found, Way("vm.resume", (found.id,)), "Resume", "RUNNING", "truenas_suspend_guest")
