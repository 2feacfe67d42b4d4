"""Pools and their disks: scrubbed, repaired, expanded; disks wiped."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import DiskIdentifier, Member, PoolFilter
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.identifiers import DiskName, PoolName
from holdfast.appliances.truenas.models.storage import Disk, DiskPage, Topology, Vdev
from holdfast.appliances.truenas.pools import disk_like, exported, free_disk, leaf_named, leaves, pool_named
from holdfast.appliances.truenas.reading import dig, made
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.writes import Ctx, Seen, Write, call, job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ApplianceError, ConflictError
from holdfast.transport.values import JsonValue, as_object, get_int, get_str, opt_float


@tool(title="List disks", toolset="pools")
async def truenas_list_disks(
    ctx: Ctx, *, pool: PoolFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> DiskPage:
    """Disks with model, serial number, size, pool and temperature. No pool: unused."""
    rows = await ctx.client.query("disk.query", [], {"extra": {"pools": True}, "order_by": ["name"]})
    found = [row for row in rows if pool is None or row.get("pool") == pool]
    notes: list[str] = []
    temperatures: JsonObject = {}
    try:
        temperatures = as_object(await ctx.client.call("disk.temperatures", []), "disk.temperatures")
    except ApplianceError as error:
        notes.append(f"Temperatures are missing: {error.message}")
    return page(
        DiskPage,
        found,
        lambda row: made(Disk, row, temperature_c=opt_float(temperatures, str(row.get("name")))),
        limit,
        cursor,
        notes=notes,
    )


@tool(title="Get pool topology", toolset="pools")
async def truenas_get_pool(ctx: Ctx, *, pool: PoolName) -> Topology:
    """A pool in full: vdevs, their members with state and errors, and how far a scrub, a resilver or a widening is."""
    row = await pool_named(ctx, pool)
    members = leaves(row)
    return made(
        Topology,
        row,
        members=[Vdev(**asdict(leaf)) for leaf in members[:_MOST_MEMBERS]],
        notes=_left_out(len(members)),
        scan_left_s=_seconds(row, "scan.total_secs_left"),
        expand_left_s=_seconds(row, "expand.total_secs_left"),
    )


_MOST_MEMBERS: Final = 100


def _left_out(members: int) -> list[str] | None:
    return [f"{members - _MOST_MEMBERS} members more are not shown."] if members > _MOST_MEMBERS else None


def _seconds(row: JsonObject, path: str) -> int | None:
    left = dig(row, path)
    return int(left) if isinstance(left, (int, float)) else None


_SCRUB: Final = {"START": "SCANNING", "STOP": "CANCELED", "PAUSE": "PAUSED"}


@tool(title="Scrub pool", toolset="pools", risk=Risk.WRITE, idempotent=True)
async def truenas_scrub_pool(
    ctx: Ctx,
    *,
    pool: PoolName,
    action: Annotated[Literal["START", "STOP", "PAUSE"], Field(description="What to do.")] = "START",
) -> Change:
    """Start, pause or stop a scrub: all data is read and repaired where copies allow. It takes hours."""
    found = await pool_named(ctx, pool)
    state, began = _scan_state(found), dig(found, "scan.start_time")
    running = state == "SCANNING"
    if action != "START" and state not in ("SCANNING", "PAUSED"):
        raise ConflictError(f"No scrub of {pool} runs.", next_step="truenas_get_pool tells what was scrubbed when.")

    async def look() -> Seen:
        row = await pool_named(ctx, pool)
        now = _scan_state(row)
        if action == "STOP":
            return Seen(now not in ("SCANNING", "PAUSED"), {"scan": now})
        if action == "PAUSE":
            return Seen(now == "PAUSED", {"scan": now})
        return Seen(now == "SCANNING" or dig(row, "scan.start_time") != began, {"scan": now})

    # pool.scrub.run would end well without scrubbing when the last one is recent (contract 12).
    return await change(
        ctx,
        Write((Way("pool.scrub.scrub", (pool, action), job=True),), goes_on=action == "START", wait_s=3.0),
        summary=f"{action.capitalize()} {'a scrub' if action == 'START' else 'the scrub'} of {pool}",
        before={"scan": state},
        after={"scan": _SCRUB[action]},
        look=look,
        undo=UndoCall(tool="truenas_scrub_pool", arguments={"pool": pool, "action": "STOP"})
        if action == "START"
        else UndoCall(tool="truenas_scrub_pool", arguments={"pool": pool, "action": "START"}),
        nothing_to_do=action == "START" and running,
    )


def _scan_state(row: JsonObject) -> str | None:
    state = dig(row, "scan.state")
    if state == "SCANNING" and dig(row, "scan.pause") is not None:
        return "PAUSED"
    return str(state) if state is not None else None


@tool(title="Replace disk", toolset="pools", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_replace_disk(
    ctx: Ctx,
    *,
    pool: PoolName,
    member: Member,
    disk: Annotated[DiskIdentifier, Field(description="New disk, by identifier.")],
    force: Annotated[bool, Field(description="Also a disk that has data on it.")] = False,
) -> Change:
    """Replace a member of a pool by another disk; the new disk is overwritten and resilvering begins."""
    row = await pool_named(ctx, pool)
    leaf = leaf_named(row, member)
    new = await free_disk(ctx, disk)
    number = get_int(row, "id")

    async def look() -> Seen:
        now = await pool_named(ctx, pool)
        members: list[JsonValue] = [str(found.disk) for found in leaves(now)[:40]]
        return Seen(str(new.get("name")) in members, {"members": members})

    return await change(
        ctx,
        Write(
            (Way("pool.replace", (number, {"label": leaf.guid, "disk": disk, "force": force}), job=True),),
            wait_s=5.0,
            in_steps=True,  # the new disk is formatted first
        ),
        summary=f"Replace {leaf.disk or leaf.guid} of {pool} by {new.get('name')} ({new.get('serial')})",
        before={"member": leaf.disk or leaf.guid, "status": leaf.status, "new_disk": new.get("serial")},
        after={"member": new.get("name")},
        look=look,
        cannot_undo="The old disk leaves the pool; replacing again resilvers again.",
        blast_radius=[f"Everything on {new.get('name')} is overwritten."],
        warnings=["Until resilvering ends the pool has less redundancy.", *await exported(ctx, [str(new.get("name"))])],
    )


@tool(title="Take pool member offline", toolset="pools", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_offline_disk(ctx: Ctx, *, pool: PoolName, member: Member) -> Change:
    """Stop using a member of a pool, to pull the disk. The pool runs on with less redundancy."""
    return await _switch(ctx, pool, member, online=False)


@tool(title="Bring pool member online", toolset="pools", risk=Risk.WRITE, idempotent=True)
async def truenas_online_disk(ctx: Ctx, *, pool: PoolName, member: Member) -> Change:
    """Use a member of a pool again that was taken offline; it is resilvered."""
    return await _switch(ctx, pool, member, online=True)


async def _switch(ctx: Ctx, pool: str, member: str, *, online: bool) -> Change:
    row = await pool_named(ctx, pool)
    leaf = leaf_named(row, member)
    wanted = "ONLINE" if online else "OFFLINE"

    async def look() -> Seen:
        now = leaf_named(await pool_named(ctx, pool), leaf.guid).status
        return Seen(now == wanted, {"status": now})

    back = "truenas_offline_disk" if online else "truenas_online_disk"
    return await change(
        ctx,
        call("pool.online" if online else "pool.offline", get_int(row, "id"), {"label": leaf.guid}),
        summary=f"{'Bring' if online else 'Take'} {leaf.disk or leaf.guid} of {pool} {wanted.lower()}",
        before={"status": leaf.status},
        after={"status": wanted},
        look=look,
        undo=UndoCall(tool=back, arguments={"pool": pool, "member": leaf.guid}),
        warnings=[] if online else ["The pool has less redundancy until the member is back or replaced."],
        nothing_to_do=leaf.status == wanted,
    )


@tool(title="Expand pool", toolset="pools", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_expand_pool(ctx: Ctx, *, pool: PoolName) -> Change:
    """Use the whole size of disks that were replaced by larger ones. A pool cannot be made smaller again."""
    row = await pool_named(ctx, pool)
    size = row.get("size")

    async def look() -> Seen:
        now = (await pool_named(ctx, pool)).get("size")
        return Seen(None, {"size_bytes": now})

    return await change(
        ctx,
        job("pool.expand", get_int(row, "id")),
        summary=f"Expand {pool} to the whole size of its disks",
        before={"size_bytes": size},
        after={"expanded": True},
        look=look,
        cannot_undo="A pool cannot be made smaller.",
    )


@tool(title="Wipe disk", toolset="pools", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_wipe_disk(
    ctx: Ctx,
    *,
    disk: DiskName,
    serial: Annotated[str, Field(min_length=1, max_length=64, description="Its serial number, as a safeguard.")],
    mode: Annotated[Literal["QUICK", "FULL", "FULL_RANDOM"], Field(description="How thoroughly.")] = "QUICK",
) -> Change:
    """Erase a disk that is in no pool. The serial number must be given too, because disk names move."""
    row = await disk_like(ctx, "name", disk)
    if row.get("pool"):
        raise ConflictError(
            f"{disk} belongs to the pool {row.get('pool')}; disks in use are not wiped.",
            next_step="truenas_list_disks tells which disks are in no pool.",
        )
    if row.get("serial") != serial:
        raise ConflictError(
            f"{disk} has another serial number than the one given.", next_step="truenas_list_disks tells it."
        )

    async def look() -> Seen:
        now = await disk_like(ctx, "name", disk)
        return Seen(None, {"disk": disk, "serial": now.get("serial")})

    return await change(
        ctx,
        job("disk.wipe", disk, mode),
        summary=f"Erase the disk {disk} ({get_str(row, 'model')}, {serial})",
        before={"disk": disk, "serial": serial, "size_bytes": row.get("size")},
        after={"erased": mode},
        look=look,
        cannot_undo="Erased data cannot be brought back.",
        blast_radius=[f"Everything on {disk}, {row.get('size')} bytes, is lost."],
        warnings=await exported(ctx, [disk]),
    )
