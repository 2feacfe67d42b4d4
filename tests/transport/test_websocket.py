"""The pipe under JSON-RPC: opened by the settings of its target, through a proxy that learns nothing but its own."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from holdfast.errors import (
    AuthenticationError,
    ConfigError,
    HoldfastError,
    InputError,
    LimitError,
    LostReplyError,
    NotSentError,
    ProtocolError,
    RedirectError,
)
from holdfast.transport import ConnectionPool, JsonRpcSocket, Limits, Origin, TlsSettings
from holdfast.transport.websocket import WebSocketWire, open_wire
from holdfast.transport.wire import WireClosed
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, SECRET, ca_file, identity, listening, peer
from tests.transport.rpcpeer import BINARY, CLOSE, Link, RpcPeer, Script, closing, echoing, frame, rpc_peer

KEY = {"X-API-Key": SECRET}


async def opened(url: str, pool: ConnectionPool, **options: object) -> JsonRpcSocket:
    return await JsonRpcSocket.connect(url, pool=pool, headers=KEY, **options)  # type: ignore[arg-type]  # passed on


@pytest.mark.parametrize("rest", ["", "/", "/api/current", "/api?x=1"])
async def test_a_socket_is_opened_at_the_path_of_its_url(rest: str) -> None:
    async with rpc_peer(echoing) as server, ConnectionPool() as pool:
        socket = await opened(server.url.removesuffix("/") + rest if rest else server.url, pool)
        assert await socket.call("m", ["x"]) == ["x"]
        await socket.close()


async def test_a_field_or_a_path_that_could_forge_another_is_refused_before_anything_is_sent() -> None:
    async with peer(OK) as server, ConnectionPool() as pool:
        url = server.url.replace("http", "ws")
        with pytest.raises(InputError):
            await JsonRpcSocket.connect(url, pool=pool, headers={"X-A": "b\r\nX-Evil: 1"})
        with pytest.raises(ConfigError, match="The path of the socket's URL"):
            await JsonRpcSocket.connect(url + "/a/../b", pool=pool)
        assert not server.connections


async def test_settings_of_certificates_are_no_matter_to_a_plain_socket(tmp_path: Path) -> None:
    settings = TlsSettings(ca_file=tmp_path / "gone.pem", server_name="elsewhere.example")
    async with rpc_peer(echoing) as server, ConnectionPool() as pool:
        socket = await opened(server.url, pool, tls=settings)
        assert await socket.call("m", ["x"]) == ["x"]
        await socket.close()


async def test_another_name_may_be_expected_in_the_certificate_of_a_socket() -> None:
    async with rpc_peer(echoing, tls=identity("wrong_name").server) as server, ConnectionPool() as pool:
        settings = TlsSettings(ca_file=ca_file(), server_name="elsewhere.example")
        socket = await opened(server.url, pool, tls=settings)
        assert await socket.call("m", ["x"]) == ["x"]
        await socket.close()
        with pytest.raises(HoldfastError):
            await opened(server.url, pool, tls=TlsSettings(ca_file=ca_file()))


async def test_a_closed_pool_opens_no_socket() -> None:
    async with rpc_peer(echoing) as server:
        pool = ConnectionPool()
        await pool.close()
        with pytest.raises(NotSentError, match="shutting down; nothing was sent"):
            await opened(server.url, pool)
        assert not server.links


async def test_an_opening_that_failed_leaves_nothing_behind() -> None:
    async with peer(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n") as server, ConnectionPool() as pool:
        with pytest.raises(HoldfastError):
            await opened(server.url.replace("http", "ws"), pool)
        gc.collect()  # a session that was left open would complain


async def test_an_opening_that_is_given_up_ends_as_that() -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await reader.read()

    async with listening(silent) as server, ConnectionPool() as pool:
        opening = asyncio.create_task(opened(f"ws://127.0.0.1:{server.port}", pool))
        await asyncio.wait_for(asked.wait(), 5)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("secure", [True, False])
async def test_a_proxy_gets_its_own_credential_and_the_appliance_does_not(secure: bool) -> None:
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        there, back = await asyncio.open_connection("127.0.0.1", Origin.parse(server.url, ("ws", "wss"))[0].port)
        if secure:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            back.write(head)
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer), return_exceptions=True)
        finally:
            back.transport.abort()
            await asyncio.sleep(0)

    tls = identity().server if secure else None
    async with rpc_peer(echoing, tls=tls) as server, listening(proxy) as middle, ConnectionPool() as pool:
        settings = TlsSettings(ca_file=ca_file()) if secure else None
        socket = await opened(server.url, pool, tls=settings, proxy=f"http://user:p%40ss@127.0.0.1:{middle.port}")
        assert await socket.call("m", ["x"]) == ["x"]
        await socket.close()
        inner = server.links[0].head
    assert len(heads) == 1
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in heads[0]
    assert (SECRET.encode() in heads[0]) is not secure
    assert SECRET.encode() in inner
    if secure:
        assert b"proxy-authorization" not in inner.lower()


async def test_the_certificate_of_a_socket_is_that_of_its_peer_and_a_plain_one_has_none() -> None:
    async with ConnectionPool() as pool:
        async with rpc_peer(echoing, tls=identity().server) as server:
            socket = await opened(server.url, pool, tls=TlsSettings(ca_file=ca_file()))
            assert socket.peer_certificate is not None
            assert hashlib.sha256(socket.peer_certificate).hexdigest() == identity().sha256
            await socket.close()
        async with rpc_peer(echoing) as server:
            socket = await opened(server.url, pool)
            assert socket.peer_certificate is None
            await socket.close()


# -- the pipe itself ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def piped(script: Script, **options: object) -> AsyncIterator[WebSocketWire]:
    """A pipe to a peer that does this."""
    async with rpc_peer(script) as server, ConnectionPool() as pool:
        wire = await wire_to(server.url, pool, **options)
        try:
            yield wire
        finally:
            await wire.close(1000)


async def wire_to(url: str, pool: ConnectionPool, **options: object) -> WebSocketWire:
    settings: dict[str, object] = {
        "tls": TlsSettings(),
        "limits": Limits(),
        "headers": {},
        "proxy": None,
        "target": "truenas.nas",
        "open_timeout_s": 5,
        "connect_timeout_s": 5,
        "ping_interval_s": 20,
    }
    return await open_wire(url, pool=pool, **(settings | options))  # type: ignore[arg-type]  # as `open_wire` takes them


def sends(*frames: bytes, cut: bool = False) -> Script:
    async def script(link: Link, _server: RpcPeer) -> None:
        for one in frames:
            await link.write(one)
        if cut:
            link.cut()
        await link.reader.read()

    return script


async def ended(wire: WebSocketWire) -> WireClosed:
    with pytest.raises(WireClosed) as caught:
        await asyncio.wait_for(wire.receive(), 5)
    return caught.value


@pytest.mark.parametrize(
    ("frames", "code", "reason"),
    [
        ([closing(1001, "going away")], 1001, "going away"),
        ([closing(4000)], 4000, ""),
        ([frame(b"", CLOSE)], 1005, ""),
    ],
)
async def test_the_end_is_told_with_its_code_and_told_again(frames: list[bytes], code: int, reason: str) -> None:
    async with piped(sends(frame(b"text"), *frames)) as wire:
        assert await wire.receive() == "text"
        first = await ended(wire)
        assert (first.code, first.reason, first.error) == (code, reason, None)
        again = await ended(wire)
        assert again.error is None
        if code != 1005:
            assert again.code == code
        with pytest.raises(WireClosed) as caught:
            await wire.send("{}")
        assert caught.value.before_sending
        if code != 1005:
            assert caught.value.code == code


@REAL_TIME
async def test_a_pipe_that_was_cut_knows_before_it_writes_that_nothing_was_written() -> None:
    async with piped(sends(cut=True)) as wire:
        for _ in range(500):
            if wire._socket.get_extra_info("socket") is None:
                break
            await asyncio.sleep(0.01)
        with pytest.raises(WireClosed) as caught:
            await wire.send("{}")
        assert (caught.value.code, caught.value.before_sending) == (1006, True)
        end = await ended(wire)
        assert (end.code, end.error) == (1006, None)


async def test_what_cannot_be_written_any_more_may_have_been_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async def closing_now(text: str) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async with piped(sends()) as wire:
        monkeypatch.setattr(wire._socket, "send_str", closing_now)
        with pytest.raises(WireClosed) as caught:
            await wire.send("{}")
    assert (caught.value.code, caught.value.before_sending) == (1006, False)


@pytest.mark.parametrize(
    ("sent", "code", "error", "told"),
    [
        (frame(b"\x00", BINARY), 1003, ProtocolError, "sent a binary message where text was expected"),
        (frame(b"x" * 101), 1009, LimitError, "sent a message over the size limit"),
        (frame(b"x", 3), 1002, ProtocolError, "broke the WebSocket protocol"),
        (frame(b"\xff"), 1007, ProtocolError, "broke the WebSocket protocol"),
    ],
)
async def test_what_is_no_message_ends_the_pipe_with_the_reason(
    sent: bytes, code: int, error: type[HoldfastError], told: str
) -> None:
    async with piped(sends(frame(b"x" * 100), sent), limits=Limits(wire_bytes=100)) as wire:
        assert await wire.receive() == "x" * 100
        end = await ended(wire)
    assert end.code == code
    assert type(end.error) is error
    assert told in str(end.error)
    assert end.error is not None
    assert end.error.target == "truenas.nas"


async def test_a_peer_that_answers_no_ping_is_told_as_that() -> None:
    async def deaf(link: Link, _server: RpcPeer) -> None:
        await link.reader.read()
        await asyncio.Event().wait()

    async with piped(deaf, ping_interval_s=0.05) as wire:
        end = await ended(wire)
    assert end.code == 1006
    assert isinstance(end.error, LostReplyError)
    assert str(end.error) == "The appliance did not answer a ping."


async def test_a_connection_that_broke_is_no_ping_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> SimpleNamespace:
        return SimpleNamespace(type=aiohttp.WSMsgType.ERROR, data=ConnectionResetError("reset"), extra=None)

    async with piped(sends()) as wire:
        monkeypatch.setattr(wire._socket, "receive", broken)
        end = await ended(wire)
    assert (end.code, end.error) == (1006, None)


async def test_closing_tells_the_peer_the_code_and_may_be_done_twice() -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def until_closed(link: Link, _server: RpcPeer) -> None:
        try:
            await link.receive()
        finally:
            codes.put_nowait(link.closed_with)

    async with piped(until_closed) as wire:
        await wire.close(4001)
        await wire.close(1000)
        assert await asyncio.wait_for(codes.get(), 5) == 4001


@pytest.mark.parametrize(
    ("head", "error", "told"),
    [
        (b"302 Go\r\nLocation: /elsewhere", RedirectError, "answered with a redirect (HTTP 302) to another path"),
        (b"401 No", AuthenticationError, "refused the credential (HTTP 401 to the opening of the socket)"),
        (b"418 Teapot", ProtocolError, "did not open the socket (HTTP 418)"),
        (b"101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade", ProtocolError, "is not a WebSocket's"),
    ],
)
async def test_an_opening_that_is_answered_otherwise_is_told_by_the_answer(
    head: bytes, error: type[HoldfastError], told: str
) -> None:
    answered = b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n"
    async with peer(answered) as server, ConnectionPool() as pool:
        with pytest.raises(error) as caught:
            await wire_to(server.url.replace("http", "ws"), pool)
    assert type(caught.value) is error
    assert told in str(caught.value)
    assert caught.value.target == "truenas.nas"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"connect_timeout_s": 0.1}, "cannot be reached: no connection in time. Nothing was sent."),
        ({"open_timeout_s": 0.1}, "cannot be reached: no connection within 0.1 s. Nothing was sent."),
    ],
)
async def test_an_opening_that_finds_no_connection_in_time_is_told_by_which_time(
    options: dict[str, object], told: str
) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as server, ConnectionPool() as pool:
        with pytest.raises(NotSentError) as caught:
            await wire_to(f"wss://127.0.0.1:{server.port}", pool, **options)
    assert told in str(caught.value)


async def test_a_peer_that_is_not_there_is_proof_that_nothing_was_sent() -> None:
    async with rpc_peer(echoing) as server:
        url = server.url
    async with ConnectionPool() as pool:
        with pytest.raises(NotSentError) as caught:
            await wire_to(url, pool)
    assert caught.value.details == {"reason": "refused"}
