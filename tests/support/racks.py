"""Simulators on loopback sockets, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from holdfast.simulators.base import SimulatedClock, Simulator
from holdfast.simulators.rack import Authority, Rack, RunningSimulator
from holdfast.simulators.world import World

T = TypeVar("T")

_authorities: list[Authority] = []


def shared_authority() -> Authority:
    """One CA for all racks of a test process: making keys anew for each test would take most of its time."""
    if not _authorities:
        _authorities.append(Authority())
    return _authorities[0]


@asynccontextmanager
async def running_rack(
    *members: str | Simulator, world: World | None = None, clock: SimulatedClock | None = None
) -> AsyncIterator[Rack]:
    """Several simulators: `async with running_rack("pfsense", "idrac*2") as rack: rack["idrac2"].url`."""
    async with Rack(*members, world=world, clock=clock, authority=shared_authority()) as rack:
        yield rack


@asynccontextmanager
async def running(
    kind: str | Simulator,
    *,
    persona: str | None = None,
    world: World | None = None,
    clock: SimulatedClock | None = None,
) -> AsyncIterator[RunningSimulator]:
    """One simulator: `async with running("pfsense") as sim: sim.port, sim.credentials, sim.state, sim.fault(…)`."""
    async with Rack(world=world, clock=clock, authority=shared_authority()) as rack:
        if isinstance(kind, Simulator):
            yield await rack.add_simulator(kind)
        else:
            yield await rack.add(kind, persona=persona)


class ThreadedSimulator:
    """A simulator whose event loop runs in another thread, for tests of blocking clients."""

    def __init__(self, simulator: RunningSimulator, loop: asyncio.AbstractEventLoop) -> None:
        self.running = simulator
        self._loop = loop

    def do(self, action: Callable[[RunningSimulator], T]) -> T:
        """Run something with the simulator in its own thread, for example `sim.do(lambda s: s.fault("refuse"))`."""

        async def act() -> T:
            return action(self.running)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(timeout=10)


@contextmanager
def running_in_thread(
    kind: str | Simulator, *, persona: str | None = None, world: World | None = None
) -> Iterator[ThreadedSimulator]:
    """One simulator for blocking clients: `with running_in_thread("proxmox") as sim: sim.running.port`."""
    ready: list[ThreadedSimulator] = []
    started = threading.Event()
    stop: list[asyncio.Event] = []
    failure: list[BaseException] = []

    async def serve() -> None:
        async with running(kind, persona=persona, world=world) as simulator:
            stop.append(asyncio.Event())
            ready.append(ThreadedSimulator(simulator, asyncio.get_running_loop()))
            started.set()
            await stop[0].wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except Exception as error:  # noqa: BLE001 - handed to the test's thread below
            failure.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="simulator", daemon=True)
    thread.start()
    started.wait()
    if failure:
        thread.join()
        raise failure[0]
    simulator = ready[0]
    try:
        yield simulator
    finally:
        simulator.do(lambda _simulator: stop[0].set())
        thread.join()
    if failure:
        raise failure[0]
