"""Connections that never finish their request headers do not occupy the server."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class HeaderLimits:
    """Limits shared by all connections of a server.

    Args:
        header_timeout_s: A connection that has not sent complete headers by then is closed, seconds.
        max_waiting: Connections that may be without complete headers at once; the oldest goes first.
    """

    def __init__(self, header_timeout_s: float, max_waiting: int) -> None:
        self.header_timeout_s = header_timeout_s
        self.max_waiting = max_waiting
        self.waiting: OrderedDict[int, asyncio.BaseTransport] = OrderedDict()


def protocol_class(limits: HeaderLimits) -> type[H11Protocol]:
    """A uvicorn HTTP protocol that holds these limits."""

    class LimitedProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._await_headers()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.scope is not None:
                self._headers_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self.scope = None  # type: ignore[assignment]

        def connection_lost(self, exc: Exception | None) -> None:
            self._headers_complete()
            super().connection_lost(exc)

        def _await_headers(self) -> None:
            limits.waiting[id(self)] = self.transport
            if len(limits.waiting) > limits.max_waiting:
                _, oldest = limits.waiting.popitem(last=False)
                _abort(oldest)
            self._timer = self.loop.call_later(limits.header_timeout_s, self._give_up)

        def _headers_complete(self) -> None:
            limits.waiting.pop(id(self), None)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            limits.waiting.pop(id(self), None)
            _abort(self.transport)

    return LimitedProtocol


def _abort(transport: Any) -> None:  # noqa: ANN401 - uvicorn's transports are TLS or plain, both can abort
    transport.abort()
