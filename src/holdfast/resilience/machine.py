"""The state machine of a circuit breaker: closed, open, half-open; three outcomes; generations.

Rules, each of them a known defect of other breakers turned round:

- Time is monotonic and is read, not awaited: an open circuit whose time is over *is* half-open for whoever looks.
- Half-open lets one call through. Its permit has an owner and an expiry: a lost test call blocks nobody for ever.
- Every change of state starts a new generation. A call that was let through in an older one changes nothing.
- What says nothing about the other side (cancelled, excluded) is neutral: it neither counts nor clears.
- The lock covers bookkeeping only. Observers are told afterwards, in order, and never while it is held.
"""

from __future__ import annotations

from typing import Final

from holdfast.resilience.circuit import CLOSED, HALF_OPEN, OPEN, Notice, Permit, State
from holdfast.resilience.circuit_data import BUSY_RETRY_S, Circuit
from holdfast.resilience.errors import CircuitOpenError, describe
from holdfast.resilience.events import EventKind
from holdfast.resilience.model import Outcome
from holdfast.resilience.outbox import Outbox
from holdfast.resilience.window import Window

SUMMARY_EVERY_S: Final = 60.0
"""Rejections are summed up at most this often."""


class Machine(Circuit):
    """The rules. Thread-safe; never calls out while its lock is held."""

    __slots__ = ()

    # -- letting calls through -------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises CircuitOpenError if a call would be rejected now; takes no permit."""
        if self._state != CLOSED:
            # Without the lock: whoever looks a moment too early or too late learns what was true a moment ago.
            now = self._now()
            wait = self._blocked(now)
            if wait != 0:
                raise self._rejection(now, wait)

    def admit(self, lease_s: float | None = None) -> Permit:
        """Leave to make a call.

        Args:
            lease_s: Seconds after which a test call that was never settled is taken for lost; None: the tuning's.

        Raises:
            CircuitOpenError: The circuit is open, held open, or half-open and being tested.
        """
        lease = self.tuning.lease_s if lease_s is None else lease_s
        with self._lock:
            if self._state == CLOSED:
                return Permit(self.generation)
            now = self._now()
            wait = self._blocked(now)
            if wait == 0:
                if self._state == OPEN:
                    self._to_half_open()
                elif self._probe is not None:
                    self.generation += 1  # the owner is lost; should it come back, its result is of the past
                permit = self._probe = Permit(self.generation, True, now + lease)
        if wait != 0:
            raise self._rejection(now, wait)
        self._drain()
        if self.claims is not None and not self.claims.claim(lease):
            # Reserved here first and asked for elsewhere afterwards, outside the lock: somebody else is testing.
            with self._lock:
                if self._probe is permit:
                    self._probe = None
            raise self._rejection(self._now(), BUSY_RETRY_S)
        return permit

    # -- hearing how they ended ------------------------------------------------------------------------------------

    def settle(
        self, permit: Permit, outcome: Outcome, error: BaseException | None = None, elapsed_s: float = 0.0
    ) -> bool:
        """Books the end of a call. Returns whether it opened the circuit.

        Settling twice, or after the state changed meanwhile, changes nothing.
        """
        claims = self.claims if permit.probe and not permit.settled else None
        text = self._text(error) if outcome is Outcome.FAILURE else None
        with self._lock:
            tripped = self._settle(permit, outcome, error, text, elapsed_s)
        self._drain()
        if claims is not None:
            claims.release()
        return tripped

    def attempt_failed(self, permit: Permit, begun: float, error: BaseException) -> bool:
        """Counts a failed attempt for the second trigger. Returns whether it opened the circuit.

        Args:
            permit: The call's permit.
            begun: When the attempt began (monotonic).
            error: How it failed.
        """
        text = self._text(error)
        with self._lock:
            if permit.generation != self.generation or self._state != CLOSED:
                return False
            self.quiet = False
            self._remember(text)
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

    def half_open(self) -> None:
        """Lets the next call test the other side. Changes nothing while the circuit is held open."""
        with self._lock:
            if self._isolated is None and self._state != HALF_OPEN:
                self._to_half_open()
        self._drain()

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
                self._to_isolated(reason)
        self._drain()

    def release(self) -> None:
        """Ends isolation; the next call tests the other side."""
        with self._lock:
            if self._isolated is not None:
                self._isolated = None
                self._tell(Notice(EventKind.RELEASED, OPEN, OPEN))
                self._to_half_open()
        self._drain()

    def adopt(self, state: State, open_for_s: float = 0.0, isolated: str | None = None) -> None:
        """Takes over a state that another breaker of the same circuit reached.

        Args:
            state: The state.
            open_for_s: While open: seconds until the other side may be tested.
            isolated: Why an operator holds it open.
        """
        with self._lock:
            held, self._isolated = self._isolated, isolated
            if isolated is not None:
                if held is None:
                    self._to_isolated(isolated, adopted=True)
            elif state == OPEN:
                if self._state != OPEN:
                    self._to_open(self.failures, adopted=True)
                self._stretch = 1.0
                self.opened_mono = self._now() + open_for_s - self.reset_timeout
            elif state != self._state:
                if state == CLOSED:
                    self._to_closed(adopted=True)
                else:
                    self._to_half_open(adopted=True)
        self._drain()

    def listen(self, chatty: bool) -> None:
        """Turns notices about single calls on or off."""
        with self._lock:
            self.chatty = chatty
            self._settle_quiet()

    # -- inside, lock held -----------------------------------------------------------------------------------------

    def _blocked(self, now: float) -> float | None:
        """Seconds until a call may pass: 0 when now, None when nobody knows."""
        if self._state == OPEN:
            return None if self._isolated is not None else max(0.0, self.until() - now)
        probe = self._probe
        return 0.0 if probe is None else max(0.0, min(BUSY_RETRY_S, probe.expires - now))

    def _rejection(self, now: float, retry_after: float | None) -> CircuitOpenError:
        """Books a rejection; the lock is not held."""
        self.rejected += 1
        if now >= self._summary_due:
            with self._lock:
                self._summary(now)
            self._drain()
        return CircuitOpenError(
            self.name,
            retry_after,
            self.opened_at_s,
            self.last_failure_s,
            self.last_error,
            self._isolated is not None,
        )

    def _summary(self, now: float) -> None:
        count = self.rejected - self._reported
        if count:
            self._tell(Notice(EventKind.REJECTED, self._state, self._state, count))
        self._count_rejections_from(now)

    def _count_rejections_from(self, now: float) -> None:
        self._reported = self.rejected
        self._summary_due = now + SUMMARY_EVERY_S

    def _settle(
        self, permit: Permit, outcome: Outcome, error: BaseException | None, text: str | None, elapsed_s: float
    ) -> bool:
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
            return self._closed_settle(outcome, text, elapsed_s)
        return self._test_settle(outcome, text)

    def _closed_settle(self, outcome: Outcome, text: str | None, elapsed_s: float) -> bool:
        failed = outcome is Outcome.FAILURE
        if failed:
            self.failures += 1
            self._remember(text)
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
        return failure_rate >= tuning.failure_rate or slow_rate >= tuning.slow_rate

    def _test_settle(self, outcome: Outcome, text: str | None) -> bool:
        if outcome is Outcome.SUCCESS:
            self.test_successes += 1
            if self.test_successes >= self.success_threshold:
                self._to_closed()
            return False
        self.failures += 1
        self._remember(text)
        self._reopened += 1
        self._to_open(self.failures)
        return True

    def _text(self, error: BaseException | None) -> str | None:
        """What is kept of an error: text only, because a kept exception would keep every frame of its traceback.
        Not under the lock, for both its words and their redaction are foreign code."""
        if error is None:
            return None
        kind = type(error).__name__
        text = describe(error) if self._observer is None else self._observer.describe(error)
        return kind if text == kind else f"{kind}: {text}"

    def _remember(self, text: str | None) -> None:
        self.last_failure_s = self._clock.wall()
        if text is not None:
            self.last_error = text

    def _move(self, new: State) -> State:
        old, self._state = self._state, new
        self.generation += 1
        self._probe = None
        self.test_successes = 0
        self._settle_quiet()
        return old

    def _to_open(self, count: int, adopted: bool = False) -> None:
        old = self._move(OPEN)
        self.opens += 1
        tuning = self.tuning
        stretch: float = tuning.growth**self._reopened
        if tuning.timeout_jitter:
            stretch *= 1 + tuning.timeout_jitter * self._clock.random()
        self._stretch = stretch
        self.opened_mono = self._now()
        self.opened_at_s = self._clock.wall()
        self._count_rejections_from(self.opened_mono)
        self._tell(Notice(EventKind.OPENED, old, OPEN, count, adopted=adopted))

    def _to_isolated(self, reason: str, adopted: bool = False) -> None:
        old = self._move(OPEN)
        self.opened_mono = self._now()
        self.opened_at_s = self._clock.wall()
        self._count_rejections_from(self.opened_mono)
        self._tell(Notice(EventKind.ISOLATED, old, OPEN, reason=reason, adopted=adopted))

    def _to_half_open(self, adopted: bool = False) -> None:
        self._summary(self._now())
        old = self._move(HALF_OPEN)
        self._tell(Notice(EventKind.HALF_OPEN, old, HALF_OPEN, adopted=adopted))

    def _to_closed(self, adopted: bool = False) -> None:
        self.failures = 0
        self._streak = 0
        self._reopened = 0
        self.opened_at_s = None
        if self._window is not None:
            self._window.clear()
        old = self._move(CLOSED)
        self._tell(Notice(EventKind.CLOSED, old, CLOSED, adopted=adopted))

    def _settle_quiet(self) -> None:
        self.passing = self._state == CLOSED and not self.chatty
        self.quiet = self.passing and self.failures == 0 and self._streak == 0 and self._window is None

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, notice: Notice) -> None:
        observer = self._observer
        if observer is not None:
            if self._outbox is None:
                self._outbox = Outbox(observer.observe)
            self._outbox.add(notice)

    def _drain(self) -> None:
        if self._outbox is not None:
            self._outbox.drain()
