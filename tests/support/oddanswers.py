"""Answers of a simulator made odd, a place at a time: what a tool does when the appliance tells it nonsense.

`OddWire` does it to answers over HTTP. What speaks otherwise takes the values and places from here.
"""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp import web

from holdfast.errors import HoldfastError
from holdfast.simulators.rack.gate import Gate
from holdfast.transport.values import JsonValue
from tests.support.rooms import Room

Place: TypeAlias = tuple[str | int, ...]

TRIALS: Final = int(os.environ.get("HOLDFAST_ODD_TRIALS", "0")) or 3
"""How many odd answers a tool gets over HTTP; somebody who has time may want more."""
GONE: Final = "(gone)"
"""Stands for a member that is not there."""
ODD: Final[tuple[JsonValue, ...]] = (
    GONE,
    None,
    True,
    -1,
    10**300,
    -1.7e308,
    "",
    "odd",
    "²",
    "9" * 5000,
    "-7/x:[",
    [],
    [None],
    ["odd", 7, {}],
    {},
    {"odd": [{}]},
    {"$date": 10**300},
    {"$set": 7},
)
"""What no answer has where it is put; `"²".isdigit()` is true, and 5000 digits are no
number to `int`."""
_MOST_DEEP: Final = 8


@dataclass(frozen=True)
class Trial:
    """One odd value at one place of what a method answers."""

    method: str
    place: Place
    odd: JsonValue

    def __str__(self) -> str:
        return f"{self.method} {'.'.join(map(str, self.place)) or '(all)'} = {str(self.odd)[:30]!r}"


def places(value: JsonValue, at: Place = ()) -> Iterator[Place]:
    """The value itself and what is in it; of a list its first and its last."""
    yield at
    if len(at) >= _MOST_DEEP:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*at, key))
    elif isinstance(value, list) and value:
        for index in sorted({0, len(value) - 1}):
            yield from places(value[index], (*at, index))


def with_odd(value: JsonValue, place: Place, odd: JsonValue) -> JsonValue:
    """A copy of the value with something odd at a place; as it was where there is no such place."""
    if not place:
        return None if odd == GONE else copy.deepcopy(odd)
    whole = copy.deepcopy(value)
    inner: object = whole
    try:
        for part in place[:-1]:
            inner = inner[part]  # type: ignore[index]  # where it cannot be indexed, there is no such place
        if odd == GONE:
            del inner[place[-1]]  # type: ignore[attr-defined]
        else:
            inner[place[-1]] = copy.deepcopy(odd)  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return whole
    return whole


def trials(answers: dict[str, JsonValue]) -> list[Trial]:
    """All that can be odd about these answers, by method."""
    return [Trial(method, place, odd) for method in sorted(answers) for place in places(answers[method]) for odd in ODD]


def some(found: Sequence[Trial], number: int, *, seed: str) -> list[Trial]:
    """A few of the trials, the same for the same seed: another place each, as long as there are. All, if there are no
    more than that.
    """
    if len(found) <= number:
        return list(found)
    chance = random.Random(seed)
    by_place: dict[tuple[str, Place], list[Trial]] = {}
    for trial in found:
        by_place.setdefault((trial.method, trial.place), []).append(trial)
    order = chance.sample(sorted(by_place, key=repr), len(by_place))
    return [chance.choice(by_place[order[number % len(order)]]) for number in range(number)]


class OddWire:
    """Simulators whose answers over HTTP are made odd. A "method" of a trial is the method and path of its request."""

    def __init__(self) -> None:
        self.trial: Trial | None = None
        self.heard: dict[str, JsonValue] = {}
        """The first answer to each request since it was emptied."""
        self.tried = 0
        """How many answers were made odd."""

    def answer(self, request: web.Request, response: web.StreamResponse) -> None:
        """Make an answer odd that is not sent yet."""
        if response.prepared or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return
        packed = response.headers.get("Content-Encoding") == "gzip"
        try:
            value = json.loads(gzip.decompress(response.body) if packed else response.body)
        except ValueError:
            return
        method = f"{request.method} {request.path}"
        self.heard.setdefault(method, value)
        if self.trial is not None and self.trial.method == method:
            body = json.dumps(with_odd(value, self.trial.place, self.trial.odd)).encode()
            response.body = gzip.compress(body, 1) if packed else body
            self.tried += 1

    @contextmanager
    def in_place(self) -> Iterator[OddWire]:
        """All simulators answer so."""
        sent = Gate._sent

        async def odd(gate: Gate, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
            self.answer(request, response)
            return await sent(gate, request, response)

        Gate._sent = odd  # type: ignore[method-assign,assignment]
        try:
            yield self
        finally:
            Gate._sent = sent  # type: ignore[method-assign]

    async def ends(self, made: Room, tool: str, arguments: Mapping[str, object], trial: Trial | None) -> str:
        """How a call of a tool or its plan ends while the appliance answers oddly: the outcome, "answered", or the
        error's code. Any exception that is no `HoldfastError` passes through.

        The client is a new one, which remembers nothing of what was tried before.
        """
        await _forget(made)
        plan = {"dry_run": True} if any(one.name == tool and one.writes for one in made.application.entries) else {}
        self.heard.clear()
        self.trial = trial
        try:
            async with asyncio.timeout(60):
                answer = await made.call(tool, **arguments, **plan)
        except HoldfastError as error:
            return error.code
        except Exception as error:
            error.add_note(f"{tool}, while the appliance answers {trial}")
            raise
        finally:
            self.trial = None
        return str(answer.get("outcome", "answered"))


async def _forget(made: Room) -> None:
    clients: dict[str, Any] = made.application.connections._clients
    for client in list(clients.values()):
        await client.close()
    clients.clear()


async def try_out(made: Room, tool: str, arguments: Mapping[str, object], number: int, *, seed: str) -> dict[str, str]:
    """How a tool ends for some odd answers: by trial."""
    with OddWire().in_place() as wire:
        await wire.ends(made, tool, arguments, None)
        found = trials(dict(wire.heard))
        assert found, f"{tool} asks nothing"
        ends = {str(trial): await wire.ends(made, tool, arguments, trial) for trial in some(found, number, seed=seed)}
        assert wire.tried, f"nothing odd was told to {tool}"
        return ends
