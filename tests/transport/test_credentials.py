"""A credential that was refused once is not sent again."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import AuthenticationError, LostReplyError, QuarantinedError
from holdfast.transport import CredentialLatch


async def _refused(latch: CredentialLatch, sent: list[int]) -> None:
    async with latch.use():
        sent.append(1)
        await asyncio.sleep(0)
        raise AuthenticationError("wrong password")


async def _accepted(latch: CredentialLatch, sent: list[int]) -> None:
    async with latch.use():
        sent.append(1)
        await asyncio.sleep(0)


async def test_many_first_calls_with_a_wrong_credential_send_it_once() -> None:
    latch = CredentialLatch("the API key")
    sent: list[int] = []
    results = await asyncio.gather(*(_refused(latch, sent) for _ in range(50)), return_exceptions=True)
    assert len(sent) == 1
    assert sum(isinstance(result, QuarantinedError) for result in results) == 49
    assert latch.refused


async def test_a_refused_credential_is_refused_here_until_it_is_reset() -> None:
    latch = CredentialLatch("the password")
    sent: list[int] = []
    with pytest.raises(AuthenticationError):
        await _refused(latch, sent)
    for _ in range(5):
        with pytest.raises(QuarantinedError, match="The password was refused before"):
            await _accepted(latch, sent)
    assert len(sent) == 1
    latch.reset()
    await _accepted(latch, sent)
    assert len(sent) == 2
    assert not latch.refused


async def test_an_accepted_credential_is_used_by_many_at_once() -> None:
    latch = CredentialLatch("the API key")
    await _accepted(latch, [])
    inside = 0
    together = asyncio.Event()

    async def use() -> None:
        nonlocal inside
        async with latch.use():
            inside += 1
            if inside == 3:
                together.set()
            await asyncio.wait_for(together.wait(), 5)

    await asyncio.gather(use(), use(), use())


async def test_a_credential_revoked_later_is_quarantined_too() -> None:
    latch = CredentialLatch("the API key")
    await _accepted(latch, [])
    with pytest.raises(AuthenticationError):
        await _refused(latch, [])
    with pytest.raises(QuarantinedError):
        await _accepted(latch, [])


async def test_a_lost_reply_says_nothing_about_the_credential_and_the_next_call_tries_it() -> None:
    latch = CredentialLatch("the API key")
    with pytest.raises(LostReplyError):
        async with latch.use():
            raise LostReplyError("gone")
    assert not latch.refused
    sent: list[int] = []
    await _accepted(latch, sent)
    assert sent == [1]


async def test_a_cancelled_first_call_lets_the_next_one_try() -> None:
    latch = CredentialLatch("the API key")
    hang = asyncio.Event()

    async def first() -> None:
        async with latch.use():
            await hang.wait()

    task = asyncio.create_task(first())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(_accepted(latch, []))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait_for(waiting, 5)
    assert task.cancelled() or task.done()
    assert not latch.refused
