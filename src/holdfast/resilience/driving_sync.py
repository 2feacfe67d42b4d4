"""The long way of a call for threads. Nothing interrupts a thread, so bounds hold as far as attempts heed them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CoroutineType
from typing import TypeVar

from holdfast.resilience.bulkhead import Turn
from holdfast.resilience.call import Call
from holdfast.resilience.deadline import DEADLINE, narrow
from holdfast.resilience.errors import BulkheadFullError, CircuitOpenError
from holdfast.resilience.gate import Gate
from holdfast.resilience.model import Operation

T = TypeVar("T")


def run(gate: Gate, operation: Operation, attempt: Callable[[], T]) -> T:
    """A whole call."""
    call = gate.open(operation)
    token = DEADLINE.set(call.scope)
    try:
        return _booked(call, partial(_first, gate, call, attempt))
    finally:
        DEADLINE.reset(token)


def repeat(gate: Gate, call: Call, attempt: Callable[[], T]) -> T:
    """The rest of a call whose first attempt failed."""
    return _booked(call, partial(_repeat, gate, call, attempt))


def _booked(call: Call, work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception:
        raise
    except BaseException:
        call.cancelled()
        raise


def _first(gate: Gate, call: Call, attempt: Callable[[], T]) -> T:
    _enter(gate, call, attempt)
    try:
        result = _attempt(gate, call, attempt)
    except Exception as error:
        call.attempt_failed(error)
        if not call.could_repeat():
            call.failed()
            raise
        return _repeat(gate, call, attempt)
    call.succeeded()
    return result


def _repeat(gate: Gate, call: Call, attempt: Callable[[], T]) -> T:
    """Hands the failure that already happened to tenacity, which waits and tries again as long as the call may."""
    import tenacity

    first = [call.error]

    def again() -> T:
        error = first.pop() if first else None
        if error is None and not _reenter(gate, call):
            error = call.error
        if error is not None:
            raise error
        try:
            return _attempt(gate, call, attempt)
        except Exception as failure:
            call.attempt_failed(failure)
            raise

    retrying = tenacity.Retrying(
        sleep=gate.core.clock.sleep_sync,
        wait=call.wait,
        retry=tenacity.retry_if_exception(call.may_repeat),
        before_sleep=call.before_sleep,
    )
    try:
        result = retrying(again)
    except Exception:
        call.failed()
        raise
    call.succeeded()
    return result


def _attempt(gate: Gate, call: Call, attempt: Callable[[], T]) -> T:
    """One attempt; gives its turn back."""
    call.begin_attempt()
    bound = call.operation.attempt_timeout_s
    token = None if bound is None else DEADLINE.set(narrow(call.scope, bound, gate.core.now))
    try:
        result = attempt()
        if isinstance(result, CoroutineType):
            raise refuse_coroutine(result)
        return result
    finally:
        gate.core.bulkhead.release()
        if token is not None:
            DEADLINE.reset(token)


def _enter(gate: Gate, call: Call, attempt: Callable[[], object]) -> None:
    """Waits for a turn, then for leave of the breaker."""
    bulkhead = gate.core.bulkhead
    while True:
        gate.check(call)
        try:
            turn = bulkhead.acquire_sync(call.left_s())
        except BulkheadFullError:
            gate.overloaded(call)
            raise
        if turn is Turn.TIMED_OUT:
            raise call.out_of_time()
        if turn is Turn.GRANTED:
            break
    gate.admit(call, attempt)


def _reenter(gate: Gate, call: Call) -> bool:
    """The same before a repetition; False, with nothing held, when it may not be made."""
    try:
        gate.core.machine.check()
        turn = gate.core.bulkhead.acquire_sync(call.left_s())
    except (CircuitOpenError, BulkheadFullError) as refusal:
        gate.refused(call, refusal)
        return False
    return gate.readmit(call, turn)


def refuse_coroutine(coroutine: object) -> TypeError:
    """Closes a coroutine that nobody will await, and returns the error that says so."""
    if isinstance(coroutine, CoroutineType):
        coroutine.close()
    return TypeError("attempt returned a coroutine: await run(...) instead of run_sync(...)")
