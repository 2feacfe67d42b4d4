"""Things that happen by themselves: an ordered list of future events, run up to the appliance's clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

# One catch-up never runs more events than this: a self-renewing event cannot hang the simulator.
_MAX_EVENTS: Final = 200_000


class Event:
    """One future happening; `cancel()` takes it off the list."""

    __slots__ = ("action", "at_s")

    def __init__(self, at_s: float, action: Callable[[], None] | None) -> None:
        self.at_s = at_s
        self.action = action

    def cancel(self) -> None:
        """Never run it."""
        self.action = None


class Timeline:
    """Simulated time: `now()` is the clock's, or the event's own moment while that event runs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._events: list[tuple[float, int, Event]] = []
        self._order = count()
        self._moment: float | None = None
        self._started_s = clock()
        self.before_event: Callable[[float], None] = lambda moment: None

    @property
    def started_s(self) -> float:
        """When the simulation began."""
        return self._started_s

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock() if self._moment is None else self._moment

    def after(self, seconds: float, action: Callable[[], None]) -> Event:
        """Run the action that many seconds from now."""
        event = Event(self.now() + max(0.0, seconds), action)
        heapq.heappush(self._events, (event.at_s, next(self._order), event))
        return event

    def catch_up(self) -> None:
        """Run everything that is due, each event at its own moment."""
        if self._moment is not None:
            return
        present = self._clock()
        try:
            for _ in range(_MAX_EVENTS):
                if not self._events or self._events[0][0] > present:
                    break
                moment, _, event = heapq.heappop(self._events)
                if event.action is None:
                    continue
                self._moment = moment
                self.before_event(moment)
                event.action()
        finally:
            self._moment = None
        self.before_event(present)
