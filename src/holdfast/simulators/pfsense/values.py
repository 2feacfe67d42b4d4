"""The type of field values."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
"""What JSON can hold. Which of it a field may hold is said by the vendor's table, at run time."""
