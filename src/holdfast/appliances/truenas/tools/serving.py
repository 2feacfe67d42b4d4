"""Shares and apps, as they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.changes import Ctx
from holdfast.appliances.truenas.models.serving import App, AppPage, Share, SharePage
from holdfast.appliances.truenas.reading import made, page
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import tool
from holdfast.transport.values import as_object, opt_str

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


@tool(title="List apps", toolset="serving")
async def truenas_list_apps(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> AppPage:
    """Installed apps with state, version and whether an upgrade waits."""
    rows = await ctx.client.query("app.query", [], {"order_by": ["name"]})
    notes: list[str] = []
    if not rows:
        # An apps service that is down also answers with an empty list (contract 12).
        status = opt_str(as_object(await ctx.client.call("docker.status"), "docker.status"), "status")
        if status != "RUNNING":
            notes.append(f"The apps service is {str(status)[:40]}: installed apps are not shown now.")
    return page(AppPage, rows, lambda row: made(App, row), limit, cursor, notes=notes)
