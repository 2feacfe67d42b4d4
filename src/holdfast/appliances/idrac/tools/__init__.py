"""Toolsets of iDRAC."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

TOOLSETS: Final = (
    Toolset("core", "holdfast.appliances.idrac.tools.core", "Identity and state of the server.", default=True),
)
