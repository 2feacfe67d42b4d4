"""Errors of the resilience layer itself; errors of the protected call pass through unchanged."""

from __future__ import annotations

from datetime import datetime

import pybreaker

from holdfast.resilience.clock import utc


class PolicyError(ValueError):
    """A policy that cannot work.

    Attributes:
        key: The name of the setting that is wrong (a key of the guide where it has one).
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key


class CircuitOpenError(pybreaker.CircuitBreakerError):
    """The call was not made: the circuit is open, held open, or half-open with its one test call under way (guide,
    "Handle Circuit Breaker Errors").

    Attributes:
        name: Name of the circuit breaker.
        retry_after: Seconds until a call may be let through; None while an operator holds the circuit open.
        opened_at: When the circuit opened (UTC), None if unknown.
        last_failure: When the last counted failure happened (UTC), None if there was none.
        last_error: Type and text of that failure, None if there was none.
        isolated: Whether an operator holds the circuit open.
    """

    def __init__(
        self,
        name: str | None,
        retry_after: float | None,
        opened_at_s: float | None = None,
        last_failure_s: float | None = None,
        last_error: str | None = None,
        isolated: bool = False,
    ) -> None:
        # Built on every rejection: the text is made only when somebody reads it, and `args` are set by __new__.
        self.name = name
        self.retry_after = retry_after
        self.last_error = last_error
        self.isolated = isolated
        self._opened_at_s = opened_at_s
        self._last_failure_s = last_failure_s

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit opened (UTC)."""
        return None if self._opened_at_s is None else utc(self._opened_at_s)

    @property
    def last_failure(self) -> datetime | None:
        """When the last counted failure happened (UTC)."""
        return None if self._last_failure_s is None else utc(self._last_failure_s)

    def __str__(self) -> str:
        name = self.name or "unnamed"
        if self.isolated:
            return f"Circuit breaker '{name}' is held open by an operator; the call was not made"
        text = f"Circuit breaker '{name}' is open; the call was not made"
        if self.retry_after is not None:
            text += f", try again in {self.retry_after:.3g}s"
        if self.last_error is not None:
            text += f" (last failure: {self.last_error})"
        return text


class BulkheadFullError(Exception):
    """The call was not made: too many calls already wait for their turn.

    Attributes:
        name: Name of the executor.
        max_in_flight: How many calls may run at once.
        max_waiting: How many more may wait.
    """

    def __init__(self, name: str, max_in_flight: int, max_waiting: int) -> None:
        super().__init__(
            f"'{name}' has {max_in_flight} calls under way and {max_waiting} waiting; the call was not made"
        )
        self.name = name
        self.max_in_flight = max_in_flight
        self.max_waiting = max_waiting


class DeadlineExceededError(TimeoutError):
    """The call as a whole ran out of time.

    Attributes:
        name: Name of the executor.
        operation: Name of the operation.
        attempts: Attempts begun; 0 proves that nothing was sent.
        elapsed_s: Seconds the call took.
        cut_off: An attempt was under way: nobody knows how far it came, whatever the one before it has proved.

    The last failure of an attempt, if there was one, is the error's cause.
    """

    def __init__(self, name: str, operation: str, attempts: int, elapsed_s: float, *, cut_off: bool = False) -> None:
        sent = "nothing was attempted" if attempts == 0 else f"{attempts} attempt{'s' if attempts > 1 else ''} made"
        super().__init__(f"'{operation}' of '{name}' ran out of time after {elapsed_s:.3g}s; {sent}")
        self.name = name
        self.operation = operation
        self.attempts = attempts
        self.elapsed_s = elapsed_s
        self.cut_off = cut_off


def describe(error: BaseException) -> str:
    """What an error says, or its type where it says nothing (aiohttp's total timeout has an empty text)."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an error that cannot say what it is must not become another one
        text = ""
    return text or type(error).__name__
