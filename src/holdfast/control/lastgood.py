"""The last good answers of read tools, shown marked as stale while an appliance cannot be asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.control.answers import JsonObject
from holdfast.control.rendering import compact, size

_MAX_ENTRIES = 512
_MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class _Kept:
    answer: JsonObject
    at: float
    size: int


class LastGood:
    """A bounded memory of answers by tool, target and arguments; least recently used first out.

    Args:
        max_age_s: Older answers are not shown.
        monotonic: Clock of ages, seconds.
    """

    def __init__(self, max_age_s: float, monotonic: Callable[[], float]) -> None:
        self._max_age_s = max_age_s
        self._monotonic = monotonic
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    @staticmethod
    def key(tool: str, target: str, arguments: dict[str, object]) -> str:
        """The key of a call."""
        return compact([tool, target, sorted((name, repr(value)) for name, value in arguments.items())])

    def remember(self, key: str, answer: JsonObject) -> None:
        """Keep a good answer."""
        if self._max_age_s <= 0:
            return
        self.forget(key)
        kept = _Kept(answer, self._monotonic(), size(answer))
        self._kept[key] = kept
        self._bytes += kept.size
        while len(self._kept) > _MAX_ENTRIES or self._bytes > _MAX_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size

    def forget(self, key: str) -> None:
        """Drop an answer."""
        if (kept := self._kept.pop(key, None)) is not None:
            self._bytes -= kept.size

    def recent(self, key: str, max_age_s: float) -> tuple[JsonObject, float] | None:
        """The kept answer and its age in seconds, when it is at most `max_age_s` old."""
        kept = self._kept.get(key)
        if kept is None or (age := self._monotonic() - kept.at) > min(max_age_s, self._max_age_s):
            return None
        self._kept.move_to_end(key)
        return kept.answer, age

    def recall(self, key: str, reason: str) -> JsonObject | None:
        """The kept answer marked as stale, or None when there is none that is young enough."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        age = self._monotonic() - kept.at
        if age > self._max_age_s:
            self.forget(key)
            return None
        self._kept.move_to_end(key)
        return {"stale": {"age_s": round(age, 1), "reason": reason}, **kept.answer}
