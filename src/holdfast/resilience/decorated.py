"""Retries for a decorated function: bare at first, tenacity from the first failure on."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from holdfast.resilience.backoff import guide_wait
from holdfast.resilience.breaker import default_events
from holdfast.resilience.classify import default_classify
from holdfast.resilience.clock import Clock
from holdfast.resilience.deadline import remaining_s
from holdfast.resilience.events import Event, EventKind, Events
from holdfast.resilience.mode import MODE
from holdfast.resilience.policy import Policy
from holdfast.resilience.retry_after import usable_wait

if TYPE_CHECKING:
    import tenacity

F = TypeVar("F", bound=Callable[..., Any])
_NAMELESS: Final = "function"


class Repeater:
    """Repeats functions on failures that a predicate picks.

    Args:
        policy: Attempts and waits.
        repeats: Whether an exception is worth another attempt.
        clock: Time, sleep and chance.
        events: Hub that hears of retries; None: the guide's log line.
        logger: Receives the guide's log line instead.
    """

    def __init__(
        self,
        policy: Policy,
        repeats: Callable[[BaseException], bool],
        clock: Clock,
        events: Events | None,
        logger: logging.Logger | None,
    ) -> None:
        self._policy = policy
        self._repeats = repeats
        self._clock = clock
        if logger is not None and events is None:
            events = Events(lambda event: logger.log(event.level, "%s", event.message))
        self._events = default_events() if events is None else events

    def decorate(self, function: F) -> F:
        """The function with retries; coroutine functions stay coroutine functions.

        Raises:
            TypeError: An asynchronous generator function.
        """
        name = getattr(function, "__qualname__", _NAMELESS)
        if inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is an asynchronous generator function, which cannot be repeated")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def repeated_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on untouched
                try:
                    return await function(*args, **kwargs)
                except Exception as error:
                    if not self._may_repeat(error, 1):
                        raise
                    first: list[Exception] = [error]

                    async def again() -> Any:  # noqa: ANN401 - passed on untouched
                        if first:
                            raise first.pop()
                        return await function(*args, **kwargs)

                    import tenacity

                    return await tenacity.AsyncRetrying(sleep=self._sleep, **self._rules(name))(again)

            return cast(F, repeated_async)

        @functools.wraps(function)
        def repeated(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on untouched
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if not self._may_repeat(error, 1):
                    raise
                first: list[Exception] = [error]

                def again() -> Any:  # noqa: ANN401 - passed on untouched
                    if first:
                        raise first.pop()
                    return function(*args, **kwargs)

                import tenacity

                return tenacity.Retrying(sleep=self._clock.sleep_sync, **self._rules(name))(again)

        return cast(F, repeated)

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def _attempts(self) -> int:
        limit = self._policy.retry_max_attempts
        return limit if MODE.max_attempts is None else min(limit, MODE.max_attempts)

    def _may_repeat(self, error: BaseException, attempts: int) -> bool:
        if attempts >= self._attempts() or not isinstance(error, Exception) or not self._repeats(error):
            return False
        asked = usable_wait(default_classify(error).retry_after_s)
        if asked is not None and asked > self._policy.retry_after_cap:
            return False
        left = remaining_s()
        return left is None or left > self._wait(error, attempts)

    def _wait(self, error: BaseException | None, attempts: int) -> float:
        if MODE.no_waits:
            return 0.0
        policy = self._policy
        wait = guide_wait(attempts, policy.retry_min_wait, policy.retry_max_wait, policy.retry_multiplier)
        asked = None if error is None else usable_wait(default_classify(error).retry_after_s)
        return wait if asked is None else max(wait, asked)

    def _rules(self, name: str) -> dict[str, Any]:
        def failure(state: tenacity.RetryCallState) -> BaseException | None:
            return None if state.outcome is None else state.outcome.exception()

        def repeat(state: tenacity.RetryCallState) -> bool:
            error = failure(state)
            return error is not None and self._may_repeat(error, state.attempt_number)

        def tell(state: tenacity.RetryCallState) -> None:
            error = failure(state)
            if error is not None:
                self._events.emit(
                    Event(
                        EventKind.RETRY,
                        name,
                        self._clock.wall(),
                        name,
                        state.attempt_number,
                        self._attempts(),
                        self._wait(error, state.attempt_number),
                        self._events.text(error),
                        type(error).__name__,
                    )
                )

        return {
            "wait": lambda state: self._wait(failure(state), state.attempt_number),
            "retry": repeat,
            "before_sleep": tell,
            "reraise": True,
        }
