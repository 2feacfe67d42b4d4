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
_PASSES: Final = 4
# A word begins where none goes on, and behind an escape for a line's end, whose letter is not of the word.
_WORD: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:{})(?![A-Za-z0-9])"


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
                form = secretforms.folded(form)
                gram = form[:_GRAM]
                self._by_gram[gram] = self._by_gram.get(gram, frozenset()) | {form}

    def _compile(self) -> None:
        if self._short:
            longest_first = sorted(self._short, key=len, reverse=True)
            self._words = re.compile(_WORD.format("|".join(_pattern(word) for word in longest_first)))

    def redact(self, text: str, marker: str) -> str:
        """The text with the marker in place of every secret; markers that stand in it already are left alone."""
        for _ in range(_PASSES):
            redacted = marker.join(self._redact_piece(piece, marker) for piece in text.split(marker))
            if redacted == text:
                break
            # What stood beside a secret may now be a word.
            text = redacted
        return text

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
        text = secretforms.folded(text)
        for start in self._candidates(text):
            forms = self._by_gram[text[start : start + _GRAM]]
            ends = [start + len(form) for form in forms if text.startswith(form, start)]
            if ends:
                yield start, max(ends)

    def _short_words(self, text: str) -> Iterator[tuple[int, int]]:
        """Where short secrets stand as whole words: from, to."""
        return (match.span() for match in self._words.finditer(text)) if self._words is not None else iter(())

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand: from, to; in order, overlapping ones joined so that nothing of either stays."""
        found = [*self._short_words(text), *self._long(text)]
        for view in views(text):
            found += [view.span(start, stop) for start, stop in self._long(view.text)]
            if view.words:
                found += [view.span(start, stop) for start, stop in self._short_words(view.text)]
        found.sort()
        joined: list[tuple[int, int]] = []
        for start, stop in found:
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
            else:
                joined.append((start, stop))
        return joined


def _pattern(word: str) -> str:
    """A short secret in any case of its letters; as it is written, when an everyday word could be the same."""
    escaped = re.escape(word)
    return escaped if word.replace(" ", "").isalpha() else f"(?i:{escaped})"
