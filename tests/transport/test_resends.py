"""How often a request arrives at a socket. aiohttp by itself delivers a PUT or DELETE twice."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import Executed, LostReplyError
from holdfast.transport import HttpTransport, Reply, Request, SendEvent, path
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, Exchange, Peer, peer, transport_to

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
WRITES = ["POST", "PUT", "PATCH", "DELETE"]


async def _answer_then_die(exchange: Exchange) -> None:
    """Answers /first, and drops the connection when anything else arrives."""
    if " /first " in exchange.line:
        await exchange.write(OK)
    else:
        exchange.reset()


async def _die(exchange: Exchange) -> None:
    exchange.writer.close()


def _counted(server: Peer) -> list[str]:
    return [line for line in (exchange.line for exchange in server.arrivals) if " /first " not in line]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("method", WRITES)
async def test_a_write_on_a_connection_that_dies_arrives_once_and_its_outcome_is_unknown(
    method: str, fresh: bool
) -> None:
    async with peer(_answer_then_die) as server, transport_to(server.url) as http:
        await http.send(Request("GET", "/first"))
        with pytest.raises(LostReplyError) as caught:
            await http.send(Request(method, "/object", fresh_connection=fresh))
        assert len(_counted(server)) == 1
        assert caught.value.executed is Executed.UNKNOWN
        assert server.connections == (2 if fresh else 1)


@pytest.mark.parametrize("method", WRITES)
async def test_a_write_on_a_kept_connection_closed_meanwhile_arrives_at_most_once(method: str) -> None:
    async def close_after_first(exchange: Exchange) -> None:
        await exchange.write(OK)
        exchange.writer.close()  # the client may or may not have noticed when it sends again

    async with peer(close_after_first) as server, transport_to(server.url) as http:
        await http.send(Request("GET", "/first"))
        (outcome,) = await asyncio.gather(http.send(Request(method, "/object")), return_exceptions=True)
        if not isinstance(outcome, Reply):
            assert isinstance(outcome, LostReplyError)
            assert outcome.executed is Executed.UNKNOWN
        assert len(_counted(server)) <= 1
        assert http.requests_sent == 2


async def test_a_write_with_a_fresh_connection_does_not_meet_the_one_that_is_just_closing() -> None:
    async with peer(_answer_then_die) as server, transport_to(server.url) as http:
        await http.send(Request("GET", "/first"))
        reply = await http.send(Request("DELETE", "/first", fresh_connection=True))
        assert reply.status == 200
        assert [exchange.connection for exchange in server.arrivals] == [1, 2]


async def test_the_connection_of_a_fresh_request_is_not_kept() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        await http.send(Request("PUT", "/a", fresh_connection=True))
        await http.send(Request("GET", "/b"))
        assert [exchange.connection for exchange in server.arrivals] == [1, 2]
        assert server.arrivals[0].headers["connection"] == "close"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_that_meets_a_dead_kept_connection_is_sent_once_more_and_both_sends_are_counted(
    method: str,
) -> None:
    async def second_connection_lives(exchange: Exchange) -> None:
        if exchange.connection == 1 and " /first " not in exchange.line:
            exchange.reset()
        else:
            await exchange.write(OK if exchange.line.startswith("GET") else OK[:-2])

    events: list[SendEvent] = []
    async with peer(second_connection_lives) as server, transport_to(server.url, on_send=events.append) as http:
        await http.send(Request("GET", "/first"))
        reply = await http.send(Request(method, "/object"))
        assert reply.sends == 2
        assert len(_counted(server)) == 2
        assert [(event.label, event.number, event.reused) for event in events] == [
            ("GET /first", 1, False),
            (f"{method} /object", 1, True),
            (f"{method} /object", 2, False),
        ]


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_whose_first_connection_dies_is_not_sent_again(method: str) -> None:
    async with peer(_die) as server, transport_to(server.url) as http:
        with pytest.raises(LostReplyError):
            await http.send(Request(method, "/object"))
        assert server.methods() == [method]
        assert http.requests_sent == 1


async def test_a_read_is_sent_at_most_twice_however_many_kept_connections_are_dead() -> None:
    gate = asyncio.Event()
    waiting = 0

    async def answer_all_together(exchange: Exchange) -> None:
        nonlocal waiting
        if " /first " not in exchange.line:
            exchange.reset()
            return
        waiting += 1
        if waiting == 5:
            gate.set()
        await gate.wait()
        await exchange.write(OK)

    async with peer(answer_all_together) as server, transport_to(server.url) as http:
        await asyncio.gather(*(http.send(Request("GET", "/first")) for _ in range(5)))
        assert server.connections == 5
        with pytest.raises(LostReplyError) as caught:
            await http.send(Request("GET", "/object"))
        assert len(_counted(server)) == 2
        assert caught.value.details["sends"] == 2
        assert caught.value.executed is Executed.NO


@REAL_TIME
async def test_an_idle_connection_is_kept_only_as_long_as_the_target_says() -> None:
    async with peer(OK) as server:
        async with transport_to(server.url, keepalive_s=0.02) as http:
            await http.send(Request("GET", "/a"))
            await asyncio.sleep(0.05)
            await http.send(Request("GET", "/b"))
        async with transport_to(server.url, keepalive_s=30) as http:
            await http.send(Request("GET", "/c"))
            await http.send(Request("GET", "/d"))
        assert [exchange.connection for exchange in server.arrivals] == [1, 2, 3, 3]


async def test_a_streamed_upload_on_a_connection_that_dies_arrives_once() -> None:
    body = b"x" * 600_000
    async with peer(_die) as server, transport_to(server.url) as http:
        with pytest.raises(LostReplyError):
            await http.send(Request("PUT", path("file"), content=body))
        assert server.methods() == ["PUT"]
        assert server.arrivals[0].body == body


async def test_the_transport_tells_how_often_it_sent() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        assert isinstance(http, HttpTransport)
        for _ in range(3):
            await http.send(Request("POST", "/x", json={}))
        assert http.requests_sent == len(server.arrivals) == 3
