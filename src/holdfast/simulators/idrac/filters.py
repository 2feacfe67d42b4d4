"""The `$filter` expressions an iDRAC understands: comparisons joined by and, or, not and parentheses (contract §6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.simulators.idrac.timeline import parse_time
from holdfast.simulators.idrac.wire import Json

Predicate = Callable[[Json], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<paren>[()])|(?P<word>[A-Za-z@_][A-Za-z0-9_@./]*)|(?P<number>-?\d+(?:\.\d+)?))"
)
_OPERATORS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})


class FilterError(ValueError):
    """The expression is not one that is understood."""


@dataclass(frozen=True)
class Filter:
    """A predicate over a resource, and the top-level properties that it looks at."""

    holds: Predicate
    names: frozenset[str]


def parse(text: str) -> Filter:
    """The expression as a filter; FilterError when it cannot be read."""
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        found = _TOKEN.match(stripped, position)
        if found is None or found.lastgroup is None:
            raise FilterError(text)
        tokens.append((found.lastgroup, found.group(found.lastgroup)))
        position = found.end()
    parser = _Parser(tokens)
    predicate = parser.either()
    if parser.left:
        raise FilterError(text)
    return Filter(predicate, frozenset(parser.names))


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0
        self.names: set[str] = set()

    @property
    def left(self) -> bool:
        return self._position < len(self._tokens)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self.left else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def either(self) -> Predicate:
        left = self.both()
        while self._peek() == ("word", "or"):
            self._next()
            left = _or(left, self.both())
        return left

    def both(self) -> Predicate:
        left = self.one()
        while self._peek() == ("word", "and"):
            self._next()
            left = _and(left, self.one())
        return left

    def one(self) -> Predicate:
        kind, value = self._next()
        if (kind, value) == ("word", "not"):
            inner = self.one()
            return lambda resource: not inner(resource)
        if (kind, value) == ("paren", "("):
            inner = self.either()
            if self._next() != ("paren", ")"):
                raise FilterError("unbalanced parentheses")
            return inner
        if kind != "word":
            raise FilterError(value)
        self.names.add(value.split("/")[0])
        operator = self._next()[1]
        if operator not in _OPERATORS:
            raise FilterError(operator)
        literal_kind, literal = self._next()
        if literal_kind == "string":
            wanted: object = literal[1:-1].replace("''", "'")
        elif literal_kind == "number":
            wanted = float(literal)
        elif literal in ("true", "false", "null"):
            wanted = {"true": True, "false": False, "null": None}[literal]
        else:
            raise FilterError(literal)
        return lambda resource: _compare(_property(resource, value), operator, wanted)


def _or(a: Predicate, b: Predicate) -> Predicate:
    return lambda resource: a(resource) or b(resource)


def _and(a: Predicate, b: Predicate) -> Predicate:
    return lambda resource: a(resource) and b(resource)


def _property(resource: Json, path: str) -> object:
    value: object = resource
    for name in path.split("/"):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _compare(value: object, operator: str, wanted: object) -> bool:
    if operator == "eq":
        return _equal(value, wanted)
    if operator == "ne":
        return not _equal(value, wanted)
    left: float | None
    right: float | None
    if isinstance(value, str) and isinstance(wanted, str):
        left, right = parse_time(value), parse_time(wanted)
        if left is None or right is None:
            return _ordered((value > wanted) - (value < wanted), operator)
    elif isinstance(value, int | float) and isinstance(wanted, float):
        left, right = float(value), wanted
    else:
        return False
    return _ordered((left > right) - (left < right), operator)


def _ordered(sign: int, operator: str) -> bool:
    return {"gt": sign > 0, "ge": sign >= 0, "lt": sign < 0, "le": sign <= 0}[operator]


def _equal(value: object, wanted: object) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        # Dell's documentation filters log entries by the bare message id; the entry holds its registry as well.
        return value == wanted or value.endswith(f".{wanted}")
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, float):
        return float(value) == wanted
    return value is None and wanted is None
