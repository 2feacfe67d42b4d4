"""Tasks that protect data: periodic snapshots, replication, cloud sync, rsync (contract 15.6, 15.7)."""

from __future__ import annotations

from typing import Final

from holdfast.appliances.truenas.collections import Collection
from holdfast.transport.values import JsonObject, JsonValue, as_object

_PARTS: Final = ("minute", "hour", "dom", "month", "dow")


def cron_text(schedule: JsonValue) -> str:
    """A schedule as the tools take it: minute hour day-of-month month day-of-week."""
    parts = as_object(schedule, "schedule")
    return " ".join(str(parts.get(part, "*")) for part in _PARTS)


def cron(schedule: str | None) -> JsonObject | None:
    """A schedule as the API takes it."""
    return dict(zip(_PARTS, schedule.split(), strict=True)) if schedule else None


def _number(value: JsonValue) -> JsonValue:
    """The id of an object that the API writes out: what it holds, private keys among it, is never told."""
    return value.get("id") if isinstance(value, dict) else value


def _numbers(value: JsonValue) -> JsonValue:
    return [_number(item) for item in value] if isinstance(value, list) else []


def _place(attributes: JsonValue) -> JsonObject:
    """Bucket and folder of a cloud sync task as arguments."""
    held: JsonObject = attributes if isinstance(attributes, dict) else {}
    return {name: held[name] for name in ("bucket", "folder") if held.get(name) is not None}


_LIST: Final = "truenas_list_protection_tasks"
SNAPSHOT_TASK: Final = Collection(
    namespace="pool.snapshottask",
    noun="periodic snapshot task",
    key="dataset",
    shown=("dataset", "recursive", "lifetime_value", "lifetime_unit", "naming_schema", "schedule", "enabled"),
    list_tool=_LIST,
    ref="task",
    update_tool="truenas_update_snapshot_task",
    delete_tool="truenas_delete_snapshot_task",
    create_tool="truenas_create_snapshot_task",
    rename={"lifetime_value": "keep", "lifetime_unit": "keep_unit"},
    convert={"schedule": cron_text},
    unique=False,
)
REPLICATION: Final = Collection(
    namespace="replication",
    noun="replication task",
    key="name",
    shown=(
        "name",
        "direction",
        "transport",
        "ssh_credentials",
        "source_datasets",
        "target_dataset",
        "recursive",
        "periodic_snapshot_tasks",
        "naming_schema",
        "also_include_naming_schema",
        "auto",
        "schedule",
        "retention_policy",
        "lifetime_value",
        "lifetime_unit",
        "allow_from_scratch",
        "readonly",
        "enabled",
    ),
    list_tool=_LIST,
    ref="task",
    create_tool="truenas_create_replication",
    update_tool="truenas_update_replication",
    delete_tool="truenas_delete_replication",
    rename={
        "ssh_credentials": "ssh_connection",
        "periodic_snapshot_tasks": "snapshot_tasks",
        "naming_schema": "naming_schemas",
        "also_include_naming_schema": "naming_schemas",
        "retention_policy": "retention",
        "lifetime_value": "keep",
        "lifetime_unit": "keep_unit",
    },
    convert={"schedule": cron_text},
    reduce={"ssh_credentials": _number, "periodic_snapshot_tasks": _numbers},
)
CLOUD_SYNC: Final = Collection(
    namespace="cloudsync",
    noun="cloud sync task",
    key="description",
    shown=(
        "description",
        "path",
        "credentials",
        "attributes",
        "direction",
        "transfer_mode",
        "schedule",
        "exclude",
        "snapshot",
        "transfers",
        "enabled",
    ),
    list_tool=_LIST,
    ref="task",
    create_tool="truenas_create_cloud_sync",
    update_tool="truenas_update_cloud_sync",
    delete_tool="truenas_delete_cloud_sync",
    rename={"credentials": "account"},
    convert={"schedule": cron_text},
    spread={"attributes": _place},
    reduce={"credentials": _number},
    unique=False,
)
RSYNC: Final = Collection(
    namespace="rsynctask",
    noun="rsync task",
    key="desc",
    shown=(
        "desc",
        "path",
        "user",
        "mode",
        "remotehost",
        "remoteport",
        "remotemodule",
        "remotepath",
        "ssh_credentials",
        "direction",
        "schedule",
        "delete",
        "archive",
        "compress",
        "enabled",
    ),
    list_tool=_LIST,
    ref="task",
    create_tool="truenas_create_rsync",
    update_tool="truenas_update_rsync",
    delete_tool="truenas_delete_rsync",
    rename={
        "desc": "description",
        "remotehost": "host",
        "remoteport": "port",
        "remotemodule": "module",
        "remotepath": "remote_path",
        "ssh_credentials": "ssh_connection",
        "delete": "delete_extra",
    },
    convert={"schedule": cron_text},
    reduce={"ssh_credentials": _number},
    unique=False,
)
KINDS: Final = {"snapshot": SNAPSHOT_TASK, "replication": REPLICATION, "cloudsync": CLOUD_SYNC, "rsync": RSYNC}
