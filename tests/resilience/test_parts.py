"""The small parts on their own: deadlines, windows, budgets, outboxes, kept answers, the testing mode."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience import Operation, deadline_scope, remaining_s
from holdfast.resilience.budget import RetryBudget
from holdfast.resilience.circuit import Tuning
from holdfast.resilience.errors import describe
from holdfast.resilience.outbox import Outbox
from holdfast.resilience.stale import Answer, LastAnswers
from holdfast.resilience.testing import ManualClock, VirtualTimeLoop, failing, run_virtual, set_testing
from holdfast.resilience.window import Window
from tests.resilience.conftest import Attempts, Decorate, Kit, MakeExecutor, always
from tests.resilience.ways import Way


class TestDeadlineScope:
    def test_without_one_there_is_no_deadline(self) -> None:
        assert remaining_s() is None

    def test_tells_what_is_left_and_never_less_than_nothing(self, clock: ManualClock) -> None:
        with deadline_scope(10, monotonic=clock.clock.monotonic) as scope:
            assert isinstance(scope, deadline_scope)
            assert remaining_s() == 10
            clock.advance(4)
            assert remaining_s() == 6
            clock.advance(40)
            assert remaining_s() == 0.0
        assert remaining_s() is None

    def test_an_inner_scope_narrows_and_never_widens(self, clock: ManualClock) -> None:
        with deadline_scope(10, monotonic=clock.clock.monotonic):
            with deadline_scope(3, monotonic=clock.clock.monotonic):
                assert remaining_s() == 3
            with deadline_scope(30, monotonic=clock.clock.monotonic):
                assert remaining_s() == 10
            assert remaining_s() == 10

    def test_clocks_may_differ(self) -> None:
        with deadline_scope(10, monotonic=lambda: 1_000_000.0), deadline_scope(3, monotonic=lambda: 5.0):
            assert remaining_s() == 3

    def test_without_end_is_no_bound(self) -> None:
        with deadline_scope(math.inf):
            assert remaining_s() == math.inf

    @pytest.mark.parametrize("seconds", [-1, math.nan])
    def test_impossible_lengths_are_refused(self, seconds: float) -> None:
        with pytest.raises(ValueError, match="a deadline must be 0 seconds or more"):
            deadline_scope(seconds)

    def test_ends_with_the_block_also_when_it_fails(self) -> None:
        with pytest.raises(KeyError), deadline_scope(10):
            raise KeyError
        assert remaining_s() is None

    def test_may_be_used_again_but_not_twice_at_once(self) -> None:
        scope = deadline_scope(10)
        with scope:
            with pytest.raises(RuntimeError, match="already in use"):
                scope.__enter__()
            assert remaining_s() is not None
        with scope:
            assert remaining_s() is not None

    def test_reaches_tasks_and_contexts_begun_inside(self, clock: ManualClock) -> None:
        async def main() -> tuple[float | None, float | None]:
            async def look() -> float | None:
                return remaining_s()

            with deadline_scope(10, monotonic=clock.clock.monotonic):
                task = asyncio.create_task(look())
            return await task, remaining_s()

        assert asyncio.run(main()) == (10, None)
        with deadline_scope(7, monotonic=clock.clock.monotonic):
            context = contextvars.copy_context()
        assert context.run(remaining_s) == 7

    def test_with_async_with_what_runs_too_long_is_ended(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            with pytest.raises(TimeoutError):  # noqa: PT012 - the block is what is measured
                async with deadline_scope(5, monotonic=loop.time):
                    assert remaining_s() == 5
                    await asyncio.sleep(100)
            assert loop.time() == 5
            assert remaining_s() is None
            async with deadline_scope(5, monotonic=loop.time):
                await asyncio.sleep(1)
            assert loop.time() == 6

        run_virtual(main)

    def test_with_async_with_an_outer_scope_counts(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            with deadline_scope(2, monotonic=loop.time), pytest.raises(TimeoutError):
                async with deadline_scope(5, monotonic=loop.time):
                    await asyncio.sleep(100)
            assert loop.time() == 2

        run_virtual(main)

    def test_with_async_with_errors_pass(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            with pytest.raises(KeyError):
                async with deadline_scope(5, monotonic=loop.time):
                    raise KeyError

        run_virtual(main)


class TestWindow:
    def test_counts_what_happened_in_its_length(self) -> None:
        window = Window(10)
        window.record(100.0, failed=True, slow=False)
        window.record(104.0, failed=False, slow=True)
        assert window.rates(104.0) == (2, 0.5, 0.5)
        assert window.rates(109.9) == (2, 0.5, 0.5)
        assert window.rates(110.0) == (1, 0.0, 1.0)
        assert window.rates(114.0) == (0, 0.0, 0.0)

    def test_forgets_everything_after_a_long_silence(self) -> None:
        window = Window(10)
        for second in range(10):
            window.record(100.0 + second, failed=True, slow=True)
        assert window.rates(109.0) == (10, 1.0, 1.0)
        assert window.rates(10_000.0) == (0, 0.0, 0.0)


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans(), st.booleans()), max_size=60))
def test_a_window_agrees_with_a_plain_list(calls: list[tuple[float, bool, bool]]) -> None:
    window = Window(10)
    now, kept = 1_000.0, []
    for wait, failed, slow in calls:
        now += wait
        window.record(now, failed, slow)
        kept.append((now, failed, slow))
        inside = [call for call in kept if int(call[0]) > int(now) - 10]
        count, failures, slows = window.rates(now)
        assert count == len(inside)
        assert failures * count == pytest.approx(sum(call[1] for call in inside))
        assert slows * count == pytest.approx(sum(call[2] for call in inside))


class TestBudget:
    def make(self, clock: ManualClock, ratio: float, floor: float) -> tuple[RetryBudget, list[int]]:
        calls = [0]
        return RetryBudget(ratio, floor, lambda: calls[0], clock.clock.monotonic), calls

    def test_calls_earn_retries(self, clock: ManualClock) -> None:
        budget, calls = self.make(clock, 0.2, 0)
        while budget.take():
            pass
        calls[0] += 4
        assert not budget.take()
        calls[0] += 1
        assert budget.take()
        assert not budget.take()

    def test_seconds_earn_retries(self, clock: ManualClock) -> None:
        budget, _ = self.make(clock, 0, 2)
        while budget.take():
            pass
        clock.advance(0.5)
        assert budget.take()
        assert not budget.take()

    def test_savings_are_bounded(self, clock: ManualClock) -> None:
        budget, calls = self.make(clock, 1, 2)
        assert budget.left == 120
        calls[0] += 10_000
        clock.advance(10_000)
        assert budget.left == 120

    def test_without_ratio_and_floor_there_are_no_retries(self, clock: ManualClock) -> None:
        budget, calls = self.make(clock, 0, 0)
        calls[0] += 1_000
        clock.advance(1_000)
        assert not budget.take()
        assert budget.left == 0

    def test_threads_take_no_more_than_there_is(self, clock: ManualClock) -> None:
        budget, _ = self.make(clock, 0, 5)
        taken: list[bool] = []
        threads = [threading.Thread(target=lambda: taken.extend(budget.take() for _ in range(20))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert taken.count(True) == 50


class TestOutbox:
    def test_tells_in_order_and_once(self) -> None:
        told: list[int] = []
        box = Outbox(told.append)
        for number in range(3):
            box.add(number)
        assert told == []
        box.drain()
        box.drain()
        assert told == [0, 1, 2]

    def test_what_is_added_while_telling_comes_afterwards(self) -> None:
        told: list[int] = []

        def tell(number: int) -> None:
            if number < 3:
                box.add(number + 1)
                box.drain()
            told.append(number)

        box = Outbox(tell)
        box.add(1)
        box.drain()
        assert told == [1, 2, 3]

    def test_an_interrupted_telling_does_not_block_the_next(self) -> None:
        told: list[int] = []

        def tell(number: int) -> None:
            if number == 1:
                raise KeyboardInterrupt
            told.append(number)

        box = Outbox(tell)
        box.add(1)
        with pytest.raises(KeyboardInterrupt):
            box.drain()
        box.add(2)
        box.drain()
        assert told == [2]


class TestLastAnswers:
    def test_keeps_the_last_answer_and_knows_its_age(self, clock: ManualClock) -> None:
        answers = LastAnswers(10, clock.clock.monotonic)
        answers.keep("key", "old")
        answers.keep("key", "new")
        clock.advance(5)
        answer: Answer[str] | None = answers.find("key", 5, "circuit open")
        assert answer is not None
        assert (answer.value, answer.stale, answer.age_s, answer.reason) == ("new", True, 5, "circuit open")
        for key, age in (("key", 4.9), ("other", 5.0)):
            answer = answers.find(key, age, "")
            assert answer is None

    def test_keeps_those_given_last_when_there_are_too_many(self, clock: ManualClock) -> None:
        answers = LastAnswers(2, clock.clock.monotonic)
        for key in ("a", "b", "a", "c"):
            answers.keep(key, key)
        assert len(answers) == 2
        kept: list[Answer[str] | None] = [answers.find(key, 1, "") for key in ("a", "b", "c")]
        assert [answer is None for answer in kept] == [False, True, False]

    def test_keeps_nothing_when_told_so(self, clock: ManualClock) -> None:
        answers = LastAnswers(0, clock.clock.monotonic)
        answers.keep("a", 1)
        assert len(answers) == 0

    def test_forgets_one_or_all(self, clock: ManualClock) -> None:
        answers = LastAnswers(9, clock.clock.monotonic)
        for key in ("a", "b", "c"):
            answers.keep(key, key)
        answers.forget("a")
        answers.forget("a")
        assert len(answers) == 2
        answers.forget(None)
        assert len(answers) == 0


class TestTestingMode:
    def test_caps_attempts_of_executors(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        attempt = always()
        with set_testing(), pytest.raises(ConnectionError):
            call(make(), attempt)
        assert attempt.made == 1
        with pytest.raises(ConnectionError):
            call(make(), attempt)
        assert attempt.made == 4

    def test_takes_waits_away(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        with set_testing(max_attempts=None):
            assert call(make(), Attempts(ConnectionError(), ConnectionError())) == "ok"
        assert clock.sleeps == [0, 0]

    def test_a_cap_never_adds_attempts(self, make: MakeExecutor, call: Way) -> None:
        attempt = always()
        with set_testing(max_attempts=9), pytest.raises(ConnectionError):
            call(make(), attempt)
        assert attempt.made == 3

    def test_waits_may_stay(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        with set_testing(max_attempts=2, no_waits=False), pytest.raises(ConnectionError):
            call(make(), always())
        assert clock.sleeps == [1]

    def test_holds_for_decorated_functions(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        from holdfast.resilience import create_retry_decorator

        attempt = always()
        call = decorated(create_retry_decorator(5, **kit), attempt)
        with set_testing(max_attempts=2), pytest.raises(ConnectionError):
            call()
        assert attempt.made == 2
        assert clock.sleeps == [0]

    def test_failing_fails_as_often_as_told(self, make: MakeExecutor) -> None:
        assert make().run_sync(Operation("work", retry_safe=True), failing(2)) == "ok"
        with pytest.raises(ConnectionError):
            make().run_sync(Operation("work", retry_safe=True), failing(3))


class TestVirtualTime:
    def test_waiting_takes_no_real_time_and_all_of_the_virtual(self) -> None:
        async def main(loop: VirtualTimeLoop) -> float:
            await asyncio.sleep(1_000_000)
            return loop.clock().monotonic()

        assert run_virtual(main) == 1_000_000

    def test_waiting_for_nothing_is_reported_instead_of_waited_for(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            await loop.create_future()

        with pytest.raises(RuntimeError, match="the test would wait for ever"):
            run_virtual(main)


def test_an_error_that_cannot_say_what_it_is_is_told_by_its_type() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert describe(Mute()) == "Mute"
    assert describe(ConnectionError()) == "ConnectionError"
    assert describe(ConnectionError("gone")) == "gone"


def test_the_tuning_of_a_breaker_is_off_by_default() -> None:
    assert Tuning() == Tuning(streak_s=0, growth=1, timeout_jitter=0, window_s=None)
