"""No argument of any tool can leave the place in a request that it is meant for."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from urllib.parse import unquote

import pytest

from holdfast.errors import HoldfastError
from tests.support.hostile import IDENTIFIERS, SHELL
from tests.support.rooms import Room, room

KINDS = ("pfsense", "truenas", "idrac", "proxmox")
# What a tool needs beside the argument under attack, by the argument's name, where a plausible value is known.
PLAUSIBLE: dict[str, object] = {
    "guest": "web",
    "node": "pve1",
    "storage": "local",
    "name": "example",
    "snapshot": "before",
    "interface": "lan",
    "id": 1,
    "pool": "tank",
    "dataset": "tank/home",
    "service": "nfs",
}


def text_arguments(schema: dict[str, object]) -> list[str]:
    """Names of arguments that take free text."""
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    found = []
    for name, argument in properties.items():
        assert isinstance(argument, dict)
        if argument.get("type") == "string" and "enum" not in argument and name not in ("target", "plan_id"):
            found.append(name)
    return found


def required(schema: dict[str, object]) -> list[str]:
    names = schema.get("required", [])
    assert isinstance(names, list)
    return [str(name) for name in names]


def sent_writes(made: Room) -> list[str]:
    """Paths of HTTP writes that arrived; opening a session is none, and calls over a WebSocket are not looked at."""
    login = ("/Sessions", "/access/ticket", "/auth/jwt", "/api/current")
    return [a.path for a in made.writes() if not a.path.endswith(login)]


def escaped(made: Room, hostile: str) -> list[str]:
    """Paths of arrived requests that the value has broken out of."""
    broken = []
    for arrival in made.arrivals:
        segments = arrival.path.partition("?")[0].split("/")
        if any(unquote(segment) in (".", "..") for segment in segments) or (
            "/" in hostile and any(part and part in segments for part in hostile.split("/") if len(part) > 3)
        ):
            broken.append(arrival.path)
    return broken


@pytest.mark.parametrize("kind", KINDS)
async def test_no_hostile_identifier_leaves_its_segment(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    hostile_values = [*IDENTIFIERS, *SHELL[:10]]
    assert len(hostile_values) >= 42
    tried = 0
    async with room(kind, tmp_path, settings="retry_max_attempts = 1\ncircuit_breaker_enabled = false") as made:
        for entry in made.application.entries:
            schema: dict[str, object] = dict(entry.input_schema)
            for argument in text_arguments(schema):
                base = {name: PLAUSIBLE[name] for name in required(schema) if name in PLAUSIBLE}
                for hostile in hostile_values:
                    arguments = {**base, argument: hostile}
                    if entry.writes:
                        arguments["dry_run"] = True
                    made.arrivals.clear()
                    with contextlib.suppress(HoldfastError):
                        await made.call(entry.name, **arguments)
                    assert escaped(made, hostile) == [], f"{entry.name}({argument}={hostile!r})"
                    assert sent_writes(made) == [], f"{entry.name} wrote in a dry run"
                    tried += 1
    assert tried >= len(hostile_values) or kind in ("truenas", "idrac")
