"""What each endpoint does. Modules register their handlers when `load` imports them."""

from __future__ import annotations

from importlib import import_module
from typing import Final

MODULES: Final = (
    "acme",
    "agent",
    "backups",
    "bulk",
    "ceph",
    "ceph_daemons",
    "ceph_pools",
    "clones",
    "consoles",
    "disk_operations",
    "disks",
    "fabrics",
    "firewall",
    "firewall_sets",
    "grants",
    "guest_configs",
    "guest_create",
    "guest_delete",
    "hardware",
    "high_availability",
    "index",
    "inventory",
    "membership",
    "metrics",
    "migrations",
    "network",
    "node_certificates",
    "node_config",
    "node_status",
    "notifications",
    "packages",
    "pools",
    "power_lxc",
    "power_qemu",
    "registries",
    "replication",
    "sdn",
    "sdn_apply",
    "services",
    "snapshots",
    "storage_config",
    "storage_content",
    "storage_files",
    "tasks",
    "tickets",
    "users",
)


def load() -> None:
    """Import every module of handlers."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
