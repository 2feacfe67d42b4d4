"""What only coroutines can do: be cancelled, be bounded, wait in a queue. In virtual time."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from holdfast.resilience import (
    CircuitOpenError,
    DeadlineExceededError,
    EventKind,
    Events,
    Executor,
    Operation,
    Policy,
    deadline_scope,
    remaining_s,
)
from holdfast.resilience.testing import Recorder, VirtualTimeLoop, run_virtual

READ = Operation("read", retry_safe=True)


def executor_in(loop: VirtualTimeLoop, heard: Recorder | None = None, **policy: float) -> Executor:
    chosen = Policy(**policy)  # type: ignore[arg-type]  # checked by Policy itself
    return Executor("api", chosen, clock=loop.clock(), events=Events(heard or Recorder()))


async def answers() -> str:
    return "ok"


async def hangs() -> str:
    await asyncio.sleep(1_000_000)
    return "never"


async def refuses() -> str:
    raise ConnectionError("refused")


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


class TestBounds:
    def test_a_total_bound_of_the_operation_ends_an_attempt_that_hangs(self) -> None:
        heard = Recorder()

        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, heard)
            with pytest.raises(DeadlineExceededError) as caught:
                await executor.run(Operation("job", retry_safe=True, total_timeout_s=7), hangs)
            assert loop.time() == 7
            assert caught.value.attempts == 1
            assert caught.value.elapsed_s == 7
            assert str(caught.value) == "'job' of 'api' ran out of time after 7s; 1 attempt made"
            assert executor.in_flight == 0
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 1  # seven seconds were enough to connect
            assert executor.stats.failures == 1
            assert executor.stats.attempt_failures == 1
            assert executor.breaker.machine.last_error is not None

        run_virtual(main)
        assert heard.messages == ["'job' of 'api' ran out of time after 7s"]

    def test_one_too_short_to_connect_proves_nothing(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", total_timeout_s=4.9), hangs)
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 0
            assert executor.stats.neutral == 1

        run_virtual(main)

    def test_one_just_long_enough_to_connect_counts(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            for times in (1, 2):
                with pytest.raises(DeadlineExceededError):
                    await executor.run(Operation("job", total_timeout_s=5), hangs)
                assert executor.stats.deadlines == executor.stats.failures == times
                assert executor.stats.attempt_failures == times
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 2
            assert executor.breaker.machine.last_error == (
                "DeadlineExceededError: 'job' of 'api' ran out of time after 5s; 1 attempt made"
            )

        run_virtual(main)

    def test_a_later_attempt_too_short_to_connect_proves_nothing_either(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            made = 0

            async def fails_late_then_hangs() -> str:
                nonlocal made
                made += 1
                if made == 2:
                    return await hangs()
                await asyncio.sleep(8)
                raise ConnectionError

            for times in (1, 2):
                made = 0
                with pytest.raises(DeadlineExceededError):
                    await executor.run(Operation("job", retry_safe=True, total_timeout_s=13), fails_late_then_hangs)
                assert executor.stats.neutral == times
                assert executor.stats.attempt_failures == times  # the first attempts, not those cut short
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 0

        run_virtual(main)

    def test_a_call_whose_time_ends_while_it_waits_ends_as_its_last_attempt_did(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, retry_min_wait=3)

            async def sleeps_too_long(seconds: float) -> None:
                await asyncio.sleep(1_000)

            clock = dataclasses.replace(loop.clock(), sleep=sleeps_too_long)
            executor = Executor("api", Policy(), clock=clock, events=Events(Recorder()))
            with pytest.raises(DeadlineExceededError) as caught:
                await executor.run(Operation("job", retry_safe=True, total_timeout_s=20), refuses)
            assert loop.time() == 20
            assert caught.value.attempts == 1
            assert executor.stats.failures == 1
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 1

        run_virtual(main)

    def test_a_call_that_ends_in_the_queue_is_slow_but_no_failure(self) -> None:
        heard = Recorder()

        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, heard, max_in_flight=1, total_timeout=4)
            holder = asyncio.create_task(executor.run(READ, hangs))
            await asyncio.sleep(0)
            for times in (1, 2):
                with pytest.raises(DeadlineExceededError):
                    await executor.run(READ, answers)
                assert executor.stats.deadlines == executor.stats.neutral == times
            holder.cancel()
            await asyncio.wait([holder])

        run_virtual(main)
        assert [event.count for event in heard.of(EventKind.DEADLINE)] == [0, 0]
        assert [event.wait_s for event in heard.of(EventKind.DEADLINE)] == [4, 4]

    def test_slow_calls_cut_short_are_seen_by_the_window(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(
                loop, circuit_breaker_window=600, circuit_breaker_window_min_calls=2, circuit_breaker_slow_call=6
            )
            for _ in range(2):
                with pytest.raises(DeadlineExceededError):
                    await executor.run(Operation("job", total_timeout_s=6), hangs)
            assert executor.breaker is not None
            assert executor.breaker.current_state == "open"

        run_virtual(main)

    def test_the_last_failure_is_the_cause(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            made = 0

            async def fails_then_hangs() -> str:
                nonlocal made
                made += 1
                return await (refuses() if made == 1 else hangs())

            with pytest.raises(DeadlineExceededError) as caught:
                await executor.run(READ, fails_then_hangs)
            assert loop.time() == 50  # the policy's total, enforced from the first failure on
            assert caught.value.attempts == 2
            assert isinstance(caught.value.__cause__, ConnectionError)
            assert str(caught.value).endswith("2 attempts made")

        run_virtual(main)

    def test_an_attempt_bound_ends_the_attempt_and_the_call_goes_on(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            seen: list[float | None] = []

            async def hangs_once() -> str:
                seen.append(remaining_s())
                return await (hangs() if len(seen) == 1 else answers())

            operation = Operation("job", retry_safe=True, attempt_timeout_s=3)
            assert await executor.run(operation, hangs_once) == "ok"
            assert loop.time() == 4
            assert seen == [3, 3]

        run_virtual(main)

    def test_an_attempt_bound_beyond_the_whole_is_cut(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            seen: list[float | None] = []

            async def looks() -> None:
                seen.append(remaining_s())

            await executor_in(loop).run(Operation("job", attempt_timeout_s=90), looks)
            assert seen == [50]

        run_virtual(main)

    def test_an_infinite_total_is_no_bound(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            async def takes_a_day() -> str:
                await asyncio.sleep(86_400)
                return "done"

            operation = Operation("job", total_timeout_s=float("inf"))
            assert await executor_in(loop).run(operation, takes_a_day) == "done"

        run_virtual(main)

    def test_an_inner_timeout_of_the_attempt_is_a_failure_like_any_other(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            async def times_out() -> str:
                async with asyncio.timeout(1):
                    return await hangs()

            with pytest.raises(TimeoutError) as caught:
                await executor_in(loop).run(Operation("job", total_timeout_s=30), times_out)
            assert not isinstance(caught.value, DeadlineExceededError)
            assert loop.time() == 1

        run_virtual(main)

    def test_a_caller_cancelled_at_the_deadline_is_cancelled(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)

            async def caller() -> None:
                async with asyncio.timeout(5):
                    await executor.run(Operation("job", total_timeout_s=5), hangs)

            with pytest.raises(TimeoutError):
                await caller()
            assert loop.time() == 5
            assert executor.in_flight == 0

        run_virtual(main)

    def test_an_enforcing_scope_ends_the_first_attempt_too(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)

            async def tool() -> None:
                async with deadline_scope(12, monotonic=loop.time):
                    await executor.run(READ, hangs)

            with pytest.raises(TimeoutError):
                await tool()
            assert loop.time() == 12
            assert executor.stats.cancelled == 1

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
