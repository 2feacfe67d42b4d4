"""The pipe under JSON-RPC: opened by the settings of its target, through a proxy that learns nothing but its own."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from pathlib import Path

import pytest

from holdfast.errors import ConfigError, HoldfastError, InputError, NotSentError
from holdfast.transport import ConnectionPool, JsonRpcSocket, Origin, TlsSettings
from holdfast.transport.wire import WireClosed
from tests.transport.peers import OK, SECRET, ca_file, identity, listening, peer
from tests.transport.rpcpeer import echoing, rpc_peer

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


def test_the_end_of_a_pipe_is_told_with_its_code() -> None:
    assert str(WireClosed(1006, "peer's text")) == "closed with 1006"
