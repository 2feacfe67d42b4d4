"""Cloud sync and rsync tasks: created, changed, deleted; the credentials that tasks use."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Direction, ObjectRef, Schedule, Way
from holdfast.appliances.truenas.collections import again, beyond, create, delete, find, given, given_some, update
from holdfast.appliances.truenas.identifiers import SharePath
from holdfast.appliances.truenas.models.credentials import Bucket, BucketPage, Credential, CredentialPage
from holdfast.appliances.truenas.reading import made
from holdfast.appliances.truenas.tasks import CLOUD_SYNC, RSYNC, cron
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.change import Change
from holdfast.control.identifiers import HostOrIp, UserName
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject, JsonValue, as_objects

Described = Annotated[str, Field(min_length=1, max_length=120, description="What it is for; tells it from others.")]
TaskRef = Annotated[ObjectRef, Field(description="Description or id.")]
WayOrNot = Annotated[Direction | None, Field(description="From this system, or to it.")]
Mode = Annotated[
    Literal["COPY", "SYNC", "MOVE"],
    Field(description="COPY adds, SYNC also deletes at the destination, MOVE deletes at the source."),
]
Bucketed = Annotated[str | None, Field(max_length=255, pattern=r"^[A-Za-z0-9._/ -]*$", description="Bucket.")]
Folder = Annotated[str | None, Field(max_length=1023, pattern=r"^[^\x00-\x1f]*$", description="Folder in it.")]
Excludes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=255)]] | None,
    Field(max_length=64, description="Patterns of files to leave out."),
]
FromSnapshot = Annotated[bool | None, Field(description="Copy from a snapshot taken first; PUSH only.")]
Transfers = Annotated[int | None, Field(ge=1, le=64, description="Files at a time.")]
Enabled = Annotated[bool, Field(description="Runs by its schedule.")]
EnabledOrNot = Annotated[bool | None, Field(description="Runs by its schedule.")]
RemotePath = Annotated[str | None, Field(max_length=1023, pattern=r"^[^\x00-\x1f]*$", description="Path there.")]
Login = Annotated[str, Field(max_length=320, pattern=r"^[A-Za-z0-9_.@:\[\]-]+$", description="Host, or user@host.")]
CredentialId = Annotated[int | None, Field(ge=1, description="By its id in truenas_list_credentials.")]
DeleteExtra = Annotated[bool | None, Field(description="Delete what is not at the source.")]
Archive = Annotated[bool | None, Field(description="Keep links, owners, permissions, times.")]
Compress = Annotated[bool | None, Field(description="Compress on the way.")]
Account = Annotated[int, Field(ge=1, description="Cloud account by its id.")]
Port = Annotated[int | None, Field(ge=1, le=65535, description="Port there.")]
_CLOUD_DEFAULTS: Final[JsonObject] = {
    "pre_script": "",
    "post_script": "",
    "include": [],
    "args": "",
    "bwlimit": [],
    "encryption": False,
    "filename_encryption": False,
    "create_empty_src_dirs": False,
    "follow_symlinks": False,
}
_RSYNC_DEFAULTS: Final[JsonObject] = {
    "recursive": True,
    "times": True,
    "quiet": False,
    "preserveperm": False,
    "preserveattr": False,
    "delayupdates": True,
    "extra": [],
}


@tool(title="List credentials", toolset="transfers")
async def truenas_list_credentials(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> CredentialPage:
    """SSH connections and key pairs, and cloud accounts, that tasks use. Keys and secrets are not even asked for."""
    rows: list[JsonObject] = []
    ssh: list[JsonValue] = ["id", "name", "type"]
    ssh += [[f"attributes.{name}", name] for name in ("host", "port", "username")]
    for row in await ctx.client.query("keychaincredential.query", [], {"select": ssh, "order_by": ["id"]}):
        rows.append({**row, "kind": "ssh_key" if row.get("type") == "SSH_KEY_PAIR" else "ssh"})
    cloud: list[JsonValue] = ["id", "name", ["provider.type", "provider"], ["provider.endpoint", "endpoint"]]
    for row in await ctx.client.query("cloudsync.credentials.query", [], {"select": cloud, "order_by": ["id"]}):
        rows.append({**row, "kind": "cloud", "endpoint": row.get("endpoint") or None})
    return page(CredentialPage, rows, lambda row: made(Credential, row), limit, cursor)


@tool(title="List buckets", toolset="transfers")
async def truenas_list_buckets(
    ctx: Ctx,
    *,
    account: Account,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> BucketPage:
    """Buckets of a cloud account; TrueNAS asks the provider."""
    rows = as_objects(await ctx.client.call("cloudsync.list_buckets", account), "cloudsync.list_buckets")
    return page(BucketPage, rows, lambda row: made(Bucket, row), limit, cursor)


def _deletes(mode: str | None) -> list[str]:
    if mode not in ("SYNC", "MOVE"):
        return []
    return [f"The mode is {mode}: runs delete files at the {'source' if mode == 'MOVE' else 'destination'}."]


@tool(title="Create cloud sync task", toolset="transfers", risk=Risk.WRITE, idempotent=False)
async def truenas_create_cloud_sync(
    ctx: Ctx,
    *,
    description: Described,
    path: SharePath,
    account: Account,
    bucket: Bucketed = None,
    folder: Folder = "",
    direction: Way = "PUSH",
    transfer_mode: Mode = "COPY",
    schedule: Schedule = "0 0 * * *",
    exclude: Excludes = None,
    snapshot: FromSnapshot = None,
    transfers: Transfers = None,
    enabled: Enabled = True,
) -> Change:
    """Make a task that copies a folder to or from the cloud. Test it with truenas_run_cloud_sync test_only=true."""
    values = given(
        description=description,
        path=path,
        credentials=account,
        attributes=given(bucket=bucket, folder=folder),
        direction=direction,
        transfer_mode=transfer_mode,
        schedule=cron(schedule),
        exclude=list(exclude) if exclude else None,
        snapshot=snapshot,
        transfers=transfers,
        enabled=enabled,
    )
    return await create(ctx, CLOUD_SYNC, values, warnings=_deletes(transfer_mode))


@tool(title="Change cloud sync task", toolset="transfers", risk=Risk.WRITE, idempotent=True)
async def truenas_update_cloud_sync(
    ctx: Ctx,
    *,
    task: TaskRef,
    description: Described | None = None,
    path: SharePath | None = None,
    account: CredentialId = None,
    bucket: Bucketed = None,
    folder: Folder = None,
    direction: WayOrNot = None,
    transfer_mode: Mode | None = None,
    schedule: Schedule | None = None,
    exclude: Excludes = None,
    snapshot: FromSnapshot = None,
    transfers: Transfers = None,
    enabled: EnabledOrNot = None,
) -> Change:
    """Change a cloud sync task. What is not given stays."""
    row = await find(ctx, CLOUD_SYNC, task)
    place = given(bucket=bucket, folder=folder)
    held = row.get("attributes")
    values = given_some(
        description=description,
        path=path,
        credentials=account,
        # The attributes are replaced as a whole: what is not given is sent as it is.
        attributes={**(held if isinstance(held, dict) else {}), **place} if place else None,
        direction=direction,
        transfer_mode=transfer_mode,
        schedule=cron(schedule),
        exclude=list(exclude) if exclude is not None else None,
        snapshot=snapshot,
        transfers=transfers,
        enabled=enabled,
    )
    moves = bool({"path", "attributes", "direction", "transfer_mode"} & set(values))
    mode = transfer_mode or str(row.get("transfer_mode"))
    return await update(ctx, CLOUD_SYNC, row, values, warnings=_deletes(mode) if moves else [])


@tool(title="Delete cloud sync task", toolset="transfers", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_cloud_sync(ctx: Ctx, *, task: TaskRef) -> Change:
    """Stop copying to or from the cloud. What was copied stays."""
    row = await find(ctx, CLOUD_SYNC, task)
    held = row.get("attributes")
    more = sorted(set(held) - {"bucket", "folder"}) if isinstance(held, dict) else []
    odd = beyond(row, _CLOUD_DEFAULTS) or (f"{', '.join(more)} cannot be given to the create tool." if more else None)
    if odd or not row.get("description"):
        return await delete(ctx, CLOUD_SYNC, row, cannot_undo=odd or "The create tool needs a description.")
    return await delete(ctx, CLOUD_SYNC, row, recreate=again(CLOUD_SYNC, *CLOUD_SYNC.shown))


@tool(title="Create rsync task", toolset="transfers", risk=Risk.WRITE, idempotent=False)
async def truenas_create_rsync(
    ctx: Ctx,
    *,
    description: Described,
    path: SharePath,
    user: Annotated[UserName, Field(description="Local user that it runs as.")],
    mode: Annotated[Literal["SSH", "MODULE"], Field(description="By SSH, or to an rsync daemon.")] = "SSH",
    host: Login | None = None,
    port: Port = None,
    module: Annotated[HostOrIp | None, Field(description="Module of the rsync daemon.")] = None,
    remote_path: RemotePath = None,
    ssh_connection: CredentialId = None,
    direction: Way = "PUSH",
    schedule: Schedule = "0 0 * * *",
    delete_extra: DeleteExtra = None,
    archive: Archive = None,
    compress: Compress = None,
    check_remote: Annotated[bool, Field(description="TrueNAS first looks whether the path there exists.")] = True,
    enabled: Enabled = True,
) -> Change:
    """Make a task that copies a folder to or from another host by rsync."""
    if mode == "MODULE" and not (host and module):
        raise InputError("MODULE needs host and module.")
    if mode == "SSH" and not (host or ssh_connection):
        raise InputError("SSH needs host, or ssh_connection.", next_step="truenas_list_credentials lists them.")
    values = given(
        desc=description,
        path=path,
        user=user,
        mode=mode,
        remotehost=host,
        remoteport=port,
        remotemodule=module,
        remotepath=remote_path,
        ssh_credentials=ssh_connection,
        direction=direction,
        schedule=cron(schedule),
        delete=delete_extra,
        archive=archive,
        compress=compress,
        enabled=enabled,
        validate_rpath=None if check_remote else False,
    )
    return await create(ctx, RSYNC, values, warnings=_extra(delete_extra))


def _extra(deletes: bool | None) -> list[str]:
    return ["Runs delete files at the destination that are not at the source."] if deletes else []


@tool(title="Change rsync task", toolset="transfers", risk=Risk.WRITE, idempotent=True)
async def truenas_update_rsync(
    ctx: Ctx,
    *,
    task: TaskRef,
    description: Described | None = None,
    path: SharePath | None = None,
    user: Annotated[UserName | None, Field(description="Local user that it runs as.")] = None,
    host: Login | None = None,
    port: Port = None,
    remote_path: RemotePath = None,
    direction: WayOrNot = None,
    schedule: Schedule | None = None,
    delete_extra: DeleteExtra = None,
    archive: Archive = None,
    compress: Compress = None,
    enabled: EnabledOrNot = None,
) -> Change:
    """Change an rsync task. What is not given stays."""
    row = await find(ctx, RSYNC, task)
    values = given_some(
        desc=description,
        path=path,
        user=user,
        remotehost=host,
        remoteport=port,
        remotepath=remote_path,
        direction=direction,
        schedule=cron(schedule),
        delete=delete_extra,
        archive=archive,
        compress=compress,
        enabled=enabled,
    )
    return await update(ctx, RSYNC, row, values, warnings=_extra(delete_extra))


@tool(title="Delete rsync task", toolset="transfers", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_rsync(ctx: Ctx, *, task: TaskRef) -> Change:
    """Stop copying by rsync. What was copied stays."""
    row = await find(ctx, RSYNC, task)
    odd = beyond(row, _RSYNC_DEFAULTS)
    if odd or not row.get("desc"):
        return await delete(ctx, RSYNC, row, cannot_undo=odd or "The create tool needs a description.")
    return await delete(ctx, RSYNC, row, recreate=again(RSYNC, *RSYNC.shown))
