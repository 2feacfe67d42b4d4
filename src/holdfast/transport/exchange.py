"""The side of `HttpTransport` that knows aiohttp; imported with the first request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from holdfast.errors import HoldfastError, NotSentError
from holdfast.transport.attempt import Attempt, StopError
from holdfast.transport.deadline import time_left
from holdfast.transport.givenup import outlived
from holdfast.transport.http import HttpTransport, SendEvent, merged
from holdfast.transport.intake import FileSink, Intake, Sink
from holdfast.transport.limits import Limits
from holdfast.transport.messages import Headers, Reply, Request
from holdfast.transport.outgoing import outgoing
from holdfast.transport.tls import ssl_context
from holdfast.transport.urls import query_string

if TYPE_CHECKING:
    from aiohttp.client import _RequestOptions

_STREAM_FROM = 256 * 1024


async def exchange(
    transport: HttpTransport, request: Request, *, file: FileSink | None = None, file_cap: int | None = None
) -> Reply:
    """Send `request` once and read the answer, into `file` when it is given and the status is 2xx."""
    budget = time_left(request.attempt_timeout_s)
    attempt = _attempt(transport, request)
    options = _options(transport, request, attempt, download=file is not None)
    url = URL(str(transport.origin) + _target(request), encoded=True)
    body = bytearray()
    started = time.monotonic()

    async def carry() -> Reply:
        response = await _session(transport, request).request(request.method, url, **options)
        try:
            if response.status == 101:
                raise attempt.protocol("The appliance switched to another protocol without being asked.")
            limits = request.limits or transport.limits
            if file is not None and 200 <= response.status < 300:
                most = limits.download_bytes if file_cap is None else file_cap
                await _take_in(response, attempt, limits, file.write, most)
            else:
                await _take_in(response, attempt, limits, body.extend, None)
        except BaseException:
            response.close()
            raise
        # Read to its end, by which its connection is free again.
        return Reply(
            status=response.status,
            reason=_clean(response.reason or ""),
            headers=Headers([(name, _clean(value)) for name, value in response.headers.items()]),
            body=bytes(body),
            method=request.method,
            sends=attempt.sends,
            elapsed_s=time.monotonic() - started,
            limits=request.limits or transport.limits,
        )

    given_up = transport.given_up
    try:
        async with asyncio.timeout(budget), transport.pool.slot(transport.origin.host, transport.origin.port):
            attempt.waiting = False
            return await (carry() if given_up is None else outlived(carry, attempt, given_up))
    except StopError as stop:
        raise stop.error from stop.__cause__
    except HoldfastError:
        raise  # some of them are TimeoutErrors or OSErrors too
    except aiohttp.ConnectionTimeoutError as error:
        raise attempt.failure(error) from None
    except TimeoutError:
        raise attempt.timed_out(budget) from None
    except aiohttp.ClientError as error:
        raise attempt.failure(error) from error


def _attempt(transport: HttpTransport, request: Request) -> Attempt:
    def count(event: SendEvent) -> None:
        transport.requests_sent += 1
        if transport.on_send is not None:
            transport.on_send(event)

    return Attempt(
        safe=request.safe, label=request.label, origin=transport.origin, target=transport.target, on_send=count
    )


def _session(transport: HttpTransport, request: Request) -> aiohttp.ClientSession:
    if transport.pool.closed:
        raise NotSentError("Holdfast is shutting down; nothing was sent.", target=transport.target)
    return transport.pool.session(None if request.fresh_connection else transport.keepalive_s)


def _target(request: Request) -> str:
    query = query_string(request.query)
    if not query:
        return request.target
    return f"{request.target}{'&' if '?' in request.target else '?'}{query}"


def _options(transport: HttpTransport, request: Request, attempt: Attempt, *, download: bool) -> _RequestOptions:
    headers = merged(transport.headers, {"Accept-Encoding": "identity"} if download else {}, request.headers)
    limits = request.limits or transport.limits
    options: _RequestOptions = {
        "allow_redirects": False,
        "timeout": _timeouts(request.connect_timeout_s),
        "trace_request_ctx": attempt,
        "middlewares": (attempt,),
        "max_line_size": limits.header_line_bytes,
        "max_field_size": limits.header_line_bytes,
        "max_headers": limits.header_count,
    }
    if transport.origin.tls:
        options["ssl"] = ssl_context(transport.tls)
        options["server_hostname"] = transport.tls.server_name
    if transport.proxy is not None:
        options["proxy"] = transport.proxy.url
        options["proxy_headers"] = transport.proxy.headers
        if not transport.origin.tls:  # no tunnel: the proxy reads the request's own fields
            headers = merged(headers, transport.proxy.headers)
    body = outgoing(request)
    if body is not None:
        if body.content_type is not None:
            headers = merged({"Content-Type": body.content_type}, headers)
        data = body.in_memory() if body.length <= _STREAM_FROM else None
        if data is None:
            headers["Content-Length"] = str(body.length)
            options["data"] = _noted(body.stream(), attempt)
        else:
            options["data"] = data
    options["headers"] = headers
    return options


async def _noted(blocks: AsyncIterator[bytes], attempt: Attempt) -> AsyncIterator[bytes]:
    """A body that is streamed, and noted as sent when it is."""
    attempt.whole = False
    async for block in blocks:
        yield block
    attempt.whole = True


@lru_cache(maxsize=64)
def _timeouts(connect_s: float) -> aiohttp.ClientTimeout:
    # `connect` bounds name resolution, TCP and TLS together; the whole attempt is bounded outside of aiohttp.
    return aiohttp.ClientTimeout(total=None, connect=connect_s, ceil_threshold=float("inf"))


async def _take_in(
    response: aiohttp.ClientResponse, attempt: Attempt, limits: Limits, sink: Sink, cap: int | None
) -> None:
    intake = Intake(response.headers.get("Content-Encoding", ""), limits, sink, executed=attempt.executed, cap=cap)
    if response.content_length is not None and response.method != "HEAD":
        intake.expect(response.content_length)
    async for block in response.content.iter_any():
        intake.feed(block)
    intake.finish()


def _clean(text: str) -> str:
    # aiohttp keeps bytes that are not UTF-8 as lone surrogates, which nothing downstream could encode.
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
