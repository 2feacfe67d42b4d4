"""Network interfaces: changed only through a commit that the appliance takes back unless it is checked in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.truenas.changes import Ctx
from holdfast.appliances.truenas.collections import given
from holdfast.appliances.truenas.models.network import Interface, InterfacePage
from holdfast.appliances.truenas.network import interface_named, plan_commit, shown
from holdfast.appliances.truenas.reading import dig, made, page
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import Cidr
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError
from holdfast.transport.values import JsonValue

InterfaceName = Annotated[
    str,
    Grammar("interface", r"[a-z][a-z0-9]{0,9}(?:[.][0-9]{1,4})?", 15, "interface name", ("eno1", "bond0", "vlan10")),
]


@tool(title="List interfaces", toolset="network")
async def truenas_list_interfaces(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> InterfacePage:
    """Network interfaces: configured and actual addresses, link, MTU; and whether changes wait uncommitted."""
    rows = await ctx.client.query("interface.query", [], {"order_by": ["name"]})
    pending = await ctx.client.call("interface.has_pending_changes")
    notes = ["Changes wait uncommitted; somebody prepares something."] if pending else []
    return page(InterfacePage, rows, _interface, limit, cursor, notes=notes)


def _interface(row: JsonObject) -> Interface:
    return made(
        Interface,
        row,
        configured=shown(row)["addresses"],
        actual=_addresses(dig(row, "state.aliases")),
        link=str(dig(row, "state.link_state") or "").removeprefix("LINK_STATE_").lower() or None,
    )


def _addresses(value: JsonValue) -> list[str]:
    rows = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return [f"{row.get('address')}/{row.get('netmask')}" for row in rows if row.get("type") in ("INET", "INET6")]


@tool(title="Change interface", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True, time_limit_s=180)
async def truenas_update_interface(
    ctx: Ctx,
    *,
    interface: InterfaceName,
    addresses: Annotated[list[Cidr] | None, Field(max_length=16, description="Static addresses; replaces all.")] = None,
    dhcp: Annotated[bool | None, Field(description="IPv4 by DHCP.")] = None,
    mtu: Annotated[int | None, Field(ge=68, le=9216, description="MTU, bytes.")] = None,
    description: Annotated[str | None, Field(max_length=120, description="Description.")] = None,
    rollback_s: Annotated[int, Field(ge=30, le=120, description="Taken back after so many seconds unseen.")] = 60,
) -> Change:
    """Change a network interface. TrueNAS takes the change back by itself unless Holdfast reaches it again
    afterwards at the address it knows, and confirms. Refused while somebody else's changes wait uncommitted.
    """
    if dhcp and addresses:
        raise InputError("Give either addresses or dhcp=true.")
    row = await interface_named(ctx, interface)
    if await ctx.client.call("interface.has_pending_changes"):
        raise ConflictError(
            "Somebody's changes of the network wait uncommitted; committing would apply them too.",
            next_step="Have them committed or discarded in the web interface first.",
        )
    aliases: list[JsonValue] | None = None
    if addresses is not None:
        aliases = [_alias(address) for address in addresses]
    values = given(aliases=aliases, ipv4_dhcp=dhcp, mtu=mtu, description=description)
    if aliases and dhcp is None and row.get("ipv4_dhcp"):
        values["ipv4_dhcp"] = False
    if not values:
        raise InputError("Nothing to change was given.")
    return await plan_commit(ctx, row, values, rollback_s=rollback_s)


def _alias(address: str) -> JsonObject:
    host, _, prefix = address.partition("/")
    return {"type": "INET6" if ":" in host else "INET", "address": host, "netmask": int(prefix)}
