"""Snapshots: taken, held, cloned, rolled back to, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from holdfast.appliances.truenas.arguments import Recursive
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.identifiers import DatasetPath, ZfsSnapshotId, ZfsSnapshotName
from holdfast.appliances.truenas.releases import snapshot_ways
from holdfast.appliances.truenas.snapshots import (
    dataset_row,
    holds_of,
    newer_than,
    snapshot_row,
    snapshots_like,
    written_since,
)
from holdfast.appliances.truenas.writes import Ctx, Seen, Write, call
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonValue, get_str


@tool(title="Take snapshot", toolset="snapshots", risk=Risk.WRITE, idempotent=False)
async def truenas_create_snapshot(
    ctx: Ctx, *, dataset: DatasetPath, name: ZfsSnapshotName, recursive: Recursive = False
) -> Change:
    """Take a snapshot of a dataset. Names that fit no periodic task's pattern are never pruned by it."""
    await dataset_row(ctx, dataset)
    wanted = f"{dataset}@{name}"
    if await snapshots_like(ctx, wanted):
        raise ConflictError(f"The snapshot {wanted} exists already.", next_step="Choose another name.")

    async def look() -> Seen:
        there = bool(await snapshots_like(ctx, wanted))
        return Seen(there, {"id": wanted} if there else {})

    data: JsonObject = {"dataset": dataset, "name": name, "recursive": recursive}
    undo: JsonObject = {"snapshot": wanted, **({"recursive": True} if recursive else {})}
    return await change(
        ctx,
        Write(snapshot_ways("create", data)),
        summary=f"Take the snapshot {wanted}{' and of all datasets below' if recursive else ''}",
        before={},
        after={"id": wanted},
        look=look,
        undo=UndoCall(tool="truenas_delete_snapshot", arguments=undo),
    )


