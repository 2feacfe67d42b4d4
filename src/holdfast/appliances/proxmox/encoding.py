"""How values travel: booleans as 0 and 1, lists as one text, property strings as `key=value,key=value` (contract 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from holdfast.errors import InputError
from holdfast.transport.values import JsonObject, JsonValue

Scalar: TypeAlias = "str | int | float"
Form: TypeAlias = "dict[str, Scalar | Sequence[Scalar]]"
"""What is sent: a list repeats its key, which only real arrays want."""

Given: TypeAlias = "str | int | float | bool | Sequence[str | int] | None"

_SEPARATORS: Final = re.compile(r"[,; ]+")
_DRIVE: Final = re.compile(r"(?:ide|sata|scsi|virtio|mp|efidisk|tpmstate|unused)[0-9]{1,3}|rootfs")


def wire(value: str | int | float | bool | Sequence[str | int], separator: str = ",") -> Scalar:
    """One value as the API takes it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str | int | float):
        return value
    return separator.join(str(part) for part in value)


def form_of(given: Mapping[str, Given]) -> Form:
    """A form without what was not given."""
    return {name: wire(value) for name, value in given.items() if value is not None}


def as_json(form: Form) -> JsonObject:
    """What is sent, as JSON."""
    found: JsonObject = {}
    for name, value in form.items():
        if isinstance(value, str | int | float):
            found[name] = value
        else:
            parts: list[JsonValue] = [*value]
            found[name] = parts
    return found


def listed(value: JsonValue) -> list[str]:
    """The parts of a list that travels as one text, sorted; they come in random order (contract 12)."""
    if isinstance(value, list):
        return sorted(str(part) for part in value)
    return sorted(part for part in _SEPARATORS.split(str(value or "")) if part)


def plain(value: JsonValue) -> str:
    """A value as text, so that 1, "1" and true are the same (contract 12: numbers and texts are mixed)."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        # Some property strings are answered taken apart (retention of backup jobs, options of the datacenter).
        return ",".join(f"{name}={plain(part)}" for name, part in sorted(value.items()))
    return "" if value is None else str(value)


def same(observed: JsonValue, wanted: JsonValue, *, as_list: bool = False) -> bool:
    """Whether what is observed says what was wanted."""
    return listed(observed) == listed(wanted) if as_list else plain(observed) == plain(wanted)


def properties(text: str) -> dict[str, str]:
    """A property string taken apart; the value without a key stands under the empty name."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, separator, value = part.partition("=")
        if separator:
            found[name.strip()] = value.strip()
        elif part.strip():
            found[""] = part.strip()
    return found


def property_string(parts: Mapping[str, Given]) -> str:
    """Put a property string together; the value under the empty name stands first, without a key.

    Raises:
        InputError: A value holds a comma, which would begin a further property.
    """
    given = {name: str(wire(value, ";")) for name, value in parts.items() if value is not None}
    if any("," in value for value in given.values()):
        raise InputError("A value in a list of properties must not hold a comma.")
    return ",".join(f"{name}={value}" if name else value for name, value in given.items())


def is_drive(option: str) -> bool:
    """Whether an option of a guest names a disk or a mount point."""
    return _DRIVE.fullmatch(option) is not None


def names_new_volume(option: str, value: str) -> bool:
    """Whether a drive's value asks for a new disk: `STORAGE:GIB` (contract 4)."""
    place = properties(value).get("", properties(value).get("file", ""))
    return is_drive(option) and re.fullmatch(r"[^:]+:[0-9]+(?:\.[0-9]+)?", place) is not None


def holds(option: str, observed: JsonValue, wanted: str) -> bool:
    """Whether an option of a guest's configuration shows what was set: Proxmox fills in what was left out.

    A new disk `STORAGE:GIB` has become a volume on that storage; a network card has got its address.
    """
    if observed is None:
        return False
    if option in ("tags", "boot"):
        return listed(observed) == listed(wanted) if option == "tags" else plain(observed) == wanted
    if names_new_volume(option, wanted):
        asked = properties(wanted).get("", "").partition(":")[0]
        return plain(observed).partition(":")[0] == asked
    if same(observed, wanted):
        return True
    if option in ("description", "sshkeys"):
        return plain(observed).rstrip("\n") == wanted.rstrip("\n")
    if "=" not in wanted and "," not in wanted:
        return False
    seen, asked_parts = properties(plain(observed)), properties(wanted)
    values = set(seen) | set(seen.values())
    return all(seen.get(name) == value or (not name and value in values) for name, value in asked_parts.items())


def without(row: JsonObject, names: Sequence[str]) -> JsonObject:
    """The object without some fields."""
    return {name: value for name, value in row.items() if name not in names}
