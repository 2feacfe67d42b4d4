"""The TrueNAS simulator as the rack sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web

from holdfast.simulators.base import SimulatedClock, Simulator
from holdfast.simulators.truenas.box import Box
from holdfast.simulators.truenas.faults import IMMEDIATE, KNOWN, Faults
from holdfast.simulators.truenas.http import Routes
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.snapshots import Snapshots
from holdfast.simulators.truenas.persona import DEFAULT_PERSONA, PERSONAS, Timing
from holdfast.simulators.world import Server, World


class TrueNASSimulator(Simulator):
    """A TrueNAS system speaking JSON-RPC 2.0 over WebSocket, by the wire contract.

    Its state is `box`; `timing` says how long simulated work takes. Faults: see `faults.KNOWN`.
    """

    kind: ClassVar[str] = "truenas"
    fault_names: ClassVar[Mapping[str, str]] = {name: described for name, (described, _) in KNOWN.items()}
    records_arrivals: ClassVar[bool] = True

    def __init__(self, world: World, clock: SimulatedClock, *, name: str, persona: str | None = None) -> None:
        super().__init__(world, clock, name=name, persona=persona or DEFAULT_PERSONA)
        release = PERSONAS.get(self.persona or DEFAULT_PERSONA)
        if release is None:
            raise LookupError(f"TrueNAS personas are {', '.join(PERSONAS)}")
        server = _server_of(world, name)
        hostname = server.hostname if name == self.kind else name
        self.box = Box(world, clock, release, server, hostname, self.state)

    @property
    def credentials(self) -> dict[str, str]:
        """`username` and `api_key` of the service account, which is full admin."""
        accounts = self.box.get(Accounts)
        return {"username": accounts.service_username, "api_key": accounts.service_key}

    @property
    def timing(self) -> Timing:
        """How long simulated work takes."""
        return self.box.timing

    def app(self) -> web.Application:
        """The aiohttp application."""
        return Routes(self.box).application()

    def accepts_connection(self) -> bool:
        """False while a committed network change has made the box unreachable."""
        self.box.timeline.pump()
        return not self.box.unreachable

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch a fault on, or let an immediate one happen.

        Raises:
            LookupError: No such fault.
            ValueError: No such option.
        """
        fault = Faults.make(name, options)
        if name in IMMEDIATE:
            self.box.strike(fault)
        else:
            self.box.faults.add(fault)

    def clear_faults(self) -> None:
        """Switch all faults off; what immediate ones did stays done."""
        self.box.faults.clear()

    def add_account(self, username: str, *roles: str, password: str | None = None) -> str:
        """A local user with these roles; its raw API key."""
        return self.box.get(Accounts).add_account(username, roles, password)

    def fill_snapshots(self, count: int, dataset: str | None = None) -> None:
        """Add this many snapshots to a dataset (the pool's first share's by default), an hour apart."""
        self.box.get(Snapshots).fill(count, dataset)


def _server_of(world: World, name: str) -> Server:
    """The world's TrueNAS machine of this name, else its first."""
    machines = [server for server in world.servers if server.role == "truenas"]
    if not machines:
        raise LookupError("this world has no TrueNAS server")
    return next((server for server in machines if server.hostname == name), machines[0])


def create(world: World, clock: SimulatedClock, name: str, persona: str | None = None) -> TrueNASSimulator:
    """A simulated TrueNAS system. Personas: "25.04", "25.10" (default), "26", "27"."""
    return TrueNASSimulator(world, clock, name=name, persona=persona)
