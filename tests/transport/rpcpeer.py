"""A WebSocket peer made of raw frames, so that it can break off anywhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.transport.peers import Peer, listening

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(
    payload: bytes, opcode: int = TEXT, *, final: bool = True, length: int | None = None, flags: int = 0
) -> bytes:
    """A frame from server to client; `length` may lie."""
    size = len(payload) if length is None else length
    first = (0x80 if final else 0) | flags | opcode
    if size < 126:
        return bytes([first, size]) + payload
    if size < 65536:
        return bytes([first, 126]) + struct.pack("!H", size) + payload
    return bytes([first, 127]) + struct.pack("!Q", size) + payload


def closing(code: int, reason: str = "") -> bytes:
    """A close frame."""
    return frame(struct.pack("!H", code) + reason.encode(), CLOSE)


def answer(key: object, result: object) -> bytes:
    """The frame that answers a call."""
    return frame(json.dumps({"jsonrpc": "2.0", "id": key, "result": result}).encode())


@dataclass
class Link:
    """One accepted socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes
    pings: int = 0
    pong: bool = True
    closed_with: int | None = None

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> dict[str, object]:
        """The next call; answers pings on the way.

        Raises:
            ConnectionError: The client closed the socket.
        """
        while True:
            opcode, payload = await self._frame()
            if opcode == TEXT:
                message = json.loads(payload)
                assert isinstance(message, dict)
                return message
            if opcode == PING:
                self.pings += 1
                if self.pong:
                    await self.write(frame(payload, PONG))
            if opcode == CLOSE:
                self.closed_with = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                await self.write(frame(payload, CLOSE))
                raise ConnectionResetError("closed by the client")

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4) if second & 0x80 else bytes(4)
        payload = await self.reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))

    def cut(self) -> None:
        """End the connection without a close frame."""
        self.writer.transport.abort()


@dataclass
class RpcPeer:
    """A running peer and the sockets it accepted."""

    peer: Peer
    links: list[Link] = field(default_factory=list)
    calls: list[dict[str, object]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.peer.url.replace("http", "ws") + "/api/current"


Script = Callable[[Link, RpcPeer], Awaitable[None]]


@asynccontextmanager
async def rpc_peer(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RpcPeer]:
    """Accepts sockets and runs `script` on each."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
        key = {name.lower(): value for name, value in fields.items()}["sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        link = Link(reader, writer, head)
        running.links.append(link)
        await script(link, running)

    async with listening(serve, tls=tls) as server:
        running = RpcPeer(server)
        yield running


async def echoing(link: Link, running: RpcPeer) -> None:
    """Answers every call with its params."""
    while True:
        call = await link.receive()
        running.calls.append(call)
        await link.write(answer(call["id"], call["params"]))
