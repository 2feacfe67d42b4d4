"""Reads: identical ones share one call, and an older answer is better than none, if it says so.

Sharing and staleness need a key (`Operation.key`); without one a read is just a call.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from holdfast.resilience.core import Core
from holdfast.resilience.deadline import remaining_s
from holdfast.resilience.errors import BulkheadFullError, CircuitOpenError, DeadlineExceededError
from holdfast.resilience.events import EventKind
from holdfast.resilience.hedge import hedged
from holdfast.resilience.model import Operation, Outcome
from holdfast.resilience.stale import Answer, LastAnswers

if TYPE_CHECKING:
    from holdfast.resilience.executor import Executor

T = TypeVar("T")


class _Flight:
    """A shared call under way, and how many wait for it."""

    __slots__ = ("task", "waiters")

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task = task
        self.waiters = 0


class Reader:
    """Makes the reads of one executor."""

    __slots__ = ("_core", "_executor", "_flights", "_lock", "_threads", "last")

    def __init__(self, executor: Executor, core: Core) -> None:
        self._executor = executor
        self._core = core
        self._flights: dict[tuple[asyncio.AbstractEventLoop, str], _Flight] = {}
        self._threads: dict[str, concurrent.futures.Future[object]] = {}
        self._lock = threading.Lock()
        self.last = LastAnswers(core.policy.stale_max_entries, core.now)

    async def read(
        self,
        operation: Operation,
        attempt: Callable[[], Awaitable[T]],
        max_stale_s: float | None,
        hedge_after_s: float | None,
    ) -> Answer[T]:
        """See `Executor.read`."""
        if hedge_after_s is not None:
            attempt = partial(hedged, attempt, hedge_after_s, partial(self._hedge, operation, hedge_after_s))
        key = operation.key
        if key is None:
            return Answer(await self._executor.run(operation, attempt))
        try:
            value = await self._share(operation, key, attempt)
        except Exception as error:
            answer: Answer[T] | None = self._instead(operation, key, max_stale_s, error)
            if answer is None:
                raise
            return answer
        if max_stale_s is not None:
            self.last.keep(key, value)
        return Answer(value)

    def read_sync(self, operation: Operation, attempt: Callable[[], T], max_stale_s: float | None) -> Answer[T]:
        """See `Executor.read_sync`."""
        key = operation.key
        if key is None:
            return Answer(self._executor.run_sync(operation, attempt))
        try:
            value = self._share_sync(operation, key, attempt)
        except Exception as error:
            answer: Answer[T] | None = self._instead(operation, key, max_stale_s, error)
            if answer is None:
                raise
            return answer
        if max_stale_s is not None:
            self.last.keep(key, value)
        return Answer(value)

    # -- sharing ---------------------------------------------------------------------------------------------------

    async def _share(self, operation: Operation, key: str, attempt: Callable[[], Awaitable[T]]) -> T:
        place = (asyncio.get_running_loop(), key)
        flight = self._flights.get(place)
        joined = flight is not None
        if flight is None:
            # A task of its own: the caller who happened to be first may give up, the others still want the answer.
            flight = _Flight(asyncio.ensure_future(self._executor.run(operation, attempt)))
            self._flights[place] = flight
            flight.task.add_done_callback(lambda _: self._landed(place, flight))
        else:
            self._core.stats.shared += 1
        try:
            return cast(T, await self._wait(operation, flight))
        except DeadlineExceededError:
            left = remaining_s()
            if not joined or not flight.task.done() or (left is not None and left <= 0):
                raise
        except asyncio.CancelledError:
            if not joined or not flight.task.cancelled() or _cancelling():
                raise
        # The call that was joined ended with its own caller's time; ours is not over.
        return await self._executor.run(operation, attempt)

    async def _wait(self, operation: Operation, flight: _Flight) -> object:
        flight.waiters += 1
        begun = self._core.now()
        try:
            done, _ = await asyncio.wait([flight.task], timeout=remaining_s())
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                flight.task.cancel()
        if not done:
            raise DeadlineExceededError(self._core.name, operation.name, 1, self._core.now() - begun)
        return flight.task.result()

    def _landed(self, place: tuple[asyncio.AbstractEventLoop, str], flight: _Flight) -> None:
        if self._flights.get(place) is flight:
            del self._flights[place]
        if not flight.task.cancelled():
            flight.task.exception()  # looked at, in case nobody waits any more

    def _share_sync(self, operation: Operation, key: str, attempt: Callable[[], T]) -> T:
        with self._lock:
            flight = self._threads.get(key)
            mine = flight is None
            if flight is None:
                flight = self._threads[key] = concurrent.futures.Future()
        if mine:
            return self._lead(operation, key, attempt, flight)
        self._core.stats.shared += 1
        begun = self._core.now()
        try:
            return cast(T, flight.result(remaining_s()))
        except DeadlineExceededError:
            left = remaining_s()
            if left is not None and left <= 0:
                raise
        except concurrent.futures.CancelledError:
            pass
        except TimeoutError:
            if flight.done():
                raise
            raise DeadlineExceededError(self._core.name, operation.name, 1, self._core.now() - begun) from None
        return self._executor.run_sync(operation, attempt)

    def _lead(
        self, operation: Operation, key: str, attempt: Callable[[], T], flight: concurrent.futures.Future[object]
    ) -> T:
        try:
            value = self._executor.run_sync(operation, attempt)
        except Exception as error:
            self._land(key)
            flight.set_exception(error)
            raise
        except BaseException:
            self._land(key)
            flight.cancel()
            flight.set_running_or_notify_cancel()
            raise
        self._land(key)
        flight.set_result(value)
        return value

    def _land(self, key: str) -> None:
        with self._lock:
            del self._threads[key]

    # -- instead of an answer --------------------------------------------------------------------------------------

    def _instead(self, operation: Operation, key: str, max_stale_s: float | None, error: Exception) -> Answer[T] | None:
        """The last good answer, when the other side cannot give one now. Its refusals are answers: those stand."""
        if max_stale_s is None:
            return None
        if not isinstance(error, CircuitOpenError | BulkheadFullError | DeadlineExceededError):
            try:
                if self._core.classify(error).outcome is not Outcome.FAILURE:
                    return None
            except Exception:  # noqa: BLE001 - the caller shall see the failure, not the classifier's
                return None
        core = self._core
        answer: Answer[T] | None = self.last.find(key, max_stale_s, core.events.text(error))
        if answer is not None:
            core.stats.stale += 1
            core.tell(EventKind.STALE, operation.name, error=error, age_s=answer.age_s)
        return answer

    def _hedge(self, operation: Operation, after_s: float) -> Callable[[], None] | None:
        """Leave for a second request: only while all is well, within budget and bulkhead."""
        core = self._core
        if core.machine.state != "closed" or not core.bulkhead.try_acquire():
            return None
        if not core.budget.take():
            core.bulkhead.release()
            return None
        core.stats.hedged += 1
        core.tell(EventKind.HEDGED, operation.name, wait_s=after_s)
        return core.bulkhead.release


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
