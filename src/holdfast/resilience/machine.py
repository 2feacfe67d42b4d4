"""The state machine of a circuit breaker: closed, open, half-open; three outcomes; generations.

Rules, each of them a known defect of other breakers turned round:

- Time is monotonic and is read, not awaited: an open circuit whose time is over *is* half-open for whoever looks.
- Half-open lets one call through. Its permit has an owner and an expiry: a lost test call blocks nobody for ever.
- Every change of state starts a new generation. A call that was let through in an older one changes nothing.
- What says nothing about the other side (cancelled, excluded) is neutral: it neither counts nor clears.
- The lock covers bookkeeping only. Observers are told afterwards, in order, and never while it is held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.errors import CircuitOpenError, describe
from holdfast.resilience.events import EventKind
from holdfast.resilience.model import Outcome
from holdfast.resilience.window import Window

State = Literal["closed", "open", "half-open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"

BUSY_RETRY_S: Final = 1.0
"""What a rejected caller is told to wait, at most, while the one test call is under way."""

SUMMARY_EVERY_S: Final = 60.0
"""Rejections are summed up at most this often."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The less common settings of a breaker; one object may serve many. See `Policy` for the meaning of each."""

    streak_s: float = 0.0
    growth: float = 1.0
    timeout_max: float = 600.0
    timeout_jitter: float = 0.0
    lease_s: float = 60.0
    window_s: float | None = None
    window_min_calls: int = 20
    failure_rate: float = 0.5
    slow_call_s: float | None = None
    slow_rate: float = 1.0


PLAIN: Final = Tuning()


class Permit:
    """Leave to make one call; belongs to one generation, is settled once."""

    __slots__ = ("expires", "generation", "probe", "settled")

    def __init__(self, generation: int, probe: bool = False, expires: float = 0.0) -> None:
        self.generation = generation
        self.probe = probe
        self.expires = expires
        self.settled = False


class Notice(NamedTuple):
    """Something observers must hear about, in the order in which it happened.

    `number` counts the failures that opened the circuit, or the calls that were rejected.
    """

    kind: EventKind | None
    old: State
    new: State
    number: int = 0
    reason: str | None = None
    outcome: Outcome | None = None
    error: BaseException | None = None


