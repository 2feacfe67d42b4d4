"""How a secret may be written when it turns up somewhere, made with other means than the code that has to find it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

PLANTED: Final = {
    "password": "Canary-pass%word/with+odd=chars&01",
    "api key": "canary0api0key0canary0api0key0canary0api0key0012",
    "token": "canary-token-canary-token-canary-token-000000003",
    "pem": "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5LXByaXZhdGUta2V5LTA0\n-----END PRIVATE KEY-----",
    "cookie": "PVEAuthCookie-canary-0005-ticket-value",
    "psk": "canary pre shared key 06 with blanks",
    "unicode": "canari-clé-secrète-07-ümlaut",
    "json": 'canary"quoted\\secret-08',
    "bearer": "eyJhbGciOiJub25lIn0.canary09.signature",
    "uuid": "c0ffee00-ca9a-4e1d-8888-00000000c010",
    "long": "canary11" * 30,
    "number": "7311731173117311",
}
"""Secrets of every kind, none of which may turn up where it has not been put."""


def base64_of(text: str) -> str:
    """Base64 of the text's UTF-8."""
    return base64.b64encode(text.encode()).decode()


def base32_of(text: str) -> str:
    """Base32 of the text's UTF-8."""
    return base64.b32encode(text.encode()).decode()


def percent_of(text: str) -> str:
    """Percent-encoded, but for what may stand in any part of an address."""
    return quote(text, safe="")


def quoted_of(text: str, width: int = 20) -> str:
    """Quoted-printable: letters and digits as they are, in lines of so many characters and less."""
    lines, line = [], ""
    for byte in text.encode():
        letter = chr(byte)
        written = letter if letter.isascii() and letter.isalnum() else f"={byte:02X}"
        if len(line) + len(written) >= width:
            lines.append(line)
            line = ""
        line += written
    return "=\r\n".join([*lines, line])


ENCODINGS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "base64": base64_of,
    "percent": percent_of,
    "base64 twice": lambda text: base64_of(base64_of(text)),
    "base64 three times": lambda text: base64_of(base64_of(base64_of(text))),
    "base64 of percent": lambda text: base64_of(percent_of(text)),
    "base64 of base32": lambda text: base64_of(base32_of(text)),
    "hexadecimal of base64": lambda text: base64_of(text).encode().hex(),
    "base32": base32_of,
    "base32 in lower case": lambda text: base32_of(text).lower(),
    "base32hex": lambda text: base64.b32hexencode(text.encode()).decode(),
    "quoted-printable": quoted_of,
    "quoted-printable, every byte": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "upper case": str.upper,
    "lower case": str.lower,
    "title case": str.title,
    "swapped case": str.swapcase,
}
