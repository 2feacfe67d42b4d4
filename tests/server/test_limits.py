"""Limits of HTTP: headers, bodies, connections and time, each on a real socket."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from holdfast.config import ServerSettings
from holdfast.server.guard import AllowedOrigins, HttpGuard, static_tokens
from holdfast.server.http import bound_socket, serve_http
from tests.server.serving import TOKEN, Served, serving, serving_app
from tests.support.realtime import PATIENT_S, REAL_TIME
from tests.support.rooms import room

pytestmark = REAL_TIME

LIMIT_S = 0.3
ANSWER_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 256 * 1024
PAGE_BYTES = 48 * 1024


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`/work` answers late, `/large` with much, `/piece` and `/page` with less, `/body` when its body has come."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    if scope["path"] == "/work":
        await asyncio.sleep(3 * LIMIT_S)
    while scope["path"] == "/body" and (await receive()).get("more_body"):
        pass
    size = {"/large": ANSWER_BYTES, "/piece": PIECE_BYTES, "/page": PAGE_BYTES}.get(scope["path"], 2)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(size).encode()), (b"content-type", b"text/plain")],
        }
    )
    for sent in range(0, size, 1024 * 1024):
        rest = min(1024 * 1024, size - sent)
        await send({"type": "http.response.body", "body": b"x" * rest, "more_body": sent + rest < size})


@asynccontextmanager
async def limited(
    *, connections: int = 50, header_s: float = LIMIT_S, transfer_s: float = LIMIT_S
) -> AsyncIterator[Served]:
    settings = ServerSettings(port=0, header_timeout=header_s, transfer_timeout=transfer_s, max_connections=connections)
    async with serving_app(app, settings) as served:
        yield served


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader, self.writer, self.port = reader, writer, port

    def send(self, text: str) -> None:
        self.writer.write(text.replace("\n", "\r\n").encode())

    def ask(self, path: str = "/", *, method: str = "GET", more: str = "", token: str = TOKEN) -> None:
        head = f"{method} {path} HTTP/1.1\nHost: 127.0.0.1:{self.port}\nAuthorization: Bearer {token}\n{more}\n"
        self.send(head)

    async def answer(self) -> int:
        """Status of the next answer; 0 when the connection ends before it."""
        async with asyncio.timeout(PATIENT_S):
            try:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            except (asyncio.IncompleteReadError, ConnectionError):
                return 0
        length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), "x: 0")
        await self.reader.readexactly(int(length.partition(":")[2]))
        return int(head.split(" ", 2)[1])

    async def ended_after(self) -> float:
        """Seconds until the server ends the connection."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(PATIENT_S):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        return asyncio.get_running_loop().time() - began

    async def drip(self, text: str = "x") -> None:
        """Send a little for ever; ends with the connection, or a failure when it has gone on too long."""
        async with asyncio.timeout(PATIENT_S):
            while not self.reader.at_eof() and not self.writer.is_closing():
                self.send(text)
                await asyncio.sleep(0.02)
                if self.reader.exception() is not None:
                    return


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        yield Client(reader, writer, served.port)
    finally:
        writer.transport.abort()


async def test_headers_that_never_end_are_given_up_however_they_drip() -> None:
    async with limited() as served, connected(served) as silent, connected(served) as dripping:
        dripping.send("GET / HTTP/1.1\nX: ")
        await asyncio.gather(dripping.drip(), silent.ended_after())


async def test_headers_of_a_further_request_on_a_kept_connection_have_the_same_limit() -> None:
    async with limited() as served, connected(served) as client:
        for _ in range(2):
            client.ask()
            assert await client.answer() == 200
        client.send("GET / HTTP/1.1\nX: ")
        await client.drip()


async def test_a_body_that_never_ends_is_given_up_however_it_drips() -> None:
    async with limited(header_s=60) as served, connected(served) as client:
        client.ask("/body", method="POST", more="Content-Length: 100000\n")
        await client.drip()


async def test_a_request_that_is_answered_before_its_body_has_come_has_the_limit_of_the_body_as_well() -> None:
    async with limited(header_s=60) as served, connected(served) as client:
        client.ask("/", method="POST", more="Content-Length: 100000\n")
        assert await client.answer() == 200
        await client.drip()


async def test_a_body_in_pieces_that_is_complete_in_time_is_served_and_the_connection_kept() -> None:
    async with limited() as served, connected(served) as client:
        for _ in range(2):
            client.ask("/body", method="POST", more="Content-Length: 3\n")
            for piece in "abc":
                await asyncio.sleep(0.03)
                client.send(piece)
            assert await client.answer() == 200


async def test_a_complete_request_may_take_longer_than_every_limit() -> None:
    async with limited() as served, connected(served) as client:
        client.ask("/work")
        assert await client.answer() == 200


