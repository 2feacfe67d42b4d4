"""What cannot work is refused where it is made, by the name of the setting, and not when something fails at last."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import pytest

from holdfast.resilience import (
    Breaker,
    Events,
    Executor,
    Operation,
    Policy,
    PolicyError,
    create_circuit_breaker,
    create_retry_decorator,
    retry_with_circuit_breaker,
)
from holdfast.resilience.circuit import Tuning
from holdfast.resilience.testing import Recorder
from tests.resilience.conftest import Attempts, always
from tests.resilience.ways import Way

READ = Operation("read", retry_safe=True, key="key")
NOT_COUNTS = [0, -1, 2.5, True, "5", None, math.nan, math.inf]
NOT_TIMES = [-1, math.nan, True, "60", -math.inf]


class TestBreakers:
    @pytest.mark.parametrize("value", NOT_COUNTS)
    @pytest.mark.parametrize("key", ["fail_max", "success_threshold"])
    def test_a_count_below_one_is_refused(self, key: str, value: object) -> None:
        with pytest.raises(PolicyError, match=f"^{key} must be ") as caught:
            Breaker(**{key: value})  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.key == key

    @pytest.mark.parametrize("value", [*NOT_TIMES, None, math.inf])
    def test_a_time_that_never_comes_is_refused(self, value: object) -> None:
        with pytest.raises(PolicyError, match=r"^reset_timeout must be ") as caught:
            Breaker(reset_timeout=value)  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.key == "reset_timeout"

    @pytest.mark.parametrize(
        ("key", "value"),
        [("fail_max", 0), ("fail_max", "5"), ("success_threshold", 0), ("reset_timeout", math.nan)],
    )
    def test_it_is_refused_later_as_well_and_the_old_value_stays(self, key: str, value: object) -> None:
        breaker = Breaker(fail_max=3, reset_timeout=20, success_threshold=2)
        with pytest.raises(PolicyError, match=f"^{key} must be "):
            setattr(breaker, key, value)
        assert (breaker.fail_max, breaker.reset_timeout, breaker.success_threshold) == (3, 20, 2)

    def test_no_time_at_all_is_possible(self) -> None:
        breaker = Breaker(fail_max=1, reset_timeout=0)
        breaker.open()
        assert breaker.current_state == "half-open"

    @pytest.mark.parametrize("make", [Breaker, create_circuit_breaker])
    @pytest.mark.parametrize("exclude", [(5,), ("ValueError",), (int,), int])
    def test_an_exclusion_that_is_neither_exception_nor_predicate_is_refused(
        self, make: Callable[..., Breaker], exclude: object
    ) -> None:
        with pytest.raises(TypeError, match=r"^exclude must hold exception classes or predicates, not "):
            make(exclude=exclude)

    @pytest.mark.parametrize("make", [Breaker, create_circuit_breaker])
    def test_a_single_exception_class_can_be_excluded(self, make: Callable[..., Breaker]) -> None:
        assert make(exclude=KeyError).excluded_exceptions == (KeyError,)

    def test_such_an_exclusion_cannot_be_added_either(self) -> None:
        breaker = Breaker()
        with pytest.raises(TypeError, match=r"^exclude must hold exception classes or predicates, not 5"):
            breaker.add_excluded_exception(5)  # type: ignore[arg-type]  # wrong on purpose
        assert breaker.excluded_exceptions == ()


class TestTuning:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("streak_s", -1),
            ("growth", 0.5),
            ("timeout_max", -1),
            ("timeout_jitter", 1.5),
            ("lease_s", 0),
            ("window_s", 0),
            ("window_min_calls", 0),
            ("failure_rate", 0),
            ("failure_rate", 1.1),
            ("slow_call_s", 0),
            ("slow_rate", 0),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, key: str, value: object) -> None:
        with pytest.raises(PolicyError, match=f"^{key} must be ") as caught:
            Tuning(**{key: value})  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.key == key

    @pytest.mark.parametrize("value", [math.nan, True, "1"])
    @pytest.mark.parametrize(
        "key",
        [
            "streak_s",
            "growth",
            "timeout_max",
            "timeout_jitter",
            "lease_s",
            "window_s",
            "window_min_calls",
            "failure_rate",
            "slow_call_s",
            "slow_rate",
        ],
    )
    def test_what_is_no_number_is_refused(self, key: str, value: object) -> None:
        with pytest.raises(PolicyError, match=f"^{key} must be "):
            Tuning(**{key: value})  # type: ignore[arg-type]  # wrong on purpose


class TestOperationsAndReads:
    @pytest.mark.parametrize("value", [0, *NOT_TIMES])
    @pytest.mark.parametrize("key", ["attempt_timeout_s", "total_timeout_s"])
    def test_a_bound_that_leaves_no_time_is_refused(self, key: str, value: object) -> None:
        with pytest.raises(PolicyError, match=f"^{key} must be ") as caught:
            Operation("work", **{key: value})  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.key == key

    @pytest.mark.parametrize("value", NOT_TIMES)
    @pytest.mark.parametrize("key", ["max_stale_s", "hedge_after_s"])
    async def test_a_read_refuses_a_time_that_is_none(self, key: str, value: object) -> None:
        attempt = Attempts()
        with pytest.raises(PolicyError, match=f"^{key} must be "):
            await Executor("api").read(READ, attempt.coroutine, **{key: value})  # type: ignore[arg-type]  # on purpose
        assert attempt.made == 0

    @pytest.mark.parametrize("value", [0, 0.25, math.inf])
    @pytest.mark.parametrize("key", ["max_stale_s", "hedge_after_s"])
    async def test_a_read_takes_every_time_from_none_to_for_ever(self, key: str, value: float) -> None:
        answer = await Executor("api").read(READ, Attempts().coroutine, **{key: value})
        assert (answer.value, answer.stale) == ("ok", False)

    @pytest.mark.parametrize("value", NOT_TIMES)
    def test_a_read_of_a_thread_refuses_it_too(self, value: object) -> None:
        attempt = Attempts()
        with pytest.raises(PolicyError, match=r"^max_stale_s must be "):
            Executor("api").read_sync(READ, attempt, max_stale_s=value)  # type: ignore[arg-type]  # wrong on purpose
        assert attempt.made == 0

    def test_a_configuration_is_not_yet_a_policy(self) -> None:
        with pytest.raises(
            TypeError, match=r"^policy must be a Policy; Policy\.from_config reads one out of a configuration$"
        ):
            Executor("api", {"retry_max_attempts": 3})  # type: ignore[arg-type]  # wrong on purpose


class TestDecorators:
    @pytest.mark.parametrize(
        ("keyword", "key", "value"),
        [
            ("max_attempts", "retry_max_attempts", 0),
            ("min_wait", "retry_min_wait", 11),
            ("multiplier", "retry_multiplier", math.nan),
            ("circuit_fail_max", "circuit_breaker_fail_max", 0),
            ("circuit_timeout", "circuit_breaker_timeout", -1),
        ],
    )
    def test_impossible_numbers_are_refused_before_anything_is_decorated(
        self, keyword: str, key: str, value: object
    ) -> None:
        with pytest.raises(PolicyError) as caught:
            retry_with_circuit_breaker(**{keyword: value})  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.key == key

    @pytest.mark.parametrize("make", [create_retry_decorator, retry_with_circuit_breaker])
    @pytest.mark.parametrize("kinds", [(5,), "ConnectionError", (int,), 5])
    def test_what_is_no_exception_class_cannot_be_repeated(self, make: Callable[..., object], kinds: object) -> None:
        with pytest.raises(TypeError, match=r"^retry_exceptions must be exception classes, not "):
            make(retry_exceptions=kinds)

    def test_a_single_exception_class_will_do(self) -> None:
        attempt = Attempts(KeyError())
        decorate = create_retry_decorator(min_wait=0, max_wait=0, retry_exceptions=KeyError)

        @decorate
        def call() -> str:
            return attempt()

        assert call() == "ok"
        assert attempt.made == 2

    def test_an_iterator_of_exclusions_serves_every_decorated_function(self) -> None:
        decorate = retry_with_circuit_breaker(circuit_exclude=iter([KeyError]))

        @decorate
        def first() -> None: ...

        @decorate
        def second() -> None: ...

        for function in (first, second):
            assert function.circuit_breaker.excluded_exceptions == (KeyError,)  # type: ignore[attr-defined]  # is there


class TestFaultyHelpers:
    def test_the_text_of_an_error_that_counts_for_nothing_is_not_even_read(self) -> None:
        class Excluded(Exception):
            def __str__(self) -> str:
                raise AssertionError("read")

        asked: list[str] = []

        def redact(text: str) -> str:
            asked.append(text)
            return text

        breaker = Breaker(exclude=(Excluded,), events=Events(Recorder(), redact=redact))
        with pytest.raises(Excluded):
            breaker.call(always(Excluded))
        assert asked == []

    def test_a_redactor_that_fails_hides_the_text_and_disturbs_no_call(
        self, call: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        def redact(text: str) -> str:
            raise KeyError(text)

        heard = Recorder()
        executor = Executor("api", Policy(retry_max_attempts=1), events=Events(heard, redact=redact))
        with caplog.at_level(logging.ERROR), pytest.raises(ConnectionError, match="hunter2"):
            call(executor, always(lambda: ConnectionError("hunter2")))
        assert executor.breaker is not None
        assert executor.breaker.fail_counter == 1
        assert executor.breaker.machine.last_error == "ConnectionError"
        assert "The function that redacts error texts failed (KeyError)" in caplog.text
        assert "hunter2" not in caplog.text

    def test_it_costs_no_permit_of_the_half_open_circuit(self) -> None:
        def redact(text: str) -> str:
            raise KeyError(text)

        breaker = Breaker(reset_timeout=0, events=Events(Recorder(), redact=redact))
        breaker.open()
        for _ in range(3):
            with pytest.raises(ConnectionError):
                breaker.call(always())
        assert breaker.call(Attempts()) == "ok"
        assert breaker.current_state == "closed"
