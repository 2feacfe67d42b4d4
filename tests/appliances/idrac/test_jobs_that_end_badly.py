"""Jobs that end otherwise than well: nothing is called done, or not done, that nobody has seen (contract 8.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.appliances.idrac.errors import hidden_failure
from holdfast.appliances.idrac.jobs import job_of
from holdfast.transport.values import JsonObject
from tests.appliances.idrac.cases import DISK, GENERATIONS, RAID, Case
from tests.appliances.idrac.changes_table import OS_VOLUME
from tests.appliances.idrac.table import SENDERS, prepare
from tests.appliances.idrac.test_writes import lab_room, on_every_generation

IMAGE = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"
HARMLESS = ("idrac_export_profile", "idrac_compare_firmware", "idrac_preview_profile")
"""Their jobs change nothing of the server; the file of an export is here, or is not."""
every_generation = pytest.mark.parametrize("persona", GENERATIONS)


@pytest.mark.parametrize(
    ("row", "phase"),
    [
        ({"TaskState": "Completed", "TaskStatus": "OK", "Messages": [{"Severity": "OK"}]}, "done"),
        ({"TaskState": "Completed", "TaskStatus": "OK", "Messages": [{}, {"Severity": "Warning"}]}, "partial"),
        ({"JobState": "Completed", "JobStatus": "OK", "Messages": [{"MessageSeverity": "Critical"}]}, "partial"),
        ({"JobState": "Completed", "JobStatus": "Critical", "Messages": [{"Severity": "OK"}]}, "partial"),
        ({"TaskState": "Exception", "TaskStatus": "OK"}, "failed"),
    ],
)
def test_a_task_whose_messages_tell_of_trouble_is_no_success(row: JsonObject, phase: str) -> None:
    assert job_of({"Id": "JID_1", **row}).phase == phase


@pytest.mark.parametrize(
    ("entry", "failed"),
    [
        ({"MessageId": "IDRAC.2.8.SYS409"}, True),
        ({"MessageId": "IDRAC.2.8.RAC0218", "Severity": "Informational"}, True),
        ({"MessageId": "IDRAC.2.8.SYS409", "MessageSeverity": "Warning"}, True),
        ({"MessageId": "IDRAC.2.8.SYS413", "Severity": "Informational"}, False),
        ({"MessageId": "Base.1.12.Success", "MessageSeverity": "OK"}, False),
        ({"MessageId": "Base.1.12.Success"}, False),
    ],
)
def test_an_error_in_a_200_is_told_by_what_it_says_also_without_a_severity(entry: JsonObject, failed: bool) -> None:
    assert (hidden_failure({"error": {"@Message.ExtendedInfo": [entry]}}) is not None) is failed


@on_every_generation
async def test_a_job_that_fails_after_its_work_is_never_told_as_not_done(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        lab.simulator.set_fault("job-fails", after_work=True)
        answer = await lab.call(case.tool, **arguments)
        if case.tool not in HARMLESS:
            assert answer["outcome"] != "not_applied", answer


@on_every_generation
@pytest.mark.parametrize("fault", ["job-completed-with-errors", "job-user-intervention"])
async def test_a_job_that_did_not_end_well_is_no_success(case: Case, persona: str, fault: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        lab.simulator.set_fault(fault)
        answer = await lab.call(case.tool, **arguments)
        state = (answer.get("details") or {}).get("state")
        if case.tool == "idrac_preview_profile" and state == "CompletedWithErrors":
            # It changes nothing: that it found errors is what it is for.
            assert answer["outcome"] == "applied", answer
            assert state in str(answer["warnings"])
        elif state in ("CompletedWithErrors", "UserIntervention"):
            assert (answer["outcome"], answer["verified"]) == ("unknown", False), answer
            assert answer["next_step"]
            assert state in str(answer["warnings"])


def test_some_changes_of_the_table_start_jobs() -> None:
    assert {"idrac_delete_volume", "idrac_erase_drive"} <= {case.tool for case in SENDERS}


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_a_failed_erasure_is_not_called_harmless(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_delete_volume", **OS_VOLUME)
        lab.clock.advance(300)
        lab.simulator.set_fault("job-fails")
        answer = await lab.call("idrac_erase_drive", controller=RAID, drive=DISK)
        assert (answer["outcome"], answer["verified"]) == ("unknown", False), answer
        assert "Failed" in str(answer["warnings"])


@every_generation
@pytest.mark.parametrize("fault", ["job-completed-with-errors", "job-user-intervention"])
async def test_firmware_that_is_not_all_there_is_no_success(persona: str, fault: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        lab.simulator.set_fault(fault)
        answer = await lab.call("idrac_update_firmware", image=IMAGE, when="Immediate")
        assert (answer["outcome"], answer["verified"]) == ("unknown", False), answer
        told = str(answer["warnings"])
        assert ("Part of it failed" if fault == "job-completed-with-errors" else "operator") in told, told
        assert answer["next_step"]
        assert "task" not in answer
