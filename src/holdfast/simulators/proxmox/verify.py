"""Parameter verification as the real API does it: every refusal is collected under its parameter's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast

from holdfast.simulators.proxmox.errors import bad_parameters
from holdfast.simulators.proxmox.facts import Fact, Method, Schema
from holdfast.simulators.proxmox.formats import FormatError, check_format
from holdfast.simulators.proxmox.values import Parameter, Params, boolean_word

UNKNOWN: Final = "property is not defined in schema and the schema does not allow additional properties"
MISSING: Final = "property is missing and it is not optional"

# Highest index of each indexed option (contract section 4; the rest from the vendor's schema of its users).
_HIGHEST: Final[Mapping[str, int]] = {
    "scsi": 30,
    "virtio": 15,
    "sata": 5,
    "ide": 3,
    "net": 31,
    "mp": 255,
    "hostpci": 15,
    "usb": 13,
    "unused": 255,
    "ipconfig": 31,
    "serial": 3,
    "parallel": 2,
    "numa": 7,
    "virtiofs": 9,
    "dev": 255,
    "acmedomain": 5,
    "link": 7,
}
_INDEXED: Final = re.compile(r"([a-z]+)(0|[1-9]\d*)")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of the vendor's language, anchored the way the vendor anchors it."""
    return re.compile("^" + re.sub(r"\(\?\^([a-z]*):", lambda found: f"(?{found[1]}:", text) + "$")


def schema_of(schemas: Mapping[str, Schema], name: str) -> Schema | None:
    """The schema of one parameter, indexed names (`net0`) included; None when there is no such parameter."""
    found = schemas.get(name)
    if found is not None and not name.endswith("[n]"):
        return found
    indexed = _INDEXED.fullmatch(name)
    if indexed is None or int(indexed[2]) > _HIGHEST.get(indexed[1], -1):
        return None
    return schemas.get(f"{indexed[1]}[n]")


def verify(method: Method, given: Mapping[str, object]) -> Params:
    """Check the parameters of a call and give them their types; `ApiError` 400 with all refusals otherwise."""
    errors: dict[str, str] = {}
    values = _check_object(method.schemas, given, "", errors, open_ended=method.open_ended)
    if errors:
        raise bad_parameters(errors)
    return Params(values)


def _check_object(
    schemas: Mapping[str, Schema], given: Mapping[str, object], path: str, errors: dict[str, str], *, open_ended: bool
) -> dict[str, Parameter]:
    values: dict[str, Parameter] = {}
    for name, value in given.items():
        where = f"{path}.{name}" if path else name
        schema = schema_of(schemas, name)
        if schema is None:
            if open_ended:
                values[name] = str(value)
            else:
                errors[where] = UNKNOWN
            continue
        checked = _check(schema, value, where, errors)
        if checked is not None:
            values[name] = checked
        needed = schema.get("requires")
        if isinstance(needed, str) and needed not in given:
            errors[f"{path}.{needed}" if path else needed] = f"missing property - '{where}' requires this property"
    for name, schema in schemas.items():
        required = not (schema.get("optional") or schema.get("alias") or name.endswith("[n]"))
        if required and name not in given:
            errors[f"{path}.{name}" if path else name] = MISSING
    return values


def _check(schema: Schema, value: object, path: str, errors: dict[str, str]) -> Parameter | None:
    kind = schema.get("type", "string")
    if kind == "array":
        return _check_array(schema, value, path, errors)
    if kind == "object" and isinstance(value, Mapping):
        return _check_object(_properties(schema), value, path, errors, open_ended=not schema.get("properties"))
    typed = _typed(str(kind), value)
    if typed is None:
        shown = "HASH" if isinstance(value, Mapping) else "ARRAY" if isinstance(value, list) else f"'{value}'"
        errors[path] = f"type check ('{kind}') failed - got {shown}"
        return None
    refusal = _refusal(schema, typed, path)
    if refusal:
        errors[path] = refusal
        return None
    return typed