async def test_a_kept_connection_may_rest_longer_than_its_headers_may_take() -> None:
    async with limited() as served, connected(served) as client:
        for _ in range(2):
            client.ask()
            assert await client.answer() == 200
            await asyncio.sleep(2 * LIMIT_S)


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    async with limited() as served, connected(served) as client:
        client.ask("/work")
        client.ask("/")
        client.send("GET / HTTP/1.1\nX: ")
        assert [await client.answer(), await client.answer()] == [200, 200]
        await client.drip()


@asynccontextmanager
async def deaf(served: Served, *, buffer: int = 4096) -> AsyncIterator[socket.socket]:
    """A connection whose client takes in nothing by itself."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", served.port))
        yield made


async def ask(client: socket.socket, served: Served, path: str, more: str = "") -> None:
    head = f"GET {path} HTTP/1.1\nHost: 127.0.0.1:{served.port}\nAuthorization: Bearer {TOKEN}\n{more}\n"
    await asyncio.get_running_loop().sock_sendall(client, head.replace("\n", "\r\n").encode())


async def taken_from(client: socket.socket) -> int:
    """Take in all there is; how many bytes it was."""
    taken = 0
    async with asyncio.timeout(PATIENT_S):
        try:
            while piece := await asyncio.get_running_loop().sock_recv(client, 1024 * 1024):
                taken += len(piece)
        except ConnectionError:
            pass
    return taken


def transports(served: Served) -> list[asyncio.Transport]:
    """The server's sides of its connections that something still refers to."""
    gc.collect()
    # By their very class: others in this process may be what earlier tests left, and half taken apart.
    plain: list[asyncio.Transport] = [
        found for found in gc.get_objects() if type(found).__name__ == "_SelectorSocketTransport"
    ]
    return [found for found in plain if found.get_extra_info("sockname", ("", 0))[1] == served.port]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)


async def transport_of(served: Served) -> asyncio.Transport:
    """The server's side of its only connection."""
    await until(lambda: bool(transports(served)))
    return transports(served)[0]


async def held_up(served: Served) -> None:
    transport = await transport_of(served)
    await until(lambda: transport.get_write_buffer_size() > 0)


@pytest.mark.parametrize("more", ["", "Connection: close\n"])
async def test_an_answer_that_nobody_takes_in_is_given_up(more: str) -> None:
    async with limited() as served, deaf(served) as client:
        await ask(client, served, "/large", more)
        await asyncio.sleep(3 * LIMIT_S)
        assert await taken_from(client) < ANSWER_BYTES


async def test_a_last_answer_that_was_handed_on_whole_is_given_up_when_nobody_takes_it_in() -> None:
    async with limited() as served, deaf(served) as client:
        transport = await transport_of(served)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await ask(client, served, "/page", "Connection: close\n")
        await until(transport.is_closing)
        _, high = transport.get_write_buffer_limits()
        assert 0 < transport.get_write_buffer_size() < high
        await until(lambda: transport.get_write_buffer_size() == 0)


async def test_the_rest_of_a_last_answer_that_nobody_takes_in_is_given_up_as_well() -> None:
    async with limited(transfer_s=1) as served, deaf(served) as client:
        transport = await transport_of(served)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await ask(client, served, "/piece", "Connection: close\n")
        low, _ = transport.get_write_buffer_limits()
        while not transport.is_closing() or transport.get_write_buffer_size() > low:
            assert await asyncio.get_running_loop().sock_recv(client, 1024)
        assert transport.get_write_buffer_size() > 0
        await until(lambda: transport.get_write_buffer_size() == 0)


async def test_an_answer_that_is_taken_in_slowly_arrives_whole() -> None:
    async with limited() as served, connected(served) as client:
        client.ask("/large", more="Connection: close\n")
        taken = 0
        while piece := await client.reader.read(4 * 1024 * 1024):
            taken += len(piece)
        assert taken > ANSWER_BYTES


async def test_an_answer_may_take_longer_than_the_limit_while_it_is_taken_in() -> None:
    loop = asyncio.get_running_loop()
    async with limited() as served, deaf(served, buffer=1024 * 1024) as client:
        await ask(client, served, "/large")
        began, taken = loop.time(), 0
        async with asyncio.timeout(PATIENT_S):
            while taken < ANSWER_BYTES:
                until = taken + 2 * 1024 * 1024
                while taken < min(until, ANSWER_BYTES):
                    piece = await loop.sock_recv(client, 256 * 1024)
                    assert piece
                    taken += len(piece)
                await asyncio.sleep(LIMIT_S / 10)
        assert loop.time() - began > 2 * LIMIT_S


async def test_a_kept_connection_may_rest_after_a_long_answer_was_taken_in() -> None:
    async with limited() as served, connected(served) as client:
        for _ in range(2):
            client.ask("/large")
            assert await client.answer() == 200
            await asyncio.sleep(2 * LIMIT_S)