class Machine:
    """State of one circuit. Thread-safe; never calls out while its lock is held.

    Args:
        name: For errors.
        fail_max: Failed calls in a row that open it.
        reset_timeout: Seconds it stays open.
        success_threshold: Successful test calls in a row that close it.
        tuning: The rest.
        clock: Time and chance.
        observer: Told every notice, outside the lock, in order.
        describe: Makes the text that is kept of a failure; here redaction takes place.
    """

    __slots__ = (
        "_clock",
        "_describe",
        "_draining",
        "_isolated",
        "_lock",
        "_now",
        "_outbox",
        "_probe",
        "_reopened",
        "_state",
        "_streak",
        "_streak_from",
        "_stretch",
        "_summary_due",
        "_unreported",
        "_window",
        "chatty",
        "fail_max",
        "failures",
        "generation",
        "last_error",
        "last_failure_s",
        "name",
        "observer",
        "opened_at_s",
        "opened_mono",
        "opens",
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
        observer: Callable[[Notice], None] | None = None,
        describe: Callable[[BaseException], str] = describe,
    ) -> None:
        self.name = name
        self.fail_max = fail_max
        self.reset_timeout = reset_timeout
        self.success_threshold = success_threshold
        self.tuning = tuning
        self.observer = observer
        self._describe = describe
        self.chatty = False
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
        self._outbox: list[Notice] | None = None
        self._draining = False
        self._unreported = 0
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
        self.quiet = self._window is None
        """Closed, nothing counted that a success would clear, nobody to tell: a success needs only to be counted.
        Read without the lock by the short way through the executor."""

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

    # -- letting calls through -------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises CircuitOpenError if a call would be rejected now; takes no permit."""
        if self._state == CLOSED:
            return
        try:
            with self._lock:
                self._refuse_if_open(self._now())
        finally:
            self._drain()

    def admit(self, lease_s: float | None = None) -> Permit:
        """Leave to make a call.

        Args:
            lease_s: Seconds after which a test call that was never settled is taken for lost; None: the tuning's.

        Raises:
            CircuitOpenError: The circuit is open, held open, or half-open and being tested.
        """
        try:
            with self._lock:
                if self._state == CLOSED:
                    return Permit(self.generation)
                now = self._now()
                self._refuse_if_open(now)
                if self._state == OPEN:
                    self._to_half_open()
                elif self._probe is not None:
                    self.generation += 1  # the owner is lost; should it come back, its result is of the past
                expires = now + (self.tuning.lease_s if lease_s is None else lease_s)
                self._probe = Permit(self.generation, True, expires)
                return self._probe
        finally:
            self._drain()

    def readmit(self, permit: Permit, lease_s: float | None = None) -> Permit:
        """Asks again for a call that was let through before: the same permit while nothing changed, else a new one.

        Raises:
            CircuitOpenError: As `admit`.
        """
        if permit.generation == self.generation and self._state == CLOSED:
            return permit
        return self.admit(lease_s)

    # -- hearing how they ended ------------------------------------------------------------------------------------

    def settle(
        self, permit: Permit, outcome: Outcome, error: BaseException | None = None, elapsed_s: float = 0.0
    ) -> bool:
        """Books the end of a call. Returns whether it opened the circuit.

        Settling twice, or after the state changed meanwhile, changes nothing.
        """
        with self._lock:
            tripped = self._settle(permit, outcome, error, elapsed_s)
        self._drain()
        return tripped

    def attempt_failed(self, permit: Permit, begun: float, error: BaseException) -> bool:
        """Counts a failed attempt for the second trigger. Returns whether it opened the circuit.

        Args:
            permit: The call's permit.
            begun: When the attempt began (monotonic).
            error: How it failed.
        """
        with self._lock:
            if permit.generation != self.generation or self._state != CLOSED:
                return False
            self.quiet = False
            self._remember(error)
            self._streak_from = begun if self._streak == 0 else min(self._streak_from, begun)
            self._streak += 1
            lasting = self.tuning.streak_s
            tripped = 0 < lasting <= self._now() - self._streak_from and self._streak >= self.fail_max
            if tripped:
                self.failures = max(self.failures, self._streak)
                self._to_open(self._streak)
        self._drain()
        return tripped

    # -- operator and probe ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Opens the circuit by hand; it half-opens after the usual time."""
        with self._lock:
            self._reopened = 0
            self._to_open(self.failures)
        self._drain()

    def half_open(self) -> bool:
        """Lets the next call test the other side. Returns False, changing nothing, while the circuit is held open."""
        with self._lock:
            if self._isolated is not None:
                return False
            if self._state != HALF_OPEN:
                self._to_half_open()
        self._drain()
        return True

    def probe_succeeded(self, generation: int) -> bool:
        """Half-opens if the circuit is still open as it was in `generation`. Returns whether it did."""
        with self._lock:
            changed = self._state == OPEN and self._isolated is None and self.generation == generation
            if changed:
                self._to_half_open()
        self._drain()
        return changed

    def close(self) -> None:
        """Closes the circuit by hand; also ends isolation."""
        with self._lock:
            self._isolated = None
            self._to_closed()
        self._drain()

    def isolate(self, reason: str) -> None:
        """Holds the circuit open until `release`."""
        with self._lock:
            if self._isolated is None:
                self._isolated = reason
                old = self._move(OPEN)
                self.opened_mono = self._now()
                self.opened_at_s = self._clock.wall()
                self._tell(Notice(EventKind.ISOLATED, old, OPEN, reason=reason))
        self._drain()

    def release(self) -> None:
        """Ends isolation; the next call tests the other side."""
        with self._lock:
            if self._isolated is not None:
                self._isolated = None
                self._tell(Notice(EventKind.RELEASED, OPEN, OPEN))
                self._to_half_open()
        self._drain()

    def adopt(self, state: State, remaining_s: float, isolated: str | None) -> None:
        """Takes over a state that another process reached; `remaining_s` is what is left of an open time."""
        with self._lock:
            self._isolated = isolated
            if state == self._state and state != OPEN:
                return
            if state == CLOSED:
                self._to_closed()
            elif state == HALF_OPEN:
                self._to_half_open()
            else:
                already = self._state == OPEN
                if not already:
                    self._to_open(self.failures)
                self._stretch = 1.0
                self.opened_mono = self._now() + remaining_s - self.reset_timeout
        self._drain()

    def listen(self, chatty: bool) -> None:
        """Turns notices about single calls on or off."""
        with self._lock:
            self.chatty = chatty
            self._settle_quiet()

    # -- inside, lock held -----------------------------------------------------------------------------------------

    def _refuse_if_open(self, now: float) -> None:
        if self._state == OPEN:
            if self._isolated is not None:
                self._reject(now, None)
            until = self.until()
            if now < until:
                self._reject(now, until - now)
        elif self._state == HALF_OPEN:
            probe = self._probe
            if probe is not None and now < probe.expires:
                self._reject(now, min(BUSY_RETRY_S, probe.expires - now))

    def _reject(self, now: float, retry_after: float | None) -> None:
        self.rejected += 1
        self._unreported += 1
        if now >= self._summary_due:
            self._summary(now)
        raise CircuitOpenError(
            self.name,
            retry_after,
            self.opened_at_s,
            self.last_failure_s,
            self.last_error,
            self._isolated is not None,
        )

    def _summary(self, now: float) -> None:
        if self._unreported:
            self._tell(Notice(EventKind.REJECTED, self._state, self._state, self._unreported))
        self._unreported = 0
        self._summary_due = now + SUMMARY_EVERY_S

    def _settle(self, permit: Permit, outcome: Outcome, error: BaseException | None, elapsed_s: float) -> bool:
        if permit.settled:
            return False
        permit.settled = True
        if self._probe is permit:
            self._probe = None
        if outcome is Outcome.SUCCESS:
            self.successes += 1
        elif outcome is Outcome.FAILURE:
            self.total_failures += 1
        if self.chatty:
            self._tell(Notice(None, self._state, self._state, outcome=outcome, error=error))
        if permit.generation != self.generation:
            self.stale += 1
            return False
        if outcome is Outcome.NEUTRAL:
            return False
        if self._state == CLOSED:
            return self._closed_settle(outcome, error, elapsed_s)
        return self._test_settle(outcome, error)

    def _closed_settle(self, outcome: Outcome, error: BaseException | None, elapsed_s: float) -> bool:
        failed = outcome is Outcome.FAILURE
        if failed:
            self.failures += 1
            self._remember(error)
        else:
            self.failures = 0
            self._streak = 0
        self._settle_quiet()
        over = self._window is not None and self._over(self._window, failed, elapsed_s)
        if (failed and self.failures >= self.fail_max) or over:
            self._to_open(self.failures)
            return True
        return False

    def _over(self, window: Window, failed: bool, elapsed_s: float) -> bool:
        tuning = self.tuning
        now = self._now()
        slow = tuning.slow_call_s is not None and elapsed_s >= tuning.slow_call_s
        window.record(now, failed, slow)
        calls, failure_rate, slow_rate = window.rates(now)
        if calls < tuning.window_min_calls:
            return False
        return failure_rate >= tuning.failure_rate or (tuning.slow_call_s is not None and slow_rate >= tuning.slow_rate)

    def _test_settle(self, outcome: Outcome, error: BaseException | None) -> bool:
        if outcome is Outcome.SUCCESS:
            self.test_successes += 1
            if self.test_successes >= self.success_threshold:
                self._to_closed()
            return False
        self.failures += 1
        self._remember(error)
        self._reopened += 1
        self._to_open(self.failures)
        return True

    def _remember(self, error: BaseException | None) -> None:
        self.last_failure_s = self._clock.wall()
        if error is not None:
            # Text only: a kept exception would keep every frame of its traceback.
            kind, text = type(error).__name__, self._describe(error)
            self.last_error = kind if text == kind else f"{kind}: {text}"

    def _longest(self) -> float:
        return max(self.tuning.timeout_max, self.reset_timeout)

    def _move(self, new: State) -> State:
        old, self._state = self._state, new
        self.generation += 1
        self._probe = None
        self.test_successes = 0
        self._settle_quiet()
        return old

    def _to_open(self, count: int) -> None:
        old = self._move(OPEN)
        self.opens += 1
        tuning = self.tuning
        stretch: float = tuning.growth**self._reopened
        if tuning.timeout_jitter:
            stretch *= 1 + tuning.timeout_jitter * self._clock.random()
        self._stretch = stretch
        self.opened_mono = self._now()
        self.opened_at_s = self._clock.wall()
        self._unreported = 0
        self._summary_due = self.opened_mono + SUMMARY_EVERY_S
        self._tell(Notice(EventKind.OPENED, old, OPEN, count))

    def _to_half_open(self) -> None:
        self._summary(self._now())
        old = self._move(HALF_OPEN)
        self._tell(Notice(EventKind.HALF_OPEN, old, HALF_OPEN))

    def _to_closed(self) -> None:
        self.failures = 0
        self._streak = 0
        self._reopened = 0
        self.opened_at_s = None
        if self._window is not None:
            self._window.clear()
        old = self._move(CLOSED)
        self._tell(Notice(EventKind.CLOSED, old, CLOSED))

    def _settle_quiet(self) -> None:
        self.quiet = (
            self._state == CLOSED
            and self.failures == 0
            and self._streak == 0
            and self._window is None
            and not self.chatty
        )

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, notice: Notice) -> None:
        if self.observer is not None:
            if self._outbox is None:
                self._outbox = []
            self._outbox.append(notice)

    def _drain(self) -> None:
        """Tells what is in the outbox. One thread at a time, so that the order is the order of what happened."""
        if self._outbox is None:
            return
        with self._lock:
            if self._draining:
                return
            self._draining = True
        try:
            while True:
                with self._lock:
                    batch, self._outbox = self._outbox, None
                    if batch is None:
                        self._draining = False
                        return
                observer = self.observer
                if observer is not None:
                    for notice in batch:
                        observer(notice)
        except BaseException:
            self._draining = False
            raise
