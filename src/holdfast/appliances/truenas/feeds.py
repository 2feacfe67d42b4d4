"""What TrueNAS tells by itself: subscriptions on the one socket (contract 9).

Delivery is best effort, and ends with the socket: a feed only says that something has happened; whoever waits asks for
the state afterwards, and asks at times without a word too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from holdfast.transport.values import JsonObject, JsonValue

CAPACITY: Final = 600
"""Notifications kept for a reader that does not keep up; the oldest go first."""

Only = Callable[[JsonObject], bool]
Sleep = Callable[[float], Awaitable[None]]


class Feed:
    """Notifications of one subscription, the newest `CAPACITY` of them.

    Attributes:
        ended: Whether nothing will come any more: the socket is closed, or the server has ended the subscription.
        reason: Why the server ended it.
    """

    def __init__(self, only: Only | None = None) -> None:
        self.ended = False
        self._only = only
        self.reason: str | None = None
        self._waiting: deque[JsonObject] = deque(maxlen=CAPACITY)
        self._news = asyncio.Event()

    def put(self, params: JsonObject) -> None:
        """Take a notification's parameters, unless they are none of those wanted."""
        if self._only is not None and not self._only(params):
            return
        self._waiting.append(params)
        self._news.set()

    def end(self, reason: str | None = None) -> None:
        """Nothing will come any more."""
        self.ended = True
        self.reason = self.reason or reason
        self._news.set()

    def take(self) -> list[JsonObject]:
        """What has come since the last look."""
        found = list(self._waiting)
        self._waiting.clear()
        if not self.ended:
            self._news.clear()
        return found

    async def pause(self, seconds: float, sleep: Sleep) -> bool:
        """Sleep, but wake when something comes; whether it did. An ended feed wakes nobody."""
        if self.ended:
            await sleep(seconds)
            return False
        sleeping = asyncio.ensure_future(sleep(seconds))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((sleeping, news), return_when=asyncio.FIRST_COMPLETED)
            return news.done() and not sleeping.done()
        finally:
            for task in (sleeping, news):
                task.cancel()
            await asyncio.gather(sleeping, news, return_exceptions=True)


class Feeds:
    """The open feeds of one client, by the name that was subscribed to."""

    def __init__(self) -> None:
        self._open: dict[str, list[Feed]] = {}

    def add(self, name: str, only: Only | None = None) -> Feed:
        """A new feed of a collection."""
        feed = Feed(only)
        self._open.setdefault(name, []).append(feed)
        return feed

    def remove(self, name: str, feed: Feed) -> None:
        """Forget a feed."""
        rest = [one for one in self._open.get(name, []) if one is not feed]
        if rest:
            self._open[name] = rest
        else:
            self._open.pop(name, None)

    def notified(self, method: str, params: JsonValue) -> None:
        """Hand a notification to the feeds of its collection; what nobody subscribed to is dropped."""
        if not isinstance(params, dict):
            return
        for feed in self._open.get(str(params.get("collection")), ()):
            if method == "collection_update":
                feed.put(params)
            elif method == "notify_unsubscribed":
                error = params.get("error")
                said = error.get("reason") if isinstance(error, dict) else None
                feed.end(said if isinstance(said, str) else None)

    def lost(self) -> None:
        """The socket is closed: every subscription went with it."""
        for feeds in self._open.values():
            for feed in feeds:
                feed.end()
