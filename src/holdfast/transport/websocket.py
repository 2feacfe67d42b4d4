"""`Wire` over an aiohttp WebSocket; imported with the first connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import aiohttp
from yarl import URL

from holdfast.errors import (
    ApplianceError,
    AuthenticationError,
    ConfigError,
    HoldfastError,
    LimitError,
    LostReplyError,
    NotSentError,
    PermissionDeniedError,
    ProtocolError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.transport.attempt import Attempt, StopError
from holdfast.transport.deadline import time_left
from holdfast.transport.http import merged
from holdfast.transport.limits import Limits
from holdfast.transport.messages import check_headers
from holdfast.transport.pool import ConnectionPool, trace_config
from holdfast.transport.proxy import Proxy
from holdfast.transport.tls import TlsSettings, ssl_context
from holdfast.transport.urls import Origin, check_target
from holdfast.transport.wire import WireClosed

_CLOSE_WAIT_S = 1.0
_HANDSHAKE: dict[int, tuple[type[ApplianceError], str]] = {
    401: (AuthenticationError, "refused the credential"),
    403: (PermissionDeniedError, "does not allow access"),
    404: (UnsupportedError, "has no such endpoint"),
    502: (UnavailableError, "cannot answer now"),
    503: (UnavailableError, "cannot answer now"),
    504: (UnavailableError, "cannot answer now"),
}


async def open_wire(
    url: str,
    *,
    pool: ConnectionPool,
    tls: TlsSettings,
    limits: Limits,
    headers: Mapping[str, str],
    proxy: str | None,
    target: str | None,
    open_timeout_s: float,
    connect_timeout_s: float,
    ping_interval_s: float,
) -> WebSocketWire:
    """Open a WebSocket; see `JsonRpcSocket.connect`."""
    origin, rest = Origin.parse(url, ("wss", "ws"))
    try:
        request_target = check_target(rest or "/")
    except HoldfastError:
        raise ConfigError("The path of the socket's URL contains characters that are not allowed.") from None
    check_headers(headers)
    budget = time_left(open_timeout_s)
    label = f"opening {request_target.partition('?')[0]}"
    attempt = Attempt(safe=True, label=label, origin=origin, target=target, on_send=None)
    attempt.waiting = False
    session = _session(pool, attempt, limits, connect_timeout_s, target)
    via = Proxy.parse(proxy) if proxy is not None else None
    try:
        async with asyncio.timeout(budget):
            socket = await session.ws_connect(
                URL(str(origin) + request_target, encoded=True),
                headers=headers if via is None or origin.tls else merged(headers, via.headers),
                proxy=None if via is None else via.url,
                proxy_headers=None if via is None else via.headers,
                ssl=ssl_context(tls) if origin.tls else True,
                server_hostname=tls.server_name,
                heartbeat=ping_interval_s,
                compress=0,
                max_msg_size=limits.wire_bytes + 1,  # the first size that aiohttp refuses
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_WAIT_S),
            )
    except (StopError, TimeoutError, aiohttp.ClientError) as error:
        raise _opening_error(error, attempt, budget) from None
    finally:
        await session.close()  # the connection is the socket's own from here on
    return WebSocketWire(socket, target)


def _session(
    pool: ConnectionPool, attempt: Attempt, limits: Limits, connect_timeout_s: float, target: str | None
) -> aiohttp.ClientSession:
    if pool.closed:
        raise NotSentError("Holdfast is shutting down; nothing was sent.", target=target)
    # ws_connect takes neither a middleware nor a trace context of its own, so the socket has a session of its own,
    # on the pool's connector. The middleware is what keeps it from following redirects.
    return aiohttp.ClientSession(
        connector=pool.session(None).connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout_s, ceil_threshold=float("inf")),
        middlewares=(attempt,),
        trace_configs=[trace_config(attempt)],
        max_line_size=limits.header_line_bytes,
        max_field_size=limits.header_line_bytes,
        max_headers=limits.header_count,
    )


def _opening_error(
    error: StopError | TimeoutError | aiohttp.ClientError, attempt: Attempt, budget: float
) -> HoldfastError:
    if isinstance(error, StopError):
        return error.error
    if isinstance(error, aiohttp.WSServerHandshakeError):
        if error.status == 101:
            return attempt.protocol("The appliance's answer to the opening of the socket is not a WebSocket's.")
        kind, what = _HANDSHAKE.get(error.status, (None, ""))
        if kind is None:
            return attempt.protocol(f"The appliance did not open the socket (HTTP {error.status}).")
        return kind(
            f"The appliance {what} (HTTP {error.status} to the opening of the socket).",
            status=error.status,
            target=attempt.target,
        )
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return attempt.failure(error)
    if isinstance(error, TimeoutError):
        return attempt.timed_out(budget)
    return attempt.failure(error)


class WebSocketWire:
    """An open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], target: str | None) -> None:
        self._socket = socket
        self._target = target

    @property
    def certificate(self) -> bytes | None:
        """The certificate that the peer showed, DER; None on a plain connection. For the binding of logins to it."""
        tls = self._socket.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None

    async def send(self, text: str) -> None:
        """Write a text frame.

        Raises:
            WireClosed: The socket is closed; `before_sending` tells whether that was known before writing.
        """
        if self._socket.get_extra_info("socket") is None:
            raise WireClosed(self._socket.close_code or 1006, "", before_sending=True)
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError):
            raise WireClosed(1006, "") from None

    async def receive(self) -> str:
        """The next text frame.

        Raises:
            WireClosed: Closed, cut off, no answer to a ping, or something that is not text within the limits.
        """
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        if message.type is aiohttp.WSMsgType.BINARY:
            error = ProtocolError("The appliance sent a binary message where text was expected.", target=self._target)
            raise WireClosed(1003, "", error)
        if message.type is aiohttp.WSMsgType.CLOSE:
            code = int(message.data or 1005)
            raise WireClosed(code, str(message.extra or ""))
        if isinstance(message.data, BaseException):
            raise self._broken(message.data)
        raise WireClosed(self._socket.close_code or 1006, "")

    def _broken(self, error: BaseException) -> WireClosed:
        if isinstance(error, aiohttp.WebSocketError):
            if error.code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                limit = LimitError("The appliance sent a message over the size limit.", target=self._target)
                return WireClosed(int(error.code), "", limit)
            return WireClosed(
                int(error.code), "", ProtocolError("The appliance broke the WebSocket protocol.", target=self._target)
            )
        lost = LostReplyError("The appliance did not answer a ping.", target=self._target)
        return WireClosed(1006, "", lost if isinstance(error, TimeoutError) else None)

    async def close(self, code: int) -> None:
        """Close the socket, waiting at most a second for the peer's agreement."""
        await self._socket.close(code=code)
