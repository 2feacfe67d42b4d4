"""What must not be left half done at an iDRAC: its client is not closed before (contract 12.2)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

FINISH_S: Final = 60.0
"""How long a change that was begun and given up is still carried on, seconds: off, ten seconds of rest, on."""


class Unfinished:
    """Work that was begun and must be finished."""

    def __init__(self) -> None:
        self._work: set[asyncio.Task[Any]] = set()

    def add(self, work: asyncio.Task[Any]) -> None:
        """Have this waited for at the end."""
        self._work.add(work)
        work.add_done_callback(self._work.discard)

    async def wait(self) -> None:
        """Wait until everything is finished, for so long at most."""
        if self._work:
            await asyncio.wait(self._work, timeout=FINISH_S)
