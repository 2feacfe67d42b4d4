"""Many at once: threads and tasks, random cancellation, no permit lost."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from holdfast.resilience import Breaker, CircuitOpenError, EventKind, Events, Executor, Operation, Outcome, Policy
from holdfast.resilience.testing import ManualClock, Recorder, VirtualTimeLoop, run_virtual
from tests.resilience.conftest import Attempts

READ = Operation("read", retry_safe=True)


@pytest.fixture(autouse=True)
def frequent_switches() -> Iterator[None]:
    """Makes threads take turns as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(count: int, work: Callable[[int], None]) -> None:
    """Runs `work(number)` in that many threads that begin at the same moment; fails if one fails."""
    ready = threading.Barrier(count, timeout=30)
    errors: list[BaseException] = []

    def body(number: int) -> None:
        try:
            ready.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("callers", [50, 500])
def test_exactly_one_of_many_threads_is_let_through_half_open(callers: int) -> None:
    breaker = Breaker()
    breaker.half_open()
    made: list[int] = []
    rejected: list[int] = []
    all_but_one = threading.Event()

    def work() -> None:
        made.append(1)
        all_but_one.wait(30)

    def caller(number: int) -> None:
        try:
            breaker.call(work)
        except CircuitOpenError:
            rejected.append(number)
            if len(rejected) == callers - 1:
                all_but_one.set()

    together(callers, caller)
    assert len(made) == 1
    assert len(rejected) == callers - 1
    assert breaker.current_state == "closed"


@pytest.mark.parametrize("callers", [50, 500])
def test_exactly_one_of_many_threads_gets_through_an_executor_that_is_half_open(callers: int) -> None:
    executor = Executor("api", Policy(max_waiting=1_000), events=Events(Recorder()))
    assert executor.breaker is not None
    executor.breaker.half_open()
    made: list[int] = []
    rejected: list[int] = []
    all_but_one = threading.Event()

    def work() -> None:
        made.append(1)
        all_but_one.wait(30)

    def caller(number: int) -> None:
        try:
            executor.run_sync(READ, work)
        except CircuitOpenError:
            rejected.append(number)
            if len(rejected) == callers - 1:
                all_but_one.set()

    together(callers, caller)
    assert len(made) == 1
    assert len(rejected) == callers - 1
    assert executor.breaker.current_state == "closed"
    assert executor.in_flight == executor.waiting == 0


@pytest.mark.parametrize("callers", [50, 500])
@pytest.mark.parametrize("through", ["executor", "call_async", "calling"])
async def test_exactly_one_of_many_tasks_is_let_through_half_open(through: str, callers: int) -> None:
    executor = Executor("api", events=Events(Recorder()))
    breaker = executor.breaker
    assert breaker is not None
    breaker.half_open()
    made = 0

    async def work() -> None:
        nonlocal made
        made += 1
        await asyncio.sleep(0.01)

    async def inside() -> None:
        with breaker.calling():
            await work()

    call = {
        "executor": lambda: executor.run(READ, work),
        "call_async": lambda: breaker.call_async(work),
        "calling": inside,
    }[through]
    results = await asyncio.gather(*(call() for _ in range(callers)), return_exceptions=True)
    assert made == 1
    assert sum(isinstance(result, CircuitOpenError) for result in results) == callers - 1
    assert breaker.current_state == "closed"
    assert executor.in_flight == executor.waiting == 0


def test_failures_of_threads_are_counted_exactly_and_it_opens_once() -> None:
    heard = Recorder()
    breaker = Breaker(fail_max=400, name="api", events=Events(heard))
    everybody = threading.Barrier(8, timeout=30)

    def fail(number: int) -> None:
        permits = [breaker.machine.admit() for _ in range(50)]
        everybody.wait()
        for permit in permits:
            breaker.machine.settle(permit, Outcome.FAILURE, ConnectionError())

    together(8, fail)
    assert breaker.current_state == "open"
    assert breaker.machine.opens == 1
    assert breaker.fail_counter == 400
    assert heard.messages == ["Circuit breaker 'api' opened after 400 failures"]


