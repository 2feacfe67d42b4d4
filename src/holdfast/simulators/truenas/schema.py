"""Checking of arguments by the vendor's schemas, worded as the appliance words its refusals (contract 3 and 4).

Types are strict, objects refuse unknown keys, and a missing key takes the model's default. `items` holds a list of
schemas in the vendor's notation: every item matches one of them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any

from holdfast.simulators.truenas.errors import EINVAL, Json, Problem, Row

_MISSING = object()


class Checker:
    """Collects the problems of one set of arguments; `check` returns the value with defaults filled in."""

    def __init__(self, resolve: Callable[[Row], Row]) -> None:
        self._resolve = resolve
        self.problems: list[Problem] = []

    def check(self, schema: Row, value: object, path: str) -> Json:
        """The normalised value; problems are added to `self.problems`."""
        schema = self._resolve(schema)
        if "anyOf" in schema or "oneOf" in schema:
            return self._union(schema, value, path)
        if "const" in schema:
            return self._choice((schema["const"],), value, path)
        if "enum" in schema:
            return self._choice(tuple(schema["enum"]), value, path)
        kind = schema.get("type")
        if kind is None:
            return value
        return _KINDS[kind](self, schema, value, path)

    def _no(self, path: str, text: str) -> None:
        self.problems.append((path, text, EINVAL))

    def _try(self, schema: Row, value: object, path: str) -> tuple[Any, list[Problem]]:
        probe = Checker(self._resolve)
        return probe.check(schema, value, path), probe.problems

    def _union(self, schema: Row, value: object, path: str) -> object:
        discriminator = schema.get("discriminator")
        branches = [self._resolve(branch) for branch in schema.get("oneOf") or schema["anyOf"]]
        if isinstance(discriminator, dict):
            return self._tagged(str(discriminator["propertyName"]), branches, value, path)
        wanted = [branch for branch in branches if branch.get("type") != "null"]
        if value is None and len(wanted) < len(branches):
            return None
        failures: list[list[Problem]] = []
        for branch in wanted:
            tag = _tag(branch) if len(wanted) > 1 else ""
            result, problems = self._try(branch, value, f"{path}.{tag}" if tag else path)
            if not problems:
                return result
            failures.append(problems)
        # The vendor's models report every branch; with objects, only the branch whose fixed member was named
        # (a member left out counts as its default, so the first branch stands for all of them).
        named = [
            problems
            for branch, problems in zip(wanted, failures, strict=True)
            if isinstance(value, dict) and _fixed_members_match(branch, value)
        ]
        for problems in named[:1] or failures:
            self.problems.extend(problems)
        return value

    def _tagged(self, key: str, branches: Sequence[Row], value: object, path: str) -> object:
        if not isinstance(value, dict):
            self._no(path, "Input should be a valid dictionary or object to extract fields from")
            return value
        tags: dict[object, Row] = {}
        for branch in branches:
            member = self._resolve(branch["properties"][key])
            for tag in member.get("enum", [member.get("const")]):
                tags[tag] = branch
        tag = value.get(key, _MISSING)
        if tag is _MISSING:
            self._no(path, f"Unable to extract tag using discriminator '{key}'")
            return value
        found = tags.get(tag) if isinstance(tag, str | int | None) else None
        if found is None:
            expected = ", ".join(f"'{name}'" for name in tags)
            self._no(path, f"Input tag '{tag}' found using '{key}' does not match any of the expected tags: {expected}")
            return value
        return self.check(found, value, f"{path}.{tag}")

    def _choice(self, choices: tuple[object, ...], value: object, path: str) -> object:
        if any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices):
            return value
        names = [repr(choice) for choice in choices]
        text = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        self._no(path, f"Input should be {text}")
        return value

    def _string(self, schema: Row, value: object, path: str) -> object:
        if schema.get("format") == "date-time" and isinstance(value, datetime | date | time):
            return value
        if not isinstance(value, str):
            self._no(path, "Input should be a valid string")
            return value
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", len(value))
        if len(value) < shortest:
            self._no(path, f"String should have at least {shortest} character{'s' if shortest != 1 else ''}")
        elif len(value) > longest:
            self._no(path, f"String should have at most {longest} characters")
        elif "pattern" in schema and not re.search(schema["pattern"], value):
            self._no(path, f"String should match pattern '{schema['pattern']}'")
        elif schema.get("format") == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            self._no(path, "value is not a valid email address: An email address must have an @-sign.")
        elif schema.get("format") == "uri" and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S", value):
            self._no(path, "Input should be a valid URL, relative URL without a base")
        return value

    def _integer(self, schema: Row, value: object, path: str) -> object:
        if not isinstance(value, int) or isinstance(value, bool):
            self._no(path, "Input should be a valid integer")
            return value
        return self._bounded(schema, value, path)

    def _number(self, schema: Row, value: object, path: str) -> object:
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._no(path, "Input should be a valid number")
            return value
        return self._bounded(schema, value, path)

    def _bounded(self, schema: Row, value: float, path: str) -> float:
        if "minimum" in schema and value < schema["minimum"]:
            self._no(path, f"Input should be greater than or equal to {schema['minimum']}")
        elif "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            self._no(path, f"Input should be greater than {schema['exclusiveMinimum']}")
        elif "maximum" in schema and value > schema["maximum"]:
            self._no(path, f"Input should be less than or equal to {schema['maximum']}")
        elif "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
            self._no(path, f"Input should be less than {schema['exclusiveMaximum']}")
        return value

    def _boolean(self, schema: Row, value: object, path: str) -> object:
        if not isinstance(value, bool):
            self._no(path, "Input should be a valid boolean")
        return value

    def _null(self, schema: Row, value: object, path: str) -> object:
        if value is not None:
            self._no(path, "Input should be None")
        return value

    def _array(self, schema: Row, value: object, path: str) -> object:
        if not isinstance(value, list):
            self._no(path, "Input should be a valid list")
            return value
        least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
        if len(value) < least:
            plural = "s" if least != 1 else ""
            self._no(path, f"List should have at least {least} item{plural} after validation, not {len(value)}")
        elif len(value) > most:
            self._no(path, f"List should have at most {most} items after validation, not {len(value)}")
        if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
            self._no(path, "Value error, List contains duplicate entries")
        items = schema.get("items", {})
        if isinstance(items, list):
            items = {"anyOf": items} if len(items) > 1 else items[0]
        return [self.check(items, item, f"{path}.{index}") for index, item in enumerate(value)]

    def _object(self, schema: Row, value: object, path: str) -> object:
        if not isinstance(value, dict):
            self._no(path, "Input should be a valid dictionary")
            return value
        members: Row = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        result: Row = {}
        for name, member in members.items():
            if name in value:
                result[name] = self.check(member, value[name], f"{path}.{name}")
            elif name in schema.get("required", ()):
                self._no(f"{path}.{name}", "Field required")
            else:
                member = self._resolve(member)
                if "default" in member:
                    result[name] = copy.deepcopy(member["default"])
        for name, item in value.items():
            if name in members:
                continue
            if more is False:
                self._no(f"{path}.{name}", "Extra inputs are not permitted")
            else:
                result[name] = self.check(more, item, f"{path}.{name}") if isinstance(more, dict) else item
        return result


_KINDS: dict[str, Callable[[Checker, Row, object, str], object]] = {
    "string": Checker._string,
    "integer": Checker._integer,
    "number": Checker._number,
    "boolean": Checker._boolean,
    "null": Checker._null,
    "array": Checker._array,
    "object": Checker._object,
}


def _tag(branch: Row) -> str:
    """The component that the vendor's models add to a path to name a branch of a union."""
    if "enum" in branch or "const" in branch:
        return ""  # a choice adds no component
    bounded = any(key in branch for key in ("minimum", "maximum", "minLength", "maxLength", "pattern"))
    short = {"integer": "int", "string": "str", "boolean": "bool", "number": "float", "array": "list", "object": "dict"}
    kind = short.get(str(branch.get("type")), "any")
    if kind == "dict":
        fixed = [member["const"] for member in branch.get("properties", {}).values() if "const" in member]
        return str(fixed[0]) if fixed else "dict"
    return f"constrained-{kind}" if bounded and kind in ("int", "str", "float") else kind


