"""Other readings of a text: encodings undone that can be written in too many ways to be looked for one by one.

`holdfast.control.secretforms` knows how a secret looks in the usual encodings, each written in the usual way. What is
left is undone here before looking: base64 that is wrapped into lines, and escapes of any character, also several times
over. Every reading knows where its characters come from, so that what is found in it can be taken out of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_DECODINGS: Final = 4
"""How many layers of escapes are undone."""
MIN_LINE: Final = 16
"""Shortest lines that are taken for wrapped base64, characters."""

_ESCAPE: Final = re.compile(
    r"((?:%[0-9A-Fa-f]{2})++)"  # percent: bytes of UTF-8
    r"|\\{1,16}u([dD][89abAB][0-9A-Fa-f]{2})\\{1,16}u([dD][c-fC-F][0-9A-Fa-f]{2})"  # JSON: a pair of surrogates
    r"|\\{1,16}(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|U([0-9A-Fa-f]{8}))"  # JSON, C, Python
    r"|&#(?:[xX]([0-9A-Fa-f]{1,6})|([0-9]{1,7}));"  # HTML
)
_BREAK: Final = re.compile(r"(?:\s|\\{1,16}[rn])++")
_WRAPPED: Final = re.compile(
    rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{MIN_LINE},}}+(?:\s|\\{{1,16}}[rn])++[A-Za-z0-9+/=_-]{{4}}"
)
_LARGEST_CODE: Final = 0x10FFFF


@dataclass(frozen=True)
class View:
    """A reading of a text.

    Attributes:
        text: How it reads.
        starts: Where each of its characters begins in the original.
        stops: Where each of them ends there.
    """

    text: str
    starts: Sequence[int]
    stops: Sequence[int]

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """What these characters of the reading are in the original: from, to."""
        return self.starts[start], self.stops[stop - 1]


class _Maker:
    """Puts a reading together from pieces of another."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._made: list[str] = []
        self._starts: list[int] = []
        self._stops: list[int] = []

    def keep(self, start: int, stop: int) -> None:
        """These characters as they are."""
        self._made.append(self._view.text[start:stop])
        self._starts += self._view.starts[start:stop]
        self._stops += self._view.stops[start:stop]

    def put(self, character: str, start: int, stop: int) -> None:
        """One character in place of these."""
        self._made.append(character)
        self._starts.append(self._view.starts[start])
        self._stops.append(self._view.stops[stop - 1])

    def view(self) -> View:
        """The reading."""
        return View("".join(self._made), self._starts, self._stops)


def views(text: str) -> Iterator[View]:
    """All readings of a text but the text itself; none of most texts."""
    view = View(text, range(len(text)), range(1, len(text) + 1))
    for _ in range(MAX_DECODINGS):
        if _WRAPPED.search(view.text):
            yield _joined(view)
        decoded = _decoded(view) if "%" in view.text or "\\" in view.text or "&#" in view.text else view
        if decoded is view:
            return
        yield decoded
        view = decoded


def _joined(view: View) -> View:
    """Without blanks and line breaks."""
    maker, at = _Maker(view), 0
    for match in _BREAK.finditer(view.text):
        maker.keep(at, match.start())
        at = match.end()
    maker.keep(at, len(view.text))
    return maker.view()


def _decoded(view: View) -> View:
    """With one layer of escapes undone; the same view when it has none."""
    maker, at = _Maker(view), 0
    for match in _ESCAPE.finditer(view.text):
        maker.keep(at, match.start())
        for character, start, stop in _characters(match):
            maker.put(character, start, stop)
        at = match.end()
    if not at:
        return view
    maker.keep(at, len(view.text))
    return maker.view()


def _characters(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """What an escape stands for: each character, with from where to where its part of the escape goes."""
    percent, high, low, wide, narrow, widest, hexadecimal, decimal = match.groups()
    if percent is not None:
        at = match.start()
        # What is no UTF-8 becomes one character a byte that no secret has.
        for character in bytes.fromhex(percent.replace("%", "")).decode(errors="surrogateescape"):
            size = 3 * len(character.encode(errors="surrogateescape"))
            yield character, at, at + size
            at += size
        return
    if high is not None:
        character = bytes.fromhex(high + low).decode("utf-16-be")
    else:
        code = int(decimal) if decimal is not None else int(wide or narrow or widest or hexadecimal, 16)
        character = chr(min(code, _LARGEST_CODE))
    yield character, match.start(), match.end()
