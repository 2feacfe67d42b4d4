"""Users, API tokens, roles, grants, effective permissions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.access import (
    ROLE,
    USER,
    grant_rows,
    judged,
    read_role,
    secret_file,
    token_kind,
    token_names,
    write_secret,
)
from holdfast.appliances.proxmox.arguments import Comment, GrantPath
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import Given, form_of, plain
from holdfast.appliances.proxmox.identifiers import PveName, PveTokenId, PveUserId
from holdfast.appliances.proxmox.models.access import (
    ApiAccess,
    ApiAccessPage,
    GrantPage,
    GrantRow,
    Permissions,
    RolePage,
    RoleRow,
    UserPage,
    UserRow,
)
from holdfast.appliances.proxmox.objects import create, delete, read_item, required, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.visibility import absent, if_empty
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, RefusedError
from holdfast.transport.values import JsonValue, as_object, get_str, opt_bool, opt_int, opt_str

Privilege = Annotated[
    str, Grammar("privilege", r"[A-Z][A-Za-z]+\.[A-Z][A-Za-z.]+", 40, "privilege", ("VM.Audit", "Datastore.Allocate"))
]
Privileges = Annotated[list[Privilege], Field(max_length=60, description="All its privileges.")]
Account = Annotated[
    str,
    Grammar(
        "account",
        r"(?:[A-Za-z0-9_][A-Za-z0-9_.+@-]*@[A-Za-z][A-Za-z0-9_.-]+(?:![A-Za-z][A-Za-z0-9_.-]+)?|@[A-Za-z0-9_.-]+)",
        128,
        "user@realm, user@realm!token, or @group",
        ("joe@pve", "ops@pve!ci", "@admins"),
    ),
]
_NO_SECRET = (
    "The token exists, but its secret was not written: nobody has it. Delete it with proxmox_delete_token, then make "
    "another."
)
Enabled = Annotated[bool | None, Field(description="Whether it may log in.")]
Expires = Annotated[int | None, Field(ge=0, le=4_000_000_000, description="Epoch seconds; 0: never.")]
Groups = Annotated[list[PveName] | None, Field(max_length=50, description="All its groups.")]
Text = Annotated[str | None, Field(max_length=200)]
Email = Annotated[str | None, Field(max_length=254, pattern=r"^[^\s@]+@[^\s@]+$", description="E-mail address.")]


@tool(title="Effective permissions", toolset="access")
async def proxmox_permissions(
    ctx: Ctx,
    *,
    user: Annotated[
        PveUserId | PveTokenId | None, Field(description="Of this user or token; the own ones when left out.")
    ] = None,
    path: Annotated[GrantPath | None, Field(description="Only on this path.")] = None,
) -> Permissions:
    """What an account may do, by path, and which groups of tools work with it. Use it when something is not visible."""
    query = form_of({"userid": user, "path": path})
    paths = await ctx.client.object("access", "permissions", query=query or None)
    shown: JsonObject = {where: [*sorted(as_object(held))] for where, held in sorted(paths.items())}
    works, lacks = judged(paths) if path is None else ([], {})
    notes = None if paths else ["This account has no privilege at all: lists come back empty."]
    return Permissions(
        account=user or ctx.client.principal, paths=shown, works=works or None, lacks=lacks or None, notes=notes
    )


@tool(title="List users", toolset="access")
async def proxmox_list_users(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> UserPage:
    """Users with groups, expiry and the names of their API tokens."""
    rows = await ctx.client.rows("access", "users", query={"full": 1})
    rows.sort(key=by("userid"))
    others = rows[1:]  # everybody sees the own account
    notes = await if_empty(ctx.client, others, "Sys.Audit", "/", "/access", "/access/groups")
    return page(
        UserPage,
        rows,
        lambda row: made(UserRow, row, api_access=token_names(row) or None),
        limit,
        cursor,
        notes=notes,
    )


@tool(title="List API tokens", toolset="access")
async def proxmox_list_tokens(ctx: Ctx, *, user: PveUserId, limit: Limit = 50, cursor: Cursor = None) -> ApiAccessPage:
    """API tokens of a user; secrets are never shown."""
    rows = await ctx.client.rows("access", "users", user, "token")

    def convert(row: JsonObject) -> ApiAccess:
        return ApiAccess(
            id=f"{user}!{plain(row.get('tokenid'))}",
            separated=opt_bool(row, "privsep", lenient=True),
            expires_at=opt_int(row, "expire", lenient=True),
            comment=opt_str(row, "comment"),
        )

    return page(ApiAccessPage, sorted(rows, key=by("tokenid")), convert, limit, cursor)


@tool(title="List roles", toolset="access")
async def proxmox_list_roles(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> RolePage:
    """Roles and their privileges, built-in ones included."""
    rows = await ctx.client.rows("access", "roles")
    return page(RolePage, sorted(rows, key=by("roleid")), lambda row: made(RoleRow, row), limit, cursor)


@tool(title="List grants", toolset="access")
async def proxmox_list_grants(
    ctx: Ctx,
    *,
    path: Annotated[GrantPath | None, Field(description="Only on this path.")] = None,
    to: Annotated[Account | None, Field(description="Only to this user, token or @group.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> GrantPage:
    """Access control list: who has which role on which path."""
    rows = await ctx.client.rows("access", "acl")
    found = [
        row
        for row in rows
        if path in (None, row.get("path")) and (to is None or to.removeprefix("@") == plain(row.get("ugid")))
    ]
    found.sort(key=by("path", "type", "ugid", "roleid"))
    notes = await if_empty(ctx.client, rows, "Sys.Audit", "/", "/access")
    return page(GrantPage, found, lambda row: made(GrantRow, row), limit, cursor, notes=notes)


@tool(title="Create user", toolset="access", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_user(
    ctx: Ctx,
    *,
    user: PveUserId,
    groups: Groups = None,
    enabled: Enabled = None,
    expires_at: Expires = None,
    email: Email = None,
    firstname: Annotated[Text, Field(description="First name.")] = None,
    lastname: Annotated[Text, Field(description="Last name.")] = None,
    comment: Comment = None,
) -> Change:
    """Make a user, without a password: a person sets one in Proxmox, or an API token is made for it."""
    return await create(ctx, USER, user, _user(groups, enabled, expires_at, email, firstname, lastname, comment))


@tool(title="Change user", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_update_user(
    ctx: Ctx,
    *,
    user: PveUserId,
    groups: Groups = None,
    enabled: Enabled = None,
    expires_at: Expires = None,
    email: Email = None,
    firstname: Annotated[Text, Field(description="First name.")] = None,
    lastname: Annotated[Text, Field(description="Last name.")] = None,
    comment: Comment = None,
) -> Change:
    """Change a user; what is not given stays. Disabling a user disables its tokens too."""
    _not_own(ctx, user, enabled is False)
    given = _user(groups, enabled, expires_at, email, firstname, lastname, comment)
    return await update(ctx, USER, user, given)


def _user(
    groups: list[str] | None,
    enabled: bool | None,
    expires_at: int | None,
    email: str | None,
    firstname: str | None,
    lastname: str | None,
    comment: str | None,
) -> dict[str, Given]:
    return {
        "groups": groups,
        "enabled": enabled,
        "expires_at": expires_at,
        "email": email,
        "firstname": firstname,
        "lastname": lastname,
        "comment": comment,
    }


def _not_own(ctx: Ctx, account: str, harms: bool) -> None:
    """Refuse to take away the account that Holdfast itself uses."""
    own = ctx.client.principal
    if harms and account in (own, own.partition("!")[0]):
        raise RefusedError(
            f"{account} is the account that Holdfast itself uses. Nothing was executed.",
            next_step="Give Holdfast another account first.",
        )


@tool(title="Delete user", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_user(ctx: Ctx, *, user: PveUserId) -> Change:
    """Delete a user with its tokens and grants."""
    _not_own(ctx, user, True)
    found = await required(ctx, USER, user, lambda client: read_item(client, USER, user))
    names = token_names(found)
    lost = [f"Deletes the API token {user}!{name}." for name in names]
    why = "The user can be made again, but not its password, tokens and grants."
    return await delete(ctx, USER, user, blast_radius=lost, cannot_undo=why)


@tool(title="Create API token", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=False)
async def proxmox_create_token(
    ctx: Ctx,
    *,
    user: PveUserId,
    name: PveName,
    separated: Annotated[bool, Field(description="Rights of its own, none at first; false: all of the user's.")] = True,
    expires_at: Expires = None,
    comment: Comment = None,
) -> Change:
    """Make an API token. Its secret goes to a file in the operator's folder (secrets_dir), never into an answer."""
    kind = token_kind(user)
    place = secret_file(ctx.client.settings.secrets_dir, f"{user}!{name}")
    given: dict[str, Given] = {"separated": separated, "expires_at": expires_at, "comment": comment}
    if await _token(ctx, user, name) is not None:
        raise ConflictError(f"The API token {user}!{name} exists already.", next_step="Choose another name.")
    write = Write("POST", kind.item(name), kind.form(given))

    async def sender() -> JsonValue:
        answer = as_object(await ctx.client.write("POST", *write.path, form=write.form), "token")
        write_secret(place, get_str(answer, "value"))
        return None

    async def look() -> Seen:
        row = await _token(ctx, user, name)
        if row is None:
            return Seen(False, {})
        if not place.exists():
            return Seen(True, kind.shown(row), note=_NO_SECRET)
        return Seen(True, {**kind.shown(row), "file": place.name})

    return await change(
        ctx,
        write,
        summary=f"Create the API token {user}!{name}",
        before={},
        after={"id": f"{user}!{name}", "separated": separated},
        look=look,
        undo=kind.call("proxmox_delete_token", name),
        warnings=[f"Its secret is written to {place.name}; if the answer is lost, so is the secret: delete it then."],
        sender=sender,
    )


