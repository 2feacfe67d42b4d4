"""Plain sockets for tests that need a peer which is nobody's appliance."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


# Below the ports that Linux, and others, hand out for outgoing connections and port 0 (32768 and up): the connections
# of tests that run beside cannot take one between its choice and its use.
CHOSEN_PORTS = range(20_000, 32_000)


def free_port(*, following: int = 0) -> int:
    """A loopback port that nothing listens on now, nor on any of the `following` ports behind it."""
    for _ in range(100):
        first = secrets.choice(CHOSEN_PORTS)
        with contextlib.ExitStack() as finders, contextlib.suppress(OSError):
            for port in range(first, first + following + 1):
                finders.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise OSError(f"no {following + 1} free loopback ports in a row in {CHOSEN_PORTS}")


@dataclass
class RawServer:
    """A running raw server; `connections` counts what was accepted, `received` holds the bytes of each connection."""

    port: int
    connections: int = 0
    received: list[bytearray] = field(default_factory=list)


@asynccontextmanager
async def raw_server(answer: bytes | Handler, *, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """A TCP (or TLS) server that answers every connection the same way.

    With bytes: waits for the end of a request's head (a blank line), sends them and closes. With a coroutine function:
    calls it with reader and writer and closes afterwards; what it raises about the connection is ignored, anything
    else is raised when the server ends.
    """
    open_writers: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()
    failures: list[Exception] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        open_writers.add(writer)
        server.connections += 1
        received = bytearray()
        server.received.append(received)
        try:
            if isinstance(answer, bytes):
                while b"\r\n\r\n" not in received:
                    data = await reader.read(65536)
                    if not data:
                        return
                    received += data
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # noqa: BLE001 - raised in the test when the server ends
            failures.append(error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            open_writers.discard(writer)
            tasks.discard(task)

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=ssl_context)
    server = RawServer(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()
        for writer in tuple(open_writers):
            writer.transport.abort()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks), timeout=5)
        await listener.wait_closed()
    if failures:
        raise failures[0]
