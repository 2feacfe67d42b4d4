"""Users, groups, API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.truenas.arguments import ObjectRef
from holdfast.appliances.truenas.collections import (
    Collection,
    again,
    create,
    delete,
    find,
    given,
    given_some,
    rows_of,
    update,
)
from holdfast.appliances.truenas.models.accounts import ApiKey, ApiKeyPage, Group, GroupPage, User, UserPage
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.identifiers import UserName
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError
from holdfast.transport.values import JsonValue, as_list, as_object, get_int

USER: Final = Collection(
    namespace="user",
    noun="user",
    key="username",
    shown=("username", "uid", "full_name", "email", "shell", "smb", "locked", "password_disabled", "groups"),
    list_tool="truenas_list_users",
    ref="user",
    create_tool="truenas_create_user",
    update_tool="truenas_update_user",
    delete_tool="truenas_delete_user",
    stamp="last_password_change",
)
GROUP: Final = Collection(
    namespace="group",
    noun="group",
    key="name",
    shown=("name", "gid", "smb"),
    list_tool="truenas_list_groups",
    ref="group",
    create_tool="truenas_create_group",
    update_tool="truenas_update_group",
    delete_tool="truenas_delete_group",
)
KEY: Final = Collection(
    namespace="api_key",
    noun="API key",
    key="name",
    shown=("name", "username", "expires_at"),
    list_tool="truenas_list_api_keys",
    ref="ref",  # an argument called key would be hidden as if it were one
    update_tool="truenas_update_api_key",
    delete_tool="truenas_delete_api_key",
    unset={"expires_at": "never"},
)

Ref = Annotated[ObjectRef, Field(description="Name or id.")]
FullName = Annotated[str | None, Field(max_length=120, description="Full name.")]
Email = Annotated[str | None, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail address.")]
Password = Annotated[
    str | None, Field(min_length=8, max_length=256, description="Password; none: no login by password.")
]
Smb = Annotated[bool | None, Field(description="May use SMB shares.")]
Builtin = Annotated[bool, Field(description="Those of the system too.")]
_OWN: Final[list[JsonValue]] = [["builtin", "=", False]]
_MINE: Final = "That is the account Holdfast itself uses."


@tool(title="List users", toolset="accounts")
async def truenas_list_users(
    ctx: Ctx, *, builtin: Builtin = False, limit: Limit = 50, cursor: Cursor = None
) -> UserPage:
    """Local users with roles, lock and two-factor state. Secrets are never shown."""
    filters: list[JsonValue] = [["local", "=", True], *([] if builtin else _OWN)]
    return await server_page(
        ctx.client,
        UserPage,
        ["user.query"],
        lambda row: made(User, row),
        filters=filters,
        limit=limit,
        cursor=cursor,
        order_by=["uid"],
        select=[
            "id",
            "uid",
            "username",
            "full_name",
            "email",
            "shell",
            "smb",
            "locked",
            "password_disabled",
            "roles",
            "twofactor_auth_configured",
        ],
    )


@tool(title="List groups", toolset="accounts")
async def truenas_list_groups(
    ctx: Ctx, *, builtin: Builtin = False, limit: Limit = 50, cursor: Cursor = None
) -> GroupPage:
    """Local groups with their roles and how many members they have."""
    filters: list[JsonValue] = [["local", "=", True], *([] if builtin else _OWN)]
    return await server_page(
        ctx.client,
        GroupPage,
        ["group.query"],
        _group,
        filters=filters,
        limit=limit,
        cursor=cursor,
        order_by=["gid"],
        select=["id", "gid", "name", "smb", "roles", "users"],
    )


def _group(row: JsonObject) -> Group:
    users = row.get("users")
    return made(Group, row, members=len(users) if isinstance(users, list) else None)


@tool(title="List API keys", toolset="accounts")
async def truenas_list_api_keys(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> ApiKeyPage:
    """API keys by name and owner, with expiry, and which are revoked. The keys themselves are never shown."""
    return await server_page(
        ctx.client,
        ApiKeyPage,
        ["api_key.query"],
        lambda row: made(ApiKey, row),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["id"],
        select=["id", "name", "username", "created_at", "expires_at", "revoked", "revoked_reason"],
    )


@tool(title="Delete API key", toolset="accounts", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_api_key(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete an API key: whatever logs in with it is locked out. The key that Holdfast uses is refused."""
    row = await find(ctx, KEY, ref)
    if ctx.client.key_id == get_int(row, "id"):
        raise ConflictError(
            "That is the key Holdfast itself uses.",
            next_step="Tell the user: it is done in the web interface by another account.",
        )
    return await delete(ctx, KEY, row, blast_radius=[f"Whatever uses the key as {row.get('username')} is locked out."])


