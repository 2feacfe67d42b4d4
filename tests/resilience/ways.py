"""The four ways through an executor, so that one test holds for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from holdfast.resilience import Executor, Operation

LONG_S: Final = 3_600.0
"""A bound that no test reaches; declaring it sends a call the long way."""


class Attempt(Protocol):
    """Can be attempted by threads and by coroutines."""

    def __call__(self) -> str: ...

    async def coroutine(self) -> str: ...


class Way(Protocol):
    """Makes one call."""

    def __call__(self, executor: Executor, attempt: Attempt, *, retry_safe: bool = True) -> str: ...


def _async(bound: float | None) -> Way:
    def call(executor: Executor, attempt: Attempt, *, retry_safe: bool = True) -> str:
        return asyncio.run(executor.run(Operation("work", retry_safe, attempt_timeout_s=bound), attempt.coroutine))

    return call


def _sync(bound: float | None) -> Way:
    def call(executor: Executor, attempt: Attempt, *, retry_safe: bool = True) -> str:
        return executor.run_sync(Operation("work", retry_safe, attempt_timeout_s=bound), attempt)

    return call


WAYS: Final[dict[str, Callable[[], Way]]] = {
    "coroutine": lambda: _async(None),
    "coroutine, long way": lambda: _async(LONG_S),
    "thread": lambda: _sync(None),
    "thread, long way": lambda: _sync(LONG_S),
}
