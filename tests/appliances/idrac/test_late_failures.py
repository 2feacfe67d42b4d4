"""A write answered with an error of the web server: only some of them prove that nothing was done (contract 11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import HoldfastError
from tests.appliances.idrac.cases import Case, bmc_of
from tests.appliances.idrac.table import prepare
from tests.appliances.idrac.test_writes import lab_room, on_every_generation, sent
from tests.support.rooms import Room

PERSONAS = ("7", "8", "9", "10")
LATE = [(status, empty) for status in (500, 502, 503, 504) for empty in (False, True)]


async def ready(lab: Room) -> None:
    """A session is open and the addresses are known, so that the next POST is the write."""
    await lab.call("idrac_set_power", action="on")
    await lab.call("idrac_list_jobs")


def resets(lab: Room) -> int:
    return sum(one.endswith("ComputerSystem.Reset") for one in sent(lab))


@on_every_generation
async def test_an_error_that_comes_after_the_work_is_settled_by_reading_and_nothing_is_sent_twice(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        before = len(sent(lab))
        lab.simulator.set_fault("late-error", status=504, count=1, path=case.aim)
        answer = await lab.call(case.tool, **arguments)
        settled: set[str] = {"unknown", "applied", "started"} if case.blind else {"applied"}
        settled |= {"started"} if case.waits(persona) else set()
        settled |= {"not_applied"} if case.ends_early(persona) else set()
        assert answer["outcome"] in settled, answer
        assert 1 <= len(sent(lab)) - before <= case.sends


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize(("status", "empty"), LATE)
async def test_a_reset_that_was_carried_out_before_the_error_came_is_found_by_reading(
    persona: str, status: int, empty: bool, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await ready(lab)
        before = resets(lab)
        lab.simulator.set_fault("late-error", status=status, empty=empty, method="POST", path="Reset", count=1)
        answer = await lab.call("idrac_set_power", action="restart_force")
        assert answer["outcome"] == "applied", answer
        assert f"HTTP {status}" in str(answer["warnings"])
        assert resets(lab) - before == 1


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("status", [502, 503, 504])
async def test_an_error_without_a_word_of_the_idrac_is_read_back_when_nothing_was_done_too(
    persona: str, status: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await ready(lab)
        lab.simulator.set_fault("html-error", status=status, method="POST", path="Reset", count=1)
        answer = await lab.call("idrac_set_power", action="restart_force")
        assert answer["outcome"] == "not_applied", answer


@pytest.mark.parametrize("message", ["SYS518", "ServiceTemporarilyUnavailable", "RAC0218"])
async def test_what_proves_that_nothing_was_done_ends_the_call(message: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await ready(lab)
        options: dict[str, Any] = {"status": 503, "message_id": message, "method": "POST", "path": "Reset", "count": 1}
        lab.simulator.set_fault("internal-error", **options)
        error = await lab.fails("idrac_set_power", action="restart_force")
        assert error.executed.value == "no"


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("status", [500, 503, 504])
async def test_a_login_that_fails_says_that_the_write_was_not_sent(persona: str, status: int, tmp_path: Path) -> None:
    """The session has ended, and its renewal fails: what becomes of the login says nothing of the write."""
    async with lab_room(tmp_path, persona) as lab:
        await ready(lab)
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        system = await client.places.system()
        bmc_of(lab).sessions.close_all()
        lab.simulator.set_fault("html-error", status=status, path="Sessions", method="POST", count=1)
        before = bmc_of(lab).host.resets
        with pytest.raises(HoldfastError) as caught:
            await client.action(system, "ComputerSystem.Reset", {"ResetType": "ForceRestart"})
        assert caught.value.executed.value == "no", caught.value
        assert bmc_of(lab).host.resets == before


@pytest.mark.parametrize("persona", ["8", "9", "10"])
@pytest.mark.parametrize("seconds", [5.0, 25.0])
async def test_a_job_that_is_listed_late_is_found_behind_a_lost_answer(
    persona: str, seconds: float, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("job-late", seconds=seconds)
        lab.running.fault("lost-reply", method="POST", times=1)
        image = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"
        answer = await lab.call("idrac_update_firmware", image=image, when="OnReset")
        assert answer["outcome"] == "started", answer
        assert str(answer["task"]).startswith("JID_")
