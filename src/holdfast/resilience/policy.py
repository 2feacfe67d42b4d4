"""What a client does about failures: every number in one frozen object, refused at construction when impossible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from holdfast.resilience.checks import LONGEST_S, Bounds, check_count, check_fields
from holdfast.resilience.errors import PolicyError

DEFAULT_TOTAL_S: Final = 50.0
"""Common MCP hosts abandon a call after 60 s; the answer must be there before."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Retry, breaker, deadline, queue and budget of one client. Times are seconds.

    Attributes of the guide (guide, "Configuration Parameters"):
        retry_max_attempts: Attempts in all, the first included.
        retry_min_wait: Least wait before a retry.
        retry_max_wait: Greatest wait before a retry, jitter included (a `Retry-After` may exceed it).
        circuit_breaker_enabled: Whether there is a breaker.
        circuit_breaker_fail_max: Failed calls in a row that open the circuit.
        circuit_breaker_timeout: How long it stays open before one call may test the other side.
        timeout: Bound of one attempt; transports apply it.

    Further attributes:
        retry_multiplier: Factor of the guide's formula, ``min(max_wait, max(min_wait, multiplier * 2**n))``, n from 0.
        retry_jitter: Up to this fraction of the wait is added at random, inside the maximum. 0: none.
        retry_after_cap: A `Retry-After` up to this is waited for; a longer one ends the call at once.
        budget_ratio: Retries per call that the budget allows in the long run.
        budget_floor_per_s: Retries per second that are always allowed, so that a small client is not starved.
        circuit_breaker_streak: The second trigger: `fail_max` failed attempts in a row over at least this long open
            the circuit, too. 0: off.
        circuit_breaker_probe_interval: While open, ask the health probe at most this often, when somebody calls.
            0: off.
        circuit_breaker_success_threshold: Test calls in a row that must succeed before the circuit closes.
        circuit_breaker_timeout_growth: Factor on the open time for each failed test in a row. 1: constant.
        circuit_breaker_timeout_max: Upper end of that growth.
        circuit_breaker_timeout_jitter: Up to this fraction is added to the open time at random.
        circuit_breaker_window: Length of the sliding window; None: no window.
        circuit_breaker_window_min_calls: Calls the window must hold before its rates count.
        circuit_breaker_failure_rate: Share of failed calls in the window that opens the circuit.
        circuit_breaker_slow_call: A call that takes this long is slow; None: no call is.
        circuit_breaker_slow_rate: Share of slow calls in the window that opens the circuit.
        connect_timeout: Bound of connecting; transports apply it.
        total_timeout: Bound of the whole call, waits included. None: 50, or `timeout` where that is longer.
        max_in_flight: Calls under way at once.
        max_waiting: Calls that may wait for their turn.
        stale_max_entries: Answers kept for degraded reads (`Executor.read`).

    Raises:
        PolicyError: A value that is not a number, not finite where it must be, out of range, or in contradiction
            with another; `key` names it.
    """

    retry_max_attempts: int = 3
    retry_min_wait: float = 1
    retry_max_wait: float = 10
    retry_multiplier: float = 1
    retry_jitter: float = 0.0
    retry_after_cap: float = 10
    budget_ratio: float = 0.2
    budget_floor_per_s: float = 10
    circuit_breaker_enabled: bool = True
    circuit_breaker_fail_max: int = 5
    circuit_breaker_timeout: float = 60
    circuit_breaker_streak: float = 3
    circuit_breaker_probe_interval: float = 5
    circuit_breaker_success_threshold: int = 1
    circuit_breaker_timeout_growth: float = 1.0
    circuit_breaker_timeout_max: float = 600
    circuit_breaker_timeout_jitter: float = 0.0
    circuit_breaker_window: float | None = None
    circuit_breaker_window_min_calls: int = 20
    circuit_breaker_failure_rate: float = 0.5
    circuit_breaker_slow_call: float | None = None
    circuit_breaker_slow_rate: float = 1.0
    timeout: float = 30
    connect_timeout: float = 5
    total_timeout: float | None = None
    max_in_flight: int = 30
    max_waiting: int = 100
    stale_max_entries: int = 256

    def __post_init__(self) -> None:
        if not isinstance(self.circuit_breaker_enabled, bool):
            raise PolicyError("circuit_breaker_enabled", f"must be true or false, not {self.circuit_breaker_enabled!r}")
        check_fields(self, _COUNTS, _NUMBERS, _OPTIONAL)
        if self.retry_min_wait > self.retry_max_wait:
            raise PolicyError(
                "retry_min_wait", f"({self.retry_min_wait:g}) must not exceed retry_max_wait ({self.retry_max_wait:g})"
            )
        if self.total_timeout is None:
            object.__setattr__(self, "total_timeout", max(DEFAULT_TOTAL_S, self.timeout))

    @property
    def total_s(self) -> float:
        """Bound of the whole call in seconds."""
        return DEFAULT_TOTAL_S if self.total_timeout is None else self.total_timeout

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Policy:
        """The policy in a client's configuration: reads the keys that are fields here and ignores all others.

        The queue follows the connection pool: unless `max_in_flight` is given, the guide's `connector_limit_per_host`
        is taken, so that calls wait where the breaker sees them and not inside the HTTP connector.

        Raises:
            PolicyError: As at construction.
        """
        chosen = {name: config[name] for name in _FIELDS if name in config}
        if "max_in_flight" not in chosen and "connector_limit_per_host" in config:
            limit = config["connector_limit_per_host"]
            check_count("connector_limit_per_host", limit, 0)
            if limit != 0:  # 0 means "no limit" to aiohttp
                chosen["max_in_flight"] = limit
        return cls(**chosen)  # type: ignore[arg-type]  # every value is checked by __post_init__


_COUNTS: Final[Mapping[str, int]] = {
    "retry_max_attempts": 1,
    "circuit_breaker_fail_max": 1,
    "circuit_breaker_success_threshold": 1,
    "circuit_breaker_window_min_calls": 1,
    "max_in_flight": 1,
    "max_waiting": 0,
    "stale_max_entries": 0,
}

_NUMBERS: Final[Mapping[str, Bounds]] = {
    "retry_min_wait": (0, LONGEST_S, False),
    "retry_max_wait": (0, LONGEST_S, False),
    "retry_multiplier": (0, LONGEST_S, False),
    "retry_jitter": (0, 1, False),
    "retry_after_cap": (0, LONGEST_S, False),
    "budget_ratio": (0, 1_000, False),
    "budget_floor_per_s": (0, 1_000_000, False),
    "circuit_breaker_timeout": (0, LONGEST_S, False),
    "circuit_breaker_streak": (0, LONGEST_S, False),
    "circuit_breaker_probe_interval": (0, LONGEST_S, False),
    "circuit_breaker_timeout_growth": (1, 1_000, False),
    "circuit_breaker_timeout_max": (0, LONGEST_S, False),
    "circuit_breaker_timeout_jitter": (0, 1, False),
    "circuit_breaker_window": (0, LONGEST_S, True),
    "circuit_breaker_failure_rate": (0, 1, True),
    "circuit_breaker_slow_call": (0, LONGEST_S, True),
    "circuit_breaker_slow_rate": (0, 1, True),
    "timeout": (0, LONGEST_S, True),
    "connect_timeout": (0, LONGEST_S, True),
    "total_timeout": (0, math.inf, True),
}

_OPTIONAL: Final = frozenset({"circuit_breaker_window", "circuit_breaker_slow_call", "total_timeout"})
_FIELDS: Final = tuple(field.name for field in fields(Policy))
