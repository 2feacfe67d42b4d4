"""No argument of any tool can leave the place in a request that it is meant for."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
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


SHELL_TAKEN = 10
MARK = "zzescaped"
WORST = (f"../../{MARK}/{MARK}", f"a/{MARK}", f"%2e%2e%2f{MARK}", f"x?{MARK}=1#z", f"a;{MARK} /")


def text_arguments(schema: dict[str, object]) -> dict[str, tuple[str, Callable[[str], object]]]:
    """Arguments that take free text, also in lists and objects: the grammar of each, and how a text is put into it."""
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    found: dict[str, tuple[str, Callable[[str], object]]] = {}
    for name, argument in properties.items():
        assert isinstance(argument, dict)
        if "enum" in argument or name in ("target", "plan_id"):
            continue
        grammar = str(sorted((key, str(value)) for key, value in argument.items() if key != "default"))
        items = argument.get("items")
        if argument.get("type") == "string":
            found[name] = (grammar, lambda text: text)
        elif isinstance(items, dict) and items.get("type") == "string" and "enum" not in items:
            found[name] = (grammar, lambda text: [text])
        elif isinstance(items, dict) and items.get("type") == "object":
            found[name] = (grammar, lambda text: [{text: text, "name": text}])
        elif argument.get("type") == "object":
            found[name] = (grammar, lambda text: {text: text, "name": text})
    return found


def required(schema: dict[str, object]) -> list[str]:
    names = schema.get("required", [])
    assert isinstance(names, list)
    return [str(name) for name in names]


def sent_writes(made: Room) -> list[str]:
    """Paths of HTTP writes that arrived; opening a session is none, and calls over a WebSocket are not looked at."""
    login = ("/Sessions", "/access/ticket", "/auth/jwt", "/api/current")
    return [a.path for a in made.writes() if not a.path.endswith(login)]


def escaped(made: Room) -> list[str]:
    """Requests that a value has broken out of: a segment of dots, or the mark as a segment or parameter of its own."""
    broken = []
    for arrival in made.arrivals:
        segments = [unquote(segment) for segment in arrival.path.partition("?")[0].split("/")]
        if any(segment in (".", "..", MARK) for segment in segments) or MARK in arrival.query:
            broken.append(arrival.path)
    return broken


@pytest.mark.parametrize("kind", KINDS)
async def test_no_hostile_identifier_leaves_its_segment(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    hostile_values = [*IDENTIFIERS, *SHELL[:SHELL_TAKEN]]
    assert len(hostile_values) >= 42
    seen: set[str] = set()
    async with room(kind, tmp_path, settings="retry_max_attempts = 1\ncircuit_breaker_enabled = false") as made:
        for entry in made.application.entries:
            schema: dict[str, object] = dict(entry.input_schema)
            for argument, (grammar, put) in text_arguments(schema).items():
                # Arguments of one grammar refuse alike: the first is tried with everything, the others with the worst.
                values = WORST if grammar in seen else hostile_values
                seen.add(grammar)
                base = {name: PLAUSIBLE[name] for name in required(schema) if name in PLAUSIBLE}
                for hostile in values:
                    arguments = {**base, argument: put(hostile)}
                    if entry.writes:
                        arguments["dry_run"] = True
                    made.arrivals.clear()
                    with contextlib.suppress(HoldfastError):
                        await made.call(entry.name, **arguments)
                    assert escaped(made) == [], f"{entry.name}({argument}={hostile!r})"
                    assert sent_writes(made) == [], f"{entry.name} wrote in a dry run"
    assert len(seen) >= 20
