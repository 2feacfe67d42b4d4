"""Permissions, quotas, pools and their disks, capacity and graphs."""

from __future__ import annotations

from tests.appliances.truenas.case import Case

HOME = {"path": "/mnt/tank/home"}
NOWHERE = {"path": "/mnt/tank/nowhere"}
ENTRIES = ["USER_OBJ:rwx", "USER:bob:r-x", "GROUP_OBJ:r-x", "MASK:rwx", "OTHER:---", "DEFAULT:USER_OBJ:rwx"]
ENTRIES += ["DEFAULT:GROUP_OBJ:r-x", "DEFAULT:OTHER:---"]

READS = (
    Case("get_permissions", HOME, missing=NOWHERE),
    Case("list_quotas", {"dataset": "tank/home"}, missing={"dataset": "tank/nowhere"}),
)

WRITES = (
    Case(
        "set_permissions",
        {**HOME, "mode": "750", "user": "alice"},
        "filesystem.setperm",
        missing={**NOWHERE, "mode": "750"},
    ),
    Case("set_acl", {**HOME, "entries": ENTRIES}, "filesystem.setacl", missing={**NOWHERE, "entries": ENTRIES}),
)
