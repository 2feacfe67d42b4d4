"""No argument of any tool can leave the place in a request that it is meant for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest

from holdfast.control.inventory import load_catalogue
from holdfast.errors import HoldfastError
from holdfast.simulators.base import Arrival
from tests.support.hostile import IDENTIFIERS, SHELL
from tests.support.matrix import in_part
from tests.support.rooms import CATALOGUE, Room
from tests.support.workingcalls import WORKING, WorkingCall

MARK = "zzescaped"
"""Stands in a request as a segment, name or value of its own only where a value has broken out of its place."""
BREAKING_OUT = (
    f"../../{MARK}/{MARK}",
    f"a/{MARK}",
    f"%2e%2e%2f{MARK}",
    f"x?{MARK}=1#z",
    f"a;{MARK} /",
    f"a,{MARK}=1",
    f"a&{MARK}=1",
    f'a","{MARK}":"1',
)
SHELL_TAKEN = 10
VALUES = tuple(dict.fromkeys((*BREAKING_OUT, *IDENTIFIERS, *SHELL[:SHELL_TAKEN])))
IN_THE_WAY = ("conflict", "circuit_open", "unavailable", "nothing_to_do", "unreachable")
"""How a call ends that would have been sent, had not an earlier one worked."""
SCHEMAS: dict[str, dict[str, object]] = {entry.name: dict(entry.input_schema) for entry in CATALOGUE.entries}
Put = Callable[[str], object]


def text_arguments(schema: dict[str, object]) -> dict[str, Put]:
    """Arguments that take text that is not one of a few words, also in lists and objects; how a text is put in."""
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    found: dict[str, Put] = {}
    for name, argument in properties.items():
        assert isinstance(argument, dict)
        if "enum" in argument or name in ("target", "plan_id"):
            continue
        items = argument.get("items")
        if argument.get("type") == "string":
            found[name] = lambda text: text
        elif isinstance(items, dict) and items.get("type") == "string" and "enum" not in items:
            found[name] = lambda text: [text]
        elif isinstance(items, dict) and items.get("type") == "object":
            found[name] = lambda text: [{text: text, "name": text}]
        elif argument.get("type") == "object":
            found[name] = lambda text: {text: text, "name": text}
    return found


def texts_of(arrival: Arrival) -> Iterator[tuple[str, str]]:
    """Names and texts in a request's query and body."""
    yield from arrival.query.items()
    if arrival.body[:1] in (b"{", b"["):
        yield from _leaves("", json.loads(arrival.body))
    else:
        yield from parse_qsl(arrival.body.decode(errors="replace"), keep_blank_values=True)


def _leaves(name: str, node: object) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(str(key), value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(name, value)
    else:
        yield name, str(node)


PLACES = ("{}", "{}/", "zvol/{}", "/dev/zvol/{}")
"""Where a name may stand within a text: alone, as a prefix that lists what is below it, as a volume's device."""


def escaped(arrival: Arrival, hostile: str) -> str | None:
    """How a value has broken out in a request: as a segment, a name, or a part of a text; None when it has not."""
    segments = [unquote(segment) for segment in arrival.path.partition("?")[0].split("/")]
    if any(segment in (".", "..", MARK) for segment in segments):
        return arrival.path
    allowed = {place.format(hostile).strip() for place in PLACES}
    for name, text in texts_of(arrival):
        # Proxmox takes keys for SSH percent-encoded once more (contract 5).
        if name == MARK or (MARK in text and not {text.strip(), unquote(text).strip()} & allowed):
            return f"{name}={text}"
    return None


every_working_call = pytest.mark.parametrize("call", in_part(WORKING), ids=lambda call: call.tool)


def test_every_tool_has_a_working_call_to_put_the_values_in() -> None:
    assert {call.tool for call in WORKING} == {
        entry.name for entry in load_catalogue(("pfsense", "truenas", "idrac", "proxmox")).entries
    }
    assert len(VALUES) >= 42
    assert len(set(VALUES)) == len(VALUES)


@every_working_call
async def test_no_hostile_value_of_any_argument_leaves_its_place(call: WorkingCall, tmp_path: Path) -> None:
    rooms = itertools.count()
    for argument, put in text_arguments(SCHEMAS[call.tool]).items():
        waiting = list(VALUES)
        while waiting:
            folder = tmp_path / str(next(rooms))
            folder.mkdir()
            waiting = await attacked(call, argument, put, waiting, folder)


async def attacked(call: WorkingCall, argument: str, put: Put, values: list[str], folder: Path) -> list[str]:
    """Call a tool with one value after another. Where what an earlier one did stands in the way of one that is made to
    break out, the rest is left for a fresh room.
    """
    async with call.ready(folder) as (made, working):
        for index, hostile in enumerate(values):
            made.arrivals.clear()
            ended = await outcome(made, call.tool, {**working, argument: put(hostile)})
            if index and hostile in BREAKING_OUT and ended in IN_THE_WAY:
                return values[index:]
            broken = [found for arrival in made.arrivals if (found := escaped(arrival, hostile)) is not None]
            assert broken == [], f"{call.tool}({argument}={hostile!r}): {ended}"
    return []


async def outcome(made: Room, tool: str, arguments: dict[str, object]) -> str:
    """What a call ended with; an error that is none of Holdfast's fails the test."""
    try:
        return str((await made.call(tool, **arguments)).get("outcome", "answered"))
    except HoldfastError as error:
        return error.code


@pytest.mark.parametrize(
    ("path", "query", "body", "hostile"),
    [
        ("/api/access/users/../x", {}, b"", "../x"),
        ("/api/nodes/%2e%2e/x", {}, b"", ".."),
        (f"/api/nodes/a/{MARK}", {}, b"", f"a/{MARK}"),
        ("/api/x", {MARK: "1"}, b"", f"x?{MARK}=1"),
        ("/api/x", {}, b'{"name": "a", "' + MARK.encode() + b'": "1"}', f'a","{MARK}":"1'),
        ("/api/x", {}, f"net0=virtio,a,{MARK}=1".encode(), f"a,{MARK}=1"),
        ("/api/x", {}, f"name=a&{MARK}=1".encode(), f"a&{MARK}=1"),
    ],
)
def test_a_value_that_breaks_out_is_noticed(path: str, query: dict[str, str], body: bytes, hostile: str) -> None:
    assert escaped(Arrival("POST", path, query, body, authorised=True), hostile) is not None


def test_a_value_that_stays_in_its_place_is_left_alone() -> None:
    hostile = f"a/{MARK}"
    body = json.dumps({"description": hostile}).encode()
    assert escaped(Arrival("POST", f"/api/x/a%2F{MARK}", {"search": hostile}, body, authorised=True), hostile) is None
