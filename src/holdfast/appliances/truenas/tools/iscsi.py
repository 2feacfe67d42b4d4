"""iSCSI: portals, initiators, targets, extents, and which extent is a LUN of which target."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Comment, ObjectRef
from holdfast.appliances.truenas.collections import create, delete, find, given, given_some, update
from holdfast.appliances.truenas.identifiers import DatasetPath, SharePath
from holdfast.appliances.truenas.iscsi import (
    EXTENT,
    KINDS,
    MAPPING,
    PORTAL,
    TARGET,
    addresses,
    group_of,
)
from holdfast.appliances.truenas.models.serving import IscsiPage, IscsiRow
from holdfast.appliances.truenas.reading import made
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import IpAddress
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject, get_int

TargetName = Annotated[
    str, Grammar("iSCSI target", r"[a-z0-9.:-]+", 120, "iSCSI target name: lower case, digits, . : -", ("vm-store",))
]
ExtentName = Annotated[str, Grammar("extent", r"[A-Za-z0-9_.-]+", 64, "extent name", ("vm-store",))]
_CUT: Final = "Initiators that use it lose their disk, as if it were unplugged."


AuthTag = Annotated[
    int | None, Field(ge=1, le=65535, description="Logins (CHAP) by their group number; none: no login.")
]


@tool(title="List iSCSI configuration", toolset="iscsi")
async def truenas_list_iscsi(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> IscsiPage:
    """Portals, initiator groups, logins (without their secrets), targets, extents and LUNs of the iSCSI service."""
    rows: list[JsonObject] = []
    for name, kind in KINDS.items():
        for row in await ctx.client.query(kind.query, [], {"order_by": ["id"]}):
            rows.append({**row, "kind": name})
    return page(IscsiPage, rows, _row, limit, cursor)


def _row(row: JsonObject) -> IscsiRow:
    listen = row.get("listen")
    groups = row.get("groups")
    held = {**row, "path": None} if row.get("type") == "DISK" else row
    return made(
        IscsiRow,
        held,
        listen=addresses(listen) if listen is not None else None,
        portals=[number for item in groups if isinstance(item, dict) and isinstance(number := item.get("portal"), int)]
        if isinstance(groups, list)
        else None,
    )


@tool(title="Create iSCSI portal", toolset="iscsi", risk=Risk.WRITE, idempotent=False)
async def truenas_create_iscsi_portal(
    ctx: Ctx,
    *,
    comment: Annotated[str, Field(min_length=1, max_length=120, description="What it is for; tells it from others.")],
    listen: Annotated[list[IpAddress], Field(min_length=1, max_length=8, description="Addresses of the system.")],
) -> Change:
    """Make a portal: addresses at which initiators find targets."""
    values: JsonObject = {"comment": comment, "listen": [{"ip": ip} for ip in listen]}
    return await create(ctx, PORTAL, values)


@tool(title="Create iSCSI target", toolset="iscsi", risk=Risk.WRITE, idempotent=False)
async def truenas_create_iscsi_target(
    ctx: Ctx,
    *,
    name: TargetName,
    portal: Annotated[int, Field(ge=1, description="Portal by its id.")],
    initiator: Annotated[int | None, Field(ge=1, description="Initiator group by its id; none: everybody.")] = None,
    auth: AuthTag = None,
    mutual: Annotated[bool, Field(description="With auth: the target proves itself too (mutual CHAP).")] = False,
    alias: Comment = None,
) -> Change:
    """Make a target that initiators log in to. Give it disks with truenas_map_iscsi_extent."""
    group = await group_of(ctx, portal, initiator, auth, _method(auth, mutual))
    values: JsonObject = {"name": name, "groups": [group], **given(alias=alias)}
    return await create(ctx, TARGET, values, warnings=_open(initiator, auth))


def _method(auth: int | None, mutual: bool) -> str:
    if auth is None and mutual:
        raise InputError("mutual needs auth.")
    return "NONE" if auth is None else "CHAP_MUTUAL" if mutual else "CHAP"


def _open(initiator: int | None, auth: int | None) -> list[str]:
    return [] if initiator or auth else ["Every initiator that reaches the portal may use it."]


@tool(title="Create iSCSI extent", toolset="iscsi", risk=Risk.WRITE, idempotent=False)
async def truenas_create_iscsi_extent(
    ctx: Ctx,
    *,
    name: ExtentName,
    volume: Annotated[DatasetPath | None, Field(description="Volume that holds the disk.")] = None,
    file: Annotated[SharePath | None, Field(description="Or: file that holds it.")] = None,
    file_bytes: Annotated[int | None, Field(ge=512, le=2**62, description="Size of a new file.")] = None,
    blocksize: Annotated[Literal[512, 1024, 2048, 4096] | None, Field(description="Logical block, bytes.")] = None,
    readonly: Annotated[bool | None, Field(description="Nobody may write.")] = None,
    comment: Comment = None,
) -> Change:
    """Make an extent: a disk for initiators, on a volume or in a file."""
    if (volume is None) == (file is None):
        raise InputError("Give either volume or file.")
    values = given(
        name=name,
        type="DISK" if volume else "FILE",
        disk=f"zvol/{volume}" if volume else None,
        path=file,
        filesize=file_bytes,
        blocksize=blocksize,
        ro=readonly,
        comment=comment,
    )
    return await create(ctx, EXTENT, values)


@tool(title="Change iSCSI extent", toolset="iscsi", risk=Risk.WRITE, idempotent=True)
async def truenas_update_iscsi_extent(
    ctx: Ctx,
    *,
    extent: Annotated[ObjectRef, Field(description="Name or id.")],
    name: ExtentName | None = None,
    readonly: Annotated[bool | None, Field(description="Nobody may write.")] = None,
    enabled: Annotated[bool | None, Field(description="Offered at all.")] = None,
    comment: Comment = None,
) -> Change:
    """Rename an extent, make it read-only, or switch it off. What is not given stays."""
    row = await find(ctx, EXTENT, extent)
    values = given_some(name=name, ro=readonly, enabled=enabled, comment=comment)
    return await update(ctx, EXTENT, row, values, ref="extent", destructive=enabled is False or readonly is True)


@tool(title="Map iSCSI extent to target", toolset="iscsi", risk=Risk.WRITE, idempotent=False)
async def truenas_map_iscsi_extent(
    ctx: Ctx,
    *,
    iscsi_target: Annotated[ObjectRef, Field(description="Target, name or id.")],
    extent: Annotated[ObjectRef, Field(description="Extent, name or id.")],
    lun: Annotated[int | None, Field(ge=0, le=1023, description="LUN; the next free one when omitted.")] = None,
) -> Change:
    """Offer an extent as a LUN of a target."""
    found, disk = await find(ctx, TARGET, iscsi_target), await find(ctx, EXTENT, extent)
    values: JsonObject = {"target": get_int(found, "id"), "extent": get_int(disk, "id"), **given(lunid=lun)}
    return await create(ctx, MAPPING, values)


@tool(title="Delete iSCSI object", toolset="iscsi", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_iscsi_object(
    ctx: Ctx,
    *,
    kind: Annotated[
        Literal["portal", "initiator", "auth", "target", "extent", "lun"], Field(description="Which kind.")
    ],
    ref: Annotated[ObjectRef, Field(description="Name or id; of a LUN its id.")],
) -> Change:
    """Delete a portal, initiator group, login, target, extent or LUN. Volumes and files behind an extent stay."""
    wanted = KINDS[kind]
    row = await find(ctx, wanted, ref)
    if kind == "target":
        options: tuple[bool, ...] = (False, False)
    elif kind == "extent":
        options = (False, False)
    else:
        options = (False,) if kind == "lun" else ()
    return await delete(ctx, wanted, row, *options, blast_radius=[_CUT])
