"""Typed access to JSON values, so that a client never handles `Any`.

Every accessor raises `holdfast.errors.ProtocolError` that names the field's path and the kinds of value, never the
value itself: it could be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from holdfast.errors import ProtocolError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"
JsonArray: TypeAlias = "list[JsonValue]"
JsonInput: TypeAlias = "bool | int | float | str | Sequence[JsonInput] | Mapping[str, JsonInput] | None"
"""What may be sent as JSON: read-only views, so that ``dict[str, str]`` fits too. Dicts, lists and tuples only."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def kind_of(value: object) -> str:
    """JSON's own word for a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _wrong(where: str, wanted: str, value: object) -> ProtocolError:
    return ProtocolError(f"The appliance's answer has {kind_of(value)} where {wanted} was expected: {where}.")


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def as_object(value: JsonValue, where: str = "answer") -> JsonObject:
    """`value` as an object."""
    if isinstance(value, dict):
        return value
    raise _wrong(where, "an object", value)


def as_list(value: JsonValue, where: str = "answer") -> JsonArray:
    """`value` as an array."""
    if isinstance(value, list):
        return value
    raise _wrong(where, "an array", value)


def as_objects(value: JsonValue, where: str = "answer") -> list[JsonObject]:
    """`value` as an array of objects."""
    return [as_object(item, f"{where}[{index}]") for index, item in enumerate(as_list(value, where))]


def as_str(value: JsonValue, where: str = "answer") -> str:
    """`value` as text."""
    if isinstance(value, str):
        return value
    raise _wrong(where, "a string", value)


def as_int(value: JsonValue, where: str = "answer", *, lenient: bool = False) -> int:
    """`value` as a whole number; with `lenient` also ``"12"`` and ``12.0`` (Proxmox and Redfish mix them)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if lenient and isinstance(value, str) and len(value) <= 40:
        text = value.strip()
        if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit():
            return int(text)
    raise _wrong(where, "a whole number", value)


def digits(text: str) -> int | None:
    """The whole number that a text of a few ASCII digits is; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 40 else None


def as_float(value: JsonValue, where: str = "answer", *, lenient: bool = False) -> float:
    """`value` as a number; with `lenient` also text such as ``"0.25"``."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if lenient and isinstance(value, str) and len(value) <= 40:
        try:
            number = float(value)
        except ValueError:
            raise _wrong(where, "a number", value) from None
        if number - number == 0:  # neither infinite nor NaN
            return number
    raise _wrong(where, "a number", value)


def as_bool(value: JsonValue, where: str = "answer", *, lenient: bool = False) -> bool:
    """`value` as a boolean; with `lenient` also 0, 1 and ``"0" "1" "true" "false" "yes" "no" "on" "off" ""``."""
    if isinstance(value, bool):
        return value
    if lenient:
        text = str(value).strip().lower() if isinstance(value, (str, int)) else None
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    raise _wrong(where, "a boolean", value)


def get(obj: JsonObject, key: str, where: str = "answer") -> JsonValue:
    """The field `key`, which must be there (it may be null)."""
    try:
        return obj[key]
    except KeyError:
        raise ProtocolError(f"The appliance's answer lacks a field: {_at(where, key)}.") from None


def get_object(obj: JsonObject, key: str, where: str = "answer") -> JsonObject:
    """The required field `key` as an object."""
    return as_object(get(obj, key, where), _at(where, key))


def get_list(obj: JsonObject, key: str, where: str = "answer") -> JsonArray:
    """The required field `key` as an array."""
    return as_list(get(obj, key, where), _at(where, key))


def get_objects(obj: JsonObject, key: str, where: str = "answer") -> list[JsonObject]:
    """The required field `key` as an array of objects."""
    return as_objects(get(obj, key, where), _at(where, key))


def get_str(obj: JsonObject, key: str, where: str = "answer") -> str:
    """The required field `key` as text."""
    return as_str(get(obj, key, where), _at(where, key))


def get_int(obj: JsonObject, key: str, where: str = "answer", *, lenient: bool = False) -> int:
    """The required field `key` as a whole number."""
    return as_int(get(obj, key, where), _at(where, key), lenient=lenient)


def get_float(obj: JsonObject, key: str, where: str = "answer", *, lenient: bool = False) -> float:
    """The required field `key` as a number."""
    return as_float(get(obj, key, where), _at(where, key), lenient=lenient)


def get_bool(obj: JsonObject, key: str, where: str = "answer", *, lenient: bool = False) -> bool:
    """The required field `key` as a boolean."""
    return as_bool(get(obj, key, where), _at(where, key), lenient=lenient)


def opt_object(obj: JsonObject, key: str, where: str = "answer") -> JsonObject | None:
    """The field `key` as an object; None when absent or null."""
    value = obj.get(key)
    return None if value is None else as_object(value, _at(where, key))


def opt_list(obj: JsonObject, key: str, where: str = "answer") -> JsonArray | None:
    """The field `key` as an array; None when absent or null."""
    value = obj.get(key)
    return None if value is None else as_list(value, _at(where, key))


def opt_objects(obj: JsonObject, key: str, where: str = "answer") -> list[JsonObject] | None:
    """The field `key` as an array of objects; None when absent or null."""
    value = obj.get(key)
    return None if value is None else as_objects(value, _at(where, key))


def opt_str(obj: JsonObject, key: str, where: str = "answer") -> str | None:
    """The field `key` as text; None when absent or null."""
    value = obj.get(key)
    return None if value is None else as_str(value, _at(where, key))


def opt_int(obj: JsonObject, key: str, where: str = "answer", *, lenient: bool = False) -> int | None:
    """The field `key` as a whole number; None when absent, null or, with `lenient`, empty text."""
    value = obj.get(key)
    if value is None or (lenient and value == ""):
        return None
    return as_int(value, _at(where, key), lenient=lenient)


def opt_float(obj: JsonObject, key: str, where: str = "answer", *, lenient: bool = False) -> float | None:
    """The field `key` as a number; None when absent, null or, with `lenient`, empty text."""
    value = obj.get(key)
    if value is None or (lenient and value == ""):
        return None
    return as_float(value, _at(where, key), lenient=lenient)


def opt_bool(obj: JsonObject, key: str, where: str = "answer", *, lenient: bool = False) -> bool | None:
    """The field `key` as a boolean; None when absent or null."""
    value = obj.get(key)
    return None if value is None else as_bool(value, _at(where, key), lenient=lenient)
