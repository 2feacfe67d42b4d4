"""Server configuration profiles as files: parsed, XML or JSON, without believing them (contract 12.16, E11)."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.appliances.idrac.files import text_of
from holdfast.appliances.idrac.reading import objects, text
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject

_BETWEEN_TAGS: Final = re.compile(r">\s+<")
MASKED: Final = "******"


@dataclass(frozen=True)
class Row:
    """A setting of a profile. `name` has dots where profiles have `#`, as attributes are named."""

    component: str
    name: str
    value: str
    imported: bool


@dataclass(frozen=True)
class Profile:
    """A profile: what it says of its server, its settings, and the text that is sent."""

    form: str
    model: str | None
    service_tag: str | None
    rows: tuple[Row, ...]
    buffer: str


def read_profile(place: Path) -> Profile:
    """The profile in a file.

    Raises:
        InputError: It is none. Nothing was executed.
    """
    content = text_of(place).strip()
    try:
        return _from_json(content) if content.startswith("{") else _from_xml(content)
    except (ValueError, RecursionError, ElementTree.ParseError):
        raise InputError(f"The file {place.name} is no server configuration profile.") from None


def _from_json(content: str) -> Profile:
    parsed = json.loads(content)
    top = parsed.get("SystemConfiguration") if isinstance(parsed, dict) else None
    if not isinstance(top, dict):
        raise ValueError("no SystemConfiguration")
    rows: list[Row] = []
    for component in objects(top, "Components"):
        _rows_of(component, rows, 0)
    return Profile("JSON", text(top, "Model"), text(top, "ServiceTag"), tuple(rows), content)


def _rows_of(component: JsonObject, rows: list[Row], depth: int) -> None:
    if depth > 8:
        raise ValueError("too deep")
    fqdd = text(component, "FQDD") or "?"
    for row in objects(component, "Attributes"):
        name, value = text(row, "Name"), row.get("Value")
        if name is not None:
            imported = str(row.get("Set On Import", "True")) == "True"
            rows.append(Row(fqdd, name.replace("#", "."), "" if value is None else str(value), imported))
    for inner in objects(component, "Components"):
        _rows_of(inner, rows, depth + 1)


def _from_xml(content: str) -> Profile:
    if "<!DOCTYPE" in content or "<!ENTITY" in content:
        raise ValueError("a profile has no document type")
    root = ElementTree.fromstring(content)  # no document type, no entities: refused above
    if root.tag != "SystemConfiguration":
        raise ValueError("another document")
    rows = [
        Row(component.attrib.get("FQDD", "?"), row.attrib["Name"].replace("#", "."), row.text or "", True)
        for component in root.iter("Component")
        for row in component.findall("Attribute")
        if "Name" in row.attrib
    ]
    # An iDRAC refuses a buffer with blanks between its tags.
    buffer = _BETWEEN_TAGS.sub("><", content)
    return Profile("XML", root.attrib.get("Model"), root.attrib.get("ServiceTag"), tuple(rows), buffer)
