"""Permissions, quotas, pools and their disks, capacity and graphs."""

from __future__ import annotations

from tests.appliances.truenas.case import Call, Case

HOME = {"path": "/mnt/tank/home"}
NOWHERE = {"path": "/mnt/tank/nowhere"}
ENTRIES = ["USER_OBJ:rwx", "USER:bob:r-x", "GROUP_OBJ:r-x", "MASK:rwx", "OTHER:---", "DEFAULT:USER_OBJ:rwx"]
ENTRIES += ["DEFAULT:GROUP_OBJ:r-x", "DEFAULT:OTHER:---"]

SMALL: Call = ("!small-pool", {})
MIRRORED: Call = ("attach_disk", {"pool": "small", "vdev": "sdg", "disk": "$spare"})

READS = (
    Case("list_scrub_tasks"),
    Case("get_resilver_window"),
    Case("list_graphs"),
    Case("read_graph", {"graph": "disk", "identifier": "sda", "span": "DAY"}, missing={"graph": "nowhere"}),
    Case("forecast_capacity", {"pool": "tank"}, missing={"pool": "nowhere"}),
    Case("disk_health"),
    Case("get_permissions", HOME, missing=NOWHERE),
    Case("list_quotas", {"dataset": "tank/home"}, missing={"dataset": "tank/nowhere"}),
)

WRITES = (
    Case(
        "update_scrub_task",
        {"pool": "tank", "schedule": "0 1 * * 7", "threshold_days": 20},
        "pool.scrub.update",
        missing={"pool": "nowhere", "enabled": False},
    ),
    Case(
        "update_resilver_window",
        {"begin": "20:00", "end": "06:00", "weekdays": [6, 7]},
        "pool.resilver.update",
    ),
    Case(
        "set_permissions",
        {**HOME, "mode": "750", "user": "alice"},
        "filesystem.setperm",
        missing={**NOWHERE, "mode": "750"},
    ),
    Case("set_acl", {**HOME, "entries": ENTRIES}, "filesystem.setacl", missing={**NOWHERE, "entries": ENTRIES}),
    Case(
        "attach_disk",
        {"pool": "small", "vdev": "sdg", "disk": "$spare"},
        "pool.attach",
        (SMALL,),
        outcome="started",
        missing={"pool": "tank", "vdev": "sdzz", "disk": "{serial}x"},
        undo=False,
    ),
    Case(
        "detach_disk",
        {"pool": "small", "member": "sdh"},
        "pool.detach",
        (SMALL, MIRRORED),
        missing={"pool": "small", "member": "sdh"},
        undo=False,
    ),
    Case(
        "add_vdev",
        {"pool": "tank", "group": "cache", "layout": "STRIPE", "disks": ["$spare"]},
        "pool.update",
        missing={"pool": "nowhere", "group": "cache", "layout": "STRIPE", "disks": ["{serial}x"]},
    ),
    Case(
        "remove_vdev",
        {"pool": "tank", "vdev": "sdh"},
        "pool.remove",
        (("add_vdev", {"pool": "tank", "group": "cache", "layout": "STRIPE", "disks": ["$spare"]}),),
        missing={"pool": "tank", "vdev": "sdzz"},
        undo=False,
    ),
)
