"""The pfSense room over its simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from holdfast.simulators.pfsense.simulator import PfSenseSimulator
from tests.appliances.pfsense.requests import SEEN, problems
from tests.support.rooms import Room, room

Open = Callable[..., AbstractAsyncContextManager[Room]]
_TICK_S = 0.5


async def _tick(made: Room) -> None:
    """The appliance's clock goes on while a request waits for it: a hundred times as fast as ours."""
    while True:
        await asyncio.sleep(0.005)
        made.clock.advance(_TICK_S)


@asynccontextmanager
async def firewall(
    tmp_path: Path, *, account: str | None = None, ticking: bool = True, **options: object
) -> AsyncIterator[Room]:
    """A pfSense room. `account` takes another account's API key than that of the one who may do everything."""
    extra = str(options.pop("settings", ""))
    if account is not None:
        options["without"] = ("api_key",)
        world_key = await _key_of(account)
        extra += f'\napi_key = "{world_key}"'
    async with room("pfsense", tmp_path, settings=extra, **options) as made:  # type: ignore[arg-type]  # passed on
        ticker = asyncio.create_task(_tick(made)) if ticking else None
        try:
            yield made
            wrong = [text for arrival in made.arrivals for text in problems(arrival)]
            assert wrong == [], "requests that the vendor's tables do not know"
        finally:
            if ticker is not None:
                ticker.cancel()
                await asyncio.wait([ticker])


async def _key_of(account: str) -> str:
    """Keys depend on the simulator's name only."""
    from holdfast.simulators.base import SimulatedClock
    from holdfast.simulators.pfsense import create
    from holdfast.simulators.world import default_world

    return create(default_world(), SimulatedClock(lambda: 1_790_000_000.0), "pfsense").api_key(account)


def simulator(made: Room) -> PfSenseSimulator:
    """The simulator of a pfSense room."""
    assert isinstance(made.simulator, PfSenseSimulator)
    return made.simulator


@pytest.fixture
async def fw(tmp_path: Path) -> AsyncIterator[Room]:
    """The room as it is by default."""
    async with firewall(tmp_path) as made:
        yield made


@pytest.fixture
def open_firewall(tmp_path: Path) -> Open:
    """Opens rooms with options: `async with open_firewall(persona="2.7") as fw`."""

    def opened(**options: object) -> AbstractAsyncContextManager[Room]:
        return firewall(tmp_path, **options)  # type: ignore[arg-type]  # passed on

    return opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much of what was sent the vendor's tables were asked about: all of it."""
    if SEEN:
        told = f"pfSense room: {sum(SEEN.values())} requests to {len(SEEN)} operations, all held against the tables"
        terminalreporter.write_line(told)
