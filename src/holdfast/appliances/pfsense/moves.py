"""Moves within an ordered collection: to a place that is said by its neighbours, whatever has shifted meanwhile."""

from __future__ import annotations

from holdfast.appliances.pfsense.changes import Ctx
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.appliances.pfsense.lockout import guard
from holdfast.appliances.pfsense.objects import content, digest, find, find_again, ids, refs
from holdfast.appliances.pfsense.outcomes import Sent, applied
from holdfast.appliances.pfsense.patience import patiently
from holdfast.appliances.pfsense.positions import place, position_of
from holdfast.appliances.pfsense.undoing import undo_move
from holdfast.appliances.pfsense.wording import described, live_at_once
from holdfast.control.change import Applied, Change, Observed, by_state
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonObject


async def plan_move(ctx: Ctx, kind: Kind, ref: str, position: str, *, force: bool = False) -> Change:
    """The change that puts an object of an ordered collection somewhere else.

    Raises:
        NotFoundError: There is no such object, or no such neighbour.
        LockOutError: It would cut off Holdfast's own address.
    """
    client, model = ctx.client, kind.model
    await client.versions.require(model, "PATCH")
    rows = await client.rows(model)
    identity = await client.identity()
    row = find(kind, rows, ref)
    others = [other for other in rows if other is not row]
    target = place(kind, others, position)
    planned = content(model, row)
    order = refs(kind, rows)
    was = position_of(kind, rows, row)
    wanted = [*others[:target], row, *others[target:]]
    nothing = all(a is b for a, b in zip(wanted, rows, strict=True))
    if not nothing:
        await guard(client, kind, rows, wanted, force=force)
    sent = Sent()

    async def apply() -> Applied:
        async with client.writing():
            fresh = await client.rows(model)
            found = find_again(kind, fresh, planned, ref)
            rest = [other for other in fresh if other is not found]
            message: JsonObject = {**ids(found), "placement": place(kind, rest, position)}
            await sent.made(patiently(ctx, client.write("PATCH", model, message), f"moving a {kind.label}"))
        return applied(client, kind.subsystem)

    async def read_back() -> Observed:
        now = await client.rows(model)
        try:
            found = find(kind, now, ref)
        except (NotFoundError, ConflictError):
            return Observed(
                "unknown", note=f"It is not found any more as {ref}: somebody changed it meanwhile. List them."
            )
        rest = [other for other in now if other is not found]
        index = next(number for number, other in enumerate(now) if other is found)
        state: JsonObject = {"position": position_of(kind, now, found)}
        if index == place(kind, rest, position):
            return Observed("applied", state)
        if refs(kind, now) == order:
            return sent.nothing(state)
        return Observed("unknown", state, note="It stands neither where it was nor where it should.")

    return Change(
        summary=f"Move {kind.label} {ref} to {position}{described(row)}",
        identity=identity,
        before={"position": was, "object": digest(planned)},
        after={"position": position, "object": digest(planned)},
        apply=apply,
        read_back=read_back,
        undo=undo_move(kind, ref, was),
        warnings=live_at_once(kind),
        nothing_to_do=nothing,
        recall=by_state(read_back),
    )
