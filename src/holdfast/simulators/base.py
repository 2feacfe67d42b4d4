"""What every simulator is: one appliance, answering on the wire as the contract says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from aiohttp import web

from holdfast.simulators.world import World


@dataclass
class SimulatedClock:
    """The appliance's own clock: seconds since the epoch, settable and advanceable by tests.

    Simulated tasks, lock expiries and rates read it through `now()`; with `advance()` a test makes an hour pass.
    """

    base: Callable[[], float]
    offset_s: float = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as the appliance sees them."""
        return self.base() + self.offset_s

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self.offset_s += seconds


@dataclass
class Arrival:
    """One request that reached the simulator (after TLS), for tests that count what was really sent."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    authorised: bool


@dataclass
class SimulatorState:
    """What tests may look at and set on a running simulator."""

    arrivals: list[Arrival] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0


class Simulator(ABC):
    """One simulated appliance.

    Subclasses build their whole state from the `World`, keep it in memory and answer through `app()`; they share no
    code with the clients. `credentials` are the keys that a `[targets.<kind>.<name>]` table needs beside host and port.
    """

    kind: ClassVar[str]

    def __init__(self, world: World, clock: SimulatedClock, *, name: str, persona: str | None = None) -> None:
        self.world = world
        self.clock = clock
        self.name = name
        self.persona = persona
        self.state = SimulatorState()

    @property
    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Configuration keys and values that log in to this simulator (for example token_id and token_secret)."""

    @abstractmethod
    def app(self) -> web.Application:
        """The aiohttp application that answers this appliance's API."""

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch an appliance-specific fault on; LookupError when this appliance has no such fault.

        Faults of the wire (refuse, black-hole, reset, drip, 503, login page, TLS hang) are the rack's, not these.
        """
        raise LookupError(name)

    def clear_faults(self) -> None:
        """Switch all appliance-specific faults off."""
