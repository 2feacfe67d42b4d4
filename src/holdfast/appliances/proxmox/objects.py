"""Objects of a collection, created, changed and deleted in one way: state before, digest, read back, undo.

A `Kind` names the arguments of its tools and the API's fields behind them, so that a state before becomes the call
that takes a change back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Unpack

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import Form, Given, as_json, form_of, listed, plain, same, wire
from holdfast.appliances.proxmox.visibility import absent
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Cautions, Change
from holdfast.errors import ConflictError, InputError, NotFoundError
from holdfast.transport.values import JsonValue, as_int, digits, opt_str

ArgKind = Literal["text", "int", "bool", "list", "ids", "properties"]
_TRUE: Final = frozenset({"1", "yes", "on", "true"})


@dataclass(frozen=True)
class Arg:
    """An argument of the tools and the API's field behind it; `default` is what an absent flag stands for."""

    key: str
    kind: ArgKind = "text"
    default: bool = False

    def shown(self, value: JsonValue) -> JsonValue:
        """The API's value as the tool takes it."""
        match self.kind:
            case "bool":
                return plain(value).lower() in _TRUE
            case "int":
                text = plain(value)
                return int(text) if digits(text.removeprefix("-")) is not None else text
            case "list":
                return [*listed(value)]
            case "ids":
                return [*sorted(as_int(part, self.key, lenient=True) for part in listed(value))]
            case "properties":
                return ",".join(listed(plain(value)))
            case _:
                return plain(value)


