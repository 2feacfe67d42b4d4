"""Other readings of a text: encodings undone that can be written in too many ways to be looked for one by one.

`holdfast.control.secretforms` knows how a secret looks in the usual encodings, each written in the usual way. What is
left is undone here before looking: lines that base64 is wrapped into, escapes of any character, quoted-printable, and
encodings of what is encoded itself; also several of them, one upon the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from holdfast.control.textcodecs import decoded
from holdfast.control.textescapes import unescaped, unquoted
from holdfast.control.textviews import Maker, View

MAX_LAYERS: Final = 4
"""How many layers are undone."""
MIN_LINE: Final = 16
"""Shortest lines that are taken for wrapped base64, characters."""
MOST_READ: Final = 16
"""All readings together have at most so many times the length of the text; what is undone first comes first."""
_ALWAYS_READ: Final = 8192
_SIGNS: Final = ("%", "\\", "&", "=")

_RUN: Final = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{MIN_LINE}}}")
_BREAK: Final = re.compile(r"(?:\s|\\{1,16}[rn])++")
_WRAPPED: Final = re.compile(
    rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{MIN_LINE},}}+(?:\s|\\{{1,16}}[rn])++[A-Za-z0-9+/=_-]{{4}}"
)


def views(text: str) -> Iterator[View]:
    """All readings of a text but the text itself; none of most texts."""
    if not any(sign in text for sign in _SIGNS) and _RUN.search(text) is None:
        return
    layer, seen = [View.of(text)], set[tuple[str, int, int]]()
    left = MOST_READ * len(text) + _ALWAYS_READ
    for _ in range(MAX_LAYERS):
        found: list[View] = []
        for view in layer:
            for reading in _readings(view):
                # One and the same by two ways: what is wrapped may be joined before its escapes are undone or after.
                key = (reading.text, reading.starts[0], reading.stops[-1]) if reading.text else ("", 0, 0)
                if key in seen:
                    continue
                left -= len(reading.text)
                if left < 0:
                    return
                seen.add(key)
                found.append(reading)
                yield reading
        layer = found


def _readings(view: View) -> Iterator[View]:
    """With one layer undone, in every way that there is."""
    for undone in (unescaped(view), unquoted(view)):
        if undone is not None:
            yield undone
    if _RUN.search(view.text):
        if _WRAPPED.search(view.text):
            yield _joined(view)
        yield from decoded(view)


def _joined(view: View) -> View:
    """Without blanks and line breaks."""
    maker, at = Maker(view), 0
    for match in _BREAK.finditer(view.text):
        maker.keep(at, match.start())
        at = match.end()
    maker.keep(at, len(view.text))
    return maker.view(words=False)
