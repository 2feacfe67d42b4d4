"""What an executor counts. In all four ways of calling: what happened twice is counted twice."""

from __future__ import annotations

import pytest

from holdfast.resilience import Breaker, CircuitOpenError, Operation
from holdfast.resilience.testing import ManualClock
from tests.resilience.conftest import Attempts, MakeExecutor, always
from tests.resilience.ways import Way


class TestBookkeeping:
    def test_interrupted_calls(self, make: MakeExecutor, call: Way) -> None:
        executor = make()
        for times in (1, 2):
            with pytest.raises(KeyboardInterrupt):
                call(executor, always(KeyboardInterrupt))
            assert executor.stats.cancelled == times
            assert executor.in_flight == 0
        assert executor.stats.calls() == 0

    def test_calls_interrupted_at_their_second_attempt(self, make: MakeExecutor, call: Way) -> None:
        executor = make()
        assert executor.breaker is not None
        for times in (1, 2):
            with pytest.raises(KeyboardInterrupt):
                call(executor, Attempts(ConnectionError(), KeyboardInterrupt()))
            assert executor.stats.cancelled == times
            assert executor.in_flight == 0
        assert executor.breaker.fail_counter == 0

    def test_failures_neutral_ends_and_successes(self, make: MakeExecutor, call: Way) -> None:
        executor = make(retry_max_attempts=1, circuit_breaker_enabled=False)
        for times in (1, 2, 3):
            with pytest.raises(ConnectionError):
                call(executor, always())
            with pytest.raises(ValueError):
                call(executor, always(ValueError))
            call(executor, Attempts())
            stats = executor.stats
            assert (stats.failures, stats.attempt_failures, stats.neutral, stats.successes) == (times,) * 4
        assert executor.stats.counters()["successes"] == 3

    def test_rejections_and_retries(self, make: MakeExecutor, call: Way) -> None:
        executor = make()
        call(executor, Attempts(ConnectionError(), ConnectionError()))
        call(executor, Attempts(ConnectionError()))
        assert executor.stats.retries == 3
        assert executor.breaker is not None
        executor.breaker.open()
        for times in (1, 2):
            with pytest.raises(CircuitOpenError):
                call(executor, Attempts())
            assert executor.stats.rejected == times

    def test_slow_successes(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        executor = make(circuit_breaker_window=600, circuit_breaker_window_min_calls=3, circuit_breaker_slow_call=2)

        class Slow(Attempts):
            def __call__(self) -> str:
                clock.advance(2)
                return super().__call__()

        for _ in range(3):
            call(executor, Slow())
        assert executor.breaker is not None
        assert executor.breaker.current_state == "open"
        assert executor.stats.latency_sum_s == 6
        assert executor.stats.buckets()[8] == 3

    def test_slow_failures(self, make: MakeExecutor, call: Way, clock: ManualClock) -> None:
        executor = make(
            circuit_breaker_window=600,
            circuit_breaker_window_min_calls=4,
            circuit_breaker_failure_rate=1,
            circuit_breaker_slow_call=2,
            circuit_breaker_slow_rate=0.75,
        )

        class Slow(Attempts):
            def __call__(self) -> str:
                clock.advance(2)
                return super().__call__()

        call(executor, Attempts())
        assert executor.breaker is not None
        for _ in range(3):
            assert executor.breaker.current_state == "closed"
            with pytest.raises(RuntimeError):
                call(executor, Slow(RuntimeError()))
        assert executor.breaker.current_state == "open"

    def test_a_success_after_a_failure_clears_the_count(self, make: MakeExecutor, call: Way) -> None:
        executor = make(retry_max_attempts=1)
        assert executor.breaker is not None
        with pytest.raises(ConnectionError):
            call(executor, always())
        assert executor.breaker.fail_counter == 1
        call(executor, Attempts())
        assert executor.breaker.fail_counter == 0
        assert executor.breaker.machine.successes == 1

    @pytest.mark.parametrize("ends", [None, ConnectionError])
    def test_a_result_from_before_the_circuit_opened_and_closed_is_of_the_past(
        self, make: MakeExecutor, call: Way, ends: type[Exception] | None
    ) -> None:
        executor = make(retry_max_attempts=1)
        assert executor.breaker is not None
        breaker: Breaker = executor.breaker

        class Late(Attempts):
            def __call__(self) -> str:
                breaker.open()
                breaker.close()
                with pytest.raises(ConnectionError):
                    executor.run_sync(Operation("other"), always())
                assert breaker.fail_counter == 1
                return super().__call__()

        try:
            call(executor, Late() if ends is None else Late(ends()))
        except ConnectionError:
            assert ends is not None
        assert breaker.fail_counter == 1
        assert breaker.machine.stale == 1
