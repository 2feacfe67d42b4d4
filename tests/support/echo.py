"""The smallest simulator: what the rack's own tests put on the wire."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from aiohttp import BodyPartReader, WSMsgType, web

from holdfast.simulators.base import SimulatedClock, Simulator, note_authorised
from holdfast.simulators.world import World, default_world


class EchoSimulator(Simulator):
    """Answers `/echo` with what was sent, `/size/N` with N bytes, `/ws` with an echoing WebSocket; counts writes."""

    kind = "echo"
    fault_names: ClassVar[dict[str, str]] = {"sulk": "Every answer of /echo is a 418."}

    def __init__(self, *, name: str = "echo", world: World | None = None, clock: SimulatedClock | None = None) -> None:
        super().__init__(world or default_world(), clock or SimulatedClock(lambda: 1_000_000.0), name=name)
        self.writes = 0
        self.sulking = False
        self.locked_out = False
        self.entered = asyncio.Event()

    @property
    def credentials(self) -> dict[str, str]:
        """A key that nobody checks but `/secret`."""
        return {"api_key": "echo-key"}

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(client_max_size=2**24)
        app.add_routes(
            [
                web.route("*", "/echo", self._echo),
                web.get("/size/{size}", self._size),
                web.get("/stream/{size}", self._stream),
                web.get("/secret", self._secret),
                web.get("/ws", self._socket),
                web.post("/upload", self._upload),
                web.delete("/echo/{rest:.*}", self._echo),
            ]
        )
        return app

    def accepts_connection(self) -> bool:
        """False while locked out."""
        return not self.locked_out

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """`sulk` is the only one."""
        if name != "sulk":
            raise LookupError(name)
        self.sulking = True

    def clear_faults(self) -> None:
        """No more sulking."""
        self.sulking = False

    async def _echo(self, request: web.Request) -> web.Response:
        self.entered.set()
        if request.method not in ("GET", "HEAD"):
            self.writes += 1
        if self.sulking:
            return web.Response(status=418)
        if request.method == "DELETE":
            return web.Response(status=204)
        return web.json_response({"method": request.method, "text": await request.text(), "writes": self.writes})

    async def _size(self, request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.match_info["size"]))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(int(request.match_info["size"]) // 100):
            await response.write(b"y" * 100)
        await response.write_eof()
        return response

    async def _secret(self, request: web.Request) -> web.Response:
        allowed = request.headers.get("X-Key") == "echo-key"
        note_authorised(request, allowed)
        return web.Response(status=200 if allowed else 403)

    async def _upload(self, request: web.Request) -> web.Response:
        total = 0
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            total += len(await part.read())
        return web.json_response({"bytes": total})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.writes += 1
                await socket.send_str(message.data)
        return socket
