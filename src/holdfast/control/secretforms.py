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
_ALPHANUMERIC: Final = re.compile(r"[A-Za-z0-9]")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")


def forms(secret: str) -> set[str]:
    """Everything that stands for the secret: itself, encoded as base64, percent, hexadecimal, JSON, HTML, and what is
    left of it in the name of a file (`holdfast.control.filenames`).

    Of base64 all three alignments are covered, since the secret may stand anywhere in what was encoded; of those only
    the characters which depend on nothing but the secret. A secret of several lines is also known by its long lines.
    """
    found = {secret}
    for text in (secret.strip(), *_long_lines(secret)):
        found.add(text)
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
    yield data.hex()
    yield data.hex().upper()
    yield data.hex(":")
    yield data.hex(":").upper()
    percent = "".join(f"%{byte:02x}" for byte in data)
    yield percent
    yield percent.upper()
    for once in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield once
        yield _lower_escapes(once)
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


def _lower_escapes(text: str) -> str:
    parts = text.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])
