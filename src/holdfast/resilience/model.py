"""The vocabulary of a protected call: what it is, how it ended, whether it may be repeated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from holdfast.resilience.checks import check_number


class Outcome(Enum):
    """What an ended call says about the health of the other side."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    """Says nothing: cancelled, refused for its arguments, rate-limited. Neither counts nor clears the count."""


class Retry(Enum):
    """Whether a failed attempt may be repeated."""

    ALWAYS = "always"
    """Nothing was sent, so even an operation that must not run twice may be repeated."""
    IF_SAFE = "if-safe"
    """It may have been executed: only operations declared `retry_safe` are repeated."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure of one attempt means.

    Attributes:
        outcome: For the circuit breaker.
        retry: Whether another attempt may follow.
        retry_after_s: Seconds the other side asked to wait, if it did.
    """

    outcome: Outcome
    retry: Retry
    retry_after_s: float | None = None


Classify = Callable[[BaseException], Verdict]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of call, declared where it is made.

    Attributes:
        name: Shown in events and errors; low cardinality (no identifiers).
        retry_safe: Executing it twice does no harm. Declared, never guessed from an HTTP verb.
        attempt_timeout_s: Own bound for each attempt; enforced for coroutines. None: the transport's bound holds.
        total_timeout_s: Own bound for the whole call, enforced for coroutines. None: the policy's bound holds, which
            `remaining_s` shows to transports and which limits waits and repetitions.
        key: Identity of the answer, for `Executor.read`: equal keys may share one answer. None: never shared.
    """

    name: str
    retry_safe: bool = False
    attempt_timeout_s: float | None = None
    total_timeout_s: float | None = None
    key: str | None = None
    plain: bool = field(init=False, repr=False, compare=False)
    """No bound of its own: the call can take the short way."""

    def __post_init__(self) -> None:
        for name in ("attempt_timeout_s", "total_timeout_s"):
            value = getattr(self, name)
            if value is not None:
                check_number(name, value, (0, math.inf, True))
        object.__setattr__(self, "plain", self.attempt_timeout_s is None and self.total_timeout_s is None)
