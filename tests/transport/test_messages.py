"""Requests that are refused before they exist, and replies that say what they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.errors import Executed, InputError, LoginPageError, ProtocolError
from holdfast.transport import Headers, Part, Reply, Request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize("method", METHODS)
def test_a_get_or_head_is_safe_and_has_no_body_but_json(method: str) -> None:
    safe = method in ("GET", "HEAD")
    assert Request(method, "/x").safe is safe
    assert Request(method, "/x", json={}).json == {}
    for body in ({"form": {"a": 1}}, {"multipart": [Part("a", "b")]}, {"content": b""}):
        if safe:
            with pytest.raises(InputError, match="no body except json"):
                Request(method, "/x", **body)
        else:
            Request(method, "/x", **body)


@pytest.mark.parametrize("method", ["get", "CONNECT", "TRACE", "OPTIONS", "", "GET "])
def test_no_other_method_is_sent(method: str) -> None:
    with pytest.raises(InputError, match="The method must be"):
        Request(method, "/x")


def test_a_request_has_one_body_at_most() -> None:
    with pytest.raises(InputError, match="one body"):
        Request("POST", "/x", json={}, content=b"")
    with pytest.raises(InputError, match="one body"):
        Request("GET", "/x", json={}, form={"a": 1})


@pytest.mark.parametrize("target", ["x", "//evil.example/", "/a/../b", "/a b"])
def test_a_target_that_leaves_its_place_is_refused(target: str) -> None:
    with pytest.raises(InputError):
        Request("GET", target)


@pytest.mark.parametrize("name", ["attempt_timeout_s", "connect_timeout_s"])
def test_times_are_more_than_nothing(name: str) -> None:
    Request("GET", "/x", **{name: 0.001})  # type: ignore[arg-type]  # one field at a time
    for wrong in (0, -1):
        with pytest.raises(InputError, match="more than 0 seconds"):
            Request("GET", "/x", **{name: wrong})  # type: ignore[arg-type]  # one field at a time


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("X A", "b", "A header name contains characters that are not allowed."),
        ("", "b", "A header name contains characters that are not allowed."),
        ("X-A\n", "b", "A header name contains characters that are not allowed."),
        ("HOST", "b", "The header HOST is set by the transport."),
        ("te", "b", "The header te is set by the transport."),
        ("X-A", "b\n", "The value of the header X-A contains characters that are not allowed."),
        ("X-A", "b\x1b", "The value of the header X-A contains characters that are not allowed."),
        ("X-A", "\u00e9", "The value of the header X-A contains characters that are not allowed."),
    ],
)
def test_a_field_that_could_forge_another_is_refused_and_named(name: str, value: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        Request("GET", "/x", headers={"X-Fine": "\tany text ~", name: value})
    assert str(caught.value) == told


def test_headers_are_the_same_whether_given_by_name_or_one_by_one() -> None:
    for headers in (Headers({"ETag": "x"}), Headers([("ETag", "x")])):
        assert dict(headers) == {"etag": "x"}
        assert "etag" in headers
        assert "other" not in headers
        assert not headers.__contains__(5)


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False)])
def test_a_reply_is_good_when_its_status_says_so(status: int, ok: bool) -> None:
    assert Reply(status).ok is ok


PAGE = Reply(200, headers=Headers({"Content-Type": "text/html"}), body=b"{}")


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_that_cannot_be_read_says_whether_anything_may_have_been_executed(method: str) -> None:
    wanted = Executed.NO if method in ("GET", "HEAD") else Executed.UNKNOWN
    page, empty, broken = (
        Reply(200, headers=PAGE.headers, body=b"{}", method=method),
        Reply(200, body=b" \r\n", method=method),
        Reply(200, body=b"{", method=method),
    )
    for reply, error in ((page, LoginPageError), (empty, ProtocolError), (broken, ProtocolError)):
        with pytest.raises(error) as caught:
            reply.json()
        assert caught.value.executed is wanted


def test_a_web_page_an_empty_body_and_data_are_told_apart() -> None:
    assert PAGE.is_html
    assert not Reply(200, body=b"{}").is_html
    with pytest.raises(LoginPageError, match=r"a web page instead of data \(HTTP 200\)"):
        PAGE.json_or_none()
    with pytest.raises(ProtocolError, match=r"an empty body where data was expected \(HTTP 200\)"):
        Reply(200, body=b" \n").json()
    assert Reply(200, body=b" \n").json_or_none() is None
    assert Reply(200, body=b"[1]").json_or_none() == [1]


def _asked(text: str, date: str | None = None, now: datetime | None = None) -> float | None:
    fields = {"Retry-After": text} | ({"Date": date} if date else {})
    return Reply(503, headers=Headers(fields)).retry_after_s(now)


NOW = datetime(1994, 11, 6, 8, 49, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("6 Nov 94 08:50 GMT", None),
        ("6 Nov 1994 8:50 GMT", None),
        ("6 Nov 1994 08:50 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:50:00 GMT (a-machine)", None),
        ("Sun, 06 Nov 1994 08:50:00 GMT (amachine)", 60.0),
        ("Sun, 06 Nov 1994 09:50:00 +0100", 60.0),
        ("Sun, 06 Nov 1994 08:50:00 -0000", 60.0),
        ("Sun, 06 Nov 1994 08:48:00 GMT", 0.0),
        ("Sun, 36 Nov 1994 08:48:00 GMT", None),
        ("7.5", 7.5),
        ("0", 0.0),
        ("7.", None),
        ("1234567890", None),
        ("", None),
    ],
)
def test_a_wait_that_is_asked_for_is_read_in_the_forms_of_the_standard(text: str, wanted: float | None) -> None:
    assert _asked(text, now=NOW) == wanted


def test_a_date_is_compared_with_the_appliances_own_before_ours() -> None:
    asked = "Sun, 06 Nov 1994 08:50:00 GMT"
    assert _asked(asked, date="Sun, 06 Nov 1994 08:49:55 GMT", now=NOW) == 5.0
    assert _asked(asked, date="unreadable", now=NOW) == 60.0
    soon = datetime.now(UTC) + timedelta(seconds=100)
    found = _asked(soon.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    assert found is not None
    assert 80 < found <= 100