@tool(title="Create user", toolset="accounts", risk=Risk.WRITE, idempotent=False)
async def truenas_create_user(
    ctx: Ctx,
    *,
    username: UserName,
    full_name: Annotated[str, Field(min_length=1, max_length=120, description="Full name.")],
    password: Password = None,
    group: Annotated[
        ObjectRef | None, Field(description="Primary group; one of the same name is made otherwise.")
    ] = None,
    email: Email = None,
    smb: Smb = None,
) -> Change:
    """Create a local user. Without a password nobody can log in as this user by password."""
    values: JsonObject = {
        "username": username,
        "full_name": full_name,
        "password_disabled": password is None,
        **given(email=email),
        # SMB needs a password to make its hash of.
        "smb": bool(smb) if password is None else (True if smb is None else smb),
    }
    made_with_it = False
    if group is None:
        values["group_create"] = True  # TrueNAS takes the group of that name where there is one
        made_with_it = not await rows_of(ctx, GROUP, [["name", "=", username]])
    else:
        values["group"] = get_int(await find(ctx, GROUP, group), "id")
    change = await create(ctx, USER, values, secret={"password": password} if password else None)
    if change.undo is None or not made_with_it:
        return change
    return replace(change, undo=UndoCall(tool=change.undo.tool, arguments={"user": username, "with_group": True}))


@tool(title="Change user", toolset="accounts", risk=Risk.WRITE, idempotent=True)
async def truenas_update_user(
    ctx: Ctx,
    *,
    user: Ref,
    full_name: FullName = None,
    email: Email = None,
    smb: Smb = None,
    locked: Annotated[bool | None, Field(description="May not log in.")] = None,
    password: Annotated[str | None, Field(min_length=8, max_length=256, description="New password.")] = None,
) -> Change:
    """Change a local user: name, e-mail, lock, password. What is not given stays."""
    row = await find(ctx, USER, user)
    if locked and row.get("username") == await own_account(ctx):
        raise ConflictError(_MINE, next_step="Tell the user: it is done in the web interface by another account.")
    by_password = ctx.client.settings.api_key is None and row.get("username") == ctx.client.settings.username
    if password is not None and by_password:
        raise ConflictError(
            "Holdfast itself logs in with the password of this account: a new one would lock it out.",
            next_step="Tell the user: change it in the web interface and in the target's configuration.",
        )
    values = given(full_name=full_name, email=email, smb=smb, locked=locked)
    if not values and password is None:
        raise InputError("Nothing to change was given.")
    return await update(
        ctx,
        USER,
        row,
        values,
        secret={"password": password} if password else None,
        summary=f"Give the {USER.label(row)} a new password{' and change it' if values else ''}" if password else None,
        destructive=bool(locked or password),
        blast_radius=_administrator(row) if locked or password else [],
    )


def _administrator(row: JsonObject) -> list[str]:
    """What else is touched where somebody is kept out who may do everything."""
    roles = row.get("roles")
    if not isinstance(roles, list) or "FULL_ADMIN" not in roles:
        return []
    return [f"{row.get('username')} is a full administrator: whoever logs in as this user is kept out."]


async def own_account(ctx: Ctx) -> JsonValue:
    """Name of the account that Holdfast uses."""
    return as_object(await ctx.client.call("auth.me"), "auth.me").get("pw_name")


@tool(title="Delete user", toolset="accounts", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_user(
    ctx: Ctx,
    *,
    user: Ref,
    with_group: Annotated[bool, Field(description="Its primary group too, when nobody else has it.")] = False,
) -> Change:
    """Delete a local user with its API keys. Files stay and belong to the bare number."""
    row = await find(ctx, USER, user)
    if row.get("builtin") or row.get("immutable"):
        raise ConflictError(
            f"{row.get('username')} is a user of the system.",
            next_step="Users of the system stay; truenas_list_users tells which are.",
        )
    if row.get("username") == await own_account(ctx):
        raise ConflictError(_MINE, next_step="Tell the user: it is done in the web interface by another account.")
    keys = as_list(row.get("api_keys") or [], "api_keys")
    return await delete(
        ctx,
        USER,
        row,
        {"delete_group": with_group},
        cannot_undo="Its password is not known; make the user anew with the same uid by hand.",
        blast_radius=[*_administrator(row), *([f"{len(keys)} API keys of the user stop working."] if keys else [])],
    )


@tool(title="Create group", toolset="accounts", risk=Risk.WRITE, idempotent=False)
async def truenas_create_group(ctx: Ctx, *, name: UserName, smb: Smb = None) -> Change:
    """Create a local group. It has no roles and no members at first."""
    return await create(ctx, GROUP, {"name": name, **given(smb=smb)})


@tool(title="Change group", toolset="accounts", risk=Risk.WRITE, idempotent=True)
async def truenas_update_group(
    ctx: Ctx,
    *,
    group: Ref,
    name: UserName | None = None,
    smb: Smb = None,
) -> Change:
    """Rename a local group, or let it appear to SMB. Members are those of the users."""
    row = await find(ctx, GROUP, group)
    values = given_some(name=name, smb=smb)
    return await update(ctx, GROUP, row, values)


@tool(title="Delete group", toolset="accounts", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_group(ctx: Ctx, *, group: Ref) -> Change:
    """Delete a local group. Its users stay; what only the group could reach, they cannot reach any more."""
    row = await find(ctx, GROUP, group)
    if row.get("builtin"):
        raise ConflictError(
            f"{row.get('name')} is a group of the system.",
            next_step="Groups of the system stay; truenas_list_groups tells which are.",
        )
    users = as_list(row.get("users") or [], "users")
    return await delete(
        ctx,
        GROUP,
        row,
        {"delete_users": False},
        recreate=None if users or row.get("roles") else again(GROUP, "name", "smb"),
        cannot_undo="Its members and roles cannot be given to the create tool; files keep its old number.",
        blast_radius=[f"It has {len(users)} members."] if users else [],
    )
