"""How many calls run at once, and how many wait for their turn: a queue of our own, where the breaker sees it.

Permits are the elements of a deque, because taking and giving one is a single atomic step: the short way through
the executor needs no lock. Who finds none queues up; permits are handed on in the order of arrival.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum

from holdfast.resilience.errors import BulkheadFullError


class Turn(Enum):
    """How waiting for a permit ended."""

    GRANTED = "granted"
    LOOK_AGAIN = "look again"
    """The circuit opened meanwhile; nothing was granted."""
    TIMED_OUT = "timed out"


class _Waiter:
    __slots__ = ("turn", "wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.turn: Turn | None = None


class Bulkhead:
    """Limits calls under way; the rest queue, first come, first served.

    Args:
        name: For errors.
        max_in_flight: Calls that may run at once.
        max_waiting: Calls that may wait.
    """

    __slots__ = ("_lock", "max_in_flight", "max_waiting", "name", "permits", "waiters")

    def __init__(self, name: str, max_in_flight: int, max_waiting: int) -> None:
        self.name = name
        self.max_in_flight = max_in_flight
        self.max_waiting = max_waiting
        self.permits: deque[None] = deque([None] * max_in_flight)
        self.waiters: deque[_Waiter] = deque()
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Calls under way now."""
        return self.max_in_flight - len(self.permits)

    @property
    def waiting(self) -> int:
        """Calls waiting now."""
        return len(self.waiters)

    def try_acquire(self) -> bool:
        """Takes a permit if one is free and nobody waits for it."""
        if self.waiters:
            return False
        try:
            self.permits.pop()
        except IndexError:
            return False
        return True

    def release(self) -> None:
        """Gives a permit back, to who waits longest."""
        self.permits.append(None)
        if self.waiters:
            self.hand_on()

    def hand_on(self) -> None:
        """Hands free permits to those who wait."""
        while True:
            with self._lock:
                if not self.waiters:
                    return
                try:
                    self.permits.pop()
                except IndexError:
                    return
                waiter = self.waiters.popleft()
                waiter.turn = Turn.GRANTED
            try:
                waiter.wake()
            except RuntimeError:  # its event loop is closed: nobody is there to use the permit
                self.permits.append(None)

    def flush(self) -> None:
        """Sends everybody who waits away, to look at the circuit again."""
        with self._lock:
            waiters = list(self.waiters)
            self.waiters.clear()
            for waiter in waiters:
                waiter.turn = Turn.LOOK_AGAIN
        for waiter in waiters:
            try:
                waiter.wake()
            except RuntimeError:
                continue  # its event loop is closed

    async def acquire(self, timeout_s: float | None) -> Turn:
        """Waits for a permit, at most `timeout_s` seconds; None: as long as it takes.

        Raises:
            BulkheadFullError: `max_waiting` calls wait already.
        """
        if self.try_acquire():
            return Turn.GRANTED
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            loop.call_soon_threadsafe(_resolve, turn)

        waiter = self._queue_up(wake)
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except TimeoutError:
            return self._leave(waiter)
        except BaseException:
            if self._leave(waiter) is Turn.GRANTED:
                self.release()
            raise
        return waiter.turn or Turn.LOOK_AGAIN

    def acquire_sync(self, timeout_s: float) -> Turn:
        """The same for threads."""
        if self.try_acquire():
            return Turn.GRANTED
        turn = threading.Event()
        waiter = self._queue_up(turn.set)
        try:
            # The longest wait the platform can express is shorter than "no limit".
            in_time = turn.wait(min(timeout_s, threading.TIMEOUT_MAX))
        except BaseException:
            if self._leave(waiter) is Turn.GRANTED:
                self.release()
            raise
        if not in_time:
            return self._leave(waiter)
        return waiter.turn or Turn.LOOK_AGAIN

    def _queue_up(self, wake: Callable[[], None]) -> _Waiter:
        waiter = _Waiter(wake)
        with self._lock:
            if len(self.waiters) >= self.max_waiting and not self.permits:
                raise BulkheadFullError(self.name, self.max_in_flight, self.max_waiting)
            self.waiters.append(waiter)
        # A permit may have come back between our look and our queueing up.
        self.hand_on()
        return waiter

    def _leave(self, waiter: _Waiter) -> Turn:
        with self._lock:
            if waiter.turn is None:
                self.waiters.remove(waiter)
                waiter.turn = Turn.TIMED_OUT
            return waiter.turn


def _resolve(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
