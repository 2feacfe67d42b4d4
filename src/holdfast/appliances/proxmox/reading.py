"""From the API's rows to the models that tools return.

A model's field takes the API's field of the same name (`_` for `-`), or the one that `Key` names; numbers and flags are
read by the field's type, because the API mixes numbers and texts (contract 12).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel

from holdfast.appliances.proxmox.encoding import listed, plain
from holdfast.errors import ProtocolError
from holdfast.transport.values import JsonObject, JsonValue, as_bool, as_float, as_int, digits

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Key:
    """Marks a model's field with the API's own names for it; the first that is there counts."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


Reader = Callable[[JsonValue, str], object]


def _text(value: JsonValue, where: str) -> object:
    return plain(value)


def _list(value: JsonValue, where: str) -> object:
    return listed(value)


_READERS: Final[Mapping[type, Reader]] = {
    bool: lambda value, where: as_bool(value, where, lenient=True),
    int: lambda value, where: _whole(value, where),
    float: lambda value, where: as_float(value, where, lenient=True),
    str: _text,
    list: _list,
}


def _whole(value: JsonValue, where: str) -> int:
    number = as_float(value, where, lenient=True)
    return as_int(value, where, lenient=True) if number.is_integer() else round(number)


@cache
def _plan(model: type[BaseModel]) -> tuple[tuple[str, tuple[str, ...], Reader], ...]:
    plan: list[tuple[str, tuple[str, ...], Reader]] = []
    for name, field in model.model_fields.items():
        marked = next((mark for mark in field.metadata if isinstance(mark, Key)), None)
        names = marked.names if marked is not None else (name, name.replace("_", "-"))
        reader = _READERS.get(_bare(field.annotation))
        if reader is not None:
            plan.append((name, names, reader))
    return tuple(plan)


def _bare(annotation: object) -> type:
    """The plain type behind marks, optionality and item types."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    if isinstance(origin, type):
        items = get_args(annotation)
        return origin if origin is list and items and _bare(items[0]) is str else object
    return annotation if isinstance(annotation, type) else object


def made(model: type[ModelT], row: JsonObject, /, **given: object) -> ModelT:
    """The model of a row; `given` fills fields that need more than their own value.

    Raises:
        ProtocolError: A field is of another kind, or a required one is missing.
    """
    values: dict[str, object] = {}
    for name, names, reader in _plan(model):
        if name in given:
            continue
        for key in names:
            if (value := row.get(key)) is not None and not (value == "" and reader is not _text):
                values[name] = reader(value, key)
                break
    for name, field in model.model_fields.items():
        if field.is_required() and name not in values and name not in given:
            raise ProtocolError(f"The appliance's answer lacks a field: {name}.")
    return model.model_validate({**values, **given})


def by(*names: str) -> Callable[[JsonObject], tuple[tuple[int, str], ...]]:
    """A sort key over fields; numbers sort as numbers. Lists come in random order (contract 12)."""

    def key(row: JsonObject) -> tuple[tuple[int, str], ...]:
        return tuple(_rank(row.get(name)) for name in names)

    return key


def _rank(value: JsonValue) -> tuple[int, str]:
    text = plain(value)
    number = digits(text)
    return (0, text) if number is None else (number, "")
