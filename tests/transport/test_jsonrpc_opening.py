"""Opening a `JsonRpcSocket`: who the peer is, what it answers, how long it may take."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import (
    AttemptTimeoutError,
    AuthenticationError,
    ConfigError,
    Executed,
    HoldfastError,
    NotSentError,
    PermissionDeniedError,
    ProtocolError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.transport import ConnectionPool, JsonRpcSocket, TlsSettings
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, SECRET, ca_file, identity, peer
from tests.transport.proofs import Stopwatch
from tests.transport.rpcpeer import Link, RpcPeer, echoing, rpc_peer


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (200, ProtocolError),
        (400, ProtocolError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, UnsupportedError),
        (500, ProtocolError),
        (502, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
    ],
)
async def test_an_opening_answered_otherwise_is_told_by_its_status(status: int, wanted: type[HoldfastError]) -> None:
    refusal = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    async with peer(refusal) as server, ConnectionPool() as pool:
        with pytest.raises(wanted) as caught:
            await JsonRpcSocket.connect(server.url.replace("http", "ws"), pool=pool)
        assert caught.value.executed is Executed.NO
        assert len(server.arrivals) == 1


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        "GARBAGE\r\n\r\n",
        OK.decode(),
    ],
)
async def test_an_opening_that_is_no_websocket_is_refused(text: str) -> None:
    async with peer(text.encode()) as server, ConnectionPool() as pool:
        with pytest.raises(ProtocolError):
            await JsonRpcSocket.connect(server.url.replace("http", "ws"), pool=pool)


@REAL_TIME
async def test_an_opening_that_hangs_ends_in_time() -> None:
    async def hang(_exchange: object) -> None:
        await asyncio.sleep(5)

    async with peer(hang) as server, ConnectionPool() as pool:
        watch = Stopwatch()
        with pytest.raises(AttemptTimeoutError) as caught:
            await JsonRpcSocket.connect(server.url.replace("http", "ws"), pool=pool, open_timeout_s=0.1)
        assert watch.elapsed_s() < 0.2
        assert caught.value.executed is Executed.NO


async def test_an_unreachable_peer_is_proof_that_nothing_was_sent() -> None:
    async with peer(OK) as server:
        url = server.url.replace("http", "ws")
    async with ConnectionPool() as pool:
        with pytest.raises(NotSentError):
            await JsonRpcSocket.connect(url, pool=pool)
        with pytest.raises(NotSentError):
            await JsonRpcSocket.connect("wss://no-such-host.invalid/", pool=pool)
        await pool.close()
        with pytest.raises(NotSentError):
            await JsonRpcSocket.connect(url, pool=pool)


@pytest.mark.parametrize("url", ["https://h/", "wss://u:p@h/", "wss://h/a b", "wss://h/../x", "wss://"])
async def test_a_url_that_is_no_sockets_is_refused(url: str) -> None:
    async with ConnectionPool() as pool:
        with pytest.raises(ConfigError):
            await JsonRpcSocket.connect(url, pool=pool)


async def test_a_socket_over_tls_negotiates_http_1_and_is_checked_by_pin() -> None:
    agreed: list[str | None] = []

    async def note(link: Link, server: RpcPeer) -> None:
        agreed.append(link.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await echoing(link, server)

    context = identity("self_signed").server
    context.set_alpn_protocols(["h2", "http/1.1"])
    settings = TlsSettings(pin_sha256=identity("self_signed").sha256)
    async with (
        rpc_peer(note, tls=context) as server,
        ConnectionPool() as pool,
        await JsonRpcSocket.connect(server.url, pool=pool, tls=settings) as socket,
    ):
        assert await socket.call("m", ["x"]) == ["x"]
    assert agreed == ["http/1.1"]


async def test_proxies_of_the_environment_are_ignored_by_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer(OK) as trap:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, trap.url)
        async with (
            rpc_peer(echoing) as server,
            ConnectionPool() as pool,
            await JsonRpcSocket.connect(server.url, pool=pool) as socket,
        ):
            assert await socket.call("m", ["x"]) == ["x"]
        assert not trap.connections


async def test_a_credential_in_the_opening_is_not_sent_to_an_untrusted_peer() -> None:
    async with rpc_peer(echoing, tls=identity("unknown_ca").server) as server, ConnectionPool() as pool:
        with pytest.raises(HoldfastError):
            await JsonRpcSocket.connect(
                server.url, pool=pool, tls=TlsSettings(ca_file=ca_file()), headers={"Authorization": SECRET}
            )
        assert not server.links
