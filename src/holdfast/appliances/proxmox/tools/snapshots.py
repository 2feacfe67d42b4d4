"""Snapshots of guests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import form_of, plain
from holdfast.appliances.proxmox.guests import Guest, find_guest
from holdfast.appliances.proxmox.identifiers import SnapshotName
from holdfast.appliances.proxmox.models.snapshots import Snapshot, SnapshotPage
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.appliances.proxmox.reading import made
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import opt_int, opt_str

Description = Annotated[str | None, Field(max_length=2000, description="Free text.")]


async def _snapshots(ctx: Ctx, guest: Guest) -> dict[str, JsonObject]:
    rows = await ctx.client.rows(*guest.path, "snapshot")
    return {plain(row.get("name")): row for row in rows}


async def _existing(ctx: Ctx, guest: Guest, name: str) -> tuple[JsonObject, dict[str, JsonObject]]:
    found = await _snapshots(ctx, guest)
    if name not in found or name == "current":
        raise NotFoundError(
            f"{guest.label} has no snapshot {name}.", next_step="proxmox_list_snapshots lists what it has."
        )
    return found[name], found


def _shown(row: JsonObject) -> JsonObject:
    return {
        "name": opt_str(row, "name"),
        "taken_at": opt_int(row, "snaptime", lenient=True),
        "description": (opt_str(row, "description") or "").rstrip("\n"),
    }


@tool(title="List snapshots", toolset="snapshots")
async def proxmox_list_snapshots(
    ctx: Ctx, *, guest: GuestRef, limit: Limit = 50, cursor: Cursor = None
) -> SnapshotPage:
    """Snapshots of a VM or container, oldest first, and which one its present state comes from."""
    found = await _snapshots(ctx, await find_guest(ctx.client, guest))
    current = found.pop("current", {})
    rows = sorted(found.values(), key=lambda row: (opt_int(row, "snaptime", lenient=True) or 0, plain(row.get("name"))))
    shown = page(SnapshotPage, rows, lambda row: made(Snapshot, row), limit, cursor)
    shown.current_parent = opt_str(current, "parent")
    return shown


@tool(title="Create snapshot", toolset="snapshots", risk=Risk.WRITE, idempotent=False)
async def proxmox_create_snapshot(
    ctx: Ctx,
    *,
    guest: GuestRef,
    name: SnapshotName,
    description: Description = None,
    with_memory: Annotated[bool, Field(description="Save a running VM's memory too: slow, large.")] = False,
) -> Change:
    """Take a snapshot of a VM or container, for example before an upgrade; proxmox_rollback_snapshot returns to it."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found, interrupts=with_memory)
    known = await _snapshots(ctx, found)
    if name in known:
        raise ConflictError(f"{found.label} has a snapshot {name} already.", next_step="Choose another name.")
    memory = with_memory if found.is_vm else None

    async def look() -> Seen:
        row = (await _snapshots(ctx, found)).get(name)
        whole = row is not None and not row.get("snapstate")
        return Seen(whole, _shown(row) if row else {}, partly=row is not None, new=True)

    return await change(
        ctx,
        Write(
            "POST",
            (*found.path, "snapshot"),
            form_of({"snapname": name, "description": description, "vmstate": memory}),
            tasks=frozenset({"qmsnapshot", "vzsnapshot"}),
            vmid=found.vmid,
            guest=found,
        ),
        summary=f"Take the snapshot {name} of {found.label}",
        before={},
        after={"name": name, "description": description or ""},
        look=look,
        undo=UndoCall(tool="proxmox_delete_snapshot", arguments={"guest": str(found.vmid), "name": name}),
        task_decides=True,
    )


@tool(title="Change snapshot description", toolset="snapshots", risk=Risk.WRITE, idempotent=True)
async def proxmox_describe_snapshot(
    ctx: Ctx,
    *,
    guest: GuestRef,
    name: SnapshotName,
    description: Annotated[str, Field(max_length=2000, description="New text; empty removes it.")],
) -> Change:
    """Change the description of a snapshot."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found, interrupts=False)
    row, _ = await _existing(ctx, found, name)
    before = _shown(row)

    async def look() -> Seen:
        seen = _shown((await _existing(ctx, found, name))[0])
        return Seen(seen["description"] == description.rstrip("\n"), seen)

    old = plain(before["description"])
    return await change(
        ctx,
        Write("PUT", (*found.path, "snapshot", name, "config"), {"description": description}, guest=found),
        summary=f"Describe the snapshot {name} of {found.label}",
        before=before,
        after={**before, "description": description},
        look=look,
        undo=UndoCall(
            tool="proxmox_describe_snapshot",
            arguments={"guest": str(found.vmid), "name": name, "description": old},
        ),
        nothing_to_do=old == description.rstrip("\n"),
    )


@tool(title="Roll back to snapshot", toolset="snapshots", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_rollback_snapshot(
    ctx: Ctx,
    *,
    guest: GuestRef,
    name: SnapshotName,
    start: Annotated[bool, Field(description="Start the guest afterwards.")] = False,
) -> Change:
    """Put a VM or container back to a snapshot. Everything since then is lost, also what is in memory."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found)
    row, known = await _existing(ctx, found, name)
    current = known.get("current", {})

    async def look() -> Seen:
        now = (await _snapshots(ctx, found)).get("current", {})
        return Seen(opt_str(now, "parent") == name, {"current_parent": opt_str(now, "parent")}, partly=None)

    return await change(
        ctx,
        Write(
            "POST",
            (*found.path, "snapshot", name, "rollback"),
            form_of({"start": start or None}),
            tasks=frozenset({"qmrollback", "vzrollback"}),
            vmid=found.vmid,
            guest=found,
        ),
        summary=f"Roll {found.label} back to the snapshot {name}",
        before={"current_parent": opt_str(current, "parent"), "taken_at": opt_int(row, "snaptime", lenient=True)},
        after={"current_parent": name},
        look=look,
        cannot_undo="The state before the rollback is gone; take a snapshot of it first.",
        warnings=[f"Everything in {found.label} since this snapshot is lost."],
        task_decides=True,
    )


@tool(title="Delete snapshot", toolset="snapshots", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_snapshot(ctx: Ctx, *, guest: GuestRef, name: SnapshotName) -> Change:
    """Delete a snapshot of a VM or container: the guest stays as it is, but cannot go back to it any more."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found, interrupts=False)
    row, known = await _existing(ctx, found, name)
    children = sorted(other for other, one in known.items() if one.get("parent") == name and other != "current")

    async def look() -> Seen:
        left = (await _snapshots(ctx, found)).get(name)
        if left is None:
            return Seen(True, {})
        return Seen(False, _shown(left), partly=left.get("snapstate") is not None)

    return await change(
        ctx,
        Write(
            "DELETE",
            (*found.path, "snapshot", name),
            tasks=frozenset({"qmdelsnapshot", "vzdelsnapshot"}),
            vmid=found.vmid,
            guest=found,
        ),
        summary=f"Delete the snapshot {name} of {found.label}",
        before=_shown(row),
        after={},
        look=look,
        cannot_undo="A deleted snapshot cannot be brought back.",
        blast_radius=[f"Later snapshots stay: {', '.join(children)}."] if children else [],
    )
