"""Waiting for a job goes on through what is normal while an iDRAC restarts, as long as it may (contract 8.3, 10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_jobs import staged_job
from tests.appliances.idrac.test_writes import lab_room
from tests.support.rooms import Room

PERSONAS = ("7", "8", "9-14g", "9", "10")
every_persona = pytest.mark.parametrize("persona", PERSONAS)
VIEWS = ("/Jobs/", "/Tasks/", "/TaskMonitors/")


async def running_job(lab: Room) -> str:
    """A job that runs for two minutes."""
    await lab.call("idrac_set_power", action="on")
    bmc_of(lab).jobs.pace.bios_s = 120.0
    job = await staged_job(lab)
    await lab.call("idrac_set_power", action="restart_force")
    return job


def on_all_views(lab: Room, fault: str, **options: Any) -> None:
    for view in VIEWS:
        lab.simulator.set_fault(fault, method="GET", path=view, **options)


@every_persona
@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("html-error", {"status": 500}),
        ("html-error", {"status": 404}),
        ("html-error", {"status": 502}),
        ("html-error", {"status": 503}),
        ("internal-error", {"message_id": "RAC964"}),
        ("too-many", {}),
        ("busy", {}),
    ],
)
async def test_a_job_is_waited_for_through_answers_of_a_restart(
    persona: str, fault: str, options: dict[str, Any], tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        job = await running_job(lab)
        assert (await lab.call("idrac_wait_job", job=job, wait_s=0))["job"]["phase"] == "running"
        on_all_views(lab, fault, for_s=60.0, **options)
        done = await lab.call("idrac_wait_job", job=job, wait_s=400)
        assert done["job"]["phase"] == "done", done
        assert done["waited_s"] >= 60


@every_persona
@pytest.mark.parametrize("status", [404, 500])
async def test_a_job_that_no_view_tells_for_longer_than_the_wait_is_not_called_gone(
    persona: str, status: int, tmp_path: Path
) -> None:
    """The queue cannot be read either: nobody knows what became of it."""
    async with lab_room(tmp_path, persona) as lab:
        job = await running_job(lab)
        lab.simulator.set_fault("html-error", status=status, method="GET", path="/Jobs")
        lab.simulator.set_fault("html-error", status=status, method="GET", path="/Tasks")
        error = await lab.fails("idrac_wait_job", job=job, wait_s=300)
        assert error.code == "unavailable", error
        assert sum(lab.slept) >= 300


@every_persona
async def test_one_failing_view_is_replaced_by_the_next(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        job = await staged_job(lab)
        lab.simulator.set_fault("html-error", status=500, method="GET", path="/Jobs/", count=1)
        waiting = await lab.call("idrac_wait_job", job=job, wait_s=30)
        assert waiting["job"]["phase"] == "staged"


@every_persona
async def test_a_job_that_is_gone_is_told_with_the_time_waited_and_no_end_that_nobody_saw(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        job = await staged_job(lab)
        bmc_of(lab).jobs.jobs[job].gone_at = 0.0
        told = await lab.call("idrac_wait_job", job=job, wait_s=120)
        assert told["job"]["phase"] == "unknown"
        assert told["job"].get("ended") is None
        assert told["waited_s"] >= 30
        assert "not known" in str(told["notes"])


@every_persona
@pytest.mark.parametrize(
    ("fault", "said"), [("job-completed-with-errors", "no success"), ("job-user-intervention", "operator")]
)
async def test_an_end_that_is_no_success_is_told_with_what_to_do(
    persona: str, fault: str, said: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        job = await running_job(lab)
        lab.simulator.set_fault(fault)
        told = await lab.call("idrac_wait_job", job=job, wait_s=400)
        assert told["finished"] is True
        assert said in str(told["notes"])


@pytest.mark.parametrize(("persona", "outcome"), [("8", "unknown"), ("9", "applied"), ("10", "applied")])
async def test_an_idrac_that_restarts_before_it_has_answered_is_waited_for(
    persona: str, outcome: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_list_jobs")
        lab.running.fault("lost-reply", method="POST", times=1)
        answer = await lab.call("idrac_restart_manager")
        assert (answer["outcome"], answer["after"]["idrac"]) == (outcome, "answers"), answer
