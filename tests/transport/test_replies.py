"""`Reply`, `Headers` and what importing this room costs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

import holdfast.transport
from holdfast.errors import LoginPageError, ProtocolError
from holdfast.transport import Headers, Reply


def test_headers_are_read_in_any_case_and_repeated_ones_are_kept() -> None:
    headers = Headers([("Set-Cookie", "a=1"), ("ETag", 'W/"x"'), ("set-cookie", "b=2")])
    assert headers["etag"] == headers["ETAG"] == 'W/"x"'
    assert headers.get_all("SET-COOKIE") == ["a=1", "b=2"]
    assert headers.get("missing") is None
    assert headers.get_all("missing") == []
    assert "Etag" in headers
    assert "missing" not in headers
    assert sorted(headers) == ["etag", "set-cookie"]
    assert len(headers) == 2


def test_a_reply_does_not_show_what_it_holds() -> None:
    reply = Reply(200, "OK", Headers({"X-Auth-Token": "canary"}), b'{"password": "canary"}')
    assert "canary" not in repr(reply)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "999999999"}, 999_999_999.0),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:27 GMT"}, 10.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 09:00:00 GMT"}, 0.0),
        ({"Retry-After": "Mon, 01 Jan 2024 00:01:00 GMT"}, 60.0),
        ({"Retry-After": "Mon, 01 Jan 2024 00:01:00 -0000"}, 60.0),
        ({"Retry-After": "Mon, 99 Jan 2024 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date_on_the_appliances_own_clock(
    headers: dict[str, str], wanted: float | None
) -> None:
    reply = Reply(503, headers=Headers(headers))
    assert reply.retry_after_s(datetime(2024, 1, 1, tzinfo=UTC)) == wanted


def test_a_web_page_and_an_empty_body_are_no_data() -> None:
    page = Reply(401, headers=Headers({"Content-Type": "text/html; charset=utf-8"}), body=b"<html>")
    assert page.content_type == "text/html"
    with pytest.raises(LoginPageError) as caught:
        page.json()
    assert caught.value.details["status"] == 401
    with pytest.raises(ProtocolError):
        Reply(200, body=b" \r\n").json()
    assert Reply(200, body=b" \r\n").json_or_none() is None
    assert Reply(200, body=b"null").json() is None
    with pytest.raises(LoginPageError):
        page.json_or_none()


def test_importing_this_room_and_its_names_loads_neither_aiohttp_nor_pybreaker() -> None:
    code = (
        "import sys; import holdfast.transport as t\n"
        "from holdfast.transport import ConnectionPool, HttpTransport, JsonRpcSocket, Request, TlsSettings, path\n"
        "HttpTransport('https://h', pool=ConnectionPool(), tls=TlsSettings(verify=False)); Request('GET', path('a'))\n"
        "print(sorted(m for m in ('aiohttp', 'cryptography', 'pybreaker', 'tenacity') if m in sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_every_public_name_can_be_imported() -> None:
    for name in holdfast.transport.__all__:
        assert getattr(holdfast.transport, name) is not None
    with pytest.raises(AttributeError):
        holdfast.transport.nothing  # noqa: B018 - the access is what is tested
