"""A room under test: its simulator on TLS, the whole application over it, tools called as a client would call them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.appliances.kinds import KINDS, settings_classes
from holdfast.config import parse_config
from holdfast.control.answers import JsonObject
from holdfast.control.caller import Ask, Caller, Question, Reply
from holdfast.control.dispatch import Clocks
from holdfast.control.inventory import ESTATE, load_catalogue
from holdfast.control.spec import ToolSpec, tools_in
from holdfast.errors import HoldfastError
from holdfast.server.application import Application, Serving
from holdfast.simulators.base import Arrival, SimulatedClock, Simulator
from holdfast.simulators.rack import Rack, RunningSimulator
from holdfast.simulators.world import World
from tests.support.racks import shared_authority

_EPOCH = 1_790_000_000.0
"""The simulators' time at the start of a test: it runs like any clock, and tools that wait advance it."""

CATALOGUE = load_catalogue((*KINDS, ESTATE))
"""Read once: thousands of rooms are opened."""


async def says_yes(question: Question) -> Reply:
    """The person behind the client confirms everything."""
    return Reply.ACCEPTED


@dataclass
class Room:
    """One appliance's simulator and an application that serves it in operate mode."""

    kind: str
    application: Application
    running: RunningSimulator
    rack: Rack
    clock: SimulatedClock
    slept: list[float] = field(default_factory=list)
    ask: Ask = says_yes

    @property
    def simulator(self) -> Simulator:
        """The simulator object."""
        return self.running.simulator

    @property
    def arrivals(self) -> list[Arrival]:
        """Requests that arrived at the simulator so far."""
        return self.running.state.arrivals

    def writes(self) -> list[Arrival]:
        """Those of them that are not GET or HEAD."""
        return [arrival for arrival in self.arrivals if arrival.method not in ("GET", "HEAD")]

    async def call(self, tool: str, **arguments: object) -> JsonObject:
        """Call a tool; what it answers. Raises the `HoldfastError` that a client would be told."""
        caller = Caller(principal="tester", ask=self.ask)
        return await self.application.dispatcher.call(tool, arguments, caller)

    async def fails(self, tool: str, **arguments: object) -> HoldfastError:
        """Call a tool that must fail; the error."""
        try:
            answer = await self.call(tool, **arguments)
        except HoldfastError as error:
            return error
        raise AssertionError(f"{tool} should have failed, but answered {answer}")

    def tools(self) -> list[ToolSpec]:
        """Every tool of the room."""
        return [entry.spec() for entry in self.application.entries if entry.kind == self.kind]


@asynccontextmanager
async def room(
    kind: str,
    tmp_path: Path,
    *,
    persona: str | None = None,
    world: World | None = None,
    mode: str = "operate",
    settings: str = "",
    control: str = "",
    toolsets: tuple[str, ...] = ("all",),
    without: tuple[str, ...] = (),
    names: tuple[str, ...] = ("lab",),
) -> AsyncIterator[Room]:
    """A room with its simulator running.

    Nothing sleeps: waits of tools advance the simulator's clock instead, and retries wait 0 s.

    Args:
        kind: Kind of appliance.
        tmp_path: For configuration, CA and state.
        persona: Release or generation of the simulator.
        world: What it is built from.
        mode: Mode of the target.
        settings: Further lines of the target's table.
        control: Lines of the [control] table.
        toolsets: Toolsets to list; command toolsets must be named.
        without: Credential keys that are not taken from the simulator (give others in `settings`).
        names: Names of the targets, which are all the same appliance.
    """
    started = time.monotonic()
    clock = SimulatedClock(lambda: _EPOCH + time.monotonic() - started, skips=True)
    async with Rack(world=world, clock=clock, authority=shared_authority()) as rack:
        running = await rack.add(kind, persona=persona)
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(rack.authority.ca_pem)
        credentials = "\n".join(
            f'{key} = "{value}"' for key, value in running.credentials.items() if key not in without
        )
        targets = "\n".join(
            f"""
[targets.{kind}.{name}]
host = "127.0.0.1"
port = {running.port}
ca_file = "{ca_file}"
mode = "{mode}"
retry_min_wait = 0
retry_max_wait = 0
{credentials}
{settings}"""
            for name in names
        )
        config = parse_config(
            f"""
{targets}

[control]
state_dir = "{tmp_path / "state"}"
{control}
""",
            settings_classes(),
        )
        made = Room(kind, None, running, rack, clock)  # type: ignore[arg-type]  # set below: it needs the room's sleep

        async def sleep(seconds: float) -> None:
            made.slept.append(seconds)
            clock.advance(seconds)
            await asyncio.sleep(0)

        clocks = Clocks(now=clock.now, sleep=sleep)
        made.application = Application(config, Serving(toolsets=toolsets), clocks, CATALOGUE)
        async with made.application.running():
            yield made


__all__ = ["Room", "room", "says_yes", "tools_in"]
