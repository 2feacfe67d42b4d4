"""The data of one circuit and the view from outside."""

from __future__ import annotations

import threading
from typing import Final, Protocol

from holdfast.resilience.circuit import CLOSED, HALF_OPEN, OPEN, PLAIN, Notice, Permit, State, Tuning
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.outbox import Outbox
from holdfast.resilience.window import Window

BUSY_RETRY_S: Final = 1.0
"""What a rejected caller is told to wait, at most, while the one test call is under way."""


class Observer(Protocol):
    """Hears of a circuit."""

    def observe(self, notice: Notice) -> None:
        """Something happened. Must not raise."""

    def describe(self, error: BaseException) -> str:
        """The text of a failure, redacted."""


class Claims(Protocol):
    """Asked, outside the lock, before the other side is tested, where several breakers share a circuit."""

    def claim(self, lease_s: float) -> bool:
        """Whether this breaker may test."""

    def release(self) -> None:
        """The test is over."""


class Circuit:
    """What is known about one circuit, and how it looks from outside. `Machine` changes it.

    Args:
        name: For errors.
        fail_max: Failed calls in a row that open it.
        reset_timeout: Seconds it stays open.
        success_threshold: Successful test calls in a row that close it.
        tuning: The rest.
        clock: Time and chance.
        observer: Told every notice, in order, and asked for the text that is kept of a failure; never under the lock.
    """

    __slots__ = (
        "_clock",
        "_isolated",
        "_lock",
        "_now",
        "_observer",
        "_outbox",
        "_probe",
        "_reopened",
        "_reported",
        "_state",
        "_streak",
        "_streak_from",
        "_stretch",
        "_summary_due",
        "_window",
        "chatty",
        "claims",
        "fail_max",
        "failures",
        "generation",
        "last_error",
        "last_failure_s",
        "name",
        "opened_at_s",
        "opened_mono",
        "opens",
        "passing",
        "quiet",
        "rejected",
        "reset_timeout",
        "stale",
        "success_threshold",
        "successes",
        "test_successes",
        "total_failures",
        "tuning",
    )

    def __init__(
        self,
        name: str | None,
        fail_max: int,
        reset_timeout: float,
        success_threshold: int,
        tuning: Tuning = PLAIN,
        clock: Clock = SYSTEM_CLOCK,
        observer: Observer | None = None,
    ) -> None:
        self.name = name
        self.fail_max = fail_max
        self.reset_timeout = reset_timeout
        self.success_threshold = success_threshold
        self.tuning = tuning
        self._observer = observer
        self.chatty = False
        self.claims: Claims | None = None
        self._clock = clock
        self._now = clock.monotonic
        self._lock = threading.Lock()
        self._state: State = CLOSED
        self._isolated: str | None = None
        self._probe: Permit | None = None
        self._streak = 0
        self._streak_from = 0.0
        self._stretch = 1.0
        self._reopened = 0
        self._window = None if tuning.window_s is None else Window(tuning.window_s)
        self._outbox: Outbox[Notice] | None = None
        self._reported = 0
        self._summary_due = 0.0
        self.generation = 0
        self.failures = 0
        self.successes = 0
        self.test_successes = 0
        self.total_failures = 0
        self.rejected = 0
        self.opens = 0
        self.stale = 0
        self.last_error: str | None = None
        self.last_failure_s: float | None = None
        self.opened_at_s: float | None = None
        self.opened_mono = 0.0
        # Both are read without the lock by the short way through the executor, after `generation`.
        self.passing = True
        """Closed, and nobody hears of single calls: a call may pass without asking."""
        self.quiet = self._window is None
        """And nothing is counted that a success would clear: a success needs only to be counted."""

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state as of now; an open circuit whose time is over is half-open."""
        if self._state == OPEN and self._isolated is None and self._now() >= self.until():
            return HALF_OPEN
        return self._state

    @property
    def isolated(self) -> str | None:
        """Why an operator holds the circuit open; None when nobody does."""
        return self._isolated

    @property
    def reopened(self) -> int:
        """Failed tests in a row since the circuit was last closed."""
        return self._reopened

    def until(self) -> float:
        """The monotonic time at which an open circuit may be tested."""
        if self._stretch == 1.0:
            return self.opened_mono + self.reset_timeout
        return self.opened_mono + min(self.reset_timeout * self._stretch, self._longest())

    def retry_after_s(self) -> float | None:
        """Seconds until a call may be let through: 0.0 when now, None while held open."""
        if self._isolated is not None:
            return None
        if self._state == OPEN:
            return max(0.0, self.until() - self._now())
        if self._state == HALF_OPEN and self._probe is not None:
            return max(0.0, min(BUSY_RETRY_S, self._probe.expires - self._now()))
        return 0.0

    def rates(self) -> tuple[int, float, float] | None:
        """Calls, share of failures and share of slow calls in the window; None without a window."""
        if self._window is None:
            return None
        with self._lock:
            return self._window.rates(self._now())

    def _longest(self) -> float:
        return max(self.tuning.timeout_max, self.reset_timeout)
