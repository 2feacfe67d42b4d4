"""Definitions of storages: which there are, on which nodes, for what. The data itself is not touched."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Node
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.identifiers import StorageId
from holdfast.appliances.proxmox.objects import Arg, Kind, create, delete, read_item, required, update
from holdfast.appliances.proxmox.storages import content_of, node_of
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import ConflictError, HoldfastError

_STORAGE: Final = Kind(
    noun="storage",
    collection=("storage",),
    key="storage",
    argument="storage",
    args={
        "type": Arg("type"),
        "content": Arg("content", "list"),
        "nodes": Arg("nodes", "list"),
        "disabled": Arg("disable", "bool"),
        "shared": Arg("shared", "bool"),
        "path": Arg("path"),
        "server": Arg("server"),
        "export": Arg("export"),
        "options": Arg("options"),
        "volume_group": Arg("vgname"),
        "thin_pool": Arg("thinpool"),
        "zfs_pool": Arg("pool"),
        "keep": Arg("prune-backups", "properties"),
    },
    tools=("proxmox_create_storage", "proxmox_update_storage", "proxmox_delete_storage"),
)
Path = Annotated[
    str,
    Grammar(
        "path", r"/[A-Za-z0-9_./-]*", 200, "absolute path", ("/mnt/iso",), lambda text: ".." not in text.split("/")
    ),
]
Server = Annotated[str, Grammar("server", r"[A-Za-z0-9][A-Za-z0-9.:-]*", 253, "host name or address", ("10.0.0.14",))]
Name = Annotated[str, Grammar("name", r"[A-Za-z0-9][A-Za-z0-9_./-]*", 120, "name on the node", ("pve", "tank/vms"))]
Content = Literal["images", "rootdir", "iso", "vztmpl", "backup", "snippets", "import", "none"]
Contents = Annotated[list[Content] | None, Field(min_length=1, description="What it may hold.")]
Nodes = Annotated[list[Node] | None, Field(min_length=1, max_length=64, description="Only on these nodes.")]
Options = Annotated[str | None, Field(pattern=r"^[A-Za-z0-9=,._-]{1,200}$", description="NFS mount options: vers=4.2.")]
Keep = Annotated[
    str | None,
    Field(
        pattern=r"^keep-[a-z]+=[0-9]+(,keep-[a-z]+=[0-9]+)*$", max_length=150, description="keep-last=3,keep-daily=7"
    ),
]


@tool(title="Define storage", toolset="storage_config", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_storage(
    ctx: Ctx,
    *,
    storage: StorageId,
    type: Annotated[  # noqa: A002 - the API's own word
        Literal["dir", "nfs", "lvm", "lvmthin", "zfspool"], Field(description="Kind of storage.")
    ],
    content: Contents = None,
    nodes: Nodes = None,
    path: Annotated[Path | None, Field(description="Folder of a dir.")] = None,
    server: Annotated[Server | None, Field(description="Server of an nfs.")] = None,
    export: Annotated[Path | None, Field(description="Export of an nfs.")] = None,
    options: Options = None,
    volume_group: Annotated[Name | None, Field(description="Of lvm and lvmthin.")] = None,
    thin_pool: Annotated[Name | None, Field(description="Of lvmthin.")] = None,
    zfs_pool: Annotated[Name | None, Field(description="Pool or data set of a zfspool.")] = None,
    shared: Annotated[bool | None, Field(description="A dir or lvm that all nodes see alike.")] = None,
    disabled: Annotated[bool | None, Field(description="Not used yet.")] = None,
    keep: Keep = None,
) -> Change:
    """Make a storage known to the cluster. One that needs a password (SMB, backup server) is not made here."""
    given = {
        "type": type,
        "content": content,
        "nodes": nodes,
        "path": path,
        "server": server,
        "export": export,
        "options": options,
        "volume_group": volume_group,
        "thin_pool": thin_pool,
        "zfs_pool": zfs_pool,
        "shared": shared,
        "disabled": disabled,
        "keep": keep,
    }
    return await create(ctx, _STORAGE, storage, given)


@tool(title="Change storage definition", toolset="storage_config", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_storage(
    ctx: Ctx,
    *,
    storage: StorageId,
    content: Contents = None,
    nodes: Nodes = None,
    options: Options = None,
    shared: Annotated[bool | None, Field(description="All nodes see it alike.")] = None,
    disabled: Annotated[
        bool | None, Field(description="Not used any more: guests with disks on it do not start.")
    ] = None,
    keep: Keep = None,
    unset: Annotated[
        list[Literal["content", "nodes", "options", "shared", "disabled", "keep"]] | None,
        Field(description="Back to the default."),
    ] = None,
) -> Change:
    """Change what a storage may hold, where it is, or whether it is used; what is not given stays."""
    given = {
        "content": content,
        "nodes": nodes,
        "options": options,
        "shared": shared,
        "disabled": disabled,
        "keep": keep,
    }
    return await update(ctx, _STORAGE, storage, given, unset, destructive=bool(disabled) or nodes is not None)


@tool(title="Delete storage definition", toolset="storage_config", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_storage(ctx: Ctx, *, storage: StorageId) -> Change:
    """Take a storage out of the cluster's configuration; its data stays. Refused while guests have disks on it."""
    await required(ctx, _STORAGE, storage, lambda client: read_item(client, _STORAGE, storage))
    warnings = ["Its data stays where it is."]
    try:
        rows = await content_of(ctx.client, await node_of(ctx.client, storage, None), storage)
    except HoldfastError as error:
        warnings.append(f"What is on it cannot be listed: {error.message}")
        rows = []
    users = sorted({plain(row.get("vmid")) for row in rows if row.get("content") in ("images", "rootdir")})
    if users:
        raise ConflictError(
            f"Guests have disks on {storage}: {cut(', '.join(users), 300)}.",
            next_step="Move them with proxmox_move_disk.",
        )
    radius = [f"{len(rows)} volumes are no longer reachable through Proxmox."] if rows else []
    return await delete(ctx, _STORAGE, storage, warnings=warnings, blast_radius=radius)
