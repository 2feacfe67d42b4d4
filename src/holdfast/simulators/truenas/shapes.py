"""Short ways to write schemas and facts of methods that the vendor's files do not describe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from holdfast.simulators.truenas.errors import Json, Row
from holdfast.simulators.truenas.facts import Auth, Fact, JobFacts, Param, vendor_facts

ANY: Row = {}
NULL: Row = {"type": "null"}
BOOL: Row = {"type": "boolean"}
INT: Row = {"type": "integer"}
TEXT: Row = {"type": "string"}
NAME: Row = {"type": "string", "minLength": 1}
DATE: Row = {"type": "string", "format": "date-time"}
FREE: Row = {"type": "object", "additionalProperties": True}
TRUE: Row = {"const": True, "type": "boolean"}


def default(schema: Row, value: Json) -> Row:
    """A schema with a default."""
    return {**schema, "default": value}


def maybe(schema: Row) -> Row:
    """This or null, null by default."""
    return {"anyOf": [schema, NULL], "default": None}


def nullable(schema: Row) -> Row:
    """This or null."""
    return {"anyOf": [schema, NULL]}


def either(*schemas: Row) -> Row:
    """One of these."""
    return {"anyOf": list(schemas)}


def one_of(*choices: Json) -> Row:
    """One of these values."""
    return {"enum": list(choices)}


def array(schema: Row) -> Row:
    """A list."""
    return {"type": "array", "items": [schema]}


def closed(required: Row, optional: Row | None = None) -> Row:
    """An object that refuses unknown keys."""
    members = {**required, **(optional or {})}
    return {"type": "object", "additionalProperties": False, "properties": members, "required": list(required)}


def updatable(members: Row) -> Row:
    """An object whose keys may all be left out, and take no defaults."""
    bare = {name: {k: v for k, v in schema.items() if k != "default"} for name, schema in members.items()}
    return closed({}, bare)


def mapping(schema: Row) -> Row:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": schema}


def fact(
    name: str,
    params: Iterable[tuple[str, Row] | tuple[str, Row, bool]] = (),
    returns: Row = NULL,
    *,
    roles: tuple[str, ...] = (),
    auth: Auth = "role",
    job: JobFacts | None = None,
) -> Fact:
    """Facts of a method. A parameter is required when its schema has no default, unless said otherwise."""
    made = []
    for entry in params:
        required = entry[2] if len(entry) == 3 else "default" not in entry[1]
        made.append(Param(entry[0], required, entry[1]))
    return Fact(name, tuple(made), returns, roles, auth, job)


def filters() -> tuple[tuple[str, Row, bool], tuple[str, Row, bool]]:
    """The two parameters of every query."""
    query = vendor_facts().releases["25.10"]["pool.query"]
    return ("filters", default(array(ANY), []), False), ("options", query.params[1].schema, False)


def query_answer(row: Row) -> Row:
    """What a query answers: rows whose fields are all optional, one of them, or a count."""
    loose = {**row, "required": []}
    return either(array(loose), loose, INT)


def crud(
    namespace: str,
    title: str,
    row: Row,
    create: Row,
    *,
    read: str,
    write: str,
    key: Row = INT,
    update: Row | None = None,
) -> list[Fact]:
    """Facts of query, get_instance, create, update and delete; `title` names the parameters."""
    changes = update if update is not None else updatable(create["properties"])
    options = filters()[1]
    return [
        fact(f"{namespace}.query", filters(), query_answer(row), roles=(read,)),
        fact(f"{namespace}.get_instance", [("id", key), options], row, roles=(read,)),
        fact(f"{namespace}.create", [(f"{title}_create", create)], row, roles=(write,)),
        fact(f"{namespace}.update", [("id", key), (f"{title}_update", changes)], row, roles=(write,)),
        fact(f"{namespace}.delete", [("id", key)], TRUE, roles=(write,)),
    ]


def edited(schema: Json, wanted: Callable[[Row], bool], change: Callable[[Row], Row]) -> Json:
    """The schema with every object schema that is `wanted` changed, shared parts written out."""
    schema = vendor_facts().expand(schema)

    def walk(value: Json) -> Json:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        value = {key: walk(item) for key, item in value.items()}
        return change(value) if isinstance(value.get("properties"), dict) and wanted(value) else value

    return walk(schema)


def with_members(
    marker: str, add: Row | None = None, drop: tuple[str, ...] = (), *, answers: bool = True
) -> Callable[[Fact], Fact]:
    """A change of facts: objects that have the member `marker` gain some and lose others.

    A gained member is required where the object requires its marker, so rows of queries keep all optional. With
    `answers` false only the parameters change.
    """

    def change(schema: Row) -> Row:
        required = [name for name in schema.get("required", []) if name not in drop]
        members = {name: member for name, member in schema["properties"].items() if name not in drop}
        for name, member in (add or {}).items():
            members[name] = member
            if marker in schema.get("required", []) and "default" not in member and name not in required:
                required.append(name)
        return {**schema, "properties": members, "required": required}

    def apply(original: Fact) -> Fact:
        def wanted(schema: Row) -> bool:
            return marker in schema["properties"]

        params = tuple(dataclasses.replace(p, schema=edited(p.schema, wanted, change)) for p in original.params)
        returns = edited(original.returns, wanted, change) if answers else original.returns
        return dataclasses.replace(original, params=params, returns=returns)

    return apply


def then(*changes: Callable[[Fact], Fact]) -> Callable[[Fact], Fact]:
    """Several changes, one after the other."""

    def apply(original: Fact) -> Fact:
        for change in changes:
            original = change(original)
        return original

    return apply


def returning(returns: Row) -> Callable[[Fact], Fact]:
    """Another answer."""
    return lambda original: dataclasses.replace(original, returns=returns)


def taking(*params: tuple[str, Row]) -> Callable[[Fact], Fact]:
    """Other parameters."""
    made = tuple(Param(name, "default" not in schema, schema) for name, schema in params)
    return lambda original: dataclasses.replace(original, params=made)


def also_taking(*params: tuple[str, Row]) -> Callable[[Fact], Fact]:
    """Further parameters."""
    made = tuple(Param(name, "default" not in schema, schema) for name, schema in params)
    return lambda original: dataclasses.replace(original, params=(*original.params, *made))
