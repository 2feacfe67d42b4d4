"""Replication tasks: created, changed, deleted; what one would cost the target told beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Keep, KeepUnit, NamingSchema, ObjectRef, Schedule, Way
from holdfast.appliances.truenas.collections import again, beyond, create, delete, find, given, given_some, update
from holdfast.appliances.truenas.identifiers import DatasetPath
from holdfast.appliances.truenas.tasks import REPLICATION, cron
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import UndoCall
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.errors import HoldfastError, InputError
from holdfast.transport.values import JsonObject, JsonValue, as_object

TaskRef = Annotated[ObjectRef, Field(description="Name or id.")]
TaskName = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$", description="Its name.")]
Sources = Annotated[list[DatasetPath], Field(min_length=1, max_length=32, description="Datasets to send.")]
SnapshotTasks = Annotated[
    list[Annotated[int, Field(ge=1)]] | None,
    Field(max_length=32, description="Periodic snapshot tasks (ids) whose snapshots are sent; PUSH only."),
]
Schemas = Annotated[
    list[NamingSchema] | None, Field(max_length=16, description="Send snapshots whose names fit these patterns.")
]
Retention = Annotated[
    Literal["SOURCE", "CUSTOM", "NONE"] | None,
    Field(description="On the target: as at the source, by keep and keep_unit, or for ever."),
]
FromScratch = Annotated[
    bool | None, Field(description="Without a common snapshot destroy the target's snapshots and send all anew.")
]
TargetMode = Annotated[
    Literal["SET", "REQUIRE", "IGNORE"] | None,
    Field(description="Make the target read-only, refuse one that is not, or leave it as it is."),
]
_DEFAULTS: Final[JsonObject] = {
    "exclude": [],
    "properties": True,
    "properties_exclude": [],
    "properties_override": {},
    "replicate": False,
    "encryption": False,
    "name_regex": None,
    "restrict_schedule": None,
    "only_matching_schedule": False,
    "hold_pending_snapshots": False,
    "lifetimes": [],
    "compression": None,
    "speed_limit": None,
    "large_block": True,
    "embed": False,
    "compressed": True,
    "retries": 5,
    "sudo": False,
    "netcat_active_side": None,
}
"""Fields of a task that the create tool leaves as TrueNAS has them."""


@tool(title="Create replication task", toolset="replication", risk=Risk.WRITE, idempotent=False)
async def truenas_create_replication(
    ctx: Ctx,
    *,
    name: TaskName,
    source_datasets: Sources,
    target_dataset: Annotated[DatasetPath, Field(description="Dataset that receives.")],
    direction: Way = "PUSH",
    transport: Annotated[Literal["LOCAL", "SSH"], Field(description="Within this system, or to another.")] = "LOCAL",
    ssh_connection: Annotated[int | None, Field(ge=1, description="SSH connection by its id; SSH only.")] = None,
    recursive: Annotated[bool, Field(description="With all datasets below.")] = False,
    snapshot_tasks: SnapshotTasks = None,
    naming_schemas: Schemas = None,
    auto: Annotated[bool, Field(description="Run by itself: by schedule, or after its snapshot tasks.")] = True,
    schedule: Schedule | None = None,
    retention: Retention = "SOURCE",
    keep: Keep = None,
    keep_unit: KeepUnit = None,
    allow_from_scratch: FromScratch = False,
    readonly: TargetMode = "SET",
    enabled: Annotated[bool, Field(description="Runs at all.")] = True,
) -> Change:
    """Make a task that copies snapshots to another dataset or system. It runs when it is due, not now."""
    if (transport == "SSH") != (ssh_connection is not None):
        raise InputError(
            "SSH needs ssh_connection; LOCAL takes none.", next_step="truenas_list_credentials lists them."
        )
    if direction == "PULL" and (snapshot_tasks or transport == "LOCAL"):
        raise InputError("PULL is from another system, by naming_schemas.")
    if not snapshot_tasks and not naming_schemas:
        raise InputError("Say which snapshots are sent.", next_step="Give snapshot_tasks or naming_schemas.")
    if auto and not snapshot_tasks and schedule is None:
        raise InputError("What runs by itself needs a schedule or snapshot_tasks.", next_step="Or say auto=false.")
    if (retention == "CUSTOM") != (keep is not None and keep_unit is not None) or (keep is None) != (keep_unit is None):
        raise InputError("keep and keep_unit belong to CUSTOM retention, and it to them.")
    values = given(
        name=name,
        direction=direction,
        transport=transport,
        ssh_credentials=ssh_connection,
        source_datasets=list(source_datasets),
        target_dataset=target_dataset,
        recursive=recursive,
        periodic_snapshot_tasks=list(snapshot_tasks) if snapshot_tasks else None,
        auto=auto,
        schedule=cron(schedule),
        retention_policy=retention,
        lifetime_value=keep,
        lifetime_unit=keep_unit,
        allow_from_scratch=allow_from_scratch,
        readonly=readonly,
        enabled=enabled,
        **_schemas(direction, naming_schemas),
    )
    warnings = await _target_loses(ctx, values)
    return await create(ctx, REPLICATION, values, warnings=warnings)


def _schemas(direction: JsonValue, schemas: list[str] | None) -> JsonObject:
    if schemas is None:
        return {}
    return {"also_include_naming_schema" if direction == "PUSH" else "naming_schema": list(schemas)}


async def _target_loses(ctx: Ctx, task: JsonObject) -> list[str]:
    """What TrueNAS says the target has and the source has not: a replication from scratch destroys it."""
    method = "replication.target_unmatched_snapshots"
    sides: list[JsonValue] = [task[name] for name in ("direction", "source_datasets", "target_dataset", "transport")]
    number = task.get("ssh_credentials")
    try:
        answer = as_object(await ctx.client.call(method, *sides, *([number] if number is not None else [])), method)
    except HoldfastError as error:
        return [f"What the target holds could not be compared: {error.message}"]
    told = []
    for dataset, found in answer.items():
        names = [str(name) for name in found] if isinstance(found, list) else []
        if names:
            shown = f"{', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
            end = "it destroys them" if task.get("allow_from_scratch") else "without a common snapshot it fails"
            told.append(f"{dataset} has {len(names)} snapshots that the source has not ({shown}): {end}.")
    return told


@tool(title="Change replication task", toolset="replication", risk=Risk.WRITE, idempotent=True)
async def truenas_update_replication(
    ctx: Ctx,
    *,
    task: TaskRef,
    name: TaskName | None = None,
    source_datasets: Sources | None = None,
    target_dataset: Annotated[DatasetPath | None, Field(description="Dataset that receives.")] = None,
    recursive: Annotated[bool | None, Field(description="With all datasets below.")] = None,
    snapshot_tasks: SnapshotTasks = None,
    naming_schemas: Schemas = None,
    auto: Annotated[bool | None, Field(description="Run by itself.")] = None,
    schedule: Schedule | None = None,
    retention: Retention = None,
    keep: Keep = None,
    keep_unit: KeepUnit = None,
    allow_from_scratch: FromScratch = None,
    readonly: TargetMode = None,
    enabled: Annotated[bool | None, Field(description="Runs at all.")] = None,
) -> Change:
    """Change a replication task. What is not given stays. Another retention prunes the target at the next run."""
    row = await find(ctx, REPLICATION, task)
    values = given_some(
        name=name,
        source_datasets=list(source_datasets) if source_datasets else None,
        target_dataset=target_dataset,
        recursive=recursive,
        periodic_snapshot_tasks=list(snapshot_tasks) if snapshot_tasks is not None else None,
        auto=auto,
        schedule=cron(schedule),
        retention_policy=retention,
        lifetime_value=keep,
        lifetime_unit=keep_unit,
        allow_from_scratch=allow_from_scratch,
        readonly=readonly,
        enabled=enabled,
        **_schemas(row.get("direction"), naming_schemas),
    )
    if row.get("retention_policy") == "CUSTOM" and retention not in (None, "CUSTOM"):
        # TrueNAS refuses a lifetime beside any other retention.
        values |= {"lifetime_value": None, "lifetime_unit": None}
    prunes = bool({"retention_policy", "lifetime_value", "lifetime_unit"} & set(values))
    moved = {"source_datasets", "target_dataset", "allow_from_scratch"} & set(values)
    task_as_wanted = {**{name: REPLICATION.value(row, name) for name in REPLICATION.shown}, **values}
    planned = await update(
        ctx,
        REPLICATION,
        row,
        values,
        warnings=await _target_loses(ctx, task_as_wanted) if moved else [],
        blast_radius=[f"Snapshots of {row.get('target_dataset')} are pruned by another rule."] if prunes else [],
        destructive=prunes or bool(allow_from_scratch),
    )
    return planned if planned.undo is not None else _without_lifetime(planned, row, values)


def _without_lifetime(planned: Change, row: JsonObject, values: JsonObject) -> Change:
    """The undo where only the lifetime was not set before: the retention of then takes it away again."""
    before = {name: REPLICATION.value(row, name) for name in values}
    unset = {name for name, value in before.items() if value is None}
    if "retention_policy" not in values or not unset <= {"lifetime_value", "lifetime_unit"}:
        return planned
    told = {name: value for name, value in before.items() if name not in unset}
    arguments = {"task": str(values.get("name", row.get("name"))), **REPLICATION.arguments(told)}
    return replace(planned, undo=UndoCall(tool="truenas_update_replication", arguments=arguments), cannot_undo=None)


@tool(title="Delete replication task", toolset="replication", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_replication(ctx: Ctx, *, task: TaskRef) -> Change:
    """Stop replicating. What was sent stays at the target, and is not pruned by it any more."""
    row = await find(ctx, REPLICATION, task)
    odd = beyond(row, _DEFAULTS)
    if row.get("transport") not in ("LOCAL", "SSH"):
        odd = f"The transport {row.get('transport')} cannot be given to the create tool."
    if odd:
        return await delete(ctx, REPLICATION, row, cannot_undo=odd)
    return await delete(ctx, REPLICATION, row, recreate=again(REPLICATION, *REPLICATION.shown))
