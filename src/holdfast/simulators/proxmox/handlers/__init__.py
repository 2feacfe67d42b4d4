"""What each endpoint does. Modules register their handlers when `load` imports them."""

from __future__ import annotations

from importlib import import_module
from typing import Final

MODULES: Final = (
    "firewall",
    "high_availability",
    "grants",
    "users",
    "backups",
    "pools",
    "replication",
    "storage_config",
    "storage_content",
    "storage_files",
    "bulk",
    "network",
    "node_certificates",
    "node_config",
    "services",
    "agent",
    "consoles",
    "metrics",
    "disk_operations",
    "migrations",
    "power_lxc",
    "snapshots",
    "clones",
    "guest_create",
    "guest_delete",
    "guest_configs",
    "index",
    "inventory",
    "node_status",
    "power_qemu",
    "tasks",
    "tickets",
)


def load() -> None:
    """Import every module of handlers."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
