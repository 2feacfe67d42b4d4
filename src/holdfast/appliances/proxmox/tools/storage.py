"""Storages and what lies on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Node
from holdfast.appliances.proxmox.changes import Ctx, Seen, Sender, Write, change
from holdfast.appliances.proxmox.encoding import form_of, listed, plain
from holdfast.appliances.proxmox.identifiers import StorageId, Vmid, VolumeId
from holdfast.appliances.proxmox.models.storage import (
    StoragePage,
    StorageRow,
    StorageStatus,
    UrlFacts,
    Volume,
    VolumePage,
)
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.storages import content_of, node_of
from holdfast.appliances.proxmox.visibility import absent, if_empty
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError, NotFoundError, RefusedError
from holdfast.transport.values import JsonValue, opt_int, opt_object, opt_str

Storage = Annotated[StorageId, Field(description="Storage.")]
OnNode = Annotated[Node | None, Field(description="Node; needed where each node has its own storage of this name.")]
Content = Literal["images", "rootdir", "iso", "vztmpl", "backup", "snippets", "import"]
FileName = Annotated[
    str,
    Grammar(
        "file name",
        r"[A-Za-z0-9][A-Za-z0-9_.+-]*",
        200,
        "file name with its ending",
        ("debian-13.iso",),
        lambda text: ".." not in text,
    ),
]
Sha = Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Its SHA-256, checked by the node.")]
_COPY: Final = frozenset({"imgcopy"})


@tool(title="List storages", toolset="storage")
async def proxmox_list_storages(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> StoragePage:
    """Storages of the cluster: type, what they may hold, where they are, how full. Two calls, however many nodes."""
    resources = [row for row in await ctx.client.inventory.rows() if row.get("type") == "storage"]
    by_name: dict[str, list[JsonObject]] = {}
    for row in resources:
        by_name.setdefault(plain(row.get("storage")), []).append(row)
    definitions = {plain(row.get("storage")): row for row in await ctx.client.rows("storage")}
    rows: list[JsonObject] = [{"storage": name} for name in sorted(set(by_name) | set(definitions))]

    def convert(row: JsonObject) -> StorageRow:
        name = plain(row.get("storage"))
        return _storage(name, by_name.get(name, []), definitions.get(name, {}))

    notes = await if_empty(ctx.client, rows, "Datastore.Audit", "/", "/storage")
    return page(StoragePage, rows, convert, limit, cursor, notes=notes)


def _storage(name: str, seen: list[JsonObject], definition: JsonObject) -> StorageRow:
    available = [row for row in seen if row.get("status") == "available"]
    shared = any(row.get("shared") for row in seen)
    counted = available[:1] if shared else available
    away = sorted(plain(row.get("node")) for row in seen if row.get("status") != "available")
    return StorageRow(
        storage=name,
        type=opt_str(definition, "type") or next((plain(row.get("plugintype")) for row in seen), None),
        content=listed(definition.get("content")) or None,
        shared=shared or None,
        enabled=not definition.get("disable") if definition else None,
        used_bytes=sum(opt_int(row, "disk", lenient=True) or 0 for row in counted) if counted else None,
        total_bytes=sum(opt_int(row, "maxdisk", lenient=True) or 0 for row in counted) if counted else None,
        nodes=sorted(plain(row.get("node")) for row in seen)[:70] or None,
        unavailable_on=away[:70] or None,
    )


@tool(title="Get storage", toolset="storage")
async def proxmox_get_storage(ctx: Ctx, *, storage: Storage, node: OnNode = None) -> StorageStatus:
    """One storage as a node sees it now: active, total, used, available. Touches the storage."""
    where = await node_of(ctx.client, storage, node)
    row = await ctx.client.object("nodes", where, "storage", storage, "status")
    return made(StorageStatus, row, storage=storage, node=where)


@tool(title="List storage content", toolset="storage")
async def proxmox_list_content(
    ctx: Ctx,
    *,
    storage: Storage,
    node: OnNode = None,
    content: Annotated[Content | None, Field(description="Only this kind.")] = None,
    vmid: Annotated[Vmid | None, Field(description="Only of this guest.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> VolumePage:
    """Volumes on a storage: disk images, ISO files, container templates, backups."""
    where = await node_of(ctx.client, storage, node)
    rows = await content_of(ctx.client, where, storage, content=content, vmid=vmid)
    return await volume_page(ctx, storage, sorted(rows, key=by("content", "volid")), limit, cursor)


async def volume_page(ctx: Ctx, storage: str, rows: list[JsonObject], limit: int, cursor: str | None) -> VolumePage:
    """A page of volumes; of guests' volumes the appliance shows those only that the account may use."""
    paths = ("/", "/storage", f"/storage/{storage}")
    notes = await if_empty(ctx.client, rows, "Datastore.Allocate", *paths)
    return page(VolumePage, rows, _volume_row, limit, cursor, notes=notes)


