"""The queue of an executor: who waits, for how long, and who is sent away. In virtual time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from holdfast.resilience import (
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    EventKind,
    Events,
    Executor,
    Operation,
    Policy,
)
from holdfast.resilience.testing import Recorder, VirtualTimeLoop, run_virtual
from tests.resilience.virtual import answers, executor_in, hangs, refuses

READ = Operation("read", retry_safe=True)


class TestQueue:
    def test_calls_beyond_the_limit_wait_and_go_in_order(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=2)
            order: list[int] = []
            under_way = most = 0

            async def work(number: int) -> None:
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                order.append(number)
                await asyncio.sleep(1)
                under_way -= 1

            await asyncio.gather(
                *(executor.run(READ, lambda number=number: work(number)) for number in range(10))  # type: ignore[misc]  # default binds now
            )
            assert order == list(range(10))
            assert most == 2
            assert loop.time() == 5
            assert executor.in_flight == 0

        run_virtual(main)

    def test_a_full_queue_refuses_at_once(self) -> None:
        heard = Recorder()

        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, heard, max_in_flight=1, max_waiting=2)
            tasks = [asyncio.create_task(executor.run(READ, hangs)) for _ in range(3)]
            await asyncio.sleep(1)
            with pytest.raises(BulkheadFullError) as caught:
                await executor.run(READ, answers)
            assert loop.time() == 1
            assert (caught.value.name, caught.value.max_in_flight, caught.value.max_waiting) == ("api", 1, 2)
            assert str(caught.value) == "'api' has 1 calls under way and 2 waiting; the call was not made"
            assert executor.stats.overloaded == 1
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert executor.in_flight == 0
            assert executor.waiting == 0

        run_virtual(main)
        assert heard.of(EventKind.OVERLOADED)[0].message == "'api' refused 'read': 2 calls already wait"

    def test_without_a_queue_the_second_call_is_refused(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1, max_waiting=0)
            task = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            with pytest.raises(BulkheadFullError):
                await executor.run(READ, answers)
            task.cancel()
            await asyncio.wait([task])
            assert await executor.run(READ, answers) == "ok"

        run_virtual(main)

    def test_waiting_is_part_of_the_calls_time(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1, total_timeout=10)
            task = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            with pytest.raises(DeadlineExceededError) as caught:
                await executor.run(READ, answers)
            assert loop.time() == 11
            assert caught.value.attempts == 0
            assert executor.stats.neutral == 1
            assert executor.stats.failures == 0
            assert executor.waiting == 0
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 0
            task.cancel()
            await asyncio.wait([task])

        run_virtual(main)

    def test_who_waits_is_sent_away_when_the_circuit_opens(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1)
            assert executor.breaker is not None
            first = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            waiting = [asyncio.create_task(executor.run(READ, answers)) for _ in range(20)]
            await asyncio.sleep(1)
            executor.breaker.open()
            for task in waiting:
                with pytest.raises(CircuitOpenError):
                    await task
            assert loop.time() == 2
            assert executor.stats.rejected == 20
            first.cancel()
            await asyncio.wait([first])
            assert executor.in_flight == 0

        run_virtual(main)

    def test_who_waits_is_sent_away_by_isolation_too(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1)
            assert executor.breaker is not None
            first = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            waiting = asyncio.create_task(executor.run(READ, answers))
            await asyncio.sleep(1)
            executor.breaker.isolate()
            with pytest.raises(CircuitOpenError):
                await waiting
            first.cancel()
            await asyncio.wait([first])

        run_virtual(main)

    def test_a_retry_waits_outside_the_bulkhead_and_queues_again(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1)
            made = 0

            async def refuses_once() -> str:
                nonlocal made
                made += 1
                return await (refuses() if made == 1 else answers())

            retried = asyncio.create_task(executor.run(READ, refuses_once))
            await asyncio.sleep(0.5)
            assert executor.in_flight == 0

            async def takes_two_seconds() -> str:
                await asyncio.sleep(2)
                return "slow"

            other = asyncio.create_task(executor.run(READ, takes_two_seconds))
            assert await other == "slow"
            assert await retried == "ok"
            assert loop.time() == 2.5

        run_virtual(main)

    def test_a_retry_that_finds_the_queue_full_ends_with_its_own_error(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1, max_waiting=0)
            retried = asyncio.create_task(executor.run(READ, refuses))
            await asyncio.sleep(0.5)
            other = asyncio.create_task(executor.run(READ, hangs))
            with pytest.raises(ConnectionError) as caught:
                await retried
            assert caught.value.__notes__ == ["Not repeated: too many calls wait."]
            other.cancel()
            await asyncio.wait([other])

        run_virtual(main)

    def test_a_retry_in_the_queue_is_sent_away_when_the_circuit_opens(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1)
            assert executor.breaker is not None
            retried = asyncio.create_task(executor.run(READ, refuses))
            await asyncio.sleep(0.5)
            other = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            assert executor.waiting == 1
            executor.breaker.open()
            with pytest.raises(ConnectionError) as caught:
                await retried
            assert caught.value.__notes__ == ["Not repeated: the circuit opened."]
            other.cancel()
            await asyncio.wait([other])

        run_virtual(main)

    def test_a_retry_whose_turn_does_not_come_ends_at_the_deadline(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1, total_timeout=10)
            retried = asyncio.create_task(executor.run(READ, refuses))
            await asyncio.sleep(0.5)
            other = asyncio.create_task(executor.run(READ, hangs))
            with pytest.raises(DeadlineExceededError) as caught:
                await retried
            assert isinstance(caught.value.__cause__, ConnectionError)
            assert caught.value.attempts == 1
            assert loop.time() == 10
            assert executor.waiting == 0
            other.cancel()
            await asyncio.wait([other])
            assert executor.in_flight == 0

        run_virtual(main)


def test_calls_of_two_loops_in_two_threads_share_the_limit() -> None:
    executor = Executor("api", Policy(max_in_flight=1), events=Events(Recorder()))
    begun, go_on = threading.Event(), threading.Event()

    async def blocks() -> str:
        begun.set()
        await asyncio.to_thread(go_on.wait, 5)
        return "first"

    answered: list[str] = []
    first = threading.Thread(target=lambda: answered.append(asyncio.run(executor.run(READ, blocks))))
    first.start()
    assert begun.wait(5)
    second = threading.Thread(target=lambda: answered.append(asyncio.run(executor.run(READ, answers))))
    second.start()
    for _ in range(5_000):
        if executor.waiting:
            break
        threading.Event().wait(0.001)
    assert executor.waiting == 1
    go_on.set()
    first.join(5)
    second.join(5)
    assert sorted(answered) == ["first", "ok"]
    assert executor.in_flight == 0
