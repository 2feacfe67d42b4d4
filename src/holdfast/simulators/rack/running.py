"""One simulator on its port: connections, TLS, the HTTP server, and the faults of the wire in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from holdfast.simulators.base import Simulator, SimulatorState
from holdfast.simulators.faultlist import CUT, FAULTS, Stage, Value
from holdfast.simulators.rack.authority import Authority
from holdfast.simulators.rack.faults import ActiveFault, FaultBoard, make_fault
from holdfast.simulators.rack.gate import SOCKET_METHOD, Gate
from holdfast.simulators.rack.link import Link
from holdfast.simulators.rack.listener import Listener
from holdfast.simulators.rack.shapers import SHAPED, shaper_for
from holdfast.simulators.rack.silent import SilentProtocol

OWN: Final = "own:"
"""Before a fault's name: the simulator's own fault, even if the wire has one of that name."""
WIRE: Final = "wire:"
"""Before a fault's name: the wire's fault, even if the simulator has one of that name."""
_SHUTDOWN_S: Final = 0.5


class RunningSimulator:
    """A simulator that listens. Also its `Wire`: what `simulator.wire` is while it runs.

    `fault`, `heal` and `cut` are to be called from the event loop that runs it; they take effect at once.
    """

    def __init__(self, simulator: Simulator, authority: Authority, host: str) -> None:
        self.simulator = simulator
        self.authority = authority
        self.host = host
        self._board = FaultBoard()
        self._gate = Gate(simulator, self._board)
        self._listener = Listener(host, self._accepted)
        self._runner: web.AppRunner | None = None
        self._links: set[Link] = set()
        self._handshakes: dict[asyncio.Task[None], socket.socket] = {}
        self._silent: set[SilentProtocol] = set()

    @property
    def name(self) -> str:
        """The simulator's name in the rack."""
        return self.simulator.name

    @property
    def kind(self) -> str:
        """The kind of appliance."""
        return self.simulator.kind

    @property
    def port(self) -> int:
        """The TCP port; the same in every fault."""
        return self._listener.port

    @property
    def url(self) -> str:
        """`https://host:port`."""
        return f"https://{self.host}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """What logs in to the simulator."""
        return self.simulator.credentials

    @property
    def state(self) -> SimulatorState:
        """Arrivals and counters."""
        return self.simulator.state

    @property
    def own_faults(self) -> tuple[str, ...]:
        """Faults that the simulator itself knows."""
        return tuple(self.simulator.fault_names)

    def active_faults(self) -> tuple[ActiveFault, ...]:
        """The faults of the wire that are on."""
        return self._board.active()

    async def start(self, port: int = 0) -> None:
        """Listen on this port (0: any free one).

        Raises:
            OSError: the port is in use.
        """
        self._listener.bind(port)
        try:
            app = self.simulator.app()
            app.middlewares.insert(0, _middleware(self._gate))
            self._runner = web.AppRunner(
                app,
                access_log=None,
                keepalive_timeout=self.simulator.keepalive_timeout_s,
                shutdown_timeout=_SHUTDOWN_S,
            )
            await self._runner.setup()
        except BaseException:
            self._listener.close()
            raise
        self.simulator.wire = self
        self._listener.open()

    async def stop(self) -> None:
        """Stop listening, abort what is open and end the application."""
        self._listener.close()
        self._board.remove()
        self.cut()
        if self._handshakes:
            await asyncio.wait(self._handshakes, timeout=_SHUTDOWN_S)
        self.simulator.wire = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # faults

    def fault(self, name: str, **options: Value) -> None:
        """Switch a fault on: one of `holdfast.simulators.faultlist`, `cut`, or one of the simulator's own.

        Where both have a name, the simulator's is meant if it declares it in `fault_names`, else the wire's. With
        `own:` or `wire:` before it, it is always the one or the other.

        Raises:
            LookupError: neither the wire nor the simulator has a fault of this name.
            ValueError: an option is unknown or out of range.
        """
        own, name = self._whose(name)
        if own or (name not in FAULTS and name != CUT):
            self._set_own(name, options)
        elif name == CUT:
            if options:
                raise ValueError("cut has no options")
            self.cut()
        else:
            self._switch_on(make_fault(name, options))

    def heal(self, name: str | None = None) -> None:
        """Switch one fault off, or all. The simulator's own faults are only switched off together.

        Raises:
            LookupError: there is no fault of this name.
        """
        own = False
        if name is not None:
            own, name = self._whose(name)
            if not own and name not in FAULTS:
                raise LookupError(f"{self.name} has no fault named {name!r} that could be healed")
        if own or name is None:
            self.simulator.clear_faults()
        if own:
            return
        gone = self._board.remove(name)
        for fault in gone:
            self._leave(fault)

    def cut(self) -> int:
        """Abort (RST) all open connections now, also those in their handshake; returns how many there were."""
        open_links, silent, handshakes = tuple(self._links), tuple(self._silent), tuple(self._handshakes.values())
        for link in open_links:
            link.reset()
        for connection in silent:
            connection.abort()
        for unfinished in handshakes:
            with contextlib.suppress(OSError):
                unfinished.shutdown(socket.SHUT_RDWR)
        return len(open_links) + len(silent) + len(handshakes)

    def move(self, host: str) -> None:
        """Listen at another loopback address, at the same port; connections to the one before end. As `Wire`.

        Raises:
            OSError: The port is in use there.
            ValueError: It is no loopback address.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is no loopback address")
        there = Listener(host, self._accepted)
        there.bind(self.port)
        self._listener.close()
        self._listener, self.host = there, host
        self.cut()
        fault = self._board.on_stage(Stage.LISTEN)
        if fault is None:
            there.open()
        elif fault.kind.name == "black-hole":
            there.black_hole()

    def _whose(self, name: str) -> tuple[bool, str]:
        """Whether a fault is the simulator's own, and its name without prefix."""
        if name.startswith(OWN):
            return True, name.removeprefix(OWN)
        if name.startswith(WIRE):
            return False, name.removeprefix(WIRE)
        return name in self.simulator.fault_names, name

    def _set_own(self, name: str, options: dict[str, Value]) -> None:
        try:
            self.simulator.set_fault(name, **options)
        except LookupError:
            known = ", ".join((*FAULTS, CUT, *self.own_faults))
            raise LookupError(f"{self.name} has no fault named {name!r}; there are {known}") from None

    def _switch_on(self, fault: ActiveFault) -> None:
        before = self._board.on_stage(Stage.LISTEN)
        self._board.add(fault)
        if before is not None and self._board.on_stage(Stage.LISTEN) is not before:
            self._thaw(before)
        if fault.flag("cut"):
            self.cut()
        if fault.kind.name == "refuse":
            self._listener.refuse()
        elif fault.kind.name == "black-hole":
            self._listener.black_hole()
            for link in self._links:
                link.freeze()
        elif fault.kind.stage in (Stage.REQUEST, Stage.REPLY):
            self._strike_open_sockets(fault)

    def _leave(self, fault: ActiveFault) -> None:
        if fault.kind.stage is Stage.LISTEN:
            self._thaw(fault)
            self._listener.open()
        elif fault.kind.stage is Stage.HANDSHAKE:
            for connection in tuple(self._silent):
                connection.abort()
        else:
            for link in tuple(self._links):
                link.disarm(fault)

    def _thaw(self, fault: ActiveFault) -> None:
        for link in tuple(self._links):
            if not link.frozen:
                continue
            if fault.flag("late_delivery"):
                link.thaw()
            else:
                link.reset()

    def _strike_open_sockets(self, fault: ActiveFault) -> None:
        """Apply a fault to WebSockets that are open already: their bytes are one endless answer."""
        for link in tuple(self._links):
            if link.socket_path is None or not fault.matches(SOCKET_METHOD, link.socket_path):
                continue
            if fault.kind.name == "lost-reply":
                self._gate.arm_lost_reply(link, link.socket_path)
            elif fault.kind.name in SHAPED and self._board.strike(fault.kind.name, SOCKET_METHOD, link.socket_path):
                link.shape(shaper_for(fault, link), fault, head_first=False)

    # connections

    def _accepted(self, connection: socket.socket) -> None:
        self.state.connections_total += 1
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._handshakes[task] = connection
        task.add_done_callback(self._handshakes.pop)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        fault = self._board.on_stage(Stage.HANDSHAKE)
        if fault is not None:
            self._board.count(fault)
        silent = not self.simulator.accepts_connection() or (fault is not None and fault.kind.name == "hang-tls")
        protocol: Callable[[], asyncio.Protocol] = self._new_silent if silent else self._new_link
        certificate = "good"
        if fault is not None and fault.kind.name == "bad-cert":
            certificate = fault.text("certificate")
        plain = silent or (fault is not None and fault.kind.name == "plain-http")
        context = None if plain else self.authority.server_context(certificate)
        try:
            await loop.connect_accepted_socket(protocol, connection, ssl=context)
        except OSError:
            self.state.handshakes_failed += 1

    def _new_link(self) -> Link:
        assert self._runner is not None
        assert self._runner.server is not None
        return Link(self._runner.server(), self._link_made, self._link_lost)

    def _new_silent(self) -> SilentProtocol:
        connection = SilentProtocol(self._silent.discard)
        self._silent.add(connection)
        return connection

    def _link_made(self, link: Link) -> None:
        self._links.add(link)
        self.state.connections_open += 1
        fault = self._board.on_stage(Stage.LISTEN)
        if fault is not None and fault.kind.name == "black-hole":
            link.freeze()

    def _link_lost(self, link: Link) -> None:
        self._links.discard(link)
        self.state.connections_open -= 1


def _middleware(gate: Gate) -> Middleware:
    @web.middleware
    async def through_the_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await gate.handle(request, handler)

    return through_the_gate
