"""Clients that are slow on purpose do not occupy the server.

A connection that works on a complete request is never cut off here; one that keeps the server waiting, for the rest of
a request or for an answer to be taken, has a time limit, and is the first to go when there are too many.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass
class ConnectionLimits:
    """Limits shared by all connections of a server.

    Attributes:
        header_timeout_s: Seconds from the connection, or the first byte of a further request, to complete headers.
        transfer_timeout_s: Seconds from complete headers to a complete body, and for which nobody takes in an answer.
        max_connections: Connections at once. Above it the one goes that keeps the server waiting the longest.
        open: Connections there are now.
        waiting: Those that work on no complete request, the longest first.
    """

    header_timeout_s: float
    transfer_timeout_s: float
    max_connections: int
    open: set[int] = field(default_factory=set)
    waiting: OrderedDict[int, asyncio.BaseTransport] = field(default_factory=OrderedDict)


class _Phase(Enum):
    HEADERS = "the headers are awaited"
    BODY = "the body is awaited"
    IDLE = "kept open between requests"
    WORK = "a complete request is worked on"


def protocol_class(limits: ConnectionLimits) -> type[H11Protocol]:
    """A uvicorn HTTP protocol that holds these limits."""
    times = {_Phase.HEADERS: limits.header_timeout_s, _Phase.BODY: limits.transfer_timeout_s}

    class LimitedProtocol(H11Protocol):
        _phase = _Phase.WORK
        _timer: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            limits.open.add(id(self))
            self._enter(_Phase.HEADERS)
            if len(limits.open) > limits.max_connections:
                _, slowest = limits.waiting.popitem(last=False)
                _abort(slowest)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._observe()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._observe()
            if self.transport.is_closing():
                self._await_taking(True)  # closing waits until everything is sent

        def pause_writing(self) -> None:
            super().pause_writing()
            self._await_taking(True)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._await_taking(self.transport.is_closing())

        def connection_lost(self, exc: Exception | None) -> None:
            self._enter(_Phase.WORK)
            self._await_taking(False)
            limits.open.discard(id(self))
            super().connection_lost(exc)

        def _await_taking(self, awaited: bool) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
            limit = limits.transfer_timeout_s
            self._stalled = self.loop.call_later(limit, _abort, self.transport) if awaited else None

        def _observe(self) -> None:
            theirs = self.conn.their_state
            if theirs is h11.SEND_BODY:
                self._enter(_Phase.BODY)
            elif theirs is h11.IDLE:
                begun, _ = self.conn.trailing_data
                first = self.cycle is None
                self._enter(_Phase.HEADERS if first or begun else _Phase.IDLE)
            else:
                self._enter(_Phase.WORK)

        def _enter(self, phase: _Phase) -> None:
            if phase is self._phase:
                return
            self._phase = phase
            if self._timer is not None:
                self._timer.cancel()
            limit = times.get(phase)
            self._timer = None if limit is None else self.loop.call_later(limit, _abort, self.transport)
            if phase is _Phase.WORK:
                limits.waiting.pop(id(self), None)
            else:
                limits.waiting.setdefault(id(self), self.transport)

    return LimitedProtocol


def _abort(transport: Any) -> None:  # noqa: ANN401 - uvicorn's transports are TLS or plain, both can abort
    transport.abort()
