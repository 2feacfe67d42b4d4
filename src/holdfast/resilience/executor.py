"""`Executor`: bulkhead → breaker → attempt → retry, for coroutines and threads.

A call that succeeds takes the short way: one look at the breaker, a permit from a deque, the deadline in a context
variable, two readings of the clock. Everything else (locks, tenacity, timers) begins with the first failure, or where
an operation declares a bound of its own.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from functools import lru_cache
from types import CoroutineType
from typing import TypeVar

from holdfast.resilience import driving, driving_sync
from holdfast.resilience.breaker import Breaker, default_events
from holdfast.resilience.checks import check_number
from holdfast.resilience.circuit import Permit, Tuning
from holdfast.resilience.classify import default_classify
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.core import Core
from holdfast.resilience.deadline import DEADLINE
from holdfast.resilience.events import Events
from holdfast.resilience.gate import Gate
from holdfast.resilience.machine import Machine
from holdfast.resilience.model import Classify, Operation, Outcome
from holdfast.resilience.nobreaker import NoBreaker
from holdfast.resilience.policy import Policy
from holdfast.resilience.probe import Probe, Prober
from holdfast.resilience.reads import Reader
from holdfast.resilience.sharing import StateStore
from holdfast.resilience.stale import Answer
from holdfast.resilience.stats import FASTEST_S, LATENCY_BOUNDS_S, Stats

T = TypeVar("T")


class Executor:
    """Makes the calls of one client, under one policy, through one breaker (guide, "Features").

    Args:
        name: Name of the client, as in the guide's log lines (``pfsense_api``).
        policy: What to do about failures; the guide's defaults when omitted.
        classify: What an exception means; `default_classify` when omitted.
        probe: A cheap question whose success shows that the other side is back; asked on demand while open. A
            coroutine function for `run`; a plain function works for both.
        clock: Time, sleep and chance.
        events: Hub that hears what happens; None: the guide's log lines.
        store: Shares the breaker's state with other executors of the same name.

    Attributes:
        breaker: The breaker, None when the policy turns it off.
        policy: As given.
        stats: Counts and latencies.
        events: The hub.
    """

    def __init__(
        self,
        name: str,
        policy: Policy | None = None,
        classify: Classify = default_classify,
        probe: Probe | None = None,
        clock: Clock = SYSTEM_CLOCK,
        events: Events | None = None,
        store: StateStore | None = None,
    ) -> None:
        policy = Policy() if policy is None else policy
        if not isinstance(policy, Policy):
            raise TypeError("policy must be a Policy; Policy.from_config reads one out of a configuration")
        self.events = events = default_events() if events is None else events
        self.name = name
        self.policy = policy
        self.breaker = make_breaker(name, policy, clock, events, store) if policy.circuit_breaker_enabled else None
        machine: Machine = NoBreaker() if self.breaker is None else self.breaker.machine
        core = Core(name, policy, classify, machine, clock, events)
        self._machine = machine
        self._bulkhead = core.bulkhead
        self._permits = core.bulkhead.permits
        self._waiters = core.bulkhead.waiters
        self._now = clock.monotonic
        self._total_s = policy.total_s
        self.stats: Stats = core.stats
        self._budget = core.budget
        self._prober = Prober(core, probe)
        self._gate = Gate(core, self._prober, self.breaker)
        self._reader = Reader(self, core)
        if self.breaker is not None:
            self.breaker.on_open(core.bulkhead.flush)
        events.attach(self)

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
        return self._budget.left

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
        generation = machine.generation  # before looking: what changes in between makes it one of the past
        if not machine.passing or not operation.plain or self._waiters:
            self._gate.look()
            return await driving.run(self._gate, operation, attempt)
        now = self._now
        begun = now()
        scope = DEADLINE.get()
        if scope is None:
            scope = (begun + self._total_s, now)
        else:
            left = scope[0] - scope[1]()
            if left <= 0:
                return await driving.run(self._gate, operation, attempt)
            if left > self._total_s:
                scope = (begun + self._total_s, now)
        try:
            self._permits.pop()
        except IndexError:
            return await driving.run(self._gate, operation, attempt)
        token = DEADLINE.set(scope)
        try:
            try:
                result = await attempt()
            finally:
                self._permits.append(None)
                if self._waiters:
                    self._bulkhead.hand_on()
        except Exception as error:
            call = self._gate.after_first(operation, error, begun, scope, generation)
            if call is None:
                raise
            return await driving.repeat(self._gate, call, attempt)
        except BaseException:
            self.stats.cancelled += 1
            raise
        finally:
            DEADLINE.reset(token)
        elapsed = now() - begun
        stats = self.stats
        stats.latency_sum_s += elapsed
        if elapsed <= FASTEST_S:
            stats.fastest += 1
        else:
            stats.latency[bisect_left(LATENCY_BOUNDS_S, elapsed)] += 1
        if machine.quiet:
            machine.successes += 1
        else:
            machine.settle(Permit(generation), Outcome.SUCCESS, None, elapsed)
        return result

    def run_sync(self, operation: Operation, attempt: Callable[[], T]) -> T:
        """The same for threads. Nothing interrupts a thread: bounds hold as far as `attempt` heeds `remaining_s`.

        Raises:
            TypeError: `attempt` returned a coroutine; use `run`.
            Others: As `run`.
        """
        machine = self._machine
        generation = machine.generation  # before looking: what changes in between makes it one of the past
        if not machine.passing or not operation.plain or self._waiters:
            self._gate.look()
            return driving_sync.run(self._gate, operation, attempt)
        now = self._now
        begun = now()
        scope = DEADLINE.get()
        if scope is None:
            scope = (begun + self._total_s, now)
        else:
            left = scope[0] - scope[1]()
            if left <= 0:
                return driving_sync.run(self._gate, operation, attempt)
            if left > self._total_s:
                scope = (begun + self._total_s, now)
        try:
            self._permits.pop()
        except IndexError:
            return driving_sync.run(self._gate, operation, attempt)
        token = DEADLINE.set(scope)
        try:
            try:
                result = attempt()
            finally:
                self._permits.append(None)
                if self._waiters:
                    self._bulkhead.hand_on()
            if result.__class__ is CoroutineType:
                raise driving_sync.refuse_coroutine(result)
        except Exception as error:
            call = self._gate.after_first(operation, error, begun, scope, generation)
            if call is None:
                raise
            return driving_sync.repeat(self._gate, call, attempt)
        except BaseException:
            self.stats.cancelled += 1
            raise
        finally:
            DEADLINE.reset(token)
        elapsed = now() - begun
        stats = self.stats
        stats.latency_sum_s += elapsed
        if elapsed <= FASTEST_S:
            stats.fastest += 1
        else:
            stats.latency[bisect_left(LATENCY_BOUNDS_S, elapsed)] += 1
        if machine.quiet:
            machine.successes += 1
        else:
            machine.settle(Permit(generation), Outcome.SUCCESS, None, elapsed)
        return result

    async def read(
        self,
        operation: Operation,
        attempt: Callable[[], Awaitable[T]],
        *,
        max_stale_s: float | None = None,
        hedge_after_s: float | None = None,
    ) -> Answer[T]:
        """Makes a logical call that only reads.

        Args:
            operation: What it is. Calls with the same `key` that overlap share one attempt and its answer.
            attempt: Makes one attempt.
            max_stale_s: When no answer can be had (circuit open, overload, time up, a failure of the other side), an
                earlier one with the same `key` is given if it is at most this old, in seconds. None: never.
            hedge_after_s: Ask a second time when there is no answer after this many seconds, and take the first that
                comes; counts against the retry budget. None: never.

        Raises:
            ValueError: `max_stale_s` without a key, `hedge_after_s` for an operation that is not `retry_safe`, or a
                time that is negative or no number (PolicyError).
            Others: As `run`.
        """
        _check_read(operation, max_stale_s, hedge_after_s)
        return await self._reader.read(operation, attempt, max_stale_s, hedge_after_s)

    def read_sync(
        self, operation: Operation, attempt: Callable[[], T], *, max_stale_s: float | None = None
    ) -> Answer[T]:
        """The same for threads; without hedging, because a thread cannot be called back."""
        _check_read(operation, max_stale_s, None)
        return self._reader.read_sync(operation, attempt, max_stale_s)

    def forget(self, key: str | None = None) -> None:
        """Forgets the answer kept for a key, or all answers: after a change, for example."""
        self._reader.last.forget(key)

    async def aclose(self) -> None:
        """Ends a health probe under way and stops sharing the breaker's state."""
        await self._prober.aclose()
        if self.breaker is not None:
            self.breaker.stop_sharing()


