"""The long way of a call for coroutines: queueing, bounds, repetitions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from holdfast.resilience.bulkhead import Turn
from holdfast.resilience.call import Call
from holdfast.resilience.deadline import DEADLINE, narrow
from holdfast.resilience.errors import BulkheadFullError, CircuitOpenError
from holdfast.resilience.gate import Gate
from holdfast.resilience.model import Operation

T = TypeVar("T")
Attempt = Callable[[], Awaitable[T]]


async def run(gate: Gate, operation: Operation, attempt: Attempt[T]) -> T:
    """A whole call."""
    call = gate.open(operation)
    token = DEADLINE.set(call.scope)
    try:
        return await _booked(call, partial(_first, gate, call, attempt), operation.total_timeout_s is not None)
    finally:
        DEADLINE.reset(token)


async def repeat(gate: Gate, call: Call, attempt: Attempt[T]) -> T:
    """The rest of a call whose first attempt failed; from here on its deadline is enforced."""
    return await _booked(call, partial(_repeat, gate, call, attempt), True)


async def _booked(call: Call, work: Callable[[], Awaitable[T]], enforced: bool) -> T:
    """Does the work, within the call's time if that is to be enforced, and books cancellation."""
    try:
        return await (_in_time(call, work) if enforced else work())
    except Exception:
        raise
    except BaseException:
        call.cancelled()
        raise


async def _in_time(call: Call, work: Callable[[], Awaitable[T]]) -> T:
    """Does the work and ends it when the call's time is up."""
    timer = asyncio.timeout(call.left_s())
    try:
        async with timer:
            return await work()
    except TimeoutError:
        if not timer.expired():
            raise
        raise call.out_of_time() from call.error


async def _first(gate: Gate, call: Call, attempt: Attempt[T]) -> T:
    await _enter(gate, call, attempt)
    try:
        result = await _attempt(gate, call, attempt)
    except Exception as error:
        call.attempt_failed(error)
        if not call.could_repeat():
            call.failed()
            raise
        # A total bound of the operation's own is enforced from the beginning; the policy's is heeded, which costs
        # nothing, and enforced from the first failure on.
        rest = partial(_repeat, gate, call, attempt)
        return await (_in_time(call, rest) if call.operation.total_timeout_s is None else rest())
    call.succeeded()
    return result


async def _repeat(gate: Gate, call: Call, attempt: Attempt[T]) -> T:
    """Hands the failure that already happened to tenacity, which waits and tries again as long as the call may."""
    import tenacity

    first = [call.error]

    async def again() -> T:
        error = first.pop() if first else None
        if error is None and not await _reenter(gate, call):
            error = call.error
        if error is not None:
            raise error
        try:
            return await _attempt(gate, call, attempt)
        except Exception as failure:
            call.attempt_failed(failure)
            raise

    async def sleep(seconds: float) -> None:
        await gate.core.clock.sleep(seconds)

    retrying: Callable[[Attempt[T]], Awaitable[T]] = tenacity.AsyncRetrying(
        sleep=sleep,
        wait=call.wait,
        retry=tenacity.retry_if_exception(call.may_repeat),
        before_sleep=call.before_sleep,
    )
    try:
        result = await retrying(again)
    except Exception:
        call.failed()
        raise
    call.succeeded()
    return result


async def _attempt(gate: Gate, call: Call, attempt: Attempt[T]) -> T:
    """One attempt; gives its turn back."""
    call.begin_attempt()
    try:
        bound = call.operation.attempt_timeout_s
        if bound is None:
            return await attempt()
        token = DEADLINE.set(narrow(call.scope, bound, gate.core.now))
        try:
            async with asyncio.timeout(bound):
                return await attempt()
        finally:
            DEADLINE.reset(token)
    finally:
        gate.core.bulkhead.release()


async def _enter(gate: Gate, call: Call, attempt: Callable[[], object]) -> None:
    """Waits for a turn, then for leave of the breaker."""
    bulkhead = gate.core.bulkhead
    while True:
        gate.check(call)
        try:
            turn = await bulkhead.acquire(call.left_s())
        except BulkheadFullError:
            gate.overloaded(call)
            raise
        if turn is Turn.TIMED_OUT:
            raise call.out_of_time()
        if turn is Turn.GRANTED:
            break
    gate.admit(call, attempt)


async def _reenter(gate: Gate, call: Call) -> bool:
    """The same before a repetition; False, with nothing held, when it may not be made."""
    try:
        gate.core.machine.check()
        turn = await gate.core.bulkhead.acquire(None)  # repetitions are bounded as a whole
    except (CircuitOpenError, BulkheadFullError) as refusal:
        gate.refused(call, refusal)
        return False
    return gate.readmit(call, turn)
