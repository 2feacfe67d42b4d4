"""Secrets that are known by where they stand or what they look like, whoever they belong to.

Every pattern is linear: each repetition is possessive, bounded, or entered only at the start of a run.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from holdfast.control.secretkeys import names_secret

_BLOCK: Final = re.compile(r"-----BEGIN (?:[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----")
_BLOCK_END: Final = re.compile(r"-----END [A-Za-z0-9 ]{1,60}-----")
_BLOCK_BODY: Final = re.compile(r"[A-Za-z0-9+/=\s\\:,.-]*+")
_LONGEST_BLOCK: Final = 32_768

# base64 of "-----BEGIN ": how configurations of pfSense carry certificates (public) and keys (not)
_ENCODED_BLOCK: Final = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{20,}+")
_ENCODED_SECRET: Final = re.compile(rb"PRIVATE KEY|Static key")

# name = value, name: value, "name": "value", [name] => value, <name>value
_NAME: Final = re.compile(
    r"(?<![A-Za-z0-9_.#-])([A-Za-z][A-Za-z0-9_.#-]*+)[\"'\]\\]{0,4}[ \t]{0,4}(=>|[=:>])[ \t]{0,4}"
)
# --name=value and --name value, as in command lines
_OPTION: Final = re.compile(r"(?<![A-Za-z0-9_.#-])--([A-Za-z][A-Za-z0-9_.-]*+)(?:=|[ \t]{1,4}(?!-))")
_XML_ATTRIBUTE: Final = re.compile(r"\b[Nn]ame=\"([^\"<>]{1,128})\"[^<>]{0,64}>([^<]++)")
_QUOTED: Final = {'"': re.compile(r'(?:[^"\\]|\\.)*+', re.DOTALL), "'": re.compile(r"(?:[^'\\]|\\.)*+", re.DOTALL)}
_ESCAPED_QUOTE: Final = re.compile(r"\\{1,15}[\"']")
_BARE: Final = re.compile(r"[^\s,;&\"'<>]*+")
_REST_OF_LINE: Final = re.compile(r"[^\r\n\"']*+")
_WHOLE_LINE_NAMES: Final = ("authorization", "cookie", "cookies")

# Names that are also words of everyday sentences: in free text they count only before an equals sign or a quote.
_EVERYDAY: Final = frozenset({"key", "keys", "pass", "pin", "hash", "ticket", "community", "token", "tokens"})

_SHAPES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![A-Za-z0-9])PVE(?:VNC)?:[^\s:\"']{1,128}:[0-9A-F]{8}::[A-Za-z0-9+/=]{20,}+",  # Proxmox ticket
        r"(?<![A-Za-z0-9])[0-9A-F]{8}:[A-Za-z0-9+/]{27,86}={0,2}(?![A-Za-z0-9+/])",  # Proxmox CSRF token
        r"(?<![A-Za-z0-9])[0-9]{1,9}-[A-Za-z0-9]{64}(?![A-Za-z0-9])",  # TrueNAS API key
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+",  # JSON web token
        r"\$(?:1|2[abxy]?|5|6|7|y|gy|argon2i?d?)\$[^\s:\"',$]{2,256}\$?[^\s:\"',]{0,256}",  # password hash
    )
)
_BEARER: Final = re.compile(r"(?i)(?<![A-Za-z])bearer[ \t]{1,4}([A-Za-z0-9._~+/-]{16,}+=*+)")
_USERINFO: Final = re.compile(r"(?<=://)([^\s/?#@\"'<>:]{0,256})(:?)[^\s/?#@\"'<>]{0,256}@")


def redact_shapes(text: str, marker: str) -> str:
    """The text with every secret that is recognisable by shape or place replaced by the marker."""
    if "-----BEGIN " in text:
        text = _blocks(text, marker)
    if "LS0tLS1CRUdJTi" in text:
        text = _ENCODED_BLOCK.sub(lambda match: marker if _is_secret_block(match[0]) else match[0], text)
    if "://" in text:
        text = _USERINFO.sub(lambda match: f"{match[1]}:{marker}@" if match[2] else f"{marker}@", text)
    if "=" in text or ":" in text or ">" in text:
        text = _replace(text, _assigned(text), marker)
        text = _replace(text, _xml(text), marker)
    if "--" in text:
        text = _replace(text, _optional(text), marker)
    for shape in _SHAPES:
        text = shape.sub(marker, text)
    return _BEARER.sub(
        lambda match: match[0].replace(match[1], marker) if any(c.isdigit() for c in match[1]) else match[0], text
    )


def _replace(text: str, spans: Iterator[tuple[int, int]], marker: str) -> str:
    made: list[str] = []
    at = 0
    for start, stop in spans:
        made += (text[at:start], marker)
        at = stop
    made.append(text[at:])
    return "".join(made)


def _assigned(text: str) -> Iterator[tuple[int, int]]:
    """Where values stand that are assigned to a secret's name."""
    at = 0
    while (match := _NAME.search(text, at)) is not None:
        at = match.end()
        name, sign = match[1], match[2]
        if not names_secret(name):
            continue
        following = text[at : at + 1]
        if sign != "=" and following not in ('"', "'", "\\") and name.lower() in _EVERYDAY:
            continue
        span = _value_span(text, at, name)
        if span[0] < span[1]:
            yield span
            at = span[1]


def _optional(text: str) -> Iterator[tuple[int, int]]:
    """Where values of options of a command line stand that are named as a secret."""
    at = 0
    while (match := _OPTION.search(text, at)) is not None:
        at = match.end()
        if names_secret(match[1]):
            span = _value_span(text, at, match[1])
            if span[0] < span[1]:
                yield span
                at = span[1]


def _value_span(text: str, at: int, name: str) -> tuple[int, int]:
    quote = text[at : at + 1]
    if quote in _QUOTED:
        return at + 1, _end_of(_QUOTED[quote], text, at + 1)
    if (escaped := _ESCAPED_QUOTE.match(text, at)) is not None:
        # It ends at the same number of backslashes; with more of them the quote is part of the value.
        closing = re.compile(r"(?<!\\)" + re.escape(escaped[0])).search(text, escaped.end())
        return escaped.end(), closing.start() if closing else len(text)
    return at, _end_of(_REST_OF_LINE if name.lower().endswith(_WHOLE_LINE_NAMES) else _BARE, text, at)


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a run ends that may be empty."""
    found = pattern.match(text, at)
    assert found is not None
    return found.end()


def _xml(text: str) -> Iterator[tuple[int, int]]:
    """Where contents of `<Attribute Name="…">` stand, as in server configuration profiles."""
    for match in _XML_ATTRIBUTE.finditer(text):
        if names_secret(match[1]):
            yield match.span(2)


def _blocks(text: str, marker: str) -> str:
    made: list[str] = []
    at = 0
    while (begin := _BLOCK.search(text, at)) is not None:
        end = _BLOCK_END.search(text, begin.end(), begin.end() + _LONGEST_BLOCK)
        stop = end.end() if end is not None else _end_of(_BLOCK_BODY, text, begin.end())
        made += (text[at : begin.start()], marker)
        at = stop
    made.append(text[at:])
    return "".join(made)


def _is_secret_block(encoded: str) -> bool:
    head = encoded[:88]
    try:
        return _ENCODED_SECRET.search(base64.b64decode(head[: len(head) // 4 * 4])) is not None
    except (binascii.Error, ValueError):
        return True
