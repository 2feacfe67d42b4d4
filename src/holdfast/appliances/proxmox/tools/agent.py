"""What the QEMU guest agent tells. Each call of it holds a worker of the node: they are made one after the other."""

from __future__ import annotations

from holdfast.appliances.proxmox.arguments import GuestRef
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.guests import Guest, find_guest, find_vm
from holdfast.appliances.proxmox.models.agent import (
    AgentPing,
    FileSystem,
    FileSystems,
    GuestInterface,
    GuestInterfaces,
)
from holdfast.appliances.proxmox.reading import by, made
from holdfast.control.spec import tool
from holdfast.errors import ApplianceError, UnavailableError
from holdfast.transport.values import JsonObject, JsonValue, as_objects, get, opt_objects, opt_str


async def _ask(ctx: Ctx, guest: Guest, word: str) -> JsonValue:
    return get(await ctx.client.object(*guest.path, "agent", word), "result")


@tool(title="Ping guest agent", toolset="agent")
async def proxmox_agent_ping(ctx: Ctx, *, guest: GuestRef) -> AgentPing:
    """Whether the guest agent of a VM answers, and the operating system that it reports."""
    found = await find_vm(ctx.client, guest, fresh=False)
    try:
        answer = await _ask(ctx, found, "get-osinfo")
    except UnavailableError as error:
        if error.status != 500:
            raise
        return AgentPing(guest=found.label, responds=False, notes=[f"{error.message} {error.next_step or ''}".strip()])
    told = answer if isinstance(answer, dict) else {}
    notes: list[str] = []
    hostname = None
    try:
        name = await _ask(ctx, found, "get-host-name")
        hostname = plain(name.get("host-name")) if isinstance(name, dict) else None
    except ApplianceError as error:
        notes.append(f"Its host name cannot be read: {error.message}")
    return AgentPing(
        guest=found.label,
        responds=True,
        os_name=opt_str(told, "pretty-name") or opt_str(told, "name"),
        os_version=opt_str(told, "version"),
        kernel=opt_str(told, "kernel-release"),
        hostname=hostname,
        notes=notes or None,
    )


@tool(title="Guest networks", toolset="agent")
async def proxmox_guest_networks(ctx: Ctx, *, guest: GuestRef) -> GuestInterfaces:
    """Network interfaces and addresses inside a running VM (needs its agent) or container."""
    found = await find_guest(ctx.client, guest, fresh=False)
    if found.is_vm:
        rows = as_objects(await _ask(ctx, found, "network-get-interfaces"), "interfaces")
    else:
        answer = await ctx.client.get(*found.path, "interfaces")
        # A stopped container answers null (contract 12).
        rows = as_objects(answer, "interfaces") if answer is not None else []
    notes = ["The container is stopped."] if not rows and not found.is_vm else None
    return GuestInterfaces(
        guest=found.label, interfaces=[_interface(row) for row in sorted(rows, key=by("name"))], notes=notes
    )


def _interface(row: JsonObject) -> GuestInterface:
    listed = opt_objects(row, "ip-addresses") or []
    addresses = [
        f"{plain(address.get('ip-address'))}/{plain(address.get('prefix'))}".rstrip("/")
        for address in listed
        if address.get("ip-address")
    ]
    addresses = addresses or [plain(row[key]) for key in ("inet", "inet6") if row.get(key)]
    return made(GuestInterface, row, addresses=addresses)


@tool(title="Guest file systems", toolset="agent")
async def proxmox_guest_filesystems(ctx: Ctx, *, guest: GuestRef) -> FileSystems:
    """File systems inside a running VM and how full they are. Needs the guest agent."""
    found = await find_vm(ctx.client, guest, fresh=False)
    rows = as_objects(await _ask(ctx, found, "get-fsinfo"), "file systems")
    return FileSystems(
        guest=found.label, filesystems=[made(FileSystem, row) for row in sorted(rows, key=by("mountpoint"))]
    )
