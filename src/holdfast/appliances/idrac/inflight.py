"""Leave to have so many requests at an iDRAC: one that was given up counts there until it is answered (contract 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

from holdfast.errors import Executed, OverloadedError
from holdfast.resilience import remaining_s

LISTEN_S: Final = 60.0
"""How long the answer to a request that was given up is waited for, seconds: twice the slowest that was seen."""


class _Place:
    """One place that is held, and what goes on in it when its holder has gone."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._going_on: set[asyncio.Future[Any]] = set()
        self._left = False
        self.requests: set[asyncio.Future[Any]] = set()

    def keep(self, going_on: asyncio.Future[Any]) -> None:
        self._going_on.add(going_on)
        going_on.add_done_callback(self._ended)

    def keep_request(self, request: asyncio.Future[Any]) -> None:
        self.requests.add(request)
        request.add_done_callback(self.requests.discard)
        self.keep(request)

    def leave(self) -> None:
        self._left = True
        self._free()

    def _ended(self, done: asyncio.Future[Any]) -> None:
        self._going_on.discard(done)
        if self._left:
            self._free()

    def _free(self) -> None:
        if not self._going_on:
            self._left = False
            self._places.release()


_held: ContextVar[tuple[_Place, ...]] = ContextVar("idrac_places_held", default=())


def keep_place(going_on: asyncio.Future[Any]) -> None:
    """Keep the places that the caller holds taken until this is done, though the caller goes."""
    for place in _held.get():
        place.keep(going_on)


def keep_for_request(request: asyncio.Future[Any]) -> None:
    """The same for a request that was given up; until it is answered nothing else is sent from these places."""
    for place in _held.get():
        place.keep_request(request)


async def alone(within_s: float) -> None:
    """Wait until no request that was given up is under way from the place that the caller took last.

    Raises:
        OverloadedError: One still is after this time, or when the call's time is over; nothing was sent.
    """
    under_way = {request for place in _held.get()[-1:] for request in place.requests}
    if not under_way:
        return
    left = remaining_s()
    _, pending = await asyncio.wait(under_way, timeout=within_s if left is None else max(min(within_s, left), 0.0))
    if pending:
        raise OverloadedError(
            "The iDRAC has not answered the request before, which was given up. Nothing was sent.",
            executed=Executed.NO,
        )


class InFlight:
    """So many places; who finds none waits, first come, first served.

    Args:
        places: How many there are.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)

    def add(self, places: int) -> None:
        """Have so many more."""
        for _ in range(places):
            self._places.release()

    @asynccontextmanager
    async def place(self, within_s: float) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            OverloadedError: None came free in this time, or in what the call has left; nothing was sent.
        """
        left = remaining_s()
        try:
            async with asyncio.timeout(within_s if left is None else max(min(within_s, left), 0.0)):
                await self._places.acquire()
        except TimeoutError:
            raise OverloadedError(
                "The iDRAC is still at as many requests as it takes, some of them perhaps given up before. "
                "Nothing was sent.",
                executed=Executed.NO,
            ) from None
        place = _Place(self._places)
        token = _held.set((*_held.get(), place))
        try:
            yield
        finally:
            _held.reset(token)
            place.leave()
