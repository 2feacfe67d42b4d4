"""Requests that their caller gave up while the appliance may be at them: their answer is waited for all the same.

To close the connection does not end the work behind it. Whoever bounds the requests at an appliance must count such a
request until it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from holdfast.transport.attempt import Attempt

T = TypeVar("T")


@dataclass(frozen=True)
class GivenUp(Generic[T]):
    """What becomes of a request that was given up when it had been sent, whole.

    Attributes:
        listen_s: How long its answer is still waited for, seconds.
        told: Told of the wait, in the context of who gave up; its result is the answer, or None when there was none, or
            it is waited for no more.
    """

    listen_s: float
    told: Callable[[asyncio.Future[T | None]], None]


async def outlived(carry: Callable[[], Awaitable[T]], attempt: Attempt, given_up: GivenUp[T]) -> T:
    """Carry out an attempt; given up before the request had been sent it ends at once, and nothing is sent."""

    async def carried() -> T:
        return await carry()

    task = asyncio.create_task(carried())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            if attempt.at_appliance:
                _listen(task, given_up)
            else:
                task.cancel()
                await asyncio.wait({task})
        raise


def _listen(task: asyncio.Task[T], given_up: GivenUp[T]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.call_later(given_up.listen_s, task.cancel)
    over: asyncio.Future[T | None] = loop.create_future()

    def heard(done: asyncio.Future[T]) -> None:
        end.cancel()
        failed = done.cancelled() or done.exception() is not None  # there is nobody left to tell
        over.set_result(None if failed else done.result())

    task.add_done_callback(heard)
    given_up.told(over)
