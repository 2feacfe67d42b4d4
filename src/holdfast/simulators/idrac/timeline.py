"""Simulated time: what is due happens in order, whenever somebody looks."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count

UTC_OFFSET_H = -6
_ZONE = timezone(timedelta(hours=UTC_OFFSET_H))


@dataclass(order=True)
class _Due:
    at: float
    number: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class Appointment:
    """A thing that will happen; `cancel` takes it back."""

    def __init__(self, due: _Due) -> None:
        self._due = due

    @property
    def at(self) -> float:
        """When, in seconds since the epoch."""
        return self._due.at

    def cancel(self) -> None:
        """Let it not happen; harmless when it already did."""
        self._due.cancelled = True


class Timeline:
    """A queue of things to happen, driven by the simulated clock and not by a task of its own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._queue: list[_Due] = []
        self._numbers = count()
        self._instant: float | None = None

    def now(self) -> float:
        """Seconds since the epoch; while an event happens, the moment it was due."""
        return self._clock() if self._instant is None else self._instant

    def after(self, seconds: float, action: Callable[[], None]) -> Appointment:
        """Arrange that `action` happens this many simulated seconds from now."""
        due = _Due(self.now() + max(0.0, seconds), next(self._numbers), action)
        heapq.heappush(self._queue, due)
        return Appointment(due)

    def settle(self) -> None:
        """Let everything happen that is due by now, in order of its time."""
        if self._instant is not None:
            return
        limit = self._clock()
        while self._queue and self._queue[0].at <= limit:
            due = heapq.heappop(self._queue)
            if due.cancelled:
                continue
            self._instant = due.at
            try:
                due.action()
            finally:
                self._instant = None


def iso(seconds: float, *, colon: bool = True) -> str:
    """A time as the iDRAC writes it, in its own zone: "2026-11-23T08:14:02-06:00" (or "-0600")."""
    text = datetime.fromtimestamp(int(seconds), _ZONE).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}-06:00" if colon else f"{text}-0600"


def iso_bare(seconds: float) -> str:
    """A time without its zone, as the job queue writes completion times (contract, E7)."""
    return datetime.fromtimestamp(int(seconds), _ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def parse_time(text: str) -> float | None:
    """Seconds since the epoch of an ISO time (a missing zone means the iDRAC's own); None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_ZONE)
    return moment.timestamp()
