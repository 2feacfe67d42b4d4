"""Toolsets of TrueNAS."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

TOOLSETS: Final = (Toolset("core", "holdfast.appliances.truenas.tools.core", "System state and pools.", default=True),)
