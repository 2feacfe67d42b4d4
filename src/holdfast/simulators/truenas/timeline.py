"""Things that happen later, by the appliance's own clock.

Timers are due when the *simulated* clock says so: with a clock that follows real time they fire by themselves, and a
test that advances the clock makes them fire at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

POLL_S = 0.02
# What a mistake of the simulator itself looks like; remembered, so that tests see it.
BUGS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError)
MAX_TIMERS_PER_PUMP = 100_000


@dataclass(order=True)
class Timer:
    """One thing that will happen at `when` (seconds since the epoch), unless cancelled."""

    when: float
    number: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True


class Timeline:
    """A heap of timers over a clock; `run()` fires them while the appliance is up."""

    def __init__(self, now: Callable[[], float], crashed: Callable[[BaseException], None]) -> None:
        self.now = now
        self._crashed = crashed
        self._heap: list[Timer] = []
        self._numbers = itertools.count()
        self._more: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` when `seconds` of simulated time have passed."""
        timer = Timer(self.now() + max(seconds, 0.0), next(self._numbers), callback)
        heapq.heappush(self._heap, timer)
        if self._more is not None:
            self._more.set()
        return timer

    def pump(self) -> None:
        """Fire everything that is due now, in order, including what becomes due while firing."""
        for _ in range(MAX_TIMERS_PER_PUMP):
            if not self._heap or self._heap[0].when > self.now():
                return
            timer = heapq.heappop(self._heap)
            if not timer.cancelled:
                try:
                    timer.callback()
                except BUGS as error:
                    self._crashed(error)

    async def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds; zero only yields to other tasks."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.after(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    def start(self) -> None:
        """Begin firing timers by themselves; needs a running event loop."""
        if self._task is None:
            self._more = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop firing timers; those that wait go on waiting."""
        task, self._task, self._more = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while self._more is not None:
            self.pump()
            self._more.clear()
            wait = min(max(self._heap[0].when - self.now(), 0.001), POLL_S) if self._heap else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), wait)
