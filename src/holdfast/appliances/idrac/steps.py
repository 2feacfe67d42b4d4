"""Changes that take two writes on old generations: what was begun is finished, also when its call is given up.

A server that was switched off to be switched on again must not stay off because nobody waits for the answer any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import anyio

from holdfast.appliances.idrac.changes import Ctx, Send
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.unfinished import FINISH_S
from holdfast.errors import Executed, HoldfastError
from holdfast.transport import asked_before_sending


async def in_steps(
    ctx: Ctx, first: Send, done: Callable[[], Awaitable[bool]], second: Send, *, half: str = ""
) -> Answered:
    """A change that takes two writes.

    Where the answer to the first is lost, the second follows if the state shows that the first was carried out: nothing
    is sent twice, and nothing is left half done that can be finished. What the second is refused does not undo the
    first: its error does not say that nothing was executed.

    A call that is given up when the first has been sent ends when the second has, or after `FINISH_S`; the error by
    which it ends then has a note that says how far it came. Before, it ends at once, and nothing is sent.

    Args:
        ctx: Of the tool; its client is not closed before both are done.
        first: Sends the first.
        done: Whether the state shows the first as carried out.
        second: Sends the second.
        half: What to look for, and how to go on, where only the first was carried out.
    """
    return await _Steps(ctx, first, done, second).run(half)


async def after_first(second: Send) -> Answered:
    """Send what follows a write that was carried out."""
    try:
        return await second()
    except HoldfastError as error:
        if error.executed is Executed.NO:
            error.executed = Executed.UNKNOWN
        raise


class _Steps:
    def __init__(self, ctx: Ctx, first: Send, done: Callable[[], Awaitable[bool]], second: Send) -> None:
        self._unfinished = ctx.client.unfinished
        self._first = first
        self._done = done
        self._second = second
        self._begun = False
        self._work: asyncio.Task[Answered] | None = None

    async def run(self, half: str) -> Answered:
        work = self._work = asyncio.create_task(self._both())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError as given_up:
            with anyio.CancelScope(shield=True):
                await self._end(work)
            if self._begun:
                given_up.add_note(f"{_GIVEN_UP} {_became(work, half)}".strip())
            raise

    async def _both(self) -> Answered:
        try:
            with asked_before_sending(self._begin):
                await self._first()
        except HoldfastError as error:
            if error.executed is Executed.NO or not await self._done():
                raise
        return await after_first(self._second)

    def _begin(self) -> None:
        """The first is about to leave."""
        self._begun = True
        if self._work is not None:
            self._unfinished.add(self._work)

    async def _end(self, work: asyncio.Task[Answered]) -> None:
        """Wait for the end of what was begun, for so long at most; further cancellations change nothing."""
        clock = asyncio.get_running_loop().time
        until = clock() + (FINISH_S if self._begun else 0.0)
        while not work.done():
            left = until - clock()
            if left <= 0:
                work.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({work}, timeout=left if left > 0 else _CANCEL_S)


def _became(work: asyncio.Task[Answered], half: str) -> str:
    if work.cancelled():
        return f"It was not finished within {FINISH_S:g} s. {half}"
    error = work.exception()
    if error is None:
        return "It was finished all the same: the second was carried out, too."
    told = error.message if isinstance(error, HoldfastError) else type(error).__name__
    return f"It was not finished: {told} {half}"


_CANCEL_S: Final = 1.0
"""Wait between two attempts to end work that must not go on, seconds."""
_GIVEN_UP: Final = "It was given up when the first of its two steps had been sent."
