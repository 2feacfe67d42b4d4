"""Backups: running, restoring, pruning, and the jobs that do it on schedule (contract 15.9)."""

from __future__ import annotations

from typing import Final

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import Given, form_of, plain
from holdfast.appliances.proxmox.guests import Guest, current_state, find_guest, known_node
from holdfast.appliances.proxmox.newguests import plan_new_guest
from holdfast.appliances.proxmox.objects import Arg, Kind
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.appliances.proxmox.reading import by
from holdfast.appliances.proxmox.storages import content_of, kind_of_backup, node_of, vmid_of_backup
from holdfast.appliances.proxmox.visibility import absent
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError
from holdfast.transport.values import opt_int

JOB: Final = Kind(
    noun="backup job",
    collection=("cluster", "backup"),
    key="id",
    argument="job",
    args={
        "schedule": Arg("schedule"),
        "storage": Arg("storage"),
        "vmids": Arg("vmid", "ids"),
        "all": Arg("all", "bool"),
        "pool": Arg("pool"),
        "exclude": Arg("exclude", "ids"),
        "mode": Arg("mode"),
        "compress": Arg("compress"),
        "keep": Arg("prune-backups", "properties"),
        "enabled": Arg("enabled", "bool", default=True),
        "comment": Arg("comment"),
    },
    tools=("proxmox_create_backup_job", "proxmox_update_backup_job", "proxmox_delete_backup_job"),
    digest=False,
    derived=frozenset({"next-run", "type"}),
)


async def plan_backup(
    ctx: Ctx, guest: Guest, storage: str, mode: str, *, compress: str, notes: str | None, protected: bool
) -> Change:
    """Back a guest up, on the node where it is: elsewhere Proxmox answers OK and does nothing (contract 7).

    Raises:
        RefusedError: It would interrupt the guest that Holdfast runs in.
    """
    await node_of(ctx.client, storage, guest.node)
    running = (await current_state(ctx.client, guest)).get("status") == "running"
    if mode != "snapshot" and running:
        await guard_guest(ctx, guest)
    known = await _backups(ctx.client, guest, storage)

    async def look() -> Seen:
        new = sorted(set(await _backups(ctx.client, guest, storage)) - set(known))
        # A backup that interrupts its guest may fail and leave it so.
        interrupts = mode != "snapshot" and running
        return Seen(bool(new), {"backups": [*new]}, partly=None if interrupts else False, new=True)

    return await change(
        ctx,
        Write(
            "POST",
            ("nodes", guest.node, "vzdump"),
            form_of(
                {
                    "vmid": guest.vmid,
                    "storage": storage,
                    "mode": mode,
                    "compress": compress,
                    "notes-template": notes,
                    "protected": protected or None,
                    "remove": False,
                }
            ),
            tasks=frozenset({"vzdump"}),
            vmid=guest.vmid,
        ),
        summary=f"Back {guest.label} up to {storage}",
        before={},
        after={"storage": storage},
        look=look,
        cannot_undo="A backup takes nothing back; the new volume can be deleted with proxmox_delete_volume.",
        warnings=[f"The guest is interrupted (mode {mode})."] if mode != "snapshot" and running else [],
        destructive=mode != "snapshot" and running,
        task_decides=True,
    )


async def _backups(client: AsyncProxmoxClient, guest: Guest, storage: str) -> list[str]:
    rows = await content_of(client, guest.node, storage, content="backup", vmid=guest.vmid)
    return [plain(row.get("volid")) for row in rows]


