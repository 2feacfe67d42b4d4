"""The eight behaviours that the guide's "Testing" section asks of `test_resilience`, by the guide's names, for
functions and coroutine functions."""

from __future__ import annotations

import pybreaker
import pytest

from holdfast.resilience import (
    create_circuit_breaker,
    create_retry_decorator,
    retry_with_circuit_breaker,
)
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import Attempts, Decorate, Kit, always


class TestTheEight:
    def test_1_a_transient_failure_is_repeated(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        attempt = Attempts(ConnectionError("temporary"), TimeoutError())
        call = decorated(create_retry_decorator(max_attempts=3, **kit), attempt)
        assert call() == "ok"
        assert attempt.made == 3
        assert clock.sleeps == [1, 2]

    def test_2_it_gives_up_after_the_last_attempt(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        attempt = always(lambda: ConnectionError("permanent"))
        call = decorated(create_retry_decorator(max_attempts=3, **kit), attempt)
        with pytest.raises(ConnectionError, match="permanent"):
            call()
        assert attempt.made == 3

    @pytest.mark.parametrize("error", [ValueError, TypeError])
    def test_3_validation_errors_are_not_repeated(
        self, decorated: Decorate, clock: ManualClock, kit: Kit, error: type[Exception]
    ) -> None:
        attempt = always(error)
        call = decorated(create_retry_decorator(max_attempts=3, **kit), attempt)
        with pytest.raises(error):
            call()
        assert attempt.made == 1
        assert clock.sleeps == []

    def test_4_the_circuit_opens_after_failures(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        breaker = create_circuit_breaker(fail_max=3, timeout_duration=60, name="test_breaker", **kit)
        attempt = always()
        call = decorated(breaker, attempt)
        for _ in range(3):
            with pytest.raises(ConnectionError):
                call()
        assert breaker.current_state == "open"
        with pytest.raises(pybreaker.CircuitBreakerError):
            call()
        assert attempt.made == 3

    def test_5_the_circuit_closes_after_the_timeout(
        self, decorated: Decorate, clock: ManualClock, kit: Kit, heard: Recorder
    ) -> None:
        breaker = create_circuit_breaker(fail_max=2, timeout_duration=1, name="pfsense_api", **kit)
        call = decorated(breaker, Attempts(ConnectionError, ConnectionError))
        for _ in range(2):
            with pytest.raises(ConnectionError):
                call()
        clock.advance(1.1)
        assert call() == "ok"
        assert breaker.current_state == "closed"
        assert heard.messages == [
            "Circuit breaker 'pfsense_api' opened after 2 failures",
            "Circuit breaker 'pfsense_api' half-open, testing connection",
            "Circuit breaker 'pfsense_api' closed",
        ]

    def test_6_validation_errors_are_excluded(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        breaker = create_circuit_breaker(fail_max=2, exclude=(ValueError,), **kit)
        call = decorated(breaker, always(ValueError))
        for _ in range(5):
            with pytest.raises(ValueError):
                call()
        assert breaker.current_state == "closed"
        assert breaker.fail_counter == 0
        assert create_circuit_breaker().excluded_exceptions == (ValueError, TypeError)

    def test_7_repeating_comes_before_the_breaker(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        decorate = retry_with_circuit_breaker(max_attempts=3, circuit_fail_max=2, circuit_name="api", **kit)
        attempt = Attempts(ConnectionError, ConnectionError)
        call = decorated(decorate, attempt)
        assert call() == "ok"
        assert attempt.made == 3

    def test_8_an_open_circuit_prevents_repeating(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        decorate = retry_with_circuit_breaker(max_attempts=3, circuit_fail_max=2, **kit)
        attempt = always()
        call = decorated(decorate, attempt)
        for _ in range(2):
            with pytest.raises(ConnectionError):
                call()
        assert attempt.made == 6  # the circuit opened after the second call, not the second attempt
        clock.sleeps.clear()
        with pytest.raises(pybreaker.CircuitBreakerError):
            call()
        assert attempt.made == 6
        assert clock.sleeps == []
