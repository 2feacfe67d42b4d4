"""Datasets and snapshots, as they are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.truenas.arguments import DatasetFilter, PoolFilter
from holdfast.appliances.truenas.models.storage import Dataset, DatasetPage, Snapshot, SnapshotPage
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.releases import SNAPSHOT_QUERY
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import tool
from holdfast.transport.values import JsonValue

_PROPERTIES: tuple[tuple[str, str], ...] = (
    ("used", "used_bytes"),
    ("available", "available_bytes"),
    ("quota", "quota_bytes"),
    ("usedbysnapshots", "snapshots_bytes"),
    ("volsize", "volume_bytes"),
    ("readonly", "readonly"),
)


_SELECTED: list[JsonValue] = [[f"{name}.parsed", shown] for name, shown in _PROPERTIES]


@tool(title="List datasets", toolset="storage")
async def truenas_list_datasets(
    ctx: Ctx,
    *,
    pool: PoolFilter = None,
    below: DatasetFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DatasetPage:
    """File systems and volumes with space, quota, encryption and mount point, in the order of their names."""
    filters: list[JsonValue] = [["pool", "=", pool]] if pool else []
    if below:
        filters.append(["OR", [["id", "=", below], ["id", "^", f"{below}/"]]])
    return await server_page(
        ctx.client,
        DatasetPage,
        ["pool.dataset.query"],
        lambda row: made(Dataset, row),
        filters=filters,
        limit=limit,
        cursor=cursor,
        order_by=["id"],
        select=[
            "id",
            "type",
            "encrypted",
            "locked",
            "mountpoint",
            ["compression.value", "compression"],
            *_SELECTED,
        ],
        extra={
            "retrieve_children": False,
            "flat": True,
            "properties": ["compression", "encryption", "mountpoint", *(name for name, _ in _PROPERTIES)],
        },
    )


@tool(title="List snapshots", toolset="storage")
async def truenas_list_snapshots(
    ctx: Ctx,
    *,
    dataset: DatasetFilter = None,
    name: Annotated[str | None, Field(max_length=100, description="Only names that contain this.")] = None,
    newest_first: Annotated[bool, Field(description="By age instead of by name.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SnapshotPage:
    """Snapshots of one dataset (without those below it) or of all, a page at a time."""
    filters: list[JsonValue] = [["dataset", "=", dataset]] if dataset else []
    if name:
        filters.append(["snapshot_name", "rin", name])
    return await server_page(
        ctx.client,
        SnapshotPage,
        SNAPSHOT_QUERY,
        lambda row: made(Snapshot, row),
        filters=filters,
        limit=limit,
        cursor=cursor,
        order_by=["-properties.creation.parsed", "id"] if newest_first else ["id"],
        select=[
            "id",
            ["properties.creation.parsed", "created"],
            ["properties.used.parsed", "used_bytes"],
            ["properties.referenced.parsed", "referenced_bytes"],
            ["properties.userrefs.parsed", "holds"],
        ],
        extra={"properties": ["creation", "used", "referenced", "userrefs"]},
    )
