"""How much time is left: one context variable that nested calls inherit.

`deadline_scope` narrows, never widens. Used with ``with`` it informs (transports clip by `remaining_s`); used with
``async with`` it also enforces: what runs too long inside is cancelled at the deadline and `TimeoutError` is raised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType

Monotonic = Callable[[], float]
Scope = tuple[float, Monotonic]
"""A point in time and the clock it is measured with."""

DEADLINE: ContextVar[Scope | None] = ContextVar("holdfast_deadline", default=None)


def remaining_s() -> float | None:
    """Seconds left in the innermost deadline, 0.0 when it has passed, None when there is no deadline."""
    scope = DEADLINE.get()
    if scope is None:
        return None
    return max(0.0, scope[0] - scope[1]())


def narrow(outer: Scope | None, seconds: float, now: Monotonic) -> Scope:
    """The scope that ends after `seconds`, or earlier if `outer` does."""
    if outer is not None and outer[0] - outer[1]() < seconds:
        return outer
    return (now() + seconds, now)


class deadline_scope:
    """Bounds what happens inside to `seconds` (or less, if an outer scope ends earlier).

    Args:
        seconds: Length of the scope, 0 or more; infinity is no bound.
        monotonic: The clock; for tests.

    Raises:
        ValueError: `seconds` is negative or not a number.
        TimeoutError: With ``async with`` only, when the time is up.
    """

    __slots__ = ("_bound", "_monotonic", "_seconds", "_token")

    def __init__(self, seconds: float, *, monotonic: Monotonic = time.monotonic) -> None:
        if not seconds >= 0:
            raise ValueError(f"a deadline must be 0 seconds or more, not {seconds!r}")
        self._seconds = seconds
        self._monotonic = monotonic
        self._token: Token[Scope | None] | None = None
        self._bound: asyncio.Timeout | None = None

    def __enter__(self) -> deadline_scope:
        if self._token is not None:
            raise RuntimeError("this deadline_scope is already in use; make a new one")
        self._token = DEADLINE.set(narrow(DEADLINE.get(), self._seconds, self._monotonic))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            DEADLINE.reset(token)

    async def __aenter__(self) -> deadline_scope:
        self.__enter__()
        self._bound = asyncio.timeout(remaining_s())
        await self._bound.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
        bound, self._bound = self._bound, None
        if bound is not None:
            await bound.__aexit__(kind, error, trace)
