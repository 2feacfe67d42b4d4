"""How PHP 8 compares, sorts and guesses types, as far as answers depend on it (contract §4, §6)."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import parse_qsl

_INTEGER = re.compile(r"-?\d+\Z")
_NUMERIC = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*\Z")


def number_of(value: object) -> float | None:
    """The number that a numeric string or number is, else None."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and _NUMERIC.match(value):
        return float(value)
    return None


def truthy(value: object) -> bool:
    """Whether PHP takes the value for true."""
    return bool(value) and value != "0"


def equals(left: object, right: object) -> bool:
    """PHP's `==`."""
    if left is None and right is None:
        return True
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        if left is None and isinstance(right, str):
            return right == ""
        if right is None and isinstance(left, str):
            return left == ""
        return truthy(left) == truthy(right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return type(left) is type(right) and left == right
    a, b = number_of(left), number_of(right)
    if a is not None and b is not None:
        return a == b
    return str(left) == str(right)


def compare(left: object, right: object) -> int:
    """PHP's `<=>`: -1, 0 or 1."""
    if equals(left, right):
        return 0
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        if not isinstance(right, list | dict):
            return 1
        if not isinstance(left, list | dict):
            return -1
        return -1 if (len(left), str(left)) < (len(right), str(right)) else 1
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        if (isinstance(left, str) or isinstance(right, str)) and (left is None or right is None):
            return -1 if left is None else 1
        return -1 if truthy(left) < truthy(right) else 1
    a, b = number_of(left), number_of(right)
    if a is not None and b is not None:
        return -1 if a < b else 1
    return -1 if str(left) < str(right) else 1


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key of natural order: runs of digits compare as numbers."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def guess(text: str) -> object:
    """The type that a query string's text gets: true, false, null, all digits, digits with a dot, else text."""
    words: dict[str, object] = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    if _INTEGER.match(text):
        return int(text)
    if re.match(r"-?\d+\.\d+\Z", text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def parse_query(text: str) -> dict[str, Any]:
    """A query string or form body as PHP reads it: the last of equal names wins, `name[]` collects a list."""
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        bracket = name.find("[")
        if bracket > 0 and name.endswith("]"):
            base, key = name[:bracket], name[bracket + 1 : -1]
            held = values.get(base)
            if key and not key.isdigit():
                values[base] = {**(held if isinstance(held, dict) else {}), key: guess(value)}
            else:
                values[base] = [*(held if isinstance(held, list) else []), guess(value)]
        else:
            values[name.replace(".", "_").replace(" ", "_")] = guess(value)
    return values


def php_type(value: object) -> str:
    """The name that PHP's gettype gives a decoded JSON value."""
    if value is None:
        return "NULL"
    for kinds, name in ((bool, "boolean"), (int, "integer"), (float, "double"), (str, "string")):
        if isinstance(value, kinds):
            return name
    return "array"
