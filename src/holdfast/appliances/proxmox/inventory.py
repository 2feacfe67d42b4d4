"""The cluster's inventory: one call, kept for a few seconds, shared by all who ask at once (contract 8)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from holdfast.transport.values import JsonObject

MAX_AGE_S: Final = 10.0
"""Nodes push their statistics about every 10 s: asking more often shows nothing new."""

Rows = list[JsonObject]


class Inventory:
    """Rows of GET /cluster/resources, sorted by id.

    Args:
        fetch: Asks the appliance.
        max_age_s: How long an answer is used, seconds.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Rows]],
        *,
        max_age_s: float = MAX_AGE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._max_age_s = max_age_s
        self._monotonic = monotonic
        self._rows: Rows | None = None
        self._at = 0.0
        self._flight: asyncio.Task[Rows] | None = None

    async def rows(self, *, fresh: bool = False) -> Rows:
        """The rows; with `fresh` asked anew (a call already under way is joined)."""
        if not fresh and self._rows is not None and self._monotonic() - self._at < self._max_age_s:
            return self._rows
        flight = self._flight
        if flight is None or flight.done():
            # A task of its own: whoever asked first may give up, the others still want the answer.
            flight = asyncio.create_task(self._load())
            flight.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._flight = flight
        return await asyncio.shield(flight)

    def forget(self) -> None:
        """Something was changed: what is kept, or on its way, is too old."""
        self._rows = None
        self._flight = None

    async def _load(self) -> Rows:
        began = self._monotonic()
        me = asyncio.current_task()
        rows = sorted(await self._fetch(), key=lambda row: str(row.get("id", "")))
        if self._flight is me:
            self._rows, self._at = rows, began
        return rows

    async def close(self) -> None:
        """End a call under way."""
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        self._flight = None