Read = Callable[[AsyncProxmoxClient], Awaitable[JsonObject | None]]


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        noun: For people.
        collection: Path of the collection.
        key: The API's field with the object's name.
        argument: The tools' argument with the object's name; empty where there is only one object.
        args: The other arguments by name.
        tools: Tools that create, update and delete it; where one is missing there is no undo by it.
        digest: Whether changes carry the digest of what was read.
        digest_on_delete: Whether deletions do (few of the API's take one).
        given: Further arguments that every tool call of it needs (a node, a guest).
        always: Fields that each update repeats because the API wants them.
        derived: Fields of the API's answer that nobody sets.
        by_query: Whether the name is a parameter, not the last part of the path.
        shown_by: The privilege without which one is silently left out of the list, and the paths on which it shows all.
    """

    noun: str
    collection: tuple[str, ...]
    key: str
    argument: str
    args: Mapping[str, Arg]
    tools: tuple[str | None, str | None, str | None]
    digest: bool = True
    digest_on_delete: bool = False
    given: Mapping[str, str] = field(default_factory=dict)
    always: tuple[str, ...] = ()
    derived: frozenset[str] = frozenset()
    by_query: bool = False
    shown_by: tuple[str, ...] = ()

    def form(self, given: Mapping[str, Given]) -> Form:
        """The API's fields of what was given."""
        return form_of({self.args[name].key: value for name, value in given.items()})

    def shown(self, row: JsonObject) -> JsonObject:
        """An object in the words of the tools; fields that no tool sets are left out."""
        return {
            name: arg.shown(row[arg.key]) for name, arg in sorted(self.args.items()) if row.get(arg.key) is not None
        }

    def unknown(self, row: JsonObject) -> list[str]:
        """Fields of an object that no tool sets: without them it cannot be made again as it was."""
        keys = {arg.key for arg in self.args.values()} | self.derived | {self.key, "digest"}
        return sorted(set(row) - keys)

    def call(self, tool: str, ident: str, arguments: JsonObject | None = None) -> UndoCall:
        """A call of one of its tools."""
        named = {self.argument: ident} if self.argument else {}
        return UndoCall(tool=tool, arguments={**self.given, **named, **(arguments or {})})

    def item(self, ident: str) -> tuple[str, ...]:
        """Path of one object."""
        return self.collection if self.by_query else (*self.collection, ident)

    def named(self, ident: str) -> Form:
        """The parameter that names one object, where it is one."""
        return {self.key: ident} if self.by_query else {}


async def read_item(client: AsyncProxmoxClient, kind: Kind, ident: str) -> JsonObject | None:
    """GET of the object; None when there is none."""
    try:
        return await client.object(*kind.item(ident))
    except NotFoundError:
        return None


def _reader(kind: Kind, ident: str, read: Read | None) -> Read:
    return read if read is not None else lambda client: read_item(client, kind, ident)


async def create(
    ctx: Ctx,
    kind: Kind,
    ident: str,
    given: Mapping[str, Given],
    *,
    read: Read | None = None,
    extra: Mapping[str, Given] | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """Make an object.

    Raises:
        ConflictError: There is one of this name that is not as wanted.
    """
    reader = _reader(kind, ident, read)
    found = await reader(ctx.client)
    form = kind.form(given)
    wanted = kind.shown(as_json(form))
    if found is not None and not _holds(kind, found, form, ()):
        raise ConflictError(f"The {kind.noun} {ident} exists already.", next_step="Change it instead.")
    _, _, delete_tool = kind.tools

    async def look() -> Seen:
        seen = await reader(ctx.client)
        return Seen(seen is not None and _holds(kind, seen, form, ()), kind.shown(seen) if seen is not None else {})

    return await change(
        ctx,
        Write("POST", kind.collection, {kind.key: ident, **form_of(extra or {}), **form}),
        summary=f"Create the {kind.noun} {ident}",
        before=kind.shown(found) if found is not None else {},
        after=wanted,
        look=look,
        undo=kind.call(delete_tool, ident) if delete_tool else None,
        cannot_undo=None if delete_tool else "There is no tool that deletes it.",
        nothing_to_do=found is not None,
        **cautions,
    )


async def update(
    ctx: Ctx,
    kind: Kind,
    ident: str,
    given: Mapping[str, Given],
    unset: Sequence[str] | None = None,
    *,
    read: Read | None = None,
    path: tuple[str, ...] | None = None,
    summary: str | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """Change an object.

    Args:
        ctx: Of the tool.
        kind: Its kind.
        ident: Its name.
        given: What changes; None is not given.
        unset: Arguments that go back to the default.
        read: Reads it, where a GET of the item does not.
        path: Where it is sent, when not to the item.
        summary: What is done, when it is not "Change the NOUN NAME".
        cautions: See `Change`.

    Raises:
        NotFoundError: There is none.
        InputError: Nothing changes.
    """
    reader = _reader(kind, ident, read)
    found = await required(ctx, kind, ident, reader)
    form, gone = kind.form(given), [kind.args[name].key for name in unset or ()]
    if not form and not gone:
        raise InputError("Nothing to change was given.", next_step="Give at least one value, or unset.")
    if overlap := sorted(set(form) & set(gone)):
        raise InputError(f"Given and unset at once: {', '.join(overlap)}.")
    sent: Form = {**kind.named(ident), **form}
    if gone:
        sent["delete"] = ",".join(gone)
    for key in kind.always:
        if key not in sent and key not in gone and found.get(key) is not None:
            sent[key] = wire(plain(found[key]))
    _with_digest(kind, found, sent)
    before = kind.shown(found)
    after = {name: value for name, value in before.items() if name not in (unset or ())} | kind.shown(as_json(form))

    async def look() -> Seen:
        seen = await reader(ctx.client)
        return Seen(seen is not None and _holds(kind, seen, form, gone), kind.shown(seen) if seen is not None else {})

    _, update_tool, _ = kind.tools
    return await change(
        ctx,
        Write("PUT", path if path is not None else kind.item(ident), sent),
        summary=summary or f"Change the {kind.noun} {ident}",
        before=before,
        after=after,
        look=look,
        undo=_back(kind, update_tool, ident, before, given, unset or ()),
        cannot_undo=None if update_tool else "There is no tool that sets it back.",
        nothing_to_do=_holds(kind, found, form, gone),
        **cautions,
    )


async def delete(
    ctx: Ctx,
    kind: Kind,
    ident: str,
    *,
    read: Read | None = None,
    query: Mapping[str, Given] | None = None,
    cannot_undo: str | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """Delete an object.

    Raises:
        NotFoundError: There is none.
    """
    reader = _reader(kind, ident, read)
    found = await required(ctx, kind, ident, reader)
    sent = {**kind.named(ident), **form_of(query or {})}
    if kind.digest_on_delete:
        _with_digest(kind, found, sent)
    before = kind.shown(found)
    create_tool, _, _ = kind.tools
    if cannot_undo is None and (create_tool is None or kind.unknown(found)):
        lost = ", ".join(kind.unknown(found)) or "the object"
        cannot_undo = f"It can be made again, but not with everything it has: {lost}."
    undo = kind.call(create_tool, ident, before) if create_tool and cannot_undo is None else None

    async def look() -> Seen:
        seen = await reader(ctx.client)
        return Seen(seen is None, kind.shown(seen) if seen is not None else {})

    return await change(
        ctx,
        Write("DELETE", kind.item(ident), sent),
        summary=f"Delete the {kind.noun} {ident}",
        before=before,
        after={},
        look=look,
        undo=undo,
        cannot_undo=cannot_undo,
        **cautions,
    )


async def required(ctx: Ctx, kind: Kind, ident: str, read: Read) -> JsonObject:
    """The object.

    Raises:
        NotFoundError: There is none.
    """
    found = await read(ctx.client)
    if found is None and kind.shown_by:
        raise await absent(ctx.client, f"{kind.noun} {ident}", "List them.", *kind.shown_by)
    if found is None:
        raise NotFoundError(f"There is no {kind.noun} {ident}.", next_step="List them to find the right name.")
    return found


def _with_digest(kind: Kind, found: JsonObject, sent: Form) -> None:
    digest = opt_str(found, "digest")
    if kind.digest and digest is not None:
        sent["digest"] = digest


def _holds(kind: Kind, seen: JsonObject, form: Form, gone: Sequence[str]) -> bool:
    kinds = {arg.key: arg for arg in kind.args.values()}
    for key, wanted in as_json(form).items():
        arg = kinds.get(key)
        if arg is not None and arg.kind == "bool":
            if (arg.shown(seen[key]) if seen.get(key) is not None else arg.default) != arg.shown(wanted):
                return False
        elif arg is not None and arg.kind == "properties":
            if arg.shown(seen.get(key)) != arg.shown(wanted):
                return False
        elif not same(seen.get(key), wanted, as_list=arg is not None and arg.kind in ("list", "ids")):
            return False
    return all(seen.get(key) is None or _is_default(kinds.get(key), seen[key]) for key in gone)


def _is_default(arg: Arg | None, value: JsonValue) -> bool:
    """An unset text may come back empty, an unset number as 0."""
    return plain(value) in ("", "0")


def _back(
    kind: Kind, tool: str | None, ident: str, before: JsonObject, given: Mapping[str, Given], unset: Sequence[str]
) -> UndoCall | None:
    if tool is None:
        return None
    touched = [name for name, value in given.items() if value is not None] + list(unset)
    back: JsonObject = {name: before[name] for name in touched if name in before}
    if absent := sorted(name for name in touched if name not in before):
        back["unset"] = list(absent)
    return kind.call(tool, ident, back)
