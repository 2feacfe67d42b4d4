"""Escapes undone, one layer of them: of addresses, HTML, JSON, programming languages, shells; and quoted-printable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.entities import html5
from typing import Final

from holdfast.control.textviews import Maker, View

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
# A line that goes on ends with the sign (RFC 2045 6.7), also between two bytes of one letter; where lines were made
# one, a blank stands behind it.
_QUOTED: Final = re.compile(
    r"=(?:[0-9A-Fa-f]{2}|[ \t]*+(?:\r?\n|\\{1,16}(?:r\\{1,16})?n)|(?<=[^\s=]=) (?=\S))"
    r"(?:=(?:[0-9A-Fa-f]{2}|[ \t]*+(?:\r?\n|\\{1,16}(?:r\\{1,16})?n)| (?=\S)))*+"
)
_QUOTED_BYTE: Final = re.compile(r"=([0-9A-Fa-f]{2})")
_SIGNS: Final = ("%", "\\", "&")
_LARGEST_CODE: Final = 0x10FFFF


def unescaped(view: View) -> View | None:
    """With one layer of escapes undone; None when it has none."""
    text = view.text
    if not any(sign in text for sign in _SIGNS):
        return None
    maker, at = Maker(view), 0
    for match in _ESCAPE.finditer(text):
        if match["name"] is not None and f"{match['name']};" not in html5:
            continue
        maker.keep(at, match.start())
        for character, start, stop in _characters(match):
            maker.put(character, start, stop)
        at = match.end()
    if not at:
        return None
    maker.keep(at, len(text))
    return maker.view()


def unquoted(view: View) -> View | None:
    """With quoted-printable undone; None when it has none.

    Not together with other escapes: an equals sign and two digits behind it stand in many a text that is none.
    """
    text = view.text
    if _QUOTED.search(text) is None:
        return None
    maker, at = Maker(view), 0
    for match in _QUOTED.finditer(text):
        maker.keep(at, match.start())
        at = match.end()
        parts = list(_QUOTED_BYTE.finditer(text, match.start(), at))
        data = bytes(int(part[1], 16) for part in parts)
        for character, start, stop in _utf_8(data, [*(part.start() for part in parts), at]):
            maker.put(character, start, stop)
    maker.keep(at, len(text))
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
