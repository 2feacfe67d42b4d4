"""What only coroutines can do: be cancelled, test a circuit side by side. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.resilience import (
    CircuitOpenError,
    Operation,
)
from holdfast.resilience.testing import VirtualTimeLoop, run_virtual
from tests.resilience.virtual import answers, executor_in, hangs, refuses

READ = Operation("read", retry_safe=True)


class TestCancellation:
    @pytest.mark.parametrize("operation", [READ, Operation("bounded", attempt_timeout_s=500)])
    def test_passes_through_at_once_and_counts_for_nothing(self, operation: Operation) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, circuit_breaker_fail_max=1)
            task = asyncio.create_task(executor.run(operation, hangs))
            await asyncio.sleep(1)
            assert executor.in_flight == 1
            task.cancel("enough")
            with pytest.raises(asyncio.CancelledError, match="enough"):
                await task
            assert loop.time() == 1
            assert executor.in_flight == 0
            assert executor.stats.cancelled == 1
            assert executor.stats.calls() == 0
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 0

        run_virtual(main)

    def test_during_a_wait_ends_the_wait(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            task = asyncio.create_task(executor.run(READ, refuses))
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert loop.time() == 0.5
            assert executor.stats.cancelled == 1
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 0

        run_virtual(main)

    @pytest.mark.parametrize("operation", [READ, Operation("bounded", retry_safe=True, total_timeout_s=500)])
    @pytest.mark.parametrize("chatty", [False, True])
    def test_is_booked_once_wherever_it_comes(self, operation: Operation, chatty: bool) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            assert executor.breaker is not None
            executor.breaker.machine.listen(chatty)  # chatty: the long way
            for times in (1, 2):
                task = asyncio.create_task(executor.run(operation, refuses))
                await asyncio.sleep(0.5)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert executor.stats.cancelled == times

        run_virtual(main)

    def test_of_the_test_call_leaves_the_circuit_half_open_for_the_next(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            assert executor.breaker is not None
            executor.breaker.half_open()
            task = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            with pytest.raises(CircuitOpenError):
                await executor.run(READ, answers)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert executor.breaker.current_state == "half-open"
            assert await executor.run(READ, answers) == "ok"
            assert executor.breaker.current_state == "closed"

        run_virtual(main)

    def test_while_queueing_gives_the_place_up(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1, max_waiting=1)
            first = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(1)
            second = asyncio.create_task(executor.run(READ, answers))
            await asyncio.sleep(1)
            assert executor.waiting == 1
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert executor.waiting == 0
            third = asyncio.create_task(executor.run(READ, answers))
            await asyncio.sleep(1)
            first.cancel()
            assert await third == "ok"
            assert executor.in_flight == 0

        run_virtual(main)

    def test_that_comes_together_with_the_turn_loses_no_permit(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, max_in_flight=1)
            gate = asyncio.Event()

            async def until_told() -> str:
                await gate.wait()
                return "told"

            first = asyncio.create_task(executor.run(READ, until_told))
            await asyncio.sleep(1)
            second = asyncio.create_task(executor.run(READ, answers))
            await asyncio.sleep(1)
            gate.set()
            await first  # hands its permit to the second, which has not run yet
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert executor.in_flight == 0
            assert await executor.run(READ, answers) == "ok"

        run_virtual(main)


class TestHalfOpen:
    @pytest.mark.parametrize("callers", [50, 500])
    def test_exactly_one_of_many_is_let_through(self, callers: int) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            assert executor.breaker is not None
            executor.breaker.half_open()
            made = 0

            async def slow() -> str:
                nonlocal made
                made += 1
                await asyncio.sleep(1)
                return "ok"

            results = await asyncio.gather(*(executor.run(READ, slow) for _ in range(callers)), return_exceptions=True)
            assert made == 1
            assert results.count("ok") == 1
            assert sum(isinstance(result, CircuitOpenError) for result in results) == callers - 1
            assert executor.breaker.current_state == "closed"

        run_virtual(main)

    def test_a_test_call_that_outlives_its_deadline_is_taken_for_lost(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, total_timeout=10)
            assert executor.breaker is not None
            executor.breaker.half_open()
            lost = asyncio.create_task(executor.run(READ, hangs))  # heeds no deadline
            await asyncio.sleep(10.9)
            with pytest.raises(CircuitOpenError):
                await executor.run(READ, answers)
            await asyncio.sleep(0.2)
            assert await executor.run(READ, answers) == "ok"
            assert executor.breaker.current_state == "closed"
            lost.cancel()
            await asyncio.wait([lost])

        run_virtual(main)


def test_an_attempt_that_is_no_coroutine_function_is_told_so() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        with pytest.raises(TypeError, match="await"):
            await executor_in(loop).run(READ, lambda: "text")  # type: ignore[arg-type,return-value]  # that is the point

    run_virtual(main)
