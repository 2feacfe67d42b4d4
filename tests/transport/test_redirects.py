"""No redirect is followed and no credential reaches a second host."""

from __future__ import annotations

import pytest

from holdfast.errors import Executed, RedirectError
from holdfast.transport import JsonRpcSocket, Request, TlsSettings
from tests.transport.peers import CREDENTIALS, OK, SECRET, ca_file, identity, peer, transport_to
from tests.transport.proofs import PROMISED, Recorder, record

_CROSS = [(status, "http://127.0.0.1:{other}/stolen") for status in (301, 302, 303, 307, 308)]
_SAME_HOST = [(status, "https://127.0.0.1:{own}/elsewhere") for status in (301, 302, 303, 307, 308)]
_PATH = [(status, "/elsewhere") for status in (301, 302, 303, 307, 308)]
_ODD = [
    (302, "//127.0.0.1:{other}/stolen"),
    (302, "HTTP://127.0.0.1:{other}/stolen"),
    (302, "http://user:pass@127.0.0.1:{other}/stolen"),
    (302, "http://127.0.0.1:{own}@127.0.0.1:{other}/stolen"),
    (302, "http:\\\\127.0.0.1:{other}\\stolen"),
    (302, "\\\\127.0.0.1:{other}\\stolen"),
    (302, " \t http://127.0.0.1:{other}/stolen"),
    (302, "http://localhost:{other}/stolen"),
    (302, "?login=1"),
    (302, "elsewhere"),
    (302, "http://[::1"),
    (300, "http://127.0.0.1:{other}/stolen"),
    (305, "http://127.0.0.1:{other}/"),
    (306, "http://127.0.0.1:{other}/"),
    (307, "http://127.0.0.1:{other}/stolen\r\nLocation: https://127.0.0.1:{own}/elsewhere"),
]
VARIANTS = _CROSS + _SAME_HOST + _PATH + _ODD


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("status", "location"), VARIANTS)
async def test_a_redirect_is_refused_and_the_second_host_hears_nothing(
    status: int, location: str, method: str, record_property: Recorder
) -> None:
    assert len(VARIANTS) == PROMISED["redirect_variants"]
    async with peer(OK) as other:
        head = f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"

        async def redirect(exchange: object) -> None:
            text = head.replace("{other}", str(other.port)).replace("{own}", str(first.port))
            await exchange.write(text.encode())  # type: ignore[attr-defined]  # an Exchange

        async with (
            peer(redirect, tls=identity().server) as first,
            transport_to(first.url, tls=TlsSettings(ca_file=ca_file())) as http,
        ):
            body = {"password": SECRET} if method == "POST" else None
            with pytest.raises(RedirectError) as caught:
                await http.send(Request(method, "/login", headers=CREDENTIALS, json=body))
        followed = len(first.arrivals) - 1 + other.connections
        leaked = other.received.count(SECRET.encode()) * len(SECRET)
    record(record_property, "redirects_followed", followed)
    record(record_property, "redirect_credential_bytes_at_second_host", leaked)
    assert followed == PROMISED["redirects_followed"]
    assert leaked == PROMISED["redirect_credential_bytes_at_second_host"]
    assert caught.value.executed is (Executed.NO if method == "GET" else Executed.UNKNOWN)
    assert caught.value.details["status"] == status
    assert "stolen" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_opening_of_a_socket_follows_no_redirect_either(status: int) -> None:
    async with peer(OK) as other:
        head = f"HTTP/1.1 {status} Go\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        async with peer(head.encode()) as first, transport_to(first.url) as http:
            url = first.url.replace("http", "ws") + "/api/current"
            with pytest.raises(RedirectError):
                await JsonRpcSocket.connect(url, pool=http.pool, headers={"X-API-Key": SECRET})
        assert other.connections == 0
        assert len(first.arrivals) == 1


async def test_a_redirect_from_http_to_https_says_to_change_the_url() -> None:
    async def redirect(exchange: object) -> None:
        location = f"https://127.0.0.1:{first.port}/"
        await exchange.write(  # type: ignore[attr-defined]  # an Exchange
            f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    async with peer(redirect) as first, transport_to(first.url) as http:
        with pytest.raises(RedirectError) as caught:
            await http.send(Request("GET", "/"))
    assert caught.value.next_step == "Use https:// in the target's URL."


@pytest.mark.parametrize("status", [201, 202, 304])
async def test_a_location_that_is_no_redirect_is_a_reply(status: int) -> None:
    head = f"HTTP/1.1 {status} Fine\r\nLocation: /redfish/v1/Sessions/1\r\nContent-Length: 0\r\n\r\n"
    async with peer(head.encode()) as first, transport_to(first.url) as http:
        reply = await http.send(Request("GET", "/"))
    assert (reply.status, reply.headers["LOCATION"]) == (status, "/redfish/v1/Sessions/1")


async def test_a_redirect_status_without_location_is_a_reply() -> None:
    async with peer(b"HTTP/1.1 302 Odd\r\nContent-Length: 0\r\n\r\n") as first, transport_to(first.url) as http:
        assert (await http.send(Request("GET", "/"))).status == 302
