"""Connections that a fault leaves without any answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class SilentProtocol(asyncio.Protocol):
    """A connection that takes bytes and never answers."""

    def __init__(self, on_lost: Callable[[SilentProtocol], None]) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._aborted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._aborted:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of `asyncio.Protocol`."""
        self._on_lost(self)

    def abort(self) -> None:
        """End it."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()
