"""Tools across appliances."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

TOOLSETS: Final = (
    Toolset("circuits", "holdfast.estate.tools.circuits", "State of every circuit breaker.", default=True),
)
