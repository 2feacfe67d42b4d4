"""What every tool of the table does when the iDRAC is busy, locked, or refuses the login; that it asks little."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.appliances.idrac.table import CASES, SENDERS, Case, prepare, with_ids
from tests.appliances.idrac.test_writes import every_write, lab_room, lab_settings, on_every_generation, sent
from tests.support.rooms import room

REQUESTS = 40
"""Most requests of one call; an expanded collection takes one, whatever it holds."""


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


@pytest.mark.parametrize("case", SENDERS, ids=lambda case: case.id)
async def test_no_action_of_an_idrac10_is_sent_with_an_entity_tag(case: Case, tmp_path: Path) -> None:
    async with lab_room(tmp_path, "10") as lab:
        arguments = await prepare(lab, case)
        before = len(lab.writes())
        await lab.call(case.tool, **arguments)
        for one in lab.writes()[before:]:
            tagged = "if-match" in {name.lower() for name in one.headers}
            assert not (one.method == "POST" and tagged)
            assert not (one.method == "PATCH" and one.path.endswith("/Settings") and not tagged)
