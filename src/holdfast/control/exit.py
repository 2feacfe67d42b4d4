"""The one exit: what leaves Holdfast is cleaned, then redacted, then cut, in this order.

Cleaned first, since an invisible character in a secret would hide it; cut last, since nothing recognises the first part
of a secret.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from typing import Final, cast

from pydantic import JsonValue

from holdfast.control.cleaning import clean, clean_value
from holdfast.control.redaction import MAX_DEPTH, REDACTED, TOO_DEEP, Redactor
from holdfast.control.secretkeys import names_secret

LONGEST_TEXT: Final = 65_536
"""Longest single text that leaves, characters; fields of answers have closer bounds of their own."""


class OneExit:
    """Cleans, redacts and cuts answers, errors, questions, logs, records and whatever else leaves.

    Args:
        redactor: Knows the installation's secrets.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def whole(self, text: str) -> str:
        """The text at full length, cleaned and redacted: for `holdfast.cutting`."""
        return self._redactor.text(clean(text, max_length=sys.maxsize))

    def text(self, text: str, max_length: int = LONGEST_TEXT, *, multiline: bool = True) -> str:
        """The text, fit to leave."""
        redact = self._redactor.text
        return redact(clean(text, max_length=max_length, multiline=multiline, redact=redact))

    def line(self, text: str, max_length: int = LONGEST_TEXT) -> str:
        """The text as one line, fit to leave."""
        return self.text(text, max_length, multiline=False)

    def value(self, value: dict[str, JsonValue], max_length: int = LONGEST_TEXT) -> dict[str, JsonValue]:
        """The JSON object, fit to leave."""
        cleaned = clean_value(value, max_length=max_length, redact=self._redactor.text)
        return self._redactor.value(cast("dict[str, JsonValue]", cleaned))

    def exception(self, error: BaseException) -> str:
        """The traceback of an exception, with its causes, fit to leave."""
        return self.text("".join(traceback.format_exception(error)).rstrip("\n"))

    def anything(self, value: object, name: str = "", *, multiline: bool = False) -> object:
        """Like `value` for what is not JSON, as in log events: unknown objects become their `repr`, fit to leave.

        Args:
            value: Anything.
            name: Name that it stands under.
            multiline: Whether a text keeps its lines.
        """
        return self._anything(value, name, multiline, 0)

    def _anything(self, value: object, name: str, multiline: bool, depth: int) -> object:
        if value is None or isinstance(value, bool) or value == "":
            return value
        if depth >= MAX_DEPTH and isinstance(value, Mapping | list | tuple | set | frozenset):
            return TOO_DEEP
        if isinstance(value, Mapping):
            return {
                self.line(str(key)): self._anything(item, str(key), multiline, depth + 1) for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._anything(item, name, multiline, depth + 1) for item in value]
        if names_secret(name):
            return REDACTED
        if isinstance(value, int | float):
            return self._redactor.value(value)
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {value}", multiline=multiline)
        return self.text(str(value) if isinstance(value, str) else repr(value), multiline=multiline)
