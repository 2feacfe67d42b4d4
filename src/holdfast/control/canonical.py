"""One byte form for every JSON value, and keyed digests of it.

Two values have the same digest exactly when they are the same JSON value: the order of an object's keys does not count,
the order of a list does, and `1`, `1.0`, `"1"` and `true` are four different values.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final, TypeAlias

from pydantic import JsonValue

Json: TypeAlias = JsonValue

MAX_DEPTH: Final = 64
"""Deepest nesting of a value, levels."""


def canonical(value: Json) -> bytes:
    """The canonical form: sorted keys, no blanks, ASCII only, so that no byte of it is a control character.

    Raises:
        ValueError: Not JSON (a number that is not finite, a key that is not text, another type), or too deep.
    """
    _check(value, 0)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("a key is not text")
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif not (value is None or isinstance(value, str | bool | int | float)):
        raise ValueError(f"{type(value).__name__} is not JSON")


def digest(value: Json) -> str:
    """SHA-256 over the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def keyed_digest(key: bytes, value: Json) -> str:
    """HMAC-SHA-256 over the canonical form, 64 hexadecimal digits."""
    return hmac.new(key, canonical(value), hashlib.sha256).hexdigest()


def same_digest(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def derive_key(key: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose, so that a record signed for one is worth nothing for another."""
    return hmac.new(key, b"holdfast:" + purpose.encode("ascii"), hashlib.sha256).digest()