def _fixed_members_match(branch: Row, value: Row) -> bool:
    members = branch.get("properties", {})
    fixed = {name: member["const"] for name, member in members.items() if "const" in member}
    return bool(fixed) and all(
        value.get(name, members[name].get("default", _MISSING)) == wanted for name, wanted in fixed.items()
    )


def example(schema: Row, resolve: Callable[[Row], Row]) -> Json:
    """The smallest value that matches: defaults where there are any, else null, empty, zero or the first choice."""
    schema = resolve(schema)
    if "default" in schema:
        return copy.deepcopy(schema["default"])
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return None if None in schema["enum"] else schema["enum"][0]
    if "anyOf" in schema or "oneOf" in schema:
        branches = [resolve(branch) for branch in schema.get("anyOf") or schema["oneOf"]]
        if any(branch.get("type") == "null" for branch in branches):
            return None
        return example(branches[0], resolve)
    kind = schema.get("type")
    if kind == "object":
        required = set(schema.get("required", ()))
        return {
            name: example(member, resolve)
            for name, member in schema.get("properties", {}).items()
            if name in required or "default" in resolve(member) or _builds_itself(resolve(member), resolve)
        }
    if kind == "integer":
        return int(max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1))
    if kind == "string":
        return "x" * int(schema.get("minLength", 0))
    return {"array": [], "boolean": False, "number": 0.0}.get(str(kind))


