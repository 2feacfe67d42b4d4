"""Refusals of what cannot work, by the name of the setting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from holdfast.resilience.errors import PolicyError

LONGEST_S: Final = 366 * 86_400.0
"""Longer times are taken for mistakes (milliseconds, timestamps)."""

Bounds = tuple[float, float, bool]
"""Least, most, and whether the least itself is refused."""


def check_count(key: str, value: object, least: int) -> None:
    """Raises PolicyError unless `value` is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolicyError(key, f"must be a whole number, not {value!r}")
    if value < least:
        raise PolicyError(key, f"must be {least} or more, not {value}")


def check_number(key: str, value: object, bounds: Bounds) -> None:
    """Raises PolicyError unless `value` is a number within `bounds`."""
    least, most, above = bounds
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PolicyError(key, f"must be a number, not {value!r}")
    if math.isnan(value):
        raise PolicyError(key, "must be a number, not NaN")
    if value < least or (above and value == least):
        raise PolicyError(key, f"must be {'more than' if above else 'at least'} {least:g}, not {value:g}")
    if value > most:
        raise PolicyError(key, f"must be at most {most:g}, not {value:g}")


def check_fields(
    settings: object, counts: Mapping[str, int], numbers: Mapping[str, Bounds], optional: frozenset[str]
) -> None:
    """Checks attributes of an object: `counts` by their least, `numbers` by their bounds; those in `optional` may be
    None."""
    for key, fewest in counts.items():
        check_count(key, getattr(settings, key), fewest)
    for key, bounds in numbers.items():
        value = getattr(settings, key)
        if value is not None or key not in optional:
            check_number(key, value, bounds)
