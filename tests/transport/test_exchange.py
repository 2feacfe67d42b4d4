"""One request and its answer on a socket: whose limits hold, what is closed, and what goes into a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError, LimitError, ProtocolError, TlsError
from holdfast.transport import Limits, Request, TlsSettings
from tests.transport.peers import OK, Exchange, ca_file, identity, peer, transport_to


def answer(body: bytes = b"{}", status: str = "200 OK", *fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


NARROW = (
    (Limits(wire_bytes=9), answer(b'{"a": [1]}'), LimitError),
    (Limits(json_depth=1), answer(b'{"a": [1]}'), LimitError),
    (Limits(header_line_bytes=100), answer(b'{"a": [1]}', "200 OK", "X-A: " + "a" * 100), ProtocolError),
    (Limits(header_count=3), answer(b'{"a": [1]}', "200 OK", *["X-A: a"] * 4), ProtocolError),
)


@pytest.mark.parametrize(("narrow", "answered", "error"), NARROW)
async def test_the_limits_of_a_request_replace_those_of_its_transport(
    narrow: Limits, answered: bytes, error: type[HoldfastError]
) -> None:
    async with peer(answered) as server:
        async with transport_to(server.url) as http:
            assert (await http.send(Request("GET", "/"))).json() == {"a": [1]}
            with pytest.raises(error):
                (await http.send(Request("GET", "/", limits=narrow))).json()
        async with transport_to(server.url, limits=narrow) as http:
            with pytest.raises(error):
                (await http.send(Request("GET", "/"))).json()
            assert (await http.send(Request("GET", "/", limits=Limits()))).json() == {"a": [1]}


async def test_the_connection_of_an_answer_that_is_refused_is_closed_at_once() -> None:
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def announced(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        assert await exchange.reader.read() == b""
        ended.put_nowait(None)

    async with peer(announced) as server, transport_to(server.url) as http:
        with pytest.raises(LimitError) as caught:
            await http.send(Request("GET", "/", attempt_timeout_s=5))
        await asyncio.wait_for(ended.get(), 5)
        assert caught.value.details == {"limit": "wire_bytes"}


async def test_the_length_of_a_body_that_does_not_come_is_no_matter() -> None:
    async with (
        peer(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n") as server,
        transport_to(server.url) as http,
    ):
        for _ in range(2):
            reply = await http.send(Request("HEAD", "/", attempt_timeout_s=5))
        assert (reply.body, reply.headers["content-length"]) == (b"", "104857600")
        assert server.connections == 1


@pytest.mark.parametrize("body", [b"{}", b""])
async def test_a_connection_is_used_again_when_its_answer_was_read(body: bytes) -> None:
    async with peer(answer(body)) as server, transport_to(server.url) as http:
        for _ in range(3):
            await http.send(Request("GET", "/"))
        assert server.connections == 1


async def test_a_protocol_that_was_not_asked_for_is_refused() -> None:
    switching = b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    async with peer(switching) as server, transport_to(server.url) as http:
        with pytest.raises(ProtocolError, match="switched to another protocol"):
            await http.send(Request("GET", "/", attempt_timeout_s=5))


@pytest.mark.parametrize(("status", "into_file"), [(200, True), (204, True), (299, True), (300, False), (404, False)])
async def test_a_download_goes_into_its_file_when_it_is_one(status: int, into_file: bool, tmp_path: Path) -> None:
    body = b"" if status == 204 else b"content"
    file = tmp_path / "file"
    async with peer(answer(body, f"{status} As it is")) as server, transport_to(server.url) as http:
        reply = await http.download(Request("GET", "/"), file)
        assert server.arrivals[0].headers["accept-encoding"] == "identity"
        await http.send(Request("GET", "/"))
        assert server.arrivals[1].headers["accept-encoding"] == "gzip, deflate"
    assert reply.status == status
    assert reply.body == (b"" if into_file else body)
    assert file.exists() is into_file
    if into_file:
        assert file.read_bytes() == body
    assert not (tmp_path / "file.part").exists()


@pytest.mark.parametrize(
    ("most", "limits", "taken"),
    [
        (7, Limits(), True),
        (6, Limits(), False),
        (0, Limits(), False),
        (None, Limits(download_bytes=7, wire_bytes=1, decoded_bytes=1), True),
        (None, Limits(download_bytes=6), False),
        (7, Limits(download_bytes=6), True),
    ],
)
async def test_a_download_is_as_large_as_whoever_asks_for_it_allows(
    most: int | None, limits: Limits, taken: bool, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    async with peer(answer(b"content")) as server, transport_to(server.url, limits=limits) as http:
        if taken:
            await http.download(Request("GET", "/"), file, max_bytes=most)
        else:
            with pytest.raises(LimitError):
                await http.download(Request("GET", "/"), file, max_bytes=most)
    assert file.exists() is taken


async def test_a_query_is_added_to_the_target_and_to_the_query_that_it_has() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        for target, query, wanted in (
            ("/x", None, "/x"),
            ("/x", {}, "/x"),
            ("/x", {"a": "b c"}, "/x?a=b%20c"),
            ("/x?y=1", {"a": "b"}, "/x?y=1&a=b"),
            ("/x?y=1", None, "/x?y=1"),
        ):
            await http.send(Request("GET", target, query=query))
            assert server.arrivals[-1].line == f"GET {wanted} HTTP/1.1"


async def test_of_a_plain_target_no_certificate_is_looked_for(tmp_path: Path) -> None:
    settings = TlsSettings(ca_file=tmp_path / "gone.pem")
    async with peer(OK) as server, transport_to(server.url, tls=settings) as http:
        assert (await http.send(Request("GET", "/"))).status == 200


async def test_an_encrypted_target_is_spoken_to_as_its_settings_say() -> None:
    async with peer(OK, tls=identity().server) as server:
        async with transport_to(server.url, tls=TlsSettings(ca_file=ca_file())) as http:
            assert (await http.send(Request("GET", "/"))).status == 200
        async with transport_to(server.url, tls=TlsSettings(ca_file=ca_file("unknown"))) as http:
            with pytest.raises(TlsError):
                await http.send(Request("GET", "/"))


@pytest.mark.parametrize("size", [1, 256 * 1024, 256 * 1024 + 1, 3_000_000])
async def test_a_body_of_any_size_arrives_whole_with_its_length(size: int) -> None:
    body = b"x" * size
    async with peer(OK) as server, transport_to(server.url) as http:
        await http.send(Request("PUT", "/x", content=body, headers={"Content-Type": "application/x-image"}))
    arrived = server.arrivals[0]
    assert arrived.body == body
    assert arrived.headers["content-length"] == str(size)
    assert arrived.headers["content-type"] == "application/x-image"
    assert "transfer-encoding" not in arrived.headers


@pytest.mark.parametrize("raw", [b"st\xc3\xb6rung", b"st\xf6rung", b"fine"])
async def test_a_reason_in_any_encoding_can_be_passed_on(raw: bytes) -> None:
    head = b"HTTP/1.1 500 " + raw + b"\r\nX-Text: " + raw + b"\r\nContent-Length: 0\r\n\r\n"
    async with peer(head) as server, transport_to(server.url) as http:
        reply = await http.send(Request("GET", "/"))
    assert reply.reason == reply.headers["x-text"] == raw.decode("utf-8", "replace")
