"""Other readings of a text: encodings undone that can be written in too many ways to be looked for one by one.

`holdfast.control.secretforms` knows how a secret looks in the usual encodings, each written in the usual way. What is
left is undone here before looking: base64 that is wrapped into lines, and escapes of any character, also several times
over. Every reading knows where its characters come from, so that what is found in it can be taken out of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.entities import html5
from typing import Final

MAX_DECODINGS: Final = 4
"""How many layers of escapes are undone."""
MIN_LINE: Final = 16
"""Shortest lines that are taken for wrapped base64, characters."""

_ESCAPE: Final = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})++)"  # bytes
    r"|(?P<bytes>(?:\\{1,16}(?:x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[0-7]{1,2}))++)"  # C, Python, shell: hexadecimal, octal
    r"|\\{1,16}(?:"
    r"u(?P<json>[0-9A-Fa-f]{4})|U(?P<python>[0-9A-Fa-f]{8})"
    r"|[uUx]\{(?P<braced>[0-9A-Fa-f]{1,12})\}"  # JavaScript, PHP, Rust, Perl
    r"|(?P<sign>[ -/:-@\[\]^_`{-~]))"  # shell, and quotes everywhere
    r"|&(?:#(?:[xX](?P<hexadecimal>[0-9A-Fa-f]{1,12})|(?P<decimal>[0-9]{1,12}))|(?P<name>[A-Za-z][A-Za-z0-9]{1,31}));"
)
_BYTE: Final = re.compile(r"\\{1,16}(?:x([0-9A-Fa-f]{2})|([0-7]{1,3}))")
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

    def view(self) -> View:
        """The reading."""
        return View("".join(self._made), self._starts, self._stops)


def views(text: str) -> Iterator[View]:
    """All readings of a text but the text itself; none of most texts."""
    view = View(text, range(len(text)), range(1, len(text) + 1))
    for _ in range(MAX_DECODINGS):
        if _WRAPPED.search(view.text):
            yield _joined(view)
        decoded = _decoded(view) if _has_signs(view.text) else view
        if decoded is view:
            return
        yield decoded
        view = decoded


def _has_signs(text: str) -> bool:
    return "%" in text or "\\" in text or ("&" in text and ";" in text)


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
        if match["name"] is not None and f"{match['name']};" not in html5:
            continue
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
    kind, start, stop = str(match.lastgroup), match.start(), match.end()
    found = match[kind]
    if kind == "percent":
        yield from _utf_8(bytes.fromhex(found.replace("%", "")), range(start, stop + 1, 3))
    elif kind == "bytes":
        parts = list(_BYTE.finditer(found))
        data = bytes(int(part[1], 16) if part[1] else int(part[2], 8) for part in parts)
        yield from _utf_8(data, [*(start + part.start() for part in parts), stop])
    elif kind == "sign":
        yield found, start, stop
    elif kind == "name":
        yield html5[f"{found};"][0], start, stop
    else:
        code = int(found, 10 if kind == "decimal" else 16)
        yield chr(min(code, _LARGEST_CODE)), start, stop


def _utf_8(data: bytes, edges: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """The characters of bytes that stand between these edges; what is no UTF-8 is taken for Latin 1."""
    at = 0
    for character in data.decode(errors="surrogateescape"):
        size = len(character.encode(errors="surrogateescape"))
        yield character if size > 1 else chr(data[at]), edges[at], edges[at + size]
        at += size
