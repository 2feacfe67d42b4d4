"""How a circuit moves: closed, open, half-open, isolated."""

from __future__ import annotations

import pybreaker
import pytest

from holdfast.resilience import Breaker, CircuitOpenError, EventKind, Events, Outcome
from holdfast.resilience.machine import Machine
from holdfast.resilience.testing import START, ManualClock, Recorder
from tests.resilience.conftest import always, fail, succeed


class TestClosed:
    def test_a_new_circuit_is_closed_and_says_so(self, breaker: Breaker) -> None:
        assert breaker.current_state == "closed"
        assert breaker.fail_counter == 0
        assert breaker.opened_at is None
        assert breaker.retry_after == 0.0

    def test_results_and_arguments_pass_through(self, breaker: Breaker) -> None:
        assert breaker.call(lambda a, b: (a, b), 1, b=2) == (1, 2)

    def test_the_third_failure_in_a_row_opens_it_and_raises_its_own_error(self, breaker: Breaker) -> None:
        fail(breaker, 2)
        assert breaker.current_state == "closed"
        assert breaker.fail_counter == 2
        fail(breaker)
        assert breaker.current_state == "open"
        assert breaker.fail_counter == 3

    def test_a_success_clears_the_count(self, breaker: Breaker) -> None:
        fail(breaker, 2)
        breaker.call(succeed)
        assert breaker.fail_counter == 0
        fail(breaker, 2)
        assert breaker.current_state == "closed"

    def test_an_excluded_error_neither_counts_nor_clears(self, breaker: Breaker) -> None:
        fail(breaker, 2)
        with pytest.raises(ValueError, match="bad"):
            breaker.call(always(lambda: ValueError("bad")))
        assert breaker.fail_counter == 2
        fail(breaker)
        assert breaker.current_state == "open"

    def test_a_predicate_can_exclude(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(fail_max=1, exclude=[lambda error: "weather" in str(error)], clock=clock.clock, events=events)
        with pytest.raises(ConnectionError):
            breaker.call(always(lambda: ConnectionError("bad weather")))
        assert breaker.current_state == "closed"
        with pytest.raises(ConnectionError):
            breaker.call(always())
        assert breaker.current_state == "open"

    def test_a_predicate_that_fails_costs_neither_the_permit_nor_the_count(
        self, clock: ManualClock, events: Events
    ) -> None:
        def broken(error: BaseException) -> bool:
            raise RuntimeError("broken predicate")

        breaker = Breaker(fail_max=1, reset_timeout=1, exclude=[broken], clock=clock.clock, events=events)
        for _ in range(2):
            clock.advance(2)
            with pytest.raises(RuntimeError, match="broken predicate"):
                breaker.call(always(lambda: ConnectionError("gone")))
            assert breaker.fail_counter > 0
            assert breaker.machine.last_error == "ConnectionError: gone"
        clock.advance(2)
        assert breaker.call(succeed) == "ok"

    def test_exclusions_can_be_added_and_taken_back(self, breaker: Breaker) -> None:
        breaker.add_excluded_exceptions(ConnectionError, KeyError)
        assert breaker.excluded_exceptions == (ValueError, ConnectionError, KeyError)
        fail(breaker, 5)
        assert breaker.current_state == "closed"
        breaker.remove_excluded_exception(ConnectionError)
        fail(breaker, 3)
        assert breaker.current_state == "open"
        with pytest.raises(ValueError):
            breaker.remove_excluded_exception(ConnectionError)


class TestOpen:
    def test_rejects_without_calling_and_tells_everything_a_caller_needs(
        self, breaker: Breaker, clock: ManualClock
    ) -> None:
        for _ in range(3):
            with pytest.raises(ConnectionError):
                breaker.call(always(lambda: ConnectionError("no route")))
        clock.advance(18)
        attempt = always()
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(attempt)
        error = caught.value
        assert attempt.made == 0
        assert isinstance(error, pybreaker.CircuitBreakerError)
        assert error.name == "api"
        assert error.retry_after == 42
        assert error.isolated is False
        assert error.opened_at is not None
        assert error.opened_at.isoformat() == "2024-01-01T12:00:00+00:00"
        assert error.last_failure == error.opened_at
        assert error.last_error == "ConnectionError: no route"
        assert str(error) == (
            "Circuit breaker 'api' is open; the call was not made, try again in 42s "
            "(last failure: ConnectionError: no route)"
        )

    def test_stays_open_until_the_last_moment(self, breaker: Breaker, clock: ManualClock) -> None:
        fail(breaker, 3)
        clock.advance(59.999)
        assert breaker.current_state == "open"
        with pytest.raises(CircuitOpenError):
            breaker.call(succeed)
        clock.advance(0.001)
        assert breaker.current_state == "half-open"
        assert breaker.call(succeed) == "ok"

    def test_is_half_open_for_whoever_looks_once_the_time_is_over(self, breaker: Breaker, clock: ManualClock) -> None:
        fail(breaker, 3)
        assert breaker.retry_after == 60
        clock.advance(60)
        assert breaker.current_state == "half-open"
        assert breaker.state.name == "half-open"
        assert breaker.retry_after == 0.0

    def test_looking_changes_nothing_and_tells_nobody(
        self, breaker: Breaker, clock: ManualClock, heard: Recorder
    ) -> None:
        fail(breaker, 3)
        clock.advance(60)
        assert breaker.current_state == "half-open"
        assert heard.of(EventKind.HALF_OPEN) == []

    def test_a_shorter_time_given_while_open_counts_from_the_opening(
        self, breaker: Breaker, clock: ManualClock
    ) -> None:
        fail(breaker, 3)
        clock.advance(10)
        breaker.reset_timeout = 10
        assert breaker.reset_timeout == 10
        assert breaker.current_state == "half-open"

    def test_opening_by_hand_tells_the_failures_so_far(self, breaker: Breaker, heard: Recorder) -> None:
        fail(breaker, 2)
        breaker.open()
        assert heard.messages == ["Circuit breaker 'api' opened after 2 failures"]

    def test_its_events_tell_when_why_and_for_how_long(
        self, breaker: Breaker, clock: ManualClock, heard: Recorder
    ) -> None:
        clock.advance(7)
        for _ in range(3):
            with pytest.raises(ConnectionError):
                breaker.call(always(lambda: ConnectionError("gone")))
        breaker.close()
        opened, closed = heard.events
        assert (opened.at, opened.error, opened.wait_s) == (START + 7, "ConnectionError: gone", 60)
        assert (closed.at, closed.wait_s) == (START + 7, 0)

    def test_an_error_without_words_is_kept_by_its_type(self, breaker: Breaker) -> None:
        fail(breaker)
        assert breaker.machine.last_error == "ConnectionError"

    def test_a_machine_without_observer_keeps_the_words_as_they_are(self, clock: ManualClock) -> None:
        machine = Machine("bare", 1, 60, 1, clock=clock.clock)
        machine.settle(machine.admit(), Outcome.FAILURE, ConnectionError("gone"))
        assert machine.state == "open"
        assert machine.last_error == "ConnectionError: gone"

    def test_can_be_opened_by_hand(self, breaker: Breaker, clock: ManualClock) -> None:
        assert breaker.open() is False
        with pytest.raises(CircuitOpenError):
            breaker.call(succeed)
        clock.advance(60)
        assert breaker.call(succeed) == "ok"

    def test_rejections_are_summed_up_once_a_minute_and_at_the_end(
        self, breaker: Breaker, clock: ManualClock, heard: Recorder
    ) -> None:
        breaker.reset_timeout = 100
        fail(breaker, 3)

        def reject(times: int) -> None:
            for _ in range(times):
                with pytest.raises(CircuitOpenError):
                    breaker.call(succeed)

        reject(5)
        assert heard.of(EventKind.REJECTED) == []
        clock.advance(60)
        reject(1)
        assert [event.count for event in heard.of(EventKind.REJECTED)] == [6]
        reject(2)
        clock.advance(40)
        breaker.call(succeed)
        assert [event.count for event in heard.of(EventKind.REJECTED)] == [6, 2]
        assert breaker.machine.rejected == 8

    def test_no_summary_is_made_of_nothing(self, breaker: Breaker, clock: ManualClock, heard: Recorder) -> None:
        fail(breaker, 3)
        clock.advance(60)
        breaker.call(succeed)
        assert heard.of(EventKind.REJECTED) == []

    def test_the_tripping_call_may_raise_the_new_error_if_that_is_wanted(
        self, clock: ManualClock, events: Events
    ) -> None:
        breaker = Breaker(fail_max=1, throw_new_error_on_trip=True, name="api", clock=clock.clock, events=events)
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(always(lambda: ConnectionError("first cause")))
        assert isinstance(caught.value.__cause__, ConnectionError)
        assert caught.value.retry_after == 60
        assert caught.value.last_error == "ConnectionError: first cause"
        assert caught.value.opened_at is not None
        assert caught.value.last_failure is not None
        assert breaker.open() is True


class TestHalfOpen:
    @pytest.fixture
    def half_open(self, breaker: Breaker, clock: ManualClock) -> Breaker:
        fail(breaker, 3)
        clock.advance(60)
        return breaker

    def test_one_success_closes_it_and_clears_everything(self, half_open: Breaker) -> None:
        assert half_open.call(succeed) == "ok"
        assert half_open.current_state == "closed"
        assert half_open.fail_counter == 0
        assert half_open.opened_at is None

    def test_one_failure_opens_it_again_for_the_whole_time(self, half_open: Breaker, clock: ManualClock) -> None:
        fail(half_open)
        assert half_open.current_state == "open"
        assert half_open.retry_after == 60
        assert half_open.fail_counter == 4
        clock.advance(60)
        assert half_open.current_state == "half-open"

    def test_an_excluded_error_leaves_it_half_open_for_the_next_call(self, half_open: Breaker) -> None:
        with pytest.raises(ValueError):
            half_open.call(always(ValueError))
        assert half_open.current_state == "half-open"
        assert half_open.call(succeed) == "ok"
        assert half_open.current_state == "closed"

    def test_what_failed_then_is_told_and_kept(self, half_open: Breaker, heard: Recorder) -> None:
        with pytest.raises(ConnectionError):
            half_open.call(always(lambda: ConnectionError("still gone")))
        assert half_open.machine.last_error == "ConnectionError: still gone"
        assert heard.messages[-1] == "Circuit breaker 'api' opened after 4 failures"

    def test_a_failed_test_raises_the_new_error_if_that_is_wanted(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(name="api", throw_new_error_on_trip=True, clock=clock.clock, events=events)
        breaker.half_open()
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(always())
        assert caught.value.name == "api"
        breaker.half_open()
        assert breaker.call(succeed) == "ok"

    def test_only_one_call_is_let_through_at_a_time(self, half_open: Breaker) -> None:
        with half_open.calling():
            with pytest.raises(CircuitOpenError) as caught:
                half_open.call(succeed)
            assert caught.value.retry_after == 1.0
            assert half_open.retry_after == 1.0
        assert half_open.current_state == "closed"

    def test_only_a_failed_test_opens_it_and_says_so(self, half_open: Breaker) -> None:
        machine = half_open.machine
        assert machine.settle(machine.admit(), Outcome.NEUTRAL) is False
        assert machine.settle(machine.admit(), Outcome.FAILURE, ConnectionError()) is True
        half_open.half_open()
        assert machine.settle(machine.admit(), Outcome.SUCCESS) is False

    def test_a_test_call_that_never_ends_is_taken_for_lost(self, half_open: Breaker, clock: ManualClock) -> None:
        lost = half_open.machine.admit()
        clock.advance(59.5)
        with pytest.raises(CircuitOpenError) as caught:
            half_open.call(succeed)
        assert caught.value.retry_after == pytest.approx(0.5)
        assert half_open.retry_after == pytest.approx(0.5)
        clock.advance(0.5)
        assert half_open.call(succeed) == "ok"
        assert half_open.current_state == "closed"
        assert lost.generation != half_open.machine.generation

    def test_the_result_of_a_call_taken_for_lost_is_ignored(self, half_open: Breaker, clock: ManualClock) -> None:
        lost = half_open.machine.admit()
        clock.advance(60)
        current = half_open.machine.admit()
        half_open.machine.settle(lost, Outcome.FAILURE, ConnectionError())
        assert half_open.current_state == "half-open"
        with pytest.raises(CircuitOpenError):
            half_open.call(succeed)  # the current test call still holds the permit
        half_open.machine.settle(current, Outcome.SUCCESS)
        assert half_open.current_state == "closed"
        assert half_open.machine.stale == 1

    def test_several_successes_may_be_asked_for(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(fail_max=1, reset_timeout=10, success_threshold=2, clock=clock.clock, events=events)
        assert breaker.success_threshold == 2
        with pytest.raises(ConnectionError):
            breaker.call(always())
        clock.advance(10)
        breaker.call(succeed)
        assert breaker.current_state == "half-open"
        assert breaker.success_counter == 1
        breaker.call(succeed)
        assert breaker.current_state == "closed"
        assert breaker.success_counter == 0

    def test_a_failure_among_them_starts_over(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(fail_max=1, reset_timeout=10, success_threshold=1, clock=clock.clock, events=events)
        breaker.success_threshold = 2
        with pytest.raises(ConnectionError):
            breaker.call(always())
        clock.advance(10)
        breaker.call(succeed)
        fail(breaker)
        clock.advance(10)
        breaker.call(succeed)
        assert breaker.current_state == "half-open"

    def test_can_be_reached_by_hand_and_half_opening_twice_is_once(
        self, breaker: Breaker, clock: ManualClock, heard: Recorder
    ) -> None:
        breaker.open()
        breaker.half_open()
        breaker.half_open()
        assert breaker.current_state == "half-open"
        assert len(heard.of(EventKind.HALF_OPEN)) == 1
        assert breaker.call(succeed) == "ok"

    def test_a_new_circuit_half_opened_by_hand_tells_only_that(self, breaker: Breaker, heard: Recorder) -> None:
        breaker.half_open()
        assert heard.messages == ["Circuit breaker 'api' half-open, testing connection"]

    def test_closing_by_hand_forgets_the_failures(self, half_open: Breaker) -> None:
        half_open.close()
        assert half_open.current_state == "closed"
        assert half_open.fail_counter == 0


class TestStaleResults:
    def test_a_failure_of_the_last_generation_does_not_push_the_open_time_back(
        self, breaker: Breaker, clock: ManualClock
    ) -> None:
        slow = breaker.calling()
        slow.__enter__()
        fail(breaker, 3)
        clock.advance(30)
        lost = ConnectionError()
        with pytest.raises(ConnectionError):
            slow.gen.throw(lost)
        assert breaker.retry_after == 30
        assert breaker.machine.stale == 1

    def test_a_success_of_the_last_generation_does_not_close_an_open_circuit(self, breaker: Breaker) -> None:
        slow = breaker.calling()
        slow.__enter__()
        fail(breaker, 3)
        slow.__exit__(None, None, None)
        assert breaker.current_state == "open"

    def test_a_success_of_the_last_generation_does_not_clear_the_new_count(
        self, breaker: Breaker, clock: ManualClock
    ) -> None:
        slow = breaker.calling()
        slow.__enter__()
        fail(breaker, 3)
        clock.advance(60)
        breaker.call(succeed)
        fail(breaker, 2)
        slow.__exit__(None, None, None)
        assert breaker.fail_counter == 2

    def test_settling_twice_counts_once(self, breaker: Breaker) -> None:
        permit = breaker.machine.admit()
        breaker.machine.settle(permit, Outcome.FAILURE)
        breaker.machine.settle(permit, Outcome.FAILURE)
        assert breaker.fail_counter == 1
        assert breaker.machine.total_failures == 1


class TestIsolated:
    def test_rejects_for_as_long_as_it_takes(self, breaker: Breaker, clock: ManualClock, heard: Recorder) -> None:
        breaker.isolate("firmware update")
        clock.advance(100_000)
        assert breaker.isolated is True
        assert breaker.current_state == "open"
        assert breaker.retry_after is None
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(succeed)
        assert caught.value.retry_after is None
        assert caught.value.isolated is True
        assert str(caught.value) == "Circuit breaker 'api' is held open by an operator; the call was not made"
        assert heard.messages[0] == "Circuit breaker 'api' held open by an operator: firmware update"

    def test_neither_half_opening_nor_a_probe_ends_it(self, breaker: Breaker) -> None:
        breaker.isolate()
        breaker.half_open()
        assert breaker.machine.probe_succeeded(breaker.machine.generation) is False
        assert breaker.current_state == "open"
        assert breaker.machine.isolated == "maintenance"

    def test_release_lets_one_call_test(self, breaker: Breaker, heard: Recorder) -> None:
        breaker.isolate()
        breaker.release()
        assert breaker.isolated is False
        assert breaker.current_state == "half-open"
        assert breaker.call(succeed) == "ok"
        assert [event.kind for event in heard.events] == [
            EventKind.ISOLATED,
            EventKind.RELEASED,
            EventKind.HALF_OPEN,
            EventKind.CLOSED,
        ]

    def test_release_of_what_is_not_isolated_changes_nothing(self, breaker: Breaker, heard: Recorder) -> None:
        breaker.release()
        assert breaker.current_state == "closed"
        assert heard.events == []

    def test_listeners_hear_of_the_states_in_between(
        self, breaker: Breaker, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        moves: list[tuple[str, str]] = []

        class Listener(pybreaker.CircuitBreakerListener):
            def state_change(
                self,
                cb: pybreaker.CircuitBreaker,
                old_state: pybreaker.CircuitBreakerState | None,
                new_state: pybreaker.CircuitBreakerState,
            ) -> None:
                assert old_state is not None
                moves.append((old_state.name, new_state.name))

        breaker.add_listener(Listener())
        breaker.isolate()
        for after in (0, 60):
            clock.advance(after)
            with pytest.raises(CircuitOpenError):
                breaker.call(succeed)
        breaker.release()
        breaker.isolate()
        breaker.close()
        assert moves == [("closed", "open"), ("open", "half-open"), ("half-open", "open"), ("open", "closed")]
        assert caplog.records == []

    def test_it_has_a_time_and_its_rejections_are_summed_up(
        self, breaker: Breaker, clock: ManualClock, heard: Recorder
    ) -> None:
        clock.advance(5)
        breaker.isolate()
        assert breaker.opened_at is not None
        assert breaker.opened_at.isoformat() == "2024-01-01T12:00:05+00:00"
        for after, told in ((0, []), (59, []), (1, [3])):
            clock.advance(after)
            with pytest.raises(CircuitOpenError):
                breaker.call(succeed)
            assert [event.count for event in heard.of(EventKind.REJECTED)] == told

    def test_isolating_twice_keeps_the_first_reason(self, breaker: Breaker, heard: Recorder) -> None:
        breaker.isolate("first")
        breaker.isolate("second")
        assert breaker.machine.isolated == "first"
        assert len(heard.events) == 1

    def test_closing_ends_it(self, breaker: Breaker) -> None:
        breaker.isolate()
        breaker.close()
        assert breaker.call(succeed) == "ok"

    def test_results_of_calls_that_were_under_way_are_ignored(self, breaker: Breaker) -> None:
        slow = breaker.calling()
        slow.__enter__()
        breaker.isolate()
        slow.__exit__(None, None, None)
        assert breaker.current_state == "open"
