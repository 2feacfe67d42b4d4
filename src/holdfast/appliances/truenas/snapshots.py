"""Facts about datasets and snapshots that plans are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.appliances.truenas.reading import dig, whole_number
from holdfast.appliances.truenas.releases import SNAPSHOT_QUERY
from holdfast.appliances.truenas.writes import Ctx
from holdfast.errors import ApplianceError, NotFoundError
from holdfast.transport.values import JsonObject, JsonValue, as_objects, get_str

_SELECT: Final[tuple[JsonValue, ...]] = (
    "id",
    "dataset",
    "createtxg",
    ["properties.used.parsed", "used_bytes"],
    ["properties.userrefs.parsed", "holds"],
)
_DATASET_SELECT: Final[tuple[JsonValue, ...]] = (
    "id",
    "type",
    "pool",
    "locked",
    "encrypted",
    "encryption_root",
    "mountpoint",
    "children",
    ["origin.value", "origin"],
    ["used.parsed", "used_bytes"],
    ["available.parsed", "available_bytes"],
    ["comments.value", "comments"],
    ["quota.parsed", "quota"],
    ["refquota.parsed", "refquota"],
    ["reservation.parsed", "reservation"],
    ["volsize.parsed", "volsize"],
    ["compression.value", "compression"],
    ["compression.source", "compression_source"],
    ["recordsize.value", "recordsize"],
    ["recordsize.source", "recordsize_source"],
    ["sync.value", "sync"],
    ["sync.source", "sync_source"],
    ["atime.value", "atime"],
    ["atime.source", "atime_source"],
    ["readonly.value", "readonly"],
    ["readonly.source", "readonly_source"],
)


async def dataset_row(ctx: Ctx, dataset: str) -> JsonObject:
    """A dataset with the facts of `_DATASET_SELECT`.

    Raises:
        NotFoundError: There is none of this name.
    """
    rows = await ctx.client.query(
        "pool.dataset.query",
        [["id", "=", dataset]],
        {"limit": 1, "select": list(_DATASET_SELECT), "extra": {"flat": True, "retrieve_children": True}},
    )
    if not rows:
        raise NotFoundError(f"There is no dataset {dataset}.", next_step="truenas_list_datasets lists them.")
    row = rows[0]
    if row.get("origin") == "":
        row["origin"] = None
    return row


async def snapshots_like(
    ctx: Ctx, snapshot: str | None, filters: Sequence[JsonValue] = (), *, limit: int = 500
) -> list[JsonObject]:
    """The snapshot of an id (none or one), or snapshots that match filters."""
    wanted: list[JsonValue] = [["id", "=", snapshot]] if snapshot is not None else list(filters)
    options: JsonObject = {
        "limit": limit,
        "select": list(_SELECT),
        "order_by": ["id"],
        "extra": {"properties": ["used", "userrefs"]},
    }
    return await ctx.client.query_first(SNAPSHOT_QUERY, wanted, options)


async def snapshot_row(ctx: Ctx, snapshot: str) -> JsonObject:
    """A snapshot: id, dataset, createtxg, used_bytes, holds.

    Raises:
        NotFoundError: There is none of this name.
    """
    found = await snapshots_like(ctx, snapshot)
    if not found:
        raise NotFoundError(f"There is no snapshot {snapshot}.", next_step="truenas_list_snapshots lists them.")
    return found[0]


def holds_of(row: JsonObject) -> int:
    """How many holds are on a snapshot."""
    return whole_number(row.get("holds")) or 0


async def newer_than(ctx: Ctx, row: JsonObject) -> list[str]:
    """Names of the snapshots of the same dataset that were taken after this one, by their transaction group."""
    rows = await snapshots_like(ctx, None, [["dataset", "=", get_str(row, "dataset")]], limit=10_000)
    mine = _txg(row)
    return [get_str(other, "id") for other in rows if _txg(other) > mine]


async def written_since(ctx: Ctx, dataset: str) -> int | None:
    """Bytes of a dataset that its newest snapshot does not hold; None where the release or the account cannot tell."""
    try:
        answer = await ctx.client.first(("zfs.resource.query",), {"paths": [dataset], "properties": ["written"]})
    except ApplianceError:
        return None
    rows = as_objects(answer, "zfs.resource.query")
    written = dig(rows[0], "properties.written.value") if rows else None
    return written if isinstance(written, int) and not isinstance(written, bool) else None


def _txg(row: JsonObject) -> int:
    return whole_number(row.get("createtxg")) or 0
