"""Virtual machines made; guests of either kind changed and deleted; devices of virtual machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import Collection, at_least_one, create, given
from holdfast.appliances.truenas.guests import Found, find_guest, state_of
from holdfast.appliances.truenas.identifiers import DatasetPath
from holdfast.appliances.truenas.reading import plain, whole_number
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.tools.guests import GuestName, Kind
from holdfast.appliances.truenas.writes import Ctx, Seen, Write, call
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError, NotFoundError, UnsupportedError
from holdfast.transport.values import JsonValue, as_object, get_str, opt_str

VM: Final = Collection(
    namespace="vm",
    noun="VM",
    key="name",
    shown=("name", "description", "memory", "vcpus", "cores", "threads", "autostart", "bootloader"),
    list_tool="truenas_list_guests",
    ref="guest",
    delete_tool="truenas_delete_guest",
    fixed={"kind": "vm"},
)
VmName = Annotated[str, Grammar("VM name", r"[A-Za-z0-9_]+", 64, "name: letters, digits, _", ("router", "win_11"))]
Memory = Annotated[int | None, Field(ge=256, le=4_194_304, description="Memory, MiB.")]
Cores = Annotated[int | None, Field(ge=1, le=128, description="Processor cores.")]
Autostart = Annotated[bool | None, Field(description="Start with the system.")]
Text = Annotated[str | None, Field(max_length=250, description="Description.")]
IsoPath = Annotated[
    str, Grammar("file", r"/mnt/[A-Za-z0-9_][A-Za-z0-9_./ -]*", 255, "file below /mnt", ("/mnt/tank/iso/debian.iso",))
]
Nic = Annotated[str, Grammar("interface", r"[a-z][a-z0-9.]*", 15, "interface or bridge", ("br0", "eno1"))]


@tool(title="Create VM", toolset="machines", risk=Risk.WRITE, idempotent=False)
async def truenas_create_vm(
    ctx: Ctx,
    *,
    name: VmName,
    memory_mib: Annotated[int, Field(ge=256, le=4_194_304, description="Memory, MiB.")],
    cores: Annotated[int, Field(ge=1, le=128, description="Processor cores.")] = 1,
    bootloader: Annotated[Literal["UEFI", "UEFI_CSM"], Field(description="UEFI_CSM: as an old BIOS.")] = "UEFI",
    autostart: Annotated[bool, Field(description="Start with the system.")] = False,
    description: Text = None,
) -> Change:
    """Create a virtual machine; it has no disk and no network yet (truenas_add_vm_device) and is not started."""
    values: JsonObject = {
        "name": name,
        "memory": memory_mib,
        "vcpus": 1,
        "cores": cores,
        "threads": 1,
        "bootloader": bootloader,
        "autostart": autostart,
        **given(description=description),
    }
    return await create(ctx, VM, values)


async def _row(ctx: Ctx, found: Found) -> JsonObject:
    rows = await ctx.client.query(f"{found.space}.query", [["id", "=", found.id]], {"limit": 1})
    if not rows:
        raise NotFoundError(f"{found.name} is not there any more.", next_step="truenas_list_guests lists what is.")
    return rows[0]


@tool(title="Change VM or container", toolset="machines", risk=Risk.WRITE, idempotent=True)
async def truenas_update_guest(
    ctx: Ctx,
    *,
    guest: GuestName,
    kind: Kind = None,
    memory_mib: Memory = None,
    cores: Cores = None,
    autostart: Autostart = None,
    description: Text = None,
) -> Change:
    """Change memory, cores, autostart or description. Memory and cores of a running VM change when it is started next;
    containers of release 26 have neither, those before have no description.
    """
    found = await find_guest(ctx, guest, kind)
    if found.space == "container" and (memory_mib is not None or cores is not None):
        raise UnsupportedError("This release has no memory or cores of containers.", next_step="Leave them out.")
    if found.space == "virt.instance" and description is not None:
        raise UnsupportedError("This release has no description of containers.", next_step="Leave it out.")
    values = given(autostart=autostart, description=description)
    if found.space == "virt.instance":
        values |= given(
            memory=memory_mib * 2**20 if memory_mib is not None else None, cpu=str(cores) if cores is not None else None
        )
    else:
        values |= given(memory=memory_mib, cores=cores)
    at_least_one(values)
    row = await _row(ctx, found)
    before: JsonObject = {name: plain(row.get(name)) for name in values}

    async def look() -> Seen:
        now = await _row(ctx, found)
        state: JsonObject = {name: plain(now.get(name)) for name in values}
        return Seen(state == values, state)

    unset = [name for name in values if before[name] is None]
    waits = found.space == "vm" and found.state != "STOPPED" and bool({"memory", "cores"} & set(values))
    way = Way(f"{found.space}.update", (found.id, values), job=found.space == "virt.instance")
    return await change(
        ctx,
        Write((way,)),
        summary=f"Change {found.label}",
        before=before,
        after=dict(values),
        look=look,
        undo=None if unset else UndoCall(tool="truenas_update_guest", arguments=_back(found, before)),
        cannot_undo=f"{', '.join(unset)} was not set before, and cannot be unset by this tool." if unset else None,
        warnings=["It runs: memory and cores change when it is started next."] if waits else [],
        nothing_to_do=before == values,
    )


def _back(found: Found, before: JsonObject) -> JsonObject:
    """Arguments of the update tool that bring the values back."""
    arguments: JsonObject = {"guest": found.name, "kind": found.kind}
    for name, value in before.items():
        if name == "memory" and isinstance(value, int):
            arguments["memory_mib"] = value // 2**20 if found.space == "virt.instance" else value
        elif name == "cpu" and isinstance(value, str) and (cores := whole_number(value)) is not None:
            arguments["cores"] = cores
        else:
            arguments[name] = value
    return arguments


@tool(title="Delete VM or container", toolset="machines", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_guest(
    ctx: Ctx,
    *,
    guest: GuestName,
    kind: Kind = None,
    delete_volumes: Annotated[bool, Field(description="VM: also its volumes with all data in them.")] = False,
) -> Change:
    """Delete a stopped virtual machine or container. Volumes of a VM stay unless delete_volumes is given; the data of a
    container always goes.
    """
    found = await find_guest(ctx, guest, kind)
    if found.state not in ("STOPPED", "UNKNOWN", "ERROR"):
        raise ConflictError(f"{found.name} is {found.state}.", next_step="Stop it with truenas_stop_guest first.")
    if delete_volumes and found.space != "vm":
        raise InputError("delete_volumes is for virtual machines; the data of a container always goes.")
    options: dict[str, tuple[JsonValue, ...]] = {
        "vm": (found.id, {"zvols": delete_volumes, "force": False}),
        "container": (found.id, {"force": False, "recursive": False}),
        "virt.instance": (found.id,),
    }

    async def look() -> Seen:
        rows = await ctx.client.query(f"{found.space}.query", [["id", "=", found.id]], {"limit": 1})
        gone = not rows or rows[0].get("name") != found.name
        return Seen(gone, {} if gone else {"name": found.name, "state": state_of(rows[0])})

    lost = found.space != "vm" or delete_volumes
    return await change(
        ctx,
        Write((Way(f"{found.space}.delete", options[found.space], job=found.space != "vm"),), in_steps=lost),
        summary=f"Delete {found.label}{' with its volumes' if delete_volumes else ''}",
        before={"name": found.name, "kind": found.kind},
        after={},
        look=look,
        cannot_undo="It has to be made anew.",
        blast_radius=["All data in it is lost."] if lost else ["Its volumes stay, and are used by nothing."],
    )


@tool(title="Add device to VM", toolset="machines", risk=Risk.WRITE, idempotent=False)
async def truenas_add_vm_device(
    ctx: Ctx,
    *,
    guest: GuestName,
    volume: Annotated[
        DatasetPath | None, Field(description="Disk: an existing volume (truenas_create_dataset).")
    ] = None,
    iso: Annotated[IsoPath | None, Field(description="CD: an image file.")] = None,
    nic: Annotated[Nic | None, Field(description="Network card on this interface or bridge.")] = None,
) -> Change:
    """Give a virtual machine a disk, a CD or a network card. A running one gets it when it is started next."""
    if sum(one is not None for one in (volume, iso, nic)) != 1:
        raise InputError("Give one of volume, iso and nic.")
    found = await find_guest(ctx, guest, "vm")
    attributes: JsonObject
    if volume is not None:
        await _free_volume(ctx, volume)
        attributes = {"dtype": "DISK", "path": f"/dev/zvol/{volume}", "type": "VIRTIO"}
    elif iso is not None:
        attributes = {"dtype": "CDROM", "path": iso}
    else:
        attributes = {"dtype": "NIC", "type": "VIRTIO", "nic_attach": nic}
    filters: list[JsonValue] = [["vm", "=", found.id]]
    before = [row.get("id") for row in await ctx.client.query("vm.device.query", filters)]
    key = "nic_attach" if nic is not None else "path"

    async def look() -> Seen:
        for row in await ctx.client.query("vm.device.query", filters):
            have = row.get("attributes")
            same = isinstance(have, dict) and all(have.get(name) == attributes[name] for name in ("dtype", key))
            if row.get("id") not in before and same:
                undo = UndoCall(
                    tool="truenas_remove_vm_device", arguments={"guest": found.name, "device": row.get("id")}
                )
                return Seen(True, {"device": row.get("id"), **attributes}, undo=undo)
        return Seen(False, {})

    return await change(
        ctx,
        replace(call("vm.device.create", {"vm": found.id, "attributes": attributes}), relative=True),
        summary=f"Give {found.label} a {attributes['dtype']} ({attributes[key]})",
        before={},
        after=dict(attributes),
        look=look,
        cannot_undo="The call that takes it back needs its id: it is told once it exists.",
    )


async def _free_volume(ctx: Ctx, volume: str) -> None:
    """Refuse a volume that another machine uses: two writers destroy what is on it.

    Raises:
        ConflictError: Another has it.
    """
    for row in await ctx.client.query("vm.device.query", []):
        have = row.get("attributes")
        if isinstance(have, dict) and have.get("path") == f"/dev/zvol/{volume}":
            raise ConflictError(
                f"Volume {volume} is a disk of VM {row.get('vm')} already.",
                next_step="Make another volume with truenas_create_dataset.",
            )


@tool(title="Remove device from VM", toolset="machines", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_remove_vm_device(
    ctx: Ctx, *, guest: GuestName, device: Annotated[int, Field(ge=1, description="Id; see truenas_get_guest.")]
) -> Change:
    """Take a device from a stopped virtual machine. A volume or file behind it stays."""
    found = await find_guest(ctx, guest, "vm")
    if found.state != "STOPPED":
        raise ConflictError(f"{found.name} is {found.state}.", next_step="Stop it with truenas_stop_guest first.")
    filters: list[JsonValue] = [["id", "=", device], ["vm", "=", found.id]]
    rows = await ctx.client.query("vm.device.query", filters, {"limit": 1})
    if not rows:
        raise NotFoundError(f"{found.name} has no device {device}.", next_step="truenas_get_guest lists them.")
    attributes = as_object(rows[0].get("attributes"), "attributes")
    kind = get_str(attributes, "dtype")

    async def look() -> Seen:
        there = bool(await ctx.client.query("vm.device.query", filters, {"limit": 1}))
        return Seen(not there, {"device": device} if there else {})

    arguments = _again(attributes)
    undo = UndoCall(tool="truenas_add_vm_device", arguments={"guest": found.name, **arguments}) if arguments else None
    return await change(
        ctx,
        call("vm.device.delete", device, {"force": False, "raw_file": False, "zvol": False}),
        summary=f"Take the {kind} {device} from {found.label}",
        before={"device": device, "kind": kind, **arguments},
        after={},
        look=look,
        undo=undo,
        cannot_undo=None if undo else f"There is no tool that adds a {kind}.",
    )


def _again(attributes: JsonObject) -> JsonObject:
    """Arguments of the tool that adds such a device."""
    kind, path = attributes.get("dtype"), opt_str(attributes, "path") or ""
    if kind == "DISK" and path.startswith("/dev/zvol/"):
        return {"volume": path.removeprefix("/dev/zvol/")}
    if kind == "CDROM" and path.startswith("/mnt/"):
        return {"iso": path}
    if kind == "NIC" and attributes.get("nic_attach"):
        return {"nic": attributes["nic_attach"]}
    return {}
