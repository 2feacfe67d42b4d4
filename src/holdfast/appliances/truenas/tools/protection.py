"""Periodic snapshots, replication, cloud sync and rsync."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Keep, KeepUnit, NamingSchema, ObjectRef, Recursive, Schedule, Unit
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import Collection, create, delete, find, given, given_some, update
from holdfast.appliances.truenas.identifiers import DatasetPath
from holdfast.appliances.truenas.models.protection import Retention, Task, TaskPage
from holdfast.appliances.truenas.reading import dig, made
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.snapshots import dataset_row
from holdfast.appliances.truenas.tasks import CLOUD_SYNC, KINDS, REPLICATION, RSYNC, SNAPSHOT_TASK, cron, cron_text
from holdfast.appliances.truenas.writes import Ctx, Seen, Write
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonValue, as_object, get_int

TaskRef = Annotated[ObjectRef, Field(description="Name or id.")]


@tool(title="List protection tasks", toolset="protection")
async def truenas_list_protection_tasks(
    ctx: Ctx,
    *,
    kind: Annotated[
        Literal["snapshot", "replication", "cloudsync", "rsync"] | None, Field(description="Only of this kind.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TaskPage:
    """Periodic snapshot, replication, cloud sync and rsync tasks: what, where, when, and how the last run ended."""
    rows: list[JsonObject] = []
    for name in [kind] if kind else list(KINDS):
        rows += [{**row, "kind": name} for row in await ctx.client.query(KINDS[name].query, [], {"order_by": ["id"]})]
    return page(TaskPage, rows, _task, limit, cursor)


def _task(row: JsonObject) -> Task:
    cron = cron_text(row["schedule"]) if row.get("schedule") else None
    sources = row.get("source_datasets")
    given_source = ", ".join(map(str, sources)) if isinstance(sources, list) else row.get("dataset") or row.get("path")
    keep = f"{row['lifetime_value']} {row.get('lifetime_unit')}" if row.get("lifetime_value") else None
    return made(Task, row, schedule=cron, source=given_source, keep=keep)


@tool(title="Create periodic snapshot task", toolset="protection", risk=Risk.WRITE, idempotent=False)
async def truenas_create_snapshot_task(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    schedule: Schedule,
    keep: Annotated[int, Field(ge=1, le=1000, description="How many keep_units snapshots are kept.")] = 2,
    keep_unit: Annotated[Unit, Field(description="Unit of keep.")] = "WEEK",
    recursive: Recursive = False,
    naming_schema: NamingSchema = "auto-%Y-%m-%d_%H-%M",
    enabled: Annotated[bool, Field(description="Runs by its schedule.")] = True,
) -> Change:
    """Take snapshots of a dataset by a schedule and prune those older than keep."""
    await dataset_row(ctx, dataset)
    values: JsonObject = {
        "dataset": dataset,
        "recursive": recursive,
        "lifetime_value": keep,
        "lifetime_unit": keep_unit,
        "naming_schema": naming_schema,
        "schedule": cron(schedule),
        "enabled": enabled,
    }
    return await create(ctx, SNAPSHOT_TASK, values)


@tool(title="Change periodic snapshot task", toolset="protection", risk=Risk.WRITE, idempotent=True)
async def truenas_update_snapshot_task(
    ctx: Ctx,
    *,
    task: Annotated[ObjectRef, Field(description="Id, or the dataset if it has one task.")],
    schedule: Schedule | None = None,
    keep: Keep = None,
    keep_unit: KeepUnit = None,
    naming_schema: NamingSchema | None = None,
    enabled: Annotated[bool | None, Field(description="Runs by its schedule.")] = None,
) -> Change:
    """Change a periodic snapshot task. The plan tells which snapshots would be kept for another time than now."""
    row = await find(ctx, SNAPSHOT_TASK, task)
    values = given_some(
        schedule=cron(schedule),
        lifetime_value=keep,
        lifetime_unit=keep_unit,
        naming_schema=naming_schema,
        enabled=enabled,
    )
    affected = await _retention(ctx, "update", get_int(row, "id"), values)
    return await update(ctx, SNAPSHOT_TASK, row, values, blast_radius=_told(affected))


@tool(title="Delete periodic snapshot task", toolset="protection", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_snapshot_task(
    ctx: Ctx, *, task: Annotated[ObjectRef, Field(description="Id, or the dataset if it has one task.")]
) -> Change:
    """Stop taking and pruning snapshots by a schedule. Snapshots it took stay, and are no longer pruned by it."""
    row = await find(ctx, SNAPSHOT_TASK, task)
    affected = await _retention(ctx, "delete", get_int(row, "id"))
    if row.get("exclude"):
        return await delete(
            ctx,
            SNAPSHOT_TASK,
            row,
            cannot_undo="exclude cannot be given to the create tool.",
            blast_radius=_told(affected),
        )
    return await delete(ctx, SNAPSHOT_TASK, row, recreate=_again, blast_radius=_told(affected))


def _again(row: JsonObject) -> JsonObject:
    return {
        "dataset": row.get("dataset"),
        "schedule": cron_text(row.get("schedule")),
        "keep": row.get("lifetime_value"),
        "keep_unit": row.get("lifetime_unit"),
        "recursive": row.get("recursive"),
        "naming_schema": row.get("naming_schema"),
        "enabled": row.get("enabled"),
    }


@tool(title="Preview snapshot retention", toolset="protection")
async def truenas_preview_retention(
    ctx: Ctx,
    *,
    task: Annotated[ObjectRef, Field(description="Id, or the dataset if it has one task.")],
    delete: Annotated[bool, Field(description="As if the task were deleted.")] = False,
    keep: Keep = None,
    keep_unit: KeepUnit = None,
    schedule: Schedule | None = None,
    naming_schema: NamingSchema | None = None,
) -> Retention:
    """Which snapshots would be kept for another time than now if a task changed like this, or if it were deleted."""
    row = await find(ctx, SNAPSHOT_TASK, task)
    values = given(lifetime_value=keep, lifetime_unit=keep_unit, schedule=cron(schedule), naming_schema=naming_schema)
    if not delete and not values:
        raise InputError("Say what would change, or delete=true.")
    found = await _retention(ctx, "delete" if delete else "update", get_int(row, "id"), None if delete else values)
    names = [f"{dataset}@{name}" for dataset, rows in found.items() for name in _texts(rows)]
    return Retention(task=get_int(row, "id"), snapshots=len(names), first=names[:50])


async def _retention(ctx: Ctx, what: str, number: int, values: JsonObject | None = None) -> JsonObject:
    params: list[JsonValue] = [number] if values is None else [number, values]
    answer = await ctx.client.call(f"pool.snapshottask.{what}_will_change_retention_for", *params)
    return as_object(answer, "retention")


def _told(found: JsonObject) -> list[str]:
    return [
        f"{len(names)} snapshots of {dataset} will be kept for another time, from {names[0]} on."
        for dataset, rows in found.items()
        if (names := _texts(rows))
    ]


def _texts(value: JsonValue) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


@tool(title="Run replication", toolset="protection", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_run_replication(ctx: Ctx, *, task: TaskRef) -> Change:
    """Run a replication task now. What differs on the target may be rolled back or replaced by the source."""
    row = await find(ctx, REPLICATION, task)
    warnings = []
    if row.get("allow_from_scratch"):
        warnings.append("Without a common snapshot the target is destroyed and sent anew (allow_from_scratch).")
    target = f"{row.get('target_dataset')} ({row.get('transport')}, {row.get('direction')})"
    return await _run(ctx, REPLICATION, row, "replication.run", (), [f"Writes to {target}."], warnings)


@tool(title="Run cloud sync", toolset="protection", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_run_cloud_sync(
    ctx: Ctx,
    *,
    task: Annotated[ObjectRef, Field(description="Description or id.")],
    test_only: Annotated[bool, Field(description="TrueNAS's own dry run: transfers nothing.")] = False,
) -> Change:
    """Run a cloud sync task now. With test_only nothing is transferred: wait for the job and read its log."""
    row = await find(ctx, CLOUD_SYNC, task)
    mode = row.get("transfer_mode")
    warnings = [f"The mode is {mode}: files are deleted at the {'source' if mode == 'MOVE' else 'destination'}."]
    touched = [] if test_only else [f"{row.get('direction')} {row.get('path')}."]
    return await _run(
        ctx,
        CLOUD_SYNC,
        row,
        "cloudsync.sync",
        ({"dry_run": test_only},),
        touched,
        warnings if mode in ("SYNC", "MOVE") and not test_only else [],
        note=" as a test that transfers nothing" if test_only else "",
    )


@tool(title="Run rsync task", toolset="protection", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_run_rsync(ctx: Ctx, *, task: Annotated[ObjectRef, Field(description="Description or id.")]) -> Change:
    """Run an rsync task now, as it is configured."""
    row = await find(ctx, RSYNC, task)
    warnings = ["Files that are not at the source are deleted at the destination."] if row.get("delete") else []
    touched = [f"{row.get('direction')} {row.get('path')} {row.get('remotehost') or ''}."]
    return await _run(ctx, RSYNC, row, "rsynctask.run", (), touched, warnings)


async def _run(
    ctx: Ctx,
    kind: Collection,
    row: JsonObject,
    method: str,
    options: tuple[JsonValue, ...],
    touched: Sequence[str],
    warnings: Sequence[str],
    *,
    note: str = "",
) -> Change:
    number = get_int(row, "id")

    async def look() -> Seen:
        rows = await ctx.client.query(kind.query, [["id", "=", number]], {"limit": 1})
        state = (dig(rows[0], "state.state") or dig(rows[0], "job.state")) if rows else None
        return Seen(None, {"state": state})

    return await change(
        ctx,
        Write((Way(method, (number, *options), job=True),)),
        summary=f"Run the {kind.label(row)}{note}",
        before={"enabled": row.get("enabled")},
        after={"run": True},
        look=look,
        cannot_undo="What was transferred stays transferred.",
        blast_radius=touched,
        warnings=warnings,
    )
