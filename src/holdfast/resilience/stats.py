"""What an executor counts: plain numbers that cost the success path one addition each.

Increments of attributes are exact under the interpreter lock of CPython 3.11 to 3.13, because no other thread runs
between reading and writing (no call lies in between). Without that lock, rare losses are possible; no decision of the
library depends on these numbers being exact, except that the retry budget grows a little slower.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

FASTEST_S: Final = 0.005
"""The first bucket has a counter of its own: most calls on a local network fall into it."""

LATENCY_BOUNDS_S: Final = (FASTEST_S, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the latency buckets; one more bucket holds what is slower."""


class Stats:
    """Counts of one executor since it was made.

    Attributes:
        successes, failures, neutral, cancelled: Logical calls by how they ended.
        attempt_failures: Attempts that failed, repeated or not.
        retries: Attempts after the first.
        rejected: Calls refused because the circuit was open.
        overloaded: Calls refused because too many waited.
        deadlines: Calls that ran out of time.
        stale: Reads answered from an older answer.
        shared: Reads that joined one under way.
        hedged: Reads sent a second time for want of an answer.
        probes_ok, probes_failed: Health probes.
        latency: Successful calls by duration, see `LATENCY_BOUNDS_S`; the first bucket is kept in `fastest`.
        fastest: Successful calls of at most `FASTEST_S`.
        latency_sum_s: Durations of all successful calls together.
    """

    __slots__ = (
        "attempt_failures",
        "cancelled",
        "deadlines",
        "failures",
        "fastest",
        "hedged",
        "latency",
        "latency_sum_s",
        "neutral",
        "overloaded",
        "probes_failed",
        "probes_ok",
        "rejected",
        "retries",
        "shared",
        "stale",
    )

    def __init__(self) -> None:
        self.failures = 0
        self.neutral = 0
        self.cancelled = 0
        self.attempt_failures = 0
        self.retries = 0
        self.rejected = 0
        self.overloaded = 0
        self.deadlines = 0
        self.stale = 0
        self.shared = 0
        self.hedged = 0
        self.probes_ok = 0
        self.probes_failed = 0
        self.fastest = 0
        self.latency = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.latency_sum_s = 0.0

    @property
    def successes(self) -> int:
        """Logical calls that succeeded."""
        return self.fastest + sum(self.latency)

    def succeeded(self, elapsed_s: float) -> None:
        """Counts a successful call."""
        self.latency_sum_s += elapsed_s
        if elapsed_s <= FASTEST_S:
            self.fastest += 1
        else:
            self.latency[bisect_left(LATENCY_BOUNDS_S, elapsed_s)] += 1

    def buckets(self) -> tuple[int, ...]:
        """Successful calls in each bucket of `LATENCY_BOUNDS_S`, and in the one beyond."""
        first, *others = self.latency
        return (first + self.fastest, *others)

    def calls(self) -> int:
        """Logical calls that ended with an answer or an error of the other side."""
        return self.successes + self.failures + self.neutral

    def counters(self) -> dict[str, int]:
        """All counts by name, without the latencies."""
        names = ("successes", *(name for name in self.__slots__ if name not in _LATENCY))
        return {name: getattr(self, name) for name in names}


_LATENCY: Final = frozenset({"fastest", "latency", "latency_sum_s"})
