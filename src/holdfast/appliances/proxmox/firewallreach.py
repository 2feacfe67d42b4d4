"""Whether the firewall lets this machine reach the API on port 8006 (contract 15.11, 18).

The judgement is careful: what a rule is for cannot always be told from here (an alias, a set, an interface, a source
port). Such a rule may match or not, and both ends count. The exceptions that Proxmox makes for the local network by
itself do not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

from holdfast.appliances.proxmox.encoding import plain
from holdfast.transport.values import JsonObject, digits

API_PORT: Final = 8006
_API_MACRO: Final = "PMG"
"""The one macro of pve-firewall that holds TCP 8006: the Mail Gateway's interface has the same port."""
_ANY_PROTOCOL: Final = frozenset({"ip", "0", "all", "hopopt"})
"""A rule's protocol is a name or number of /etc/protocols; 0 is every one to iptables, and only that one elsewhere."""
_NARROWING: Final = ("sport", "dest", "iface")

Rules = Sequence[JsonObject]


class Reach(IntEnum):
    """Whether TCP 8006 is let in; more is better."""

    SHUT = 0
    PERHAPS = 1
    OPEN = 2


def reach(rules: Rules, options: JsonObject, groups: Mapping[str, Rules], own: frozenset[str]) -> Reach:
    """Whether rules and options let TCP 8006 in from this machine.

    Args:
        rules: In the order in which they apply.
        options: Of the cluster: nothing is filtered unless `enable` is set.
        groups: Rules of the security groups by name.
        own: Addresses of this machine; one that is let in is enough.
    """
    if plain(options.get("enable")) in ("", "0"):
        return Reach.OPEN
    ends: set[bool] = set()
    if not _decide(rules, groups, own, ends):
        # What says nothing drops.
        ends.add(plain(options.get("policy_in")) == "ACCEPT")
    if len(ends) > 1:
        return Reach.PERHAPS
    return Reach.OPEN if True in ends else Reach.SHUT


def _decide(rules: Rules, groups: Mapping[str, Rules], own: frozenset[str], ends: set[bool]) -> bool:
    """Add how it may end by these rules; whether it surely ends here."""
    for rule in sorted(rules, key=lambda rule: digits(plain(rule.get("pos"))) or 0):
        if plain(rule.get("enable")) in ("", "0"):
            continue
        if rule.get("type") == "group":
            ended = _decide(groups.get(plain(rule.get("action")), ()), {}, own, ends)
            if ended and not rule.get("iface"):
                return True
        elif rule.get("type") == "in" and (matches := _matches(rule, own)) is not False:
            ends.add(rule.get("action") == "ACCEPT")
            if matches:
                return True
    return False


def _matches(rule: JsonObject, own: frozenset[str]) -> bool | None:
    """Whether a rule is for this machine at the API; None where that cannot be told."""
    for_api = _is_for_api(rule)
    if for_api is False:
        return False
    source = _is_own(plain(rule.get("source")), own)
    if source is False:
        return False
    narrowed = any(rule.get(name) for name in _NARROWING)
    return None if for_api is None or source is None or narrowed else True


def _is_for_api(rule: JsonObject) -> bool | None:
    if rule.get("macro"):
        return plain(rule["macro"]).upper() == _API_MACRO
    protocol = plain(rule.get("proto")).lower()
    if protocol not in ("", "tcp", "6", *_ANY_PROTOCOL):
        return False
    ports = plain(rule.get("dport"))
    if ports and not any(_covers(part.strip()) for part in ports.split(",")):
        return False
    return None if protocol in _ANY_PROTOCOL else True


def _covers(part: str) -> bool:
    first, _, last = part.partition(":")
    low, high = digits(first), digits(last or first)
    return low is not None and high is not None and low <= API_PORT <= high


def _is_own(source: str, own: frozenset[str]) -> bool | None:
    """Whether a source holds this machine; None for an alias, a set, or what else cannot be judged."""
    if not source:
        return True
    if not own:
        return None
    found = [_holds(part.strip(), own) for part in source.split(",")]
    return True if True in found else (None if None in found else False)


def _holds(part: str, own: frozenset[str]) -> bool | None:
    first, _, last = part.partition("-")
    try:
        network = ipaddress.ip_network(first, strict=False)
        end = ipaddress.ip_address(last) if last else None
    except ValueError:
        return None
    for text in own:
        address = ipaddress.ip_address(text.partition("%")[0])
        if end is None and address in network:
            return True
        if end is not None and address.version == end.version == network.version:
            low = int(network.network_address)
            if low <= int(address) <= int(end):
                return True
    return False
