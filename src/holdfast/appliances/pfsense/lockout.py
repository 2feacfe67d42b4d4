"""The lock-out guard: a change that would cut the way Holdfast itself comes is refused unless it is forced.

Compared are the rules (or interfaces, routes, …) before and after, for the packet that opens Holdfast's own
connection. pfSense's anti-lockout rule may still let it in; the API does not say whether that is on, so the guard does
not count on it. Where it cannot be told which interface carries the connection, none may be cut.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.errors import LockOutError
from holdfast.appliances.pfsense.facts import model_named
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.appliances.pfsense.names import InterfaceNames, interface_names, names_from
from holdfast.appliances.pfsense.packets import Address, Filter, Packet, as_network, interface_networks, mapped_network
from holdfast.transport.values import JsonObject

Rows = Sequence[JsonObject]
_ADDRESSING: Final = ("enable", "if", "typev4", "ipaddr", "subnet", "typev6", "ipaddrv6", "subnetv6")


@dataclass(frozen=True)
class Path:
    """How Holdfast reaches the firewall.

    Attributes:
        source: The address it speaks from, as the firewall sees it.
        destination: The firewall's address; None when the configured host is none of its interfaces'.
        interface: Id of the interface that carries the connection; None when it cannot be told.
    """

    source: Address
    destination: Address | None
    port: int
    names: InterfaceNames
    interface: str | None

    @property
    def packet(self) -> Packet | None:
        """The packet that opens the connection."""
        if self.interface is None:
            return None
        nets = interface_networks(self.names.rows[self.interface])
        own = next((net.ip for net in nets if net.version == self.source.version), None)
        destination = self.destination or own
        if destination is None or destination.version != self.source.version:
            return None
        return Packet(self.interface, "tcp", self.source, destination, None, self.port)


async def own_path(client: HTTPPfSenseClient, names: InterfaceNames) -> Path:
    """The way from here to the firewall, as far as it can be told."""
    settings = client.settings
    host, source = await _ends(settings.host, settings.effective_port, settings.own_address)
    there = Filter(names, {})
    destination = host if host in there.own_addresses() else None
    carrier = there.interface_towards(source)
    return Path(source, destination, settings.effective_port, names, carrier)


async def _ends(host: str, port: int, own: str | None) -> tuple[Address, Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    there = ipaddress.ip_address(str(address[0]).partition("%")[0])
    if own is not None:
        return there, ipaddress.ip_address(own)
    # Connecting a datagram socket sends nothing: it only asks the routing table for the address to speak from.
    with socket.socket(family, kind, protocol) as probe:
        probe.setblocking(False)
        probe.connect(address)
        return there, ipaddress.ip_address(str(probe.getsockname()[0]).partition("%")[0])


async def guard(client: HTTPPfSenseClient, kind: Kind, before: Rows, after: Rows, *, force: bool) -> None:
    """Refuse a change that would cut off Holdfast's own address.

    Raises:
        LockOutError: It would. Nothing was executed.
    """
    check = _CHECKS.get(kind.name)
    if check is None or not kind.guarded or force:
        return
    reason = await check(client, before, after)
    if reason is not None:
        raise LockOutError(
            f"This change would cut off the address that Holdfast speaks from: {reason}. Nothing was executed.",
            next_step="Make sure of another way in first (console, other interface); then call it again with "
            "allow_lockout=true.",
        )


async def _rules(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    names, aliases = await _surroundings(client, before)
    return await _compare(client, Filter(names, aliases), before, Filter(names, aliases), after)


async def _aliases(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    rules = await client.rows(model_named("FirewallRule"))
    names, _ = await _surroundings(client, rules)
    return await _compare(client, Filter(names, _named(before)), rules, Filter(names, _named(after)), rules)


async def _compare(client: HTTPPfSenseClient, now: Filter, rules: Rows, then: Filter, new_rules: Rows) -> str | None:
    packet = (await own_path(client, now.names)).packet
    if packet is None:
        return None
    old, new = now.decide(rules, packet), then.decide(new_rules, packet)
    if old.action == "pass" and (new.action != "pass" or (old.certain and not new.certain)):
        rule = new.rule if new.action != "pass" else new.doubts[0]
        told = f"rule {rule.get('descr') or rule.get('tracker') or 'to be made'!r}" if rule else "the default deny"
        return f"{told} would block {packet.source} to {packet.destination} port {packet.destination_port}"
    return None


async def _surroundings(client: HTTPPfSenseClient, rules: Rows) -> tuple[InterfaceNames, Mapping[str, JsonObject]]:
    interfaces, groups, aliases = await asyncio.gather(
        client.rows(model_named("NetworkInterface")),
        client.rows(model_named("InterfaceGroup")),
        client.rows(model_named("FirewallAlias")),
    )
    return names_from(interfaces, groups, rules), _named(aliases)


def _named(rows: Rows) -> Mapping[str, JsonObject]:
    return {str(row.get("name")): row for row in rows}


async def _redirects(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    names, aliases = await _surroundings(client, before)
    packet = (await own_path(client, names)).packet
    if packet is None:
        return None
    there = Filter(names, aliases)

    def taken(rows: Rows) -> bool:
        first = next((row for row in rows if there.matches({**row, "floating": False}, packet)), None)
        return first is not None and not first.get("nordr")

    return "its connection would be forwarded to another machine" if taken(after) and not taken(before) else None


async def _one_to_one(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    names = await interface_names(client)
    path = await own_path(client, names)
    packet = path.packet
    if packet is None:
        return None

    def taken(rows: Rows) -> bool:
        active = [(mapped_network(row, names), row) for row in rows if not row.get("disabled")]
        first = next((row for net, row in active if net is not None and packet.destination in net), None)
        return first is not None and not first.get("nobinat")

    return "the firewall's own address would be mapped to another machine" if taken(after) > taken(before) else None


async def _interfaces(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    path = await own_path(client, names_from(before, (), ()))
    new = {str(row.get("id")): row for row in after}
    for row in before:
        ident = str(row.get("id"))
        if path.interface not in (None, ident) or not row.get("enable"):
            continue
        changed = new.get(ident)
        if changed is None:
            return f"the interface {ident} carries it, or may" if path.interface is None else f"{ident} carries it"
        if any(row.get(name) != changed.get(name) for name in _ADDRESSING):
            known = "carries its connection" if path.interface else "may carry its connection"
            return f"the interface {ident} {known} and would be switched off or readdressed"
    return None


async def _vlans(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    return await _devices(client, _column(before, "vlanif") - _column(after, "vlanif"))


async def _bridges(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    return await _devices(client, _column(before, "bridgeif") - _column(after, "bridgeif"), _members(before, after))


async def _laggs(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    return await _devices(client, _column(before, "laggif") - _column(after, "laggif"), _members(before, after))


async def _devices(
    client: HTTPPfSenseClient, gone: frozenset[str], touched: frozenset[str] = frozenset()
) -> str | None:
    if not gone and not touched:
        return None
    names = await interface_names(client)
    path = await own_path(client, names)
    for ident, row in names.rows.items():
        if path.interface not in (None, ident):
            continue
        if str(row.get("if")) in gone | touched or ident in touched:
            return f"the interface {ident} stands on {row.get('if')}"
    return None


async def _groups(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    rules, interfaces, aliases = await asyncio.gather(
        client.rows(model_named("FirewallRule")),
        client.rows(model_named("NetworkInterface")),
        client.rows(model_named("FirewallAlias")),
    )
    named = _named(aliases)
    now, then = (Filter(names_from(interfaces, groups, rules), named) for groups in (before, after))
    return await _compare(client, now, rules, then, rules)


async def _routes(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    names = await interface_names(client)
    source = (await own_path(client, names)).source

    def way(rows: Rows) -> set[tuple[str, str]]:
        hits = [(as_network(str(row.get("network"))), row) for row in rows if not row.get("disabled")]
        return {(str(net), str(row.get("gateway"))) for net, row in hits if net is not None and source in net}

    return "the way back to it would change" if way(before) != way(after) else None


async def _virtual_ips(client: HTTPPfSenseClient, before: Rows, after: Rows) -> str | None:
    settings = client.settings
    host, _ = await _ends(settings.host, settings.effective_port, settings.own_address)
    gone = _column(before, "subnet") - _column(after, "subnet")
    return f"it speaks to the virtual address {host}" if str(host) in gone else None


def _column(rows: Rows, name: str) -> frozenset[str]:
    return frozenset(str(row.get(name)) for row in rows if row.get(name))


def _members(before: Rows, after: Rows) -> frozenset[str]:
    def members(rows: Rows) -> frozenset[str]:
        found: set[str] = set()
        for row in rows:
            value = row.get("members")
            found |= {str(item) for item in value} if isinstance(value, list) else set()
        return frozenset(found)

    return members(before) ^ members(after)


_Check = Callable[[HTTPPfSenseClient, Rows, Rows], Awaitable[str | None]]
_CHECKS: Final[Mapping[str, _Check]] = {
    "rule": _rules,
    "alias": _aliases,
    "port_forward": _redirects,
    "one_to_one_nat": _one_to_one,
    "interface": _interfaces,
    "interface_group": _groups,
    "vlan": _vlans,
    "bridge": _bridges,
    "lagg": _laggs,
    "static_route": _routes,
    "virtual_ip": _virtual_ips,
}
