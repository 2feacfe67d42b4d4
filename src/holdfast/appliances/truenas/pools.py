"""Pools and the members of their topology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.appliances.truenas.writes import Ctx
from holdfast.errors import ApplianceError, ConflictError, NotFoundError
from holdfast.transport.values import JsonObject, JsonValue, as_objects


@dataclass(frozen=True)
class Leaf:
    """A member of a pool: one disk's place.

    Attributes:
        group: Class of the vdev: data, log, cache, spare, special, dedup.
        vdev, vdev_type, vdev_guid: Top-level vdev that it belongs to; of a single disk the disk itself.
        disk: Name of the disk; None when it is gone.
        lost_disk: What the disk that is gone was called, where TrueNAS still knows.
    """

    group: str
    vdev: str
    vdev_type: str
    vdev_guid: str
    disk: str | None
    guid: str
    status: str
    read_errors: int
    write_errors: int
    checksum_errors: int
    size_bytes: int | None = None
    lost_disk: str | None = None


async def pool_named(ctx: Ctx, pool: str) -> JsonObject:
    """The pool of a name.

    Raises:
        NotFoundError: There is none.
    """
    rows = await ctx.client.query("pool.query", [["name", "=", pool]], {"limit": 1})
    if not rows:
        raise NotFoundError(f"There is no pool {pool}.", next_step="truenas_list_pools lists them.")
    return rows[0]


def leaves(row: JsonObject) -> list[Leaf]:
    """The members of a pool, in the order of the topology."""
    topology = row.get("topology")
    found: list[Leaf] = []
    for group, vdevs in topology.items() if isinstance(topology, dict) else ():
        for vdev in _objects(vdevs):
            found += _below(group, vdev, vdev)
    return found


def _below(group: str, vdev: JsonObject, node: JsonObject) -> list[Leaf]:
    children = _objects(node.get("children"))
    if children:
        return [leaf for child in children for leaf in _below(group, vdev, child)]
    stats = node.get("stats")
    counts: JsonObject = stats if isinstance(stats, dict) else {}
    disk, lost = node.get("disk"), node.get("unavail_disk")
    size = counts.get("size")
    return [
        Leaf(
            group=group,
            vdev=str(vdev.get("name")),
            vdev_type=str(vdev.get("type")),
            vdev_guid=str(vdev.get("guid")),
            disk=disk if isinstance(disk, str) else None,
            guid=str(node.get("guid")),
            status=str(node.get("status")),
            read_errors=_count(counts, "read_errors"),
            write_errors=_count(counts, "write_errors"),
            checksum_errors=_count(counts, "checksum_errors"),
            size_bytes=size if isinstance(size, int) else None,
            lost_disk=str(lost.get("name")) if isinstance(lost, dict) and lost.get("name") else None,
        )
    ]


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _count(stats: JsonObject, name: str) -> int:
    value = stats.get(name)
    return value if isinstance(value, int) else 0


def leaf_named(row: JsonObject, member: str) -> Leaf:
    """The member that a disk name or guid stands for.

    Raises:
        NotFoundError: The pool has none.
        ConflictError: It has several.
    """
    found = [leaf for leaf in leaves(row) if member in (leaf.disk, leaf.guid)]
    if not found:
        raise NotFoundError(
            f"The pool {row.get('name')} has no member {member}.", next_step="truenas_get_pool lists them."
        )
    if len(found) > 1:
        raise ConflictError(f"Several members are called {member}.", next_step="Name one by its guid.")
    return found[0]


def vdev_named(row: JsonObject, vdev: str) -> list[Leaf]:
    """The members of the top-level vdev that a name, a guid, or a member of it stands for.

    Raises:
        NotFoundError: The pool has none.
        ConflictError: It has several.
    """
    members = leaves(row)
    wanted = {leaf.vdev_guid for leaf in members if vdev in (leaf.vdev_guid, leaf.vdev, leaf.disk, leaf.guid)}
    if not wanted:
        raise NotFoundError(f"The pool {row.get('name')} has no vdev {vdev}.", next_step="truenas_get_pool lists them.")
    if len(wanted) > 1:
        raise ConflictError(f"Several vdevs are called {vdev}.", next_step="Name one by its guid.")
    return [leaf for leaf in members if leaf.vdev_guid in wanted]


async def disk_like(ctx: Ctx, field: str, value: str) -> JsonObject:
    """The disk whose field (identifier or name) has this value, with its pool.

    Raises:
        NotFoundError: There is none.
    """
    rows = await ctx.client.query("disk.query", [[field, "=", value]], {"extra": {"pools": True}, "limit": 2})
    if not rows:
        raise NotFoundError(f"There is no disk {value}.", next_step="truenas_list_disks lists them.")
    return rows[0]


async def free_disk(ctx: Ctx, identifier: str) -> JsonObject:
    """A disk by its identifier that no pool uses.

    Raises:
        NotFoundError: There is none.
        ConflictError: A pool uses it.
    """
    disk = await disk_like(ctx, "identifier", identifier)
    if disk.get("pool"):
        raise ConflictError(
            f"{disk.get('name')} belongs to the pool {disk.get('pool')}.", next_step="Choose another disk."
        )
    return disk


async def exported(ctx: Ctx, names: Sequence[str]) -> list[str]:
    """Warnings about disks that hold a pool which is not imported."""
    try:
        answer = await ctx.client.call("disk.details", {"type": "UNUSED"})
    except ApplianceError:
        return ["Whether the disk holds another pool could not be found out."]
    rows = as_objects(answer, "disk.details")
    held = [row for row in rows if row.get("name") in names and row.get("exported_zpool")]
    return [f"{row.get('name')} holds the exported pool {row.get('exported_zpool')}, which is lost." for row in held]
