"""The success path of other libraries, as their documentation shows it; each only where it is installed."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, TypeVar

import pybreaker
import tenacity

T = TypeVar("T")
Async = Callable[[], Awaitable[int]]
Sync = Callable[[], int]


async def work() -> int:
    """What is protected."""
    return 1


def work_sync() -> int:
    """What is protected, for threads."""
    return 1


def _tenacity() -> Async:
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential(multiplier=1, min=1, max=10),
        retry=tenacity.retry_if_exception_type(ConnectionError),
    )(work)


def _tenacity_sync() -> Sync:
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential(multiplier=1, min=1, max=10),
        retry=tenacity.retry_if_exception_type(ConnectionError),
    )(work_sync)


def _pybreaker() -> Async:
    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=60)

    async def call() -> int:
        with breaker.calling():
            return await work()

    return call


def _pybreaker_sync() -> Sync:
    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=60)
    return lambda: breaker.call(work_sync)


def _stamina() -> Async:
    stamina = importlib.import_module("stamina")
    decorated: Async = stamina.retry(on=ConnectionError, attempts=3)(work)
    return decorated


def _stamina_sync() -> Sync:
    stamina = importlib.import_module("stamina")
    decorated: Sync = stamina.retry(on=ConnectionError, attempts=3)(work_sync)
    return decorated


def _aiobreaker() -> Async:
    aiobreaker = importlib.import_module("aiobreaker")
    breaker = aiobreaker.CircuitBreaker(fail_max=5, timeout_duration=timedelta(seconds=60))
    return lambda: breaker.call_async(work)


def _aiobreaker_sync() -> Sync:
    aiobreaker = importlib.import_module("aiobreaker")
    breaker = aiobreaker.CircuitBreaker(fail_max=5, timeout_duration=timedelta(seconds=60))
    return lambda: breaker.call(work_sync)


def _circuitbreaker() -> Async:
    library = importlib.import_module("circuitbreaker")
    decorated: Async = library.CircuitBreaker(failure_threshold=5, recovery_timeout=60)(work)
    return decorated


def _circuitbreaker_sync() -> Sync:
    library = importlib.import_module("circuitbreaker")
    decorated: Sync = library.CircuitBreaker(failure_threshold=5, recovery_timeout=60)(work_sync)
    return decorated


def _purgatory() -> Async:
    purgatory = importlib.import_module("purgatory")
    decorated: Async = purgatory.AsyncCircuitBreakerFactory()("api", threshold=5, ttl=60)(work)
    return decorated


def _purgatory_sync() -> Sync:
    purgatory = importlib.import_module("purgatory")
    decorated: Sync = purgatory.SyncCircuitBreakerFactory()("api", threshold=5, ttl=60)(work_sync)
    return decorated


def _hyx_breaker() -> Async:
    library = importlib.import_module("hyx.circuitbreaker")
    breaker = library.consecutive_breaker(ConnectionError, failure_threshold=5, recovery_time_secs=60)
    decorated: Async = breaker(work)
    return decorated


def _hyx_retry() -> Async:
    library = importlib.import_module("hyx.retry")
    decorated: Async = library.retry(on=ConnectionError, attempts=3)(work)
    return decorated


ASYNC: Final[dict[str, Callable[[], Async]]] = {
    "tenacity": _tenacity,
    "stamina": _stamina,
    "pybreaker calling()": _pybreaker,
    "aiobreaker": _aiobreaker,
    "circuitbreaker": _circuitbreaker,
    "purgatory": _purgatory,
    "hyx breaker": _hyx_breaker,
    "hyx retry": _hyx_retry,
}
SYNC: Final[dict[str, Callable[[], Sync]]] = {
    "tenacity": _tenacity_sync,
    "stamina": _stamina_sync,
    "pybreaker": _pybreaker_sync,
    "aiobreaker": _aiobreaker_sync,
    "circuitbreaker": _circuitbreaker_sync,
    "purgatory": _purgatory_sync,
}


def installed(makers: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """What can be made here; libraries that are not installed are left out."""
    made: dict[str, T] = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except ModuleNotFoundError:
            continue
    return made
