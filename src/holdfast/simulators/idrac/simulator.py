"""One simulated iDRAC as the rack runs it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import ClassVar
from weakref import WeakKeyDictionary

from aiohttp import web

from holdfast.simulators.base import SimulatedClock, Simulator
from holdfast.simulators.idrac import front
from holdfast.simulators.idrac.bmc import PASSWORD, USERNAME, Bmc
from holdfast.simulators.idrac.errors import DropConnection
from holdfast.simulators.idrac.faults import FAULTS, Fault
from holdfast.simulators.idrac.life import DOWN
from holdfast.simulators.idrac.persona import PERSONAS, Persona
from holdfast.simulators.idrac.tree import routes_for
from holdfast.simulators.world import Server, World

MAX_BODY = 33_554_432
REQUESTS_PER_CONNECTION = 199
READING_ACTIONS = (
    "GetRemoteServicesAPIStatus",
    "GetRAIDLevels",
    "GetAttachStatus",
    "SupportAssistGetEULAStatus",
    "GetRepoBasedUpdateList",
    "ExportLicense",
)
"""Actions whose POST changes nothing."""
_LOOK_S = 0.005
_MOVE_S = 0.02


_NUMBERED = re.compile(r"^[a-z]+(\d*)$")


def choose_persona(server: Server, persona: str | None) -> Persona:
    """The persona asked for ("9" or "idrac9"), else the one of the server's generation.

    Raises:
        ValueError: there is none such.
    """
    key = str(server.generation) if persona is None else persona.removeprefix("idrac")
    if key not in PERSONAS:
        raise ValueError(f"there is no iDRAC persona {key!r}; there are {', '.join(PERSONAS)}")
    chosen = PERSONAS[key]
    if key == "9" and re.search(r"R\d4\d", server.model):
        # The last firmware that servers of the 14th generation got (contract §1).
        return replace(chosen, firmware="7.00.00.172")
    return chosen


def choose_server(world: World, name: str, persona: str | None) -> Server:
    """The server that a simulator stands in front of.

    A host name or service tag ("pve1", "idrac-pve1") names it. Otherwise it is the first whose generation fits the
    persona, and without a persona the first ("idrac"), second ("idrac2") and so on.
    """
    for server in world.servers:
        if name in (server.hostname, f"idrac-{server.hostname}", f"bmc-{server.hostname}", server.service_tag):
            return server
    if persona is not None:
        generation = choose_persona(world.servers[0], persona).generation
        return next((server for server in world.servers if server.generation == generation), world.servers[0])
    found = _NUMBERED.match(name)
    number = int(found.group(1) or "1") if found else 1
    return world.servers[(number - 1) % len(world.servers)]


class IDracSimulator(Simulator):
    """A Dell iDRAC of generation 8, 9 or 10 with its server behind it."""

    kind: ClassVar[str] = "idrac"
    fault_names: ClassVar[Mapping[str, str]] = {name: kind.summary for name, kind in FAULTS.items()}
    keepalive_timeout_s: ClassVar[float] = 60.0

    def __init__(self, world: World, clock: SimulatedClock, *, name: str, persona: str | None = None) -> None:
        server = choose_server(world, name, persona)
        chosen = choose_persona(server, persona)
        if chosen.model and (server.generation != chosen.generation or chosen.modular or chosen.foreign):
            server = replace(server, model=chosen.model)
        super().__init__(world, clock, name=name, persona=chosen.key)
        self._requests_left: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()
        self._watcher: asyncio.Task[None] | None = None
        self.bmc = Bmc(world, server, chosen, clock.now, routes_for(chosen.key))
        self._address = self.bmc.setting("IPv4.1.Address")

    @property
    def credentials(self) -> dict[str, str]:
        """User name and password of the administrator."""
        return {"username": USERNAME, "password": PASSWORD}

    def app(self) -> web.Application:
        """The application that answers as this iDRAC."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._answer)
        application.on_cleanup.append(self._stop_watching)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await front.answer(self.bmc, request, self.state.in_flight)
        except DropConnection:
            if request.transport is not None:
                request.transport.abort()
            if self.bmc.life.phase == DOWN:
                self._close_port()
            return web.Response(status=500)
        self._limit_reuse(request, response)
        self._follow_address()
        return response

    def _follow_address(self) -> None:
        """Move to a new address of the iDRAC once its answer has gone out; only loopback addresses are real here."""
        address = self.bmc.setting("IPv4.1.Address")
        if address == self._address:
            return
        self._address = address
        with contextlib.suppress(ValueError):
            if ipaddress.IPv4Address(address).is_loopback:
                asyncio.get_running_loop().call_later(_MOVE_S, self._move, address)

    def _move(self, address: str) -> None:
        if self.wire is not None:
            self.wire.move(address)

    def _limit_reuse(self, request: web.Request, response: web.StreamResponse) -> None:
        """End a connection after as many requests as the iDRAC's web server takes on one (contract §3)."""
        if request.transport is None:
            return
        left = self._requests_left.get(request.transport, REQUESTS_PER_CONNECTION) - 1
        self._requests_left[request.transport] = left
        if left <= 0 and not response.prepared:
            response.force_close()

    def changes(self, method: str, path: str) -> bool:
        """Whether such a request changes the server: not a login, nor an action that only reads (contract §11, S)."""
        reads = "/Sessions" in path or any(path.endswith(f".{action}") for action in READING_ACTIONS)
        return super().changes(method, path) and not reads

    # while the iDRAC is down, nothing listens

    def _close_port(self) -> None:
        if self.wire is None or self._watcher is not None:
            return
        self.wire.fault("refuse")
        self._watcher = asyncio.get_running_loop().create_task(self._open_port_again())

    async def _open_port_again(self) -> None:
        """Look at the simulated clock until the iDRAC has come so far as to listen again."""
        loop, advanced = asyncio.get_running_loop(), asyncio.Event()

        def hear() -> None:
            loop.call_soon_threadsafe(advanced.set)

        self.clock.heard.add(hear)
        try:
            while self.bmc.life.phase == DOWN:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(advanced.wait(), _LOOK_S)
                advanced.clear()
                self.bmc.timeline.settle()
        finally:
            self.clock.heard.discard(hear)
        self._watcher = None
        if self.wire is not None:
            self.wire.heal("refuse")

    async def _stop_watching(self, application: web.Application) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch a fault on; LookupError when there is none of this name, ValueError for a wrong option."""
        bmc = self.bmc
        bmc.timeline.settle()
        fault = bmc.faults.add(name, options, bmc.now)
        self._at_once(fault)

    def _at_once(self, fault: Fault) -> None:
        """Carry out what some faults do the moment they are set."""
        bmc = self.bmc
        if fault.name == "bmc-reset":
            seconds = fault.number("seconds")
            bmc.life.restart(seconds=seconds or None, reason="fault")
            bmc.faults.active.pop("bmc-reset", None)
        elif fault.name == "sessions-full":
            bmc.fill_sessions(fault.text("kind"), int(fault.number("leave")))
            bmc.sessions.full_status = int(fault.number("status"))
            bmc.faults.active.pop("sessions-full", None)
        elif fault.name == "address-blocked":
            bmc.guard.block("127.0.0.1", fault.number("seconds"))
        elif fault.name == "systems-empty":
            bmc.life.systems_empty_until = bmc.now + fault.number("seconds")
            bmc.faults.active.pop("systems-empty", None)
        elif fault.name == "component":
            bmc.health.set(fault.text("id"), fault.text("health"), bmc.now)
        elif fault.name == "acpi-ignored":
            bmc.host.ignores_acpi = True

    def clear_faults(self) -> None:
        """Switch all faults off; what they did (open sessions, a restart under way) stays, health is well again."""
        bmc = self.bmc
        bmc.faults.clear()
        bmc.host.ignores_acpi = False
        bmc.guard.clear()
        for fqdd in list(bmc.health.conditions):
            bmc.health.set(fqdd, "OK", bmc.now)

    # what tests and benchmarks look at

    @property
    def sessions_open(self) -> int:
        """Sessions that are open now, of whatever kind."""
        self.bmc.sessions.expire()
        return len(self.bmc.sessions.members)

    @property
    def sessions_opened(self) -> int:
        """Sessions opened since the simulator was made."""
        return self.bmc.sessions.opened

    @property
    def mutations(self) -> int:
        """Requests other than reads that reached their handler, logins included."""
        return self.bmc.mutations

    def scale_time(self, factor: float) -> None:
        """Make jobs, power changes and self tests take `factor` times as long; the times are small by default."""
        for pace in (self.bmc.jobs.pace, self.bmc.host.pace):
            for item in fields(pace):
                setattr(pace, item.name, getattr(pace, item.name) * factor)
