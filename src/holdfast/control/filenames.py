"""Names of files that are made of what an appliance, or somebody at it, has chosen."""

from __future__ import annotations

from typing import Final

from holdfast.control.redaction import REDACTED
from holdfast.control.secretshapes import redact_shapes

_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
MOST: Final = 100
"""Longest stem, characters: file systems take names of 255 bytes, and endings and numbers follow."""


def file_stem(text: str) -> str:
    """A text as the beginning of a file's name: one plain segment that no folder can be left with, and never empty.

    What shows by its shape that it is a secret is taken out here: of `password=…` nothing says so in the name any more.

    Args:
        text: Of any length and content.
    """
    plain = "".join(char if char in _PLAIN else "_" for char in redact_shapes(text, REDACTED)[:MOST])
    return plain.lstrip(".") or "_"