def make_breaker(
    name: str,
    policy: Policy,
    clock: Clock = SYSTEM_CLOCK,
    events: Events | None = None,
    store: StateStore | None = None,
) -> Breaker:
    """The breaker that a policy describes."""
    return Breaker(
        fail_max=policy.circuit_breaker_fail_max,
        reset_timeout=policy.circuit_breaker_timeout,
        success_threshold=policy.circuit_breaker_success_threshold,
        exclude=(ValueError, TypeError),
        name=name,
        tuning=_tuning(policy),
        clock=clock,
        events=events,
        store=store,
    )


@lru_cache(maxsize=64)
def _tuning(policy: Policy) -> Tuning:
    """Equal policies share one."""
    return Tuning(
        streak_s=policy.circuit_breaker_streak,
        growth=policy.circuit_breaker_timeout_growth,
        timeout_max=policy.circuit_breaker_timeout_max,
        timeout_jitter=policy.circuit_breaker_timeout_jitter,
        window_s=policy.circuit_breaker_window,
        window_min_calls=policy.circuit_breaker_window_min_calls,
        failure_rate=policy.circuit_breaker_failure_rate,
        slow_call_s=policy.circuit_breaker_slow_call,
        slow_rate=policy.circuit_breaker_slow_rate,
    )


def _check_read(operation: Operation, max_stale_s: float | None, hedge_after_s: float | None) -> None:
    if max_stale_s is not None:
        check_number("max_stale_s", max_stale_s, (0, math.inf, False))
        if operation.key is None:
            raise ValueError(f"operation '{operation.name}' needs a key to be answered from an earlier answer")
    if hedge_after_s is not None:
        check_number("hedge_after_s", hedge_after_s, (0, math.inf, False))
        if not operation.retry_safe:
            raise ValueError(f"operation '{operation.name}' is not retry_safe, so it must not be sent twice")
