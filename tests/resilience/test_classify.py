"""What an exception means, for repeating and for the breaker."""

from __future__ import annotations

import errno
import json
import socket
import ssl
import subprocess
import sys

import aiohttp
import pytest
import requests
from aiohttp import ClientConnectorError
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from holdfast.resilience import (
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    Outcome,
    Retry,
    Verdict,
    default_classify,
    verdict_for_status,
)
from holdfast.resilience.classify import BROKEN, LOST, NOT_SENT, PERMANENT, only
from tests.resilience.http_errors import CONNECTION_KEY, http_error, request_info


def json_error() -> json.JSONDecodeError:
    return json.JSONDecodeError("Expecting value", "<html>", 0)


def refused() -> OSError:
    return OSError(errno.ECONNREFUSED, "Connection refused")


def response(status: int, **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers)
    return answer


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        # the standard library
        (ConnectionError("lost"), LOST),
        (ConnectionResetError(), LOST),
        (BrokenPipeError(), LOST),
        (TimeoutError(), LOST),
        (ConnectionRefusedError(), NOT_SENT),
        (socket.gaierror(-2, "Name or service not known"), NOT_SENT),
        (OSError(errno.EHOSTUNREACH, "No route to host"), LOST),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), LOST),
        (OSError(errno.ENOENT, "No such file"), BROKEN),
        (OSError("nameless"), BROKEN),
        (ssl.SSLCertVerificationError("expired"), PERMANENT),
        (ssl.SSLError("wrong version number"), PERMANENT),
        (ssl.SSLEOFError("eof in handshake"), LOST),
        (ssl.SSLZeroReturnError("closed"), LOST),
        (ValueError("bad"), PERMANENT),
        (TypeError("bad"), PERMANENT),
        (json_error(), BROKEN),
        (RuntimeError("unknown"), BROKEN),
        (KeyError("unknown"), BROKEN),
        (KeyboardInterrupt(), PERMANENT),
        (GeneratorExit(), PERMANENT),
        # this package
        (CircuitOpenError("api", 1.0), PERMANENT),
        (BulkheadFullError("api", 1, 1), PERMANENT),
        (DeadlineExceededError("api", "work", 0, 1.0), PERMANENT),
        (DeadlineExceededError("api", "work", 1, 1.0), BROKEN),
        # aiohttp
        (aiohttp.ClientError("bare"), LOST),
        (aiohttp.ServerDisconnectedError(), LOST),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), LOST),
        (aiohttp.ServerTimeoutError(), LOST),
        (aiohttp.SocketTimeoutError(), LOST),
        (aiohttp.ClientPayloadError(), LOST),
        (aiohttp.ConnectionTimeoutError(), NOT_SENT),
        (ClientConnectorError(CONNECTION_KEY, refused()), NOT_SENT),
        (aiohttp.ClientConnectorDNSError(CONNECTION_KEY, refused()), NOT_SENT),
        (aiohttp.ClientConnectorCertificateError(CONNECTION_KEY, Exception("expired")), PERMANENT),
        (aiohttp.ClientConnectorSSLError(CONNECTION_KEY, refused()), PERMANENT),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "host", 443), PERMANENT),
        (aiohttp.InvalidURL("http://"), PERMANENT),
        (aiohttp.NonHttpUrlClientError("ftp://host"), PERMANENT),
        (aiohttp.TooManyRedirects(request_info(), ()), PERMANENT),
        (aiohttp.ContentTypeError(request_info(), (), status=200), BROKEN),
        (aiohttp.ContentTypeError(request_info(), (), status=503), BROKEN),
        (http_error(503), LOST),
        (http_error(503, retry_after="7"), Verdict(Outcome.FAILURE, Retry.IF_SAFE, 7)),
        (http_error(503, retry_after="never"), LOST),
        (http_error(429, retry_after="7"), Verdict(Outcome.NEUTRAL, Retry.IF_SAFE, 7)),
        (http_error(500), BROKEN),
        (http_error(404), PERMANENT),
        (http_error(200), BROKEN),
        # requests
        (requests.ConnectionError("reset"), LOST),
        (requests.ConnectionError(), LOST),
        (requests.ConnectionError(ProtocolError("aborted")), LOST),
        (
            requests.ConnectionError(
                MaxRetryError(None, "/", NewConnectionError(None, "refused"))  # type: ignore[arg-type]  # not looked at
            ),
            NOT_SENT,
        ),
        (requests.ConnectTimeout(), NOT_SENT),
        (requests.ReadTimeout(), LOST),
        (requests.exceptions.ChunkedEncodingError(), LOST),
        (requests.exceptions.SSLError(), PERMANENT),
        (requests.TooManyRedirects(), PERMANENT),
        (requests.exceptions.InvalidURL(), PERMANENT),
        (requests.exceptions.MissingSchema(), PERMANENT),
        (requests.JSONDecodeError("Expecting value", "<html>", 0), BROKEN),
        (requests.exceptions.ContentDecodingError(), BROKEN),
        (requests.exceptions.RequestException("other"), BROKEN),
        (requests.HTTPError(response=response(503)), LOST),
        (
            requests.HTTPError(response=response(503, **{"Retry-After": "3"})),
            Verdict(Outcome.FAILURE, Retry.IF_SAFE, 3),
        ),
        (requests.HTTPError(response=response(403)), PERMANENT),
        (requests.HTTPError("without an answer"), BROKEN),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, BaseException) else "",
)
def test_the_verdict_on_each_exception(error: BaseException, verdict: Verdict) -> None:
    assert default_classify(error) == verdict


@pytest.mark.parametrize(
    ("statuses", "outcome", "retry"),
    [
        ((502, 503, 504), Outcome.FAILURE, Retry.IF_SAFE),
        ((408, 425, 429), Outcome.NEUTRAL, Retry.IF_SAFE),
        ((500, 505, 507, 520, 596), Outcome.FAILURE, Retry.NEVER),
        ((501,), Outcome.NEUTRAL, Retry.NEVER),
        ((400, 401, 403, 404, 405, 409, 410, 422, 499), Outcome.NEUTRAL, Retry.NEVER),
    ],
)
def test_the_verdict_on_each_status(statuses: tuple[int, ...], outcome: Outcome, retry: Retry) -> None:
    for status in statuses:
        verdict = verdict_for_status(status, 3.0)
        assert (verdict.outcome, verdict.retry) == (outcome, retry), status
        assert verdict.retry_after_s == (3.0 if retry is Retry.IF_SAFE else None)


def test_only_repeats_what_it_is_told_and_never_what_ends_a_task() -> None:
    repeats = only((OSError, KeyboardInterrupt))
    assert repeats(ConnectionError())
    assert not repeats(ValueError())
    assert not repeats(KeyboardInterrupt())


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = """
import sys
sys.modules["redis"] = None  # pybreaker imports it where it is installed, and it imports much
import holdfast.resilience
heavy = {"aiohttp", "requests", "tenacity", "prometheus_client", "structlog", "opentelemetry", "pydantic", "mcp"}
print(sorted(heavy & set(sys.modules)))
foreign = [name for name in sys.modules if name.startswith("holdfast.") and not name.startswith("holdfast.resilience")]
print(foreign)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]
