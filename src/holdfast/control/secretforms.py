"""The shapes in which a secret may turn up in a text."""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

MIN_LENGTH: Final = 4
"""Shorter secrets cannot be recognised by value without tearing up every text; they are hidden by key name only."""

LONG: Final = 8
"""Secrets of this length and more are recognised anywhere; shorter ones only as whole words."""

MIN_ENCODED: Final = 7
"""Shortest encoded form that is looked for, characters."""

_MIN_LINE: Final = 20
_MAX_REMEMBERED: Final = 20_000
_ALPHANUMERIC: Final = re.compile(r"[A-Za-z0-9]")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")


def forms(secret: str) -> set[str]:
    """Everything that stands for the secret: itself, encoded as base64, base32, percent, hexadecimal, JSON, HTML, and
    what is left of it in the name of a file (`holdfast.control.filenames`).

    Of base64 and base32 all alignments are covered, since the secret may stand anywhere in what was encoded; of those
    only the characters which depend on nothing but the secret. A secret of several lines is also known by its long
    lines. Letters are of any case: compare by `folded`.
    """
    found = {secret}
    for text in (secret.strip(), *_long_lines(secret)):
        found.add(text)
        if len(text) >= LONG:
            found.update((text.upper(), text.title()))  # where there are letters that become two
        found.update(form for form in _encoded(text) if len(form) >= MIN_ENCODED)
    # With the blanks at its ends, too, as in a file whose last line feed was read along.
    found.update(form for form in _encoded(secret) if len(form) >= MIN_ENCODED)
    return found


def _long_lines(secret: str) -> list[str]:
    return [line for line in secret.splitlines() if len(line) >= _MIN_LINE and not line.startswith("-----")]


def _encoded(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogatepass")
    for offset in range(3):
        yield from _base64(data, offset)
    for offset in range(5):
        yield from _base32(data, offset)
    yield data.hex()
    yield data.hex(":")
    yield "".join(f"%{byte:02x}" for byte in data)
    for once in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield once
        yield quote(once, safe="")
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        inner = escaped[1:-1]
        yield inner
        yield inner.replace("/", "\\/")
        yield json.dumps(inner)[1:-1]
        yield json.dumps(inner, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(data)[2:-1]
    if len(_ALPHANUMERIC.findall(text)) >= LONG:
        yield _NOT_IN_A_NAME.sub("_", text)
    yield html.escape(text)
    yield html.escape(text, quote=False)


def _base64(data: bytes, offset: int) -> Iterator[str]:
    """The part of the encoding that is the same whatever stands before (`offset` bytes, modulo 3) and after."""
    start = math.ceil(8 * offset / 6)
    stop = 8 * (offset + len(data)) // 6
    text = base64.b64encode(bytes(offset) + data).decode("ascii")[start:stop]
    yield text
    yield text.replace("+", "-").replace("/", "_")
    yield text.replace("/", "\\/")
    yield quote(text, safe="")


def _base32(data: bytes, offset: int) -> Iterator[str]:
    """The same of base32 (RFC 4648), in both its alphabets."""
    start = math.ceil(8 * offset / 5)
    stop = 8 * (offset + len(data)) // 5
    for encode in (base64.b32encode, base64.b32hexencode):
        yield encode(bytes(offset) + data).decode("ascii")[start:stop]


class _Folds(dict[int, str]):
    """Letters without their case, one for one; worked out when first met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        made = next((one for one in (letter.casefold(), letter.lower()) if len(one) == 1), letter)
        if len(self) < _MAX_REMEMBERED:
            self[code] = made
        return made


_FOLDS: Final = _Folds()


def folded(text: str) -> str:
    """The text without regard to the case of letters; of the same length."""
    return text.lower() if text.isascii() else text.translate(_FOLDS)
