"""Tasks that protect data: replication, cloud sync, rsync; the credentials that they use."""

from __future__ import annotations

from tests.appliances.truenas.case import Call, Case

REPLICATION: Call = (
    "create_replication",
    {
        "name": "home",
        "source_datasets": ["tank/home"],
        "target_dataset": "tank/archive/home",
        "naming_schemas": ["auto-%Y-%m-%d_%H-%M"],
        "schedule": "0 2 * * *",
        "retention": "CUSTOM",
        "keep": 3,
        "keep_unit": "MONTH",
    },
)
CLOUD: Call = (
    "create_cloud_sync",
    {
        "description": "home too",
        "path": "/mnt/tank/home",
        "account": 1,
        "bucket": "rack-archive",
        "folder": "home",
        "schedule": "0 4 * * *",
    },
)
RSYNC: Call = (
    "create_rsync",
    {
        "description": "home too",
        "path": "/mnt/tank/home",
        "user": "root",
        "host": "backup@backup.example",
        "remote_path": "/srv/home",
        "check_remote": False,
    },
)

READS = (
    Case("list_credentials"),
    Case("list_buckets", {"account": 1}, missing={"account": 9}),
)

WRITES = (
    Case(
        "create_replication",
        dict(REPLICATION[1]),
        "replication.create",
        missing={**REPLICATION[1], "source_datasets": ["tank/nowhere"]},
        written=True,
    ),
    Case(
        "update_replication",
        {"task": "home", "keep": 6, "schedule": "30 2 * * *", "enabled": False},
        "replication.update",
        (REPLICATION,),
        missing={"task": "no", "keep": 6},
    ),
    Case(
        "delete_replication",
        {"task": "home"},
        "replication.delete",
        (REPLICATION,),
        missing={"task": "no"},
        undo=False,
    ),
    Case(
        "create_cloud_sync",
        dict(CLOUD[1]),
        "cloudsync.create",
        missing={**CLOUD[1], "account": 9},
        written=True,
    ),
    Case(
        "update_cloud_sync",
        {"task": "home too", "folder": "other", "transfer_mode": "SYNC", "schedule": "5 4 * * *"},
        "cloudsync.update",
        (CLOUD,),
        missing={"task": "no", "folder": "x"},
    ),
    Case("delete_cloud_sync", {"task": "home too"}, "cloudsync.delete", (CLOUD,), missing={"task": "no"}, undo=False),
    Case(
        "create_rsync",
        dict(RSYNC[1]),
        "rsynctask.create",
        missing={**RSYNC[1], "user": "nobody-here"},
        written=True,
    ),
    Case(
        "update_rsync",
        {"task": "home too", "remote_path": "/srv/other", "delete_extra": True, "enabled": False},
        "rsynctask.update",
        (RSYNC,),
        missing={"task": "no", "enabled": False},
    ),
    Case("delete_rsync", {"task": "home too"}, "rsynctask.delete", (RSYNC,), missing={"task": "no"}, undo=False),
)
