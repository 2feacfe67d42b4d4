"""Power of guests at the wire: a task is done when its exit status says so, and a lost answer is never repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.control.caller import Question, Reply
from tests.support.rooms import Room, room


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with room("proxmox", tmp_path) as made:
        yield made


def starts(pve: Room) -> int:
    return sum(arrival.path.endswith("/status/start") for arrival in pve.writes())


async def test_a_stopped_guest_is_started_and_its_state_read_back(pve: Room) -> None:
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "applied"
    assert answer["verified"] is True
    assert answer["before"] == {"status": "stopped", "node": "pve2", "lock": None}
    after = answer["after"]
    assert isinstance(after, dict)
    assert after["status"] == "running"
    assert answer["undo"] == {"tool": "proxmox_shutdown_guest", "arguments": {"guest": "110"}}
    assert starts(pve) == 1


async def test_a_dry_run_sends_no_write_and_its_plan_can_be_applied_once(pve: Room) -> None:
    planned = await pve.call("proxmox_start_guest", guest="build", dry_run=True)
    assert planned["outcome"] == "planned"
    assert pve.writes() == []
    applied = await pve.call("proxmox_start_guest", guest="build", plan_id=planned["plan_id"])
    assert applied["outcome"] == "applied"
    error = await pve.fails("proxmox_start_guest", guest="build", plan_id=planned["plan_id"])
    assert error.code == "plan_refused"
    assert starts(pve) == 1


async def test_a_guest_that_runs_already_is_left_alone(pve: Room) -> None:
    answer = await pve.call("proxmox_start_guest", guest="web")
    assert answer["outcome"] == "nothing_to_do"
    assert pve.writes() == []


async def test_a_start_whose_answer_is_lost_is_sent_once_and_settled_by_reading_back(pve: Room) -> None:
    pve.running.fault("lost-reply", method="POST", times=1)
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "applied"
    assert "lost" in str(answer["warnings"])
    assert starts(pve) == 1


async def test_a_start_that_dies_before_it_is_executed_ends_as_not_applied(pve: Room) -> None:
    pve.running.fault("drop-before", method="POST", times=1)
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "not_applied"
    assert starts(pve) <= 1


async def test_a_guest_that_runs_is_left_alone_even_when_it_is_locked(pve: Room) -> None:
    answer = await pve.call("proxmox_start_guest", guest="mail")
    assert answer["outcome"] == "nothing_to_do"
    assert pve.writes() == []


async def test_a_guest_that_does_not_exist_is_told_with_the_next_step(pve: Room) -> None:
    error = await pve.fails("proxmox_start_guest", guest="nowhere")
    assert error.code == "not_found"
    assert "proxmox_list_resources" in str(error.next_step)
    assert pve.writes() == []


async def test_cutting_the_power_needs_a_person_and_nothing_is_sent_without_one(pve: Room) -> None:
    async def declines(question: Question) -> Reply:
        assert "web" in question.message
        return Reply.DECLINED

    pve.ask = declines
    error = await pve.fails("proxmox_stop_guest", guest="web")
    assert error.code == "not_confirmed"
    assert "holdfast approve plan-" in str(error.next_step)
    assert pve.writes() == []


async def test_a_confirmed_stop_ends_with_the_guest_stopped(pve: Room) -> None:
    answer = await pve.call("proxmox_stop_guest", guest="web")
    assert answer["outcome"] == "applied"
    assert answer["verified"] is True


async def test_a_read_only_target_lists_no_writes(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path, mode="read-only") as pve:
        assert all(not spec.writes for spec in pve.tools())
        error = await pve.fails("proxmox_start_guest", guest="build")
        assert error.code == "unknown_tool"
