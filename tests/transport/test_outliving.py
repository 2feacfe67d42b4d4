"""What was given up before it was sent is ended before its caller goes on; what had been sent is listened to."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from holdfast.errors import LostReplyError
from holdfast.transport import Origin
from holdfast.transport.attempt import Attempt
from holdfast.transport.givenup import GivenUp, outlived
from tests.support.realtime import REAL_TIME


class Work:
    """Something carried out, how far it came, and what was told of it."""

    def __init__(self, *, sent: bool, listen_s: float = 5.0) -> None:
        origin, _ = Origin.parse("https://bmc.example")
        self.attempt = Attempt(safe=False, label="POST /x", origin=origin, target=None, on_send=None)
        self.attempt.on_connection = sent
        self.listen_s = listen_s
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.came: list[str] = []
        self.told: list[asyncio.Future[str | None]] = []
        self.error: Exception | None = None

    async def carry(self) -> str:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.02)  # as a connection takes to be closed
            self.came.append("cancelled")
            raise
        if self.error is not None:
            self.came.append("failed")
            raise self.error
        self.came.append("done")
        return "answer"

    def start(self) -> asyncio.Task[str]:
        return asyncio.create_task(outlived(self.carry, self.attempt, GivenUp(self.listen_s, self.told.append)))

    async def given_up(self) -> None:
        task = self.start()
        await self.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[object]]:
    """What the loop complains about: failures that nobody looked at."""
    found: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: found.append(context["message"]))
    yield found
    await asyncio.sleep(0)
    gc.collect()
    assert found == []


async def test_work_that_nobody_gives_up_ends_as_it_ends() -> None:
    work = Work(sent=True)
    task = work.start()
    work.go.set()
    assert await task == "answer"
    failing = Work(sent=True)
    failing.error = LostReplyError("gone")
    task = failing.start()
    failing.go.set()
    with pytest.raises(LostReplyError):
        await task
    assert work.told == failing.told == []


@REAL_TIME
async def test_what_had_not_been_sent_is_over_before_its_caller_goes_on() -> None:
    work = Work(sent=False)
    await asyncio.wait_for(work.given_up(), 2)
    assert work.came == ["cancelled"]
    assert work.told == []


@REAL_TIME
async def test_what_had_been_sent_goes_on_and_is_over_with_its_answer() -> None:
    work = Work(sent=True)
    await asyncio.wait_for(work.given_up(), 2)
    assert (work.came, [one.done() for one in work.told]) == ([], [False])
    work.go.set()
    assert await asyncio.wait_for(work.told[0], 2) == "answer"
    assert work.came == ["done"]


@REAL_TIME
async def test_a_failure_of_what_was_given_up_is_its_end_and_nobodys_accident() -> None:
    work = Work(sent=True)
    work.error = LostReplyError("gone")
    await asyncio.wait_for(work.given_up(), 2)
    work.go.set()
    assert await asyncio.wait_for(work.told[0], 2) is None
    assert work.came == ["failed"]


@REAL_TIME
async def test_it_is_listened_to_as_long_as_was_said_and_no_longer() -> None:
    work = Work(sent=True, listen_s=0.05)
    await asyncio.wait_for(work.given_up(), 2)
    assert await asyncio.wait_for(work.told[0], 2) is None
    assert work.came == ["cancelled"]


async def test_of_what_was_over_when_it_was_given_up_nothing_is_told() -> None:
    work = Work(sent=True)
    task = work.start()
    await work.begun.wait()
    work.go.set()
    for _ in range(20):
        if work.came:
            break
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert (work.came, work.told) == (["done"], [])
