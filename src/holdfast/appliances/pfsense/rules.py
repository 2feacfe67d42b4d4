"""Firewall rules as tools show them."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.appliances.pfsense.models import Rule
from holdfast.appliances.pfsense.reading import said, texts, yes
from holdfast.transport.values import JsonValue

VERSIONS = {"inet": "ipv4", "inet6": "ipv6", "inet46": "both"}


def rule_row(row: Mapping[str, JsonValue], ref: str | None = None) -> Rule:
    """A rule for people; `any` is left out."""
    return Rule(
        ref=ref or str(row.get("tracker")),
        action=str(row.get("type")),
        interface=texts(row, "interface"),
        ip_version=VERSIONS.get(str(row.get("ipprotocol"))),
        protocol=said(row, "protocol"),
        source=said(row, "source"),
        source_port=said(row, "source_port"),
        destination=said(row, "destination"),
        destination_port=said(row, "destination_port"),
        description=said(row, "descr"),
        disabled=yes(row, "disabled"),
        floating=yes(row, "floating"),
        log=yes(row, "log"),
        gateway=said(row, "gateway"),
        schedule=said(row, "sched"),
    )
