"""Text that an appliance, or somebody through it, has written, made fit to be shown.

What a text says is not changed; what it could do beyond being read is taken out: terminal sequences, control
characters, direction overrides, invisible and tag characters, line breaks where one line is expected, endless length.

After `clean` a text has no character of the categories Cc (but line feed and tab), Cf, Cs, Co, Cn, no variation
selector and no other character that is drawn as nothing. Controls and broken characters become U+FFFD, one for a run of
them; the invisible ones go away without a trace. Clean first, redact afterwards: a secret with an invisible character
inside is found only then.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from holdfast.cutting import Redact, head_of, redacted

LINE: Final = 512
"""Longest one-line text, characters."""
BLOCK: Final = 8192
"""Longest text of several lines, characters."""
MAX_DEPTH: Final = 64
"""What is nested deeper is left out, levels."""

_REPLACEMENT: Final = "\ufffd"
_TEXT_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"

# Bodies end at any control character, so that a sequence that is never closed hides nothing that follows it, and
# matching stays linear.
_SEQUENCES: Final = re.compile(
    rf"(?:\x1b\[|\x9b)[0-?]{{0,64}}[ -/]{{0,8}}[@-~]"  # CSI: colours, cursor, screen
    rf"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^{_TEXT_CONTROLS}]{{0,4096}}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS and kin
    r"|\x1b[ -/]{1,8}[0-~]"  # character sets and the like
    r"|\x1b[0-Z\\^-~]"  # single functions: reset, index
)
_NEWLINES: Final = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_REPLACEMENT_RUN: Final = re.compile(f"{_REPLACEMENT}{{2,}}")
# Begins only where a run of spaces does: from each of them anew, a long run would take quadratic time.
_LINE_BLANKS: Final = re.compile(r"(?<! ) *+[\n\t][ \n\t]*+")
_MARKS: Final = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)

# Drawn as nothing although Unicode counts them as marks, letters or symbols.
_ALSO_INVISIBLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0000, 0xE1000))
)
_KEPT: Final = frozenset({0x0A, 0x09})
_MAX_REMEMBERED: Final = 20_000


class _Table(dict[int, str]):
    """Translation of single characters, worked out when first met."""

    def __missing__(self, code: int) -> str:
        made = _translated(code)
        if len(self) < _MAX_REMEMBERED:
            self[code] = made
        return made


def _translated(code: int) -> str:
    if code in _KEPT:
        return chr(code)
    if code in _ALSO_INVISIBLE:
        return ""
    match unicodedata.category(chr(code)):
        case "Cf":
            return ""
        case "Cc" | "Cs" | "Co" | "Cn":
            return _REPLACEMENT
        case "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return chr(code)


_TABLE: Final = _Table()


def clean(text: str, *, max_length: int = BLOCK, multiline: bool = True, redact: Redact | None = None) -> str:
    """The text without anything that acts instead of being read; at most `max_length` characters.

    Args:
        text: Any text, also with lone surrogates.
        max_length: Longest result, in characters (code points). What is cut is counted in the result's last words.
        multiline: Whether line feeds and tabs stay; each run of them becomes one space otherwise.
        redact: Takes secrets out of what is going to be cut; what `holdfast.cutting.redacting` says when omitted. What
            is not cut is not redacted here.

    Cleaning twice gives the same as cleaning once.
    """
    if len(text) <= max_length and text.isascii() and text.isprintable():
        return text
    # A bound on the work: more than this is never looked at, only counted.
    taken = head_of(text, max_length)
    untouched = len(text) - len(taken)
    taken = _SEQUENCES.sub("", taken)
    taken = _NEWLINES.sub("\n", taken).translate(_TABLE)
    taken = _REPLACEMENT_RUN.sub(_REPLACEMENT, _MARKS.sub(r"\1", taken))
    if not multiline:
        taken = _LINE_BLANKS.sub(" ", taken)
    if len(taken) <= max_length and not untouched:
        return taken
    shown = redacted(taken, complete=not untouched, redact=redact)
    return _cut(shown, len(taken) + untouched if untouched else len(shown), max_length)


def _cut(text: str, total: int, max_length: int) -> str:
    """The text within its bound; `total` is how long it is with what was never looked at."""
    if len(text) == total <= max_length:
        return text
    room = max_length - len(f"… [{total} more characters]")
    if room <= 0:
        return text[:max_length]
    kept = text[:room]
    return f"{kept}… [{total - len(kept)} more characters]"


@dataclass(frozen=True)
class Clean:
    """Marks a text field of an answer: its value is cleaned when the model is made and again when it is written out.

    Attributes:
        max_length: Longest text, characters.
        multiline: Whether line feeds and tabs stay.
        untrusted: Whether somebody outside may have written it; the field's JSON schema then says `x-untrusted`.
    """

    max_length: int = LINE
    multiline: bool = False
    untrusted: bool = True

    def __call__(self, value: object) -> object:
        """The cleaned text; anything else as it is, for the model to refuse."""
        if not isinstance(value, str):
            return value
        return clean(str(value), max_length=self.max_length, multiline=self.multiline)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the text with cleaning before it (bad characters would be refused) and on the way out."""
        return core_schema.no_info_before_validator_function(
            self,
            # Strict, since bytes would otherwise become text after the cleaning.
            core_schema.str_schema(strict=True),
            serialization=core_schema.plain_serializer_function_ser_schema(
                self, return_schema=core_schema.str_schema(), when_used="always"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The text's JSON schema with its bound and its mark."""
        made = handler(schema)
        made["maxLength"] = self.max_length
        if self.untrusted:
            made["x-untrusted"] = True
        return made


@dataclass(frozen=True)
class CleanJson:
    """Marks a field that holds JSON of any shape: every text in it is cleaned, also the names of its members.

    Attributes:
        max_length: Longest text in it, characters.
    """

    max_length: int = BLOCK

    def __call__(self, value: JsonValue) -> JsonValue:
        """The cleaned value."""
        return clean_value(value, max_length=self.max_length)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the value with cleaning before it and on the way out."""
        return core_schema.no_info_before_validator_function(
            self,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(self, return_schema=handler(source)),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The value's JSON schema with its mark."""
        return {**handler(schema), "x-untrusted": True}


def clean_value(value: JsonValue, *, max_length: int = BLOCK, redact: Redact | None = None) -> JsonValue:
    """The JSON value with every text in it cleaned, names of members included. What is nested too deep is left out."""
    return _clean_value(value, max_length, redact, 0)


def _clean_value(value: JsonValue, max_length: int, redact: Redact | None, depth: int) -> JsonValue:
    if isinstance(value, str):
        return clean(value, max_length=max_length, redact=redact)
    if not isinstance(value, dict | list):
        return value
    if depth >= MAX_DEPTH:
        return "[nested too deep]"
    if isinstance(value, list):
        return [_clean_value(item, max_length, redact, depth + 1) for item in value]
    return {
        clean(key, max_length=LINE, multiline=False, redact=redact): _clean_value(item, max_length, redact, depth + 1)
        for key, item in value.items()
    }


Untrusted: TypeAlias = Annotated[str, Clean()]
"""One line that somebody outside may have written: a name, a description, a host name from a lease."""

UntrustedText: TypeAlias = Annotated[str, Clean(BLOCK, multiline=True)]
"""Several lines that somebody outside may have written: notes, a log."""

UntrustedJson: TypeAlias = Annotated[dict[str, JsonValue], CleanJson()]
"""Facts of an appliance in no fixed shape."""

HouseText: TypeAlias = Annotated[str, Clean(2048, multiline=True, untrusted=False)]
"""Sentences of Holdfast itself, in which names from outside may stand."""


def one_line(text: str, max_length: int = LINE) -> str:
    """The text as one clean line, for logs, errors and terminals."""
    return clean(text, max_length=max_length, multiline=False)
