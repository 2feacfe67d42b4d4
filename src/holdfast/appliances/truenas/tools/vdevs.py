"""Pools made larger and more redundant: disks attached and detached, vdevs added and removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import DiskIdentifier, Member
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.identifiers import PoolName
from holdfast.appliances.truenas.pools import (
    Leaf,
    disk_like,
    exported,
    free_disk,
    leaf_named,
    leaves,
    pool_named,
    vdev_named,
)
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.writes import Ctx, Seen, Write, call
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError
from holdfast.transport.values import JsonValue, get_int

_WAIT_S: Final = 5.0
"""Resilvering and evacuating take hours: the job is handed over soon."""
_GROUPS: Final = {
    "data": ("STRIPE", "MIRROR", "RAIDZ1", "RAIDZ2", "RAIDZ3"),
    "special": ("STRIPE", "MIRROR"),
    "dedup": ("STRIPE", "MIRROR"),
    "log": ("STRIPE", "MIRROR"),
    "cache": ("STRIPE",),
    "spare": ("STRIPE",),
}
_REMOVABLE: Final = ("log", "cache", "spare")
Layout = Literal["STRIPE", "MIRROR", "RAIDZ1", "RAIDZ2", "RAIDZ3"]
Vdev = Annotated[Member, Field(description="vdev by name or guid, or a disk in it.")]


def _job(method: str, *params: JsonValue) -> Write:
    return Write((Way(method, params, job=True),), wait_s=_WAIT_S, in_steps=True)  # new disks are formatted first


@tool(title="Attach disk to vdev", toolset="vdevs", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_attach_disk(
    ctx: Ctx,
    *,
    pool: PoolName,
    vdev: Vdev,
    disk: Annotated[DiskIdentifier, Field(description="New disk, by identifier.")],
) -> Change:
    """Add a disk to a mirror, make a mirror of a single disk, or widen a RAIDZ by one disk. A RAIDZ cannot be made
    narrower again.
    """
    row = await pool_named(ctx, pool)
    members = vdev_named(row, vdev)
    first = members[0]
    if first.group in ("cache", "spare"):
        raise ConflictError(f"Disks of {first.group} have no redundancy.", next_step="Use truenas_add_vdev.")
    new = await free_disk(ctx, disk)
    name, widens = str(new.get("name")), first.vdev_type.startswith("RAIDZ")

    async def look() -> Seen:
        now = vdev_disks(await pool_named(ctx, pool))
        return Seen(name in now, {"members": list(now)})

    kind = "widen the RAIDZ" if widens else "mirror"
    return await change(
        ctx,
        _job("pool.attach", get_int(row, "id"), {"target_vdev": first.vdev_guid, "new_disk": name}),
        summary=f"Attach {name} ({new.get('serial')}) to {first.vdev} of {pool}: {kind}",
        before={"vdev": first.vdev, "type": first.vdev_type, "disks": len(members), "new_disk": new.get("serial")},
        after={"member": name},
        look=look,
        undo=None if widens else UndoCall(tool="truenas_detach_disk", arguments={"pool": pool, "member": name}),
        cannot_undo="A RAIDZ cannot be made narrower." if widens else None,
        blast_radius=[f"Everything on {name} is overwritten."],
        warnings=await exported(ctx, [name]),
    )


def vdev_disks(row: JsonObject) -> list[str]:
    """Disks of a pool by name, as many as are worth telling."""
    return [str(leaf.disk) for leaf in leaves(row)[:40]]


@tool(title="Detach disk from mirror", toolset="vdevs", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_detach_disk(ctx: Ctx, *, pool: PoolName, member: Member) -> Change:
    """Take a disk out of a mirror, or a spare out of a pool. The mirror has less redundancy afterwards."""
    row = await pool_named(ctx, pool)
    leaf = leaf_named(row, member)
    siblings = [other for other in vdev_named(row, leaf.vdev_guid) if other.guid != leaf.guid]
    if leaf.group != "spare" and (leaf.vdev_type != "MIRROR" or not siblings):
        raise ConflictError(
            f"{leaf.disk or leaf.guid} is in a {leaf.vdev_type}; only disks of mirrors, and spares, can be detached.",
            next_step="truenas_get_pool tells the layout; truenas_replace_disk changes a disk for another.",
        )
    undo = await _attach_again(ctx, pool, leaf.disk, leaf.vdev_guid if len(siblings) > 1 else None, siblings[:1])

    async def look() -> Seen:
        now = leaves(await pool_named(ctx, pool))
        return Seen(all(other.guid != leaf.guid for other in now), {"members": [str(other.disk) for other in now[:40]]})

    return await change(
        ctx,
        call("pool.detach", get_int(row, "id"), {"label": leaf.guid}, slow=True),
        summary=f"Detach {leaf.disk or leaf.guid} from {leaf.vdev} of {pool}",
        before={"member": leaf.disk or leaf.guid, "vdev": leaf.vdev, "siblings": [str(one.disk) for one in siblings]},
        after={"detached": True},
        look=look,
        undo=undo,
        cannot_undo=None if undo else "Attach it again by truenas_attach_disk or truenas_add_vdev.",
        warnings=[f"{leaf.vdev} has no redundancy any more."] if len(siblings) == 1 else [],
    )


async def _attach_again(
    ctx: Ctx, pool: str, disk: str | None, mirror: str | None, siblings: Sequence[Leaf]
) -> UndoCall | None:
    if disk is None or not siblings:
        return None
    identifier = (await disk_like(ctx, "name", disk)).get("identifier")
    vdev = mirror or siblings[0].guid
    return UndoCall(tool="truenas_attach_disk", arguments={"pool": pool, "vdev": vdev, "disk": identifier})


@tool(title="Add vdev to pool", toolset="vdevs", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_add_vdev(
    ctx: Ctx,
    *,
    pool: PoolName,
    group: Annotated[
        Literal["data", "special", "dedup", "log", "cache", "spare"], Field(description="What the disks are for.")
    ],
    layout: Annotated[Layout, Field(description="How the disks stand together; of data as the vdevs there.")],
    disks: Annotated[list[DiskIdentifier], Field(min_length=1, max_length=64, description="Disks, by identifier.")],
) -> Change:
    """Make a pool larger by a vdev, or add a log, cache or spare. Data, special and dedup vdevs are there to stay in
    pools with RAIDZ; the loss of one is the loss of the pool.
    """
    if layout not in _GROUPS[group]:
        raise InputError(f"{group} takes {', '.join(_GROUPS[group])}, not {layout}.")
    row = await pool_named(ctx, pool)
    there = {leaf.vdev_type for leaf in leaves(row) if leaf.group == "data"}
    kind = "DISK" if layout == "STRIPE" else layout
    if group == "data" and there and kind not in there:
        raise ConflictError(
            f"The data vdevs of {pool} are {', '.join(sorted(there))}; layouts are not mixed.",
            next_step="Add a vdev of the same layout.",
        )
    found = [await free_disk(ctx, disk) for disk in dict.fromkeys(disks)]
    names = [str(disk.get("name")) for disk in found]
    before = {leaf.vdev_guid for leaf in leaves(row)}
    topology: JsonObject = {"spares": [*names]}
    if group != "spare":
        topology = {group: [{"type": layout, "disks": [*names]}]}

    async def look() -> Seen:
        now = leaves(await pool_named(ctx, pool))
        new = [leaf for leaf in now if leaf.group == group and leaf.vdev_guid not in before]
        reached = set(names) <= {str(leaf.disk) for leaf in new}
        undo: UndoCall | None = None
        if reached and group in _REMOVABLE and len({leaf.vdev_guid for leaf in new}) == 1:
            undo = UndoCall(tool="truenas_remove_vdev", arguments={"pool": pool, "vdev": new[0].vdev_guid})
        return Seen(reached, {"added": [str(leaf.disk) for leaf in new]}, undo=undo)

    risky = layout == "STRIPE" and group in ("data", "special", "dedup")
    warnings = [f"The {group} vdev has no redundancy: the loss of one disk is the loss of the pool."] if risky else []
    return await change(
        ctx,
        _job("pool.update", get_int(row, "id"), {"topology": topology}),
        summary=f"Add a {group} vdev ({layout}) of {', '.join(names)} to {pool}",
        before={"vdevs": len(before), "disks": [disk.get("serial") for disk in found]},
        after={"added": [*names]},
        look=look,
        cannot_undo="truenas_remove_vdev takes it away again; its guid is told once it exists."
        if group in _REMOVABLE
        else f"A {group} vdev cannot be taken away from every pool.",
        blast_radius=[f"Everything on {', '.join(names)} is overwritten."],
        warnings=[*warnings, *await exported(ctx, names)],
    )


@tool(title="Remove vdev from pool", toolset="vdevs", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_remove_vdev(ctx: Ctx, *, pool: PoolName, vdev: Vdev) -> Change:
    """Take a log, cache or spare away, or a whole data vdev: its data moves to the others first, which takes hours.
    TrueNAS refuses what the pool cannot do without.
    """
    row = await pool_named(ctx, pool)
    members = vdev_named(row, vdev)
    first, names = members[0], [str(leaf.disk or leaf.guid) for leaf in members]
    if first.group == "data" and first.vdev_type.startswith("RAIDZ"):
        raise ConflictError(
            f"{first.vdev} is a RAIDZ, which cannot be removed.",
            next_step="A RAIDZ is there to stay; the data has to move to another pool.",
        )

    async def look() -> Seen:
        now = leaves(await pool_named(ctx, pool))
        there = any(leaf.vdev_guid == first.vdev_guid for leaf in now)
        return Seen(not there, {"vdevs": len({leaf.vdev_guid for leaf in now})})

    undo: UndoCall | None = None
    if first.group in _REMOVABLE and all(leaf.disk for leaf in members):
        disks = [(await disk_like(ctx, "name", str(leaf.disk))).get("identifier") for leaf in members]
        layout = "MIRROR" if first.vdev_type == "MIRROR" else "STRIPE"
        arguments: JsonObject = {"pool": pool, "group": first.group, "layout": layout, "disks": [*disks]}
        undo = UndoCall(tool="truenas_add_vdev", arguments=arguments)
    return await change(
        ctx,
        _job("pool.remove", get_int(row, "id"), {"label": first.vdev_guid}),
        summary=f"Remove the {first.group} vdev {first.vdev} ({', '.join(names)}) from {pool}",
        before={"vdev": first.vdev, "group": first.group, "disks": [*names]},
        after={"removed": True},
        look=look,
        undo=undo,
        cannot_undo=None if undo else "Data that was moved stays where it is.",
        blast_radius=[f"{pool} loses the space of {', '.join(names)}."] if first.group == "data" else [],
    )
