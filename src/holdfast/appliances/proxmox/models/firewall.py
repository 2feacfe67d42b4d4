"""Firewall: rules, options, aliases, sets, groups."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class FirewallRule(Row):
    """A rule. fingerprint says what it says, position where it stands now; the first that matches decides."""

    identified_by = ("fingerprint",)

    position: Annotated[int, Key("pos")]
    fingerprint: Untrusted
    type: Untrusted
    action: Untrusted
    enabled: Annotated[bool | None, Key("enable")] = None
    macro: Untrusted | None = None
    protocol: Annotated[Untrusted | None, Key("proto")] = None
    source: Untrusted | None = None
    dest: Untrusted | None = None
    sport: Untrusted | None = None
    dport: Untrusted | None = None
    iface: Untrusted | None = None
    log: Untrusted | None = None
    comment: Untrusted | None = None


class FirewallRulePage(Page[FirewallRule]):
    """Rules in the order in which they apply."""


class FirewallOptions(Answer):
    """Options of one scope. enabled absent means off (cluster, guest) or on (node)."""

    scope: Untrusted
    enabled: Annotated[bool | None, Key("enable")] = None
    policy_in: Untrusted | None = None
    policy_out: Untrusted | None = None
    policy_forward: Untrusted | None = None
    log_level_in: Untrusted | None = None
    log_level_out: Untrusted | None = None
    other: UntrustedJson | None = None


class FirewallObject(Row):
    """An alias (a name for an address), an ipset (a list of them) or a security group (a list of rules)."""

    kind: Untrusted
    name: Untrusted
    cidr: Untrusted | None = None
    comment: Untrusted | None = None


class FirewallObjectPage(Page[FirewallObject]):
    """Aliases, ipsets and groups."""


class IpsetEntry(Row):
    """An entry of an ipset; excluded ones are taken out of it."""

    identified_by = ("cidr",)

    cidr: Untrusted
    excluded: Annotated[bool | None, Key("nomatch")] = None
    comment: Untrusted | None = None


class IpsetEntryPage(Page[IpsetEntry]):
    """Entries of an ipset."""
