"""Logins that were given up, or ran out of time: their answer, however late, counts (contract 4.2, 9)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.test_reads import every_persona
from tests.appliances.idrac.test_sessions import arrived, opened
from tests.appliances.idrac.test_writes import lab_room
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room, room

WRONG = 'password = "wrong"'


def refused(lab: Room) -> int:
    return sum(one.status == 401 for one in lab.arrivals)


async def reads_given_up_at(lab: Room, at: str) -> None:
    call = asyncio.create_task(lab.call("idrac_get_health"))
    await arrived(lab, at)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def answered(lab: Room) -> None:
    """Until all logins have been answered."""
    client: Any = await lab.application.connections.client(lab.application.config.targets[0])
    for _ in range(10_000):
        if not client._session._logins.under_way and client._session._pending.done():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("still waiting")


@REAL_TIME
@every_persona
async def test_a_login_by_basic_that_was_given_up_and_is_refused_later_is_the_last(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("sessions-full")
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("password-locked")
        lab.simulator.set_fault("slow", path="/Systems", seconds=0.2)
        before = len(lab.arrivals)
        call = asyncio.create_task(lab.call("idrac_get_power"))
        for _ in range(10_000):
            await asyncio.sleep(0.002)
            if len(lab.arrivals) > before:
                break
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await answered(lab)
        assert refused(lab) == 1
        for _ in range(3):
            assert (await lab.fails("idrac_get_power")).code == "quarantined"
        assert refused(lab) == 1


@REAL_TIME
@every_persona
@pytest.mark.parametrize("others", [1, 6])
async def test_a_wrong_password_is_sent_once_though_its_first_caller_went(
    persona: str, others: int, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona, without=("password",), settings=WRONG) as lab:
        lab.simulator.set_fault("slow", path="/Sessions", seconds=0.2)
        await reads_given_up_at(lab, "Sessions")
        ends = await asyncio.gather(*(lab.fails("idrac_get_health") for _ in range(others)))
        assert {end.code for end in ends} <= {"authentication", "quarantined"}
        assert refused(lab) == 1


@REAL_TIME
@every_persona
async def test_a_wrong_password_whose_refusal_comes_after_its_time_is_sent_once(persona: str, tmp_path: Path) -> None:
    settings = f"{WRONG}\nretry_max_attempts = 1"
    async with room("idrac", tmp_path, persona=persona, without=("password",), settings=settings) as lab:
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        lab.simulator.set_fault("slow", path="/Sessions", seconds=1.0)
        send = client._session._send

        async def impatient(request: Any) -> Any:
            return await send(replace(request, attempt_timeout_s=0.2) if request.method == "POST" else request)

        client._session._send = impatient
        ends = await asyncio.gather(*(lab.fails("idrac_get_health") for _ in range(4)))
        assert {end.code for end in ends} <= {"authentication", "quarantined", "overloaded"}
        await answered(lab)
        assert (await lab.fails("idrac_get_health")).code == "quarantined"
        assert refused(lab) == 1


@REAL_TIME
@every_persona
async def test_a_session_whose_opening_was_answered_late_is_used_and_deleted_in_the_end(
    persona: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        send = client._session._send

        async def impatient(request: Any) -> Any:
            return await send(replace(request, attempt_timeout_s=0.2) if request.method == "POST" else request)

        client._session._send = impatient
        lab.simulator.set_fault("slow", path="/Sessions", seconds=1.0, count=1)
        await lab.call("idrac_get_health")
        await answered(lab)
        assert not client.session_lost
        await lab.call("idrac_get_health")
        assert opened(lab) == 1
        await lab.application.connections.close()
        assert opened(lab) == 0
