"""A client that owes nothing to Holdfast: bytes over asyncio streams, read to whatever end they come."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from holdfast.simulators.rack import RunningSimulator

BRIEFLY_S = 0.15
"""How long a test waits before it takes silence for silence."""
PATIENTLY_S = 5.0
"""Bound of waits that are expected to end at once."""


@dataclass
class Ending:
    """What came over a connection until it ended, and how it did: `closed`, `reset` or `silent`."""

    data: bytes
    how: str

    @property
    def head(self) -> bytes:
        """Status line and headers."""
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """What followed the head."""
        return self.data.partition(b"\r\n\r\n")[2]


class Connection:
    """One connection to a simulator."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> None:
        """Send one HTTP/1.1 request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)

    async def until_the_end(self, patience_s: float = PATIENTLY_S) -> Ending:
        """Read until the peer closes, resets, or says nothing for so long."""
        data = b""
        while True:
            try:
                more = await asyncio.wait_for(self.reader.read(65536), patience_s)
            except TimeoutError:
                return Ending(data, "silent")
            except ConnectionResetError:
                return Ending(data, "reset")
            except ssl.SSLError:
                return Ending(data, "tls-error")
            if not more:
                return Ending(data, "closed")
            data += more

    async def answer(self) -> Ending:
        """Read one answer with a Content-Length."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENTLY_S)
        length = 0
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        return Ending(head + await asyncio.wait_for(self.reader.readexactly(length), PATIENTLY_S), "open")

    async def ask(self, method: str, path: str, body: bytes = b"") -> Ending:
        """One request, one answer."""
        self.send(method, path, body)
        return await self.answer()


@asynccontextmanager
async def connected(sim: RunningSimulator) -> AsyncIterator[Connection]:
    """A TLS connection that verifies the simulator's certificate."""
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection(sim.host, sim.port, ssl=sim.authority.client_context(), server_hostname="localhost"),
        PATIENTLY_S,
    )
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), PATIENTLY_S)


async def tcp_connects(sim: RunningSimulator, patience_s: float = PATIENTLY_S) -> str:
    """What a TCP connection attempt gives: `connected`, `refused` or `hangs`."""
    attempt = socket.socket()
    attempt.setblocking(False)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(attempt, (sim.host, sim.port)), patience_s)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "hangs"
    finally:
        attempt.close()
    return "connected"


async def settled(condition: Callable[[], bool], what: str) -> None:
    """Give the loop a bounded number of turns to bring something about; the test fails when it does not."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.002)
    pytest.fail(f"this never happened: {what}")
