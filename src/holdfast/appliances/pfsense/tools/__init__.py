"""Toolsets of pfSense."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

TOOLSETS: Final = (
    Toolset("core", "holdfast.appliances.pfsense.tools.core", "System state and interfaces.", default=True),
)
