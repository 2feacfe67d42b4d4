"""Toolsets of TrueNAS."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

_HERE: Final = "holdfast.appliances.truenas.tools"

TOOLSETS: Final = (
    Toolset("core", f"{_HERE}.core", "System state, pools, alerts, services, jobs.", default=True),
    Toolset("storage", f"{_HERE}.storage", "Datasets, snapshots, disks.", default=True),
    Toolset("serving", f"{_HERE}.serving", "Shares and apps.", default=True),
)
