"""The limits of repeating: what the other side asks for, the budget, the time. In all four ways."""

from __future__ import annotations

import pytest

from holdfast.resilience import (
    DeadlineExceededError,
    EventKind,
    Operation,
    Outcome,
    Retry,
    Verdict,
    deadline_scope,
    remaining_s,
)
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import Attempts, MakeExecutor, always
from tests.resilience.ways import Way


class Busy(Exception):
    """The other side asks to wait."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


def busy(error: BaseException) -> Verdict:
    assert isinstance(error, Busy)
    return Verdict(Outcome.FAILURE, Retry.IF_SAFE, error.retry_after)


class TestRetryAfter:
    def test_raises_the_wait(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        call(make(classify=busy), Attempts(Busy(5), Busy(7.5)))
        assert clock.sleeps == [5, 7.5]

    def test_never_shortens_it(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        call(make(classify=busy), Attempts(Busy(0), Busy(1)))
        assert clock.sleeps == [1, 2]

    def test_may_exceed_the_maximum_wait_up_to_its_own_cap(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        call(make(classify=busy, retry_max_wait=2, retry_after_cap=20), Attempts(Busy(20)))
        assert clock.sleeps == [20]

    def test_beyond_the_cap_ends_the_call_and_tells_the_caller(
        self, make: MakeExecutor, call: Way, clock: ManualClock, heard: Recorder
    ) -> None:
        attempt = always(lambda: Busy(10.5))
        with pytest.raises(Busy) as caught:
            call(make(classify=busy), attempt)
        assert attempt.made == 1
        assert clock.sleeps == []
        assert caught.value.retry_after_s == 10.5  # type: ignore[attr-defined]  # put there by the executor
        assert caught.value.__notes__ == ["Not repeated: it asks to wait 10.5s, more than 10s."]
        assert heard.events[0].attempt == 1
        assert heard.messages == ["'work' of 'api' not repeated: it asks to wait 10.5s, more than 10s (busy)"]

    def test_a_hint_that_the_error_has_already_is_left_alone(self, make: MakeExecutor, call: Way) -> None:
        error = Busy(30)
        error.retry_after_s = 29  # type: ignore[attr-defined]  # as errors of a transport have it
        with pytest.raises(Busy):
            call(make(classify=busy), Attempts(error))
        assert error.retry_after_s == 29  # type: ignore[attr-defined]  # as above

    def test_an_error_without_room_for_the_hint_gets_a_note(self, make: MakeExecutor, call: Way) -> None:
        class Tight(Busy):
            def __setattr__(self, name: str, value: object) -> None:
                if name == "retry_after_s":
                    raise AttributeError(name)
                super().__setattr__(name, value)

        with pytest.raises(Tight) as caught:
            call(make(classify=busy), always(lambda: Tight(30)))
        assert caught.value.__notes__[1] == "Asked to wait 30s."

    @pytest.mark.parametrize("absurd", [-1, float("nan"), float("inf"), 86_401, None])
    def test_absurd_values_are_ignored(
        self, make: MakeExecutor, call: Way, clock: ManualClock, absurd: float | None
    ) -> None:
        call(make(classify=busy), Attempts(Busy(absurd)))
        assert clock.sleeps == [1]


class TestBudget:
    def test_retries_end_when_it_is_used_up_and_calls_earn_it(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        executor = make(budget_ratio=0.5, budget_floor_per_s=0, circuit_breaker_enabled=False, retry_max_attempts=2)
        while executor.retry_budget >= 1:
            call(executor, Attempts(ConnectionError()))
        attempt = always(lambda: ConnectionError("gone"))
        with pytest.raises(ConnectionError) as caught:
            call(executor, attempt)
        assert attempt.made == 1
        assert caught.value.__notes__ == ["Not repeated: the retry budget is used up."]
        call(executor, Attempts())
        assert call(executor, Attempts(ConnectionError())) == "ok"

    def test_the_floor_keeps_a_small_client_alive(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        executor = make(budget_ratio=0, budget_floor_per_s=1, circuit_breaker_enabled=False, retry_max_attempts=2)
        for _ in range(50):
            assert call(executor, Attempts(ConnectionError())) == "ok"
            clock.advance(1)


class TestDeadline:
    def test_no_retry_is_begun_that_could_not_end_in_time(
        self, make: MakeExecutor, call: Way, clock: ManualClock, heard: Recorder
    ) -> None:
        executor = make(total_timeout=50, retry_max_attempts=10, circuit_breaker_enabled=False)

        class Slow(Attempts):
            def __call__(self) -> str:
                clock.advance(20)
                return super().__call__()

        attempt = Slow(*[ConnectionError("slow")] * 10)
        with pytest.raises(ConnectionError, match="slow") as caught:
            call(executor, attempt)
        assert attempt.made == 3
        assert clock.sleeps == [1, 2]
        assert caught.value.__notes__ == ["Not repeated: the time left is too short."]

    def test_a_wait_that_leaves_no_useful_time_is_not_waited(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        for total, made in ((2.0, 2), (1.1, 1), (1.12, 2)):
            attempt = always()
            with pytest.raises(ConnectionError):
                call(make(total_timeout=total), attempt)
            assert attempt.made == made, total

    def test_a_call_without_time_is_not_attempted(self, make: MakeExecutor, call: Way, heard: Recorder) -> None:
        executor = make()
        attempt = Attempts()
        with deadline_scope(0, monotonic=lambda: 0.0), pytest.raises(DeadlineExceededError) as caught:
            call(executor, attempt)
        assert attempt.made == 0
        assert caught.value.attempts == 0
        assert caught.value.operation == "work"
        assert caught.value.name == "api"
        assert str(caught.value) == "'work' of 'api' ran out of time after 0s; nothing was attempted"
        assert executor.stats.deadlines == 1
        assert executor.breaker is not None
        assert executor.breaker.fail_counter == 0
        assert [event.kind for event in heard.events] == [EventKind.DEADLINE]

    def test_just_enough_time_is_enough(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        class Slow(Attempts):
            def __call__(self) -> str:
                clock.advance(8)
                return super().__call__()

        for total, made in ((10, 2), (9.99, 1)):
            attempt = Slow(ConnectionError(), ConnectionError())
            with pytest.raises(ConnectionError):
                call(make(total_timeout=total), attempt)
            assert attempt.made == made

    def test_a_little_time_is_time(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        with deadline_scope(0.5, monotonic=clock.clock.monotonic):
            assert call(make(), Attempts()) == "ok"

    def test_a_bound_of_the_attempt_is_known_to_threads(self, make: MakeExecutor) -> None:
        seen: list[float | None] = []
        executor = make()
        for bound in (3.0, 90.0):
            operation = Operation("work", attempt_timeout_s=bound)
            executor.run_sync(operation, lambda: seen.append(remaining_s()))
        assert seen == [3, 50]
        assert remaining_s() is None

    def test_a_call_without_time_leaves_the_count_as_it_was(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        executor = make(retry_max_attempts=1)
        assert executor.breaker is not None
        with pytest.raises(ConnectionError):
            call(executor, always())
        with deadline_scope(0, monotonic=lambda: 0.0), pytest.raises(DeadlineExceededError):
            call(executor, Attempts())
        assert executor.breaker.fail_counter == 1

    def test_an_outer_scope_is_inherited_when_it_ends_earlier(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        seen: list[float | None] = []

        class Looks(Attempts):
            def __call__(self) -> str:
                seen.append(remaining_s())
                return super().__call__()

        for outer in (10.0, 70.0):
            with deadline_scope(outer, monotonic=clock.clock.monotonic):
                call(make(), Looks())
        assert seen == [10, 50]
