"""Who uses an alias or a schedule: pfSense deletes an alias that rules still name (contract 7.5)."""

from __future__ import annotations

import asyncio
from typing import Final

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import model_named
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.transport.values import JsonObject, JsonValue

_PLACES: Final = (
    ("FirewallRule", "rule", ("source", "source_port", "destination", "destination_port")),
    (
        "PortForward",
        "port forward",
        ("source", "source_port", "destination", "destination_port", "target", "local_port"),
    ),
    (
        "OutboundNATMapping",
        "outbound NAT mapping",
        ("source", "source_port", "destination", "destination_port", "target", "nat_port"),
    ),
    ("OneToOneNATMapping", "1:1 NAT mapping", ("source", "destination", "external")),
    ("FirewallAlias", "alias", ("address",)),
    ("StaticRoute", "static route", ("network",)),
)


async def users_of(client: HTTPPfSenseClient, kind: Kind, row: JsonObject) -> list[str]:
    """What names this alias, in words; empty for other kinds, whose use pfSense checks itself."""
    if kind.name != "alias":
        return []
    name = str(row.get("name"))
    lists = await asyncio.gather(*(client.rows(model_named(model)) for model, _, _ in _PLACES))
    found: list[str] = []
    for (_, label, fields), rows in zip(_PLACES, lists, strict=True):
        for other in rows:
            if any(_names(other.get(field), name) for field in fields):
                told = other.get("descr") or other.get("name") or other.get("tracker") or other.get("network") or ""
                found.append(f"{label} {told}".strip())
    return found


def _names(value: JsonValue, name: str) -> bool:
    if isinstance(value, list):
        return any(_names(item, name) for item in value)
    return isinstance(value, str) and value.removeprefix("!") == name
