"""Calls through an executor, in all four ways: coroutine and thread, the short way and the long one."""

from __future__ import annotations

import logging
from typing import cast

import pybreaker
import pytest

from holdfast.resilience import (
    Breaker,
    CircuitOpenError,
    EventKind,
    Events,
    Executor,
    Operation,
    Outcome,
    Policy,
    Retry,
    Verdict,
    get_circuit_breaker_metrics,
    remaining_s,
)
from holdfast.resilience.circuit import Tuning
from holdfast.resilience.executor import make_breaker
from holdfast.resilience.testing import START, ManualClock, Recorder
from tests.resilience.conftest import Attempts, MakeExecutor, always
from tests.resilience.ways import Way


class TestSuccess:
    def test_the_answer_comes_back_and_is_counted(self, make: MakeExecutor, call: Way) -> None:
        executor = make()
        assert call(executor, Attempts(answer="fine")) == "fine"
        assert executor.stats.successes == 1
        assert executor.stats.calls() == 1
        assert executor.breaker is not None
        assert executor.breaker.machine.successes == 1
        assert executor.in_flight == 0
        assert executor.waiting == 0

    def test_its_duration_is_measured(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        executor = make()

        durations = [0.005, 0.006, 0.4, 100]

        class Slow(Attempts):
            def __call__(self) -> str:
                clock.advance(durations[executor.stats.successes])
                return super().__call__()

        for _ in durations:
            call(executor, Slow())
        assert executor.stats.latency_sum_s == pytest.approx(100.411)
        buckets = executor.stats.buckets()
        assert (buckets[0], buckets[1], buckets[6], buckets[-1]) == (1, 1, 1, 1)
        assert sum(buckets) == 4
        assert executor.breaker is not None
        assert executor.breaker.machine.successes == 4

    def test_an_attempt_knows_how_much_time_it_has(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        seen: list[float | None] = []

        class Looks(Attempts):
            def __call__(self) -> str:
                clock.advance(7)
                seen.append(remaining_s())
                return super().__call__()

        call(make(), Looks())
        assert seen == [43]
        assert remaining_s() is None


class TestRetries:
    def test_transient_failures_are_repeated_with_the_guides_waits(
        self, make: MakeExecutor, call: Way, clock: ManualClock, heard: Recorder
    ) -> None:
        executor = make()
        attempt = Attempts(ConnectionError("Connection error"), ConnectionError("Connection error"))
        assert call(executor, attempt) == "ok"
        assert attempt.made == 3
        assert clock.sleeps == [1, 2]
        assert heard.messages == [
            "Retry attempt 1/3 failed: Connection error, retrying in 1s...",
            "Retry attempt 2/3 failed: Connection error, retrying in 2s...",
        ]
        assert executor.stats.retries == 2
        assert executor.stats.attempt_failures == 2
        assert executor.stats.failures == 0
        assert executor.stats.successes == 1
        event = heard.events[1]
        assert event.kind is EventKind.RETRY
        assert (event.name, event.operation, event.attempt, event.max_attempts) == ("api", "work", 2, 3)
        assert (event.wait_s, event.error, event.error_type) == (2, "Connection error", "ConnectionError")
        assert event.at == START + 1
        assert event.level == logging.WARNING

    def test_it_gives_up_with_the_last_error_itself(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        executor = make()
        errors = [ConnectionError("one"), ConnectionError("two"), ConnectionError("three")]
        with pytest.raises(ConnectionError) as caught:
            call(executor, Attempts(*errors))
        assert caught.value is errors[2]
        assert clock.sleeps == [1, 2]
        assert executor.stats.failures == 1
        assert executor.stats.attempt_failures == 3
        assert executor.breaker is not None
        assert executor.breaker.fail_counter == 1

    def test_an_operation_not_declared_safe_is_not_repeated_when_it_may_have_run(
        self, make: MakeExecutor, call: Way
    ) -> None:
        attempt = always(TimeoutError)
        with pytest.raises(TimeoutError):
            call(make(), attempt, retry_safe=False)
        assert attempt.made == 1

    def test_it_is_repeated_when_nothing_was_sent(self, make: MakeExecutor, call: Way) -> None:
        attempt = Attempts(ConnectionRefusedError(), ConnectionRefusedError())
        assert call(make(), attempt, retry_safe=False) == "ok"
        assert attempt.made == 3

    def test_a_neutral_error_ends_the_call_at_once_and_counts_for_nothing(self, make: MakeExecutor, call: Way) -> None:
        executor = make(circuit_breaker_fail_max=1)
        attempt = always(lambda: ValueError("wrong"))
        with pytest.raises(ValueError, match="wrong"):
            call(executor, attempt)
        assert attempt.made == 1
        assert executor.breaker is not None
        assert executor.breaker.current_state == "closed"
        assert executor.stats.neutral == 1
        assert executor.stats.attempt_failures == 0

    def test_an_unknown_error_counts_and_is_not_repeated(self, make: MakeExecutor, call: Way) -> None:
        executor = make(circuit_breaker_fail_max=1)
        attempt = always(lambda: RuntimeError("odd"))
        with pytest.raises(RuntimeError, match="odd"):
            call(executor, attempt)
        assert attempt.made == 1
        assert executor.breaker is not None
        assert executor.breaker.current_state == "open"

    def test_attempts_can_be_limited_to_one(self, make: MakeExecutor, call: Way) -> None:
        attempt = always()
        with pytest.raises(ConnectionError):
            call(make(retry_max_attempts=1), attempt)
        assert attempt.made == 1

    def test_the_formula_can_be_multiplied(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        call(make(retry_multiplier=3), Attempts(ConnectionError(), ConnectionError()))
        assert clock.sleeps == [3, 6]

    def test_the_kind_of_error_may_change_between_attempts(self, make: MakeExecutor, call: Way) -> None:
        attempt = Attempts(ConnectionError(), ValueError("no such thing"))
        executor = make()
        with pytest.raises(ValueError, match="no such thing"):
            call(executor, attempt)
        assert attempt.made == 2
        assert executor.stats.neutral == 1
        assert executor.stats.failures == 0

    def test_an_error_classified_as_success_is_one_for_the_circuit(self, make: MakeExecutor, call: Way) -> None:
        executor = make(classify=lambda error: Verdict(Outcome.SUCCESS, Retry.ALWAYS))
        attempt = always(lambda: KeyError("absent"))
        with pytest.raises(KeyError):
            call(executor, attempt)
        assert attempt.made == 1
        assert executor.stats.successes == 1
        assert executor.breaker is not None
        assert executor.breaker.machine.successes == 1

    def test_a_classifier_that_fails_does_not_hide_the_failure(
        self, make: MakeExecutor, call: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(error: BaseException) -> Verdict:
            raise KeyError("no such error")

        executor = make(classify=broken)
        with pytest.raises(ConnectionError):
            call(executor, always())
        assert executor.stats.failures == 1
        assert {record.getMessage() for record in caplog.records} == {"The classifier of 'api' failed"}

    def test_an_empty_error_is_told_by_its_type(self, make: MakeExecutor, call: Way, heard: Recorder) -> None:
        call(make(), Attempts(TimeoutError()))
        assert heard.messages == ["Retry attempt 1/3 failed: TimeoutError, retrying in 1s..."]

    def test_the_wait_can_be_jittered_inside_the_maximum(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        call(make(retry_jitter=0.25, retry_max_wait=2), Attempts(ConnectionError(), ConnectionError()))
        first, second = clock.sleeps
        assert 1 < first < 1.25
        assert second == 2

    def test_an_error_keeps_no_cycle_of_contexts(self, make: MakeExecutor, call: Way) -> None:
        error = ConnectionError("last")
        with pytest.raises(ConnectionError) as caught:
            call(make(), Attempts(ConnectionError("first"), ConnectionError("second"), error))
        seen: list[BaseException] = []
        cause: BaseException | None = caught.value
        while cause is not None:
            assert cause not in seen
            seen.append(cause)
            cause = cause.__cause__ or cause.__context__


class TestCircuit:
    def test_five_failed_calls_open_it_and_the_sixth_is_not_made(
        self, make: MakeExecutor, call: Way, heard: Recorder
    ) -> None:
        executor = make(retry_max_attempts=1)
        attempt = always()
        for _ in range(5):
            with pytest.raises(ConnectionError):
                call(executor, attempt)
        with pytest.raises(CircuitOpenError) as caught:
            call(executor, attempt)
        assert attempt.made == 5
        assert caught.value.name == "api"
        assert caught.value.retry_after == 60
        assert executor.stats.rejected == 1
        assert executor.stats.calls() == 5
        assert heard.messages == ["Circuit breaker 'api' opened after 5 failures"]
        assert executor.in_flight == 0

    def test_a_call_with_all_its_attempts_is_one_failure(self, make: MakeExecutor, call: Way) -> None:
        executor = make(circuit_breaker_fail_max=2, circuit_breaker_streak=0)
        attempt = always()
        for _ in range(2):
            with pytest.raises(ConnectionError):
                call(executor, attempt)
        with pytest.raises(CircuitOpenError):
            call(executor, attempt)
        assert attempt.made == 6

    def test_failed_attempts_over_three_seconds_open_it_in_mid_call_and_end_the_call(
        self, make: MakeExecutor, call: Way, clock: ManualClock, heard: Recorder
    ) -> None:
        executor = make(circuit_breaker_fail_max=3, retry_max_attempts=5)
        attempt = always(lambda: ConnectionError("gone"))
        with pytest.raises(ConnectionError) as caught:
            call(executor, attempt)
        assert attempt.made == 3
        assert clock.sleeps == [1, 2]
        assert caught.value.__notes__ == ["Not repeated: the circuit opened."]
        assert executor.breaker is not None
        assert executor.breaker.machine.last_error == "ConnectionError: gone"
        assert heard.messages[2:] == [
            "Circuit breaker 'api' opened after 3 failures",
            "'work' of 'api' not repeated: the circuit opened (gone)",
        ]

    def test_a_circuit_that_opens_during_the_wait_ends_the_call_with_its_own_error(
        self, clock: ManualClock, call: Way, make: MakeExecutor
    ) -> None:
        executor = make()
        breaker = executor.breaker
        assert breaker is not None
        errors = [ConnectionError("mine"), ConnectionError("never made")]

        clock.when_slept = breaker.open
        attempt = Attempts(*errors)
        with pytest.raises(ConnectionError) as caught:
            call(executor, attempt)
        assert caught.value is errors[0]
        assert attempt.made == 1
        assert caught.value.__notes__ == ["Not repeated: the circuit opened."]
        assert executor.in_flight == 0

    def test_a_circuit_that_opened_and_closed_during_the_wait_lets_the_call_go_on(
        self, clock: ManualClock, call: Way, make: MakeExecutor
    ) -> None:
        executor = make()
        breaker = executor.breaker
        assert breaker is not None

        def open_and_close() -> None:
            breaker.open()
            breaker.close()

        clock.when_slept = open_and_close
        assert call(executor, Attempts(ConnectionError())) == "ok"
        assert breaker.machine.stale == 0
        assert breaker.machine.successes == 1

    def test_a_circuit_that_opened_and_closed_during_the_attempt_lets_the_call_go_on(
        self, call: Way, make: MakeExecutor
    ) -> None:
        executor = make()
        assert executor.breaker is not None
        breaker: Breaker = executor.breaker

        class Shakes(Attempts):
            def __call__(self) -> str:
                breaker.open()
                breaker.close()
                return super().__call__()

        attempt = Shakes(ConnectionError())
        assert call(executor, attempt) == "ok"
        assert attempt.made == 2

    def test_a_retry_that_becomes_the_test_of_the_circuit_has_a_lease(
        self, call: Way, make: MakeExecutor, clock: ManualClock
    ) -> None:
        executor = make(total_timeout=20)
        assert executor.breaker is not None
        breaker: Breaker = executor.breaker

        def half_open() -> None:
            breaker.open()
            breaker.half_open()

        class Long(Attempts):
            def __call__(self) -> str:
                if self.made == 1:  # nineteen of twenty seconds are left, and one more of grace
                    clock.advance(19.9)
                    with pytest.raises(CircuitOpenError):
                        breaker.machine.admit()
                    clock.advance(0.1)
                    assert breaker.machine.admit().probe
                return super().__call__()

        clock.when_slept = half_open
        attempt = Long(ConnectionError())
        assert call(executor, attempt) == "ok"
        assert attempt.made == 2

    def test_the_lease_of_a_test_with_little_time_is_short(self, make: MakeExecutor, clock: ManualClock) -> None:
        executor = make()
        assert executor.breaker is not None
        breaker: Breaker = executor.breaker
        breaker.half_open()

        def overruns() -> str:
            clock.advance(1.4)
            with pytest.raises(CircuitOpenError):
                breaker.machine.admit()
            clock.advance(0.1)
            assert breaker.machine.admit().probe
            return "ok"

        assert executor.run_sync(Operation("work", total_timeout_s=0.5), overruns) == "ok"

    def test_the_one_call_that_tests_the_circuit_is_not_repeated(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        executor = make(circuit_breaker_fail_max=1)
        assert executor.breaker is not None
        executor.breaker.open()
        clock.advance(60)
        attempt = always()
        with pytest.raises(ConnectionError):
            call(executor, attempt)
        assert attempt.made == 1
        assert executor.breaker.current_state == "open"
        clock.advance(60)
        assert call(executor, Attempts()) == "ok"
        assert executor.breaker.current_state == "closed"

    def test_a_success_after_retries_clears_the_count(self, make: MakeExecutor, call: Way) -> None:
        executor = make()
        assert executor.breaker is not None
        for _ in range(4):
            with pytest.raises(RuntimeError):
                call(executor, always(RuntimeError))
        assert executor.breaker.fail_counter == 4
        call(executor, Attempts(ConnectionError()))
        assert executor.breaker.fail_counter == 0

    def test_without_a_breaker_nothing_is_ever_refused(self, make: MakeExecutor, call: Way) -> None:
        executor = make(circuit_breaker_enabled=False, circuit_breaker_fail_max=1, retry_max_attempts=1)
        assert executor.breaker is None
        attempt = always()
        for _ in range(20):
            with pytest.raises(ConnectionError):
                call(executor, attempt)
        assert attempt.made == 20
        assert call(executor, Attempts()) == "ok"
        assert executor.stats.failures == 20

    def test_without_a_breaker_calls_are_still_repeated(
        self, make: MakeExecutor, call: Way, clock: ManualClock
    ) -> None:
        assert call(make(circuit_breaker_enabled=False), Attempts(ConnectionError(), ConnectionError())) == "ok"
        assert clock.sleeps == [1, 2]


class TestTelling:
    def test_error_texts_are_redacted_everywhere(self, clock: ManualClock, call: Way) -> None:
        heard = Recorder()
        events = Events(heard, redact=lambda text: text.replace("hunter2", "***"))
        executor = Executor("api", Policy(circuit_breaker_fail_max=1), clock=clock.clock, events=events)
        with pytest.raises(ConnectionError):
            call(executor, always(lambda: ConnectionError("password hunter2 refused")))
        with pytest.raises(CircuitOpenError) as caught:
            call(executor, Attempts())
        told = " ".join([*heard.messages, str(caught.value), str(get_circuit_breaker_metrics(executor.breaker))])
        told += "".join(str(event.facts()) for event in heard.events)
        assert "hunter2" not in told
        assert "password *** refused" in told

    def test_listeners_of_the_breaker_hear_the_calls(self, make: MakeExecutor, call: Way) -> None:
        executor = make(retry_max_attempts=1)
        breaker = executor.breaker
        assert breaker is not None
        heard: list[object] = []

        class Counts(pybreaker.CircuitBreakerListener):
            def before_call(self, cb: object, func: object, *args: object, **kwargs: object) -> None:
                heard.append(("before", cb is breaker, getattr(func, "__self__", func)))

            def success(self, cb: object) -> None:
                heard.append(("success", cb is breaker))

            def failure(self, cb: object, exc: BaseException) -> None:
                heard.append(("failure", cb is breaker, exc))

        breaker.add_listener(Counts())
        good, error = Attempts(), ConnectionError()
        bad = Attempts(error)
        call(executor, good)
        with pytest.raises(ConnectionError):
            call(executor, bad)
        assert heard == [
            ("before", True, good),
            ("success", True),
            ("before", True, bad),
            ("failure", True, error),
        ]

    def test_where_listeners_hear_calls_the_time_left_is_still_known(self, make: MakeExecutor, call: Way) -> None:
        executor = make()
        assert executor.breaker is not None
        executor.breaker.machine.listen(True)
        seen: list[float | None] = []

        class Looks(Attempts):
            def __call__(self) -> str:
                seen.append(remaining_s())
                return super().__call__()

        call(executor, Looks())
        assert seen == [50]


def test_a_breaker_is_made_as_the_policy_says(clock: ManualClock, events: Events) -> None:
    policy = Policy(
        circuit_breaker_fail_max=7,
        circuit_breaker_timeout=8,
        circuit_breaker_success_threshold=9,
        circuit_breaker_streak=10,
        circuit_breaker_timeout_growth=11,
        circuit_breaker_timeout_max=12,
        circuit_breaker_timeout_jitter=0.13,
        circuit_breaker_window=14,
        circuit_breaker_window_min_calls=15,
        circuit_breaker_failure_rate=0.16,
        circuit_breaker_slow_call=17,
        circuit_breaker_slow_rate=0.18,
    )
    breaker = make_breaker("api", policy, clock.clock, events)
    assert (breaker.name, breaker.fail_max, breaker.reset_timeout, breaker.success_threshold) == ("api", 7, 8, 9)
    assert breaker.excluded_exceptions == (ValueError, TypeError)
    assert breaker.machine.tuning == Tuning(
        streak_s=10,
        growth=11,
        timeout_max=12,
        timeout_jitter=0.13,
        window_s=14,
        window_min_calls=15,
        failure_rate=0.16,
        slow_call_s=17,
        slow_rate=0.18,
    )


def test_an_executor_knows_its_name_and_policy(make: MakeExecutor, events: Events) -> None:
    executor = make(timeout=7)
    assert (executor.name, executor.policy, executor.events) == ("api", Policy(timeout=7), events)


def test_two_executors_in_one_call_each_book_their_own(make: MakeExecutor) -> None:
    outer, inner = make(), make()
    answer = outer.run_sync(Operation("outer"), lambda: inner.run_sync(Operation("inner"), lambda: "both"))
    assert answer == "both"
    assert (outer.stats.successes, inner.stats.successes) == (1, 1)


def test_a_coroutine_given_to_run_sync_is_refused_with_a_hint(make: MakeExecutor) -> None:
    executor = make()
    attempt = Attempts()
    for bound in (None, 5.0):
        with pytest.raises(
            TypeError, match=r"^attempt returned a coroutine: await run\(\.\.\.\) instead of run_sync\(\.\.\.\)$"
        ):
            cast(object, executor.run_sync(Operation("work", True, attempt_timeout_s=bound), attempt.coroutine))
    assert attempt.made == 0
    assert executor.in_flight == 0
