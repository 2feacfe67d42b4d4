"""What opens a circuit besides failures in a row, and for how long it stays open."""

from __future__ import annotations

import pytest

from holdfast.resilience import Breaker, Events, Outcome
from holdfast.resilience.circuit import PLAIN, Tuning
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import fail, succeed


class TestOpenTime:
    def make(self, clock: ManualClock, events: Events, tuning: Tuning = PLAIN) -> Breaker:
        return Breaker(fail_max=1, reset_timeout=10, tuning=tuning, name="api", clock=clock.clock, events=events)

    def reopen(self, breaker: Breaker, clock: ManualClock, times: int) -> list[float]:
        seen = []
        for _ in range(times):
            fail(breaker)
            seen.append(breaker.retry_after or 0.0)
            clock.advance(breaker.retry_after or 0.0)
        return seen

    def test_is_constant_by_default(self, clock: ManualClock, events: Events) -> None:
        assert self.reopen(self.make(clock, events), clock, 4) == [10, 10, 10, 10]

    def test_grows_with_each_failed_test_up_to_its_maximum(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, Tuning(growth=2.0, timeout_max=60.0))
        assert self.reopen(breaker, clock, 5) == [10, 20, 40, 60, 60]

    def test_starts_over_after_a_success(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, Tuning(growth=2.0))
        self.reopen(breaker, clock, 3)
        breaker.call(succeed)
        assert self.reopen(breaker, clock, 2) == [10, 20]

    def test_starts_over_when_opened_by_hand(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, Tuning(growth=2.0))
        self.reopen(breaker, clock, 3)
        breaker.open()
        assert breaker.retry_after == 10

    def test_a_maximum_below_the_time_itself_does_not_shorten_it(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, Tuning(growth=3.0, timeout_max=1.0))
        assert self.reopen(breaker, clock, 2) == [10, 10]

    def test_grows_and_jitters_together(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, Tuning(growth=2.0, timeout_jitter=0.5))
        first, second, third = self.reopen(breaker, clock, 3)
        assert 10 <= first < 15
        assert 20 <= second < 30
        assert 40 <= third < 60

    def test_jitter_only_adds_and_differs(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, Tuning(timeout_jitter=0.5))
        seen = self.reopen(breaker, clock, 20)
        assert all(10 <= each < 15 for each in seen)
        assert len(set(seen)) == 20


