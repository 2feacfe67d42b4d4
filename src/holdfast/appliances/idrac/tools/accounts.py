"""Users of the iDRAC and their roles."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import accounts
from holdfast.appliances.idrac.arguments import UserName
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import Account, AccountPage, Role, RolePage
from holdfast.appliances.idrac.files import FileName
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.appliances.idrac.reading import flag, text
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject

User = Annotated[UserName, Field(description="User name.")]
RoleName = Annotated[
    RedfishId, Field(description="Administrator, Operator, ReadOnly, None, or one of idrac_list_roles.")
]
PasswordFile = Annotated[
    FileName | None, Field(description="File in secrets_dir with the password; a new one is made when left out.")
]


@tool(title="List accounts", toolset="accounts")
async def idrac_list_accounts(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> AccountPage:
    """Users of the iDRAC with role and state."""
    users = await accounts.read_users(ctx.client)
    rows = [row for row in users.rows if text(row, "UserName")]

    def shown(row: JsonObject) -> Account:
        return Account(
            id=text(row, "Id") or "?",
            name=text(row, "UserName") or "",
            role=text(row, "RoleId"),
            enabled=flag(row, "Enabled"),
            locked=flag(row, "Locked"),
            own=text(row, "UserName") == ctx.client.settings.username,
        )

    return page(AccountPage, rows, shown, limit, cursor, free_slots=len(users.free) if users.slots else None)


@tool(title="List roles", toolset="accounts")
async def idrac_list_roles(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> RolePage:
    """Roles of the iDRAC and what they may do."""
    rows = await accounts.read_roles(ctx.client)

    def shown(row: JsonObject) -> Role:
        return Role(
            id=text(row, "RoleId", "Id") or "?",
            privileges=list(accounts.privileges(row)),
            predefined=flag(row, "IsPredefined"),
        )

    return page(RolePage, rows, shown, limit, cursor)


@tool(title="Create account", toolset="accounts", risk=Risk.WRITE, idempotent=False)
async def idrac_create_account(
    ctx: Ctx,
    *,
    user: User,
    role: RoleName = "ReadOnly",
    enabled: Annotated[bool, Field(description="Whether it can log in.")] = True,
    password_file: PasswordFile = None,
) -> Change:
    """Create a user. Its password is read from, or written to, a file in the operator's secrets_dir, never told."""
    return await accounts.plan_create(ctx, user, role, enabled, password_file)


@tool(title="Change account", toolset="accounts", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_update_account(
    ctx: Ctx,
    *,
    user: User,
    role: RoleName | None = None,
    enabled: Annotated[bool | None, Field(description="Whether it can log in.")] = None,
    new_password: Annotated[bool, Field(description="Give it another password.")] = False,
    password_file: PasswordFile = None,
) -> Change:
    """Change role, state or password of a user; not of Holdfast's own, nor the last administrator's."""
    renewed = new_password or password_file is not None
    return await accounts.plan_update(
        ctx, user, role=role, enabled=enabled, password=renewed, password_file=password_file
    )


@tool(title="Delete account", toolset="accounts", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_delete_account(ctx: Ctx, *, user: User) -> Change:
    """Delete a user; not Holdfast's own, nor the last administrator."""
    return await accounts.plan_delete(ctx, user)
