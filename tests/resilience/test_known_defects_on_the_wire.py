"""Defects of other libraries that show only over a wire, turned round; with a real loopback server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web

from holdfast.resilience import Operation
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import MakeExecutor

READ = Operation("read", retry_safe=True)
WRITE = Operation("write")


class Server:
    """A loopback server that counts what was executed."""

    def __init__(self) -> None:
        self.executed = 0
        self.url = ""
        self.answer_503 = 0
        self.retry_after = "5"

    async def lose(self, request: web.Request) -> web.StreamResponse:
        """Executes, then hangs up instead of answering."""
        self.executed += 1
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def hang(self, request: web.Request) -> web.StreamResponse:
        """Executes and never answers in time."""
        self.executed += 1
        await asyncio.sleep(30)
        return web.Response()

    async def busy(self, request: web.Request) -> web.StreamResponse:
        """Answers 503 with Retry-After as often as told."""
        self.executed += 1
        if self.executed <= self.answer_503:
            return web.Response(status=503, headers={"Retry-After": self.retry_after})
        return web.json_response({"ok": True})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    state = Server()
    app = web.Application()
    app.router.add_route("*", "/lose", state.lose)
    app.router.add_route("*", "/hang", state.hang)
    app.router.add_route("*", "/busy", state.busy)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    state.url = f"http://127.0.0.1:{port}"
    yield state
    await runner.cleanup()


class TestOverAWire:
    async def ask(self, method: str, url: str, total: float = 10.0) -> object:
        timeout = aiohttp.ClientTimeout(total=total)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, raise_for_status=True) as answer,
        ):
            return json.loads(await answer.text())

    async def test_d07_a_write_whose_answer_was_lost_is_executed_once(self, server: Server, make: MakeExecutor) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await make().run(WRITE, lambda: self.ask("POST", f"{server.url}/lose"))
        assert server.executed == 1

    async def test_d07_a_read_whose_answer_was_lost_is_asked_again(self, server: Server, make: MakeExecutor) -> None:
        with pytest.raises(aiohttp.ClientError):
            await make().run(READ, lambda: self.ask("POST", f"{server.url}/lose"))
        assert server.executed == 3

    async def test_d10_a_total_timeout_is_repeated_and_has_a_text(
        self, server: Server, make: MakeExecutor, heard: Recorder
    ) -> None:
        with pytest.raises(TimeoutError):
            await make().run(READ, lambda: self.ask("GET", f"{server.url}/hang", total=0.05))
        assert server.executed == 3
        assert heard.messages[0] == "Retry attempt 1/3 failed: TimeoutError, retrying in 1s..."

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_d10_and_d26_a_503_with_retry_after_is_repeated_after_that_time(
        self, server: Server, make: MakeExecutor, clock: ManualClock, form: str
    ) -> None:
        server.answer_503 = 1
        if form == "date":
            server.retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=6), usegmt=True)
        assert await make().run(READ, lambda: self.ask("GET", f"{server.url}/busy")) == {"ok": True}
        assert server.executed == 2
        assert 4 < clock.sleeps[0] <= 6

    async def test_d26_a_refused_connection_is_repeated_even_for_a_write(
        self, server: Server, make: MakeExecutor, clock: ManualClock
    ) -> None:
        with pytest.raises(aiohttp.ClientConnectorError):
            await make().run(WRITE, lambda: self.ask("POST", "http://127.0.0.1:9/"))
        assert clock.sleeps == [1, 2]

    async def test_d26_a_write_is_not_repeated_on_a_503(self, server: Server, make: MakeExecutor) -> None:
        server.answer_503 = 9
        with pytest.raises(aiohttp.ClientResponseError):
            await make().run(WRITE, lambda: self.ask("POST", f"{server.url}/busy"))
        assert server.executed == 1
