"""What each endpoint does. Modules register their handlers when `load` imports them."""

from __future__ import annotations

from importlib import import_module
from typing import Final

MODULES: Final = (
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
