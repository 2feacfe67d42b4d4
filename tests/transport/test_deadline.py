"""No request is begun that could not end in time."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import DeadlineError, Executed
from holdfast.resilience import deadline_scope
from holdfast.transport.deadline import time_left
from tests.support.realtime import REAL_TIME


async def test_without_a_deadline_an_attempt_has_the_time_that_it_wants() -> None:
    assert time_left(30.0) == 30.0


async def test_an_attempt_has_no_more_time_than_the_deadline_around_it_leaves() -> None:
    with deadline_scope(10):
        assert time_left(2.0) == 2.0
        assert 9 < time_left(30.0) <= 10


@REAL_TIME
@pytest.mark.parametrize("left", [0, 0.001])
async def test_behind_the_deadline_nothing_is_sent_any_more(left: float) -> None:
    with deadline_scope(left):
        await asyncio.sleep(0.01)
        with pytest.raises(DeadlineError, match="before this request was sent") as caught:
            time_left(30.0)
    assert caught.value.executed is Executed.NO


def test_the_very_moment_of_the_deadline_is_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.transport.deadline.remaining_s", lambda: 0.0)
    with pytest.raises(DeadlineError):
        time_left(1.0)
