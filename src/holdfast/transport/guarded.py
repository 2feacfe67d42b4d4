"""The guarded call: `holdfast.resilience.Executor` with Holdfast's errors in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

from holdfast import errors as tree
from holdfast import resilience
from holdfast.resilience import Outcome, Retry, Verdict

T = TypeVar("T")


class GuardedCircuitOpenError(tree.CircuitOpenError, resilience.CircuitOpenError):
    """Not sent: the circuit is open.

    A `holdfast.errors.CircuitOpenError`, a `holdfast.resilience.CircuitOpenError` and, by that, a
    `pybreaker.CircuitBreakerError`.
    """

    def __init__(self, cause: resilience.CircuitOpenError, *, target: str | None) -> None:
        resilience.CircuitOpenError.__init__(
            self,
            cause.name,
            cause.retry_after,
            isolated=cause.isolated,
            last_error=cause.last_error,
        )
        self._cause = cause
        self.message = str(cause)
        self.next_step = self.default_next_step
        if cause.isolated:
            self.next_step = "The operator holds this circuit open; only the operator can release it."
        self.executed = tree.Executed.NO
        self.retry_after_s = cause.retry_after
        self.target = target
        self.details = {"circuit": cause.name}

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit opened (UTC)."""
        return self._cause.opened_at

    @property
    def last_failure(self) -> datetime | None:
        """When the last counted failure happened (UTC)."""
        return self._cause.last_failure

    def __str__(self) -> str:
        return self.message


_FOREIGN: Final = (resilience.CircuitOpenError, resilience.BulkheadFullError, TimeoutError)

_NEVER: Final = Verdict(Outcome.NEUTRAL, Retry.NEVER)
_FAULT: Final = Verdict(Outcome.FAILURE, Retry.NEVER)
_NOT_SENT: Final = Verdict(Outcome.FAILURE, Retry.ALWAYS)
_AMBIGUOUS: Final = Verdict(Outcome.FAILURE, Retry.IF_SAFE)


def classify(error: BaseException) -> Verdict:
    """What a failed attempt means for the retry and for the breaker.

    ========================================================  ==============  ========  ===========================
    error                                                     repeated        breaker   why
    ========================================================  ==============  ========  ===========================
    NotSentError                                              always          failure   proof that nothing was sent
    LostReplyError, AttemptTimeoutError, ProtocolError        if safe         failure   may have been executed
    UnavailableError                                          if safe         failure   after `retry_after_s`
    BusyError, RateLimitedError with `retry_after_s`          if safe         neutral   the appliance is alive
    BusyError, RateLimitedError without                       never           neutral   returned at once
    ApplianceFaultError                                       never           failure   not declared transient
    other ApplianceError, InputError, RefusedError …          never           neutral   a decision, not a failure
    TlsError, RedirectError, LoginPageError, LimitError       never           neutral   repeating cannot help
    TimeoutError, OSError of the network (other libraries)    if safe         failure   may have been executed
    anything else                                             never           neutral   a mistake of ours
    ========================================================  ==============  ========  ===========================
    """
    if isinstance(error, tree.HoldfastError):
        return _of_tree(error)
    if isinstance(error, (TimeoutError, ConnectionError)):
        return _AMBIGUOUS
    return _NEVER


def _of_tree(error: tree.HoldfastError) -> Verdict:
    match error:
        case tree.NotSentError():
            return _NOT_SENT
        case tree.LoginPageError() | tree.RedirectError():
            return _NEVER
        case tree.LostReplyError() | tree.ProtocolError():
            return _AMBIGUOUS
        case tree.UnavailableError():
            return Verdict(Outcome.FAILURE, Retry.IF_SAFE, error.retry_after_s)
        case tree.BusyError() | tree.RateLimitedError() if error.retry_after_s is not None:
            return Verdict(Outcome.NEUTRAL, Retry.IF_SAFE, error.retry_after_s)
        case tree.ApplianceFaultError():
            return _FAULT
        case _:
            return _NEVER


def _executed(error: resilience.DeadlineExceededError) -> tree.Executed:
    """What is known of a call that ran out of time: what its last attempt proved, unless that was cut off."""
    if error.attempts == 0:
        return tree.Executed.NO
    last = error.__cause__
    if error.cut_off or not isinstance(last, tree.HoldfastError):
        return tree.Executed.UNKNOWN
    return last.executed


class Guard:
    """One circuit: bulkhead, breaker, retries and deadlines around the calls to one appliance (or a part of it).

    Args:
        name: Name of the circuit, shown in errors and metrics (the guide's: ``proxmox_api`` …).
        policy: Settings of retry, breaker and deadlines.
        classify: Replaces the table of `classify`.
        probe: Cheap health check, made on demand while the circuit is open.
        target: Name of the configured target, put into errors.
        clock: Replaced by tests.
        events: Where events go; the default takes part in logs and metrics.
    """

    def __init__(
        self,
        name: str,
        policy: resilience.Policy,
        *,
        classify: Callable[[BaseException], Verdict] = classify,
        probe: Callable[[], Awaitable[object]] | None = None,
        target: str | None = None,
        clock: resilience.Clock | None = None,
        events: resilience.Events | None = None,
    ) -> None:
        self.name = name
        self.target = target
        self.executor = resilience.Executor(
            name=name, policy=policy, classify=classify, probe=probe, clock=clock or resilience.Clock(), events=events
        )

    @property
    def breaker(self) -> resilience.Breaker | None:
        """The circuit breaker; None when the configuration switches it off."""
        return self.executor.breaker

    async def run(self, operation: resilience.Operation, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run `attempt` under the circuit.

        Raises:
            GuardedCircuitOpenError: Not sent: the circuit is open.
            OverloadedError: Not sent: too many calls wait.
            DeadlineError: The call as a whole ran out of time.
            AttemptTimeoutError: An attempt outlived the operation's own `attempt_timeout_s`.
            HoldfastError: What the last attempt raised.
        """
        try:
            return await self.executor.run(operation, attempt)
        except _FOREIGN as error:
            raise self._translated(error, operation) from error.__cause__

    async def aclose(self) -> None:
        """End a health probe under way."""
        await self.executor.aclose()

    def run_sync(self, operation: resilience.Operation, attempt: Callable[[], T]) -> T:
        """As `run`, for threads."""
        try:
            return self.executor.run_sync(operation, attempt)
        except _FOREIGN as error:
            raise self._translated(error, operation) from error.__cause__

    def _translated(self, error: Exception, operation: resilience.Operation) -> Exception:
        if isinstance(error, tree.HoldfastError):  # the attempt's own, or that of a guard within this one
            return error
        details = {"circuit": self.name, "operation": operation.name}
        match error:
            case resilience.CircuitOpenError():
                return GuardedCircuitOpenError(error, target=self.target)
            case resilience.BulkheadFullError():
                return tree.OverloadedError(
                    f"{error.max_in_flight} calls to {self.name} are under way and {error.max_waiting} wait; "
                    "this one was not sent.",
                    target=self.target,
                    details=details,
                )
            case resilience.DeadlineExceededError():
                return tree.DeadlineError(
                    f"The call ran out of time: {error}.",
                    executed=_executed(error),
                    target=self.target,
                    details=details | {"attempts": error.attempts},
                )
            case _:
                return tree.AttemptTimeoutError(
                    f"{operation.name} got no complete answer within its {operation.attempt_timeout_s or 0:.3g} s.",
                    next_step=None if operation.retry_safe else "Read the state back before repeating it.",
                    target=self.target,
                    details=details,
                )
