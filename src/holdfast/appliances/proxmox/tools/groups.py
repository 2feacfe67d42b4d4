"""Groups of users: a grant to a group is one to all its members."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.identifiers import PveName
from holdfast.appliances.proxmox.models.access import GroupPage, GroupRow
from holdfast.appliances.proxmox.objects import Arg, Kind, Read, create, delete, required, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.visibility import if_empty
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import ConflictError
from holdfast.transport.values import JsonObject

_GROUP: Final = Kind(
    noun="group",
    collection=("access", "groups"),
    key="groupid",
    argument="group",
    args={"comment": Arg("comment")},
    tools=("proxmox_create_group", "proxmox_update_group", "proxmox_delete_group"),
    digest=False,
    derived=frozenset({"users"}),
    shown_by=("Group.Allocate", "/", "/access", "/access/groups"),
)


def _read(group: str) -> Read:
    """Reads a group through the list, which has its members by name."""

    async def read(client: AsyncProxmoxClient) -> JsonObject | None:
        rows = await client.rows("access", "groups")
        return next((row for row in rows if row.get("groupid") == group), None)

    return read


@tool(title="List groups", toolset="groups")
async def proxmox_list_groups(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> GroupPage:
    """Groups of users with their members. Members are set by proxmox_create_user and proxmox_update_user."""
    rows = await ctx.client.rows("access", "groups")
    notes = await if_empty(ctx.client, rows, "Sys.Audit", "/", "/access", "/access/groups")
    return page(GroupPage, sorted(rows, key=by("groupid")), lambda row: made(GroupRow, row), limit, cursor, notes=notes)


@tool(title="Create group", toolset="groups", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_group(ctx: Ctx, *, group: PveName, comment: Comment = None) -> Change:
    """Make an empty group of users; proxmox_update_user puts users into it, proxmox_grant gives it a role."""
    return await create(ctx, _GROUP, group, {"comment": comment}, read=_read(group))


@tool(title="Change group", toolset="groups", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_group(
    ctx: Ctx, *, group: PveName, comment: Annotated[str, Field(max_length=250, description="Comment.")]
) -> Change:
    """Change the comment of a group; its members are set at the users."""
    return await update(ctx, _GROUP, group, {"comment": comment}, read=_read(group))


@tool(title="Delete group", toolset="groups", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_group(ctx: Ctx, *, group: PveName) -> Change:
    """Delete a group without members and without grants."""
    found = await required(ctx, _GROUP, group, _read(group))
    if members := plain(found.get("users")):
        raise ConflictError(
            f"The group {group} has members: {cut(members, 300)}.",
            next_step="proxmox_update_user takes them out of it.",
        )
    grants = [row for row in await ctx.client.rows("access", "acl") if row.get("ugid") == group]
    if any(row.get("type") == "group" for row in grants):
        paths = ", ".join(sorted(plain(row.get("path")) for row in grants))
        raise ConflictError(
            f"The group {group} has grants on {cut(paths, 300)}.", next_step="proxmox_revoke takes them away first."
        )
    return await delete(ctx, _GROUP, group, read=_read(group))
