"""Calls that were given up: what they asked may still run at the iDRAC, and counts there until it is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdfast.appliances.idrac import sending, session
from tests.appliances.idrac.test_sessions import CHANGES, READS, arrived, opened
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room

every_generation = pytest.mark.parametrize(("persona", "most"), [("7", 2), ("8", 2), ("9-14g", 4), ("9", 4), ("10", 4)])


async def given_up(*calls: asyncio.Task[object]) -> None:
    for call in calls:
        call.cancel()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(end, asyncio.CancelledError) for end in ends)


def reads(lab: Room, count: int) -> list[asyncio.Task[object]]:
    chosen = [READS[number % len(READS)] for number in range(count)]
    return [asyncio.create_task(lab.call(tool, **arguments)) for tool, arguments in chosen]


@REAL_TIME
@every_generation
async def test_reads_that_were_given_up_count_until_the_idrac_has_answered_them(
    persona: str, most: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("slow", seconds=0.15)
        for _ in range(2):
            calls = reads(lab, 8)
            await asyncio.sleep(0.05)
            await given_up(*calls)
        await asyncio.gather(*reads(lab, 4))
        assert 1 < lab.running.state.max_in_flight <= most


@REAL_TIME
@pytest.mark.parametrize("persona", ["7", "9"])
async def test_a_change_that_was_given_up_is_over_before_the_next_is_sent(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_get_boot")
        lab.simulator.set_fault("slow", path="/Systems/", method="PATCH", seconds=1.0)
        tool, arguments = CHANGES[1]
        call: asyncio.Task[object] = asyncio.create_task(lab.call(tool, **arguments))
        for _ in range(400):
            await asyncio.sleep(0.005)
            if sent(lab):
                break
        await given_up(call)
        tool, arguments = CHANGES[2]
        assert (await lab.call(tool, **arguments))["outcome"] == "applied"
        assert lab.running.state.max_writes_in_flight == 1
        assert len(sent(lab)) == 2


@REAL_TIME
@pytest.mark.parametrize(("persona", "most"), [("8", 2), ("10", 4)])
async def test_requests_that_ran_out_of_time_count_until_the_idrac_has_answered_them(
    persona: str, most: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona, more="timeout = 0.2") as lab:
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("slow", seconds=0.5, count=3 * most)
        ends = await asyncio.gather(*reads(lab, 3 * most), return_exceptions=True)
        assert all(isinstance(end, dict | Exception) for end in ends)
        assert lab.running.state.max_in_flight <= most


@REAL_TIME
@pytest.mark.parametrize(("persona", "most"), [("7", 2), ("9", 4)])
async def test_a_login_that_was_given_up_counts_and_so_does_the_logout(persona: str, most: int, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("slow", seconds=0.2)
        calls = reads(lab, 6)
        await arrived(lab, "Sessions")
        await given_up(*calls)
        calls = reads(lab, 6)
        await asyncio.sleep(0.5)
        await given_up(*calls)
        await lab.application.connections.close()
        assert lab.running.state.max_in_flight <= most
        assert opened(lab) == 0


@REAL_TIME
@pytest.mark.parametrize(("persona", "most"), [("7", 2), ("9", 4)])
async def test_the_logout_at_an_idrac_that_hangs_is_no_request_too_many(
    persona: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LOGOUT_WAIT_S", 0.2)
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("slow", seconds=2.0)
        calls = reads(lab, most + 2)
        for _ in range(10_000):
            await asyncio.sleep(0.002)
            if lab.running.state.max_in_flight == most:
                break
        await given_up(*calls)
        await lab.application.connections.close()
        assert lab.running.state.max_in_flight == most


@pytest.mark.parametrize("persona", ["7", "9"])
async def test_several_sessions_are_deleted_one_after_another_also_where_no_answer_comes(
    persona: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOGOUT_BUDGET_S", 0.2)
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("html-401", path="/Systems", count=1)
        await lab.call("idrac_get_health")
        assert opened(lab) == 2
        lab.running.state.max_in_flight = 0
        lab.simulator.set_fault("slow", method="DELETE", seconds=2.0)
        await lab.application.connections.close()
        assert lab.running.state.max_in_flight == 1
