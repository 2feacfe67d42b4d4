"""What every simulator is: one appliance, answering on the wire as the contract says."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

from aiohttp import web

from holdfast.simulators.world import World


@dataclass
class SimulatedClock:
    """The appliance's own clock: seconds since the epoch, settable and advanceable by tests.

    Simulated tasks, lock expiries and rates read it through `now()`; with `advance()` a test makes an hour pass.
    `heard` is called after each `advance`, by simulators that must not wait for a request to look at the clock.
    `skips`: delays with which an appliance answers pass by the clock alone, in no time; for tests.
    """

    base: Callable[[], float]
    offset_s: float = 0.0
    heard: set[Callable[[], object]] = field(default_factory=set, repr=False, compare=False)
    skips: bool = False

    def now(self) -> float:
        """Seconds since the epoch, as the appliance sees them."""
        return self.base() + self.offset_s

    async def linger(self, seconds: float) -> None:
        """Let an answer take so long."""
        if self.skips:
            self.advance(seconds)
            seconds = 0.0
        await asyncio.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self.offset_s += seconds
        for listener in tuple(self.heard):
            listener()


@dataclass
class Arrival:
    """One request that reached the simulator (after TLS), for tests that count what was really sent.

    The rack records it when the request's head has arrived and fills the rest in as it becomes known. `path` is as it
    was on the wire, percent-encoded. `authorised` is what the simulator said with `note_authorised`, else whether the
    answer was not a 401. `body` holds at most the first 64 KiB; multipart bodies, which handlers read as a stream, are
    not kept (`body_complete` is then False). `status` is the answer's, None while there is none.
    """

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    authorised: bool
    headers: dict[str, str] = field(default_factory=dict)
    body_complete: bool = True
    status: int | None = None
    executed: bool = False


@dataclass
class SimulatorState:
    """What tests may look at and set on a running simulator.

    `arrivals` keeps the most recent thousands; `arrivals_total` counts them all. Requests that became a WebSocket are
    arrivals but not in flight: their life is the connection's. A request is in flight from its head to the last byte of
    its answer, also when nobody waits for that any more; `writes_in_flight` are those among them that the simulator's
    `changes` says change something. `connections_total` counts accepted TCP connections,
    `handshakes_failed` those among them whose TLS handshake did not complete.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0
    writes_in_flight: int = 0
    max_writes_in_flight: int = 0
    arrivals_total: int = 0
    connections_open: int = 0
    connections_total: int = 0
    handshakes_failed: int = 0


ARRIVAL: Final = web.RequestKey("holdfast.simulators.arrival", Arrival)
"""Where the rack leaves the arrival record of the request that a handler is answering."""

_AUTHORISED: Final = web.RequestKey("holdfast.simulators.authorised", bool)


def note_authorised(request: web.Request, authorised: bool) -> None:
    """Say whether the credentials of this request were accepted, for the arrival record."""
    request[_AUTHORISED] = authorised
    arrival = request.get(ARRIVAL)
    if arrival is not None:
        arrival.authorised = authorised


def noted_authorised(request: web.Request) -> bool | None:
    """What `note_authorised` was told about this request; None when it was not called."""
    return request.get(_AUTHORISED)


class Wire(Protocol):
    """The wire in front of a running simulator, for appliances that change it themselves (a reboot, a lock-out)."""

    def fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch a fault of the wire on; the names are in `holdfast.simulators.faultlist`."""

    def heal(self, name: str | None = None) -> None:
        """Switch one fault of the wire off, or all of them."""

    def cut(self) -> int:
        """Abort all open connections now; returns how many there were."""

    def move(self, host: str) -> None:
        """Listen at another loopback address, at the same port, and no more at the one before."""


class Simulator(ABC):
    """One simulated appliance.

    Subclasses build their whole state from the `World`, keep it in memory and answer through `app()`; they share no
    code with the clients. `credentials` are the keys that a `[targets.<kind>.<name>]` table needs beside host and port.

    `fault_names` declares the appliance-specific faults that `set_fault` knows: name and one line of description. A
    name of the wire's that is declared here is given to the simulator instead (for example a lost reply that knows
    JSON-RPC methods). `keepalive_timeout_s` is how long the appliance's web server keeps an idle connection.
    `records_arrivals` says that the simulator fills `state.arrivals` and `state.in_flight` itself (calls inside a
    WebSocket, for example); the rack then leaves them alone. `wire` is set while a rack runs the simulator.
    """

    kind: ClassVar[str]
    fault_names: ClassVar[Mapping[str, str]] = {}
    keepalive_timeout_s: ClassVar[float] = 75.0
    records_arrivals: ClassVar[bool] = False

    def __init__(self, world: World, clock: SimulatedClock, *, name: str, persona: str | None = None) -> None:
        self.world = world
        self.clock = clock
        self.name = name
        self.persona = persona
        self.state = SimulatorState()
        self.wire: Wire | None = None

    def changes(self, method: str, path: str) -> bool:
        """Whether such a request changes the appliance; for counting writes, whatever comes of it."""
        return method not in ("GET", "HEAD", "OPTIONS")

    @property
    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Configuration keys and values that log in to this simulator (for example token_id and token_secret)."""

    @abstractmethod
    def app(self) -> web.Application:
        """The aiohttp application that answers this appliance's API."""

    def accepts_connection(self) -> bool:
        """Asked for every new TCP connection: False leaves it without any answer, as a firewall's lock-out does."""
        return True

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch an appliance-specific fault on; LookupError when this appliance has no such fault.

        Faults of the wire (refuse, black-hole, reset, drip, 503, login page, TLS hang) are the rack's, not these.
        """
        raise LookupError(name)

    def clear_faults(self) -> None:  # noqa: B027 - an appliance without faults of its own has nothing to do here
        """Switch all appliance-specific faults off."""