def test_successes_of_threads_are_counted_exactly() -> None:
    executor = Executor("api", Policy(max_in_flight=64), events=Events(Recorder()))

    def succeed(number: int) -> None:
        for _ in range(200):
            executor.run_sync(READ, Attempts())

    together(16, succeed)
    assert executor.stats.successes == 3_200
    assert executor.breaker is not None
    assert executor.breaker.machine.successes == 3_200
    assert executor.in_flight == 0


def test_no_more_threads_than_allowed_are_inside_and_all_get_their_turn() -> None:
    executor = Executor("api", Policy(max_in_flight=3, max_waiting=100), events=Events(Recorder()))
    lock = threading.Lock()
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        threading.Event().wait(0.0005)
        with lock:
            inside -= 1

    def caller(number: int) -> None:
        for _ in range(10):
            executor.run_sync(READ, work)

    together(20, caller)
    assert most == 3
    assert executor.stats.successes == 200
    assert executor.in_flight == executor.waiting == 0


def test_transitions_are_told_in_order_whatever_threads_do() -> None:
    heard = Recorder()
    clock = ManualClock()
    breaker = Breaker(fail_max=1, reset_timeout=0, name="api", clock=clock.clock, events=Events(heard))

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(100):
            try:
                permit = breaker.machine.admit()
            except CircuitOpenError:
                continue
            breaker.machine.settle(permit, chance.choice(list(Outcome)), ConnectionError())

    together(8, work)
    kinds = [event.kind for event in heard.events if event.kind is not EventKind.REJECTED]
    allowed = {
        EventKind.OPENED: {EventKind.HALF_OPEN},
        EventKind.HALF_OPEN: {EventKind.OPENED, EventKind.CLOSED},
        EventKind.CLOSED: {EventKind.OPENED},
    }
    assert len(kinds) > 50
    for before, after in pairwise(kinds):
        assert after in allowed[before]


@pytest.mark.parametrize("seed", range(20))
def test_no_permit_is_lost_whoever_is_cancelled_whenever(seed: int) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        chance = random.Random(seed)
        policy = Policy(max_in_flight=4, max_waiting=1_000, circuit_breaker_timeout=2, circuit_breaker_fail_max=3)
        executor = Executor("api", policy, clock=loop.clock(seed), events=Events(Recorder()))
        ends = [ValueError, ConnectionError, ConnectionRefusedError, RuntimeError]

        async def attempt() -> str:
            await asyncio.sleep(chance.random() * 2)
            if chance.random() < 0.7:
                raise chance.choice(ends)
            return "ok"

        async def caller() -> None:
            await asyncio.sleep(chance.random() * 30)
            bound = chance.choice([None, None, 0.5, 3.0])
            operation = Operation("work", retry_safe=chance.random() < 0.5, total_timeout_s=bound)
            await executor.run(operation, attempt)

        tasks = [asyncio.create_task(caller()) for _ in range(300)]
        for _ in range(100):
            await asyncio.sleep(chance.random() * 0.4)
            chance.choice(tasks).cancel()
        await asyncio.wait(tasks)
        results = [None if task.cancelled() else task.exception() for task in tasks]
        assert executor.in_flight == executor.waiting == 0
        assert any(isinstance(result, CircuitOpenError) for result in results)
        assert any(result is None for result in results)
        # Whatever happened, the circuit can still be tested and closed.
        await asyncio.sleep(policy.circuit_breaker_timeout)
        if executor.breaker is not None and executor.breaker.current_state == "half-open":
            assert await executor.run(READ, Attempts().coroutine) == "ok"
            assert executor.breaker.current_state == "closed"
        else:
            assert await executor.run(READ, Attempts().coroutine) == "ok"

    run_virtual(main)


def test_half_open_tests_cancelled_at_random_never_block_the_circuit() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        chance = random.Random(7)
        executor = Executor("api", clock=loop.clock(), events=Events(Recorder()))
        assert executor.breaker is not None

        async def slow() -> None:
            await asyncio.sleep(1)

        for _ in range(300):
            executor.breaker.half_open()
            tasks = [asyncio.create_task(executor.run(READ, slow)) for _ in range(5)]
            await asyncio.sleep(chance.choice([0.0, 0.5, 0.999]))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert executor.breaker.current_state == "half-open"
        assert await executor.run(READ, Attempts().coroutine) == "ok"
        assert executor.breaker.current_state == "closed"

    run_virtual(main)
