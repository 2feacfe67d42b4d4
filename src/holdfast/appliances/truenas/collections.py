"""Objects in the middleware's collections (`<namespace>.query/create/update/delete`): found, created, changed, deleted.

Objects are recognised by their id and by what they are, never by their place in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Unpack

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.reading import plain
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.traces import secret_set
from holdfast.appliances.truenas.writes import Ctx, Seen, Write
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Cautions, Change
from holdfast.errors import ConflictError, InputError, NotFoundError
from holdfast.transport.values import JsonValue, get_int

_MANY: Final = 200
"""Objects fetched to find one by name; collections with more are asked by filter only."""


@dataclass(frozen=True)
class Collection:
    """A kind of object.

    Attributes:
        namespace: Of its methods.
        noun: For people: "SMB share".
        key: Field that names an object; with `unique` no two objects share it.
        shown: Fields that tell what an object is; they stand in plans as its state, and undo brings them back.
        list_tool: Tool that lists them.
        create_tool, update_tool, delete_tool: Tools by which a change is taken back; "" where there is none.
        ref: Argument of those tools that names the object.
        rename: API field → argument of the tools where they differ.
        convert: API field → how the tools' argument is made from its value.
        spread: API field → the arguments of the tools that its value becomes, where that is not one argument.
        reduce: API field → how its value is told: rows that the API writes out stand as their ids.
        unset: API field → the tools' argument that unsets it, where null is a value of it.
        fixed: Further arguments of the delete tool.
        normal: Makes a row comparable with what is sent, where TrueNAS answers another shape.
        unique: Whether TrueNAS allows only one object of a key.
        stamp: Field that moves when a secret of an object is set.
    """

    namespace: str
    noun: str
    key: str
    shown: tuple[str, ...]
    list_tool: str
    ref: str
    create_tool: str = ""
    update_tool: str = ""
    delete_tool: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)
    convert: Mapping[str, Callable[[JsonValue], JsonValue]] = field(default_factory=dict)
    spread: Mapping[str, Callable[[JsonValue], JsonObject]] = field(default_factory=dict)
    reduce: Mapping[str, Callable[[JsonValue], JsonValue]] = field(default_factory=dict)
    fixed: Mapping[str, JsonValue] = field(default_factory=dict)
    unset: Mapping[str, JsonValue] = field(default_factory=dict)
    normal: Callable[[JsonObject], JsonObject] = field(default=lambda row: row)
    unique: bool = True
    stamp: str | None = None

    def undo_create(self, ref: JsonValue) -> UndoCall:
        """The call that deletes an object that was just made."""
        return UndoCall(tool=self.delete_tool, arguments={**self.fixed, self.ref: str(ref)})

    @property
    def query(self) -> str:
        """Name of the query method."""
        return f"{self.namespace}.query"

    def label(self, row: JsonObject) -> str:
        """For people: `SMB share media (3)`."""
        return f"{self.noun} {row.get(self.key)} ({row.get('id')})"

    def facts(self, row: JsonObject) -> JsonObject:
        """The state of an object as plans show it."""
        return {name: self.value(row, name) for name in self.shown if name in row}

    def value(self, row: JsonObject, name: str) -> JsonValue:
        """A field as it is told and sent."""
        value = plain(row.get(name))
        return self.reduce[name](value) if name in self.reduce else value

    def arguments(self, values: JsonObject) -> JsonObject:
        """Values of the API as arguments of the tools."""
        made: JsonObject = {}
        for name, value in values.items():
            if value is None and name in self.unset:
                made[self.rename.get(name, name)] = self.unset[name]
            elif name in self.spread:
                made |= self.spread[name](value)
            else:
                made[self.rename.get(name, name)] = self.convert.get(name, _as_is)(value)
        return made


async def rows_of(ctx: Ctx, kind: Collection, filters: Sequence[JsonValue] = ()) -> list[JsonObject]:
    """Objects that match."""
    rows = await ctx.client.query(kind.query, filters, {"order_by": ["id"], "limit": _MANY})
    return [kind.normal(row) for row in rows]


async def find(ctx: Ctx, kind: Collection, ref: str) -> JsonObject:
    """The object that an id or a name stands for.

    Raises:
        NotFoundError: There is none.
        ConflictError: The name stands for several; the message tells their ids.
    """
    found = await ctx.client.query(kind.query, [[kind.key, "=", ref]], {"limit": 5})
    if not found and ref.isascii() and ref.isdigit():
        found = await ctx.client.query(kind.query, [["id", "=", int(ref)]], {"limit": 1})
    if not found:
        raise NotFoundError(f"TrueNAS has no {kind.noun} {ref}.", next_step=f"{kind.list_tool} lists them.")
    if len(found) > 1:
        ids = ", ".join(str(row.get("id")) for row in found)
        raise ConflictError(f"Several {kind.noun}s are called {ref}: {ids}.", next_step="Name one by its id.")
    return kind.normal(found[0])


def given(**values: JsonValue) -> JsonObject:
    """The values that were given; None means "as it is"."""
    return {name: value for name, value in values.items() if value is not None}


def at_least_one(values: JsonObject) -> JsonObject:
    """The values.

    Raises:
        InputError: There are none; nothing was executed.
    """
    if not values:
        raise InputError("Nothing to change was given.")
    return values


def given_some(**values: JsonValue) -> JsonObject:
    """As `given`, of which at least one must be.

    Raises:
        InputError: None was; nothing was executed.
    """
    return at_least_one(given(**values))


async def create(
    ctx: Ctx,
    kind: Collection,
    values: JsonObject,
    *,
    secret: JsonObject | None = None,
    write: Write | None = None,
    summary: str | None = None,
    cannot_undo: str | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """The change that adds an object; recognised afterwards as the one that was not there before.

    Raises:
        ConflictError: One of this name is there already.
    """
    same = await rows_of(ctx, kind, [[kind.key, "=", values[kind.key]]])
    if same and (kind.unique or any(_matches(kind, row, values) for row in same)):
        raise ConflictError(
            f"There already is a {kind.label(same[0])}.", next_step="Change that one, or choose another name."
        )
    fixed_reason = cannot_undo
    before_ids = [row.get("id") for row in same]
    after = {name: plain(value) for name, value in values.items() if name in kind.shown or name == kind.key}

    async def look() -> Seen:
        rows = await rows_of(ctx, kind, [[kind.key, "=", values[kind.key]]])
        new = [row for row in rows if row.get("id") not in before_ids]
        if not new:
            return Seen(False, {})
        wrong = sorted(name for name in after if name in new[0] and not _equal(kind.value(new[0], name), after[name]))
        note = f"TrueNAS made it with another {', '.join(wrong)}." if wrong else None
        by_id: UndoCall | None = None
        if kind.delete_tool and fixed_reason is None and not kind.unique:
            by_id = kind.undo_create(new[0].get("id"))
        return Seen(True, {"id": new[0].get("id"), **kind.facts(new[0])}, note=note, undo=by_id)

    undo = None
    if kind.delete_tool and cannot_undo is None:
        if kind.unique:
            undo = kind.undo_create(values[kind.key])
        else:
            cannot_undo = "The call that takes it back needs its id: it is told once it exists."
    sent = write or Write((Way(f"{kind.namespace}.create", ({**values, **(secret or {})},)),))
    return await change(
        ctx,
        replace(sent, relative=bool(same)),
        summary=summary or f"Create the {kind.noun} {values[kind.key]}",
        before={},
        after=after,
        look=look,
        undo=undo,
        cannot_undo=None if undo else cannot_undo or "There is no tool that takes it back.",
        **cautions,
    )


async def update(
    ctx: Ctx,
    kind: Collection,
    row: JsonObject,
    values: JsonObject,
    *,
    secret: JsonObject | None = None,
    summary: str | None = None,
    ref: str | None = None,
    also: JsonObject | None = None,
    write: Write | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """The change that gives an object other values; only what was given is sent. `ref`: the update tool's argument for
    the object where it is not the collection's. `also`: sent too, and given to the undo, but no part of the object.
    `write`: what is sent where it differs from the values.
    """
    number = get_int(row, "id")
    before: JsonObject = {name: kind.value(row, name) for name in (kind.key, *values)}
    after: JsonObject = {**before, **{name: plain(value) for name, value in values.items()}}
    moves = any(not _equal(before[name], after[name]) for name in values)

    async def look() -> Seen:
        rows = await ctx.client.query(kind.query, [["id", "=", number]], {"limit": 1})
        if not rows:
            return Seen(False, {}, note="It is not there any more.")
        now = kind.normal(rows[0])
        state: JsonObject = {name: kind.value(now, name) for name in before}
        reached = all(_equal(state[name], after[name]) for name in values)
        if secret and reached and not moves:
            return secret_set(row, now, secret, kind.stamp, state)
        return Seen(reached, state)

    undo, why = _undo_update(kind, row, before, values, secret, ref or kind.ref)
    if undo is not None and also:
        undo = UndoCall(tool=undo.tool, arguments={**undo.arguments, **also})
    return await change(
        ctx,
        write or Write((Way(f"{kind.namespace}.update", (number, {**values, **(secret or {}), **(also or {})})),)),
        summary=summary or f"Change the {kind.label(row)}",
        before=before,
        after=after,
        look=look,
        undo=undo,
        cannot_undo=why,
        nothing_to_do=not secret and not moves,
        **cautions,
    )


def _undo_update(
    kind: Collection, row: JsonObject, before: JsonObject, values: JsonObject, secret: JsonObject | None, ref: str
) -> tuple[UndoCall | None, str | None]:
    if secret:
        return None, "The secret before is not known."
    if not kind.update_tool:
        return None, "There is no tool that takes it back."
    unset = [name for name in values if before[name] is None and name not in kind.unset]
    if unset:
        return None, f"{', '.join(unset)} was not set before, and cannot be unset by this tool."
    name = values.get(kind.key, row.get(kind.key))
    arguments: JsonObject = {ref: str(name) if kind.unique else str(row.get("id"))}
    arguments |= kind.arguments({name: before[name] for name in values})
    return UndoCall(tool=kind.update_tool, arguments=arguments), None


async def delete(
    ctx: Ctx,
    kind: Collection,
    row: JsonObject,
    *options: JsonValue,
    recreate: Callable[[JsonObject], JsonObject | None] | None = None,
    cannot_undo: str | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """The change that removes an object.

    Args:
        ctx: Of the tool.
        kind: Of the object.
        row: The object.
        options: Further arguments of the delete method.
        recreate: Arguments of the create tool that make it again, from its row; None when they cannot.
        cannot_undo: Why it cannot be made again.
        cautions: See `Change`.
    """
    number = get_int(row, "id")

    async def look() -> Seen:
        rows = await ctx.client.query(kind.query, [["id", "=", number]], {"limit": 1})
        return Seen(not rows, kind.facts(kind.normal(rows[0])) if rows else {})

    arguments = recreate(row) if recreate is not None else None
    undo = UndoCall(tool=kind.create_tool, arguments=arguments) if arguments is not None and kind.create_tool else None
    return await change(
        ctx,
        Write((Way(f"{kind.namespace}.delete", (number, *options)),)),
        summary=f"Delete the {kind.label(row)}",
        before=kind.facts(row),
        after={},
        look=look,
        undo=undo,
        cannot_undo=None if undo else cannot_undo or "A deleted object cannot be brought back as it was.",
        **cautions,
    )


def again(kind: Collection, *fields: str) -> Callable[[JsonObject], JsonObject | None]:
    """Takes from a row the arguments of the create tool that make it again; fields without a value are left out."""

    def arguments(row: JsonObject) -> JsonObject | None:
        values = {name: kind.value(row, name) for name in fields}
        return kind.arguments({name: value for name, value in values.items() if value not in (None, "", [])})

    return arguments


def _as_is(value: JsonValue) -> JsonValue:
    return value


def _matches(kind: Collection, row: JsonObject, values: JsonObject) -> bool:
    return all(_equal(kind.value(row, name), value) for name, value in values.items() if name in row)


def _equal(have: JsonValue, wanted: JsonValue) -> bool:
    if isinstance(have, dict) and isinstance(wanted, dict):
        return all(_equal(have.get(name), value) for name, value in wanted.items())
    if isinstance(have, list) and isinstance(wanted, list) and len(have) == len(wanted):
        return all(map(_equal, have, wanted)) or sorted(map(repr, have)) == sorted(map(repr, wanted))
    return have == wanted


def beyond(row: JsonObject, defaults: JsonObject) -> str | None:
    """Why a deleted object could not be made again by the create tool: fields that it does not take and that are not
    at their defaults; None when there are none. An empty default stands for every empty value.
    """
    odd = [name for name, default in defaults.items() if name in row and _set(plain(row[name]), default)]
    return f"{', '.join(odd)} cannot be given to the create tool." if odd else None


def _set(value: JsonValue, default: JsonValue) -> bool:
    return value != default if default else value not in (None, "", [], {}, False)
