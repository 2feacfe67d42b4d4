"""What every tool of the table does when the iDRAC is busy, locked, or refuses the login; that it asks little."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.idrac.table import CASES, SENDERS, Case, prepare, with_ids
from tests.appliances.idrac.test_writes import GENERATIONS, every_write, lab_room, lab_settings, sent
from tests.support.rooms import room

REQUESTS = 40
"""Most requests of one call; an expanded collection takes one, whatever it holds."""

on_every_generation = pytest.mark.parametrize(
    ("case", "persona"),
    [
        pytest.param(case, persona, id=f"{case.id}-{persona}")
        for case in SENDERS
        for persona in GENERATIONS
        if persona in case.only and persona not in case.lacking
    ],
)


@on_every_generation
async def test_a_busy_idrac_refuses_a_write_and_it_is_neither_done_nor_sent_again(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        before = len(sent(lab))
        for method in ("POST", "PATCH", "DELETE"):
            lab.simulator.set_fault("busy", method=method, path=case.aim)
        error = await lab.fails(case.tool, **arguments)
        assert error.code == "not_ready", error
        assert error.executed == "no"
        assert error.retry_after_s
        assert len(sent(lab)) - before == 1
        lab.simulator.clear_faults()
        assert (await lab.call(case.tool, **arguments))["outcome"] in ("applied", "started", "unknown")


@pytest.mark.parametrize("message", ["RAC0679", "LC062", "SYS011", "RED023"])
async def test_work_that_another_job_stands_in_the_way_of_is_told_as_busy(message: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("internal-error", method="PATCH", message_id=message)
        error = await lab.fails("idrac_set_led", identify=True)
        assert error.code == "busy"
        assert error.executed == "no"


@every_write
async def test_lockdown_refuses_what_it_covers_and_leaves_the_rest_alone(case: Case, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        lab.simulator.set_fault("lockdown")
        if case.while_locked:
            assert (await lab.call(case.tool, **arguments))["outcome"] in ("applied", "started", "nothing_to_do")
            return
        error = await lab.fails(case.tool, **arguments)
        assert error.code == "lockdown", error
        assert error.executed == "no"
        assert lab.simulator.bmc.locked_down


@pytest.mark.parametrize("case", [case for case in CASES if case.missing is not None], ids=lambda case: case.id)
async def test_what_is_not_there_is_named_as_not_found_before_anything_is_sent(case: Case, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        before = sent(lab)
        error = await lab.fails(case.tool, **{**arguments, **(case.missing or {})})
        assert error.code == "not_found", error
        assert sent(lab) == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_refused_login_is_told_as_such_and_tried_once(case: Case, tmp_path: Path) -> None:
    settings = f'{lab_settings(tmp_path)}\npassword = "wrong"'
    async with room("idrac", tmp_path, persona="9", settings=settings, without=("password",)) as lab:
        arguments = with_ids(lab, case)
        if case.world is not None:
            case.world(lab)
        if case.local:
            assert await lab.call(case.tool, **arguments)
            assert lab.writes() == []
            return
        if case.tool.startswith("idrac_fleet_"):
            answer = await lab.call(case.tool, **arguments)
            assert "authentication" in str(answer)
        else:
            error = await lab.fails(case.tool, **arguments)
            assert error.code == "authentication", error
            assert error.executed == "no"
        assert len(lab.writes()) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_call_asks_a_bounded_number_of_times(case: Case, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        if "9" not in case.only or "9" in case.lacking:
            return
        before = len(lab.arrivals)
        waits = len(lab.slept)
        await lab.call(case.tool, **arguments)
        looks = len(lab.slept) - waits
        assert len(lab.arrivals) - before <= REQUESTS + 4 * looks
