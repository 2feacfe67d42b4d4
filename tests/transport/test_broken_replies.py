"""Answers that are not what HTTP or the appliance's API promise: each ends as a typed error, in time."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from holdfast.errors import (
    AttemptTimeoutError,
    Executed,
    HoldfastError,
    LimitError,
    LoginPageError,
    LostReplyError,
    NotSentError,
    ProtocolError,
    RedirectError,
    TlsError,
)
from holdfast.transport import HttpTransport, JsonValue, Limits, Request
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, Exchange, blunt_peer, listening, peer, transport_to
from tests.transport.proofs import PROMISED, Stopwatch

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BODY = b'{"data": [1, 2, 3]}'
_TIMEOUT_S = 0.3


def _sends(data: bytes, then: str = "fin") -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(data)
        if then == "fin":
            exchange.writer.close()
        elif then == "reset":
            await asyncio.sleep(0.02)
            exchange.reset()
        elif then == "stall":
            await exchange.reader.read()

    return answer


@dataclass(frozen=True)
class Fault:
    answer: Callable[[Exchange], Awaitable[None]]
    error: type[HoldfastError]
    json: bool = False
    """The reply itself is complete; reading it as JSON raises."""


FAULTS = {
    "reset before headers": Fault(_sends(b"", "reset"), LostReplyError),
    "reset in the body": Fault(_sends(_HEAD + b"Content-Length: 100\r\n\r\n{", "reset"), LostReplyError),
    "end in the body": Fault(_sends(_HEAD + b"Content-Length: 100\r\n\r\n{"), LostReplyError),
    "truncated chunks": Fault(_sends(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{"), LostReplyError),
    "bad gzip": Fault(_sends(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"), ProtocolError),
    "truncated gzip": Fault(
        _sends(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"x" * 99)[:20]),
        ProtocolError,
    ),
    "truncated JSON without a length": Fault(_sends(_HEAD + b"\r\n" + _BODY[:-4]), ProtocolError, json=True),
    "bad chunk size": Fault(_sends(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), ProtocolError),
    "length and chunks": Fault(
        _sends(_HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), ProtocolError
    ),
    "garbage status line": Fault(_sends(b"HELLO THERE\r\n\r\n"), ProtocolError),
    "100 kB header": Fault(_sends(_HEAD + b"X-Big: " + b"a" * 100_000 + b"\r\n\r\n{}"), ProtocolError),
    "10 000 headers": Fault(_sends(_HEAD + b"X-A: b\r\n" * 10_000 + b"\r\n{}"), ProtocolError),
    "HTML login page": Fault(
        _sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\n<html>Log in</html>"),
        LoginPageError,
        json=True,
    ),
    "HTML under a JSON type": Fault(
        _sends(_HEAD + b"Content-Length: 28\r\n\r\n <!DOCTYPE html><html></html"), LoginPageError, json=True
    ),
    "empty 200": Fault(_sends(_HEAD + b"Content-Length: 0\r\n\r\n"), ProtocolError, json=True),
    "NaN": Fault(_sends(_HEAD + b'Content-Length: 10\r\n\r\n{"a": NaN}'), ProtocolError, json=True),
    "stall before headers": Fault(_sends(b"", "stall"), AttemptTimeoutError),
    "stall in the headers": Fault(_sends(_HEAD, "stall"), AttemptTimeoutError),
    "stall in the body": Fault(_sends(_HEAD + b"Content-Length: 9\r\n\r\n{", "stall"), AttemptTimeoutError),
    "unknown compression": Fault(_sends(_HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"), ProtocolError),
    "another protocol": Fault(
        _sends(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "stall"), ProtocolError
    ),
    "redirect": Fault(_sends(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), RedirectError),
}


async def _flood_of_early_hints(exchange: Exchange) -> None:
    for _ in range(2_000):
        await exchange.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    await exchange.reader.read()


FAULTS["2 000 early hints and then nothing"] = Fault(_flood_of_early_hints, AttemptTimeoutError)


@REAL_TIME
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_broken_answer_is_a_typed_error_in_time_and_never_sent_twice(name: str, method: str) -> None:
    fault = FAULTS[name]
    async with peer(fault.answer) as server, transport_to(server.url, limits=Limits(json_depth=64)) as http:
        watch = Stopwatch()
        with pytest.raises(fault.error) as caught:
            await _read(http, Request(method, "/x", attempt_timeout_s=_TIMEOUT_S), fault)
        assert watch.elapsed_s() < _TIMEOUT_S + PROMISED["drip_overrun_s_max"]
        assert len(server.arrivals) == 1
    # Whatever came back: a GET changed nothing, and of a POST nobody knows.
    assert caught.value.executed is (Executed.NO if method == "GET" else Executed.UNKNOWN)
    assert not isinstance(caught.value, NotSentError)


async def _read(http: HttpTransport, request: Request, fault: Fault) -> JsonValue:
    reply = await http.send(request)
    assert fault.json, f"answered {reply.status}"
    return reply.json()


async def test_plain_http_on_the_tls_port_is_told() -> None:
    async with blunt_peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server, transport_to(server.url) as http:
        with pytest.raises(TlsError):
            await http.send(Request("POST", "/x"))


def test_as_many_broken_replies_are_tried_as_promised() -> None:
    assert len(FAULTS) + 1 == PROMISED["broken_replies"]


async def test_malformed_framing_is_not_taken_for_a_status_400_of_the_appliance() -> None:
    async with peer(_sends(b"GARBAGE\r\n\r\n")) as server, transport_to(server.url) as http:
        with pytest.raises(ProtocolError):
            await http.send(Request("GET", "/"))
    real = b"HTTP/1.1 400 Parameter verification failed.\r\nContent-Length: 2\r\n\r\n{}"
    async with peer(real) as server, transport_to(server.url) as http:
        reply = await http.send(Request("GET", "/"))
    assert (reply.status, reply.reason, reply.ok) == (400, "Parameter verification failed.", False)


async def test_bytes_behind_an_answer_do_not_become_the_next_answer() -> None:
    async def long_answer(exchange: Exchange) -> None:
        if exchange.connection == 1:
            await exchange.write(OK + b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}')
        else:
            await exchange.write(OK)

    async with peer(long_answer) as server, transport_to(server.url) as http:
        assert (await http.send(Request("GET", "/a"))).body == b"{}"
        assert (await http.send(Request("GET", "/b"))).body == b"{}"


async def test_a_204_is_a_reply_without_a_value() -> None:
    async with peer(b"HTTP/1.1 204 No Content\r\n\r\n") as server, transport_to(server.url) as http:
        reply = await http.send(Request("DELETE", "/x"))
    assert (reply.status, reply.json_or_none(), reply.is_html) == (204, None, False)


async def test_bom_and_latin_1_are_read_leniently() -> None:
    for body, charset in (
        (b'\xef\xbb\xbf{"name": "Z\xc3\xbcrich"}', "utf-8"),
        (b'{"name": "Z\xfcrich"}', "utf-8"),
        (b'{"name": "Z\xfcrich"}', "iso-8859-1"),
        ('{"name": "Zürich"}'.encode("utf-16"), "utf-16"),
    ):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset={charset}\r\nContent-Length: {len(body)}"
        async with peer(head.encode() + b"\r\n\r\n" + body) as server, transport_to(server.url) as http:
            assert (await http.send(Request("GET", "/"))).json() == {"name": "Zürich"}


async def test_a_contradictory_connection_header_is_survived() -> None:
    answer = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\nConnection: Keep-Alive\r\n\r\n")
    async with peer(answer) as server, transport_to(server.url) as http:
        assert (await http.send(Request("GET", "/"))).status == 200
        assert (await http.send(Request("GET", "/"))).status == 200


@pytest.mark.parametrize("status", [595, 596, 599, 299, 999])
async def test_a_status_outside_of_the_standard_keeps_its_reason(status: int) -> None:
    answer = f"HTTP/1.1 {status} no route to h\u00f6st\r\nContent-Length: 0\r\n\r\n".encode()
    async with peer(answer) as server, transport_to(server.url) as http:
        reply = await http.send(Request("GET", "/"))
    assert (reply.status, reply.reason) == (status, "no route to h\u00f6st")


async def test_a_reason_that_is_no_utf_8_can_still_be_passed_on() -> None:
    answer = b"HTTP/1.1 500 st\xf6rung\r\nX-Text: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
    async with peer(answer) as server, transport_to(server.url) as http:
        reply = await http.send(Request("GET", "/"))
    assert reply.reason.encode()
    assert reply.headers["x-text"].encode()


async def test_a_refused_connection_is_proof_that_nothing_was_sent() -> None:
    async with listening(_never) as server:
        port = server.port
    async with transport_to(f"http://127.0.0.1:{port}") as http:
        with pytest.raises(NotSentError) as caught:
            await http.send(Request("DELETE", "/x"))
    assert (caught.value.details["reason"], caught.value.executed) == ("refused", Executed.NO)
    assert http.requests_sent == 0


async def _never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


async def test_a_name_that_does_not_resolve_is_proof_that_nothing_was_sent() -> None:
    async with transport_to("https://no-such-host.invalid") as http:
        with pytest.raises(NotSentError) as caught:
            await http.send(Request("DELETE", "/x"))
    assert caught.value.details["reason"] == "dns"
    assert "no-such-host.invalid" in str(caught.value)


async def test_errors_name_the_target_and_never_the_query() -> None:
    async with peer(_sends(b"", "fin")) as server, transport_to(server.url, target="pve1") as http:
        with pytest.raises(LostReplyError) as caught:
            await http.send(Request("POST", "/_download/1", query={"auth_token": "canary"}))
    assert caught.value.target == "pve1"
    assert "/_download/1" in str(caught.value)
    assert "canary" not in str(caught.value) + repr(caught.value.details)


async def test_the_limit_of_an_answer_can_be_set_for_one_request() -> None:
    answer = _HEAD + b"Content-Length: 19\r\n\r\n" + _BODY
    async with peer(answer) as server, transport_to(server.url) as http:
        with pytest.raises(LimitError):
            await http.send(Request("GET", "/", limits=Limits(wire_bytes=18)))
        assert (await http.send(Request("GET", "/", limits=Limits(wire_bytes=19)))).body == _BODY
