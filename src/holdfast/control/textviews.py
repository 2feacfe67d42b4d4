"""Readings of a text that know where their characters come from, so that what is found in them can be taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """A reading of a text.

    Attributes:
        text: How it reads.
        starts: Where each of its characters begins in the original.
        stops: Where each of them ends there.
        words: Whether its words are words of the original, too: not where blanks between them have been left out.
    """

    text: str
    starts: Sequence[int]
    stops: Sequence[int]
    words: bool = True

    @classmethod
    def of(cls, text: str) -> View:
        """The text as it stands."""
        return cls(text, range(len(text)), range(1, len(text) + 1))

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """What these characters of the reading are in the original: from, to."""
        return self.starts[start], self.stops[stop - 1]


class Maker:
    """Puts a reading together from pieces of another."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._made: list[str] = []
        self._starts: list[int] = []
        self._stops: list[int] = []

    def keep(self, start: int, stop: int) -> None:
        """These characters as they are."""
        if start < stop:
            self._made.append(self._view.text[start:stop])
            self._starts += self._view.starts[start:stop]
            self._stops += self._view.stops[start:stop]

    def put(self, character: str, start: int, stop: int) -> None:
        """One character in place of these; the second of a pair of surrogates makes one of both."""
        last = self._made[-1] if self._made else ""
        if len(last) == 1 and "\ud800" <= last <= "\udbff" and "\udc00" <= character <= "\udfff":
            self._made[-1] = (last + character).encode("utf-16", "surrogatepass").decode("utf-16")
            self._stops[-1] = self._view.stops[stop - 1]
            return
        self._made.append(character)
        self._starts.append(self._view.starts[start])
        self._stops.append(self._view.stops[stop - 1])

    def view(self, *, words: bool = True) -> View:
        """The reading."""
        return View("".join(self._made), self._starts, self._stops, words=words and self._view.words)
