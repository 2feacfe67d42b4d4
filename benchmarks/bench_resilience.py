"""What the resilience layer costs when nothing fails, when the circuit is open, at rest, and what it saves in outages.

One process, interleaved rounds, medians; the yardstick is a loopback GET in the same rounds, so trust the ratios.
``python -m benchmarks.bench_resilience`` prints the table.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import mean, median

import pybreaker

from benchmarks.resilience_outages import FAULTS, STRATEGIES, lags, outage
from benchmarks.resilience_rivals import ASYNC, SYNC, installed, work, work_sync
from benchmarks.resilience_yardstick import alternating, loopback_get, over, rounds
from benchmarks.rows import Row, show
from holdfast.resilience import Breaker, Events, Executor, Operation, Policy, deadline_scope
from holdfast.resilience.executor import make_breaker
from holdfast.resilience.prometheus import ResilienceCollector

ROUNDS = 40
CALLS = 400
GETS = 25
BREAKERS = 10_000
PLAIN = Operation("read", retry_safe=True)
BOUNDED = Operation("read", retry_safe=True, total_timeout_s=50)
Timed = dict[str, tuple[Callable[[int], Awaitable[None]], int]]


def run() -> list[Row]:
    """All figures of this layer."""
    return [*asyncio.run(_costs()), *_memory(), *_outages()]


async def _costs() -> list[Row]:
    events = Events(lambda event: None)
    ResilienceCollector(events)  # telemetry on: counters and latencies are kept, read when scraped
    executor = Executor("bench", events=events)
    windowed = Executor("bench", Policy(circuit_breaker_window=60.0), events=events)
    opened = Executor("bench", events=events)
    if opened.breaker is not None:
        opened.breaker.isolate()
    stock = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=1_000)
    stock.open()

    async with loopback_get() as get:
        timed: Timed = {
            "GET": (_repeat(get), GETS),
            "bare": (_repeat(work), CALLS),
            "executor": (_repeat(lambda: executor.run(PLAIN, work)), CALLS),
            "executor, own total bound": (_repeat(lambda: executor.run(BOUNDED, work)), CALLS),
            "executor in a deadline_scope": (_in_scope(executor), CALLS),
            "executor with window": (_repeat(lambda: windowed.run(PLAIN, work)), CALLS),
            "Breaker.call_async": (_repeat(partial(Breaker().call_async, work)), CALLS),
            "asyncio.timeout alone": (_repeat(_with_timeout), CALLS),
            "bare, threads": (_repeat_sync(work_sync), CALLS),
            "executor, threads": (_repeat_sync(lambda: executor.run_sync(PLAIN, work_sync)), CALLS),
            "Breaker.call, threads": (_repeat_sync(partial(Breaker().call, work_sync)), CALLS),
            "rejected by executor": (_rejected(lambda: opened.run(PLAIN, work)), CALLS),
            "rejected by pybreaker": (_rejected_sync(lambda: stock.call(work_sync)), CALLS),
        }
        for name, call in installed(ASYNC).items():
            timed[name] = (_repeat(call), CALLS)
        for name, call_sync in installed(SYNC).items():
            timed[f"{name}, threads"] = (_repeat_sync(call_sync), CALLS)
        taken = await rounds(timed, ROUNDS)
        end_to_end = await alternating(get, lambda: executor.run(PLAIN, get), ROUNDS * GETS)

    yardstick = median(taken["GET"])
    rows = [
        Row.at_most("resilience: loopback GET (yardstick)", yardstick, "µs", None),
        Row.at_most("resilience: GET through executor / bare GET", end_to_end, "ratio", None),
    ]
    bounds = {"executor": 1.0, "executor, threads": 1.0}
    for name in timed:
        if name in ("GET", "bare", "bare, threads") or name.startswith("rejected"):
            continue
        cost = over(taken, name, "bare, threads" if name.endswith("threads") else "bare")
        rows.append(Row.at_most(f"resilience: success, {name}", cost, "µs", None))
        rows.append(Row.at_most(f"resilience: success, {name}", 100 * cost / yardstick, "% of GET", bounds.get(name)))
    for name, bound in (("rejected by executor", 3.0), ("rejected by pybreaker", None)):
        rows.append(Row.at_most(f"resilience: {name}", over(taken, name, "bare"), "µs", bound))
    return rows


def _repeat(call: Callable[[], Awaitable[object]]) -> Callable[[int], Awaitable[None]]:
    async def repeated(times: int) -> None:
        for _ in range(times):
            await call()

    return repeated


def _repeat_sync(call: Callable[[], object]) -> Callable[[int], Awaitable[None]]:
    async def repeated(times: int) -> None:
        for _ in range(times):
            call()

    return repeated


def _in_scope(executor: Executor) -> Callable[[int], Awaitable[None]]:
    async def repeated(times: int) -> None:
        with deadline_scope(1_000):
            for _ in range(times):
                await executor.run(PLAIN, work)

    return repeated


def _rejected(call: Callable[[], Awaitable[object]]) -> Callable[[int], Awaitable[None]]:
    async def repeated(times: int) -> None:
        for _ in range(times):
            try:
                await call()
            except pybreaker.CircuitBreakerError:
                continue

    return repeated


def _rejected_sync(call: Callable[[], object]) -> Callable[[int], Awaitable[None]]:
    async def repeated(times: int) -> None:
        for _ in range(times):
            try:
                call()
            except pybreaker.CircuitBreakerError:
                continue

    return repeated


async def _with_timeout() -> None:
    async with asyncio.timeout(30):
        await work()


def _memory() -> list[Row]:
    def ours() -> object:
        policy = Policy()
        return policy, make_breaker("api", policy)

    return [
        Row.at_most("resilience: idle breaker with policy", bytes_each(ours, BREAKERS), "B", 1_536),
        Row.at_most("resilience: idle pybreaker", bytes_each(pybreaker.CircuitBreaker, BREAKERS), "B", None),
    ]


def bytes_each(make: Callable[[], object], count: int) -> float:
    """Bytes that each of `count` things takes."""
    kept: list[object] = [make()]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept.extend(make() for _ in range(count))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / count


def _outages() -> list[Row]:
    """Ten clients, one call a second each, 120 s of fault, in virtual time."""
    bounds = {
        ("blackhole", "sent"): 100,
        ("blackhole", "wasted"): 500,
        ("refused", "sent"): 100,
        ("unavailable", "sent"): 60,
        ("flapping", "failed"): 120,
    }
    rows = []
    for fault in FAULTS:
        for strategy in STRATEGIES:
            ours = strategy == "holdfast"
            tally = outage(strategy, fault)
            lag = mean(lags(strategy, fault, (90, 120, 150)))
            for what, value, unit, bound in (
                ("sent", tally.sent, "requests", bounds.get((fault, "sent"))),
                ("failed", tally.issued - tally.succeeded, "calls", bounds.get((fault, "failed"))),
                ("wasted", tally.wasted_s, "client-s", bounds.get((fault, "wasted"))),
                ("longest", tally.longest_s, "s", 60),
                ("lag", lag, "s", 6),
            ):
                name = f"resilience: {fault}, {strategy}, {what}"
                rows.append(Row.at_most(name, value, unit, bound if ours else None))
    return rows


if __name__ == "__main__":
    found = run()
    show(found)
    sys.exit(0 if all(row.ok for row in found) else 1)
