"""Firewall configuration of one scope: rules, aliases, IP sets, options."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field


@dataclass
class FirewallScope:
    """What `cluster.fw`, `host.fw`, a guest's or a vnet's file holds; a rule is a map of its options."""

    rules: list[dict[str, str]] = field(default_factory=list)
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    ipsets: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    ipset_comments: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    group_comments: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


def digest_of(value: object) -> str:
    """SHA-1 over any piece of configuration."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
