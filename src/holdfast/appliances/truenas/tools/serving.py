"""Shares, as they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.models.serving import Share, SharePage
from holdfast.appliances.truenas.reading import made
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool

_KINDS = {
    "smb": ("sharing.smb.query",),
    "nfs": ("sharing.nfs.query",),
    "iscsi": ("iscsi.target.query", "iscsi.extent.query"),
}
_SHOWN = {"sharing.smb.query": "smb", "sharing.nfs.query": "nfs", "iscsi.target.query": "iscsi target"}


@tool(title="List shares", toolset="serving")
async def truenas_list_shares(
    ctx: Ctx,
    *,
    kind: Annotated[Literal["smb", "nfs", "iscsi"] | None, Field(description="Only of this kind.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SharePage:
    """SMB shares, NFS exports, iSCSI targets and extents: path, who may come, and whether their dataset is locked."""
    methods = _KINDS[kind] if kind else [method for methods in _KINDS.values() for method in methods]
    rows = [
        {**row, "kind": _SHOWN.get(method, "iscsi extent")}
        for method in methods
        for row in await ctx.client.query(method, [], {"order_by": ["id"]})
    ]
    return page(SharePage, rows, lambda row: made(Share, row), limit, cursor)
