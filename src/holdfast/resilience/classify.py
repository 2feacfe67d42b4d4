"""What an exception means: the guide's list of retried exceptions, minus what can never get better.

The guide's list taken literally is far too wide: by subclassing, `aiohttp.ClientError` covers invalid URLs, refused
certificates and every 4xx answer. `aiohttp` and `requests` are looked at only when the program has imported them.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

import pybreaker

from holdfast.resilience.errors import BulkheadFullError, DeadlineExceededError
from holdfast.resilience.model import Outcome, Retry, Verdict
from holdfast.resilience.retry_after import parse_retry_after

NOT_SENT: Final = Verdict(Outcome.FAILURE, Retry.ALWAYS)
"""Refused, no address, connecting timed out: nothing reached the other side."""
LOST: Final = Verdict(Outcome.FAILURE, Retry.IF_SAFE)
"""Sent, or maybe sent, and no usable answer."""
BROKEN: Final = Verdict(Outcome.FAILURE, Retry.NEVER)
"""The other side fails, and asking again does not help."""
PERMANENT: Final = Verdict(Outcome.NEUTRAL, Retry.NEVER)
"""Wrong request, wrong credential, wrong identity: says nothing about the health of the other side."""

Exceptions = type[BaseException] | tuple[type[BaseException], ...]

_NETWORK_ERRNOS: Final = frozenset(
    getattr(errno, name)
    for name in ("ENETDOWN", "ENETUNREACH", "ENETRESET", "EHOSTDOWN", "EHOSTUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL")
    if hasattr(errno, name)
)


def verdict_for_status(status: int, retry_after_s: float | None = None) -> Verdict:
    """What an HTTP status of 400 or more means.

    Args:
        status: The status code.
        retry_after_s: The answer's `Retry-After` in seconds, if any.
    """
    if status in (502, 503, 504):
        return Verdict(Outcome.FAILURE, Retry.IF_SAFE, retry_after_s)
    if status in (408, 425, 429):
        return Verdict(Outcome.NEUTRAL, Retry.IF_SAFE, retry_after_s)
    if status >= 500 and status != 501:
        return BROKEN
    return PERMANENT


def default_classify(error: BaseException) -> Verdict:
    """The verdict on an exception of the standard library, `aiohttp`, `requests` or this package (guide, "Retry
    Logic").

    An unknown exception counts as a failure and is not repeated.
    """
    if not isinstance(error, Exception) or isinstance(error, pybreaker.CircuitBreakerError | BulkheadFullError):
        return PERMANENT
    if isinstance(error, DeadlineExceededError):
        return PERMANENT if error.attempts == 0 else BROKEN
    for family in (_aiohttp, _requests):
        verdict = family(error)
        if verdict is not None:
            return verdict
    return _standard(error)


def _standard(error: Exception) -> Verdict:
    if isinstance(error, ssl.SSLError):
        # A peer that hangs up during the handshake is a network failure; all else concerns its identity.
        return LOST if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) else PERMANENT
    if isinstance(error, json.JSONDecodeError):
        return BROKEN
    if isinstance(error, ConnectionRefusedError | socket.gaierror):
        return NOT_SENT
    if isinstance(error, ConnectionError | TimeoutError):
        return LOST
    if isinstance(error, OSError) and error.errno in _NETWORK_ERRNOS:
        return LOST
    if isinstance(error, ValueError | TypeError):
        return PERMANENT
    return BROKEN


def _aiohttp(error: Exception) -> Verdict | None:
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp is None or not isinstance(error, aiohttp.ClientError):
        return None
    if isinstance(
        error,
        (
            aiohttp.InvalidURL,
            aiohttp.ClientSSLError,
            aiohttp.ServerFingerprintMismatch,
            aiohttp.TooManyRedirects,
            aiohttp.NonHttpUrlClientError,
        ),
    ):
        return PERMANENT
    if isinstance(error, aiohttp.ClientResponseError):
        if isinstance(error, aiohttp.ContentTypeError) or error.status < 400:
            return BROKEN
        return verdict_for_status(error.status, _header_wait(error.headers))
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return NOT_SENT
    return LOST


def _requests(error: Exception) -> Verdict | None:
    requests = sys.modules.get("requests")
    if requests is None or not isinstance(error, requests.exceptions.RequestException):
        return None
    kinds = requests.exceptions
    if isinstance(error, kinds.HTTPError) and error.response is not None:
        return verdict_for_status(error.response.status_code, _header_wait(error.response.headers))
    if isinstance(error, (kinds.JSONDecodeError, kinds.ContentDecodingError)):
        return BROKEN
    if isinstance(error, (kinds.SSLError, kinds.TooManyRedirects, ValueError)):
        return PERMANENT
    if isinstance(error, kinds.ConnectTimeout) or _never_connected(error):
        return NOT_SENT
    if isinstance(error, (kinds.ConnectionError, kinds.Timeout, kinds.ChunkedEncodingError)):
        return LOST
    return BROKEN


def _never_connected(error: Exception) -> bool:
    """Whether `requests` wraps urllib3's proof that no connection came about."""
    urllib3 = sys.modules.get("urllib3")
    if urllib3 is None:
        return False
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _header_wait(headers: Mapping[str, str] | None) -> float | None:
    return None if headers is None else parse_retry_after(headers.get("Retry-After"), time.time())


def guide_retries(error: BaseException) -> bool:
    """Whether the guide's decorator repeats this exception by default (guide, "Retry Logic")."""
    return default_classify(error).retry is not Retry.NEVER


def only(kinds: Exceptions) -> Callable[[BaseException], bool]:
    """Repeats exactly these exceptions and their subclasses, never what ends a task or the program.

    Raises:
        TypeError: One of them is no exception class.
    """
    given: tuple[object, ...] = kinds if isinstance(kinds, tuple) else (kinds,)
    for kind in given:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"retry_exceptions must be exception classes, not {kind!r}")
    return lambda error: isinstance(error, kinds) and isinstance(error, Exception)
