"""Compose files as text: YAML read as Compose reads it, into the object that is looked through and sent.

In YAML 1.1 `22:22` is a number and `no` a boolean, in what Compose reads they are texts. It is read here, once, by the
rules of Compose (YAML 1.2's core schema, octal numbers with a leading 0 besides), and what was looked through is what
TrueNAS gets. Errors tell line and column, never a value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Final, Protocol

import yaml
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic import JsonValue as AnyJson

from holdfast.transport.values import JsonValue

MAX_CHARS: Final = 60_000
"""Longest text; TrueNAS takes requests of 64 kB (contract 2)."""
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 5_000
"""Most values of a file, each as often as aliases repeat it: a few lines of aliases can stand for billions."""

_CORE: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset(_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge"))
_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)")
_DECIMAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FLOAT: Final = re.compile(rf"{_DECIMAL.pattern}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER: Final = 80
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


class _Mark(Protocol):
    """A place in the text, counted from 0."""

    line: int
    column: int


class _Loader(yaml.SafeLoader):
    """Scans, parses and composes; nothing is constructed by it."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # as the base declares it
    depth = 0
    count = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        self.depth += 1
        self.count += 1
        wrong = f"nested more than {MAX_DEPTH} deep" if self.depth > MAX_DEPTH else None
        if self.count > 2 * MAX_VALUES:  # keys are nodes too
            wrong = f"of more than {MAX_VALUES} values"
        if wrong:
            event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs have none
            raise _at(event.start_mark, f"it is {wrong}")
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]  # the stubs say int
        finally:
            self.depth -= 1


for _kind, _pattern in (
    ("null", _NULL),
    ("bool", _BOOL),
    ("int", _INT),
    ("float", _FLOAT),
    ("merge", re.compile("<<")),
):
    _Loader.add_implicit_resolver(_CORE + _kind, re.compile(rf"(?:{_pattern.pattern})\Z"), None)


def read_compose(text: str) -> dict[str, JsonValue]:
    """The object that a compose file's text stands for.

    Raises:
        ValueError: It cannot be read; the message tells where and why.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"the YAML text is longer than {MAX_CHARS} characters")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        value = _Values().of(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _at(mark, _QUOTED.sub("…", error.problem or "it is no YAML")) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"the YAML text has a character in line {line} that YAML does not allow") from None
    if not isinstance(value, dict):
        raise ValueError("the YAML text is no mapping with services in it")
    return value


def _at(mark: _Mark | None, problem: str) -> ValueError:
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "the end"
    return ValueError(f"the YAML text cannot be read at {where}: {problem}")


class _Values:
    """Values of nodes; how many there were so far."""

    def __init__(self) -> None:
        self._count = self._depth = 0

    def of(self, node: yaml.Node) -> JsonValue:
        self._one_more(node)
        if node.tag not in _TAGS:
            raise _at(node.start_mark, "it has a tag other than those of plain values; Compose files need none")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._enter(node)
        value = dict(self._members(node)) if isinstance(node, yaml.MappingNode) else [self.of(it) for it in node.value]
        self._depth -= 1
        return value

    def _one_more(self, node: yaml.Node) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _at(node.start_mark, f"it has more than {MAX_VALUES} values, those repeated by aliases included")

    def _enter(self, node: yaml.Node) -> None:
        """One level deeper: aliases nest too, one in what it stands for without end."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _at(node.start_mark, f"aliases nest it more than {MAX_DEPTH} deep")

    def _members(self, node: yaml.MappingNode) -> Iterator[tuple[str, JsonValue]]:
        """Members, those merged in by `<<` first, so that the mapping's own replace them."""
        own: dict[str, JsonValue] = {}
        for key, value in node.value:
            if key.tag == _CORE + "merge":
                for merged in reversed(value.value if isinstance(value, yaml.SequenceNode) else [value]):
                    if not isinstance(merged, yaml.MappingNode):
                        raise _at(value.start_mark, "<< merges mappings only")
                    self._one_more(merged)
                    self._enter(merged)
                    yield from self._members(merged)
                    self._depth -= 1
            elif key.tag != _CORE + "str":
                raise _at(key.start_mark, "a key is not text; put it in quotes")
            elif key.value in own:
                raise _at(key.start_mark, "a key stands twice in its mapping")
            else:
                own[_whole(key, key.value)] = self.of(value)
        yield from own.items()


def _scalar(node: yaml.Node) -> JsonValue:
    text, kind = str(node.value), node.tag.removeprefix(_CORE)
    if kind in ("str", "merge"):
        return _whole(node, text)
    if kind == "null" and _NULL.fullmatch(text):
        return None
    if kind == "bool" and _BOOL.fullmatch(text):
        return text.lower() == "true"
    plain = text.replace("_", "") if len(text) < _LONGEST_NUMBER else ""
    if plain and kind == "int" and _INT.fullmatch(text):
        octal = re.fullmatch(r"([-+]?)0o?([0-7]+)", plain)
        number = int(octal[1] + octal[2], 8) if octal else int(plain, 0)
        if abs(number) < 2**63:
            return number
    if kind in ("float", "int") and _DECIMAL.fullmatch(plain) and math.isfinite(found := float(plain)):
        return found
    raise _at(node.start_mark, f"it is no value of the kind {kind}")


def _whole(node: yaml.Node, text: str) -> str:
    """A text whose characters beyond the first plane, written as two escapes, are one each."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _at(node.start_mark, "it has half of a character (a lone surrogate)") from None


def _object(given: object) -> object:
    if isinstance(given, str):
        return read_compose(given)
    _bounded(given)
    return given


def _bounded(whole: object) -> None:
    """Hold an object to the limits of the text, before anything goes through it."""
    level, count, depth = [whole], 0, 0
    while level:
        count += len(level)
        if count > MAX_VALUES:
            raise ValueError(f"the compose file has more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise ValueError(f"the compose file is nested more than {MAX_DEPTH} deep")
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]


Compose = Annotated[
    dict[str, AnyJson],
    BeforeValidator(_object),
    WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string", "maxLength": MAX_CHARS}]}),
    Field(description="Compose file: its YAML text, or the same as an object (services, volumes, …)."),
]
"""A compose file as an argument: text becomes the object that it stands for before anything is done with it, so that
secrets in it are known by their names.
"""
