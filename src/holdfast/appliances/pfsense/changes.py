"""Changes of a collection's objects: planned by content, sent to the object that has it now, then read back."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.appliances.pfsense.client import SLOW_ATTEMPT_S, WRITE_ATTEMPT_S, HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import Model, check_body
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.appliances.pfsense.lockout import guard
from holdfast.appliances.pfsense.names import renamed
from holdfast.appliances.pfsense.objects import (
    added,
    by_ref,
    content,
    differences,
    digest,
    find,
    find_again,
    ids,
    is_made,
    key_of,
    matches,
    nested_hidden,
    same_object,
)
from holdfast.appliances.pfsense.outcomes import Sent, applied
from holdfast.appliances.pfsense.patience import patiently
from holdfast.appliances.pfsense.positions import place, position_of
from holdfast.appliances.pfsense.references import users_of
from holdfast.appliances.pfsense.undoing import undo_create, undo_delete, undo_update
from holdfast.appliances.pfsense.wording import called, described, emptied, linked, live_at_once, sealed, shown
from holdfast.control.change import Applied, Change, Observed, by_state
from holdfast.control.context import Context
from holdfast.errors import ConflictError
from holdfast.transport.values import JsonObject, JsonValue

Ctx = Context[HTTPPfSenseClient]
_GOES_ON = "It goes on when its answer is lost, for minutes: look again before anything else."
_PACE_S = 1.1


async def plan_create(
    ctx: Ctx,
    kind: Kind,
    body: JsonObject,
    *,
    parent: str | None = None,
    position: str | None = None,
    force: bool = False,
    warnings: tuple[str, ...] = (),
) -> Change:
    """The change that creates an object.

    Args:
        ctx: The call.
        kind: The collection.
        body: Fields of the new object.
        parent: Id of the parent of a nested object.
        position: Where to put it in an ordered collection.
        force: Do it even when it would cut off Holdfast's own address.
        warnings: For the person who confirms.

    Raises:
        ConflictError: An object with this key is there, with other values.
        LockOutError: It would cut off Holdfast's own address.
    """
    client, model = ctx.client, kind.model
    await client.versions.require(model, "GET", plural=True)
    version = await client.versions.require(model, "POST")
    check_body(model, body, version, creating=True)
    body = await renamed(client, model, body)
    rows = await client.rows(model)
    identity = await client.identity()
    nested: JsonObject = {"parent_id": parent} if parent is not None else {}
    siblings = [row for row in rows if _is_child(row, parent)]
    placed = {"placement": place(kind, rows, position)} if position is not None else {}
    there = [row for row in siblings if is_made(model, row, body)]
    wanted = dict(body)
    if not there:
        _refuse_taken(kind, siblings, {**nested, **body})
        wanted, ignored = await _validated(client, "POST", model, {**nested, **body, **placed}, body)
        warnings = (*warnings, *ignored)
        there = [row for row in siblings if is_made(model, row, wanted)]
    if not there:
        await guard(client, kind, rows, _inserted(kind, rows, {**nested, **wanted}, position), force=force)
    sent = Sent()

    async def apply() -> Applied:
        async with client.writing():
            fresh = await client.rows(model)
            sent.before = fresh
            if kind.paced:
                await _pace(ctx)
            again: JsonObject = {"placement": place(kind, fresh, position)} if position is not None else {}
            message: JsonObject = {**nested, **body, **again}
            work = client.write("POST", model, message, attempt_s=_limit(kind))
            await sent.made(patiently(ctx, work, f"creating a {kind.label}"))
            client.last_creation_at = ctx.now()
        return applied(client, kind.subsystem)

    async def read_back() -> Observed:
        # What pfSense fills in by itself is not foreseen in full, so the new object is the one that was not there; an
        # equal one that somebody else made before the write was sent is not ours.
        known = by_ref(kind, sent.before or rows)
        now = [row for row in await client.rows(model) if _is_child(row, parent)]
        new = added(kind, now, known)
        found = [row for row in new if is_made(model, row, wanted)] or [r for r in new if matches(model, r, wanted)]
        if found:
            state = {"ref": key_of(kind, found[-1]), **content(model, found[-1])}
            note = f"There are {len(found)} equal ones." if len(found) > 1 else None
            return Observed("applied", state, note=note, undo=undo_create(kind, key_of(kind, found[-1])))
        if kind.slow and not sent.answered:
            return Observed("unknown", {"exists": False}, note=_GOES_ON)
        return sent.nothing({"exists": False})

    ref = key_of(kind, {**nested, **wanted}) if all(n in wanted or n in nested for n in kind.key) else None
    return Change(
        summary=f"Create {kind.label} {called({**nested, **wanted}, kind)}",
        identity=identity,
        before={"exists": bool(there)},
        after={"exists": True, **shown(model, wanted), **nested, **({"position": position} if position else {})},
        content={"method": "POST", "model": model.name, "body": sealed(model, body), **nested, "position": position},
        apply=apply,
        read_back=read_back,
        warnings=[*warnings, *live_at_once(kind)],
        undo=undo_create(kind, ref),
        cannot_undo=None if ref else "Its reference is known once it exists; the answer then tells how to delete it.",
        nothing_to_do=bool(there),
        recall=by_state(read_back),
    )


async def plan_update(ctx: Ctx, kind: Kind, ref: str, changes: JsonObject, *, force: bool = False) -> Change:
    """The change that sets fields of an object.

    Raises:
        NotFoundError: There is no such object.
        ConflictError: Several have this reference.
        LockOutError: It would cut off Holdfast's own address.
    """
    client, model = ctx.client, kind.model
    await client.versions.require(model, "GET", plural=True)
    version = await client.versions.require(model, "PATCH")
    check_body(model, changes, version, creating=False)
    changes = await renamed(client, model, changes)
    rows = await client.rows(model)
    identity = await client.identity()
    row = find(kind, rows, ref)
    before = content(model, row)
    nothing = matches(model, row, changes) and not any(model.fields[name].hidden for name in changes)
    wanted: JsonObject = dict(changes)
    ignored: tuple[str, ...] = ()
    if not nothing:
        wanted, ignored = await _validated(client, "PATCH", model, {**ids(row), **changes}, changes)
        after_rows = [{**other, **wanted} if other is row else other for other in rows]
        await guard(client, kind, rows, after_rows, force=force)
    merged: JsonObject = {**row, **wanted}
    sent = Sent()

    async def apply() -> Applied:
        async with client.writing():
            target = find_again(kind, await client.rows(model), before, ref)
            work = client.write("PATCH", model, {**ids(target), **changes})
            await sent.made(patiently(ctx, work, f"changing a {kind.label}"))
        return applied(client, kind.subsystem)

    async def read_back() -> Observed:
        now = await client.rows(model)
        new = [other for other in now if key_of(kind, other) == key_of(kind, merged)]
        reached = [other for other in new if matches(model, other, wanted) and _others_kept(model, other, row, wanted)]
        if reached:
            return Observed("applied", {"ref": key_of(kind, reached[-1]), **content(model, reached[-1])})
        if any(content(model, other) == before for other in now):
            return sent.nothing(before)
        seen = next((other for other in new), None)
        if seen is None:
            return Observed("unknown", None, note="The object is not there any more.")
        names = ", ".join(differences(model, seen, wanted)) or "other fields"
        return Observed("unknown", content(model, seen), note=f"It was changed, but not as planned: {names}.")

    return Change(
        summary=f"Change {kind.label} {ref} ({', '.join(changes)}){described(row)}",
        identity=identity,
        before=before,
        after={**content(model, merged), **emptied(model, wanted)},
        content={"method": "PATCH", "model": model.name, "body": sealed(model, changes)},
        apply=apply,
        read_back=read_back,
        warnings=[*ignored, *live_at_once(kind)],
        nothing_to_do=nothing,
        recall=None if any(model.fields[name].hidden for name in changes) else by_state(read_back),
        **undo_update(kind, key_of(kind, merged), row, changes),
    )


async def plan_delete(ctx: Ctx, kind: Kind, ref: str, *, force: bool = False) -> Change:
    """The change that deletes one object, found by its content right before; never more than one.

    Raises:
        NotFoundError: There is no such object.
        ConflictError: It is used, or several have this reference.
        LockOutError: It would cut off Holdfast's own address.
    """
    client, model = ctx.client, kind.model
    await client.versions.require(model, "GET", plural=True)
    await client.versions.require(model, "DELETE")
    rows = await client.rows(model)
    identity = await client.identity()
    row = find(kind, rows, ref, last_of_equals=True)
    before = content(model, row)
    used = await users_of(client, kind, row)
    if used:
        raise ConflictError(
            f"{kind.label.capitalize()} {ref} is used by: {'; '.join(used[:6])}. pfSense would delete it all the same "
            "and leave them broken. Nothing was executed.",
            next_step="Change or delete what uses it first.",
        )
    await _validated(client, "DELETE", model, ids(row), {})
    await guard(client, kind, rows, [other for other in rows if other is not row], force=force)
    count = sum(content(model, other) == before for other in rows)
    sent = Sent()

    async def apply() -> Applied:
        async with client.writing():
            sent.before = await client.rows(model)
            target = find_again(kind, sent.before, before, ref)
            work = client.write("DELETE", model, ids(target), attempt_s=_limit(kind))
            answer = await sent.made(patiently(ctx, work, f"deleting a {kind.label}"))
        deleted = content(model, answer) if isinstance(answer, dict) else before
        done = applied(client, kind.subsystem)
        if not same_object(kind, deleted, before):
            return Applied(details=done.details, warnings=(f"pfSense names another deleted object: {deleted}",))
        return done

    async def read_back() -> Observed:
        now = await client.rows(model)
        left = sum(content(model, other) == before for other in now)
        if left >= count and kind.slow and not sent.answered:
            return Observed("unknown", before, note=_GOES_ON)
        if left >= count:
            return sent.nothing(before)
        gone = by_ref(kind, sent.before) - by_ref(kind, now)
        gone -= by_ref(kind, [row])
        note = f"These vanished at the same time: {', '.join(list(gone)[:5])}." if gone else None
        return Observed("applied", {"exists": False}, note=note)

    where = position_of(kind, rows, row) if kind.name == "rule" else None
    return Change(
        summary=f"Delete {kind.label} {ref}{described(row)}",
        identity=identity,
        before=before,
        after={"exists": False},
        content={"method": "DELETE", "model": model.name, "object": digest(before)},
        apply=apply,
        read_back=read_back,
        blast_radius=linked(kind, row),
        warnings=live_at_once(kind),
        recall=by_state(read_back) if count == 1 else None,
        **undo_delete(kind, row, where, secret=nested_hidden(model)),
    )


async def _validated(
    client: HTTPPfSenseClient, method: str, model: Model, message: JsonObject, given: JsonObject
) -> tuple[JsonObject, tuple[str, ...]]:
    """What pfSense would make of the given fields, by its own dry run where that can be trusted (contract 7.4)."""
    if not await client.versions.has_dry_run():
        return dict(given), ("This release has no dry run to trust: pfSense has not checked the values yet.",)
    answer = await client.validate(method, model, message)
    if not isinstance(answer, dict):
        return dict(given), ()
    taken: JsonObject = {name: answer.get(name, value) for name, value in given.items()}
    if given.get("associated_rule_id") == "new":
        taken["associated_rule_id"] = "new"
    ignored = differences(model, taken, given)
    if not ignored:
        return taken, ()
    return taken, (f"pfSense takes these otherwise than given: {', '.join(ignored)}. See after.",)


async def _pace(ctx: Ctx) -> None:
    """Wait so that two creations do not share a second: it would be both objects' identity (contract 9.1)."""
    left = ctx.client.last_creation_at + _PACE_S - ctx.now()
    if 0 < left <= _PACE_S:
        await ctx.sleep(left)


