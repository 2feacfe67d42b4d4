"""One logical call after its first failure: may it be repeated, after how long, and how did it end?

The decisions are the same for coroutines and threads; `Executor` only drives them.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from holdfast.resilience.backoff import guide_wait, with_jitter
from holdfast.resilience.circuit import Permit
from holdfast.resilience.deadline import Scope
from holdfast.resilience.errors import DeadlineExceededError
from holdfast.resilience.events import Event, EventKind
from holdfast.resilience.mode import MODE
from holdfast.resilience.model import Operation, Outcome, Retry, Verdict
from holdfast.resilience.retry_after import usable_wait

if TYPE_CHECKING:
    import tenacity

    from holdfast.resilience.core import Core

USEFUL_S: Final = 1.0
"""Another attempt needs at least this much time, or a tenth of the whole where that is less."""

_log = logging.getLogger("holdfast.resilience")
_UNCLASSIFIED: Final = Verdict(Outcome.FAILURE, Retry.NEVER)


class Call:
    """Accounts of one logical call.

    Attributes:
        scope: When it must be over.
        permit: Leave of the breaker; None before it was asked.
        attempts: Attempts begun.
        running: Whether an attempt is under way.
        error: Last failure of an attempt.
    """

    __slots__ = (
        "attempt_begun",
        "attempts",
        "begun",
        "core",
        "error",
        "max_attempts",
        "operation",
        "permit",
        "running",
        "scope",
        "stopped",
        "verdict",
        "wait_s",
    )

    def __init__(self, core: Core, operation: Operation, begun: float, scope: Scope) -> None:
        self.core = core
        self.operation = operation
        self.begun = begun
        self.scope = scope
        self.permit: Permit | None = None
        self.attempts = 0
        self.attempt_begun = begun
        self.running = False
        self.error: Exception | None = None
        self.verdict = _UNCLASSIFIED
        self.stopped: str | None = None
        self.wait_s = 0.0
        limit = core.policy.retry_max_attempts
        self.max_attempts = limit if MODE.max_attempts is None else min(limit, MODE.max_attempts)

    # -- time ------------------------------------------------------------------------------------------------------

    def left_s(self) -> float:
        """Seconds until the call must be over; may be negative."""
        return self.scope[0] - self.scope[1]()

    def elapsed_s(self) -> float:
        """Seconds since the call began."""
        return self.core.now() - self.begun

    # -- attempts --------------------------------------------------------------------------------------------------

    def begin_attempt(self) -> None:
        """Books the start of an attempt."""
        self.attempts += 1
        if self.attempts > 1:
            self.core.stats.retries += 1
        self.attempt_begun = self.core.now()
        self.running = True

    def attempt_failed(self, error: Exception) -> None:
        """Books and classifies the failure of an attempt."""
        self.running = False
        self.error = error
        try:
            self.verdict = self.core.classify(error)
        except Exception:  # noqa: BLE001 - a classifier's mistake must not hide the failure it was asked about
            _log.exception("The classifier of '%s' failed", self.core.name)
            self.verdict = _UNCLASSIFIED
        if self.verdict.outcome is Outcome.FAILURE:
            self.core.stats.attempt_failures += 1
            if self.permit is not None:
                self.core.machine.attempt_failed(self.permit, self.attempt_begun, error)

    def could_repeat(self) -> bool:
        """Whether the last failure is of a kind that is repeated at all; asks nobody, costs nothing."""
        verdict = self.verdict
        if verdict.outcome is Outcome.SUCCESS or self.attempts >= self.max_attempts:
            return False
        if self.permit is not None and self.permit.probe:
            return False  # the circuit is being tested: one request, one answer
        return verdict.retry is Retry.ALWAYS or (verdict.retry is Retry.IF_SAFE and self.operation.retry_safe)

    def may_repeat(self, error: BaseException) -> bool:
        """Whether to wait and try again: the predicate given to tenacity."""
        if self.stopped is not None or error is not self.error or not self.could_repeat():
            return False
        asked = usable_wait(self.verdict.retry_after_s)
        cap = self.core.policy.retry_after_cap
        if asked is not None and asked > cap:
            return self._stop(f"it asks to wait {asked:.6g}s, more than {cap:.6g}s")
        self.wait_s = self._wait(asked)
        useful = min(USEFUL_S, (self.scope[0] - self.begun) / 10)
        if self.left_s() < self.wait_s + useful:
            return self._stop("the time left is too short")
        machine = self.core.machine
        if self.permit is not None and self.permit.generation != machine.generation and machine.state == "open":
            return self._stop("the circuit opened")
        if not self.core.budget.take():
            return self._stop("the retry budget is used up")
        return True

    def wait(self, _state: tenacity.RetryCallState) -> float:
        """Seconds to wait: the wait strategy given to tenacity."""
        return self.wait_s

    def before_sleep(self, _state: tenacity.RetryCallState) -> None:
        """Emits the guide's line: the hook given to tenacity."""
        error = self.error
        if error is not None:
            core = self.core
            core.events.emit(
                Event(
                    EventKind.RETRY,
                    core.name,
                    core.clock.wall(),
                    self.operation.name,
                    self.attempts,
                    self.max_attempts,
                    self.wait_s,
                    core.events.text(error),
                    type(error).__name__,
                )
            )

    def stop(self, reason: str) -> None:
        """No further attempt, because of `reason`; the last failure is the call's."""
        self._stop(reason)

    # -- ends ------------------------------------------------------------------------------------------------------

    def succeeded(self) -> None:
        """Books a success."""
        core = self.core
        elapsed = self.elapsed_s()
        core.stats.succeeded(elapsed)
        if self.permit is not None:
            core.machine.settle(self.permit, Outcome.SUCCESS, None, elapsed)

    def failed(self) -> None:
        """Books the end after a failure, as the last verdict has it."""
        outcome = self.verdict.outcome
        stats = self.core.stats
        if outcome is Outcome.FAILURE:
            stats.failures += 1
        elif outcome is Outcome.NEUTRAL:
            stats.neutral += 1
        else:
            stats.succeeded(self.elapsed_s())
        if self.permit is not None:
            self.core.machine.settle(self.permit, outcome, self.error, self.elapsed_s())

    def cancelled(self) -> None:
        """Books that the caller gave up: says nothing about the other side."""
        self.core.stats.cancelled += 1
        if self.permit is not None:
            self.core.machine.settle(self.permit, Outcome.NEUTRAL)

    def out_of_time(self) -> DeadlineExceededError:
        """Books that the time is up, and returns the error to raise from the last failure.

        An attempt cut short counts as a failure if it had the time in which a connection must come about; a shorter
        one proves nothing.
        """
        core = self.core
        core.stats.deadlines += 1
        elapsed = self.elapsed_s()
        error = DeadlineExceededError(core.name, self.operation.name, self.attempts, elapsed, cut_off=self.running)
        fair = min(core.policy.connect_timeout, core.policy.timeout)
        outcome = Outcome.NEUTRAL
        if self.running:
            if core.now() - self.attempt_begun >= fair:
                outcome = Outcome.FAILURE
                core.stats.attempt_failures += 1
                if self.permit is not None:
                    core.machine.attempt_failed(self.permit, self.attempt_begun, error)
        elif self.error is not None:
            outcome = self.verdict.outcome
        if outcome is Outcome.FAILURE:
            core.stats.failures += 1
        else:
            core.stats.neutral += 1
        if self.permit is not None:
            core.machine.settle(self.permit, outcome, error, elapsed)
        core.tell(EventKind.DEADLINE, self.operation.name, wait_s=elapsed, count=self.attempts)
        return error

    # -- inside ----------------------------------------------------------------------------------------------------

    def _wait(self, asked: float | None) -> float:
        if MODE.no_waits:
            return 0.0
        policy = self.core.policy
        wait = guide_wait(self.attempts, policy.retry_min_wait, policy.retry_max_wait, policy.retry_multiplier)
        if policy.retry_jitter:
            wait = with_jitter(wait, policy.retry_jitter, policy.retry_max_wait, self.core.clock.random())
        return wait if asked is None else max(wait, asked)

    def _stop(self, reason: str) -> bool:
        self.stopped = reason
        error = self.error
        if error is not None:
            error.add_note(f"Not repeated: {reason}.")
            wait = usable_wait(self.verdict.retry_after_s)
            if wait is not None and math.isfinite(wait) and getattr(error, "retry_after_s", None) is None:
                try:
                    error.retry_after_s = wait  # type: ignore[attr-defined]  # a hint for the caller, if there is room
                except AttributeError:
                    error.add_note(f"Asked to wait {wait:.6g}s.")
            core = self.core
            core.tell(EventKind.GAVE_UP, self.operation.name, error=error, reason=reason, attempt=self.attempts)
        return False
