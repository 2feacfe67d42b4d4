"""Would this packet pass? The rules evaluated as pf does, with "cannot be told" as an answer of its own.

Order (contract 13.3): floating rules (a quick one decides at once, of the others the last match counts), then rules of
interface groups, then rules of the interface, where the first match decides. What no rule passes is blocked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.pfsense.names import InterfaceNames
from holdfast.transport.values import JsonObject, JsonValue, digits

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PORTED: Final = frozenset({"tcp", "udp"})
_DEPTH: Final = 16


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, arriving at an interface of the firewall.

    Attributes:
        interface: Id of the interface it arrives at.
        protocol: tcp, udp, icmp, …
    """

    interface: str
    protocol: str
    source: Address
    destination: Address
    source_port: int | None = None
    destination_port: int | None = None

    @property
    def family(self) -> str:
        """inet or inet6."""
        return "inet" if self.source.version == 4 else "inet6"


@dataclass(frozen=True)
class Decision:
    """What becomes of a packet.

    Attributes:
        action: pass, block or reject.
        rule: The rule that decides; None when none does and the packet is blocked by default.
        doubts: Rules before it of which it cannot be told whether they match, and that would decide otherwise.
    """

    action: str
    rule: JsonObject | None
    doubts: tuple[JsonObject, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether nothing stands in doubt."""
        return not self.doubts


@dataclass(frozen=True)
class Filter:
    """What rules refer to: interfaces, groups, and aliases by name."""

    names: InterfaceNames
    aliases: Mapping[str, JsonObject]

    def decide(self, rules: Sequence[JsonObject], packet: Packet) -> Decision:
        """What these rules do with a packet."""
        floating = [rule for rule in rules if rule.get("floating")]
        plain = [rule for rule in rules if not rule.get("floating")]
        grouped = [rule for rule in plain if self._is_grouped(rule)]
        ordinary = [rule for rule in plain if not self._is_grouped(rule)]
        doubts: list[JsonObject] = []
        last: JsonObject | None = None
        for rule in (*floating, *grouped, *ordinary):
            verdict = self.matches(rule, packet)
            if verdict is None:
                doubts.append(rule)
            elif verdict and rule.get("floating") and not rule.get("quick"):
                last = rule
            elif verdict:
                return self._decision(rule, doubts)
        return self._decision(last, doubts)

    @staticmethod
    def _decision(rule: JsonObject | None, doubts: Iterable[JsonObject]) -> Decision:
        action = str(rule.get("type")) if rule is not None else "block"
        return Decision(action, rule, tuple(other for other in doubts if other.get("type") != action))

    def _is_grouped(self, rule: JsonObject) -> bool:
        return any(name in self.names.groups for name in _texts(rule.get("interface")))

    def matches(self, rule: Mapping[str, JsonValue], packet: Packet) -> bool | None:
        """Whether a rule matches a packet; None when that cannot be told from the configuration."""
        if rule.get("disabled") or not self._on_interface(rule, packet):
            return False
        if rule.get("ipprotocol") not in (None, "inet46", packet.family):
            return False
        protocol = rule.get("protocol")
        if protocol not in (None, "", "any") and packet.protocol not in str(protocol).split("/"):
            return False
        parts = [
            self.address(str(rule.get("source", "any")), packet.source),
            self.address(str(rule.get("destination", "any")), packet.destination),
        ]
        if packet.protocol in _PORTED and protocol not in (None, "", "any"):
            parts += [
                self.port(rule.get("source_port"), packet.source_port),
                self.port(rule.get("destination_port"), packet.destination_port),
            ]
        icmp = rule.get("icmptype")
        if packet.protocol == "icmp" and isinstance(icmp, list) and icmp and "any" not in icmp:
            parts.append(None)
        if rule.get("sched") or rule.get("dscp"):
            parts.append(None)
        if any(part is False for part in parts):
            return False
        return None if any(part is None for part in parts) else True

    def _on_interface(self, rule: Mapping[str, JsonValue], packet: Packet) -> bool:
        names = _texts(rule.get("interface"))
        if rule.get("floating"):
            if rule.get("direction") not in (None, "any", "in"):
                return False
            if not names or "any" in names:
                return True
        for name in names:
            if self.names.canonical(name) == packet.interface or packet.interface in self.names.groups.get(name, ()):
                return True
        return False

    def address(self, text: str, address: Address, depth: int = 0) -> bool | None:
        """Whether an address is what the text of a rule means."""
        if text.startswith("!"):
            inner = self.address(text[1:], address, depth)
            return None if inner is None else not inner
        if text == "any":
            return True
        if text == "(self)":
            return any(address == own for own in self.own_addresses())
        network = as_network(text)
        if network is not None:
            return address.version == network.version and address in network
        if text in self.aliases:
            return self._in_alias(text, address, depth)
        bare, _, part = text.partition(":")
        row = self.names.rows.get(self.names.canonical(bare))
        if row is None:
            return None
        nets = [net for net in interface_networks(row) if net.version == address.version]
        if part == "ip":
            return any(address == net.ip for net in nets)
        if not nets and row.get("typev4") == "dhcp":
            return None
        return any(address in net.network for net in nets)

    def _in_alias(self, name: str, address: Address, depth: int) -> bool | None:
        if depth > _DEPTH:
            return None
        found = [self._entry(entry, address, depth) for entry in _texts(self.aliases[name].get("address"))]
        if any(found):
            return True
        return None if None in found else False

    def _entry(self, entry: str, address: Address, depth: int) -> bool | None:
        low, dash, high = entry.partition("-")
        if dash and (ends := _ends(low, high)) is not None:
            return address.version == ends[0].version and int(ends[0]) <= int(address) <= int(ends[1])
        if as_network(entry) is None and entry not in self.aliases:
            return None  # a host name: what it resolves to is in the table of the alias only
        return self.address(entry, address, depth + 1)

    def port(self, text: JsonValue, port: int | None, depth: int = 0) -> bool | None:
        """Whether a port is what the text of a rule means; None for a port that the question left open."""
        if text in (None, "", "any"):
            return True
        if port is None:
            return None
        said = str(text)
        first, _, last = said.replace("-", ":").partition(":")
        low, high = digits(first), digits(last or first)
        if low is not None and high is not None:
            return low <= port <= high
        if said in self.aliases and depth <= _DEPTH:
            found = [self.port(entry, port, depth + 1) for entry in _texts(self.aliases[said].get("address"))]
            return True if any(found) else (None if None in found else False)
        return None

    def own_addresses(self) -> list[Address]:
        """Addresses of the firewall's own interfaces."""
        return [net.ip for row in self.names.rows.values() for net in interface_networks(row)]

    def interface_towards(self, address: Address) -> str | None:
        """The interface in whose network an address is."""
        for ident, row in self.names.rows.items():
            if any(net.version == address.version and address in net.network for net in interface_networks(row)):
                return ident
        return None


def interface_networks(row: Mapping[str, JsonValue]) -> list[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    """Configured static addresses of an interface with their networks."""
    found: list[ipaddress.IPv4Interface | ipaddress.IPv6Interface] = []
    for address, bits in (("ipaddr", "subnet"), ("ipaddrv6", "subnetv6")):
        try:
            found.append(ipaddress.ip_interface(f"{row.get(address)}/{row.get(bits)}"))
        except ValueError:
            continue
    return found


def as_network(text: str) -> Network | None:
    """An IP address or network; None for other words."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def mapped_network(mapping: JsonObject, names: InterfaceNames) -> Network | None:
    """The outer addresses of a 1:1 mapping: `external` is the first, and the mask of the inner side applies to it.

    The inner side is an address, a network, or the networks of an interface (pfSense manual, 1:1 NAT).
    """
    outer = as_network(str(mapping.get("external")))
    if outer is None:
        return None
    source = str(mapping.get("source") or "").removeprefix("!")
    row = names.rows.get(names.canonical(source))
    inner = [as_network(source)] if row is None else [one.network for one in interface_networks(row)]
    bits = [one.prefixlen for one in inner if one is not None and one.version == outer.version]
    return outer.supernet(new_prefix=min([*bits, outer.prefixlen]))


def _ends(low: str, high: str) -> tuple[Address, Address] | None:
    try:
        return ipaddress.ip_address(low.strip()), ipaddress.ip_address(high.strip())
    except ValueError:
        return None


def _texts(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(item) for item in value] if isinstance(value, list) else []
