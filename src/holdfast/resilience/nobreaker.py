"""The machine of an executor whose policy has no breaker: lets everything through."""

from __future__ import annotations

from holdfast.resilience.circuit import Permit
from holdfast.resilience.machine import Machine
from holdfast.resilience.model import Outcome


class NoBreaker(Machine):
    """Always closed and quiet."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, fail_max=1, reset_timeout=0.0, success_threshold=1)

    def check(self) -> None:
        """Never refuses."""

    def admit(self, lease_s: float | None = None) -> Permit:
        """Always lets through."""
        return Permit(self.generation)

    def settle(
        self, permit: Permit, outcome: Outcome, error: BaseException | None = None, elapsed_s: float = 0.0
    ) -> bool:
        """Changes nothing."""
        return False

    def attempt_failed(self, permit: Permit, begun: float, error: BaseException) -> bool:
        """Changes nothing."""
        return False
