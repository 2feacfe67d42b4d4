"""Which text an answer model can carry, and what bounds it: so that no field escapes cleaning.

A text field is fine when it is marked (`Untrusted`, `HouseText` and their kin), has a grammar, or has a closed set of
values. Everything else is `bare`, and a test over all answer models allows none of it.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import ipaddress
import types
import typing
import uuid
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel

from holdfast.control.cleaning import Clean, CleanJson
from holdfast.control.grammar import Grammar

Bound: TypeAlias = Literal["untrusted", "house", "identifier", "enum", "literal", "typed", "bare"]

_TYPED: Final = (
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)
_NO_TEXT: Final = (int, float, bool, type(None), complex, decimal.Decimal)


@dataclasses.dataclass(frozen=True)
class TextField:
    """A place in a model where text can stand.

    Attributes:
        path: Names of fields, `[]` for items, `{}` for values and `{key}` for names of a mapping.
        bound: What bounds it.
    """

    path: str
    bound: Bound


def text_fields(model: type[BaseModel]) -> Iterator[TextField]:
    """Every place of the model, and of the models in it, where text can stand."""
    yield from _model(model, model.__name__, ())


def bare_fields(model: type[BaseModel]) -> list[str]:
    """Paths of the model where text can stand that nothing bounds; empty when all is well."""
    return [found.path for found in text_fields(model) if found.bound == "bare"]


def _model(model: type[BaseModel], path: str, above: tuple[type, ...]) -> Iterator[TextField]:
    if model in above:
        return
    if model.model_config.get("extra") == "allow":
        yield TextField(f"{path}.*", "bare")
    for name, field in model.model_fields.items():
        yield from _marked(field.annotation, tuple(field.metadata), f"{path}.{name}", (*above, model))
    for name, computed in model.model_computed_fields.items():
        yield from _type(computed.return_type, f"{path}.{name}", (*above, model))


def _marked(
    annotation: object, metadata: tuple[object, ...], path: str, above: tuple[type, ...]
) -> Iterator[TextField]:
    """A type with its annotations; a mark bounds the type that it stands at."""
    for mark in metadata:
        if isinstance(mark, Clean):
            yield TextField(path, "untrusted" if mark.untrusted else "house")
            return
        if isinstance(mark, CleanJson):
            yield TextField(path, "untrusted")
            return
        if isinstance(mark, Grammar):
            yield TextField(path, "identifier")
            return
    yield from _type(annotation, path, above)


def _type(annotation: object, path: str, above: tuple[type, ...]) -> Iterator[TextField]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _marked(arguments[0], arguments[1:], path, above)
    elif origin is Literal:
        yield TextField(path, "literal")
    elif origin in (typing.Union, types.UnionType):
        for choice in arguments:
            yield from _type(choice, path, above)
    elif isinstance(annotation, type):
        yield from _class(annotation, path, above)
    elif isinstance(origin, type) and issubclass(origin, dict):
        yield from _type(arguments[0], f"{path}{{key}}", above)
        yield from _type(arguments[1], f"{path}{{}}", above)
    elif isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset):
        for item in arguments:
            if item is not Ellipsis:
                yield from _type(item, f"{path}[]", above)
    elif hasattr(annotation, "__value__"):
        yield from _type(annotation.__value__, path, above)
    else:
        # Any, a type variable, a mapping without types: whatever it is, text can hide in it.
        yield TextField(path, "bare")


def _class(found: type, path: str, above: tuple[type, ...]) -> Iterator[TextField]:
    if issubclass(found, BaseModel):
        yield from _model(found, path, above)
    elif issubclass(found, enum.Enum):
        yield TextField(path, "enum")
    elif issubclass(found, _TYPED):
        yield TextField(path, "typed")
    elif issubclass(found, _NO_TEXT):
        return
    elif dataclasses.is_dataclass(found):
        hints = typing.get_type_hints(found, include_extras=True)
        for field in dataclasses.fields(found):
            yield from _type(hints[field.name], f"{path}.{field.name}", above)
    else:
        yield TextField(path, "bare")
