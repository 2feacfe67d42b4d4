"""Jobs: waited for while the iDRAC is away, told apart when they end otherwise than well, found by the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.table import LAB, STAGED
from tests.appliances.idrac.test_reads import items
from tests.support.rooms import Room, room

IDRAC_IMAGE = "https://mirror.example/iDRAC-with-Lifecycle-Controller_Firmware_7XK1N_WN64_9.99.99.99_A00.EXE"
GENERATIONS = ("8", "9", "10")
every_generation = pytest.mark.parametrize("persona", GENERATIONS)


def lab_room(tmp_path: Path, persona: str = "9") -> Any:
    return room("idrac", tmp_path, persona=persona, settings=LAB)


async def staged_job(lab: Room) -> str:
    answer = await lab.call(STAGED[0], **STAGED[1])
    details = answer["details"]
    assert isinstance(details, dict)
    return str(details["job"])


@every_generation
async def test_a_staged_job_is_no_end_and_runs_at_the_next_start(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        job = await staged_job(lab)
        waiting = await lab.call("idrac_wait_job", job=job)
        assert waiting["job"]["phase"] == "staged"
        assert waiting["finished"] is False
        assert "restart of the host" in str(waiting["notes"])
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["job"]["phase"] == "done"
        assert done["finished"] is True


@every_generation
async def test_waiting_goes_on_while_the_idrac_is_away_for_minutes_after_its_own_update(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        before = (await lab.call("idrac_system_info"))["idrac_firmware"]
        started = await lab.call("idrac_update_firmware", image=IDRAC_IMAGE, when="Immediate")
        job = str(started["details"]["job"])
        lab.simulator.bmc.life.pace.reset_s = 300.0
        lab.simulator.set_fault("bmc-reset", seconds=300)
        lab.slept.clear()
        lab.clock.advance(4)
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["job"]["phase"] == "done", done
        assert sum(lab.slept) >= 120
        lab.clock.advance(700)
        assert (await lab.call("idrac_system_info"))["idrac_firmware"] != before


async def test_an_idrac_that_stays_away_is_told_and_the_job_is_not_called_failed(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_set_power", action="on")
        job = await staged_job(lab)
        lab.simulator.set_fault("job-stuck")
        await lab.call("idrac_set_power", action="restart_force")
        assert (await lab.call("idrac_wait_job", job=job, wait_s=1))["job"]["phase"] == "running"
        lab.simulator.set_fault("not-ready", path="/Jobs/")
        lab.simulator.set_fault("not-ready", path="/Tasks/")
        error = await lab.fails("idrac_wait_job", job=job, wait_s=120)
        assert error.code == "unavailable"
        assert "Ask again" in str(error.next_step)


DISGUISES = ("sys518", "swc0700", "empty-503", "sys518-400", "rac964", "busy-503", "late-404")


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_not_ready_in_every_disguise_is_waited_through(disguise: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        job = await staged_job(lab)
        lab.simulator.set_fault("not-ready", disguise=disguise, path="/Jobs/", count=3)
        lab.simulator.set_fault("not-ready", disguise=disguise, path="/Tasks/", count=3)
        waiting = await lab.call("idrac_wait_job", job=job, wait_s=120)
        assert waiting["job"]["phase"] == "staged"
        assert sum(lab.slept) > 0


@pytest.mark.parametrize("disguise", ["sys518", "swc0700", "empty-503", "sys518-400", "rac964", "busy-503"])
@every_generation
async def test_a_read_survives_not_ready_in_every_disguise(persona: str, disguise: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_system_info")
        lab.simulator.set_fault("not-ready", disguise=disguise, path="/Systems/", count=1, retry_after_s=1)
        assert (await lab.call("idrac_system_info"))["service_tag"]


async def test_not_ready_for_longer_than_a_call_may_wait_is_an_error_that_says_when(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_system_info")
        lab.simulator.set_fault("not-ready", disguise="sys518", path="/Systems/", retry_after_s=45)
        error = await lab.fails("idrac_get_health")
        assert (error.code, error.retry_after_s) == ("not_ready", 45)
        assert lab.application.connections.breakers()[0][2].current_state == "closed"


@pytest.mark.parametrize(
    ("fault", "phase"),
    [("job-completed-with-errors", "partial"), ("job-fails", "failed"), ("job-user-intervention", "needs_operator")],
)
async def test_an_end_that_is_not_well_is_told_apart(fault: str, phase: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_set_power", action="on")
        job = await staged_job(lab)
        lab.simulator.set_fault(fault)
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["job"]["phase"] == phase
        assert done["finished"] is True


@every_generation
async def test_a_job_that_has_vanished_is_told_by_what_the_log_says_of_it(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        job = await staged_job(lab)
        await lab.call("idrac_set_power", action="restart_force")
        lab.clock.advance(900)
        await lab.call("idrac_list_jobs")
        lab.simulator.bmc.jobs.jobs[job].gone_at = 0.0
        told = await lab.call("idrac_wait_job", job=job, wait_s=60)
        assert told["job"]["state"] == "Vanished"
        assert told["job"]["phase"] == "done"
        assert told["job"]["message_id"] == "JCP037"
        assert "Lifecycle log" in str(told["notes"])


async def test_a_vanished_job_that_the_log_does_not_end_is_no_success(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        job = await staged_job(lab)
        lab.simulator.bmc.jobs.jobs[job].gone_at = 0.0
        told = await lab.call("idrac_wait_job", job=job, wait_s=60)
        assert told["job"]["phase"] == "unknown"
        assert told["finished"] is False


async def test_a_queue_view_that_is_gone_is_replaced_by_the_next(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        job = await staged_job(lab)
        lab.simulator.set_fault("not-ready", disguise="late-404", path="/Oem/Dell/Jobs/")
        assert (await lab.call("idrac_wait_job", job=job))["job"]["phase"] == "staged"
        asked = [arrival.path for arrival in lab.arrivals if job in arrival.path]
        assert any("/JobService/" in path for path in asked)


async def test_clearing_leaves_what_runs_and_force_clears_that_too(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_set_power", action="on")
        job = await staged_job(lab)
        lab.simulator.set_fault("job-stuck")
        await lab.call("idrac_set_power", action="restart_force")
        lab.clock.advance(60)
        assert (await lab.call("idrac_wait_job", job=job, wait_s=0))["job"]["phase"] == "running"
        assert (await lab.call("idrac_clear_jobs"))["outcome"] == "nothing_to_do"
        assert (await lab.call("idrac_clear_jobs", force=True))["outcome"] == "applied"
        assert items(await lab.call("idrac_list_jobs")) == []
        assert (await lab.call("idrac_get_health"))["health"] == "OK"


@every_generation
async def test_a_job_that_nobody_knows_is_told_without_addresses(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        error = await lab.fails("idrac_delete_job", job="JID_000000000001")
        assert (error.code, error.executed, error.next_step) == ("not_found", "no", "List jobs: idrac_list_jobs.")
        assert error.message == "No view of the iDRAC knows job JID_000000000001."
