"""A sliding window over time: how many calls, how many failed, how many were slow."""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 10
"""The window slides in tenths of its length."""


class Window:
    """Counts of the last `length_s` seconds, in ten buckets. Not thread-safe: its owner locks."""

    __slots__ = ("_calls", "_failed", "_slot", "_slow", "_width")

    def __init__(self, length_s: float) -> None:
        self._width = length_s / BUCKETS
        self._slot = 0
        self._calls = [0] * BUCKETS
        self._failed = [0] * BUCKETS
        self._slow = [0] * BUCKETS

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """Counts one call that ended at `now` (monotonic seconds)."""
        index = self._advance(now)
        self._calls[index] += 1
        self._failed[index] += failed
        self._slow[index] += slow

    def rates(self, now: float) -> tuple[int, float, float]:
        """Calls in the window, share that failed, share that was slow (0.0 without calls)."""
        self._advance(now)
        calls = sum(self._calls)
        if calls == 0:
            return (0, 0.0, 0.0)
        return (calls, sum(self._failed) / calls, sum(self._slow) / calls)

    def clear(self) -> None:
        """Forgets everything."""
        for counts in (self._calls, self._failed, self._slow):
            counts[:] = [0] * BUCKETS

    def _advance(self, now: float) -> int:
        slot = int(now / self._width)
        passed = slot - self._slot
        if passed >= BUCKETS:
            self.clear()
        else:
            for offset in range(1, passed + 1):
                index = (self._slot + offset) % BUCKETS
                self._calls[index] = self._failed[index] = self._slow[index] = 0
        if passed > 0:
            self._slot = slot
        return self._slot % BUCKETS
