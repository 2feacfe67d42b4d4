"""Wrong arguments for a tool, made from its own input schema: every rule that the schema states is broken once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

SECRET: Final = "hush-hush"
"""Part of every wrong text: no error may repeat it."""
_TEXTS: Final = (f"{SECRET} ../../x", f"\n{SECRET}\n", f"{SECRET}\x00\t\n/?", f"\x01{SECRET}")
"""Texts of which every grammar refuses one."""


@dataclass(frozen=True)
class Wrong:
    """One wrong call.

    Attributes:
        rule: What is broken, for the message of a failed test.
        argument: Name of the argument that an error must name.
        arguments: All arguments of the call.
    """

    rule: str
    argument: str
    arguments: dict[str, Any]


def wrong_calls(schema: Mapping[str, Any], working: Mapping[str, Any]) -> Iterator[Wrong]:
    """Calls that break one rule of an input schema each.

    Args:
        schema: Of a tool's arguments: a closed object.
        working: Arguments that keep all rules.
    """
    properties: dict[str, dict[str, Any]] = schema["properties"]
    yield Wrong("unknown argument", "colour", {**working, "colour": SECRET})
    for name in schema.get("required", ()):
        yield Wrong("missing", name, {key: value for key, value in working.items() if key != name})
    for name, rules in properties.items():
        for rule, value in wrong_values(rules, working.get(name)):
            yield Wrong(rule, name, {**working, name: value})


def wrong_values(rules: Mapping[str, Any], good: Any = None) -> Iterator[tuple[str, Any]]:
    """Values that break one rule of a property each; `good` is one that keeps them all, if known."""
    kind = rules.get("type")
    kinds = {kind, *(one.get("type") for one in rules.get("anyOf", ()))}
    yield "wrong type", [SECRET] if "object" in kinds else {SECRET: SECRET}
    if "enum" in rules:
        yield "not in the list", SECRET
    elif kind == "string":
        yield from _wrong_texts(rules)
    elif kind in ("integer", "number"):
        yield "no number", SECRET
        if "minimum" in rules:
            yield "too small", rules["minimum"] - 1
        if "maximum" in rules:
            yield "too large", rules["maximum"] + 1
    elif kind == "boolean":
        yield "no truth value", SECRET
    elif kind == "array":
        yield from _wrong_lists(rules, good)
    elif kind == "object":
        yield from _wrong_objects(rules, good)


def _wrong_texts(rules: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "pattern" in rules:
        outside = next(text for text in _TEXTS if not re.search(rules["pattern"], text))
        yield "outside the grammar", outside
    if "maxLength" in rules:
        yield "too long", (SECRET * rules["maxLength"])[: rules["maxLength"] + 1]
    if rules.get("minLength", 0) > 0:
        yield "too short", ""


def _wrong_lists(rules: Mapping[str, Any], good: Any) -> Iterator[tuple[str, Any]]:
    for rule, value in wrong_values(rules.get("items", {})):
        yield f"an element: {rule}", [value]
    if rules.get("minItems", 0) > 0:
        yield "too few elements", []
    if "maxItems" in rules:
        one = good[0] if good else _element(rules["items"])
        yield "too many elements", [one] * (rules["maxItems"] + 1)


def _element(rules: Mapping[str, Any]) -> Any:
    return rules["enum"][0] if "enum" in rules else "a"


def _wrong_objects(rules: Mapping[str, Any], good: Any) -> Iterator[tuple[str, Any]]:
    value = next(iter(good.values())) if good else "a"
    if rules.get("minProperties", 0) > 0:
        yield "empty", {}
    if "maxProperties" in rules:
        yield "too many names", {f"Name{number}": value for number in range(rules["maxProperties"] + 1)}
    if "patternProperties" in rules:
        yield "a name outside the grammar", {"no name ../x": value}
