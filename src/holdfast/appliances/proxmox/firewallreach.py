"""Whether the firewall still lets somebody reach the API on port 8006 (contract 15.11, 18).

The judgement is careful: a rule that drops and might match counts, and the exceptions that Proxmox makes for the local
network by itself do not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.appliances.proxmox.encoding import plain
from holdfast.transport.values import JsonObject

API_PORT: Final = 8006
_API_MACRO: Final = "PMG"
"""The one macro of pve-firewall that holds TCP 8006: the Mail Gateway's interface has the same port."""

Rules = Sequence[JsonObject]


def is_open(rules: Rules, options: JsonObject, groups: Mapping[str, Rules], own: frozenset[str]) -> bool:
    """Whether rules and options let TCP 8006 in.

    Args:
        rules: In the order in which they apply.
        options: Of the cluster: nothing is filtered unless `enable` is set.
        groups: Rules of the security groups by name.
        own: Addresses of this machine.
    """
    if plain(options.get("enable")) in ("", "0"):
        return True
    verdict = _verdict(rules, groups, own)
    if verdict is not None:
        return verdict
    # What says nothing drops.
    return plain(options.get("policy_in")) == "ACCEPT"


def _verdict(rules: Rules, groups: Mapping[str, Rules], own: frozenset[str]) -> bool | None:
    for rule in sorted(rules, key=lambda rule: int(plain(rule.get("pos")) or 0)):
        if plain(rule.get("enable")) in ("", "0"):
            continue
        if rule.get("type") == "group":
            inner = _verdict(groups.get(plain(rule.get("action")), ()), {}, own)
            if inner is not None:
                return inner
        elif rule.get("type") == "in" and _is_for_api(rule):
            # One that accepts some source ports only cannot be relied on; one that drops them is a danger.
            if rule.get("action") == "ACCEPT":
                if not rule.get("sport"):
                    return True
            elif _may_match(plain(rule.get("source")), own):
                return False
    return None


def _is_for_api(rule: JsonObject) -> bool:
    if rule.get("macro"):
        return plain(rule["macro"]).upper() == _API_MACRO
    if plain(rule.get("proto")) not in ("", "tcp", "6"):
        return False
    ports = plain(rule.get("dport"))
    return not ports or any(_covers(part.strip()) for part in ports.split(","))


def _covers(part: str) -> bool:
    low, _, high = part.partition(":")
    if not low.isdecimal() or not (high or low).isdecimal():
        return False
    return int(low) <= API_PORT <= int(high or low)


def _may_match(source: str, own: frozenset[str]) -> bool:
    """Whether a source might be this machine: an alias, a set, or what cannot be judged might."""
    if not source or not own:
        return True
    for part in source.split(","):
        first, _, last = part.strip().partition("-")
        try:
            network = ipaddress.ip_network(first, strict=False)
            end = ipaddress.ip_address(last) if last else None
        except ValueError:
            return True
        for text in own:
            address = ipaddress.ip_address(text.partition("%")[0])
            if end is None and address in network:
                return True
            if end is not None and address.version == end.version == network.version:
                low = int(network.network_address)
                if low <= int(address) <= int(end):
                    return True
    return False
