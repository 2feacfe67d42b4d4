"""JSON from an untrusted peer: bounded before it is parsed, strict about numbers, lenient about encodings.

Policy: UTF-8 with or without a BOM, UTF-16/32 when marked, else the declared charset, else Latin-1. Of duplicate keys
the last wins. NaN, Infinity and numbers beyond the range of a double are errors, because they cannot be passed on as
JSON. Lone surrogates become U+FFFD, because they cannot be passed on as UTF-8.
"""

from __future__ import annotations

import json
import re

from holdfast.errors import Executed, LimitError, ProtocolError
from holdfast.transport.limits import DEFAULT_LIMITS, Limits
from holdfast.transport.values import JsonValue

# Possessive: a comment that could also end at a later one's end would be tried in 2**n ways.
_HTML_START = re.compile(
    rb"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html|head|body|title|h1|center)\b", re.I | re.S
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:\-]{1,40})""", re.I)
# Only single-byte and Unicode codecs: others (punycode, idna, …) are slow or not meant for bodies.
_CODECS = {
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_STRING = re.compile(rb'"[^"]*+"?')
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRUCTURE = bytes.maketrans(b"[]{}", b"()()")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))
_NUMBER_CHARS = bytes(ord("0") if chr(code) in "0123456789.+-eE" else ord(" ") for code in range(256))
_WINDOW = 1024 * 1024
_DIGIT_LIMIT = 4300  # CPython's own default for int(); larger limits than this are not offered


def decode_text(body: bytes, content_type: str = "") -> str:
    """Body as text; never fails. See the module's policy; a BOM is removed."""
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        found = _CHARSET.search(content_type)
        codec = _CODECS.get(found.group(1).lower(), "latin-1") if found else "latin-1"
        return body.decode(codec, "replace")


def looks_like_html(content_type: str, body: bytes) -> bool:
    """Whether an answer is a web page, by its media type or its first bytes."""
    if content_type in ("text/html", "application/xhtml+xml"):
        return True
    start = body[:1024].removeprefix(b"\xef\xbb\xbf")
    return _HTML_START.match(start) is not None


def parse_json(
    body: bytes | str,
    limits: Limits = DEFAULT_LIMITS,
    *,
    content_type: str = "",
    executed: Executed = Executed.UNKNOWN,
) -> JsonValue:
    """Parse JSON within `limits`.

    Args:
        body: Text, or bytes in any encoding of the module's policy.
        limits: Caps on depth, values and digits; they are checked before memory is spent on them.
        content_type: Content-Type field, for its charset.
        executed: What the errors say about the operation that was answered.

    Raises:
        ProtocolError: Not JSON, or NaN, Infinity or a number beyond the range of a double in it.
        LimitError: Too deep, too many values, or a number that is too long.
    """
    raw = _utf8(body, content_type)
    _check_numbers(raw, limits, executed)
    _check_structure(raw, limits, executed)
    try:
        value: JsonValue = _decoder.decode(raw.decode())
    except RecursionError:
        raise _too_deep(limits, executed) from None
    except ValueError as error:
        raise _not_json(error, executed) from None
    # json joins escaped pairs; what is left over cannot be encoded as UTF-8 by anyone downstream.
    return _without_surrogates(value) if _ESCAPED_SURROGATE.search(raw) else value


def _utf8(body: bytes | str, content_type: str) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "replace")
    if body[:1] in (b"{", b"["):
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            return body
    return decode_text(body, content_type).encode("utf-8", "replace")


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError("a number beyond the range of a double")
    return number


_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _not_json(error: ValueError, executed: Executed) -> ProtocolError:
    # JSONDecodeError's message names what is wrong and where, without quoting the text.
    where = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)
    return ProtocolError(f"The appliance's answer is not valid JSON: {where}.", executed=executed)


def _check_numbers(raw: bytes, limits: Limits, executed: Executed) -> None:
    longest = min(limits.number_chars, _DIGIT_LIMIT)
    run = b"0" * (longest + 1)
    quotes = looked = 0
    for start in range(0, len(raw) - longest, _WINDOW):
        window = raw[start : start + _WINDOW + longest].translate(_NUMBER_CHARS) + b" "
        found = window.find(run)
        # A run inside a string is text: only one that no quote opens is a number.
        while found >= 0:
            quotes += _unescaped(raw[looked : start + found]).count(b'"')
            looked = start + found
            if quotes % 2 == 0:
                raise LimitError(
                    f"The appliance's answer has a number of more than {longest} characters.",
                    executed=executed,
                    details={"limit": "number_chars"},
                )
            found = window.find(run, window.index(b" ", found))


def _unescaped(text: bytes) -> bytes:
    """Without escaped backslashes and quotes: the quotes that are left begin and end strings."""
    return text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text


def _check_structure(raw: bytes, limits: Limits, executed: Executed) -> None:
    brackets = raw.count(b"[") + raw.count(b"{")
    # Every value follows a comma, an opening bracket, or nothing: characters inside strings only make the sum larger.
    if brackets <= limits.json_depth and brackets + raw.count(b",") < limits.json_nodes:
        return
    nest = _skeleton(raw, limits, executed)
    for _ in range(limits.json_depth):
        inner = nest.replace(b"()", b"")  # removes the innermost level everywhere at once
        if len(inner) == len(nest):  # done, or unbalanced: the parser will say where
            return
        nest = inner
    if nest:
        raise _too_deep(limits, executed)


def _skeleton(raw: bytes, limits: Limits, executed: Executed) -> bytes:
    """The brackets outside of strings, as parentheses; counts values on the way.

    Memory and time stay proportional to the number of brackets and commas, not to the number of strings: windows are
    reduced to quotes, brackets and commas; adjacent quotes (strings without any of these) vanish at C speed.
    """
    reduced = bytearray()
    start = 0
    while start < len(raw):
        window = raw[start : start + _WINDOW]
        if (len(window) - len(window.rstrip(b"\\"))) % 2 == 1:  # never cut an escape in two
            window = raw[start : start + _WINDOW + 1]
        reduced += _unescaped(window).translate(_STRUCTURE, _NOT_STRUCTURE).replace(b'""', b"")
        start += len(window)
    bare = bytearray()
    nodes = 1
    done = 0
    text = bytes(reduced).replace(b'""', b"")
    for string in _STRING.finditer(text):
        outside = text[done : string.start()]
        nodes += outside.count(b",") + outside.count(b"(")
        if nodes > limits.json_nodes:
            break
        bare += outside.replace(b",", b"")
        done = string.end()
    outside = text[done:]
    if nodes + outside.count(b",") + outside.count(b"(") > limits.json_nodes:
        raise _too_many(limits, executed)
    bare += outside.replace(b",", b"")
    return bytes(bare)


def _too_many(limits: Limits, executed: Executed) -> LimitError:
    return LimitError(
        f"The appliance's answer has more than {limits.json_nodes} values.",
        next_step="Ask for less at once: a filter, a smaller page.",
        executed=executed,
        details={"limit": "json_nodes"},
    )


def _too_deep(limits: Limits, executed: Executed) -> LimitError:
    return LimitError(
        f"The appliance's answer is nested more than {limits.json_depth} levels deep.",
        executed=executed,
        details={"limit": "json_depth"},
    )


def _without_surrogates(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _without_surrogates(item) for key, item in value.items()}
    return value
