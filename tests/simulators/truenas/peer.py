"""A JSON-RPC peer for tests: speaks frames over a real socket and knows nothing else."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.truenas import TrueNASSimulator, create
from holdfast.simulators.world import default_world
from tests.support.racks import running

PATIENCE_S = 10.0
START = 1_795_000_000.0


class RpcError(Exception):
    """The `error` member of an answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']} {error['message']} {error.get('data', {}).get('reason', '')}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error.get("data", {})

    @property
    def errno(self) -> int:
        """`data.error`"""
        return int(self.data["error"])


class Peer:
    """One socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._answers: dict[Any, dict[str, Any]] = {}

    async def send(self, method: str, *params: Any, **more: Any) -> Any:
        """Send a call; its id."""
        number = more.pop("id", f"t-{next(self._ids)}")
        await self.socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": list(params), **more})
        return number

    async def frame(self) -> dict[str, Any]:
        """The next frame, whatever it is; ConnectionError when the socket closes instead."""
        message = await asyncio.wait_for(self.socket.receive(), PATIENCE_S)
        if message.type is not aiohttp.WSMsgType.TEXT:
            code = message.data if message.type is aiohttp.WSMsgType.CLOSE else self.socket.close_code
            self.let_go()
            raise ConnectionError(f"{message.type.name} {code}")
        found: dict[str, Any] = json.loads(message.data)
        return found

    def let_go(self) -> None:
        """Release the connection, which aiohttp keeps (and complains about) when the other side has dropped it."""
        self.socket._response.close()

    async def answer(self, number: Any) -> dict[str, Any]:
        """The answer to a call; notifications on the way are kept in `events`."""
        while number not in self._answers:
            frame = await self.frame()
            if "method" in frame:
                self.events.append(frame)
            else:
                self._answers[frame["id"]] = frame
        return self._answers.pop(number)

    async def call(self, method: str, *params: Any) -> Any:
        """Call and return the result. RpcError when the answer is an error."""
        answer = await self.answer(await self.send(method, *params))
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    async def refused(self, method: str, *params: Any) -> RpcError:
        """Call something that must fail; the error."""
        try:
            result = await self.call(method, *params)
        except RpcError as error:
            return error
        raise AssertionError(f"{method} answered {result!r}")

    async def job(self, method: str, *params: Any) -> dict[str, Any]:
        """Call a job method and follow the job to its end; the job object."""
        return await self.wait_job(await self.call(method, *params))

    async def wait_job(self, number: int) -> dict[str, Any]:
        """Follow a job to its end, at most a thousand looks."""
        for _ in range(1000):
            rows = await self.call("core.get_jobs", [["id", "=", number]], {"extra": {"raw_result": True}})
            if rows and rows[0]["state"] in ("SUCCESS", "FAILED", "ABORTED"):
                found: dict[str, Any] = rows[0]
                return found
            await asyncio.sleep(0.005)
        raise AssertionError(f"job {number} did not end")

    async def done(self, method: str, *params: Any) -> Any:
        """The result of a job that must succeed."""
        row = await self.job(method, *params)
        assert row["state"] == "SUCCESS", row["error"]
        return row["result"]

    async def event(self, collection: str, msg: str | None = None) -> dict[str, Any]:
        """The next notification of a collection."""
        for _ in range(1000):
            for frame in self.events:
                params = frame["params"]
                if params.get("collection") == collection and (msg is None or params.get("msg") == msg):
                    self.events.remove(frame)
                    found: dict[str, Any] = params
                    return found
            self.events.append(await self.frame())
        raise AssertionError("no such event")


class Stand:
    """A simulator listening on loopback, and peers of it."""

    def __init__(
        self, simulator: TrueNASSimulator, clock: SimulatedClock, url: str, http: aiohttp.ClientSession
    ) -> None:
        self.simulator = simulator
        self.clock = clock
        self.url = url
        self.http = http
        self.peers: list[Peer] = []
        self.box = simulator.box

    async def connect(self, path: str = "/api/current") -> Peer:
        """A socket without login."""
        socket = await self.http.ws_connect(
            self.url + path, max_msg_size=0, autoping=True, timeout=aiohttp.ClientWSTimeout(ws_close=1)
        )
        peer = Peer(socket)
        self.peers.append(peer)
        return peer

    async def login(
        self, path: str = "/api/current", *, username: str | None = None, api_key: str | None = None
    ) -> Peer:
        """A logged-in socket, as the service account unless told otherwise."""
        peer = await self.connect(path)
        credentials = self.simulator.credentials
        answer = await peer.call(
            "auth.login_ex",
            {
                "mechanism": "API_KEY_PLAIN",
                "username": username or credentials["username"],
                "api_key": api_key or credentials["api_key"],
            },
        )
        assert answer["response_type"] == "SUCCESS", answer
        return peer

    def let_go(self) -> None:
        """Release all connections."""
        for peer in self.peers:
            peer.let_go()


@asynccontextmanager
async def standing(persona: str | None = None, *, secure: bool = True) -> AsyncIterator[Stand]:
    """A simulator of this release, on TLS unless told otherwise, with a clock that moves with real time."""
    clock = SimulatedClock(asyncio.get_running_loop().time, skips=True)
    clock.offset_s = START - clock.now()
    simulator = create(default_world(), clock, "truenas", persona)
    if secure:
        async with (
            running(simulator, clock=clock) as listening,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http,
        ):
            stand = Stand(simulator, clock, listening.url, http)
            yield stand
            assert not simulator.box.crashes
            stand.let_go()
            return
    runner = web.AppRunner(simulator.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as http:
            stand = Stand(simulator, clock, f"http://127.0.0.1:{port}", http)
            yield stand
            assert not simulator.box.crashes
            stand.let_go()
    finally:
        await runner.cleanup()
