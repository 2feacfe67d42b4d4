"""Limits on unauthenticated calls, per method and source address (contract section 6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

CALLS_PER_WINDOW = 20
WINDOW_S = 60.0
CACHE_ENTRIES = 100
CACHE_CLEARED_S = 600.0


class RateLimiter:
    """20 calls in 60 s for each (method, address); at most 100 such pairs, wiped every 600 s."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._cleared = now()

    def allows(self, method: str, address: str) -> bool:
        """Count one call; False when it is one too many."""
        now = self._now()
        if now - self._cleared >= CACHE_CLEARED_S:
            self._calls.clear()
            self._cleared = now
        key = (method, address)
        if key not in self._calls:
            if len(self._calls) >= CACHE_ENTRIES:
                return False
            self._calls[key] = deque()
        calls = self._calls[key]
        while calls and now - calls[0] >= WINDOW_S:
            calls.popleft()
        if len(calls) >= CALLS_PER_WINDOW:
            return False
        calls.append(now)
        return True
