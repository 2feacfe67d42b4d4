"""The guide's functions: decorators, wrapper, metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp
import pybreaker
import pytest

from holdfast.resilience import (
    Breaker,
    CircuitOpenError,
    Outcome,
    PolicyError,
    _call_with_circuit_breaker_async,
    call_with_circuit_breaker_async,
    create_circuit_breaker,
    create_retry_decorator,
    deadline_scope,
    get_circuit_breaker_metrics,
    retry_with_circuit_breaker,
)
from holdfast.resilience.circuit import Tuning
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import Attempts, Decorate, Kit, always
from tests.resilience.http_errors import CONNECTION_KEY, http_error


class TestRetryDecorator:
    def test_writes_the_guides_line(self, decorated: Decorate, clock: ManualClock, kit: Kit, heard: Recorder) -> None:
        call = decorated(
            create_retry_decorator(**kit),
            always(lambda: ConnectionError("Connection error")),
        )
        with pytest.raises(ConnectionError):
            call()
        assert heard.messages == [
            "Retry attempt 1/3 failed: Connection error, retrying in 1s...",
            "Retry attempt 2/3 failed: Connection error, retrying in 2s...",
        ]

    def test_writes_it_to_a_logger_that_is_given(
        self, decorated: Decorate, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        logger = logging.getLogger("somebodys.own")
        call = decorated(create_retry_decorator(clock=clock.clock, logger=logger), Attempts(ConnectionError("gone")))
        with caplog.at_level(logging.INFO):
            call()
        assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
            ("somebodys.own", "WARNING", "Retry attempt 1/3 failed: gone, retrying in 1s...")
        ]

    def test_waits_as_told(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        call = decorated(
            create_retry_decorator(5, min_wait=0.1, max_wait=2, multiplier=0.3, **kit),
            Attempts(*[ConnectionError] * 4),
        )
        call()
        assert clock.sleeps == [0.3, 0.6, 1.2, 2]

    def test_repeats_exactly_what_it_is_told(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        decorate = create_retry_decorator(retry_exceptions=(KeyError, asyncio.CancelledError), **kit)
        attempt = Attempts(KeyError("a"), ConnectionError("b"))
        call = decorated(decorate, attempt)
        with pytest.raises(ConnectionError):
            call()
        assert attempt.made == 2

    @pytest.mark.parametrize(
        "error",
        [
            ConnectionError,
            ConnectionResetError,
            TimeoutError,
            aiohttp.ClientError,
            aiohttp.ServerTimeoutError,
            aiohttp.ServerDisconnectedError,
            lambda: aiohttp.ClientConnectorError(CONNECTION_KEY, OSError(111, "refused")),
        ],
    )
    def test_repeats_the_guides_list_by_default(
        self, decorated: Decorate, clock: ManualClock, kit: Kit, error: Callable[[], Exception]
    ) -> None:
        assert decorated(create_retry_decorator(**kit), Attempts(error))() == "ok"

    def test_honours_retry_after_up_to_ten_seconds(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        decorate = create_retry_decorator(**kit)
        attempt = Attempts(http_error(503, retry_after="7"), http_error(503, retry_after="11"))
        with pytest.raises(aiohttp.ClientResponseError):
            decorated(decorate, attempt)()
        assert clock.sleeps == [7]
        assert attempt.made == 2

    def test_does_not_wait_beyond_a_deadline(self, decorated: Decorate, clock: ManualClock, kit: Kit) -> None:
        call = decorated(create_retry_decorator(**kit), always())
        with deadline_scope(2.5, monotonic=clock.clock.monotonic), pytest.raises(ConnectionError):
            call()
        assert clock.sleeps == [1]

    def test_passes_arguments_and_keeps_the_face(self, clock: ManualClock, kit: Kit) -> None:
        left = [ConnectionError()]

        @create_retry_decorator(**kit)
        def add(a: int, b: int = 1) -> int:
            """Adds."""
            if left:
                raise left.pop()
            return a + b

        assert add(2, b=3) == 5
        assert (add.__name__, add.__doc__) == ("add", "Adds.")

    def test_refuses_asynchronous_generator_functions(self) -> None:
        async def stream():  # type: ignore[no-untyped-def]  # what matters is what it is
            yield 1

        with pytest.raises(TypeError, match="asynchronous generator function"):
            create_retry_decorator()(stream)

    @pytest.mark.parametrize(
        ("numbers", "key"),
        [
            ({"max_attempts": 0}, "retry_max_attempts"),
            ({"min_wait": 2, "max_wait": 1}, "retry_min_wait"),
            ({"multiplier": -1}, "retry_multiplier"),
        ],
    )
    def test_refuses_impossible_numbers(self, numbers: dict[str, int], key: str) -> None:
        with pytest.raises(PolicyError, match=key):
            create_retry_decorator(**numbers)  # type: ignore[arg-type]  # numbers for numbers

    def test_may_be_used_by_many_calls_at_once(self, clock: ManualClock, kit: Kit) -> None:
        made: dict[int, int] = {}

        @create_retry_decorator(**kit)
        async def work(number: int) -> int:
            made[number] = made.get(number, 0) + 1
            await asyncio.sleep(0)
            if made[number] < 3:
                raise ConnectionError
            return number

        async def main() -> list[int]:
            return await asyncio.gather(*(work(number) for number in range(20)))

        assert asyncio.run(main()) == list(range(20))
        assert set(made.values()) == {3}


class TestCreateCircuitBreaker:
    def test_has_the_guides_defaults(self) -> None:
        breaker = create_circuit_breaker()
        assert isinstance(breaker, Breaker)
        assert (breaker.fail_max, breaker.reset_timeout, breaker.name) == (5, 60, None)

    def test_excludes_nothing_when_told_so(self) -> None:
        assert create_circuit_breaker(exclude=[]).excluded_exceptions == ()

    @pytest.mark.parametrize(("fail_max", "timeout"), [(0, 60), (5, -1), (5, float("nan"))])
    def test_refuses_impossible_numbers(self, fail_max: int, timeout: float) -> None:
        with pytest.raises(PolicyError):
            create_circuit_breaker(fail_max, timeout)


class TestRetryWithCircuitBreaker:
    def test_has_its_breaker_as_an_attribute(self) -> None:
        @retry_with_circuit_breaker(
            circuit_fail_max=7, circuit_timeout=8, circuit_exclude=(KeyError,), circuit_name="mine"
        )
        def first() -> None: ...

        @retry_with_circuit_breaker()
        def second() -> None: ...

        breaker = first.circuit_breaker  # type: ignore[attr-defined]  # documented
        assert (breaker.fail_max, breaker.reset_timeout, breaker.name) == (7, 8, "mine")
        assert breaker.excluded_exceptions == (KeyError,)
        assert second.circuit_breaker.name == "second"  # type: ignore[attr-defined]  # documented

    def test_may_be_given_a_breaker_to_share(self, clock: ManualClock, kit: Kit) -> None:
        breaker = create_circuit_breaker(fail_max=1, **kit)
        decorate = retry_with_circuit_breaker(max_attempts=1, circuit_breaker=breaker)

        @decorate
        def first() -> None:
            raise ConnectionError

        @decorate
        def second() -> None: ...

        with pytest.raises(ConnectionError):
            first()
        with pytest.raises(CircuitOpenError):
            second()

    def test_passes_arguments(self) -> None:
        @retry_with_circuit_breaker()
        async def add(a: int, b: int) -> int:
            return a + b

        assert asyncio.run(add(1, b=2)) == 3


class TestCallWithCircuitBreakerAsync:
    def test_is_known_by_the_guides_name_too(self) -> None:
        assert _call_with_circuit_breaker_async is call_with_circuit_breaker_async

    async def test_calls_through_the_breaker(self, clock: ManualClock, kit: Kit) -> None:
        breaker = create_circuit_breaker(fail_max=1, **kit)

        async def add(a: int, b: int) -> int:
            return a + b

        assert await call_with_circuit_breaker_async(breaker, add, 1, b=2) == 3
        with pytest.raises(ConnectionError):
            await call_with_circuit_breaker_async(breaker, always().coroutine)
        with pytest.raises(CircuitOpenError):
            await call_with_circuit_breaker_async(breaker, add, 1, 2)

    async def test_without_a_breaker_just_calls(self) -> None:
        assert await call_with_circuit_breaker_async(None, Attempts().coroutine) == "ok"


class TestMetrics:
    def test_have_exactly_the_guides_six_fields_first(self) -> None:
        metrics = get_circuit_breaker_metrics(create_circuit_breaker(name="pfsense_api"))
        assert list(metrics)[:6] == ["name", "state", "fail_counter", "success_counter", "last_failure", "opened_at"]

    def test_tell_more_under_other_names(self, clock: ManualClock, kit: Kit) -> None:
        breaker = create_circuit_breaker(fail_max=1, name="api", **kit)
        breaker.call(Attempts())
        late = breaker.machine.admit()
        with pytest.raises(ConnectionError):
            breaker.call(always(lambda: ConnectionError("gone")))
        breaker.machine.settle(late, Outcome.SUCCESS)
        with pytest.raises(CircuitOpenError):
            breaker.call(Attempts())
        clock.advance(60)
        with pytest.raises(ConnectionError):
            breaker.call(always(lambda: ConnectionError("gone")))
        clock.advance(1)
        assert get_circuit_breaker_metrics(breaker) == {
            "name": "api",
            "state": "open",
            "fail_counter": 2,
            "success_counter": 2,
            "last_failure": "2024-01-01 12:01:00",
            "opened_at": "2024-01-01 12:01:00",
            "retry_after_s": 59,
            "rejected": 1,
            "opens": 2,
            "reopened": 1,
            "failure_counter": 2,
            "stale_results": 1,
            "isolated": None,
            "last_error": "ConnectionError: gone",
        }

    def test_tell_of_the_window_when_there_is_one(self, clock: ManualClock, kit: Kit) -> None:
        breaker = Breaker(tuning=Tuning(window_s=60), **kit)
        breaker.call(Attempts())
        with pytest.raises(ConnectionError):
            breaker.call(always())
        metrics = get_circuit_breaker_metrics(breaker)
        assert (metrics["window_calls"], metrics["window_failure_rate"], metrics["window_slow_rate"]) == (2, 0.5, 0)

    def test_are_empty_for_a_client_without_a_breaker(self) -> None:
        assert get_circuit_breaker_metrics(None) == {}

    def test_of_a_stock_breaker_are_what_it_knows(self) -> None:
        stock = pybreaker.CircuitBreaker(name="stock")
        with pytest.raises(ConnectionError):
            stock.call(always())
        assert get_circuit_breaker_metrics(stock) == {
            "name": "stock",
            "state": "closed",
            "fail_counter": 1,
            "success_counter": 0,
            "last_failure": None,
            "opened_at": None,
        }
