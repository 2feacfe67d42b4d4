"""Pools and the members of their topology."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.appliances.truenas.changes import Ctx
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonObject, JsonValue


@dataclass(frozen=True)
class Leaf:
    """A member of a pool: one disk's place."""

    group: str
    vdev: str
    disk: str | None
    guid: str
    status: str
    read_errors: int
    write_errors: int
    checksum_errors: int


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
            found += _below(group, str(vdev.get("name")), vdev)
    return found


def _below(group: str, vdev: str, node: JsonObject) -> list[Leaf]:
    children = _objects(node.get("children"))
    if children:
        return [leaf for child in children for leaf in _below(group, vdev, child)]
    stats = node.get("stats")
    counts: JsonObject = stats if isinstance(stats, dict) else {}
    disk = node.get("disk")
    return [
        Leaf(
            group=group,
            vdev=vdev,
            disk=disk if isinstance(disk, str) else None,
            guid=str(node.get("guid")),
            status=str(node.get("status")),
            read_errors=_count(counts, "read_errors"),
            write_errors=_count(counts, "write_errors"),
            checksum_errors=_count(counts, "checksum_errors"),
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
