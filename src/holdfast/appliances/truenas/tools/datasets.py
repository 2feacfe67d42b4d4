"""Datasets: created, changed, deleted, limited, locked and unlocked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Comment, Size
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import given, given_some
from holdfast.appliances.truenas.identifiers import DatasetPath
from holdfast.appliances.truenas.outcomes import failed_parts
from holdfast.appliances.truenas.snapshots import dataset_row
from holdfast.appliances.truenas.writes import Ctx, Look, Seen, Verdict, call, job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.identifiers import UserName
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError, NotFoundError
from holdfast.transport.values import JsonValue, as_int, as_objects

Compression = Annotated[
    Literal["OFF", "LZ4", "ZSTD", "ZSTD-3", "ZSTD-9", "GZIP", "ZLE", "INHERIT"] | None,
    Field(description="Compression."),
]
RecordSize = Annotated[
    Literal["4K", "8K", "16K", "32K", "64K", "128K", "256K", "512K", "1M", "INHERIT"] | None,
    Field(description="Largest block of files."),
]
Sync = Annotated[Literal["STANDARD", "ALWAYS", "DISABLED", "INHERIT"] | None, Field(description="Synchronous writes.")]
OnOff = Annotated[Literal["ON", "OFF", "INHERIT"] | None, Field(description="ON, OFF or as above.")]
_INHERITABLE = ("compression", "recordsize", "sync", "atime", "readonly")


@tool(title="Create dataset", toolset="datasets", risk=Risk.WRITE, idempotent=False)
async def truenas_create_dataset(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    volume_bytes: Annotated[int | None, Field(ge=2**20, le=2**62, description="Makes a volume of this size.")] = None,
    sparse: Annotated[bool, Field(description="Volume: reserve no space.")] = False,
    share_type: Annotated[
        Literal["GENERIC", "SMB", "NFS", "MULTIPROTOCOL", "APPS"] | None, Field(description="What it will serve.")
    ] = None,
    quota: Size = None,
    compression: Compression = None,
    recordsize: RecordSize = None,
    comments: Comment = None,
) -> Change:
    """Create a file system, or with volume_bytes a volume (zvol). Its parent must exist. Quota at least 1 GiB."""
    parent = dataset.rpartition("/")[0]
    if not parent:
        raise InputError("A dataset lies within a pool.", next_step="Say pool/name.")
    if volume_bytes is not None and (share_type or quota or recordsize):
        raise InputError("share_type, quota and recordsize are for file systems, not for volumes.")
    above = await dataset_row(ctx, parent)
    if above.get("locked"):
        raise ConflictError(f"{parent} is locked.", next_step="Unlock it first with truenas_unlock_dataset.")
    if await _there(ctx, dataset):
        raise ConflictError(f"The dataset {dataset} exists already.", next_step="Choose another name, or change it.")
    values: JsonObject = {"name": dataset, "type": "VOLUME" if volume_bytes is not None else "FILESYSTEM"}
    values |= given(
        volsize=volume_bytes,
        sparse=True if sparse else None,
        share_type=share_type,
        quota=quota or None,
        compression=compression,
        recordsize=recordsize,
        comments=comments,
    )
    after: JsonObject = {"id": dataset, "type": values["type"], **given(volsize=volume_bytes, quota=quota or None)}

    async def look() -> Seen:
        row = await _there(ctx, dataset)
        if row is None:
            return Seen(False, {})
        return Seen(True, {name: row.get(name) for name in after})

    return await change(
        ctx,
        call("pool.dataset.create", values),
        summary=f"Create the {'volume' if volume_bytes is not None else 'file system'} {dataset}",
        before={},
        after=after,
        look=look,
        undo=UndoCall(tool="truenas_delete_dataset", arguments={"dataset": dataset}),
    )


async def _there(ctx: Ctx, dataset: str) -> JsonObject | None:
    try:
        return await dataset_row(ctx, dataset)
    except NotFoundError:
        return None


@tool(title="Change dataset", toolset="datasets", risk=Risk.WRITE, idempotent=True)
async def truenas_update_dataset(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    volume_bytes: Annotated[int | None, Field(ge=2**20, le=2**62, description="New size of a volume.")] = None,
    quota: Annotated[int | None, Field(ge=0, le=2**62, description="With what is below; bytes, 0: none.")] = None,
    refquota: Annotated[int | None, Field(ge=0, le=2**62, description="Without what is below; bytes, 0: none.")] = None,
    compression: Compression = None,
    recordsize: RecordSize = None,
    sync: Sync = None,
    atime: OnOff = None,
    readonly: OnOff = None,
    comments: Comment = None,
) -> Change:
    """Change properties of a dataset. What is not given stays. A volume can only grow."""
    row = await dataset_row(ctx, dataset)
    values = given_some(
        volsize=volume_bytes,
        quota=quota,
        refquota=refquota,
        compression=compression,
        recordsize=recordsize,
        sync=sync,
        atime=atime,
        readonly=readonly,
        comments=comments,
    )
    size = row.get("volsize")
    if volume_bytes is not None and isinstance(size, int) and volume_bytes < size:
        raise ConflictError(
            f"{dataset} has {size} bytes; TrueNAS does not make volumes smaller.",
            next_step="Give a larger size, or make another volume and copy.",
        )
    before = {name: _current(row, name) for name in values}
    grows = volume_bytes is not None and volume_bytes != size
    arguments: JsonObject = {"dataset": dataset, **{name: value for name, value in before.items() if value is not None}}

    async def look() -> Seen:
        now = await dataset_row(ctx, dataset)
        state = {name: _current(now, name) for name in values}
        return Seen(state == values, state)

    return await change(
        ctx,
        call("pool.dataset.update", dataset, values),
        summary=f"Change {', '.join(values)} of {dataset}",
        before=before,
        after=values,
        look=look,
        undo=None if grows else UndoCall(tool="truenas_update_dataset", arguments=arguments),
        cannot_undo="A volume that has grown cannot be made smaller." if grows else None,
        nothing_to_do=before == values,
        warnings=["Services that write there will fail."] if readonly == "ON" else [],
    )


def _current(row: JsonObject, name: str) -> JsonValue:
    """A property as the tool takes it: INHERIT where it is not set on the dataset itself."""
    value = row.get(name)
    if name in _INHERITABLE:
        return value if row.get(f"{name}_source") == "LOCAL" else "INHERIT"
    if name in ("quota", "refquota"):
        return value or 0
    return value if value is not None else ("" if name == "comments" else None)


@tool(title="Delete dataset", toolset="datasets", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_dataset(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    recursive: Annotated[bool, Field(description="With all datasets and snapshots below.")] = False,
) -> Change:
    """Destroy a dataset with all its data and snapshots. The plan tells the shares and tasks that use it."""
    row = await dataset_row(ctx, dataset)
    if "/" not in dataset:
        raise InputError("The dataset of a pool itself is not deleted.")
    below = _below(row)
    if below and not recursive:
        raise ConflictError(f"{dataset} has {below} datasets below.", next_step="Say recursive=true.")
    users, snapshots = await _inside(ctx, dataset)

    async def look() -> Seen:
        now = await _there(ctx, dataset)
        if now is None:
            return Seen(True, {})
        left, more = await _inside(ctx, dataset)  # shares go first, then what is below
        return Seen(False, {"id": dataset, "snapshots": more, "below": _below(now), "used_by": len(left)})

    return await change(
        ctx,
        call("pool.dataset.delete", dataset, {"recursive": recursive, "force": False}, slow=True),
        summary=f"Destroy the dataset {dataset} with all its data",
        before={
            "id": dataset,
            "used_bytes": row.get("used_bytes"),
            "snapshots": snapshots,
            "below": below,
            "used_by": len(users),
        },
        after={},
        look=look,
        cannot_undo="Destroyed data cannot be brought back.",
        blast_radius=[
            *([f"Destroys {below} datasets below."] if below else []),
            *([f"Destroys {snapshots} snapshots."] if snapshots else []),
            *(f"{user.get('type')}: {_names(user.get('attachments'))}." for user in users),
        ],
    )


def _below(row: JsonObject) -> int:
    """How many datasets are below one, on all levels."""
    children = row.get("children")
    found = [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []
    return len(found) + sum(map(_below, found))


async def _inside(ctx: Ctx, dataset: str) -> tuple[list[JsonObject], int]:
    """What uses a dataset, and how many snapshots it has."""
    users = as_objects(await ctx.client.call("pool.dataset.attachments", dataset), "attachments")
    return users, as_int(await ctx.client.call("pool.dataset.snapshot_count", dataset), "snapshot_count")


def _names(value: JsonValue) -> str:
    return ", ".join(str(item) for item in value[:10]) if isinstance(value, list) else ""


@tool(title="Set quota of user or group", toolset="datasets", risk=Risk.WRITE, idempotent=True)
async def truenas_set_quota(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    kind: Annotated[
        Literal["USER", "GROUP", "USEROBJ", "GROUPOBJ"], Field(description="Whose quota; …OBJ: of files, by number.")
    ],
    name: Annotated[UserName, Field(description="User or group.")],
    quota: Annotated[int, Field(ge=0, le=2**62, description="Bytes, or files; 0: none.")],
) -> Change:
    """Limit what one user or group may store in a dataset. For the dataset as a whole use truenas_update_dataset."""
    await dataset_row(ctx, dataset)
    before = await _quota(ctx, dataset, kind, name)

    async def look() -> Seen:
        now = await _quota(ctx, dataset, kind, name)
        return Seen(now == quota, {"quota": now})

    entry: JsonObject = {"quota_type": kind, "id": name, "quota_value": quota or None}
    return await change(
        ctx,
        call("pool.dataset.set_quota", dataset, [entry]),
        summary=f"Set the quota of {_QUOTAS[kind]} {name} on {dataset} to {quota or 'none'}",
        before={"quota": before},
        after={"quota": quota},
        look=look,
        undo=UndoCall(
            tool="truenas_set_quota", arguments={"dataset": dataset, "kind": kind, "name": name, "quota": before}
        ),
        nothing_to_do=before == quota,
    )


_QUOTAS = {"USER": "user", "GROUP": "group", "USEROBJ": "files of user", "GROUPOBJ": "files of group"}


async def _quota(ctx: Ctx, dataset: str, kind: str, name: str) -> int:
    rows = as_objects(
        await ctx.client.call(
            "pool.dataset.get_quota", dataset, kind.removesuffix("OBJ"), [["name", "=", name]], {"limit": 1}
        ),
        "quota",
    )
    value = rows[0].get("obj_quota" if kind.endswith("OBJ") else "quota") if rows else 0
    return value if isinstance(value, int) else 0


@tool(title="Lock dataset", toolset="datasets", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_lock_dataset(ctx: Ctx, *, dataset: DatasetPath) -> Change:
    """Lock an encrypted dataset: it is unmounted, its shares and apps stop, its data needs the passphrase again."""
    row = await dataset_row(ctx, dataset)
    if row.get("encryption_root") != dataset:
        raise ConflictError(
            f"{dataset} is not the root of an encryption.", next_step="Lock the dataset that holds the key."
        )
    users = as_objects(await ctx.client.call("pool.dataset.attachments", dataset), "attachments")
    return await change(
        ctx,
        job("pool.dataset.lock", dataset, {"force_umount": False}),
        summary=f"Lock the dataset {dataset}",
        before={"locked": row.get("locked")},
        after={"locked": True},
        look=_locked_look(ctx, dataset, wanted=True),
        cannot_undo="truenas_unlock_dataset unlocks it again, with its passphrase or key.",
        blast_radius=[f"{user.get('type')}: {_names(user.get('attachments'))}." for user in users],
        nothing_to_do=row.get("locked") is True,
    )


def _locked_look(ctx: Ctx, dataset: str, *, wanted: bool) -> Look:
    async def look() -> Seen:
        now = (await dataset_row(ctx, dataset)).get("locked")
        return Seen(now is wanted, {"locked": now})

    return look


@tool(title="Unlock dataset", toolset="datasets", risk=Risk.WRITE, idempotent=True)
async def truenas_unlock_dataset(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    passphrase: Annotated[str, Field(min_length=8, max_length=512, description="Passphrase, or key in hexadecimal.")],
    recursive: Annotated[bool, Field(description="Also all locked datasets below with the same key.")] = False,
) -> Change:
    """Unlock an encrypted dataset with its passphrase or 64-digit key; shares and apps on it start again."""
    row = await dataset_row(ctx, dataset)
    is_key = len(passphrase) == 64 and all(digit in "0123456789abcdef" for digit in passphrase.lower())
    secret: JsonObject = {"name": dataset, ("key" if is_key else "passphrase"): passphrase, "recursive": recursive}
    return await change(
        ctx,
        job(
            "pool.dataset.unlock",
            dataset,
            {"datasets": [secret], "recursive": recursive, "toggle_attachments": True, "key_file": False},
            judge=_unlocked,
        ),
        summary=f"Unlock the dataset {dataset}",
        before={"locked": row.get("locked")},
        after={"locked": False},
        look=_locked_look(ctx, dataset, wanted=False),
        content={"method": "pool.dataset.unlock", "dataset": dataset, "recursive": recursive},
        undo=UndoCall(tool="truenas_lock_dataset", arguments={"dataset": dataset}),
        nothing_to_do=row.get("locked") is False,
    )


def _unlocked(result: JsonValue) -> Verdict:
    """The job succeeds even when nothing could be unlocked (contract 15.5)."""
    if not isinstance(result, dict):
        return Verdict()
    done, told = failed_parts(result)
    return Verdict(worked=False if told and not done else None, told=told, details={"unlocked": list(done)})
