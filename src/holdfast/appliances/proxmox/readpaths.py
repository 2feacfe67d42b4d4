"""Which paths of the API can be read, and by which parameters: facts of the vendor's schemas (facts/reads.json).

Left out are sockets, consoles, pictures, downloads of files, contents of files inside guests, and what would take a
password in its query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, cast

from holdfast.errors import InputError, UnsupportedError
from holdfast.transport.values import digits

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_@!%][A-Za-z0-9_.:@!%~+,=-]*", re.ASCII)
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
RELEASES: Final = ("9.1", "8.4")


@dataclass(frozen=True)
class ReadPath:
    """One path: its parts (`{name}` for a value) and its parameters (type, `*` in front of a required one)."""

    parts: tuple[str, ...]
    parameters: Mapping[str, str]

    def matches(self, segments: tuple[str, ...]) -> bool:
        """Whether a path is of this form."""
        greedy = bool(self.parts) and self.parts[-1] in ("{volume}", "{cidr}")
        if len(segments) < len(self.parts) or (len(segments) > len(self.parts) and not greedy):
            return False
        return all(part.startswith("{") or part == segment for part, segment in zip(self.parts, segments, strict=False))


@cache
def paths_of(release: str) -> tuple[ReadPath, ...]:
    """Readable paths of "9.1" or "8.4", those with literal parts first."""
    text = files(__package__).joinpath("facts", "reads.json").read_text(encoding="utf-8")
    facts = cast("dict[str, dict[str, dict[str, str] | None]]", json.loads(text))
    merged = facts["9.1"] | facts[release]
    found = [
        ReadPath(tuple(path.strip("/").split("/")), parameters)
        for path, parameters in merged.items()
        if parameters is not None
    ]
    return tuple(sorted(found, key=lambda one: sum(part.startswith("{") for part in one.parts)))


def release_of(version: str) -> str:
    """Whose facts hold for a version: 8.4's up to 8, 9.1's from 9 on."""
    major = digits(version.partition(".")[0])
    return "8.4" if major is not None and major < 9 else "9.1"


def segments_of(path: str) -> tuple[str, ...]:
    """The segments of a path.

    Raises:
        InputError: A segment is not possible.
    """
    segments = tuple(path.strip("/").removeprefix("api2/json/").split("/"))
    if len(segments) > 12 or any(not _SEGMENT.fullmatch(part) or ".." in part for part in segments):
        raise InputError("Not a path of the API.", next_step="Such as /nodes/pve1/hardware/pci, without /api2/json.")
    return segments


def checked(release: str, segments: tuple[str, ...], query: Mapping[str, str]) -> dict[str, str | int]:
    """The query of a path, if both are in the schema.

    Raises:
        UnsupportedError: There is no such path to read.
        InputError: A parameter is not possible, or is missing.
    """
    known = next((one for one in paths_of(release) if one.matches(segments)), None)
    if known is None:
        raise UnsupportedError(
            f"Release {release} has no such path to read, or it is not readable here.",
            next_step="Most things have tools of their own; nothing was sent.",
        )
    sent: dict[str, str | int] = {}
    for name, value in query.items():
        kind = known.parameters.get(name, known.parameters.get(f"*{name}"))
        if kind is None:
            allowed = ", ".join(sorted(key.removeprefix("*") for key in known.parameters)) or "none"
            raise InputError(f"The path has no parameter {name[:40]}.", next_step=f"Parameters: {allowed}.")
        sent[name] = _typed(name, kind, value)
    missing = sorted(name[1:] for name in known.parameters if name.startswith("*") and name[1:] not in query)
    if missing:
        raise InputError(f"Missing parameters: {', '.join(missing)}.")
    return sent


def _typed(name: str, kind: str, value: str) -> str | int:
    if kind == "boolean":
        if value.lower() not in ("0", "1", "true", "false"):
            raise InputError(f"{name} is 0 or 1.")
        return int(value.lower() in ("1", "true"))
    if kind == "integer":
        if not _INTEGER.fullmatch(value):
            raise InputError(f"{name} is a whole number.")
        return int(value)
    if "|" in kind and value not in kind.split("|"):
        raise InputError(f"{name} is one of: {kind.replace('|', ', ')}.")
    return value
