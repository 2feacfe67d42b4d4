"""What stands before every attempt that does not take the short way: time, breaker, turn, breaker again."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.resilience.breaker import Breaker
from holdfast.resilience.bulkhead import Turn
from holdfast.resilience.call import Call
from holdfast.resilience.circuit import Permit
from holdfast.resilience.core import Core
from holdfast.resilience.deadline import DEADLINE, Scope, narrow
from holdfast.resilience.errors import BulkheadFullError, CircuitOpenError
from holdfast.resilience.events import EventKind
from holdfast.resilience.model import Operation
from holdfast.resilience.probe import Prober


class Gate:
    """Decisions common to coroutines and threads.

    Args:
        core: Policy, state and accounts.
        prober: Told of every rejection.
        breaker: The breaker whose listeners hear of calls; None if there is none.
    """

    __slots__ = ("_breaker", "_prober", "core")

    def __init__(self, core: Core, prober: Prober, breaker: Breaker | None) -> None:
        self.core = core
        self._breaker = breaker
        self._prober = prober

    def open(self, operation: Operation) -> Call:
        """The accounts of a new call."""
        core = self.core
        begun = core.now()
        total = core.policy.total_s if operation.total_timeout_s is None else operation.total_timeout_s
        return Call(core, operation, begun, narrow(DEADLINE.get(), total, core.now))

    def after_first(
        self, operation: Operation, error: Exception, begun: float, scope: Scope, generation: int
    ) -> Call | None:
        """Books the failure of a first attempt that took the short way.

        Returns None when the call has failed, else what is needed to repeat it.
        """
        call = Call(self.core, operation, begun, scope)
        call.permit = Permit(generation)
        call.attempts = 1
        call.attempt_failed(error)
        if call.could_repeat():
            return call
        call.failed()
        return None

    def look(self) -> None:
        """Refuses at once when the circuit is open, before anything is prepared or waited for."""
        try:
            self.core.machine.check()
        except CircuitOpenError:
            self._rejected()
            raise

    def check(self, call: Call) -> None:
        """The same, and when the time is up."""
        self.look()
        if call.left_s() <= 0:
            raise call.out_of_time()

    def admit(self, call: Call, attempt: Callable[[], object]) -> None:
        """Asks the breaker with a turn in hand; gives the turn back when refused."""
        core = self.core
        try:
            call.permit = core.machine.admit(_lease_s(call))
        except CircuitOpenError:
            core.bulkhead.release()
            self._rejected()
            raise
        if self._breaker is not None and core.machine.chatty:
            self._breaker.tell_before(attempt)

    def readmit(self, call: Call, turn: Turn) -> bool:
        """The same before a repetition; False, with nothing held, when it may not be made."""
        if turn is not Turn.GRANTED:
            call.stop("the circuit opened" if turn is Turn.LOOK_AGAIN else "no turn came in time")
            return False
        core = self.core
        try:
            call.permit = core.machine.admit(_lease_s(call))
        except CircuitOpenError as refusal:
            core.bulkhead.release()
            self.refused(call, refusal)
            return False
        return True

    def refused(self, call: Call, refusal: CircuitOpenError | BulkheadFullError) -> None:
        """A repetition was refused: the last failure of an attempt is the call's."""
        call.stop("the circuit opened" if isinstance(refusal, CircuitOpenError) else "too many calls wait")

    def overloaded(self, call: Call) -> None:
        """Books that too many calls wait."""
        core = self.core
        core.stats.overloaded += 1
        core.tell(EventKind.OVERLOADED, call.operation.name, count=core.bulkhead.waiting)

    def _rejected(self) -> None:
        self.core.stats.rejected += 1
        if self._prober.probe is not None:
            self._prober.demand()


def _lease_s(call: Call) -> float:
    """A test call that outlives its own deadline by a second is taken for lost."""
    return max(0.0, call.left_s()) + 1.0
