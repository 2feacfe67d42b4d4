"""Who may do what: privileges and roles, members of groups."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.truenas.arguments import ObjectRef
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import Collection, again, create, delete, find, given, update
from holdfast.appliances.truenas.models.accounts import (
    Member,
    MemberPage,
    Privilege,
    PrivilegePage,
    Role,
    RolePage,
)
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.tools.accounts import GROUP, Ref, own_account
from holdfast.appliances.truenas.writes import Ctx, Seen, Write
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import UserName
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError, NotFoundError
from holdfast.transport.values import JsonValue, get_int, get_str

RoleName = Annotated[str, Grammar("role", r"[A-Z][A-Z0-9_]+", 80, "role", ("READONLY_ADMIN", "SNAPSHOT_WRITE"))]
Names = Annotated[list[UserName], Field(max_length=200, description="User names; all others are left out.")]
Groups = Annotated[list[ObjectRef], Field(min_length=1, max_length=50, description="Local groups by name or id.")]
Roles = Annotated[list[RoleName], Field(min_length=1, max_length=150, description="Roles; see truenas_list_roles.")]
Shell = Annotated[bool, Field(description="May use the shell of the web interface.")]


def _by_name(row: JsonObject) -> JsonObject:
    """A privilege with the names of its groups, and sorted: TrueNAS answers whole groups, and takes their gids."""
    groups = row.get("local_groups")
    rows = [one for one in groups if isinstance(one, dict)] if isinstance(groups, list) else []
    roles = row.get("roles")
    return {
        **row,
        "gids": [*sorted(gid for one in rows if isinstance(gid := one.get("gid"), int))],
        "groups": [*sorted(str(one.get("group") or one.get("name") or one.get("gid")) for one in rows)],
        "roles": [*sorted(map(str, roles))] if isinstance(roles, list) else [],
    }


PRIVILEGE: Final = Collection(
    namespace="privilege",
    noun="privilege",
    key="name",
    shown=("name", "groups", "roles", "web_shell"),
    list_tool="truenas_list_privileges",
    ref="privilege",
    create_tool="truenas_create_privilege",
    update_tool="truenas_update_privilege",
    delete_tool="truenas_delete_privilege",
    normal=_by_name,
)


@tool(title="List privileges", toolset="access")
async def truenas_list_privileges(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> PrivilegePage:
    """Which groups have which roles: a privilege gives its roles to all members of its groups."""
    rows = await ctx.client.query("privilege.query", [], {"order_by": ["id"]})
    return page(PrivilegePage, rows, lambda row: made(Privilege, _by_name(row)), limit, cursor)


@tool(title="List roles", toolset="access")
async def truenas_list_roles(
    ctx: Ctx,
    *,
    search: Annotated[
        str | None, Field(max_length=40, pattern=r"^[A-Za-z_]+$", description="Text in the name.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RolePage:
    """Roles that a privilege can give, and which others each includes."""
    return await server_page(
        ctx.client,
        RolePage,
        ["privilege.roles"],
        lambda row: made(Role, row),
        filters=[["name", "rin", search.upper()]] if search else [],
        limit=limit,
        cursor=cursor,
        order_by=["name"],
        select=["name", "title", "includes"],
    )


async def _own_groups(ctx: Ctx) -> set[int]:
    """Ids of the groups of the account that Holdfast uses."""
    name = await own_account(ctx)
    rows = await ctx.client.query("user.query", [["username", "=", name]], {"limit": 1, "select": ["group", "groups"]})
    if not rows:
        return set()
    primary, further = rows[0].get("group"), rows[0].get("groups")
    ids = {item for item in further if isinstance(item, int)} if isinstance(further, list) else set()
    if isinstance(primary, dict) and isinstance(number := primary.get("id"), int):
        ids.add(number)
    return ids


async def _groups(ctx: Ctx, refs: list[str]) -> list[JsonObject]:
    """The groups of some names or ids; one request whatever their number.

    Raises:
        NotFoundError: One is not there.
    """
    wanted = list(dict.fromkeys(refs))
    ids: list[JsonValue] = [int(ref) for ref in wanted if ref.isascii() and ref.isdigit()]
    filters: list[JsonValue] = [["OR", [["name", "in", [*wanted]], ["id", "in", ids]]]]
    rows = await ctx.client.query("group.query", filters, {"order_by": ["id"]})
    found: list[JsonObject] = []
    for ref in wanted:
        named = [row for row in rows if row.get("name") == ref] or [row for row in rows if str(row.get("id")) == ref]
        if not named:
            raise NotFoundError(f"TrueNAS has no group {ref}.", next_step=f"{GROUP.list_tool} lists them.")
        found += named[:1]
    return found


async def _mine(ctx: Ctx, row: JsonObject) -> bool:
    """Whether a privilege gives the account that Holdfast uses any role."""
    own = await _own_groups(ctx)
    rows = await ctx.client.query("group.query", [["gid", "in", row.get("gids")]], {"select": ["id"]})
    return any(get_int(one, "id") in own for one in rows)


@tool(title="Create privilege", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_create_privilege(
    ctx: Ctx,
    *,
    name: Annotated[
        str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", description="Its name.")
    ],
    groups: Groups,
    roles: Roles,
    web_shell: Shell = False,
) -> Change:
    """Give roles to all members of groups. Give the least that the work needs."""
    found = await _groups(ctx, groups)
    values: JsonObject = {"name": name, "roles": [*sorted(set(roles))], "web_shell": web_shell}
    own = await _own_groups(ctx)
    mine = ["Holdfast's own account gets these roles too."] if any(get_int(row, "id") in own for row in found) else []
    sent: JsonObject = {**values, "local_groups": [get_int(row, "gid") for row in found]}
    return await create(
        ctx,
        PRIVILEGE,
        {**values, "groups": _names_of(found)},
        write=Write((Way("privilege.create", (sent,)),)),
        summary=f"Give {_few(values['roles'])} to {_few(_names_of(found))} by the privilege {name}",
        blast_radius=[*mine, *_members_told(found)],
    )


def _names_of(groups: list[JsonObject]) -> list[JsonValue]:
    return [*sorted(str(row.get("name")) for row in groups)]


def _few(names: JsonValue) -> str:
    """The first of some names, for people."""
    listed = [str(name) for name in names] if isinstance(names, list) else []
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _members_told(groups: list[JsonObject]) -> list[str]:
    told: list[str] = []
    for row in groups:
        users = row.get("users")
        told.append(f"The group {row.get('name')} has {len(users) if isinstance(users, list) else 0} members.")
    return told


@tool(title="Change privilege", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_privilege(
    ctx: Ctx,
    *,
    privilege: Ref,
    groups: Groups | None = None,
    roles: Roles | None = None,
    web_shell: Annotated[bool | None, Field(description="May use the shell of the web interface.")] = None,
) -> Change:
    """Change what a privilege gives to whom; lists given replace those before. One by which Holdfast's own account has
    its rights is refused.
    """
    row = await find(ctx, PRIVILEGE, privilege)
    if groups is None and roles is None and web_shell is None:
        raise InputError("Nothing to change was given.")
    if (groups is not None or roles is not None) and await _mine(ctx, row):
        raise ConflictError(
            "Holdfast's own account has its rights by this privilege.",
            next_step="Tell the user: it is done in the web interface by another account.",
        )
    found = await _groups(ctx, groups) if groups is not None else []
    values = given(
        groups=_names_of(found) if groups is not None else None,
        roles=[*sorted(set(roles))] if roles is not None else None,
        web_shell=web_shell,
    )
    sent: JsonObject = {key: value for key, value in values.items() if key != "groups"}
    if groups is not None:
        sent["local_groups"] = [get_int(one, "gid") for one in found]
    write = Write((Way("privilege.update", (get_int(row, "id"), sent)),))
    return await update(ctx, PRIVILEGE, row, values, write=write, blast_radius=_members_told(found))


@tool(title="Delete privilege", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_privilege(ctx: Ctx, *, privilege: Ref) -> Change:
    """Delete a privilege: members of its groups lose its roles. One by which Holdfast's own account has its rights, and
    those of the system, are refused.
    """
    row = await find(ctx, PRIVILEGE, privilege)
    if row.get("builtin_name") is not None:
        raise ConflictError(
            f"{row.get('name')} is a privilege of the system.",
            next_step="Privileges of the system stay; make one of your own with truenas_create_privilege.",
        )
    if await _mine(ctx, row):
        raise ConflictError(
            "Holdfast's own account has its rights by this privilege.",
            next_step="Tell the user: it is done in the web interface by another account.",
        )
    return await delete(ctx, PRIVILEGE, row, recreate=again(PRIVILEGE, "name", "groups", "roles", "web_shell"))


@tool(title="List members of group", toolset="access")
async def truenas_list_group_members(ctx: Ctx, *, group: Ref, limit: Limit = 50, cursor: Cursor = None) -> MemberPage:
    """Users that are members of a local group. Those whose primary group it is are told too."""
    row = await find(ctx, GROUP, group)
    users = row.get("users")
    members = users if isinstance(users, list) else []
    return await server_page(
        ctx.client,
        MemberPage,
        ["user.query"],
        lambda user: made(Member, user, primary=user.get("id") not in members),
        filters=[["OR", [["id", "in", members], ["group.id", "=", get_int(row, "id")]]]],
        limit=limit,
        cursor=cursor,
        order_by=["uid"],
        select=["id", "uid", "username", "locked"],
    )


async def _names(ctx: Ctx, row: JsonObject) -> list[JsonValue]:
    users = row.get("users")
    rows = await ctx.client.query("user.query", [["id", "in", users]], {"select": ["username"], "order_by": ["uid"]})
    return [*sorted(get_str(one, "username") for one in rows)]


@tool(title="Set members of group", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_set_group_members(ctx: Ctx, *, group: Ref, users: Names) -> Change:
    """Say which users are members of a local group, with what the group may reach and do."""
    row = await find(ctx, GROUP, group)
    number = get_int(row, "id")
    found = await ctx.client.query("user.query", [["username", "in", list(users)], ["local", "=", True]])
    ids = {get_str(one, "username"): get_int(one, "id") for one in found}
    if unknown := sorted(set(users) - set(ids)):
        raise InputError(
            f"There is no local user {', '.join(unknown[:10])}.", next_step="truenas_list_users lists them."
        )
    before = await _names(ctx, row)
    after: list[JsonValue] = [*sorted(ids)]
    me = await own_account(ctx)
    if me in before and me not in after:
        raise ConflictError(
            f"{me} is the account Holdfast itself uses: it stays in its groups.",
            next_step="Tell the user: it is done in the web interface by another account.",
        )
    roles = row.get("roles")

    async def look() -> Seen:
        now = await _names(ctx, await find(ctx, GROUP, str(number)))
        return Seen(now == after, {"users": now})

    return await change(
        ctx,
        Write((Way("group.update", (number, {"users": [*sorted(ids.values())]})),)),
        summary=f"Set the members of the group {row.get('name')}: {_few(after) or 'nobody'}",
        before={"users": before},
        after={"users": after},
        look=look,
        undo=UndoCall(tool="truenas_set_group_members", arguments={"group": str(row.get("name")), "users": before}),
        blast_radius=[f"The group has the roles {', '.join(map(str, roles[:10]))}."]
        if isinstance(roles, list) and roles
        else [],
        nothing_to_do=before == after,
    )
