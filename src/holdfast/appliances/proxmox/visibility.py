"""What an account may not see looks like what is not there: here they are told apart (contract 3; 18, trap 5)."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.errors import NotFoundError
from holdfast.transport.values import JsonObject, opt_object


async def holds(client: AsyncProxmoxClient, privilege: str, *where: str) -> bool:
    """Whether the account has a privilege on one of the paths."""
    granted = await client.object("access", "permissions")
    return any(privilege in (opt_object(granted, path) or {}) for path in where)


async def if_empty(client: AsyncProxmoxClient, rows: Sequence[JsonObject], privilege: str, *where: str) -> list[str]:
    """The remark on a list that the appliance filters silently: asked for, with one request, only when it is empty.

    Args:
        client: Where to ask.
        rows: What the appliance listed.
        privilege: That shows such rows.
        where: Paths on which it shows all of them; the last is the one to grant it on.
    """
    if rows or await holds(client, privilege, *where):
        return []
    return [
        f"This account lacks {privilege} on {where[-1]}: what there is may be hidden from it. "
        "proxmox_permissions shows what it may see."
    ]


async def absent(client: AsyncProxmoxClient, what: str, next_step: str, privilege: str, *where: str) -> NotFoundError:
    """The error about something that no list shows: it is not there, or this account may not see it.

    Args:
        client: Where to ask.
        what: It, with its kind.
        next_step: How to find what there is.
        privilege: That shows such things.
        where: Paths on which it shows all of them; the last is the one to grant it on.
    """
    if await holds(client, privilege, *where):
        return NotFoundError(f"There is no {what}.", next_step=next_step)
    return NotFoundError(
        f"No {what} is visible to this account, which may not see all of them.",
        next_step=f"{next_step} A role with {privilege} on {where[-1]} shows the others.",
        details={"path": where[-1], "privilege": privilege},
    )
