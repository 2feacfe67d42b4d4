"""Interface names: the API speaks of `lan`, `LAN` or `em1`, as a setting of the package says (contract 7.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import Model, model_named
from holdfast.transport.values import JsonObject, JsonValue

Style = Literal["id", "descr", "if"]
_KNOWN_FOR_S: Final = 300.0


@dataclass(frozen=True)
class InterfaceNames:
    """All names of all interfaces.

    Attributes:
        rows: GET /interfaces, by id.
        groups: Members (ids) of interface groups.
        style: How answers and requests name interfaces.
    """

    rows: Mapping[str, JsonObject]
    groups: Mapping[str, frozenset[str]]
    style: Style = "id"

    def canonical(self, name: str) -> str:
        """The id of an interface, whatever it is called; other words as they are."""
        folded = name.casefold()
        for ident, row in self.rows.items():
            if folded in (ident.casefold(), str(row.get("descr", "")).casefold(), str(row.get("if", "")).casefold()):
                return ident
        return name

    def shown(self, name: str) -> str:
        """The name that this firewall's API expects."""
        ident = self.canonical(name)
        row = self.rows.get(ident)
        if row is None or self.style == "id":
            return ident if row is not None else name
        return str(row.get(self.style) or ident.upper())

    def shown_address(self, text: str) -> str:
        """An address of a rule, such as `!lan:ip`, with its interface named as this firewall's API expects."""
        mark = "!" if text.startswith("!") else ""
        bare = text.removeprefix("!")
        part = ":ip" if bare.endswith(":ip") else ""
        return f"{mark}{self.shown(bare.removesuffix(':ip'))}{part}"


def style_of(rows: Mapping[str, JsonObject], samples: Iterable[str]) -> Style:
    """How these names, taken from answers, name interfaces; `id` when it cannot be told."""
    descriptions = {str(row.get("descr") or ident.upper()) for ident, row in rows.items()}
    devices = {str(row.get("if")) for row in rows.values()}
    for name in samples:
        if name in rows:
            return "id"
        if name in descriptions:
            return "descr"
        if name in devices:
            return "if"
    return "id"


async def interface_names(client: HTTPPfSenseClient) -> InterfaceNames:
    """The interfaces of the firewall and how it names them, as they are now."""
    interfaces, groups, rules = await asyncio.gather(
        client.rows(model_named("NetworkInterface")),
        client.rows(model_named("InterfaceGroup")),
        client.rows(model_named("FirewallRule"), {"limit": 20}),
    )
    return names_from(interfaces, groups, rules)


def names_from(
    interfaces: Iterable[JsonObject], groups: Iterable[JsonObject], rules: Iterable[JsonObject]
) -> InterfaceNames:
    """The same from what was read already."""
    rows = {str(row["id"]): row for row in interfaces}
    samples = [name for rule in rules for name in _texts(rule.get("interface"))]
    bare = InterfaceNames(rows, {})
    members = {
        str(group.get("ifname")): frozenset(bare.canonical(name) for name in _texts(group.get("members")))
        for group in groups
    }
    return InterfaceNames(rows, members, style_of(rows, samples))


def _texts(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


async def renamed(client: HTTPPfSenseClient, model: Model, body: JsonObject) -> JsonObject:
    """The body with interfaces named as this firewall's API expects them."""
    known = ((name, field) for name, field in model.fields.items() if field.interface or field.address)
    fields = [name for name, _ in known if not is_blank(body.get(name))]
    if not fields:
        return body
    names = await client.remembered("interface names", _KNOWN_FOR_S, lambda: interface_names(client))
    made = dict(body)
    for name in fields:
        value = body[name]
        if isinstance(value, str) and model.fields[name].address:
            made[name] = names.shown_address(value)
        elif isinstance(value, str):
            made[name] = names.shown(value)
        elif isinstance(value, list):
            made[name] = [names.shown(item) if isinstance(item, str) else item for item in value]
    return made


def is_blank(value: JsonValue) -> bool:
    """Whether there is nothing in it."""
    return value is None or value in ("", [])
