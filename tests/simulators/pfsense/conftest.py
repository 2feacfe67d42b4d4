"""Simulators behind real loopback sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.pfsense import create
from holdfast.simulators.world import default_world
from tests.simulators.pfsense.caller import Caller

START = 1_790_000_000.0
Start = Callable[..., Awaitable[Caller]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start simulators: `await start(persona="2.7")`; all end with the test."""
    async with AsyncExitStack() as stack:

        async def begin(persona: str | None = None, name: str = "gate") -> Caller:
            now = [START]
            simulator = create(default_world(), SimulatedClock(lambda: now[0]), name, persona)
            runner = web.AppRunner(simulator.app(), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Caller(simulator, session, f"http://{host}:{port}")

        yield begin


@pytest.fixture
async def fw(start: Start) -> Caller:
    """A simulator of the newest version."""
    return await start()
