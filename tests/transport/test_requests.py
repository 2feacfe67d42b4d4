"""What a request looks like on the wire."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from holdfast.errors import (
    AttemptTimeoutError,
    ConfigError,
    Executed,
    InputError,
    LimitError,
    LostReplyError,
    NotSentError,
    TlsError,
)
from holdfast.transport import Limits, Part, Request, SendEvent, TlsSettings, path
from holdfast.transport.proxy import Proxy
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, SECRET, Exchange, ca_file, identity, listening, peer, transport_to


async def test_a_request_without_a_body_has_no_content_type_and_no_chunks() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        for method in ("GET", "DELETE", "POST", "PUT"):
            await http.send(Request(method, "/x", query={"a": 1}))
            headers = server.arrivals[-1].headers
            assert "content-type" not in headers
            assert "transfer-encoding" not in headers
            assert headers.get("content-length", "0") == "0"
            assert server.arrivals[-1].line == f"{method} /x?a=1 HTTP/1.1"


async def test_defaults_are_sent_and_a_request_may_replace_them() -> None:
    async with peer(OK) as server, transport_to(server.url, default_headers={"OData-Version": "4.0"}) as http:
        await http.send(Request("GET", "/x"))
        first = server.arrivals[-1].headers
        await http.send(Request("GET", "/x", headers={"accept-encoding": "identity", "odata-version": "5"}))
        second = server.arrivals[-1].headers
    assert (first["accept"], first["accept-encoding"], first["odata-version"]) == (
        "application/json",
        "gzip, deflate",
        "4.0",
    )
    assert first["user-agent"].startswith("holdfast/")
    assert first["host"] == f"127.0.0.1:{server.port}"
    assert (second["accept-encoding"], second["odata-version"]) == ("identity", "5")
    assert server.received.lower().count(b"odata-version: ") == 2


async def test_a_json_body_is_compact_utf_8_with_its_length() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        await http.send(Request("PATCH", "/x", json={"name": "Zürich", "n": [1, None, True]}))
    arrived = server.arrivals[0]
    assert arrived.body == '{"name":"Zürich","n":[1,null,true]}'.encode()
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["content-length"] == str(len(arrived.body))


async def test_an_empty_json_object_is_a_body() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        await http.send(Request("POST", "/x", json={}))
        await http.send(Request("DELETE", "/x", json={"ids": [1]}))
    assert [arrived.body for arrived in server.arrivals] == [b"{}", b'{"ids":[1]}']


async def test_a_form_repeats_keys_and_encodes_what_appliances_would_split_at() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        await http.send(Request("POST", "/x", form={"size": "+1G", "command": ["ls", "-l"], "net0": "virtio,bridge=v"}))
    arrived = server.arrivals[0]
    assert arrived.body == b"size=%2B1G&command=ls&command=-l&net0=virtio,bridge=v"
    assert arrived.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_multipart_body_streams_a_file_with_a_known_length(tmp_path: Path) -> None:
    image = tmp_path / 'fi"rm.bin'
    image.write_bytes(bytes(range(256)) * 4000)
    parts = [
        Part("UpdateParameters", '{"Targets":[]}', content_type="application/json"),
        Part("UpdateFile", image),
        Part("note", b"\x00\x01", filename="n.bin", content_type="application/x-note"),
    ]
    async with peer(OK) as server, transport_to(server.url) as http:
        await http.send(Request("POST", "/upload", multipart=parts))
    arrived = server.arrivals[0]
    assert "transfer-encoding" not in arrived.headers
    assert arrived.headers["content-length"] == str(len(arrived.body))
    kind, _, boundary = arrived.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    first, second, third = arrived.body.split(b"--" + boundary.encode())[1:4]
    assert first == (
        b'\r\nContent-Disposition: form-data; name="UpdateParameters"\r\nContent-Type: application/json\r\n\r\n'
        b'{"Targets":[]}\r\n'
    )
    assert second.startswith(
        b'\r\nContent-Disposition: form-data; name="UpdateFile"; filename="fi%22rm.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    assert second.endswith(bytes(range(256)) * 4000 + b"\r\n")
    assert b'name="note"; filename="n.bin"\r\nContent-Type: application/x-note\r\n\r\n\x00\x01\r\n' in third
    assert arrived.body.endswith(b"--" + boundary.encode() + b"--\r\n")


@pytest.mark.parametrize(("size", "change"), [(100_000, b""), (400_000, b"a" * 900_000), (400_000, b"a" * 399_999)])
async def test_a_file_that_changes_while_it_is_sent_does_not_become_another_request(
    tmp_path: Path, size: int, change: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * size)
    parts = [Part("file", file)]

    def change_it(_event: SendEvent) -> None:
        file.write_bytes(change)  # the length was told already, the body is read next

    async with peer(OK) as server, transport_to(server.url, on_send=change_it) as http:
        with pytest.raises((LostReplyError, InputError)) as caught:
            await http.send(Request("POST", "/x", multipart=parts, attempt_timeout_s=5))
        assert caught.value.executed is Executed.UNKNOWN
        assert not isinstance(caught.value, AttemptTimeoutError)  # told at once, not when the time is up
        assert not server.arrivals  # as a complete request
        assert len(server.received) <= size + 1000


@pytest.mark.parametrize(
    "part",
    [
        Part("a\r\nX-Evil: 1", "x"),
        Part("a", "x", filename="b\nc"),
        Part("a", "x", content_type="text/plain\r\n\r\nevil"),
        Part("a\x00", b"x"),
    ],
)
async def test_a_part_cannot_forge_another(part: Part) -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        with pytest.raises(InputError):
            await http.send(Request("POST", "/x", multipart=[part]))
        assert not server.connections


@REAL_TIME
async def test_an_answer_that_comes_before_the_upload_is_complete_is_returned() -> None:
    async def refuse_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with listening(refuse_early) as server, transport_to(server.url) as http:
        reply = await http.send(Request("PUT", "/x", content=b"x" * 8_000_000, attempt_timeout_s=5))
    assert reply.status == 413


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-Evil: 1"),
        ("X-A", "b\nc"),
        ("X-A", "b\rc"),
        ("X-A", "b\x00c"),
        ("X-A", "b\x7fc"),
        ("X-A", "Z\u00fcrich"),
        ("X-A", "\u2028"),
        ("X-A", "\ud800"),
        ("X A", "b"),
        ("X-A:", "b"),
        ("X-A\r\nX-Evil", "b"),
        ("", "b"),
        ("X-\u00c4", "b"),
        ("Host", "evil.example"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "upgrade"),
    ],
)
async def test_a_header_that_could_forge_another_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        Request("GET", "/", headers={name: value})
    assert value not in str(caught.value) or value == "b" or value.isdigit()
    with pytest.raises(InputError):
        async with transport_to("https://host", default_headers={name: value}):
            pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "get"},
        {"method": "CONNECT"},
        {"method": "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"},
        {"json": {}, "form": {"a": 1}},
        {"content": b"", "multipart": []},
        {"method": "GET", "form": {"a": 1}},
        {"method": "HEAD", "content": b"x"},
        {"attempt_timeout_s": 0},
        {"connect_timeout_s": -1},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    arguments = {"method": "POST", "target": "/x"} | wrong
    with pytest.raises(InputError):
        Request(**arguments)  # type: ignore[arg-type]  # each wrong on purpose


async def test_what_cannot_be_json_is_refused_before_anything_is_sent() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        for value in (float("nan"), float("inf"), "\ud800", object(), b"x", {1: {2}}):
            with pytest.raises(InputError):
                await http.send(Request("POST", "/x", json={"a": value}))  # type: ignore[dict-item]  # wrong on purpose
        assert not server.connections


def test_a_request_is_named_without_its_query() -> None:
    assert Request("GET", "/a?token=1", query={"b": "2"}).label == "GET /a"


async def test_a_missing_file_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        for content in (tmp_path / "gone", tmp_path):
            with pytest.raises(InputError):
                await http.send(Request("PUT", "/x", content=content))
        assert not server.connections


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


# -- downloads ---------------------------------------------------------------------------------------------------------


async def test_a_download_is_streamed_to_a_private_file(tmp_path: Path) -> None:
    body = b"x" * 20_000_000

    async def answer(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        await exchange.write(body)

    file = tmp_path / "config.tar"
    async with peer(answer) as server, transport_to(server.url) as http:
        reply = await http.download(Request("GET", path("_download", 1)), file)
        assert server.arrivals[0].headers["accept-encoding"] == "identity"
    assert (reply.status, reply.body) == (200, b"")
    assert file.read_bytes() == body
    assert file.stat().st_mode & 0o777 == 0o600
    assert _names(tmp_path) == ["config.tar"]


async def test_a_download_over_its_cap_leaves_nothing(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"
    async with peer(answer) as server, transport_to(server.url) as http:
        with pytest.raises(LimitError):
            await http.download(Request("GET", "/x"), tmp_path / "file", max_bytes=1023)
        await http.download(Request("GET", "/x"), tmp_path / "file", max_bytes=1024)
        with pytest.raises(LimitError):
            await http.download(Request("GET", "/x", limits=Limits(download_bytes=10)), tmp_path / "other")
    assert _names(tmp_path) == ["file"]


async def test_an_error_instead_of_a_download_is_a_reply_and_no_file(tmp_path: Path) -> None:
    body = json.dumps({"message": "gone"}).encode()
    answer = b"HTTP/1.1 410 Gone\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with peer(answer) as server, transport_to(server.url) as http:
        reply = await http.download(Request("GET", "/x"), tmp_path / "file")
    assert (reply.status, reply.json()) == (410, {"message": "gone"})
    assert _names(tmp_path) == []


async def test_a_download_under_way_is_not_overwritten_by_another(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_text("somebody else's")
    async with peer(OK) as server, transport_to(server.url) as http:
        with pytest.raises(FileExistsError):
            await http.download(Request("GET", "/x"), tmp_path / "file")
        with pytest.raises(FileNotFoundError):
            await http.download(Request("GET", "/x"), tmp_path / "nowhere" / "file")
        assert not server.connections
    assert (tmp_path / "file.part").read_text() == "somebody else's"


# -- proxies -----------------------------------------------------------------------------------------------------------


async def test_proxies_and_credentials_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with peer(OK) as trap, peer(OK) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
            monkeypatch.setenv(name, trap.url)
            monkeypatch.setenv(name.upper(), trap.url)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login root password canary\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        async with transport_to(server.url) as http:
            assert (await http.send(Request("GET", "/"))).status == 200
        assert not trap.connections
        assert "authorization" not in server.arrivals[0].headers


async def test_a_configured_proxy_gets_its_own_credentials_and_they_stay_out_of_the_request() -> None:
    async with peer(OK) as proxy, transport_to("http://appliance.invalid", proxy=_with_user(proxy.url)) as http:
        assert (await http.send(Request("GET", "/a"))).status == 200
    arrived = proxy.arrivals[0]
    assert arrived.line == "GET http://appliance.invalid/a HTTP/1.1"
    assert arrived.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"
    assert "authorization" not in arrived.headers


async def test_a_tls_target_is_reached_through_a_tunnel_and_checked_as_ever() -> None:

    from holdfast.errors import NotSentError

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        if b"refused.invalid" in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_pump(reader, back), _pump(there, writer), return_exceptions=True)
        back.close()

    heads: list[bytes] = []
    async with peer(OK, tls=identity().server) as server, listening(tunnel) as proxy:
        target = f"https://127.0.0.1:{server.port}"
        good = TlsSettings(ca_file=ca_file())
        bad = TlsSettings(pin_sha256="00" * 32)
        async with transport_to(target, proxy=_with_user(proxy.url), tls=good) as http:
            assert (await http.send(Request("GET", "/", headers={"X-API-Key": SECRET}))).status == 200
        async with transport_to(target, proxy=_with_user(proxy.url), tls=bad) as http:
            with pytest.raises(TlsError):
                await http.send(Request("GET", "/", headers={"X-API-Key": SECRET}))
        async with transport_to("https://refused.invalid", proxy=proxy.url) as http:
            with pytest.raises(NotSentError) as caught:
                await http.send(Request("POST", "/", headers={"X-API-Key": SECRET}))
        assert caught.value.details["reason"] == "proxy"
        assert len(server.arrivals) == 1
    assert heads[0].startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in heads[0]
    assert "proxy-authorization" not in server.arrivals[0].headers
    assert SECRET.encode() not in b"".join(heads)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_proxy_that_is_down_is_proof_that_nothing_was_sent() -> None:
    async with peer(OK) as proxy:
        url = proxy.url
    async with transport_to("http://appliance.invalid", proxy=url) as http:
        with pytest.raises(NotSentError):
            await http.send(Request("POST", "/a"))


def _with_user(url: str) -> str:
    return url.replace("://", "://user:p%40ss@")


def test_the_credentials_of_a_proxy_stand_neither_in_its_url_nor_in_what_is_shown_of_it() -> None:
    proxy = Proxy.parse("http://user:canary@[::1]:3128")
    assert proxy.url == "http://[::1]:3128"
    assert "canary" not in repr(proxy)
    assert proxy.headers == {"Proxy-Authorization": "Basic dXNlcjpjYW5hcnk="}
    without_password = Proxy.parse("https://user@proxy.example")
    assert (without_password.url, without_password.headers) == (
        "https://proxy.example",
        {"Proxy-Authorization": "Basic dXNlcjo="},
    )
    assert Proxy.parse("http://proxy.example:3128") == Proxy("http://proxy.example:3128")


@pytest.mark.parametrize(
    "proxy", ["socks5://h:1", "h:1", "http://", "http://[::1", "http://:3128", "http://h:0", "http://h:99999"]
)
async def test_a_proxy_that_cannot_be_used_is_refused(proxy: str) -> None:
    with pytest.raises(ConfigError):
        async with transport_to("https://host", proxy=proxy):
            pass
