"""Calendar events of schedules (`mon..fri 02:30`, `*/15`, `daily`) and when they come next, in UTC."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Final

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORDS: Final = {
    "minutely": "*:*",
    "hourly": "*:0",
    "daily": "0:0",
    "weekly": "mon 0:0",
    "monthly": "*-*-1 0:0",
    "yearly": "*-1-1 0:0",
    "annually": "*-1-1 0:0",
    "quarterly": "*-1,4,7,10-1 0:0",
    "semiannually": "*-1,7-1 0:0",
    "semi-annually": "*-1,7-1 0:0",
}


def _numbers(text: str, low: int, high: int) -> frozenset[int]:
    """The numbers behind `*`, `5`, `*/15`, `1..5`, `1,2`; ValueError when it is none of these."""
    found: set[int] = set()
    for part in text.split(","):
        base, _, step = part.partition("/")
        if base == "*":
            start, end = low, high
        elif ".." in base:
            start, end = (int(word) for word in base.split("..", 1))
        else:
            start = int(base)
            end = high if step else start
        if start < low or end > high:
            raise ValueError(text)
        found.update(range(start, end + 1, int(step) if step else 1))
    return frozenset(found)


def _weekdays(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        start, _, end = part.partition("..")
        first = _DAYS.index(start[:3])
        last = _DAYS.index(end[:3]) if end else first
        found.update(day % 7 for day in range(first, last + 1 if last >= first else last + 8))
    return frozenset(found)


class CalendarEvent:
    """A parsed schedule; ValueError for text that is none."""

    def __init__(self, text: str) -> None:
        words = _WORDS.get(text.strip().lower(), text.strip().lower()).split()
        self._weekdays = frozenset(range(7))
        self._months, self._days = frozenset(range(1, 13)), frozenset(range(1, 32))
        self._hours, self._minutes = frozenset({0}), frozenset({0})
        if not words:
            raise ValueError(text)
        for word in words:
            self._read(word)

    def _read(self, word: str) -> None:
        if re.fullmatch(r"[a-z.,]+", word):
            self._weekdays = _weekdays(word)
        elif re.fullmatch(r"[\d*,./]+-[\d*,./]+(-[\d*,./]+)?", word):
            *_, month, day = word.split("-")
            self._months, self._days = _numbers(month, 1, 12), _numbers(day, 1, 31)
        elif ":" in word:
            hour, minute = word.split(":")[:2]
            self._hours, self._minutes = _numbers(hour, 0, 23), _numbers(minute, 0, 59)
        else:
            self._hours, self._minutes = frozenset(range(24)), _numbers(word, 0, 59)

    def after(self, moment: float) -> Iterator[int]:
        """The coming events, seconds since the epoch; ends when four years have none."""
        start = datetime.datetime.fromtimestamp(moment, datetime.UTC)
        for offset in range(4 * 366):
            day = (start + datetime.timedelta(days=offset)).date()
            if day.weekday() not in self._weekdays or day.month not in self._months or day.day not in self._days:
                continue
            midnight = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp()
            for hour in sorted(self._hours):
                for minute in sorted(self._minutes):
                    at = int(midnight) + hour * 3600 + minute * 60
                    if at > moment:
                        yield at


def next_event(text: str, moment: float) -> int | None:
    """When a schedule comes next; None when it never does or is no schedule."""
    try:
        return next(CalendarEvent(text).after(moment), None)
    except ValueError:
        return None
