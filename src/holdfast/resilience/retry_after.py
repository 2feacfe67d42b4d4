"""`Retry-After`: seconds or a date, made into seconds; nonsense is refused."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import Final

ABSURD_S: Final = 86_400.0
"""A wait of more than a day is taken for a mistake and ignored."""


def parse_retry_after(value: str | None, wall_now: float) -> float | None:
    """Seconds asked for by a `Retry-After` header (RFC 9110, 10.2.3), or None if there is no usable value.

    Args:
        value: The header's text: whole seconds or an HTTP date.
        wall_now: The time now, in seconds since 1970.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Longer than the longest sane number is absurd, and int() of a huge text is slow.
        return usable_wait(float(text)) if len(text) <= 9 else None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return usable_wait(max(0.0, moment.timestamp() - wall_now))


def usable_wait(seconds: float | None) -> float | None:
    """`seconds` if it is a wait that makes sense: finite, not negative, at most a day; else None."""
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= ABSURD_S:
        return None
    return seconds
