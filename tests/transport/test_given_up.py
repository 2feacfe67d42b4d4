"""Requests that were given up: those at the appliance are listened to, what had not been sent is not sent any more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdfast.errors import AttemptTimeoutError
from holdfast.transport import ConnectionPool, GivenUp, HttpTransport, Part, Reply, Request
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, Exchange, listening, peer


class Late:
    """A peer that answers when it is let, and what was told of requests that were given up."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked = asyncio.Event()
        self.told: list[asyncio.Future[Reply | None]] = []

    async def __call__(self, exchange: Exchange) -> None:
        self.asked.set()
        await self.go.wait()
        await exchange.write(OK)

    def to(self, url: str, pool: ConnectionPool, *, listen_s: float = 5.0) -> HttpTransport:
        return HttpTransport(url, pool=pool, given_up=GivenUp(listen_s, self.told.append))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_was_given_up_is_over_when_it_is_answered(method: str) -> None:
    late = Late()
    async with peer(late) as server, ConnectionPool() as pool:
        call = asyncio.create_task(late.to(server.url, pool).send(Request(method, "/")))
        await late.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert pool.in_flight == 0
        assert [one.done() for one in late.told] == [False]
        late.go.set()
        await asyncio.wait_for(late.told[0], 5)
        assert server.methods() == [method]


@REAL_TIME
async def test_one_that_ran_out_of_time_says_so_at_once_and_is_listened_to_as_long_as_was_said() -> None:
    late = Late()
    async with peer(late) as server, ConnectionPool() as pool:
        with pytest.raises(AttemptTimeoutError, match=r"within 0\.1 s"):
            await late.to(server.url, pool, listen_s=0.1).send(Request("GET", "/", attempt_timeout_s=0.1))
        assert [one.done() for one in late.told] == [False]
        await asyncio.wait_for(late.told[0], 5)


async def test_what_was_given_up_before_it_was_sent_is_never_sent() -> None:
    connected = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()

    late = Late()
    async with listening(mute) as server, ConnectionPool() as pool:
        secure = f"https://127.0.0.1:{server.port}"
        call = asyncio.create_task(late.to(secure, pool).send(Request("POST", "/")))
        await connected.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert late.told == []


async def test_a_body_that_is_being_streamed_is_cut_off(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        begun.set()
        await asyncio.sleep(30)

    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    late = Late()
    async with listening(slow) as server, ConnectionPool() as pool:
        request = Request("POST", "/", multipart=[Part("file", image)])
        call = asyncio.create_task(late.to(server.url, pool).send(request))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert late.told == []


async def test_a_download_that_was_given_up_is_not_read_on_when_it_begins(tmp_path: Path) -> None:
    late = Late()
    async with peer(late) as server, ConnectionPool() as pool:
        call = asyncio.create_task(late.to(server.url, pool).download(Request("GET", "/"), tmp_path / "file"))
        await late.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        late.go.set()
        await asyncio.wait_for(late.told[0], 5)
        assert not any((tmp_path / name).exists() for name in ("file", "file.part"))