async def _token(ctx: Ctx, user: str, name: str) -> JsonObject | None:
    rows = await ctx.client.rows("access", "users", user, "token")
    return next((row for row in rows if plain(row.get("tokenid")) == name), None)


@tool(title="Delete API token", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_token(ctx: Ctx, *, user: PveUserId, name: PveName) -> Change:
    """Delete an API token: whoever uses it is locked out at once."""
    _not_own(ctx, f"{user}!{name}", True)
    return await delete(
        ctx,
        token_kind(user),
        name,
        read=lambda client: _token(ctx, user, name),
        cannot_undo="A token made again has another secret.",
    )


@tool(title="Create role", toolset="access", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_role(ctx: Ctx, *, role: PveName, privileges: Privileges) -> Change:
    """Make a role; it has no effect until it is granted (proxmox_grant)."""
    return await create(ctx, ROLE, role, {"privileges": privileges}, read=read_role(role))


@tool(title="Change role", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_update_role(ctx: Ctx, *, role: PveName, privileges: Privileges) -> Change:
    """Replace the privileges of a role, for everybody who has it."""
    return await update(ctx, ROLE, role, {"privileges": privileges}, read=read_role(role))


@tool(title="Delete role", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_role(ctx: Ctx, *, role: PveName) -> Change:
    """Delete a role with all its grants."""
    users = [row for row in await ctx.client.rows("access", "acl") if row.get("roleid") == role]
    lost = [f"Revokes it from {plain(row.get('ugid'))} on {plain(row.get('path'))}." for row in users[:20]]
    why = "Its grants do not come back with the role." if users else None
    return await delete(ctx, ROLE, role, read=read_role(role), blast_radius=lost, cannot_undo=why)


@tool(title="Grant role", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_grant(
    ctx: Ctx,
    *,
    path: GrantPath,
    to: Account,
    role: PveName,
    propagate: Annotated[bool, Field(description="Also below the path.")] = True,
) -> Change:
    """Grant a role on a path to a user, a token or a @group."""
    return await _grant(ctx, path, to, role, propagate=propagate, remove=False)


@tool(title="Revoke role", toolset="access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_revoke(ctx: Ctx, *, path: GrantPath, to: Account, role: PveName) -> Change:
    """Take a role on a path away from a user, a token or a @group."""
    _not_own(ctx, to, True)
    return await _grant(ctx, path, to, role, propagate=None, remove=True)


async def _grant(ctx: Ctx, path: str, to: str, role: str, *, propagate: bool | None, remove: bool) -> Change:
    who = to.removeprefix("@")
    field = "groups" if to.startswith("@") else "tokens" if "!" in to else "users"
    now = grant_rows(await ctx.client.rows("access", "acl"), path, who, role)
    known = opt_bool(now[0], "propagate", lenient=True) if now else None
    if remove and not now:
        step = "proxmox_list_grants lists grants."
        raise await absent(
            ctx.client, f"grant of {role} on {path} to {to}", step, "Permissions.Modify", "/", "/access", path
        )
    form = form_of({"path": path, "roles": role, field: who, "propagate": propagate, "delete": remove or None})

    async def look() -> Seen:
        seen = grant_rows(await ctx.client.rows("access", "acl"), path, who, role)
        flag = opt_bool(seen[0], "propagate", lenient=True) if seen else None
        return Seen(not seen if remove else bool(seen) and flag == propagate, {"granted": bool(seen)})

    arguments: JsonObject = {"path": path, "to": to, "role": role}
    if remove or now:
        undo = UndoCall(tool="proxmox_grant", arguments={**arguments, "propagate": bool(known)})
    else:
        undo = UndoCall(tool="proxmox_revoke", arguments=arguments)
    return await change(
        ctx,
        Write("PUT", ("access", "acl"), form),
        summary=f"{'Revoke' if remove else 'Grant'} {role} on {path} {'from' if remove else 'to'} {to}",
        before={"granted": bool(now), "propagate": known},
        after={"granted": not remove, "propagate": propagate},
        look=look,
        undo=undo,
        nothing_to_do=not remove and bool(now) and known == propagate,
    )
