"""What every tool of the table does when the iDRAC is busy, locked, or refuses the login; that it asks little."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.appliances.idrac.table import SENDERS, Case, prepare, with_ids
from tests.appliances.idrac.test_writes import (
    EVERY_CASE,
    ON_EVERY,
    lab_room,
    lab_settings,
    on_every_generation,
    sent,
)
from tests.support.realtime import REAL_TIME
from tests.support.rooms import room

LOCKING = ("9-14g", "9", "10")
"""Personas that have lockdown mode (contract 12.17)."""


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


@pytest.mark.parametrize(("case", "persona"), [row for row in ON_EVERY if row.values[1] in LOCKING])
async def test_lockdown_refuses_what_it_covers_and_leaves_the_rest_alone(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        lab.simulator.set_fault("lockdown")
        if case.while_locked:
            assert (await lab.call(case.tool, **arguments))["outcome"] in ("applied", "started", "nothing_to_do")
            return
        error = await lab.fails(case.tool, **arguments)
        assert error.code == "lockdown", error
        assert error.next_step == "An administrator of the iDRAC must end lockdown mode first."
        assert error.executed == "no"
        assert lab.simulator.bmc.locked_down


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_where_there_is_no_lockdown_its_state_is_not_told_and_it_cannot_be_set(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        assert "lockdown" not in await lab.call("idrac_get_manager")
        error = await lab.fails("idrac_set_lockdown", enabled=True)
        assert error.code == "unsupported"
        assert "lockdown" in error.message


@pytest.mark.parametrize(
    ("case", "persona"),
    [row for row in EVERY_CASE if row.values[0].missing is not None and row.values[0].works(row.values[1])],
)
async def test_what_is_not_there_is_named_as_not_found_before_anything_is_sent(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        before = sent(lab)
        error = await lab.fails(case.tool, **{**arguments, **(case.missing or {})})
        assert error.code == "not_found", error
        assert error.executed == "no"
        assert error.next_step
        assert sent(lab) == before


@pytest.mark.parametrize(("case", "persona"), EVERY_CASE)
async def test_a_refused_login_is_told_as_such_and_tried_once(case: Case, persona: str, tmp_path: Path) -> None:
    settings = f'{lab_settings(tmp_path)}\npassword = "wrong"'
    async with room("idrac", tmp_path, persona=persona, settings=settings, without=("password",)) as lab:
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
            assert error.executed == "no"
            if lab.writes() == [] and case.lacks(persona):
                assert error.code == "unsupported", "the root says so, which answers without a login"
                return
            assert error.code == "authentication", error
        assert len(lab.writes()) == 1


@on_every_generation
async def test_a_success_that_hides_an_error_is_not_believed_where_nothing_was_done(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        before = len(sent(lab))
        for method in ("POST", "PATCH", "DELETE"):
            lab.simulator.set_fault("success-with-error-body", method=method, path=case.aim, executed=False)
        answer = await lab.call(case.tool, **arguments)
        assert answer["outcome"] in (("unknown", "not_applied") if case.blind else ("not_applied",)), answer
        assert "hidden_failure" in str(answer["warnings"])
        assert len(sent(lab)) - before == 1


@REAL_TIME
async def test_writes_that_are_asked_for_at_once_reach_the_idrac_one_after_another(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "10") as lab:
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("slow", seconds=0.05)
        answers = await asyncio.gather(
            lab.call("idrac_set_led", identify=True),
            lab.call("idrac_set_boot", source="Pxe"),
            lab.call("idrac_set_power_cap", watts=400),
            lab.call("idrac_set_network", host_name="bmc-9"),
        )
        assert [answer["outcome"] for answer in answers] == ["applied"] * 4
        assert sum(one.method == "PATCH" for one in lab.arrivals) == 4
        assert lab.running.state.max_writes_in_flight == 1
        assert 1 < lab.running.state.max_in_flight <= 4


LIVE = (
    "idrac_create_volume",
    "idrac_delete_volume",
    "idrac_set_hot_spare",
    "idrac_import_foreign",
    "idrac_clear_foreign",
    "idrac_initialize_volume",
    "idrac_set_volume_cache",
    "idrac_convert_drives",
    "idrac_reset_controller",
    "idrac_erase_drive",
    "idrac_export_profile",
    "idrac_import_profile",
    "idrac_preview_profile",
    "idrac_export_diagnostics",
    "idrac_collect_support",
    "idrac_run_diagnostics",
)
"""Tools whose jobs end while they wait."""
UNSEEN = ("idrac_erase_drive", "idrac_initialize_volume", "idrac_import_profile", "idrac_run_diagnostics")
"""Those whose work cannot be seen: a job that failed may have done part of it."""
live = pytest.mark.parametrize("case", [case for case in SENDERS if case.tool in LIVE], ids=lambda case: case.id)


@live
@pytest.mark.parametrize("fault", ["job-fails", "job-vanishes", "job-stuck"])
async def test_a_job_that_failed_vanished_or_hangs_is_not_told_as_done(case: Case, fault: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        lab.clock.advance(120)
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault(fault)
        answer = await lab.call(case.tool, **arguments)
        told = str(answer.get("warnings"))
        if fault == "job-fails":
            assert answer["outcome"] == ("unknown" if case.tool in UNSEEN else "not_applied"), answer
            assert "Failed" in told
        elif fault == "job-stuck":
            assert answer["outcome"] == "started", answer
            assert str(answer["task"]).startswith("JID_")
        elif answer["outcome"] == "applied":
            # Its job is gone, but what it was to do can be read.
            assert not case.blind
            assert "file" not in answer["after"]
        else:
            assert answer["outcome"] in ("unknown", "not_applied"), answer