async def plan_restore(
    ctx: Ctx,
    backup: str,
    node: str,
    vmid: int | None,
    *,
    storage: str | None,
    overwrite: bool,
    unique: bool,
    start: bool,
) -> Change:
    """Restore a backup.

    Raises:
        NotFoundError: There is no such backup on a storage of the node.
        ConflictError: The id is in use, or the guest that would be replaced runs.
    """
    await known_node(ctx.client, node)
    kind = kind_of_backup(backup)
    place = backup.partition(":")[0]
    await node_of(ctx.client, place, node)
    rows = await content_of(ctx.client, node, place, content="backup")
    row = next((row for row in rows if row.get("volid") == backup), None)
    if row is None:
        step = "proxmox_list_backups lists them."
        raise await absent(
            ctx.client, f"backup {backup} on {node}", step, "Datastore.Allocate", "/", "/storage", f"/storage/{place}"
        )
    archive: dict[str, Given] = {"archive": backup} if kind == "qemu" else {"ostemplate": backup, "restore": True}
    given: dict[str, Given] = {**archive, "storage": storage, "unique": unique or None, "start": start or None}
    task = frozenset({"qmrestore" if kind == "qemu" else "vzrestore"})

    def write(number: int) -> Write:
        form = form_of({"vmid": number, **given, "force": overwrite or None})
        return Write("POST", ("nodes", node, kind), form, tasks=task, vmid=number)

    taken_at = opt_int(row, "ctime", lenient=True)
    if not overwrite or vmid is None:
        return await plan_new_guest(
            ctx,
            vmid=vmid,
            name=None,
            node=node,
            summary=f"Restore {backup} as guest {{}} on {node}",
            write=write,
            after={"from": backup, "taken_at": taken_at, "of": vmid_of_backup(backup)},
        )
    guest = await find_guest(ctx.client, str(vmid))
    await guard_guest(ctx, guest)
    if guest.kind != kind or guest.node != node:
        raise ConflictError(f"{guest.label} is not what this backup replaces there.", next_step="Check node and vmid.")
    if (await current_state(ctx.client, guest)).get("status") != "stopped":
        raise ConflictError(f"{guest.label} is running.", next_step="Shut it down first.")

    async def look() -> Seen:
        return Seen(None, {"vmid": vmid})

    return await change(
        ctx,
        write(vmid),
        summary=f"Restore {backup} over {guest.label}",
        before={"guest": guest.vmid, "name": guest.name, "node": guest.node},
        after={"from": backup, "taken_at": taken_at},
        look=look,
        cannot_undo="The present disks are destroyed; back the guest up first.",
        blast_radius=[f"The disks of {guest.label} are replaced."],
        task_decides=True,
    )


async def prune_marks(
    client: AsyncProxmoxClient, node: str, storage: str, keep: str, vmid: int | None
) -> list[JsonObject]:
    """What a prune would do to each backup."""
    query = form_of({"prune-backups": keep, "vmid": vmid})
    rows = await client.rows("nodes", node, "storage", storage, "prunebackups", query=query)
    return sorted(rows, key=by("vmid", "ctime", "volid"))


async def plan_prune(ctx: Ctx, node: str, storage: str, keep: str, vmid: int | None) -> Change:
    """Remove what a retention does not keep."""
    rows = await prune_marks(ctx.client, node, storage, keep, vmid)
    doomed = [plain(row.get("volid")) for row in rows if row.get("mark") == "remove"]
    kept = sum(row.get("mark") != "remove" for row in rows)

    async def look() -> Seen:
        left = {plain(row.get("volid")) for row in await content_of(ctx.client, node, storage, content="backup")}
        still = sorted(left & set(doomed))
        return Seen(not still, {"remove": [*still], "kept": kept}, partly=len(still) < len(doomed))

    return await change(
        ctx,
        Write(
            "DELETE",
            ("nodes", node, "storage", storage, "prunebackups"),
            form_of({"prune-backups": keep, "vmid": vmid}),
            tasks=frozenset({"prunebackups"}),
        ),
        summary=f"Remove {len(doomed)} backups from {storage}, keeping {kept}",
        before={"remove": [*doomed], "kept": kept},
        after={"remove": [], "kept": kept},
        look=look,
        cannot_undo="Removed backups cannot be brought back.",
        blast_radius=[f"Removes {volid}." for volid in doomed[:20]],
        nothing_to_do=not doomed,
    )
