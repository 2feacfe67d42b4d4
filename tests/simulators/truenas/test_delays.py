"""Delays that a real appliance makes its clients live with (contract 5.2 and 6)."""

from __future__ import annotations

import time

import pytest

from tests.simulators.truenas.peer import Stand, standing


async def appliance_seconds(stand: Stand, **data: str) -> float:
    peer = await stand.connect()
    began = stand.clock.now()
    answer = await peer.call("auth.login_ex", {"mechanism": "API_KEY_PLAIN", **stand.simulator.credentials, **data})
    assert answer["response_type"] == "AUTH_ERR"
    return stand.clock.now() - began


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26", "27"])
async def test_a_failed_login_takes_one_to_two_seconds_of_the_appliances_time(persona: str) -> None:
    async with standing(persona) as stand:
        took = [await appliance_seconds(stand, api_key="1-wrong") for _ in range(8)]
        assert all(1.0 <= seconds < 2.5 for seconds in took), took
        assert len({round(seconds, 2) for seconds in took}) > 3


async def test_a_call_over_the_limit_takes_one_to_ten_seconds() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        stand.simulator.set_fault("rate-limited")
        took = []
        for _ in range(8):
            began = stand.clock.now()
            error = await peer.refused("auth.mechanism_choices")
            assert error.errno == 16
            took.append(stand.clock.now() - began)
        assert all(1.0 <= seconds < 10.5 for seconds in took), took
        assert max(took) - min(took) > 1.0


async def test_a_clock_that_does_not_skip_makes_a_failed_login_wait() -> None:
    async with standing() as stand:
        stand.clock.skips = False
        began = time.monotonic()
        await appliance_seconds(stand, api_key="1-wrong")
        assert time.monotonic() - began >= 1.0