def _volume_row(row: JsonObject) -> Volume:
    """A volume of a storage's content."""
    verification = opt_object(row, "verification")
    return made(Volume, row, verified=plain(verification.get("state")) if verification else None)


@tool(title="Look at URL", toolset="storage", open_world=True)
async def proxmox_query_url(
    ctx: Ctx,
    *,
    node: Node,
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=2000, description="http or https URL.")],
) -> UrlFacts:
    """Ask a node what lies behind a URL (name, size, type) before proxmox_download_url fetches it."""
    row = await ctx.client.object("nodes", node, "query-url-metadata", query={"url": url})
    return made(UrlFacts, row)


@tool(title="Download to storage", toolset="storage", risk=Risk.WRITE, idempotent=True, open_world=True)
async def proxmox_download_url(
    ctx: Ctx,
    *,
    storage: Storage,
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=2000, description="http or https URL.")],
    filename: FileName,
    content: Annotated[Literal["iso", "vztmpl", "import"], Field(description="What it is.")] = "iso",
    sha256: Sha = None,
    node: OnNode = None,
) -> Change:
    """Let a node download an ISO file, a container template or an image to import from a URL to a storage."""
    where = await node_of(ctx.client, storage, node)
    form = form_of(
        {
            "url": url,
            "filename": filename,
            "content": content,
            "checksum": sha256,
            "checksum-algorithm": "sha256" if sha256 else None,
        }
    )
    write = Write("POST", ("nodes", where, "storage", storage, "download-url"), form, tasks=frozenset({"download"}))
    warnings = (
        [] if url.startswith("https:") or sha256 else ["Without https or a checksum anybody may have altered it."]
    )
    return await _plan_file(ctx, where, storage, content, filename, write, f"from {url}", warnings)


@tool(title="Upload to storage", toolset="storage", risk=Risk.WRITE, idempotent=True, time_limit_s=1800)
async def proxmox_upload_file(
    ctx: Ctx,
    *,
    storage: Storage,
    file: Annotated[FileName, Field(description="File in the operator's upload folder.")],
    content: Annotated[Literal["iso", "vztmpl", "import"], Field(description="What it is.")] = "iso",
    sha256: Sha = None,
    node: OnNode = None,
) -> Change:
    """Upload a file from the upload folder of the Holdfast server (upload_dir of the target) to a storage."""
    source = _upload(ctx.client.settings.upload_dir, file)
    where = await node_of(ctx.client, storage, node)
    fields = {"content": content, **({"checksum": sha256, "checksum-algorithm": "sha256"} if sha256 else {})}
    write = Write("POST", ("nodes", where, "storage", storage, "upload"), {**fields, "filename": file}, tasks=_COPY)

    async def sender() -> JsonValue:
        return await ctx.client.upload(*write.path, fields=fields, file=source, filename=file)

    said = f"({source.stat().st_size} bytes)"
    return await _plan_file(ctx, where, storage, content, file, write, said, [], sender)


