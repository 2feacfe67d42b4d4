"""What the parts of one executor share."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.resilience.budget import RetryBudget
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.clock import Clock
from holdfast.resilience.events import Event, EventKind, Events
from holdfast.resilience.machine import Machine
from holdfast.resilience.model import Classify
from holdfast.resilience.policy import Policy
from holdfast.resilience.stats import Stats


class Core:
    """Policy, state and accounts of one executor."""

    __slots__ = ("budget", "bulkhead", "classify", "clock", "events", "machine", "name", "now", "policy", "stats")

    def __init__(
        self, name: str, policy: Policy, classify: Classify, machine: Machine, clock: Clock, events: Events
    ) -> None:
        self.name = name
        self.policy = policy
        self.classify = classify
        self.machine = machine
        self.clock = clock
        self.now: Callable[[], float] = clock.monotonic
        self.events = events
        self.stats = Stats()
        self.bulkhead = Bulkhead(name, policy.max_in_flight, policy.max_waiting)
        self.budget = RetryBudget(policy.budget_ratio, policy.budget_floor_per_s, self.stats.calls, self.now)

    def tell(
        self,
        kind: EventKind,
        operation: str | None = None,
        *,
        attempt: int = 0,
        wait_s: float = 0.0,
        error: BaseException | None = None,
        count: int = 0,
        reason: str | None = None,
        age_s: float = 0.0,
    ) -> None:
        """Emits an event of this executor."""
        self.events.emit(
            Event(
                kind,
                self.name,
                self.clock.wall(),
                operation,
                attempt,
                self.policy.retry_max_attempts,
                wait_s,
                None if error is None else self.events.text(error),
                None if error is None else type(error).__name__,
                count,
                reason,
                age_s,
            )
        )
