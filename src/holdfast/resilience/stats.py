"""What an executor counts: plain numbers that cost the success path one addition each.

Increments of attributes are exact under the interpreter lock of CPython 3.11 to 3.13, because no other thread runs
between reading and writing (no call lies in between). Without that lock, rare losses are possible; no decision of the
library depends on these numbers being exact, except that the retry budget grows a little slower.
"""

from __future__ import annotations

from typing import Final

LATENCY_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
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
        latency: Successful calls by duration, see `LATENCY_BOUNDS_S`.
        latency_sum_s: Their durations together.
    """

    __slots__ = (
        "attempt_failures",
        "cancelled",
        "deadlines",
        "failures",
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
        "successes",
    )

    def __init__(self) -> None:
        self.successes = 0
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
        self.latency = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.latency_sum_s = 0.0

    def calls(self) -> int:
        """Logical calls that ended with an answer or an error of the other side."""
        return self.successes + self.failures + self.neutral

    def counters(self) -> dict[str, int]:
        """All counts by name, without the latencies."""
        return {name: getattr(self, name) for name in self.__slots__ if not name.startswith("latency")}
