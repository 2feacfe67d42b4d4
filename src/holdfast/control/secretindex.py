"""Finds known secrets in a text, in a time that does not grow with their number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from holdfast.control import secretforms
from holdfast.control.secretviews import views

_GRAM: Final = secretforms.MIN_ENCODED
_FEW: Final = 256
"""So many different beginnings are sooner looked for one by one than all at once."""


class SecretIndex:
    """All forms of all known secrets. One thread may add while others redact."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._by_gram: dict[str, frozenset[str]] = {}
        self._short: set[str] = set()
        self._words: re.Pattern[str] | None = None
        for secret in secrets:
            self._learn(secret)
        self._compile()

    def add(self, secret: str) -> None:
        """Learn one more secret."""
        known = len(self._short)
        self._learn(secret)
        if len(self._short) > known:
            self._compile()

    def _learn(self, secret: str) -> None:
        for form in secretforms.forms(secret):
            if len(form) < secretforms.LONG and (len(form) < _GRAM or form == secret):
                self._short.add(form)
            else:
                gram = form[:_GRAM]
                self._by_gram[gram] = self._by_gram.get(gram, frozenset()) | {form}

    def _compile(self) -> None:
        if self._short:
            longest_first = sorted(self._short, key=len, reverse=True)
            self._words = re.compile(
                "(?<![A-Za-z0-9])(?:" + "|".join(re.escape(word) for word in longest_first) + ")(?![A-Za-z0-9])"
            )

    def redact(self, text: str, marker: str) -> str:
        """The text with the marker in place of every secret; markers that stand in it already are left alone."""
        return marker.join(self._redact_piece(piece, marker) for piece in text.split(marker))

    def _redact_piece(self, text: str, marker: str) -> str:
        made: list[str] = []
        at = 0
        for start, stop in self._spans(text):
            made += (text[at:start], marker)
            at = stop
        made.append(text[at:])
        return "".join(made)

    def _candidates(self, text: str) -> Iterator[int]:
        """Where the first characters of a form stand, in no order."""
        by_gram = self._by_gram
        if len(by_gram) > min(len(text), _FEW):
            for start in range(len(text) - _GRAM + 1):
                if text[start : start + _GRAM] in by_gram:
                    yield start
            return
        for gram in list(by_gram):
            start = text.find(gram)
            while start >= 0:
                yield start
                start = text.find(gram, start + 1)

    def _long(self, text: str) -> Iterator[tuple[int, int]]:
        """Where forms stand that are recognised anywhere: from, to."""
        for start in self._candidates(text):
            forms = self._by_gram[text[start : start + _GRAM]]
            ends = [start + len(form) for form in forms if text.startswith(form, start)]
            if ends:
                yield start, max(ends)

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand: from, to; in order, overlapping ones joined so that nothing of either stays."""
        found = [match.span() for match in self._words.finditer(text)] if self._words is not None else []
        if self._by_gram:
            found += self._long(text)
            for view in views(text):
                found += [view.span(start, stop) for start, stop in self._long(view.text)]
        found.sort()
        joined: list[tuple[int, int]] = []
        for start, stop in found:
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
            else:
                joined.append((start, stop))
        return joined
