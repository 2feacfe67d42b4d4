"""Bounds of a call and of its attempts, as coroutines meet them: enforced, and truthfully booked. In virtual time."""

from __future__ import annotations

import asyncio
import dataclasses

import pybreaker
import pytest

from holdfast.resilience import (
    DeadlineExceededError,
    EventKind,
    Events,
    Executor,
    Operation,
    Outcome,
    Policy,
    Retry,
    Verdict,
    deadline_scope,
    remaining_s,
)
from holdfast.resilience.testing import Recorder, VirtualTimeLoop, run_virtual
from tests.resilience.virtual import answers, executor_in, hangs, refuses

READ = Operation("read", retry_safe=True)


async def says_nothing() -> str:
    raise ValueError


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
        assert heard.events[0].count == 1  # attempts

    def test_one_too_short_to_connect_proves_nothing(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", total_timeout_s=4.9), hangs)
            assert executor.breaker is not None
            assert executor.breaker.fail_counter == 0
            assert executor.stats.neutral == 1
            with pytest.raises(ValueError):
                await executor.run(Operation("job", total_timeout_s=9), says_nothing)
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", total_timeout_s=9), hangs)
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", total_timeout_s=4.9), hangs)
            assert executor.breaker.fail_counter == 1  # neither counted nor cleared

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

    def test_a_neutral_failure_stays_neutral_when_the_time_ends_while_it_waits(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            async def sleeps_too_long(seconds: float) -> None:
                await asyncio.sleep(1_000)

            async def busy() -> str:
                raise KeyError

            clock = dataclasses.replace(loop.clock(), sleep=sleeps_too_long)
            patient = Verdict(Outcome.NEUTRAL, Retry.IF_SAFE)
            executor = Executor("api", Policy(), lambda error: patient, clock=clock, events=Events(Recorder()))
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", retry_safe=True, total_timeout_s=20), busy)
            assert executor.stats.neutral == 1
            assert executor.stats.failures == 0

        run_virtual(main)

    def test_an_attempt_cut_short_may_set_off_the_second_trigger(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, circuit_breaker_fail_max=2)
            calls = (executor.run(Operation("job", total_timeout_s=bound), hangs) for bound in (6, 7))
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(end, DeadlineExceededError) for end in ends)
            assert executor.breaker is not None
            assert executor.breaker.current_state == "open"
            assert executor.breaker.machine.last_error == (
                "DeadlineExceededError: 'job' of 'api' ran out of time after 7s; 1 attempt made"
            )

        run_virtual(main)

    def test_where_listeners_hear_calls_the_total_is_enforced_from_the_first_failure_on(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            assert executor.breaker is not None
            executor.breaker.machine.listen(True)
            made = 0

            async def fails_then_hangs() -> str:
                nonlocal made
                made += 1
                return await (refuses() if made == 1 else hangs())

            with pytest.raises(DeadlineExceededError):
                await executor.run(READ, fails_then_hangs)
            assert loop.time() == 50

        run_virtual(main)

    def test_an_attempt_bound_equal_to_the_whole_ends_the_call(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", attempt_timeout_s=6, total_timeout_s=6), hangs)
            assert executor.stats.cancelled == 0
            assert executor.stats.failures == 1

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
                loop,
                circuit_breaker_window=600,
                circuit_breaker_window_min_calls=3,
                circuit_breaker_failure_rate=1,
                circuit_breaker_slow_call=6,
                circuit_breaker_slow_rate=0.6,
            )
            assert executor.breaker is not None
            assert await executor.run(READ, answers) == "ok"
            for _ in range(2):
                assert executor.breaker.current_state == "closed"
                with pytest.raises(DeadlineExceededError):
                    await executor.run(Operation("job", total_timeout_s=6), hangs)
            assert executor.breaker.current_state == "open"

        run_virtual(main)

    def test_a_listener_hears_which_error_ended_a_call_that_ran_out_of_time(self) -> None:
        told: list[str] = []

        class Ears(pybreaker.CircuitBreakerListener):
            def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
                told.append(str(exc))

        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            assert executor.breaker is not None
            executor.breaker.add_listener(Ears())
            with pytest.raises(DeadlineExceededError):
                await executor.run(Operation("job", total_timeout_s=6), hangs)

        run_virtual(main)
        assert told == ["'job' of 'api' ran out of time after 6s; 1 attempt made"]

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