def _check_array(schema: Schema, value: object, path: str, errors: dict[str, str]) -> Parameter | None:
    if isinstance(value, Mapping):
        errors[path] = "type check ('array') failed"
        return None
    parts = value if isinstance(value, list) else str(value).split("\0")
    inner = schema.get("items")
    items: list[Parameter] = []
    for position, part in enumerate(parts):
        checked = _check(inner if isinstance(inner, Mapping) else {}, part, f"{path}[{position}]", errors)
        if checked is not None:
            items.append(checked)
    return items


def _typed(kind: str, value: object) -> Parameter | None:
    """The value in its type, or None when it is of another; JSON booleans pass as booleans only."""
    if isinstance(value, list | Mapping) or value is None:
        return None
    if kind == "boolean":
        return {"1": True, "0": False}.get(str(int(value)) if isinstance(value, bool) else str(value))
    text = ("1" if value else "0") if isinstance(value, bool) else str(value)
    if kind == "integer":
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else None
    if kind == "number":
        return float(text) if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text) else None
    return text


def _refusal(schema: Schema, value: Parameter, path: str) -> str | None:
    text = str(value)
    keys = schema.get("keys")
    name = schema.get("format")
    try:
        if isinstance(keys, Mapping):
            parse_property_string(cast("Mapping[str, Schema]", keys), text, path)
        elif isinstance(name, str):
            check_format(name, text)
    except FormatError as error:
        return f"invalid format - {error}"
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _pattern(pattern).search(text):
        return "value does not match the regex pattern"
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if isinstance(longest, int) and len(text) > longest:
        return f"value may only be {longest} characters long"
    if isinstance(shortest, int) and len(text) < shortest:
        return f"value must be at least {shortest} characters long"
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(low, int | float) and value < low:
            return f"value must have a minimum value of {low}"
        if isinstance(high, int | float) and value > high:
            return f"value must have a maximum value of {high}"
    allowed = schema.get("enum")
    if isinstance(allowed, list) and text not in [str(word) for word in allowed]:
        return f"value '{text}' does not have a value in the enumeration '{', '.join(map(str, allowed))}'"
    return None


def _properties(schema: Schema) -> Mapping[str, Schema]:
    found = schema.get("properties")
    return cast("Mapping[str, Schema]", found) if isinstance(found, Mapping) else {}


def parse_property_string(keys: Mapping[str, Schema], text: str, path: str = "") -> dict[str, str]:
    """Take `key=value,key=value` apart, aliases resolved; FormatError with all refusals.

    Booleans may be words here (contract section 4) and come back as 0 or 1.
    """
    default = next((name for name, schema in keys.items() if schema.get("default_key")), None)
    found: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        name, separator, value = part.partition("=")
        if not separator:
            if default is None:
                raise FormatError("value without key, but schema does not define a default key\n")
            name, value = default, name
        elif not name or not value:
            raise FormatError("missing key in comma-separated list property\n")
        if name in found:
            raise FormatError(f"duplicate key in comma-separated list property: {name}\n")
        schema = keys.get(name)
        alias = schema.get("alias") if schema else None
        if schema is not None and isinstance(alias, str):
            owner = schema.get("keyAlias")
            if isinstance(owner, str):
                if owner in found:
                    raise FormatError(f"key alias '{owner}' is already defined\n")
                found[owner] = name
            name = alias
        if name not in keys:
            raise FormatError(f"invalid key in comma-separated list property: {name}\n")
        found[name] = value
    for name, value in found.items():
        schema = keys.get(name)
        if schema is not None and schema.get("type") == "boolean":
            word = boolean_word(value)
            found[name] = value if word is None else str(int(word))
    errors: dict[str, str] = {}
    _check_object(keys, found, path, errors, open_ended=False)
    if errors:
        listed = "".join(f"{where}: {why}\n" for where, why in errors.items())
        raise FormatError(f"format error\n{listed}")
    return found


__all__ = ["MISSING", "UNKNOWN", "Fact", "parse_property_string", "schema_of", "verify"]
