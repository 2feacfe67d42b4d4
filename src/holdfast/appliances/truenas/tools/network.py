"""Network interfaces: changed only through a commit that the appliance takes back unless it is checked in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import at_least_one, given
from holdfast.appliances.truenas.models.network import Interface, InterfacePage, NetworkChanges
from holdfast.appliances.truenas.network import (
    MEMBERS,
    WOULD_GO,
    Staging,
    carrying,
    interface_named,
    plan_commit,
    plan_update,
    refuse_pending,
    shown,
)
from holdfast.appliances.truenas.reading import dig, made
from holdfast.appliances.truenas.writes import Ctx, Seen, call
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import Cidr
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError, NotFoundError
from holdfast.transport.values import JsonValue, as_objects, opt_str

InterfaceName = Annotated[
    str,
    Grammar("interface", r"[a-z][a-z0-9]{0,9}(?:[.][0-9]{1,4})?", 15, "interface name", ("eno1", "bond0", "vlan10")),
]
Rollback = Annotated[int, Field(ge=30, le=120, description="Taken back after so many seconds unseen.")]
Mtu = Annotated[int | None, Field(ge=68, le=9216, description="MTU, bytes.")]
Text = Annotated[str | None, Field(max_length=120, description="Description.")]
Addresses = Annotated[list[Cidr] | None, Field(max_length=16, description="Static addresses; replaces all.")]
Dhcp = Annotated[bool | None, Field(description="IPv4 by DHCP.")]
Members = Annotated[list[InterfaceName] | None, Field(max_length=16, description="Of a bridge or LAG; replaces all.")]
LagProtocol = Literal["LACP", "FAILOVER", "LOADBALANCE"]


@tool(title="List interfaces", toolset="network")
async def truenas_list_interfaces(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> InterfacePage:
    """Network interfaces: configured and actual addresses, link, MTU; and whether changes wait uncommitted."""
    rows = await ctx.client.query("interface.query", [], {"order_by": ["name"]})
    pending = await ctx.client.call("interface.has_pending_changes")
    notes = ["Changes wait uncommitted; somebody prepares something."] if pending else []
    return page(InterfacePage, rows, _interface, limit, cursor, notes=notes)


def _interface(row: JsonObject) -> Interface:
    facts = shown(row)
    return made(
        Interface,
        row,
        configured=facts["addresses"],
        actual=_addresses(dig(row, "state.aliases")),
        link=str(dig(row, "state.link_state") or "").removeprefix("LINK_STATE_").lower() or None,
        parent=facts.get("parent"),
        tag=facts.get("tag"),
        members=facts.get("members"),
    )


def _addresses(value: JsonValue) -> list[str]:
    rows = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return [f"{row.get('address')}/{row.get('netmask')}" for row in rows if row.get("type") in ("INET", "INET6")]


@tool(title="Show network changes", toolset="network")
async def truenas_network_changes(ctx: Ctx) -> NetworkChanges:
    """Whether changes of interfaces wait: staged, or committed and taken back unless confirmed; what they would do."""
    pending = await ctx.client.call("interface.has_pending_changes")
    waiting = await ctx.client.call("interface.checkin_waiting")
    if not pending:
        return NetworkChanges(pending=False)
    gone = await ctx.client.first(WOULD_GO)
    services = as_objects(await ctx.client.call("interface.services_restarted_on_sync"), "services")
    lost = [str(item) for item in gone] if isinstance(gone, list) else (["default route"] if gone else [])
    return NetworkChanges(
        pending=True,
        committed=waiting is not None,
        taken_back_in_s=waiting if isinstance(waiting, int) else None,
        would_lose=lost or None,
        would_restart=[opt_str(row, "service") or "?" for row in services] or None,
    )


@tool(title="Discard network changes", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_revert_network(ctx: Ctx) -> Change:
    """Take back what is staged, or committed and not confirmed yet, whoever prepared it."""
    return await _ended(ctx, "interface.rollback", "Take back the changes of the network that wait")


@tool(title="Confirm network changes", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_confirm_network(ctx: Ctx) -> Change:
    """Keep changes of interfaces that were committed and would be taken back otherwise. Holdfast confirms its own."""
    return await _ended(ctx, "interface.checkin", "Keep the committed changes of the network")


async def _ended(ctx: Ctx, method: str, summary: str) -> Change:
    async def state() -> JsonObject:
        pending = await ctx.client.call("interface.has_pending_changes")
        return {"pending": pending, "committed": await ctx.client.call("interface.checkin_waiting") is not None}

    async def look() -> Seen:
        now = await state()
        return Seen(now == settled, now)

    settled: JsonObject = {"pending": False, "committed": False}
    before = await state()
    keeps = method == "interface.checkin"
    if keeps and before["pending"] and not before["committed"]:
        raise ConflictError(
            "The changes are staged, and not committed: there is nothing to confirm.",
            next_step="Have them committed in the web interface, or discard them with truenas_revert_network.",
        )
    return await change(
        ctx,
        call(method),
        summary=summary,
        before=before,
        after=settled,
        look=look,
        cannot_undo="What was taken back has to be made again." if not keeps else "Change the interfaces back.",
        blast_radius=["Connections over changed interfaces are interrupted."] if not keeps else [],
        nothing_to_do=before == settled,
    )


@tool(title="Change interface", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True, time_limit_s=180)
async def truenas_update_interface(
    ctx: Ctx,
    *,
    interface: InterfaceName,
    addresses: Addresses = None,
    dhcp: Dhcp = None,
    mtu: Mtu = None,
    description: Text = None,
    members: Members = None,
    rollback_s: Rollback = 60,
) -> Change:
    """Change a network interface. TrueNAS takes the change back by itself unless Holdfast reaches it again
    afterwards at the address it knows, and confirms. Refused while somebody else's changes wait uncommitted.
    """
    if dhcp and addresses:
        raise InputError("Give either addresses or dhcp=true.")
    row = await interface_named(ctx, interface)
    await refuse_pending(ctx)
    if dhcp and addresses is None and (static := _static(row)):
        raise InputError(
            f"{interface} has static addresses ({', '.join(static)}); DHCP and static addresses exclude each other.",
            next_step="Give addresses=[] beside dhcp=true to give them up.",
        )
    values = given(aliases=_aliases(addresses), ipv4_dhcp=dhcp, mtu=mtu, description=description)
    if values.get("aliases") and dhcp is None and row.get("ipv4_dhcp"):
        values["ipv4_dhcp"] = False
    if members is not None:
        field = MEMBERS.get(str(row.get("type")))
        if field is None:
            raise InputError(f"{interface} is neither a bridge nor a LAG: it has no members.")
        await _refuse_own(ctx, [name for name in members if name not in _list(row.get(field))])
        values[field] = [*members]
    at_least_one(values)
    return await plan_update(ctx, row, values, rollback_s=rollback_s)


def _static(row: JsonObject) -> list[str]:
    addresses = shown(row)["addresses"]
    texts = [str(address) for address in addresses] if isinstance(addresses, list) else []
    return [address for address in texts if ":" not in address]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


async def _refuse_own(ctx: Ctx, names: list[str]) -> None:
    """A member of a bridge or LAG loses its addresses.

    Raises:
        ConflictError: Holdfast itself is connected over one of them.
    """
    own = await carrying(ctx)
    if taken := [name for name in names if name in own]:
        raise ConflictError(
            f"Holdfast itself is connected over {', '.join(taken)}, which would lose its addresses as a member.",
            next_step="Do that from the console, or reach TrueNAS over another interface first.",
        )


@tool(title="Create interface", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=False, time_limit_s=180)
async def truenas_create_interface(
    ctx: Ctx,
    *,
    name: InterfaceName,
    kind: Annotated[Literal["VLAN", "BRIDGE", "LAG"], Field(description="Names begin with vlan, br or bond.")],
    parent: Annotated[InterfaceName | None, Field(description="VLAN: interface that carries it.")] = None,
    tag: Annotated[int | None, Field(ge=1, le=4094, description="VLAN: tag.")] = None,
    members: Members = None,
    lag_protocol: Annotated[LagProtocol, Field(description="LAG: protocol.")] = "LACP",
    addresses: Addresses = None,
    dhcp: Dhcp = None,
    mtu: Mtu = None,
    description: Text = None,
    rollback_s: Rollback = 60,
) -> Change:
    """Create a VLAN, a bridge or a link aggregation, with the same safety as truenas_update_interface."""
    if dhcp and addresses:
        raise InputError("Give either addresses or dhcp=true.")
    if (kind == "VLAN") != (parent is not None and tag is not None) or (kind == "VLAN" and members):
        raise InputError("A VLAN needs parent and tag, and only a VLAN has them; bridges and LAGs have members.")
    if kind == "LAG" and not members:
        raise InputError("A LAG needs members.")
    rows = await ctx.client.query("interface.query", [], {"select": ["id"]})
    there = [row.get("id") for row in rows]
    if name in there:
        raise ConflictError(f"There already is an interface {name}.", next_step="Choose another name.")
    if unknown := [one for one in (*(members or []), *([parent] if parent else [])) if one not in there]:
        raise NotFoundError(f"There is no interface {unknown[0]}.", next_step="truenas_list_interfaces lists them.")
    await refuse_pending(ctx)
    await _refuse_own(ctx, members or [])
    vendor = "LINK_AGGREGATION" if kind == "LAG" else kind
    values: JsonObject = {
        "name": name,
        "type": vendor,
        **given(aliases=_aliases(addresses), ipv4_dhcp=dhcp, mtu=mtu, description=description),
        **given(vlan_parent_interface=parent, vlan_tag=tag),
    }
    if kind == "LAG":
        values["lag_protocol"] = lag_protocol
    if vendor in MEMBERS:
        values[MEMBERS[vendor]] = [*(members or [])]
    blank: JsonObject = {"aliases": [], "ipv4_dhcp": False, "mtu": None, "description": ""}
    return await plan_commit(
        ctx,
        Staging("interface.create", (values,), name, shown({**blank, **values})),
        summary=f"Create the {kind} {name}",
        before={},
        rollback_s=rollback_s,
        undo=UndoCall(tool="truenas_delete_interface", arguments={"interface": name}),
    )


@tool(title="Delete interface", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True, time_limit_s=180)
async def truenas_delete_interface(ctx: Ctx, *, interface: InterfaceName, rollback_s: Rollback = 60) -> Change:
    """Delete a VLAN, a bridge or a link aggregation, with the same safety as truenas_update_interface. One that carries
    Holdfast's own connection is refused.
    """
    row = await interface_named(ctx, interface)
    if row.get("type") == "PHYSICAL":
        raise ConflictError(f"{interface} is a physical interface.", next_step="truenas_update_interface changes it.")
    if interface in await carrying(ctx):
        raise ConflictError(
            f"Holdfast itself is connected over {interface}.",
            next_step="Tell the user: it is done at the console, or over another interface.",
        )
    await refuse_pending(ctx)
    before = shown(row)
    kind = "LAG" if row.get("type") == "LINK_AGGREGATION" else row.get("type")
    arguments: JsonObject = {"name": interface, "kind": kind}
    for name, value in before.items():
        if value not in (None, "", []) and not (name == "dhcp" and not value):
            arguments[name] = value
    return await plan_commit(
        ctx,
        Staging("interface.delete", (interface,), interface, None),
        summary=f"Delete the {kind} {interface}",
        before=before,
        rollback_s=rollback_s,
        undo=UndoCall(tool="truenas_create_interface", arguments=arguments),
    )


def _aliases(addresses: list[str] | None) -> list[JsonValue] | None:
    return [_alias(address) for address in addresses] if addresses is not None else None


def _alias(address: str) -> JsonObject:
    host, _, prefix = address.partition("/")
    return {"type": "INET6" if ":" in host else "INET", "address": host, "netmask": int(prefix)}
