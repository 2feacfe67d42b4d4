"""How far an attempt came, in words: what failed, whether anything was sent, and what to do."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from holdfast.errors import Executed, LostReplyError, NotSentError, OverloadedError, RedirectError
from holdfast.transport import Origin, Request, SendEvent, TlsSettings
from holdfast.transport.attempt import Attempt
from tests.transport.peers import OK, Exchange, ca_file, identity, listening, peer, transport_to


def attempt(url: str = "https://bmc.example", *, safe: bool = True) -> Attempt:
    return Attempt(safe=safe, label="GET /x", origin=Origin.parse(url)[0], target="idrac.lab", on_send=None)


_CHECK = "Check the target's URL: scheme, port, and that nothing in front of the appliance redirects."
_USE_TLS = "Use https:// in the target's URL."


@pytest.mark.parametrize(
    ("url", "location", "where", "todo"),
    [
        ("https://bmc.example", "/other", "to another path", _CHECK),
        ("https://bmc.example", "other", "to another path", _CHECK),
        ("https://bmc.example", "https://evil.example/", "to another address", _CHECK),
        ("https://bmc.example", "//evil.example/", "to another address", _CHECK),
        ("https://bmc.example", "https://:443/", "to another address", _CHECK),
        ("https://bmc.example", "ftp://bmc.example/", "to another address", _CHECK),
        ("https://bmc.example", "https://[::1/", "to an unreadable address", _CHECK),
        ("https://bmc.example", "https://BMC.example:8443/", "to https on the same host", _CHECK),
        ("https://bmc.example", "http://bmc.example/", "to http on the same host", _CHECK),
        ("http://bmc.example", "http://bmc.example:81/", "to http on the same host", _CHECK),
        ("http://bmc.example", "https://bmc.example/", "to https on the same host", _USE_TLS),
        ("http://bmc.example", "https://evil.example/", "to another address", _CHECK),
    ],
)
def test_a_redirect_tells_whether_it_leads_away_and_nothing_of_its_text(
    url: str, location: str, where: str, todo: str
) -> None:
    error = attempt(url).redirect(301, location)
    assert str(error) == f"The appliance answered with a redirect (HTTP 301) {where}; it was not followed."
    assert (error.next_step, error.target, error.executed) == (todo, "idrac.lab", Executed.NO)
    assert attempt(url, safe=False).redirect(301, location).executed is Executed.UNKNOWN


async def test_the_connection_of_a_redirect_is_closed_at_once_whatever_body_was_promised() -> None:
    ended = asyncio.Event()

    async def redirect(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 1000\r\n\r\n")
        assert await exchange.reader.read() == b""
        ended.set()

    async with peer(redirect) as server, transport_to(server.url) as http:
        with pytest.raises(RedirectError) as caught:
            await http.send(Request("GET", "/"))
        await asyncio.wait_for(ended.wait(), 5)
        assert caught.value.executed is Executed.NO


def _cut(first: bytes) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(first)
        exchange.writer.close()

    return answer


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("first", "what"),
    [
        (b"", "did not come: the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "was cut off"),
    ],
)
async def test_an_answer_that_did_not_come_is_told_from_one_that_was_cut_off(
    first: bytes, what: str, method: str
) -> None:
    async with peer(_cut(first)) as server, transport_to(server.url) as http:
        with pytest.raises(LostReplyError) as caught:
            await http.send(Request(method, "/x"))
    error = caught.value
    assert str(error) == f"The appliance's answer to {method} /x {what}."
    assert error.executed is (Executed.NO if method == "GET" else Executed.UNKNOWN)
    assert ("Read the state back" in (error.next_step or "")) is (method == "POST")
    assert error.details == {"sends": 1}


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("attempt_s", "connect_s", "told"), [(5.0, 0.1, "no connection in time"), (0.1, 5.0, "no connection within 0.1 s")]
)
async def test_a_connection_that_does_not_come_about_in_time_is_proof_that_nothing_was_sent(
    attempt_s: float, connect_s: float, told: str
) -> None:
    request = Request("POST", "/", attempt_timeout_s=attempt_s, connect_timeout_s=connect_s)
    async with listening(_silent) as server, transport_to(f"https://127.0.0.1:{server.port}") as http:
        with pytest.raises(NotSentError) as caught:
            await http.send(request)
    assert f"cannot be reached: {told}. Nothing was sent." in str(caught.value)
    assert caught.value.details == {"reason": "connect_timeout"}


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_a_connection_that_breaks_in_the_handshake_is_told_as_that(how: str) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if how == "reset":
            writer.transport.abort()

    async with listening(cut) as server, transport_to(f"https://127.0.0.1:{server.port}") as http:
        with pytest.raises(NotSentError) as caught:
            await http.send(Request("POST", "/"))
    assert caught.value.details == {"reason": "reset"}


def _connector_error(number: int) -> aiohttp.ClientConnectorError:
    from aiohttp.client_reqrep import ConnectionKey

    key = ConnectionKey("bmc.example", 443, True, True, None, None, None)
    return aiohttp.ClientConnectorError(key, OSError(number, "as the system says it"))


@pytest.mark.parametrize(
    ("error", "reason", "told"),
    [
        (_connector_error(errno.ECONNREFUSED), "refused", "it refused the connection"),
        (_connector_error(errno.EHOSTUNREACH), "no_route", "there is no route to it"),
        (_connector_error(errno.ENETUNREACH), "no_route", "there is no route to it"),
        (_connector_error(errno.EACCES), "connect", "the connection could not be set up"),
        (aiohttp.ClientConnectionError("Connector is closed."), "connect", "the connection could not be set up"),
    ],
)
def test_why_there_was_no_connection_is_told_and_that_nothing_was_sent(
    error: Exception, reason: str, told: str
) -> None:
    found = attempt(safe=False).failure(error)
    assert isinstance(found, NotSentError)
    assert str(found) == f"bmc.example cannot be reached: {told}. Nothing was sent."
    assert (found.details, found.target, found.executed) == ({"reason": reason}, "idrac.lab", Executed.NO)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_machine_without_file_handles_is_overloaded_and_the_appliance_is_not_away(number: int) -> None:
    assert isinstance(attempt().failure(_connector_error(number)), OverloadedError)


@pytest.mark.parametrize("safe", [True, False])
def test_time_that_ran_out_is_told_by_how_far_the_attempt_came(safe: bool) -> None:
    one = attempt(safe=safe)
    assert isinstance(one.timed_out(1.0), OverloadedError)
    one.waiting = False
    assert isinstance(one.timed_out(1.0), NotSentError)
    one.connected(reused=False)
    error = one.timed_out(1.25)
    assert str(error) == "No complete answer to GET /x came within 1.2 s."
    assert error.executed is (Executed.NO if safe else Executed.UNKNOWN)
    assert ("Read the state back" in (error.next_step or "")) is not safe
    assert error.details == {"sends": 1, "timeout_s": 1.25}


async def test_every_sending_is_told_with_its_number_and_whether_the_connection_was_kept() -> None:
    told: list[SendEvent] = []
    async with (
        peer(OK, tls=identity().server) as server,
        transport_to(server.url, tls=TlsSettings(ca_file=ca_file()), target="pve", on_send=told.append) as http,
    ):
        for _ in range(2):
            await http.send(Request("GET", "/x", query={"secret": 1}))
    assert told == [SendEvent("GET /x", 1, False, "pve"), SendEvent("GET /x", 1, True, "pve")]
