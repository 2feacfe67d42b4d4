"""The guide's functions: decorators and wrappers for single functions, without a client.

Here the guide is followed to the letter: the unit of failure is the call after its retries, and whoever decorates a
function says by that that it may be repeated. Clients use `Executor`, which knows more about each operation.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar, cast

import pybreaker

from holdfast.resilience.breaker import Breaker, Exclusion, exclusions
from holdfast.resilience.classify import Exceptions, guide_retries, only
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.decorated import Repeater
from holdfast.resilience.events import Events
from holdfast.resilience.keeper import keeper_of
from holdfast.resilience.policy import Policy

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

VALIDATION: Final[tuple[type[BaseException], ...]] = (ValueError, TypeError)
"""What the guide's breakers exclude: validation errors."""


def create_circuit_breaker(
    fail_max: int = 5,
    timeout_duration: float = 60,
    exclude: Iterable[Exclusion] | None = None,
    name: str | None = None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    events: Events | None = None,
) -> Breaker:
    """A breaker with the guide's defaults (guide, "Circuit Breaker").

    Args:
        fail_max: Failed calls in a row that open it.
        timeout_duration: Seconds it stays open.
        exclude: Neutral exceptions; None: validation errors (`ValueError`, `TypeError`).
        name: Shown in logs, errors and metrics.
        clock: Time and chance.
        events: Hub that hears of state changes.

    Raises:
        PolicyError: `fail_max` or `timeout_duration` is impossible.
    """
    policy = Policy(circuit_breaker_fail_max=fail_max, circuit_breaker_timeout=timeout_duration)
    return Breaker(
        fail_max=policy.circuit_breaker_fail_max,
        reset_timeout=policy.circuit_breaker_timeout,
        exclude=VALIDATION if exclude is None else exclude,
        name=name,
        clock=clock,
        events=events,
    )


def create_retry_decorator(
    max_attempts: int = 3,
    min_wait: float = 1,
    max_wait: float = 10,
    multiplier: float = 1,
    retry_exceptions: Exceptions | None = None,
    logger: logging.Logger | None = None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    events: Events | None = None,
) -> Callable[[F], F]:
    """A decorator that repeats a function or coroutine function on transient failures (guide, "Retry Decorator").

    Args:
        max_attempts: Attempts in all.
        min_wait: Least wait between attempts, seconds.
        max_wait: Greatest wait, seconds.
        multiplier: Factor of the guide's formula.
        retry_exceptions: Exactly these are repeated; None: the guide's list, minus what never gets better.
        logger: Receives the guide's retry line instead of ``holdfast.resilience``.
        clock: Time, sleep and chance.
        events: Hub that hears of retries.

    Raises:
        PolicyError: Impossible numbers.
    """
    repeater = Repeater(
        Policy(
            retry_max_attempts=max_attempts,
            retry_min_wait=min_wait,
            retry_max_wait=max_wait,
            retry_multiplier=multiplier,
        ),
        guide_retries if retry_exceptions is None else only(retry_exceptions),
        clock,
        events,
        logger,
    )
    return repeater.decorate


def retry_with_circuit_breaker(
    max_attempts: int = 3,
    min_wait: float = 1,
    max_wait: float = 10,
    multiplier: float = 1,
    retry_exceptions: Exceptions | None = None,
    circuit_breaker: pybreaker.CircuitBreaker | None = None,
    circuit_fail_max: int = 5,
    circuit_timeout: float = 60,
    circuit_exclude: Iterable[Exclusion] | None = None,
    circuit_name: str | None = None,
    logger: logging.Logger | None = None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    events: Events | None = None,
) -> Callable[[F], F]:
    """A decorator with retries inside a breaker: the call with all its retries is one success or one failure (guide,
    "Implementation Details").

    Args:
        max_attempts, min_wait, max_wait, multiplier, retry_exceptions, logger: As `create_retry_decorator`.
        circuit_breaker: The breaker to use; None: a new one for each decorated function.
        circuit_fail_max, circuit_timeout, circuit_exclude, circuit_name: As `create_circuit_breaker`; the name of the
            function when there is none.
        clock: Time, sleep and chance.
        events: Hub that hears of retries and state changes.

    The decorated function has the breaker as attribute `circuit_breaker`.
    """
    with_retries: Callable[[Callable[..., Any]], Callable[..., Any]] = create_retry_decorator(
        max_attempts, min_wait, max_wait, multiplier, retry_exceptions, logger, clock=clock, events=events
    )

    exclude = None if circuit_exclude is None else exclusions(circuit_exclude)
    make_breaker = partial(create_circuit_breaker, circuit_fail_max, circuit_timeout, exclude)
    if circuit_breaker is None:
        make_breaker()  # what is impossible is refused now, not when something is decorated

    def decorate(function: F) -> F:
        name = circuit_name or getattr(function, "__name__", None)
        breaker = circuit_breaker or make_breaker(name, clock=clock, events=events)
        repeated = with_retries(function)
        protected: Callable[..., Any]
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def protected_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on untouched
                return await call_with_circuit_breaker_async(breaker, repeated, *args, **kwargs)

            protected = protected_async
        else:

            @functools.wraps(function)
            def protected_sync(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on untouched
                return breaker.call(repeated, *args, **kwargs)

            protected = protected_sync
        setattr(protected, "circuit_breaker", breaker)  # noqa: B010 - a function has no such attribute to type checkers
        return cast(F, protected)

    return decorate


async def call_with_circuit_breaker_async(
    breaker: pybreaker.CircuitBreaker | None,
    func: Callable[P, Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Awaits ``func(*args, **kwargs)`` through the breaker (guide, "Implementation Details").

    Args:
        breaker: A `Breaker`, or a stock `pybreaker.CircuitBreaker`, which is given a `Breaker` of the same numbers as
            its keeper because it cannot protect coroutines itself. None: no protection.
        func: A coroutine function.

    Raises:
        CircuitOpenError: Not called; a `pybreaker.CircuitBreakerError`.
    """
    if breaker is None:
        return await func(*args, **kwargs)
    if not isinstance(breaker, Breaker):
        breaker = keeper_of(breaker)
    return await breaker.call_async(func, *args, **kwargs)


_call_with_circuit_breaker_async = call_with_circuit_breaker_async
