"""Find the key of a TOML file that an error is about, so that a message can name its line."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_ENTRY = re.compile(
    r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
_PART = re.compile(r"[A-Za-z0-9_-]+|\"([^\"]*)\"|'([^']*)'")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(match.group(0).strip("\"'") for match in _PART.finditer(dotted))


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """Line number (from 1) where the longest prefix of `keys` is first spelled out; None when none is."""
    table: tuple[str, ...] = ()
    best_line: int | None = None
    best_length = 0
    wanted = tuple(keys)
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header.group(1))
            found = table
        elif entry := _ENTRY.match(line):
            found = table + _parts(entry.group(1))
        else:
            continue
        shared = min(len(found), len(wanted))
        if shared > best_length and wanted[:shared] == found[:shared]:
            best_line, best_length = number, shared
    return best_line