@tool(title="Delete snapshot", toolset="snapshots", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_snapshot(
    ctx: Ctx,
    *,
    snapshot: ZfsSnapshotId,
    recursive: Annotated[bool, Field(description="Also of this name on all datasets below.")] = False,
) -> Change:
    """Delete a snapshot: the dataset stays as it is, but cannot go back to it any more."""
    row = await snapshot_row(ctx, snapshot)
    held = holds_of(row)
    if held and not recursive:
        raise ConflictError(f"{snapshot} is held.", next_step="Release it first with truenas_release_snapshot.")
    dataset, _, name = snapshot.partition("@")
    below: list[str] = []
    filters: list[JsonValue] = [["snapshot_name", "=", name], ["dataset", "^", f"{dataset}/"]]
    if recursive:
        below = [get_str(found, "id") for found in await snapshots_like(ctx, None, filters)]

    async def look() -> Seen:
        if not await snapshots_like(ctx, snapshot):
            return Seen(True, {})
        left = await snapshots_like(ctx, None, filters) if recursive else []
        return Seen(False, {"id": snapshot, "below": len(left)})

    options: JsonObject = {"recursive": True} if recursive else {}
    return await change(
        ctx,
        Write(snapshot_ways("delete", snapshot, options), slow=True),
        summary=f"Delete the snapshot {snapshot}{f' and {len(below)} below' if below else ''}",
        before={"id": snapshot, "used_bytes": row.get("used_bytes"), "below": len(below)},
        after={},
        look=look,
        cannot_undo="A deleted snapshot cannot be brought back.",
        blast_radius=[f"Also deletes {', '.join(below[:10])}{' …' if len(below) > 10 else ''}."] if below else [],
    )


@tool(title="Roll back to snapshot", toolset="snapshots", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_rollback_snapshot(
    ctx: Ctx,
    *,
    snapshot: ZfsSnapshotId,
    destroy_newer: Annotated[bool, Field(description="Destroy the snapshots taken since, which stand in the way.")] = (
        False
    ),
) -> Change:
    """Put a dataset back to a snapshot. Everything written since then is lost, and with destroy_newer also every newer
    snapshot. Without it only the newest snapshot can be rolled back to.
    """
    row = await snapshot_row(ctx, snapshot)
    dataset = snapshot.partition("@")[0]
    newer = await newer_than(ctx, row)
    if newer and not destroy_newer:
        raise ConflictError(
            f"{len(newer)} newer snapshots stand in the way: {', '.join(newer[:5])}{' …' if len(newer) > 5 else ''}.",
            next_step="Roll back to the newest one, or say destroy_newer=true.",
        )

    wrote = await written_since(ctx, dataset)

    async def look() -> Seen:
        left = set(newer).intersection(await newer_than(ctx, row))
        state: JsonObject = {"newer_snapshots": len(left)}
        if left:
            partly = (
                f"{len(newer) - len(left)} of {len(newer)} newer snapshots are gone."
                if len(left) < len(newer)
                else None
            )
            return Seen(None if partly else False, state, note=partly)
        now = await written_since(ctx, dataset)
        still = bool(wrote and now is not None and now >= wrote and not newer)
        return Seen(True if now == 0 and (newer or wrote) else None, state, unmoved=still)

    options: JsonObject = {"recursive": True} if newer else {}
    planned = await change(
        ctx,
        Write(snapshot_ways("rollback", snapshot, options), slow=True),
        summary=f"Roll {dataset} back to {snapshot}",
        before={"newer_snapshots": len(newer)},
        after={"newer_snapshots": 0},
        look=look,
        cannot_undo="What was written since the snapshot is gone.",
        blast_radius=[f"Destroys {', '.join(newer[:10])}{' …' if len(newer) > 10 else ''}."] if newer else [],
        warnings=[f"Everything written to {dataset} since this snapshot is lost; shares on it are interrupted."],
    )
    return replace(planned, recall=None)  # a later look sees snapshots that were taken since


@tool(title="Clone snapshot", toolset="snapshots", risk=Risk.WRITE, idempotent=False)
async def truenas_clone_snapshot(
    ctx: Ctx,
    *,
    snapshot: ZfsSnapshotId,
    dataset: Annotated[DatasetPath, Field(description="Dataset to make, in the same pool.")],
) -> Change:
    """Make a new, writable dataset from a snapshot. The snapshot cannot be deleted while the clone needs it."""
    await snapshot_row(ctx, snapshot)
    try:
        await dataset_row(ctx, dataset)
    except NotFoundError:
        pass
    else:
        raise ConflictError(f"The dataset {dataset} exists already.", next_step="Choose another name.")

    async def look() -> Seen:
        try:
            made = await dataset_row(ctx, dataset)
        except NotFoundError:
            return Seen(False, {})
        return Seen(made.get("origin") in (snapshot, None), {"dataset": dataset, "origin": made.get("origin")})

    return await change(
        ctx,
        Write(snapshot_ways("clone", {"snapshot": snapshot, "dataset_dst": dataset})),
        summary=f"Clone {snapshot} as {dataset}",
        before={},
        after={"dataset": dataset, "origin": snapshot},
        look=look,
        undo=UndoCall(tool="truenas_delete_dataset", arguments={"dataset": dataset}),
    )


@tool(title="Hold snapshot", toolset="snapshots", risk=Risk.WRITE, idempotent=True)
async def truenas_hold_snapshot(ctx: Ctx, *, snapshot: ZfsSnapshotId) -> Change:
    """Keep a snapshot from being deleted, by hand or by a periodic task, until it is released."""
    return await _hold(ctx, snapshot, hold=True)


@tool(title="Release snapshot", toolset="snapshots", risk=Risk.WRITE, idempotent=True)
async def truenas_release_snapshot(ctx: Ctx, *, snapshot: ZfsSnapshotId) -> Change:
    """Take all holds from a snapshot, so that it can be deleted again."""
    return await _hold(ctx, snapshot, hold=False)


async def _hold(ctx: Ctx, snapshot: str, *, hold: bool) -> Change:
    held = bool(holds_of(await snapshot_row(ctx, snapshot)))

    async def look() -> Seen:
        now = bool(holds_of(await snapshot_row(ctx, snapshot)))
        return Seen(now is hold, {"held": now})

    verb, back = ("hold", "truenas_release_snapshot") if hold else ("release", "truenas_hold_snapshot")
    return await change(
        ctx,
        Write(snapshot_ways(verb, snapshot, {"recursive": False})),
        summary=f"{verb.capitalize()} the snapshot {snapshot}",
        before={"held": held},
        after={"held": hold},
        look=look,
        undo=UndoCall(tool=back, arguments={"snapshot": snapshot}),
        nothing_to_do=held is hold,
    )


@tool(title="Promote clone", toolset="snapshots", risk=Risk.WRITE, idempotent=True)
async def truenas_promote_dataset(ctx: Ctx, *, dataset: DatasetPath) -> Change:
    """Make a clone independent of the dataset that it was cloned from: the snapshot they share moves to the clone."""
    row = await dataset_row(ctx, dataset)
    origin = row.get("origin")

    async def look() -> Seen:
        now = (await dataset_row(ctx, dataset)).get("origin")
        return Seen(not now, {"origin": now})

    return await change(
        ctx,
        call("pool.dataset.promote", dataset),
        summary=f"Promote the clone {dataset}",
        before={"origin": origin},
        after={"origin": None},
        look=look,
        cannot_undo="Promote the other dataset to turn the relation around again.",
        nothing_to_do=not origin,
    )
