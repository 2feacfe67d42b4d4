"""A gate against naive changes: what the layer adds to a call that succeeds, beside a loopback GET in the same rounds.

`benchmarks/bench_resilience.py` measures exactly; here the margin is wide (2 % where 1 % is promised and 0.5 % usual).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from statistics import median

import pybreaker

from benchmarks.bench_resilience import bytes_each
from benchmarks.resilience_yardstick import loopback_get, over, rounds
from holdfast.resilience import Events, Executor, Operation, Policy
from holdfast.resilience.executor import make_breaker
from holdfast.resilience.prometheus import ResilienceCollector

READ = Operation("read", retry_safe=True)


def test_a_call_that_succeeds_costs_at_most_two_percent_of_a_loopback_get() -> None:
    async def main() -> tuple[float, float]:
        async def work() -> int:
            return 1

        def work_sync() -> int:
            return 1

        events = Events(lambda event: None)
        ResilienceCollector(events)
        executor = Executor("gate", events=events)

        def coroutines(call: Callable[[], Awaitable[object]]) -> Callable[[int], Awaitable[None]]:
            async def repeated(times: int) -> None:
                for _ in range(times):
                    await call()

            return repeated

        def threads(call: Callable[[], object]) -> Callable[[int], Awaitable[None]]:
            async def repeated(times: int) -> None:
                for _ in range(times):
                    call()

            return repeated

        async with loopback_get() as get:
            taken = await rounds(
                {
                    "GET": (coroutines(get), 10),
                    "bare": (coroutines(work), 300),
                    "executor": (coroutines(lambda: executor.run(READ, work)), 300),
                    "bare, threads": (threads(work_sync), 300),
                    "executor, threads": (threads(lambda: executor.run_sync(READ, work_sync)), 300),
                },
                25,
            )
        get_us = median(taken["GET"])
        return over(taken, "executor", "bare") / get_us, over(taken, "executor, threads", "bare, threads") / get_us

    share, share_of_threads = asyncio.run(main())
    assert share <= 0.02
    assert share_of_threads <= 0.02


def idle_bytes() -> float:
    """Bytes of a breaker with its policy."""

    def make() -> object:
        policy = Policy()
        return policy, make_breaker("api", policy)

    return bytes_each(make, 1_000)


def test_an_idle_breaker_with_its_policy_takes_at_most_one_and_a_half_kilobytes() -> None:
    # In a process of its own: constructors that were refused elsewhere make Python give up sharing the instances' keys.
    asked = "from tests.resilience.test_overhead import idle_bytes; print(idle_bytes())"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120)
    assert 0 < float(told.stdout) <= 1_536
    assert bytes_each(pybreaker.CircuitBreaker, 1_000) > 0
