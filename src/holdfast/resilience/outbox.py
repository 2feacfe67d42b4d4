"""Notices on their way out of a locked object: kept while the lock is held, told afterwards, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

N = TypeVar("N")


class Outbox(Generic[N]):
    """Keeps notices until `drain`; one thread at a time tells them, so that their order is the order of events.

    Args:
        tell: Told each notice. It must not raise on its own account.
    """

    __slots__ = ("_draining", "_lock", "_notices", "_tell")

    def __init__(self, tell: Callable[[N], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._notices: list[N] = []
        self._draining = False

    def add(self, notice: N) -> None:
        """Keeps a notice."""
        with self._lock:
            self._notices.append(notice)

    def drain(self) -> None:
        """Tells what was kept. Returns at once when another thread, or an outer frame of this one, is telling."""
        if not self._notices:
            return
        with self._lock:
            if self._draining:
                return
            self._draining = True
        try:
            while True:
                with self._lock:
                    batch, self._notices = self._notices, []
                    if not batch:
                        self._draining = False
                        return
                for notice in batch:
                    self._tell(notice)
        except BaseException:
            self._draining = False
            raise
