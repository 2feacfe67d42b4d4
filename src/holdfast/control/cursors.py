"""Cursors: where a page ended, what was asked, and how the next page knows whether the list is still the same.

A cursor is opaque to who gets it, and short. It carries how many rows were before, a mark of the last row shown, where
the whole list was at hand the sum of the marks of all rows before, and a seal over these and the question (tool,
target, arguments but `limit` and `cursor`). It grants nothing: whoever makes one up reads what he could ask for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, get_args

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from holdfast.cutting import redacted
from holdfast.errors import InputError

MAX_CURSOR_CHARS: Final = 32
_MARK_BYTES: Final = 6
_OFFSET_BYTES: Final = 3
_PLACE_BYTES: Final = 1 + _OFFSET_BYTES + 2 * _MARK_BYTES
_SUMMED, _EXACT = 1, 2
_MARKS: Final = 1 << (8 * _MARK_BYTES)
_NAMES: Final = ("ref", "id", "uuid", "name")
"""Fields that say which row it is, where a model does not name others; the first that it has counts, with `kind`."""
_RAW_NAMES: Final = ("upid", "volid", "userid", "id", "vmid", "sid", "name", "iface", "storage", "node", "cidr")
"""The same for rows without a model, as an appliance tells them."""
_PLAIN: Final = frozenset({str, int, bool})
_NOT_ASKED: Final = frozenset({"limit", "cursor"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ended.

    Attributes:
        offset: Rows before the next one.
        last: Mark of the row at which it ended.
        before: Sum of the marks of all rows before the next one; None where they are not known.
        exact: Whether `last` stood right before `offset`; else there or later.
    """

    offset: int
    last: int
    before: int | None = None
    exact: bool = True


def encode_place(place: Place) -> str:
    """The cursor of a place, not yet sealed."""
    return _text(_packed(place))


def decode_place(cursor: str) -> Place:
    """The place that a cursor stands for.

    Raises:
        InputError: It is not a cursor of ours.
    """
    return _unpacked(_bytes(cursor, _PLACE_BYTES))


def seal(cursor: str, question: bytes) -> str:
    """The cursor as it leaves: good for this question only."""
    body = _bytes(cursor, _PLACE_BYTES)
    return _text(body + _seal_of(body, question))


def unseal(cursor: str, question: bytes) -> str:
    """The cursor as tools understand it.

    Raises:
        InputError: It is no cursor of ours, or belongs to another question. Nothing was executed.
    """
    whole = _bytes(cursor, _PLACE_BYTES + _MARK_BYTES)
    body = whole[:_PLACE_BYTES]
    if _seal_of(body, question) != whole[_PLACE_BYTES:]:
        raise InputError(
            "The cursor belongs to another list: it was given for another tool, target or other arguments. "
            "Nothing was executed.",
            next_step="Call without cursor; or with every argument as for the page before, only limit may be another.",
        )
    return _text(body)


def check_form(cursor: str) -> None:
    """That a cursor looks like one that left.

    Raises:
        InputError: It does not.
    """
    _unpacked(_bytes(cursor, _PLACE_BYTES + _MARK_BYTES)[:_PLACE_BYTES])


def question_of(tool: str, target: str, arguments: Mapping[str, object]) -> bytes:
    """What a cursor is bound to: the question, whatever the size of its pages."""
    asked = {name: value for name, value in arguments.items() if name not in _NOT_ASKED}
    plain = to_jsonable_python([tool, target, asked], fallback=repr)
    return hashlib.sha256(_canonical(plain)).digest()


def _packed(place: Place) -> bytes:
    flags = (_SUMMED if place.before is not None else 0) | (_EXACT if place.exact else 0)
    return (
        bytes([flags])
        + place.offset.to_bytes(_OFFSET_BYTES, "big")
        + place.last.to_bytes(_MARK_BYTES, "big")
        + (place.before or 0).to_bytes(_MARK_BYTES, "big")
    )


def _unpacked(body: bytes) -> Place:
    flags, numbers = body[0], body[1:]
    offset = int.from_bytes(numbers[:_OFFSET_BYTES], "big")
    last = int.from_bytes(numbers[_OFFSET_BYTES:-_MARK_BYTES], "big")
    before = int.from_bytes(numbers[-_MARK_BYTES:], "big")
    if flags > (_SUMMED | _EXACT) or offset == 0 or (before and not flags & _SUMMED):
        raise _foreign()
    return Place(offset, last, before if flags & _SUMMED else None, bool(flags & _EXACT))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _bytes(cursor: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _foreign() from None
    if len(raw) != length or _text(raw) != cursor:
        raise _foreign()
    return raw


def _foreign() -> InputError:
    return InputError(
        "The cursor is not one of this list. Nothing was executed.", next_step="Start again without cursor."
    )


def _seal_of(body: bytes, question: bytes) -> bytes:
    return hashlib.sha256(b"holdfast cursor" + question + body).digest()[:_MARK_BYTES]


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _canonical(value: object) -> bytes:
    return _encode(value).encode("ascii")


@cache
def identity_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a row that tell which one it is; empty where only all of them together do. See `Row`."""
    declared: tuple[str, ...] | None = getattr(model, "identified_by", None)
    if declared is not None:
        return declared
    for name in _NAMES:
        if name in model.model_fields:
            return ("kind", name) if "kind" in model.model_fields else (name,)
    return ()


@cache
def identity_of_items(answer: type[BaseModel]) -> tuple[str, ...] | None:
    """The same for the rows of a page's model; None where they have no model."""
    field = answer.model_fields.get("items")
    for part in get_args(field.annotation) if field is not None else ():
        for inner in (part, *get_args(part)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                return identity_of(inner)
    return None


def mark_of(row: BaseModel) -> int:
    """A short mark of a row: the same for the same row, whatever it measures at the moment."""
    names = identity_of(type(row))
    values = [getattr(row, name) for name in names]
    if names and all(type(value) in _PLAIN for value in values):
        return mark_of_json(dict(zip(names, values, strict=True)), names)
    return mark_of_json(row.model_dump(mode="json", exclude_none=True, by_alias=True), names)


def mark_of_json(row: JsonValue, names: tuple[str, ...] | None) -> int:
    """The mark of a row as JSON without what is None; `names` is its identity, None where it has no model."""
    if names is None:
        names = next(((name,) for name in _RAW_NAMES if isinstance(row, dict) and name in row), ())
    known: JsonValue = {name: row[name] for name in names if name in row} if names and isinstance(row, dict) else row
    raw = _canonical(known)
    if not names:
        # A digest of free text must tell nobody whether a guess of what was redacted in it is right.
        raw = redacted(raw.decode("ascii"), complete=True).encode()
    return int.from_bytes(hashlib.sha256(raw).digest()[:_MARK_BYTES], "big")


def summed(marks: Iterable[int], start: int = 0) -> int:
    """The sum of marks: the same whatever their order."""
    return (start + sum(marks)) % _MARKS
