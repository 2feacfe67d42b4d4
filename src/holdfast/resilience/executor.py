"""`Executor`: bulkhead → breaker → attempt → retry, for coroutines and threads.

A call that succeeds takes the short way: one look at the breaker, a permit from a deque, the deadline in a context
variable, two readings of the clock. Everything else (locks, tenacity, timers) begins with the first failure, or where
an operation declares a bound of its own.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from functools import partial
from math import isinf
from types import CoroutineType
from typing import TypeVar

from holdfast.resilience.breaker import Breaker, default_events
from holdfast.resilience.bulkhead import Turn
from holdfast.resilience.call import Call
from holdfast.resilience.classify import default_classify
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.core import Core
from holdfast.resilience.deadline import DEADLINE, Scope, narrow
from holdfast.resilience.errors import BulkheadFullError, CircuitOpenError
from holdfast.resilience.events import EventKind, Events
from holdfast.resilience.machine import Machine, Permit, Tuning
from holdfast.resilience.model import Classify, Operation, Outcome
from holdfast.resilience.nobreaker import NoBreaker
from holdfast.resilience.policy import Policy
from holdfast.resilience.probe import Probe, Prober
from holdfast.resilience.stats import LATENCY_BOUNDS_S, Stats

T = TypeVar("T")


class Executor:
    """Makes the calls of one client, under one policy, through one breaker.

    Args:
        name: Name of the client, as in the guide's log lines (``pfsense_api``).
        policy: What to do about failures; the guide's defaults when omitted.
        classify: What an exception means; `default_classify` when omitted.
        probe: A cheap question whose success shows that the other side is back; asked on demand while open. A
            coroutine function for `run`; a plain function works for both.
        clock: Time, sleep and chance.
        events: Hub that hears what happens; None: the guide's log lines.

    Attributes:
        breaker: The breaker, None when the policy turns it off.
        policy: As given.
        stats: Counts and latencies.
    """

    def __init__(
        self,
        name: str,
        policy: Policy | None = None,
        classify: Classify = default_classify,
        probe: Probe | None = None,
        clock: Clock = SYSTEM_CLOCK,
        events: Events | None = None,
    ) -> None:
        policy = Policy() if policy is None else policy
        events = default_events() if events is None else events
        self.name = name
        self.policy = policy
        self.breaker = make_breaker(name, policy, clock, events) if policy.circuit_breaker_enabled else None
        machine: Machine = NoBreaker() if self.breaker is None else self.breaker.machine
        self._core = Core(name, policy, classify, machine, clock, events)
        self._machine = machine
        self._bulkhead = bulkhead = self._core.bulkhead
        self._permits = bulkhead.permits
        self._waiters = bulkhead.waiters
        self._now = clock.monotonic
        self._total_s = policy.total_s
        self.stats: Stats = self._core.stats
        self._latency = self.stats.latency
        self._prober = Prober(self._core, probe)
        if self.breaker is not None:
            self.breaker.on_open(bulkhead.flush)

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._bulkhead.in_flight

    @property
    def waiting(self) -> int:
        """Calls waiting for their turn."""
        return self._bulkhead.waiting

    @property
    def retry_budget(self) -> float:
        """Retries allowed right now."""
        return self._core.budget.left

    async def aclose(self) -> None:
        """Ends a health probe under way."""
        await self._prober.aclose()

    # -- coroutines ------------------------------------------------------------------------------------------------

    async def run(self, operation: Operation, attempt: Callable[[], Awaitable[T]]) -> T:
        """Makes one logical call.

        Args:
            operation: What it is.
            attempt: Makes one attempt; called again for each retry.

        Raises:
            CircuitOpenError: Not attempted; the circuit is open.
            BulkheadFullError: Not attempted; too many calls wait.
            DeadlineExceededError: The time was up; its `attempts` tells whether anything was sent.
            Exception: The last failure of `attempt`, unchanged.
        """
        machine = self._machine
        quiet = machine.quiet
        if not quiet or not operation.plain or self._waiters:
            return await self._run_slowly(operation, attempt)
        now = self._now
        begun = now()
        scope = DEADLINE.get()
        if scope is None:
            scope = (begun + self._total_s, now)
        else:
            left = scope[0] - scope[1]()
            if left <= 0:
                return await self._run_slowly(operation, attempt)
            if left > self._total_s:
                scope = (begun + self._total_s, now)
        generation = machine.generation
        try:
            self._permits.pop()
        except IndexError:
            return await self._run_slowly(operation, attempt)
        token = DEADLINE.set(scope)
        try:
            try:
                result = await attempt()
            finally:
                self._permits.append(None)
                if self._waiters:
                    self._bulkhead.hand_on()
        except Exception as error:
            call = self._after_first(operation, error, begun, scope, generation)
            if call is None:
                raise
            return await self._bounded(call, partial(self._repeat, call, attempt), call.left_s())
        except BaseException:
            self.stats.cancelled += 1
            raise
        finally:
            DEADLINE.reset(token)
        stats = self.stats
        elapsed = now() - begun
        stats.successes += 1
        stats.latency_sum_s += elapsed
        self._latency[bisect_left(LATENCY_BOUNDS_S, elapsed)] += 1
        if machine.quiet:
            machine.successes += 1
        else:
            machine.settle(Permit(generation), Outcome.SUCCESS, None, elapsed)
        return result

    async def _run_slowly(self, operation: Operation, attempt: Callable[[], Awaitable[T]]) -> T:
        call = self._open(operation)
        token = DEADLINE.set(call.scope)
        try:
            bound = None if operation.total_timeout_s is None else call.left_s()
            return await self._bounded(call, partial(self._first, call, attempt), bound)
        finally:
            DEADLINE.reset(token)

    async def _bounded(self, call: Call, work: Callable[[], Awaitable[T]], bound_s: float | None) -> T:
        """Does the work, ends it at the bound if there is one, and books cancellation."""
        try:
            if bound_s is None or isinf(bound_s):
                return await work()
            timer = asyncio.timeout(bound_s)
            try:
                async with timer:
                    return await work()
            except TimeoutError:
                if not timer.expired():
                    raise
                raise call.out_of_time() from call.error
        except Exception:
            raise
        except BaseException:
            call.cancelled()
            raise

    async def _first(self, call: Call, attempt: Callable[[], Awaitable[T]]) -> T:
        await self._enter(call)
        try:
            result = await self._attempt(call, attempt)
        except Exception as error:
            call.attempt_failed(error)
            if not call.could_repeat():
                call.failed()
                raise
            return await self._repeat(call, attempt)
        call.succeeded()
        return result

    async def _repeat(self, call: Call, attempt: Callable[[], Awaitable[T]]) -> T:
        """Hands the failure that already happened to tenacity, which waits and tries again."""
        import tenacity

        first = call.error
        handed = False

        async def again() -> T:
            nonlocal handed
            if not handed and first is not None:
                handed = True
                raise first
            error = call.error
            if error is not None and not await self._reenter(call):
                raise error
            try:
                return await self._attempt(call, attempt)
            except Exception as failure:
                call.attempt_failed(failure)
                raise

        retrying: Callable[[Callable[[], Awaitable[T]]], Awaitable[T]] = tenacity.AsyncRetrying(
            sleep=self._sleep,
            stop=tenacity.stop_after_attempt(call.max_attempts),
            wait=call.wait,
            retry=tenacity.retry_if_exception(call.may_repeat),
            before_sleep=call.before_sleep,
            reraise=True,
        )
        try:
            result = await retrying(again)
        except Exception:
            call.failed()
            raise
        call.succeeded()
        return result

    async def _sleep(self, seconds: float) -> None:
        await self._core.clock.sleep(seconds)

    async def _attempt(self, call: Call, attempt: Callable[[], Awaitable[T]]) -> T:
        """One attempt; gives the permit of the bulkhead back."""
        call.begin_attempt()
        try:
            bound = call.operation.attempt_timeout_s
            if bound is None:
                return await attempt()
            with_bound = DEADLINE.set(narrow(call.scope, bound, self._now))
            try:
                async with asyncio.timeout(bound):
                    return await attempt()
            finally:
                DEADLINE.reset(with_bound)
        finally:
            self._bulkhead.release()

    async def _enter(self, call: Call) -> None:
        """Waits for a turn, then for leave of the breaker."""
        bulkhead = self._bulkhead
        while True:
            self._check(call)
            if bulkhead.try_acquire():
                break
            try:
                turn = await bulkhead.acquire(max(0.0, call.left_s()))
            except BulkheadFullError:
                self._overloaded(call)
                raise
            if turn is Turn.GRANTED:
                break
            if turn is Turn.TIMED_OUT:
                raise call.out_of_time()
        self._admit(call)

    async def _reenter(self, call: Call) -> bool:
        """The same before a retry; False, with nothing held, when it may not be made."""
        bulkhead = self._bulkhead
        try:
            self._machine.check()
            turn = Turn.GRANTED if bulkhead.try_acquire() else await bulkhead.acquire(max(0.0, call.left_s()))
        except (CircuitOpenError, BulkheadFullError) as refusal:
            call.stop(_why(refusal))
            return False
        return self._readmit(call, turn)

    # -- threads ---------------------------------------------------------------------------------------------------

    def run_sync(self, operation: Operation, attempt: Callable[[], T]) -> T:
        """The same for threads. Nothing interrupts a thread: bounds hold as far as `attempt` heeds `remaining_s`.

        Raises:
            TypeError: `attempt` returned a coroutine; use `run`.
            Others: As `run`.
        """
        machine = self._machine
        quiet = machine.quiet
        if not quiet or not operation.plain or self._waiters:
            return self._run_slowly_sync(operation, attempt)
        now = self._now
        begun = now()
        scope = DEADLINE.get()
        if scope is None:
            scope = (begun + self._total_s, now)
        else:
            left = scope[0] - scope[1]()
            if left <= 0:
                return self._run_slowly_sync(operation, attempt)
            if left > self._total_s:
                scope = (begun + self._total_s, now)
        generation = machine.generation
        try:
            self._permits.pop()
        except IndexError:
            return self._run_slowly_sync(operation, attempt)
        token = DEADLINE.set(scope)
        try:
            try:
                result = attempt()
            finally:
                self._permits.append(None)
                if self._waiters:
                    self._bulkhead.hand_on()
            if result.__class__ is CoroutineType:
                raise _not_sync(result)
        except Exception as error:
            call = self._after_first(operation, error, begun, scope, generation)
            if call is None:
                raise
            return self._booked_sync(call, partial(self._repeat_sync, call, attempt))
        except BaseException:
            self.stats.cancelled += 1
            raise
        finally:
            DEADLINE.reset(token)
        stats = self.stats
        elapsed = now() - begun
        stats.successes += 1
        stats.latency_sum_s += elapsed
        self._latency[bisect_left(LATENCY_BOUNDS_S, elapsed)] += 1
        if machine.quiet:
            machine.successes += 1
        else:
            machine.settle(Permit(generation), Outcome.SUCCESS, None, elapsed)
        return result

    def _run_slowly_sync(self, operation: Operation, attempt: Callable[[], T]) -> T:
        call = self._open(operation)
        token = DEADLINE.set(call.scope)
        try:
            return self._booked_sync(call, partial(self._first_sync, call, attempt))
        finally:
            DEADLINE.reset(token)

    def _booked_sync(self, call: Call, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception:
            raise
        except BaseException:
            call.cancelled()
            raise

    def _first_sync(self, call: Call, attempt: Callable[[], T]) -> T:
        self._enter_sync(call)
        try:
            result = self._attempt_sync(call, attempt)
        except Exception as error:
            call.attempt_failed(error)
            if not call.could_repeat():
                call.failed()
                raise
            return self._repeat_sync(call, attempt)
        call.succeeded()
        return result

    def _repeat_sync(self, call: Call, attempt: Callable[[], T]) -> T:
        import tenacity

        first = call.error
        handed = False

        def again() -> T:
            nonlocal handed
            if not handed and first is not None:
                handed = True
                raise first
            error = call.error
            if error is not None and not self._reenter_sync(call):
                raise error
            try:
                return self._attempt_sync(call, attempt)
            except Exception as failure:
                call.attempt_failed(failure)
                raise

        retrying = tenacity.Retrying(
            sleep=self._core.clock.sleep_sync,
            stop=tenacity.stop_after_attempt(call.max_attempts),
            wait=call.wait,
            retry=tenacity.retry_if_exception(call.may_repeat),
            before_sleep=call.before_sleep,
            reraise=True,
        )
        try:
            result = retrying(again)
        except Exception:
            call.failed()
            raise
        call.succeeded()
        return result

    def _attempt_sync(self, call: Call, attempt: Callable[[], T]) -> T:
        call.begin_attempt()
        bound = call.operation.attempt_timeout_s
        token = None if bound is None else DEADLINE.set(narrow(call.scope, bound, self._now))
        try:
            result = attempt()
        finally:
            self._bulkhead.release()
            if token is not None:
                DEADLINE.reset(token)
        if result.__class__ is CoroutineType:
            raise _not_sync(result)
        return result

    def _enter_sync(self, call: Call) -> None:
        bulkhead = self._bulkhead
        while True:
            self._check(call)
            if bulkhead.try_acquire():
                break
            try:
                turn = bulkhead.acquire_sync(max(0.0, call.left_s()))
            except BulkheadFullError:
                self._overloaded(call)
                raise
            if turn is Turn.GRANTED:
                break
            if turn is Turn.TIMED_OUT:
                raise call.out_of_time()
        self._admit(call)

    def _reenter_sync(self, call: Call) -> bool:
        bulkhead = self._bulkhead
        try:
            self._machine.check()
            turn = Turn.GRANTED if bulkhead.try_acquire() else bulkhead.acquire_sync(max(0.0, call.left_s()))
        except (CircuitOpenError, BulkheadFullError) as refusal:
            call.stop(_why(refusal))
            return False
        return self._readmit(call, turn)

    # -- both ------------------------------------------------------------------------------------------------------

    def _after_first(
        self, operation: Operation, error: Exception, begun: float, scope: Scope, generation: int
    ) -> Call | None:
        """Books the failure of the first attempt. None: the call has failed; else what is needed to repeat it."""
        call = Call(self._core, operation, begun, scope)
        call.permit = Permit(generation)
        call.attempts = 1
        call.attempt_failed(error)
        if call.could_repeat():
            return call
        call.failed()
        return None

    def _open(self, operation: Operation) -> Call:
        begun = self._now()
        total = self._total_s if operation.total_timeout_s is None else operation.total_timeout_s
        return Call(self._core, operation, begun, narrow(DEADLINE.get(), total, self._now))

    def _check(self, call: Call) -> None:
        """Refuses at once when the circuit is open or the time is up, before anything is waited for."""
        try:
            self._machine.check()
        except CircuitOpenError:
            self._rejected()
            raise
        if call.left_s() <= 0:
            raise call.out_of_time()

    def _admit(self, call: Call) -> None:
        """Asks the breaker with a turn in hand; gives the turn back when refused."""
        try:
            call.permit = self._machine.admit(self._lease_s(call))
        except CircuitOpenError:
            self._bulkhead.release()
            self._rejected()
            raise
        if self._machine.chatty and self.breaker is not None:
            self.breaker.tell_before(self.run)

    def _readmit(self, call: Call, turn: Turn) -> bool:
        if turn is not Turn.GRANTED:
            call.stop("the circuit opened" if turn is Turn.LOOK_AGAIN else "no turn came in time")
            return False
        permit = call.permit
        if permit is None:
            return True
        try:
            call.permit = self._machine.readmit(permit, self._lease_s(call))
        except CircuitOpenError as refusal:
            self._bulkhead.release()
            call.stop(_why(refusal))
            return False
        return True

    def _lease_s(self, call: Call) -> float:
        """A test call is lost when it outlives its own deadline by a second."""
        return max(0.0, call.left_s()) + 1.0

    def _rejected(self) -> None:
        self.stats.rejected += 1
        self._prober.demand()

    def _overloaded(self, call: Call) -> None:
        self.stats.overloaded += 1
        self._core.tell(EventKind.OVERLOADED, call.operation.name, count=self._bulkhead.waiting)


def make_breaker(name: str, policy: Policy, clock: Clock = SYSTEM_CLOCK, events: Events | None = None) -> Breaker:
    """The breaker that a policy describes."""
    return Breaker(
        fail_max=policy.circuit_breaker_fail_max,
        reset_timeout=policy.circuit_breaker_timeout,
        success_threshold=policy.circuit_breaker_success_threshold,
        exclude=(ValueError, TypeError),
        name=name,
        tuning=Tuning(
            streak_s=policy.circuit_breaker_streak,
            growth=policy.circuit_breaker_timeout_growth,
            timeout_max=policy.circuit_breaker_timeout_max,
            timeout_jitter=policy.circuit_breaker_timeout_jitter,
            lease_s=min(policy.total_s, 3_600.0) + 1.0,
            window_s=policy.circuit_breaker_window,
            window_min_calls=policy.circuit_breaker_window_min_calls,
            failure_rate=policy.circuit_breaker_failure_rate,
            slow_call_s=policy.circuit_breaker_slow_call,
            slow_rate=policy.circuit_breaker_slow_rate,
        ),
        clock=clock,
        events=events,
    )


def _why(refusal: CircuitOpenError | BulkheadFullError) -> str:
    return "the circuit opened" if isinstance(refusal, CircuitOpenError) else "too many calls wait"


def _not_sync(coroutine: object) -> TypeError:
    if isinstance(coroutine, CoroutineType):
        coroutine.close()
    return TypeError("attempt returned a coroutine: await run(...) instead of run_sync(...)")
