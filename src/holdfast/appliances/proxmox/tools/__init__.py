"""Toolsets of Proxmox VE."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

TOOLSETS: Final = (
    Toolset("core", "holdfast.appliances.proxmox.tools.core", "Cluster state and inventory.", default=True),
    Toolset("guests", "holdfast.appliances.proxmox.tools.guests", "VMs and containers.", default=True),
)
