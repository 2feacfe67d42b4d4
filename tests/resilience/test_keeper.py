"""Coroutines through a stock `pybreaker.CircuitBreaker`, as the guide's own snippet does it."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pybreaker
import pytest

from holdfast.resilience import CircuitOpenError, call_with_circuit_breaker_async
from holdfast.resilience.keeper import keeper_of
from tests.resilience.conftest import Attempts, always


@pytest.fixture
def stock() -> pybreaker.CircuitBreaker:
    return pybreaker.CircuitBreaker(fail_max=3, reset_timeout=60, exclude=(ValueError, TypeError), name="stock")


async def fail(stock: pybreaker.CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ConnectionError):
            await call_with_circuit_breaker_async(stock, always().coroutine)


async def test_answers_and_arguments_pass(stock: pybreaker.CircuitBreaker) -> None:
    async def add(a: int, b: int) -> int:
        return a + b

    assert await call_with_circuit_breaker_async(stock, add, 1, b=2) == 3


async def test_failures_count_and_open_it_with_their_own_error(stock: pybreaker.CircuitBreaker) -> None:
    await fail(stock, 2)
    assert stock.fail_counter == 2
    assert stock.current_state == "closed"
    error = ConnectionError("mine")
    with pytest.raises(ConnectionError) as caught:
        await call_with_circuit_breaker_async(stock, Attempts(error).coroutine)
    assert caught.value is error
    assert caught.value.__context__ is None
    assert stock.current_state == "open"
    attempt = Attempts()
    with pytest.raises(pybreaker.CircuitBreakerError) as rejected:
        await call_with_circuit_breaker_async(stock, attempt.coroutine)
    assert isinstance(rejected.value, CircuitOpenError)
    assert rejected.value.name == "stock"
    assert attempt.made == 0


async def test_a_success_clears_the_count(stock: pybreaker.CircuitBreaker) -> None:
    await fail(stock, 2)
    await call_with_circuit_breaker_async(stock, Attempts().coroutine)
    assert stock.fail_counter == 0


async def test_excluded_errors_and_cancellation_count_for_nothing(stock: pybreaker.CircuitBreaker) -> None:
    await fail(stock, 2)
    with pytest.raises(ValueError):
        await call_with_circuit_breaker_async(stock, always(ValueError).coroutine)
    with pytest.raises(asyncio.CancelledError):
        await call_with_circuit_breaker_async(stock, always(asyncio.CancelledError).coroutine)
    assert stock.fail_counter == 2
    await fail(stock)
    assert stock.current_state == "open"


async def test_what_is_done_by_hand_is_obeyed(stock: pybreaker.CircuitBreaker) -> None:
    assert await call_with_circuit_breaker_async(stock, Attempts().coroutine) == "ok"
    stock.open()
    with pytest.raises(CircuitOpenError):
        await call_with_circuit_breaker_async(stock, Attempts().coroutine)
    stock.close()
    assert await call_with_circuit_breaker_async(stock, Attempts().coroutine) == "ok"
    stock.half_open()
    await fail(stock)
    assert stock.current_state == "open"
    stock.half_open()
    assert await call_with_circuit_breaker_async(stock, Attempts().coroutine) == "ok"
    assert stock.current_state == "closed"
    stock.fail_max = 1
    stock.reset_timeout = 1_000
    await fail(stock)
    with pytest.raises(CircuitOpenError) as caught:
        await call_with_circuit_breaker_async(stock, Attempts().coroutine)
    assert 999 < (caught.value.retry_after or 0) <= 1_000


async def test_one_that_is_open_already_is_taken_as_it_is(stock: pybreaker.CircuitBreaker) -> None:
    stock.open()
    with pytest.raises(CircuitOpenError):
        await call_with_circuit_breaker_async(stock, Attempts().coroutine)


async def test_one_of_fifty_tests_it(stock: pybreaker.CircuitBreaker) -> None:
    stock.half_open()
    made = 0

    async def slow() -> None:
        nonlocal made
        made += 1
        await asyncio.sleep(0)

    await asyncio.gather(*(call_with_circuit_breaker_async(stock, slow) for _ in range(50)), return_exceptions=True)
    assert made == 1
    assert stock.current_state == "closed"


async def test_its_listeners_hear_the_same_story(stock: pybreaker.CircuitBreaker) -> None:
    heard: list[str] = []

    class Listener(pybreaker.CircuitBreakerListener):
        def success(self, cb: pybreaker.CircuitBreaker) -> None:
            heard.append("success")

        def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
            heard.append("failure")

        def state_change(
            self,
            cb: pybreaker.CircuitBreaker,
            old_state: pybreaker.CircuitBreakerState | None,
            new_state: pybreaker.CircuitBreakerState,
        ) -> None:
            heard.append(new_state.name)

    stock.add_listener(Listener())
    await call_with_circuit_breaker_async(stock, Attempts().coroutine)
    await fail(stock, 3)
    stock.half_open()
    await call_with_circuit_breaker_async(stock, Attempts().coroutine)
    assert heard == ["success", "failure", "failure", "failure", "open", "half-open", "closed", "success"]


async def test_each_stock_breaker_has_one_keeper_which_goes_with_it(stock: pybreaker.CircuitBreaker) -> None:
    assert keeper_of(stock) is keeper_of(stock)
    other = pybreaker.CircuitBreaker()
    keeper = weakref.ref(keeper_of(other))
    assert keeper() is not keeper_of(stock)
    del other
    gc.collect()  # ends the stock breaker
    gc.collect()  # ends its keeper
    assert keeper() is None


async def test_a_late_result_does_not_touch_an_open_one(stock: pybreaker.CircuitBreaker) -> None:
    go_on = asyncio.Event()

    async def late() -> str:
        await go_on.wait()
        return "late"

    task = asyncio.create_task(call_with_circuit_breaker_async(stock, late))
    await asyncio.sleep(0)
    await fail(stock, 3)
    go_on.set()
    assert await task == "late"
    assert stock.current_state == "open"
