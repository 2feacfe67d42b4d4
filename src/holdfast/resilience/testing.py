"""For tests: time that only moves when told, slept on or waited for; seeded chance; capped attempts.

::

    clock = ManualClock()
    executor = Executor("api", clock=clock.clock)
    ...
    assert clock.sleeps == [1, 2]
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from holdfast.resilience.clock import Clock
from holdfast.resilience.events import Event, EventKind
from holdfast.resilience.mode import MODE

T = TypeVar("T")

START: float = datetime(2024, 1, 1, 12, tzinfo=UTC).timestamp()
"""Wall time at which a `ManualClock` starts: the guide's example, 2024-01-01 12:00:00 UTC."""


class ManualClock:
    """Time that passes only by `advance` and by sleeping on it; sleeping takes no real time.

    Args:
        seed: For `Clock.random`.

    Attributes:
        clock: To be given to a breaker or an executor.
        sleeps: Every sleep asked for, in seconds.
        now: Monotonic seconds, starting at 1000.
        wall: Seconds since 1970; moves with `now`, and may be set apart from it.
        when_slept: Called once, at the next sleep: something that happens meanwhile.
    """

    def __init__(self, seed: int = 0) -> None:
        self.now = 1_000.0
        self.wall = START
        self.sleeps: list[float] = []
        self.when_slept: Callable[[], object] | None = None
        self.clock = Clock(
            monotonic=lambda: self.now,
            wall=lambda: self.wall,
            sleep=self._sleep,
            sleep_sync=self._sleep_sync,
            random=random.Random(seed).random,
        )

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += seconds
        self.wall += seconds

    async def _sleep(self, seconds: float) -> None:
        self._sleep_sync(seconds)
        await asyncio.sleep(0)

    def _sleep_sync(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)
        meanwhile, self.when_slept = self.when_slept, None
        if meanwhile is not None:
            meanwhile()


class Recorder:
    """A sink that keeps every event.

    Attributes:
        events: Everything heard, in order.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def messages(self) -> list[str]:
        """The sentences of all events."""
        return [event.message for event in self.events]

    def of(self, kind: EventKind) -> list[Event]:
        """Events of one kind."""
        return [event for event in self.events if event.kind is kind]


@contextmanager
def set_testing(*, max_attempts: int | None = 1, no_waits: bool = True) -> Iterator[None]:
    """While inside, every retry of this process is capped and immediate.

    Args:
        max_attempts: Attempts at most, whatever the policies say; None: as they say.
        no_waits: Waits before retries last 0 seconds.
    """
    before = MODE.max_attempts, MODE.no_waits
    MODE.max_attempts, MODE.no_waits = max_attempts, no_waits
    try:
        yield
    finally:
        MODE.max_attempts, MODE.no_waits = before


def failing(times: int, error: Callable[[], BaseException] = ConnectionError) -> Callable[[], str]:
    """A function that raises `error()` the first `times` times it is called and answers ``"ok"`` afterwards."""
    left = times

    def attempt() -> str:
        nonlocal left
        if left > 0:
            left -= 1
            raise error()
        return "ok"

    return attempt


class _Jumping(selectors.DefaultSelector):
    """A selector that never waits: where it would, time jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; if nothing is, `timeout` seconds have passed."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing is scheduled and nothing is ready: the test would wait for ever")
            self.now += max(0.0, timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no real time: when all tasks wait, time jumps to the next timer.

    For tasks that wait only for timers and each other. Sockets work, but their delays look like no time at all.
    """

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def clock(self, seed: int = 0) -> Clock:
        """This loop's time for a breaker or an executor, with seeded chance."""
        return Clock(
            monotonic=self.time,
            wall=lambda: START + self.time(),
            sleep=asyncio.sleep,
            random=random.Random(seed).random,
        )


def run_virtual(main: Callable[[VirtualTimeLoop], Coroutine[object, object, T]]) -> T:
    """Runs ``main(loop)`` in a new `VirtualTimeLoop` and returns what it returns."""
    loops: list[VirtualTimeLoop] = []

    def make() -> VirtualTimeLoop:
        loops.append(VirtualTimeLoop())
        return loops[-1]

    with asyncio.Runner(loop_factory=make) as runner:
        runner.get_loop()
        return runner.run(main(loops[-1]))