class TestSecondTrigger:
    @pytest.fixture
    def breaker(self, clock: ManualClock, events: Events) -> Breaker:
        return Breaker(fail_max=3, tuning=Tuning(streak_s=3.0), name="api", clock=clock.clock, events=events)

    def attempt(self, breaker: Breaker, clock: ManualClock, takes: float) -> bool:
        permit = breaker.machine.admit()
        begun = clock.now
        clock.advance(takes)
        return breaker.machine.attempt_failed(permit, begun, ConnectionError("lost"))

    def test_enough_failed_attempts_over_enough_time_open_it(
        self, breaker: Breaker, clock: ManualClock, heard: Recorder
    ) -> None:
        assert not self.attempt(breaker, clock, 1)
        assert not self.attempt(breaker, clock, 1)
        assert self.attempt(breaker, clock, 1)
        assert breaker.current_state == "open"
        assert heard.messages == ["Circuit breaker 'api' opened after 3 failures"]
        assert breaker.fail_counter == 3
        assert breaker.machine.last_error == "ConnectionError: lost"

    def test_enough_attempts_in_too_short_a_time_do_not(self, breaker: Breaker, clock: ManualClock) -> None:
        for _ in range(10):
            assert not self.attempt(breaker, clock, 0.29)
        assert breaker.current_state == "closed"
        assert self.attempt(breaker, clock, 0.11)

    def test_enough_time_with_too_few_attempts_does_not(self, breaker: Breaker, clock: ManualClock) -> None:
        assert not self.attempt(breaker, clock, 30)
        assert not self.attempt(breaker, clock, 30)
        assert breaker.current_state == "closed"

    def test_the_time_counts_from_the_beginning_of_the_earliest_attempt(
        self, breaker: Breaker, clock: ManualClock
    ) -> None:
        permits = [breaker.machine.admit() for _ in range(3)]
        begun = clock.now
        clock.advance(2.9)
        assert not breaker.machine.attempt_failed(permits[0], begun + 2, ConnectionError())
        assert not breaker.machine.attempt_failed(permits[1], begun, ConnectionError())
        clock.advance(0.1)
        assert breaker.machine.attempt_failed(permits[2], begun + 2.5, ConnectionError())

    def test_its_time_may_be_short(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(fail_max=2, tuning=Tuning(streak_s=0.5), clock=clock.clock, events=events)
        assert not self.attempt(breaker, clock, 0.25)
        assert self.attempt(breaker, clock, 0.25)

    def test_a_success_ends_the_streak(self, breaker: Breaker, clock: ManualClock) -> None:
        self.attempt(breaker, clock, 2)
        self.attempt(breaker, clock, 2)
        breaker.call(succeed)
        assert not self.attempt(breaker, clock, 5)
        assert not self.attempt(breaker, clock, 5)
        assert self.attempt(breaker, clock, 0)

    def test_is_off_when_its_time_is_zero(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(fail_max=3, clock=clock.clock, events=events)
        for _ in range(20):
            assert not self.attempt(breaker, clock, 10)
        assert breaker.current_state == "closed"

    def test_attempts_of_an_older_generation_are_ignored(self, breaker: Breaker, clock: ManualClock) -> None:
        old = breaker.machine.admit()
        breaker.open()
        breaker.close()
        for _ in range(5):
            assert not breaker.machine.attempt_failed(old, clock.now - 100, ConnectionError())
        assert breaker.machine.last_error is None


class TestWindow:
    def make(self, clock: ManualClock, events: Events, **tuning: float | int | None) -> Breaker:
        chosen = Tuning(window_s=60.0, window_min_calls=10, **tuning)  # type: ignore[arg-type]  # numbers for numbers
        return Breaker(fail_max=1_000, tuning=chosen, name="api", clock=clock.clock, events=events)

    def test_a_share_of_failures_opens_it_without_any_row(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, failure_rate=0.5)
        for _ in range(4):
            breaker.call(succeed)
            fail(breaker)
        breaker.call(succeed)
        assert breaker.current_state == "closed"
        assert breaker.machine.rates() == (9, 4 / 9, 0.0)
        fail(breaker)
        assert breaker.current_state == "open"

    def test_too_few_calls_say_nothing(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, failure_rate=0.1)
        fail(breaker, 9)
        assert breaker.current_state == "closed"

    def test_what_is_older_than_the_window_is_forgotten(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, failure_rate=0.5)
        fail(breaker, 9)
        clock.advance(61)
        fail(breaker, 9)
        assert breaker.current_state == "closed"
        assert breaker.machine.rates() == (9, 1.0, 0.0)

    def test_slow_calls_open_it_though_they_succeed(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, slow_call_s=5.0, slow_rate=0.8)
        for number in range(10):
            assert breaker.current_state == "closed"
            elapsed = 4.999 if number in (3, 4) else 5.0
            breaker.machine.settle(breaker.machine.admit(), Outcome.SUCCESS, None, elapsed)
        assert breaker.current_state == "open"

    def test_a_call_without_a_duration_is_not_slow(self, clock: ManualClock, events: Events) -> None:
        machine = self.make(clock, events, slow_call_s=0.001).machine
        machine.settle(machine.admit(), Outcome.SUCCESS)
        assert machine.rates() == (1, 0.0, 0.0)

    def test_slow_calls_through_the_breaker_alone_are_measured(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, slow_call_s=5.0, slow_rate=1.0)

        def slow(fails: bool) -> None:
            clock.advance(5)
            if fails:
                raise ConnectionError

        for number in range(10):
            assert breaker.current_state == "closed"
            if number % 5 == 0:
                with pytest.raises(ConnectionError):
                    breaker.call(slow, True)
            else:
                breaker.call(slow, False)
        assert breaker.current_state == "open"

    def test_quick_calls_through_the_breaker_alone_are_not_slow(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, slow_call_s=5.0, slow_rate=0.1, failure_rate=1.0)

        def quick(fails: bool) -> None:
            clock.advance(4.9)
            if fails:
                raise ConnectionError

        for number in range(10):
            if number % 5 == 0:
                with pytest.raises(ConnectionError):
                    breaker.call(quick, True)
            else:
                breaker.call(quick, False)
        assert breaker.current_state == "closed"
        assert breaker.machine.rates() == (10, 0.2, 0.0)

    def test_closing_empties_it(self, clock: ManualClock, events: Events) -> None:
        breaker = self.make(clock, events, failure_rate=0.5)
        fail(breaker, 10)
        clock.advance(60)
        breaker.call(succeed)
        assert breaker.machine.rates() == (0, 0.0, 0.0)

    def test_without_one_there_are_no_rates(self, breaker_without_window: Breaker) -> None:
        assert breaker_without_window.machine.rates() is None

    @pytest.fixture
    def breaker_without_window(self) -> Breaker:
        return Breaker()
