"""The rack: simulators started together, one CA, one clock, one world."""

from __future__ import annotations

import asyncio
import importlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from holdfast.simulators.base import SimulatedClock, Simulator
from holdfast.simulators.faultlist import Value
from holdfast.simulators.rack.authority import Authority
from holdfast.simulators.rack.running import RunningSimulator
from holdfast.simulators.world import World, default_world, with_servers

KINDS: Final = ("pfsense", "truenas", "idrac", "proxmox")
"""The kinds of appliances that ship with Holdfast; each is `holdfast.simulators.<kind>` with a function `create`."""

EVERY: Final = "*"
"""In place of a simulator's name: all of them."""

_MEMBER: Final = re.compile(r"(?P<kind>[a-z]+)(?::(?P<persona>[^*\s]+))?(?:\*(?P<count>[1-9][0-9]{0,4}))?")


@dataclass(frozen=True)
class Member:
    """A simulator to start: its kind, and a persona (release or model) if not the kind's usual one."""

    kind: str
    persona: str | None = None

    @staticmethod
    def parse(text: str) -> tuple[Member, ...]:
        """Read `KIND[:PERSONA][*COUNT]`, for example `idrac:idrac10*3`.

        Raises:
            ValueError: the text is not of that form or the kind does not exist.
        """
        match = _MEMBER.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not KIND[:PERSONA][*COUNT]")
        if match["kind"] not in KINDS:
            raise ValueError(f"there is no simulator of {match['kind']!r}; there are {', '.join(KINDS)}")
        return (Member(match["kind"], match["persona"]),) * int(match["count"] or 1)


def make_simulator(
    kind: str,
    name: str | None = None,
    persona: str | None = None,
    *,
    world: World | None = None,
    clock: SimulatedClock | None = None,
) -> Simulator:
    """Make a simulator that does not run yet; by default of the default world and real time.

    Raises:
        ValueError: the kind does not exist, or it has no such persona.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no simulator of {kind!r}; there are {', '.join(KINDS)}")
    create = importlib.import_module(f"holdfast.simulators.{kind}").create
    try:
        made = create(world or default_world(), clock or SimulatedClock(time.time), name or kind, persona=persona)
    except LookupError as error:
        if type(error) is not LookupError:
            raise  # a KeyError or IndexError is a mistake in the simulator, not a persona that does not exist
        raise ValueError(str(error)) from error
    assert isinstance(made, Simulator)
    return made


def _members_of(member: str | Member | Simulator) -> tuple[Member | Simulator, ...]:
    return Member.parse(member) if isinstance(member, str) else (member,)


class Rack(Mapping[str, RunningSimulator]):
    """Simulators by name, as an async context manager that starts and stops them.

    ::

        async with Rack("pfsense", "idrac:idrac10*2") as rack:
            rack["pfsense"].url, rack["pfsense"].credentials
            rack.fault("idrac2", "black-hole")
            rack.heal("idrac2")

    Names are the kind, then the kind with a number from 2 on. With `port_base`, the simulators listen on successive
    ports from there on; otherwise on free ones. The default world has a server for every BMC. Members may also be
    `Simulator` objects made elsewhere, which then should read the rack's clock.
    """

    def __init__(
        self,
        *members: str | Member | Simulator,
        world: World | None = None,
        clock: SimulatedClock | None = None,
        authority: Authority | None = None,
        host: str = "127.0.0.1",
        port_base: int = 0,
    ) -> None:
        self._members = tuple(one for member in members for one in _members_of(member))
        bmcs = sum(isinstance(one, Member) and one.kind == "idrac" for one in self._members)
        self.world = world if world is not None else with_servers(default_world(), bmcs)
        self.clock = clock if clock is not None else SimulatedClock(time.time)
        self.authority = authority if authority is not None else Authority()
        self.host = host
        self._next_port = port_base
        self._running: dict[str, RunningSimulator] = {}

    # a mapping of what runs

    def __getitem__(self, name: str) -> RunningSimulator:
        return self._running[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._running)

    def __len__(self) -> int:
        return len(self._running)

    # life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the members named at construction; errors as of `add`. If one cannot start, none stays."""
        try:
            for member in self._members:
                if isinstance(member, Simulator):
                    await self.add_simulator(member)
                else:
                    await self.add(member.kind, persona=member.persona)
        except BaseException:
            await self.stop()
            raise

    async def add(
        self, kind: str, *, name: str | None = None, persona: str | None = None, port: int = 0
    ) -> RunningSimulator:
        """Make and start one more simulator.

        Raises:
            ValueError: the kind does not exist, or it has no such persona.
            OSError: the port is in use.
        """
        made = make_simulator(kind, name or self._free_name(kind), persona, world=self.world, clock=self.clock)
        return await self.add_simulator(made, port=port)

    async def add_simulator(self, simulator: Simulator, *, port: int = 0) -> RunningSimulator:
        """Start a simulator that exists already.

        Raises:
            ValueError: its name is taken.
            OSError: the port is in use.
        """
        if simulator.name in self._running:
            raise ValueError(f"the rack has a simulator named {simulator.name!r} already")
        running = RunningSimulator(simulator, self.authority, self.host)
        if port == 0 and self._next_port:
            port = self._next_port
            self._next_port += 1
        await running.start(port)
        self._running[simulator.name] = running
        return running

    async def remove(self, name: str) -> None:
        """Stop one simulator and forget it."""
        await self._running.pop(name).stop()

    async def stop(self) -> None:
        """Stop all simulators; safe to call again."""
        running = tuple(self._running.values())
        self._running.clear()
        results = await asyncio.gather(*(one.stop() for one in running), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _free_name(self, kind: str) -> str:
        if kind not in self._running:
            return kind
        number = 2
        while f"{kind}{number}" in self._running:
            number += 1
        return f"{kind}{number}"

    # faults and time

    def select(self, name: str) -> tuple[RunningSimulator, ...]:
        """The simulator of this name, or all of this kind, or all for `*`.

        Raises:
            LookupError: there is none.
        """
        if name == EVERY:
            return tuple(self._running.values())
        if name in self._running:
            return (self._running[name],)
        chosen = tuple(one for one in self._running.values() if one.kind == name)
        if not chosen:
            raise LookupError(f"the rack has no simulator {name!r}; it has {', '.join(self._running) or 'none'}")
        return chosen

    def fault(self, name: str, fault: str, **options: Value) -> None:
        """Switch a fault on at the simulators that `select` finds; errors as of `RunningSimulator.fault`."""
        for one in self.select(name):
            one.fault(fault, **options)

    def heal(self, name: str = EVERY, fault: str | None = None) -> None:
        """Switch one fault off, or all; errors as of `RunningSimulator.heal`."""
        for one in self.select(name):
            one.heal(fault)

    def cut(self, name: str = EVERY) -> int:
        """Abort all open connections of the simulators that `select` finds; returns how many there were."""
        return sum(one.cut() for one in self.select(name))

    def advance(self, seconds: float) -> None:
        """Let time pass on the appliances' clock."""
        self.clock.advance(seconds)

    def write_ca(self, path: Path) -> None:
        """Write the CA's certificate, PEM."""
        self.authority.write_ca(path)
