"""A loopback relay that adds the bearer token, for a client that cannot send one. Everything else passes unchanged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_MAX_HEAD = 64 * 1024


@asynccontextmanager
async def relay(port: int, token: str) -> AsyncIterator[int]:
    """Relay to a port on 127.0.0.1; the relay's own port.

    Each connection carries one request, so that the head to be changed is always the first thing on it.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
            upstream_writer.write(_with_token(head, token, own_port, port))
            await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer, last=True))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_MAX_HEAD)
    own_port: int = server.sockets[0].getsockname()[1]
    async with server:
        yield own_port


def _with_token(head: bytes, token: str, own_port: int, port: int) -> bytes:
    lines = head[:-4].split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith((b"connection:", b"authorization:"))]
    # The relay stands for the server itself: its own port in Host and Origin is the server's.
    changed = [
        line.replace(b":%d" % own_port, b":%d" % port) if line.lower().startswith((b"host:", b"origin:")) else line
        for line in kept
    ]
    return b"\r\n".join([*changed, b"Connection: close", b"Authorization: Bearer " + token.encode()]) + b"\r\n\r\n"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, last: bool = False) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        if last:
            writer.close()
        elif writer.can_write_eof():
            writer.write_eof()
