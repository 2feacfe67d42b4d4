"""The guide's wait before a retry, exactly.

``wait = min(retry_max_wait, max(retry_min_wait, multiplier * 2^attempt))`` with attempts counted from 0: only this
reading gives the guide's own log line (attempt 2 of 3 failed, retrying in 2 s).
"""

from __future__ import annotations

_LARGEST_POWER = 1_023
"""The largest power of two that a float holds."""


def guide_wait(failed: int, min_wait: float, max_wait: float, multiplier: float = 1) -> float:
    """Seconds to wait after the `failed`-th attempt (from 1) failed (guide, "Retry Parameters")."""
    return min(max_wait, max(min_wait, multiplier * 2.0 ** min(failed - 1, _LARGEST_POWER)))


def with_jitter(wait: float, jitter: float, max_wait: float, chance: float) -> float:
    """`wait` plus up to the fraction `jitter` of it, never beyond `max_wait`; `chance` is in [0, 1)."""
    return min(max_wait, wait * (1 + jitter * chance))
