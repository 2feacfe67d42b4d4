"""Toolsets of the room."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

TOOLSETS: Final[tuple[Toolset, ...]] = ()
