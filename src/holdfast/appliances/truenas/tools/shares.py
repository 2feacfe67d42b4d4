"""SMB shares and NFS exports."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Comment, ObjectRef
from holdfast.appliances.truenas.collections import Collection, again, at_least_one, create, delete, find, given, update
from holdfast.appliances.truenas.identifiers import ShareName, SharePath
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.change import Change
from holdfast.control.identifiers import IpOrCidr, UserName
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject

SMB: Final = Collection(
    namespace="sharing.smb",
    noun="SMB share",
    key="name",
    shown=("name", "path", "purpose", "enabled", "readonly", "browsable", "comment"),
    list_tool="truenas_list_shares",
    ref="share",
    create_tool="truenas_create_smb_share",
    update_tool="truenas_update_smb_share",
    delete_tool="truenas_delete_smb_share",
)
_SMB_BEFORE_25_10: Final = replace(
    SMB,
    shown=("name", "path", "purpose", "enabled", "ro", "browsable", "comment"),
    rename={"ro": "readonly"},
)
NFS: Final = Collection(
    namespace="sharing.nfs",
    noun="NFS export",
    key="path",
    shown=("path", "networks", "hosts", "ro", "maproot_user", "mapall_user", "enabled", "comment"),
    list_tool="truenas_list_shares",
    ref="export",
    create_tool="truenas_create_nfs_export",
    update_tool="truenas_update_nfs_export",
    delete_tool="truenas_delete_nfs_export",
    rename={"ro": "readonly"},
    unique=False,
)

Enabled = Annotated[bool | None, Field(description="Served at all.")]
ReadOnly = Annotated[bool | None, Field(description="Nobody may write.")]
Networks = Annotated[list[IpOrCidr] | None, Field(max_length=40, description="Only from these networks.")]
Hosts = Annotated[list[ObjectRef] | None, Field(max_length=40, description="Only these hosts.")]
MapUser = Annotated[UserName | None, Field(description="User that root is taken for.")]
MapAll = Annotated[UserName | None, Field(description="User that everybody is taken for.")]
_CUT: Final = "Sessions of clients on this share are cut off."


async def _smb(ctx: Ctx, values: JsonObject) -> tuple[Collection, JsonObject]:
    """The collection as the release has it, and values by its names: `readonly` was `ro` before 25.10."""
    if await ctx.client.release() >= (25, 10):
        return SMB, values
    return _SMB_BEFORE_25_10, {"ro" if name == "readonly" else name: value for name, value in values.items()}


@tool(title="Create SMB share", toolset="shares", risk=Risk.WRITE, idempotent=False)
async def truenas_create_smb_share(
    ctx: Ctx,
    *,
    name: ShareName,
    path: SharePath,
    purpose: Annotated[
        Literal[
            "DEFAULT_SHARE", "TIMEMACHINE_SHARE", "MULTIPROTOCOL_SHARE", "TIME_LOCKED_SHARE", "PRIVATE_DATASETS_SHARE"
        ]
        | None,
        Field(description="25.10 and newer."),
    ] = None,
    readonly: ReadOnly = None,
    browsable: Annotated[bool | None, Field(description="Shown in listings.")] = None,
    enabled: Enabled = None,
    comment: Comment = None,
) -> Change:
    """Share a folder by SMB. Permissions are those of the folder; the service cifs must run."""
    if purpose is not None and await ctx.client.release() < (25, 10):
        raise InputError("purpose is for 25.10 and newer.", next_step="Leave purpose out.")
    values = given(
        name=name,
        path=path,
        purpose=purpose,
        readonly=readonly,
        browsable=browsable,
        enabled=enabled,
        comment=comment,
    )
    kind, named = await _smb(ctx, values)
    return await create(ctx, kind, named)


@tool(title="Change SMB share", toolset="shares", risk=Risk.WRITE, idempotent=True)
async def truenas_update_smb_share(
    ctx: Ctx,
    *,
    share: Annotated[ObjectRef, Field(description="Name or id.")],
    name: ShareName | None = None,
    path: SharePath | None = None,
    readonly: ReadOnly = None,
    browsable: Annotated[bool | None, Field(description="Shown in listings.")] = None,
    enabled: Enabled = None,
    comment: Comment = None,
) -> Change:
    """Change an SMB share. What is not given stays."""
    row = await find(ctx, SMB, share)
    values = given(name=name, path=path, readonly=readonly, browsable=browsable, enabled=enabled, comment=comment)
    kind, named = await _smb(ctx, at_least_one(values))
    return await update(ctx, kind, row, named, destructive=enabled is False)


@tool(title="Delete SMB share", toolset="shares", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_smb_share(
    ctx: Ctx, *, share: Annotated[ObjectRef, Field(description="Name or id.")]
) -> Change:
    """Stop sharing a folder by SMB. The files stay."""
    row = await find(ctx, SMB, share)
    kind, _ = await _smb(ctx, {})
    purpose = row.get("purpose")
    if kind is not SMB or purpose not in ("DEFAULT_SHARE", "TIMEMACHINE_SHARE", "MULTIPROTOCOL_SHARE"):
        why = "Its options cannot all be given to the create tool."
        return await delete(ctx, kind, row, cannot_undo=why, blast_radius=[_CUT])
    fields = ("name", "path", "readonly", "browsable", "enabled", "comment", "purpose")
    return await delete(ctx, kind, row, recreate=again(SMB, *fields), blast_radius=[_CUT])


@tool(title="Create NFS export", toolset="shares", risk=Risk.WRITE, idempotent=False)
async def truenas_create_nfs_export(
    ctx: Ctx,
    *,
    path: SharePath,
    networks: Networks = None,
    hosts: Hosts = None,
    readonly: ReadOnly = None,
    maproot_user: MapUser = None,
    mapall_user: MapAll = None,
    enabled: Enabled = None,
    comment: Comment = None,
) -> Change:
    """Export a folder by NFS. Without networks and hosts everybody may mount it; the service nfs must run."""
    values = given(
        path=path,
        networks=list(networks) if networks else None,
        hosts=list(hosts) if hosts else None,
        ro=readonly,
        maproot_user=maproot_user,
        mapall_user=mapall_user,
        enabled=enabled,
        comment=comment,
    )
    open_to_all = [] if networks or hosts else ["Everybody who reaches the system may mount it."]
    return await create(ctx, NFS, values, warnings=open_to_all)


@tool(title="Change NFS export", toolset="shares", risk=Risk.WRITE, idempotent=True)
async def truenas_update_nfs_export(
    ctx: Ctx,
    *,
    export: Annotated[ObjectRef, Field(description="Path or id.")],
    path: SharePath | None = None,
    networks: Networks = None,
    hosts: Hosts = None,
    readonly: ReadOnly = None,
    maproot_user: MapUser = None,
    mapall_user: MapAll = None,
    enabled: Enabled = None,
    comment: Comment = None,
) -> Change:
    """Change an NFS export. What is not given stays; an empty list of networks or hosts lets everybody in."""
    row = await find(ctx, NFS, export)
    values = given(
        path=path,
        networks=list(networks) if networks is not None else None,
        hosts=list(hosts) if hosts is not None else None,
        ro=readonly,
        maproot_user=maproot_user,
        mapall_user=mapall_user,
        enabled=enabled,
        comment=comment,
    )
    return await update(ctx, NFS, row, at_least_one(values), destructive=enabled is False)


@tool(title="Delete NFS export", toolset="shares", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_nfs_export(
    ctx: Ctx, *, export: Annotated[ObjectRef, Field(description="Path or id.")]
) -> Change:
    """Stop exporting a folder by NFS. The files stay; clients that have it mounted hang or fail."""
    row = await find(ctx, NFS, export)
    fields = ("path", "networks", "hosts", "ro", "maproot_user", "mapall_user", "enabled", "comment")
    lost = [name for name in ("maproot_group", "mapall_group", "security") if row.get(name)]
    if lost:
        why = f"{', '.join(lost)} cannot be given to the create tool."
        return await delete(ctx, NFS, row, cannot_undo=why, blast_radius=[_CUT])
    return await delete(ctx, NFS, row, recreate=again(NFS, *fields), blast_radius=[_CUT])