def _upload(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise RefusedError(
            "There is no upload folder. Nothing was executed.", next_step="The operator sets upload_dir of the target."
        )
    source = folder / name
    if source.is_symlink() or not source.is_file():
        raise NotFoundError(
            f"There is no file {name} in the upload folder.", next_step="The operator puts files into upload_dir."
        )
    return source


async def _plan_file(
    ctx: Ctx,
    node: str,
    storage: str,
    content: str,
    filename: str,
    write: Write,
    origin: str,
    warnings: list[str],
    sender: Sender | None = None,
) -> Change:
    volid = f"{storage}:{content}/{filename}"

    async def find() -> JsonObject | None:
        rows = await content_of(ctx.client, node, storage, content=content)
        return next((row for row in rows if row.get("volid") == volid), None)

    if await find() is not None:
        raise ConflictError(f"{volid} exists already.", next_step="Delete it first, or choose another name.")

    async def look() -> Seen:
        row = await find()
        state: JsonObject = {"volid": volid, "size_bytes": opt_int(row, "size", lenient=True)} if row else {}
        return Seen(row is not None, state, new=True)

    return await change(
        ctx,
        write,
        summary=f"Put {filename} {origin} on {storage} ({node})",
        before={},
        after={"volid": volid},
        look=look,
        undo=UndoCall(tool="proxmox_delete_volume", arguments={"volume": volid, "node": node}),
        warnings=warnings,
        sender=sender,
        task_decides=True,
    )


@tool(title="Delete volume", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_volume(
    ctx: Ctx, *, volume: Annotated[VolumeId, Field(description="Volume id.")], node: OnNode = None
) -> Change:
    """Delete an ISO file, a template, a backup, or a disk image that no guest uses, for good."""
    storage = volume.partition(":")[0]
    where = await node_of(ctx.client, storage, node)
    rows = await content_of(ctx.client, where, storage)
    row = next((row for row in rows if row.get("volid") == volume), None)
    if row is None:
        step = "proxmox_list_content lists what there is."
        paths = ("/", "/storage", f"/storage/{storage}")
        raise await absent(ctx.client, f"volume {volume}", step, "Datastore.Allocate", *paths)
    if row.get("protected"):
        raise ConflictError(f"{volume} is protected.", next_step="Remove its protection in Proxmox first.")
    if row.get("content") in ("images", "rootdir") and row.get("vmid") is not None:
        await _require_unused(ctx, volume, opt_int(row, "vmid", lenient=True))
    before: JsonObject = {
        "volid": volume,
        "size_bytes": opt_int(row, "size", lenient=True),
        "created_at": opt_int(row, "ctime", lenient=True),
    }

    async def look() -> Seen:
        seen = await content_of(ctx.client, where, storage)
        gone = all(one.get("volid") != volume for one in seen)
        return Seen(gone, {} if gone else before)

    return await change(
        ctx,
        Write("DELETE", ("nodes", where, "storage", storage, "content", volume), tasks=frozenset({"imgdel"})),
        summary=f"Delete {volume} ({opt_int(row, 'size', lenient=True) or 0} bytes)",
        before=before,
        after={},
        look=look,
        cannot_undo="A deleted volume cannot be brought back.",
    )


async def _require_unused(ctx: Ctx, volume: str, vmid: int | None) -> None:
    """A disk image that its guest still names is not deleted behind the guest's back."""
    rows = await ctx.client.inventory.rows(fresh=True)
    guest = next((row for row in rows if row.get("vmid") == vmid and row.get("type") in ("qemu", "lxc")), None)
    if guest is None:
        return
    path = ("nodes", plain(guest.get("node")), plain(guest.get("type")), plain(vmid))
    config = await ctx.client.object(*path, "config")
    users = sorted(option for option, value in config.items() if volume in plain(value))
    if users:
        raise InputError(
            f"{volume} is {', '.join(users)} of guest {vmid}.",
            next_step="Unset that option with proxmox_change_guest_config; an unusedN is destroyed by it.",
        )
