"""Backups: jobs, runs, restore, prune."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment, GuestRef, Node
from holdfast.appliances.proxmox.backups import JOB, plan_backup, plan_prune, plan_restore, prune_marks
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.guests import find_guest
from holdfast.appliances.proxmox.identifiers import PoolId, StorageId, Vmid, VolumeId
from holdfast.appliances.proxmox.models.storage import (
    BackupJob,
    BackupJobPage,
    PruneMark,
    PrunePage,
    UnprotectedGuest,
    UnprotectedPage,
    VolumePage,
)
from holdfast.appliances.proxmox.objects import create, delete, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.storages import content_of, node_of
from holdfast.appliances.proxmox.tools.storage import OnNode, Storage, volume_page
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError

JobId = Annotated[
    str,
    Grammar("job id", r"[A-Za-z][A-Za-z0-9_-]+", 50, "backup job id", ("nightly", "backup-4f2a91c0-7d1e")),
]
Keep = Annotated[
    str,
    Grammar(
        "retention",
        r"(?:keep-all=1|keep-(?:last|hourly|daily|weekly|monthly|yearly)=[0-9]{1,5}"
        r"(?:,keep-(?:last|hourly|daily|weekly|monthly|yearly)=[0-9]{1,5}){0,5})",
        200,
        "retention: keep-last=3,keep-weekly=4",
        ("keep-last=3", "keep-daily=7,keep-weekly=4"),
    ),
]
Schedule = Annotated[
    str,
    Grammar(
        "schedule",
        r"[A-Za-z0-9*/:., -]*[A-Za-z0-9*/]",
        128,
        "calendar event: 02:30, mon..fri 22:00",
        ("02:30", "*/6:00"),
    ),
]
Mode = Literal["snapshot", "suspend", "stop"]
Compress = Literal["zstd", "gzip", "lzo", "0"]
Vmids = Annotated[list[Vmid], Field(min_length=1, max_length=500, description="Guests, by id.")]
JobField = Literal["comment", "exclude", "keep", "pool", "vmids", "all", "compress", "mode"]
_RETENTION: Final = "Which backups stay."


@tool(title="List backup jobs", toolset="backup")
async def proxmox_list_backup_jobs(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> BackupJobPage:
    """Scheduled backup jobs: what, when next, where to, how long kept."""
    rows = await ctx.client.rows("cluster", "backup")
    return page(BackupJobPage, sorted(rows, key=by("id")), lambda row: made(BackupJob, row), limit, cursor)


@tool(title="Guests without backup", toolset="backup")
async def proxmox_list_unprotected_guests(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> UnprotectedPage:
    """Guests that no backup job covers."""
    rows = await ctx.client.rows("cluster", "backup-info", "not-backed-up")
    return page(UnprotectedPage, sorted(rows, key=by("vmid")), lambda row: made(UnprotectedGuest, row), limit, cursor)


@tool(title="List backups", toolset="backup")
async def proxmox_list_backups(
    ctx: Ctx,
    *,
    storage: Storage,
    node: OnNode = None,
    vmid: Annotated[Vmid | None, Field(description="Only of this guest.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> VolumePage:
    """Backups on a storage, newest first, with size, notes, protection and verification."""
    where = await node_of(ctx.client, storage, node)
    rows = await content_of(ctx.client, where, storage, content="backup", vmid=vmid)
    rows.sort(key=by("ctime", "volid"), reverse=True)
    return await volume_page(ctx, storage, rows, limit, cursor)


@tool(title="Run backup", toolset="backup", risk=Risk.WRITE, idempotent=False)
async def proxmox_run_backup(
    ctx: Ctx,
    *,
    guest: GuestRef,
    storage: Storage,
    mode: Annotated[Mode, Field(description="snapshot: keeps running; suspend and stop interrupt it.")] = "snapshot",
    compress: Annotated[Compress, Field(description="Compression; 0: none.")] = "zstd",
    notes: Annotated[str | None, Field(max_length=500, description="Notes kept with it.")] = None,
    protected: Annotated[bool, Field(description="Never pruned.")] = False,
) -> Change:
    """Back one VM or container up now. It takes a while: wait with proxmox_wait_task if it is still running."""
    found = await find_guest(ctx.client, guest)
    return await plan_backup(ctx, found, storage, mode, compress=compress, notes=notes, protected=protected)


@tool(title="Restore backup", toolset="backup", risk=Risk.DESTRUCTIVE, idempotent=False)
async def proxmox_restore_backup(
    ctx: Ctx,
    *,
    backup: Annotated[VolumeId, Field(description="Volume id of the backup.")],
    node: Node,
    vmid: Annotated[Vmid | None, Field(description="Id of the restored guest; a free one when left out.")] = None,
    storage: Annotated[StorageId | None, Field(description="Storage of its disks; as before when left out.")] = None,
    overwrite: Annotated[bool, Field(description="Replace the guest that has this id now.")] = False,
    unique: Annotated[bool, Field(description="New network addresses, for a copy beside the original.")] = False,
    start: Annotated[bool, Field(description="Start it afterwards.")] = False,
) -> Change:
    """Restore a VM or container from a backup, as a new guest or over the present one."""
    if overwrite and vmid is None:
        raise InputError("To replace a guest its vmid is needed.")
    return await plan_restore(ctx, backup, node, vmid, storage=storage, overwrite=overwrite, unique=unique, start=start)


@tool(title="Preview prune", toolset="backup")
async def proxmox_preview_prune(
    ctx: Ctx,
    *,
    storage: Storage,
    keep: Annotated[Keep, Field(description=_RETENTION)],
    vmid: Annotated[Vmid | None, Field(description="Only this guest's.")] = None,
    node: OnNode = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PrunePage:
    """Show which backups a retention would remove, without removing any."""
    where = await node_of(ctx.client, storage, node)
    rows = await prune_marks(ctx.client, where, storage, keep, vmid)
    shown = page(PrunePage, rows, lambda row: made(PruneMark, row), limit, cursor)
    shown.would_remove = sum(row.get("mark") == "remove" for row in rows)
    return shown


@tool(title="Prune backups", toolset="backup", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_prune_backups(
    ctx: Ctx,
    *,
    storage: Storage,
    keep: Annotated[Keep, Field(description=_RETENTION)],
    vmid: Annotated[Vmid | None, Field(description="Only this guest's.")] = None,
    node: OnNode = None,
) -> Change:
    """Remove backups that a retention does not keep; protected ones stay. proxmox_preview_prune shows which."""
    where = await node_of(ctx.client, storage, node)
    return await plan_prune(ctx, where, storage, keep, vmid)


@tool(title="Create backup job", toolset="backup", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_backup_job(
    ctx: Ctx,
    *,
    job: JobId,
    schedule: Schedule,
    storage: Storage,
    vmids: Annotated[Vmids | None, Field(description="Guests, by id.")] = None,
    all: Annotated[bool | None, Field(description="All guests but exclude.")] = None,  # noqa: A002 - the API's word
    pool: Annotated[PoolId | None, Field(description="Guests of this pool.")] = None,
    exclude: Annotated[Vmids | None, Field(description="With all: not these.")] = None,
    mode: Annotated[Mode | None, Field(description="How running guests are backed up.")] = None,
    compress: Annotated[Compress | None, Field(description="Compression.")] = None,
    keep: Annotated[Keep | None, Field(description=_RETENTION)] = None,
    enabled: Annotated[bool | None, Field(description="Whether it runs.")] = None,
    comment: Comment = None,
) -> Change:
    """Make a backup job. Give exactly one of vmids, all and pool: an empty choice never means everything."""
    if sum((vmids is not None, bool(all), pool is not None)) != 1:
        raise InputError("Give exactly one of vmids, all=true and pool.")
    given = {
        "schedule": schedule,
        "storage": storage,
        "vmids": vmids,
        "all": all,
        "pool": pool,
        "exclude": exclude,
        "mode": mode,
        "compress": compress,
        "keep": keep,
        "enabled": enabled,
        "comment": comment,
    }
    return await create(ctx, JOB, job, given)


@tool(title="Change backup job", toolset="backup", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_backup_job(
    ctx: Ctx,
    *,
    job: JobId,
    schedule: Annotated[Schedule | None, Field(description="When.")] = None,
    storage: Annotated[StorageId | None, Field(description="Where to.")] = None,
    vmids: Annotated[Vmids | None, Field(description="Guests, by id.")] = None,
    all: Annotated[bool | None, Field(description="All guests but exclude.")] = None,  # noqa: A002 - the API's word
    pool: Annotated[PoolId | None, Field(description="Guests of this pool.")] = None,
    exclude: Annotated[Vmids | None, Field(description="With all: not these.")] = None,
    mode: Annotated[Mode | None, Field(description="How running guests are backed up.")] = None,
    compress: Annotated[Compress | None, Field(description="Compression.")] = None,
    keep: Annotated[Keep | None, Field(description=_RETENTION)] = None,
    enabled: Annotated[bool | None, Field(description="Whether it runs.")] = None,
    comment: Comment = None,
    unset: Annotated[list[JobField] | None, Field(description="Back to the default.")] = None,
) -> Change:
    """Change a backup job; what is not given stays."""
    given = {
        "schedule": schedule,
        "storage": storage,
        "vmids": vmids,
        "all": all,
        "pool": pool,
        "exclude": exclude,
        "mode": mode,
        "compress": compress,
        "keep": keep,
        "enabled": enabled,
        "comment": comment,
    }
    return await update(ctx, JOB, job, given, unset)


@tool(title="Delete backup job", toolset="backup", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_backup_job(ctx: Ctx, *, job: JobId) -> Change:
    """Delete a backup job; its backups stay."""
    return await delete(ctx, JOB, job, warnings=["Its guests are no longer backed up by it."])