def _refuse_taken(kind: Kind, siblings: list[JsonObject], body: JsonObject) -> None:
    """A second object with the same natural key would be indistinguishable, or is refused by pfSense anyway."""
    if kind.paced or not all(name in body for name in kind.key):
        return
    wanted = key_of(kind, body)
    if any(key_of(kind, row).casefold() == wanted.casefold() for row in siblings):
        raise ConflictError(
            f"There is a {kind.label} {wanted} with other values. Nothing was executed.",
            next_step="Change that one instead.",
        )


def _inserted(kind: Kind, rows: list[JsonObject], made: JsonObject, position: str | None) -> list[JsonObject]:
    index = len(rows) if position is None else place(kind, rows, position)
    return [*rows[:index], made, *rows[index:]]


def _is_child(row: Mapping[str, JsonValue], parent: str | None) -> bool:
    return parent is None or str(row.get("parent_id")) == parent


def _others_kept(model: Model, now: JsonObject, before: JsonObject, wanted: JsonObject) -> bool:
    """Whether the identifying read-only fields are still the same object's."""
    names = [n for n, f in model.fields.items() if f.read_only and n in ("tracker", "uniqid", "ikeid", "vpnid")]
    return all(now.get(name) == before.get(name) for name in names if name not in wanted)


def _limit(kind: Kind) -> float:
    return SLOW_ATTEMPT_S if kind.slow else WRITE_ATTEMPT_S
