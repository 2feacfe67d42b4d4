"""A server over HTTP in the test's own loop, and raw requests to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from holdfast.config import ServerSettings
from holdfast.server.application import Application
from holdfast.server.guard import AllowedOrigins, HttpGuard, Verify, static_tokens
from holdfast.server.http import bound_socket, build_app, http_principal, uvicorn_config

TOKEN = "test-token-of-at-least-thirty-two-bytes-0123456789"


@dataclass(frozen=True)
class Served:
    """A running HTTP server."""

    port: int
    app: HttpGuard

    @property
    def url(self) -> str:
        """Where the MCP endpoint is."""
        return f"http://127.0.0.1:{self.port}/mcp"

    async def raw(self, head: str, body: bytes = b"") -> tuple[int, str]:
        """Send these bytes; status and text of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n" + body)
            await writer.drain()
            async with asyncio.timeout(10):
                answer = (await reader.read()).decode("latin-1")
        finally:
            writer.close()
        status = int(answer.split(" ", 2)[1]) if answer.startswith("HTTP/") else 0
        return status, answer

    async def get(
        self, path: str, *, host: str | None = None, headers: str = "", token: str | None = TOKEN
    ) -> tuple[int, str]:
        """A GET with these headers."""
        sent_host = f"127.0.0.1:{self.port}" if host is None else host
        authorisation = f"Authorization: Bearer {token}\n" if token else ""
        return await self.raw(f"GET {path} HTTP/1.1\nHost: {sent_host}\nConnection: close\n{authorisation}{headers}")


@asynccontextmanager
async def serving(
    application: Application, settings: ServerSettings | None = None, verify: Verify | None = None
) -> AsyncIterator[Served]:
    """Serve an application on a free port; `TOKEN` opens it unless `verify` says otherwise."""
    chosen = settings if settings is not None else ServerSettings(port=0)
    sock = bound_socket(chosen)
    app = build_app(
        application.mcp_server(http_principal),
        chosen,
        sock.getsockname()[1],
        verify=verify if verify is not None else static_tokens({"token": TOKEN}),
        metrics=application.metrics,
        ready=application.ready,
    )
    async with _serving(app, chosen, sock) as made:
        yield made


@asynccontextmanager
async def serving_app(app: ASGIApp, settings: ServerSettings) -> AsyncIterator[Served]:
    """Serve any ASGI application behind the guard on a free port; `TOKEN` opens it."""
    sock = bound_socket(settings)
    allowed = AllowedOrigins.of(settings, sock.getsockname()[1])
    guard = HttpGuard(app, allowed=allowed, verify=static_tokens({"token": TOKEN}))
    async with _serving(guard, settings, sock) as made:
        yield made


@asynccontextmanager
async def _serving(app: HttpGuard, settings: ServerSettings, sock: socket.socket) -> AsyncIterator[Served]:
    server = uvicorn.Server(uvicorn_config(app, settings))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older uvicorn
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        for _ in range(1000):
            if server.started:
                break
            await asyncio.sleep(0.01)
        yield Served(sock.getsockname()[1], app)
    finally:
        server.should_exit = True
        await task
        sock.close()