async def test_of_a_connection_that_ended_nothing_is_kept_while_its_limits_run() -> None:
    async with limited(header_s=60, transfer_s=60) as served:
        async with deaf(served) as client:
            await ask(client, served, "/large")
            await held_up(served)
        await until(lambda: not transports(served))


async def test_a_refused_request_ends_its_connection_whatever_of_it_is_still_to_come() -> None:
    async with limited(header_s=60) as served:
        for path, more, token, status in [
            ("/", "Content-Length: 100000\n", "wrong", 401),
            ("/", "Origin: https://evil.example\nContent-Length: 100000\n", TOKEN, 403),
            ("http://evil.example/", "", TOKEN, 400),
        ]:
            async with connected(served) as client:
                client.ask(path, method="POST", more=more, token=token)
                assert await client.answer() == status
                assert await client.ended_after() < 5


async def test_of_too_many_connections_those_go_first_that_have_kept_the_server_waiting_longest() -> None:
    async with (
        limited(connections=3, header_s=60) as served,
        connected(served) as working,
        connected(served) as kept,
        connected(served) as begun,
    ):
        kept.ask()
        assert await kept.answer() == 200
        begun.send("GET / HTTP/1.1\n")
        working.ask("/work")
        await asyncio.sleep(0.05)
        async with connected(served) as fourth:
            await begun.ended_after()
            fourth.ask()
            assert await fourth.answer() == 200
            async with connected(served) as fifth:
                await kept.ended_after()
                fifth.ask()
                assert await fifth.answer() == 200
        assert await working.answer() == 200


async def test_a_connection_that_has_ended_is_not_the_one_that_makes_room() -> None:
    async with limited(connections=1, header_s=60, transfer_s=60) as served:
        async with connected(served) as refused:
            refused.ask("/", method="POST", more="Content-Length: 9\n", token="wrong")
            assert await refused.answer() == 401
            await refused.ended_after()
        async with connected(served) as waiting, connected(served) as asking:
            await waiting.ended_after()
            asking.ask()
            assert await asking.answer() == 200


async def test_when_all_connections_work_no_further_one_is_served() -> None:
    async with limited(connections=2, header_s=60) as served:
        async with connected(served) as one, connected(served) as two:
            for client in (one, two):
                client.ask("/work")
            await asyncio.sleep(0.05)
            async with connected(served) as third:
                assert await third.ended_after() < 5
            assert [await one.answer(), await two.answer()] == [200, 200]
        async with connected(served) as later:
            later.ask()
            assert await later.answer() == 200


@pytest.mark.parametrize(("size", "status"), [(16_000, 200), (32_000, 200), (33_000, 431), (600_000, 400)])
async def test_headers_have_a_largest_size(size: int, status: int) -> None:
    async with limited() as served, connected(served) as client:
        client.ask(more=f"X-Long: {'x' * size}\n")
        assert await client.answer() == status


async def test_many_clients_that_never_finish_their_headers_hold_up_nobody() -> None:
    async with limited() as served:
        slow = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(200)]
        for _, writer in slow:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost:")
        status, _ = await served.get("/healthz")
        assert status == 200
        async with asyncio.timeout(PATIENT_S):
            ends = await asyncio.gather(*(reader.read() for reader, _ in slow), return_exceptions=True)
        assert len(ends) == 200
        for _, writer in slow:
            writer.close()


@pytest.mark.parametrize("framing", ["announced", "in chunks"])
async def test_a_body_over_the_limit_is_refused(tmp_path: Path, framing: str) -> None:
    size = 2 * 1024 * 1024
    async with room("proxmox", tmp_path) as pve, serving(pve.application) as served, connected(served) as client:
        more = "Content-Type: application/json\nAccept: application/json, text/event-stream\n"
        if framing == "announced":
            client.ask("/mcp", method="POST", more=f"{more}Content-Length: {size}\n")
        else:
            client.ask("/mcp", method="POST", more=f"{more}Transfer-Encoding: chunked\n")
            client.send(f"{size:x}\n{' ' * size}\n0\n\n")
        assert await client.answer() == 413


async def test_a_server_serves_until_it_is_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[uvicorn.Server] = []

    class Noted(uvicorn.Server):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            made.append(self)

    monkeypatch.setattr("holdfast.server.http.uvicorn.Server", Noted)
    settings = ServerSettings(port=0)
    with bound_socket(settings) as sock:
        port: int = sock.getsockname()[1]
        guard = HttpGuard(app, allowed=AllowedOrigins.of(settings, port), verify=static_tokens({"token": TOKEN}))
        task = asyncio.create_task(serve_http(guard, settings, sock))
        async with asyncio.timeout(20):
            for _ in range(1000):
                if made and made[0].started:
                    break
                await asyncio.sleep(0.01)
            assert (await Served(port, guard).get("/"))[0] == 200
            assert not task.done()
            made[0].should_exit = True
            await task
