"""Hedging: ask again when the first answer is late, take whichever comes first.

Helps against a few slow answers, not against a slow appliance, and costs additional requests: for reads only, opt-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def hedged(
    attempt: Callable[[], Awaitable[T]], after_s: float, permitted: Callable[[], Callable[[], None] | None]
) -> T:
    """The first good answer of up to two attempts, the second begun `after_s` seconds after the first.

    Args:
        attempt: Makes one attempt.
        after_s: How long the first may take before the second begins.
        permitted: Asked for leave to begin the second; returns what to call when that is over, or None for "no".

    The other attempt is cancelled and has ended when this returns. When both fail, the first one's error is raised.
    """
    first = asyncio.ensure_future(_awaited(attempt))
    tasks = {first}
    over: Callable[[], None] | None = None
    try:
        await asyncio.wait(tasks, timeout=after_s)
        if not first.done():
            over = permitted()
            if over is not None:
                tasks.add(asyncio.ensure_future(_awaited(attempt)))
        pending = set(tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.cancelled() and task.exception() is None:
                    return task.result()
        return first.result()
    finally:
        late = [task for task in tasks if not task.done()]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # looked at, so that the loop does not report it as forgotten
        if over is not None:
            over()


async def _awaited(attempt: Callable[[], Awaitable[T]]) -> T:
    return await attempt()
