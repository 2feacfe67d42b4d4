"""The last good answers of reads, for the time when no new ones can be had."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The answer to a read.

    Attributes:
        value: The answer. It may be shared with other callers: do not change it.
        stale: Whether it is an older answer, given because no new one could be had.
        age_s: Its age in seconds; 0.0 for a new one.
        reason: Why there is no new one; None for a new one.
    """

    value: T
    stale: bool = False
    age_s: float = 0.0
    reason: str | None = None


class LastAnswers:
    """Keeps the last answer for each key, the most recently given ones when there are too many.

    Args:
        most: How many are kept; 0: none.
        now: Monotonic seconds.
    """

    __slots__ = ("_answers", "_lock", "_most", "_now")

    def __init__(self, most: int, now: Callable[[], float]) -> None:
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[object, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def keep(self, key: str, value: object) -> None:
        """Keeps an answer."""
        if self._most == 0:
            return
        with self._lock:
            self._answers[key] = (value, self._now())
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)

    def find(self, key: str, max_age_s: float, reason: str) -> Answer[T] | None:
        """The answer kept for the key, if it is no older than `max_age_s` seconds."""
        with self._lock:
            kept = self._answers.get(key)
        if kept is None:
            return None
        value, at = kept
        age = self._now() - at
        if age > max_age_s:
            return None
        return Answer(cast(T, value), True, age, reason)

    def forget(self, key: str | None) -> None:
        """Forgets one answer, or all."""
        with self._lock:
            if key is None:
                self._answers.clear()
            else:
                self._answers.pop(key, None)