def _builds_itself(schema: Row, resolve: Callable[[Row], Row]) -> bool:
    """An object all of whose members have defaults: its model makes one by itself."""
    members = schema.get("properties", {})
    return bool(members) and all("default" in resolve(member) for member in members.values())


def prune(schema: Row, value: Json, resolve: Callable[[Row], Row]) -> Json:
    """`value` without the keys that this release's models do not have."""
    schema = resolve(schema)
    if "anyOf" in schema or "oneOf" in schema:
        branches = [resolve(branch) for branch in schema.get("anyOf") or schema["oneOf"]]
        if isinstance(value, dict):
            return prune(_best_object(branches, value, resolve), value, resolve)
        if isinstance(value, list):
            arrays = [branch for branch in branches if branch.get("type") == "array"]
            return prune(arrays[0], value, resolve) if arrays else value
        return value
    if isinstance(value, dict) and schema.get("type") == "object" and "properties" in schema:
        members = schema["properties"]
        closed = schema.get("additionalProperties") is False
        return {
            name: prune(members[name], item, resolve) if name in members else item
            for name, item in value.items()
            if name in members or not closed
        }
    if isinstance(value, list) and schema.get("type") == "array":
        items = schema.get("items", {})
        if isinstance(items, list):
            items = {"anyOf": items} if len(items) > 1 else items[0]
        return [prune(items, item, resolve) for item in value] if resolve(items) else value
    return value


def _best_object(branches: Sequence[Row], value: Row, resolve: Callable[[Row], Row]) -> Row:
    """The branch whose fixed members and required keys fit best."""

    def fit(branch: Row) -> tuple[bool, bool, int]:
        members = branch.get("properties", {})
        fixed_ok = True
        for name, member in members.items():
            member = resolve(member)
            if "const" in member and value.get(name) != member["const"]:
                fixed_ok = False
        required = branch.get("required", ())
        return fixed_ok, all(name in value for name in required), sum(name in members for name in value)

    objects = [branch for branch in branches if branch.get("type") == "object"]
    return max(objects, key=fit) if objects else {}
