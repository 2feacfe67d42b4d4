"""The one exit: what leaves Holdfast is cleaned, then redacted, in this order."""

from __future__ import annotations

from typing import Final, cast

from pydantic import JsonValue

from holdfast.control.cleaning import clean, clean_value
from holdfast.control.redaction import Redactor

LONGEST_TEXT: Final = 65_536
"""Longest single text that leaves, characters; fields of answers have closer bounds of their own."""


class OneExit:
    """Cleans and redacts answers, errors and whatever else leaves.

    Args:
        redactor: Knows the installation's secrets.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, text: str) -> str:
        """The text, fit to leave."""
        return self._redactor.text(clean(text, max_length=LONGEST_TEXT))

    def value(self, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The JSON object, fit to leave."""
        cleaned = cast("dict[str, JsonValue]", clean_value(value, max_length=LONGEST_TEXT))
        return self._redactor.value(cleaned)
