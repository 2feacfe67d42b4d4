"""A request that may change something is asked about once more with its connection in hand, and nothing yet written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdfast.control.killswitch import KillSwitch
from holdfast.errors import Executed, KillSwitchError
from holdfast.transport import ConnectionPool, HttpTransport, JsonRpcSocket, Request, SendEvent, asked_before_sending
from holdfast.transport.lastlook import ask_before_sending
from tests.transport.peers import OK, Exchange, Peer, listening, peer, transport_to
from tests.transport.rpcpeer import Link, RpcPeer, Script, answer, echoing, rpc_peer

WRITES = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path / "state" / "KILL")


def engaging(switch: KillSwitch) -> Callable[[SendEvent], None]:
    """Engages the switch when a connection has been obtained: before the first byte."""

    def engage(_event: SendEvent) -> None:
        switch.engage(reason="fire", who="boss")

    return engage


def transport(server: Peer, pool: ConnectionPool, on_send: Callable[[SendEvent], None]) -> HttpTransport:
    return HttpTransport(server.url, pool=pool, on_send=on_send)


@asynccontextmanager
async def connected(script: Script) -> AsyncIterator[tuple[JsonRpcSocket, RpcPeer]]:
    async with rpc_peer(script) as server, ConnectionPool() as pool:
        socket = await JsonRpcSocket.connect(server.url, pool=pool)
        async with socket:
            yield socket, server


@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "a kept connection"])
@pytest.mark.parametrize("method", WRITES)
async def test_nothing_is_written_when_the_switch_is_engaged_between_connection_and_first_byte(
    method: str, used: bool, switch: KillSwitch
) -> None:
    async with peer(OK) as server, ConnectionPool() as pool:
        if used:
            await HttpTransport(server.url, pool=pool).send(Request("GET", "/first"))
        before = bytes(server.received)
        stopped = transport(server, pool, engaging(switch))
        with pytest.raises(KillSwitchError) as caught, asked_before_sending(switch.check):
            await stopped.send(Request(method, "/object", content=b"x" * 100))
        assert caught.value.executed is Executed.NO
        assert caught.value.message == "The kill switch is engaged by boss: fire. Nothing was executed."
        # Whoever comes next is served on another connection; the peer has read all of the refused one by then.
        reply = await HttpTransport(server.url, pool=pool).send(Request("GET", "/next"))
        assert reply.status == 200
        assert bytes(server.received).removeprefix(before).startswith(b"GET /next ")
        assert server.methods() == (["GET", "GET"] if used else ["GET"])
        assert server.connections == 2


@pytest.mark.parametrize("method", WRITES)
async def test_a_write_is_written_once_while_the_switch_is_not_engaged(method: str, switch: KillSwitch) -> None:
    asked: list[int] = []

    def question() -> None:
        asked.append(len(server.received))
        switch.check()

    async with peer(OK) as server, transport_to(server.url) as http:
        with asked_before_sending(question):
            assert (await http.send(Request(method, "/object", content=b"x" * 100))).status == 200
        assert server.methods() == [method]
        assert server.arrivals[0].body == b"x" * 100
        assert asked == [0]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_is_not_asked_about(method: str, switch: KillSwitch) -> None:
    switch.engage(reason="fire", who="boss")
    reply = OK if method == "GET" else OK[:-2]
    async with peer(reply) as server, transport_to(server.url) as http:
        with asked_before_sending(switch.check):
            assert (await http.send(Request(method, "/object"))).status == 200
        assert server.methods() == [method]


async def test_a_write_that_is_half_written_when_the_switch_is_engaged_is_written_to_its_end_once(
    switch: KillSwitch,
) -> None:
    """Half a request is worse than all of it: its outcome is known, and it is the next one that is stopped."""
    body = b"x" * 8_000_000  # more than the sockets between the two hold
    read: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = bytearray(await reader.readuntil(b"\r\n\r\n"))
        head = len(got)
        switch.engage(reason="fire", who="boss")
        while len(got) < head + len(body):
            data = await reader.read(65536)
            if not data:
                break
            got += data
        assert got[head:] == body
        read.append(len(got) - head)
        writer.write(OK)
        await writer.drain()

    async with listening(serve) as server, transport_to(server.url) as http:
        with asked_before_sending(switch.check):
            reply = await http.send(Request("PUT", "/object", content=body))
            assert reply.status == 200
            with pytest.raises(KillSwitchError):
                await http.send(Request("PUT", "/object", content=b"y", fresh_connection=True))
        assert read == [len(body)]


async def test_a_write_that_waits_for_its_answer_when_the_switch_is_engaged_has_its_answer_told(
    switch: KillSwitch,
) -> None:
    async def engage(exchange: Exchange) -> None:
        switch.engage(reason="fire", who="boss")
        await exchange.write(OK)

    async with peer(engage) as server, transport_to(server.url) as http:
        with asked_before_sending(switch.check):
            assert (await http.send(Request("POST", "/object"))).status == 200
            with pytest.raises(KillSwitchError):
                await http.send(Request("POST", "/object"))
        assert server.methods() == ["POST"]


async def test_a_call_on_an_open_socket_is_not_written_when_the_switch_is_engaged(switch: KillSwitch) -> None:
    async with connected(echoing) as (socket, server):
        with asked_before_sending(switch.check):
            assert await socket.call("pool.update", [1]) == [1]
            switch.engage(reason="fire", who="boss")
            with pytest.raises(KillSwitchError) as caught:
                await socket.call("pool.update", [2])
            assert caught.value.executed is Executed.NO
            assert await socket.call("pool.query", [3], safe=True) == [3]
        assert [call["params"] for call in server.calls] == [[1], [3]]
        assert (socket.pending, socket.closed) == (0, False)


async def test_a_call_that_waits_for_its_answer_when_the_switch_is_engaged_has_its_answer_told(
    switch: KillSwitch,
) -> None:
    async def engage(link: Link, _running: RpcPeer) -> None:
        call = await link.receive()
        switch.engage(reason="fire", who="boss")
        await link.write(answer(call["id"], "done"))
        await link.receive()

    async with connected(engage) as (socket, _):
        with asked_before_sending(switch.check):
            assert await socket.call("pool.update", [1]) == "done"


class Stop(Exception):
    """What a question raises here."""


def refuse() -> None:
    raise Stop


def test_nothing_is_asked_where_no_question_was_set() -> None:
    ask_before_sending()


def test_the_question_is_asked_within_the_block_and_not_after_it_however_it_is_left() -> None:
    with asked_before_sending(refuse), pytest.raises(Stop):
        ask_before_sending()
    ask_before_sending()
    with pytest.raises(Stop), asked_before_sending(refuse):
        ask_before_sending()
    ask_before_sending()


async def test_the_question_goes_with_the_tasks_of_its_block_and_with_no_other() -> None:
    begin = asyncio.Event()

    async def work() -> None:
        await begin.wait()
        ask_before_sending()

    other = asyncio.create_task(work())
    with asked_before_sending(refuse):
        own = asyncio.create_task(work())
    begin.set()
    await other
    with pytest.raises(Stop):
        await own


def test_a_question_within_another_is_asked_after_it_and_only_there() -> None:
    asked: list[str] = []
    with asked_before_sending(lambda: asked.append("outer")):
        with asked_before_sending(lambda: asked.append("inner")):
            ask_before_sending()
        assert asked == ["outer", "inner"]
        ask_before_sending()
    assert asked == ["outer", "inner", "outer"]


def test_a_question_within_another_that_is_refused_is_not_asked(switch: KillSwitch) -> None:
    asked: list[str] = []
    switch.engage(reason="fire", who="boss")
    with (
        pytest.raises(KillSwitchError),
        asked_before_sending(switch.check),
        asked_before_sending(lambda: asked.append("inner")),
    ):
        ask_before_sending()
    assert asked == []
