"""The job queue in all its views, conflicts, deletion, faults."""

from __future__ import annotations

import pytest

from tests.simulators.idrac.bench import ALL, MGR, OEM_M, ROOT, SYS, Answer, Bench, bench

SETTINGS = f"{SYS}/Bios/Settings"
RESET = f"{SYS}/Actions/ComputerSystem.Reset"
QUEUE = f"{OEM_M}/DellJobService/Actions/DellJobService"
ON_RESET = {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}


def _view(at: Bench) -> str:
    return f"{OEM_M}/Jobs" if at.generation >= 9 else f"{MGR}/Jobs"


async def _stage(at: Bench, **attributes: object) -> Answer:
    values = attributes or {"LogicalProc": "Disabled"}
    if at.generation >= 9:
        return await at.patch(SETTINGS, {"Attributes": values, **ON_RESET})
    assert (await at.patch(SETTINGS, {"Attributes": values})).status == 200
    return await at.post(f"{MGR}/Jobs", {"TargetSettingsURI": SETTINGS})


async def _job(at: Bench, name: str) -> dict[str, object]:
    answer = await at.get(f"{_view(at)}/{name}")
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize(
    ("persona", "place"),
    [("8", f"{MGR}/Jobs/"), ("9", f"{ROOT}/TaskService/Tasks/"), ("10", f"{ROOT}/TaskService/TaskMonitors/")],
)
async def test_a_staged_job_waits_for_a_restart_and_is_applied_there(persona: str, place: str) -> None:
    async with bench(persona) as at:
        answer = await _stage(at)
        assert answer.status == (200 if persona == "8" else 202)
        assert answer.headers["Location"].startswith(place)
        job = await _job(at, answer.job)
        assert (job["JobState"], job["JobType"], job["MessageId"]) == ("Scheduled", "BIOSConfiguration", "JCP001")
        assert (job["StartTime"], job["EndTime"], job["CompletionTime"]) == ("TIME_NOW", "TIME_NA", None)
        at.wait(3600)
        assert (await _job(at, answer.job))["JobState"] == "Scheduled"
        assert (await at.get(SETTINGS)).body["Attributes"] == {"LogicalProc": "Disabled"}
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Enabled"
        assert (await at.post(RESET, {"ResetType": "ForceRestart"})).status == 204
        at.wait(1)
        running = await _job(at, answer.job)
        assert running["JobState"] == "Running"
        percent = running["PercentComplete"]
        assert isinstance(percent, int)
        assert 0 < percent < 100
        at.wait(5)
        done = await _job(at, answer.job)
        assert (done["JobState"], done["PercentComplete"], done["MessageId"]) == ("Completed", 100, "PR19")
        assert done["CompletionTime"] is not None
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Disabled"
        assert (await at.get(SETTINGS)).body["Attributes"] == {}


async def test_a_second_set_of_committed_values_is_refused() -> None:
    async with bench("9") as at:
        assert (await _stage(at)).status == 202
        again = await _stage(at, LogicalProc="Enabled")
        assert (again.status, again.ids) == (400, ["SYS011"])


async def test_deleting_a_staged_job_discards_its_pending_values() -> None:
    async with bench("9") as at:
        job = (await _stage(at)).job
        assert (await at.post(f"{QUEUE}.DeleteJobQueue", {"JobID": job})).ids[-1] == "SUP020"
        assert (await at.get(f"{_view(at)}/{job}")).status == 404
        assert (await at.get(SETTINGS)).body["Attributes"] == {}
        assert (await _stage(at)).status == 202


async def test_old_firmware_deletes_a_job_by_its_address() -> None:
    async with bench("8") as at:
        job = (await _stage(at)).job
        assert (await at.post(f"{QUEUE}.DeleteJobQueue", {"JobID": job})).status in (400, 405)
        assert (await at.delete(f"{MGR}/Jobs/{job}")).status == 200
        assert (await at.get(f"{MGR}/Jobs/{job}")).status == 400


async def test_a_running_job_cannot_be_deleted_and_clearing_leaves_it() -> None:
    async with bench("9") as at:
        waiting = (await _stage(at)).job
        volume = f"{SYS}/Storage/RAID.Integrated.1-1/Volumes/Disk.Virtual.0:RAID.Integrated.1-1"
        running = (await at.post(f"{volume}/Actions/Volume.CheckConsistency")).job
        refused = await at.post(f"{QUEUE}.DeleteJobQueue", {"JobID": running})
        assert (refused.status, refused.ids) == (400, ["JCP023"])
        assert (await at.post(f"{QUEUE}.DeleteJobQueue", {"JobID": "JID_CLEARALL"})).status == 200
        assert (await at.get(f"{_view(at)}/{waiting}")).status == 404
        assert (await at.get(f"{_view(at)}/{running}")).status == 200
        nothing = await at.post(f"{QUEUE}.DeleteJobQueue", {"JobID": "JID_000000000000"})
        assert (nothing.status, nothing.ids) == (400, ["SUP024"])


async def test_clearing_by_force_restarts_the_lifecycle_services_for_a_while() -> None:
    async with bench("9") as at:
        await _stage(at)
        assert (await at.post(f"{QUEUE}.DeleteJobQueue", {"JobID": "JID_CLEARALL_FORCE"})).status == 200
        assert (await at.get(f"{ROOT}/Systems")).members == []
        assert (await at.get(SYS)).status == 404
        status = f"{OEM_M}/DellLCService/Actions/DellLCService.GetRemoteServicesAPIStatus"
        assert (await at.post(status)).body["LCStatus"] == "ReloadingData"
        at.wait(120)
        assert len((await at.get(f"{ROOT}/Systems")).members) == 1
        assert (await at.post(status)).body["LCStatus"] == "Ready"
        assert (await at.get(_view(at))).members == []


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_a_job_looks_alike_in_every_view(persona: str) -> None:
    async with bench(persona) as at:
        name = (await _stage(at)).job
        dell = (await at.get(f"{OEM_M}/Jobs/{name}")).body
        dmtf = await at.get(f"{ROOT}/JobService/Jobs/{name}")
        task = await at.get(f"{ROOT}/TaskService/Tasks/{name}")
        assert dmtf.body["JobState"] == "Pending"
        assert dmtf.at("Oem", "Dell", "JobState") == dell["JobState"] == "Scheduled"
        assert (task.status, task.body["TaskState"]) == (202, "Pending")
        assert task.at("Oem", "Dell", "JobType") == "BIOSConfiguration"
        assert (await at.get(f"{ROOT}/JobService")).at("ServiceCapabilities", "MaxJobs") == 256
        listed = await at.get(f"{ROOT}/JobService/Jobs?$expand=*($levels=1)")
        assert [member["Id"] for member in listed.members] == [name]


async def test_a_finished_task_disappears_before_its_job() -> None:
    async with bench("9") as at:
        name = (await _stage(at)).job
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(10)
        assert (await at.get(f"{ROOT}/TaskService/Tasks/{name}")).status == 200
        at.wait(120)
        assert (await at.get(f"{ROOT}/TaskService/Tasks/{name}")).status == 404
        assert (await _job(at, name))["JobState"] == "Completed"


async def test_a_task_monitor_answers_once_when_its_task_is_over() -> None:
    async with bench("10") as at:
        answer = await _stage(at)
        monitor = answer.headers["Location"]
        assert (await at.get(monitor)).status == 202
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(10)
        assert (await at.get(monitor)).status == 200
        assert (await at.get(monitor)).status == 404
    async with bench("9") as at:
        assert (await at.get(f"{ROOT}/TaskService/TaskMonitors/JID_1")).status == 404


@pytest.mark.parametrize(
    ("fault", "state", "dmtf", "health"),
    [
        ("job-fails", "Failed", "Exception", "Critical"),
        ("job-completed-with-errors", "CompletedWithErrors", "Completed", "Warning"),
        ("job-user-intervention", "UserIntervention", "UserIntervention", "OK"),
    ],
)
async def test_jobs_can_be_made_to_end_otherwise(fault: str, state: str, dmtf: str, health: str) -> None:
    async with bench("9") as at:
        at.fault(fault, type="BIOSConfiguration", count=1)
        name = (await _stage(at)).job
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(10)
        assert (await _job(at, name))["JobState"] == state
        view = (await at.get(f"{ROOT}/JobService/Jobs/{name}")).body
        assert (view["JobState"], view["JobStatus"], view["PercentComplete"]) == (dmtf, health, 100)
        changed = (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Disabled"
        assert changed is (fault != "job-fails")


async def test_a_job_fault_for_another_type_leaves_a_job_alone() -> None:
    async with bench("9") as at:
        at.fault("job-fails", type="FirmwareUpdate")
        name = (await _stage(at)).job
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(10)
        assert (await _job(at, name))["JobState"] == "Completed"


async def test_a_job_can_vanish_from_every_view_although_its_work_is_done() -> None:
    async with bench("9") as at:
        at.fault("job-vanishes", after_s=2.0)
        name = (await _stage(at)).job
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(10)
        for path in (f"{OEM_M}/Jobs", f"{MGR}/Jobs", f"{ROOT}/JobService/Jobs", f"{ROOT}/TaskService/Tasks"):
            assert (await at.get(f"{path}/{name}")).status == 404
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Disabled"
        assert "JCP037" in [record.message_id for record in at.simulator.bmc.lclog.own]


async def test_a_job_can_be_late_stuck_or_without_an_address() -> None:
    async with bench("9") as at:
        at.fault("job-late", seconds=5.0, count=1)
        name = (await _stage(at)).job
        assert (await at.get(f"{OEM_M}/Jobs/{name}")).status == 404
        at.wait(6)
        assert (await at.get(f"{OEM_M}/Jobs/{name}")).status == 200
        at.fault("job-stuck", count=1)
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(3600)
        assert (await _job(at, name))["JobState"] == "Running"
        at.fault("job-no-location", count=1)
        volume = f"{SYS}/Storage/RAID.Integrated.1-1/Volumes/Disk.Virtual.0:RAID.Integrated.1-1"
        answer = await at.post(f"{volume}/Actions/Volume.CheckConsistency")
        assert answer.status == 202
        assert "Location" not in answer.headers
        assert len((await at.get(f"{OEM_M}/Jobs")).members) == 2


async def test_a_full_job_store_takes_no_more() -> None:
    async with bench("9") as at:
        for _ in range(255):
            at.simulator.bmc.jobs.add("filler", "LCExport", (), lambda: None, waits=True)
        assert (await _stage(at)).status == 202
        at.simulator.bmc.bios.discard()
        full = await at.post(f"{QUEUE}.CreateRebootJob", {"RebootJobType": "PowerCycle"})
        assert (full.status, full.ids) == (400, ["SUP022"])
        page = await at.get(f"{OEM_M}/Jobs")
        assert page.body["Members@odata.count"] == 256
        assert len(page.members) == 50


async def test_a_reboot_job_in_the_queue_brings_staged_settings_about() -> None:
    async with bench("9") as at:
        staged = (await _stage(at)).job
        reboot = (await at.post(f"{QUEUE}.CreateRebootJob", {"RebootJobType": "PowerCycle"})).job
        assert reboot.startswith("RID_")
        content = {"JobArray": [staged, reboot], "StartTimeInterval": "TIME_NOW"}
        assert (await at.post(f"{QUEUE}.SetupJobQueue", content)).status == 200
        for _ in range(20):
            await at.get(SYS)
            at.wait(1)
        assert (await _job(at, staged))["JobState"] == "Completed"
        assert (await _job(at, reboot))["JobState"] == "RebootCompleted"


async def test_a_maintenance_window_restarts_the_host_at_its_beginning() -> None:
    async with bench("9") as at:
        window = {
            "ApplyTime": "AtMaintenanceWindowStart",
            "MaintenanceWindowStartTime": "2026-11-23T04:00:00-06:00",
            "MaintenanceWindowDurationInSeconds": 7200,
        }
        content = {"Attributes": {"LogicalProc": "Disabled"}, "@Redfish.SettingsApplyTime": window}
        past = await at.patch(
            SETTINGS,
            {
                **content,
                "@Redfish.SettingsApplyTime": {**window} | {"MaintenanceWindowStartTime": "2020-01-01T00:00:00-06:00"},
            },
        )
        assert (past.status, past.ids) == (400, ["SYS440"])
        job = (await at.patch(SETTINGS, content)).job
        seconds = _until(at, "2026-11-23T04:00:00-06:00")
        at.wait(seconds - 1)
        assert (await _job(at, job))["JobState"] == "Scheduled"
        at.wait(20)
        assert (await _job(at, job))["JobState"] == "Completed"
        assert at.simulator.bmc.host.resets == 1


def _until(at: Bench, moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp() - at.clock.now()


async def test_a_reset_can_be_scheduled_by_the_calendar() -> None:
    async with bench("9") as at:
        content = {
            "Payload": {"TargetUri": RESET, "HttpBody": '{"ResetType": "ForceRestart"}'},
            "Schedule": {
                "InitialStartTime": "2026-11-24T00:00:00-06:00",
                "RecurrenceInterval": "P1D",
                "MaxOccurrences": 2,
            },
        }
        made = await at.post(f"{ROOT}/JobService/Jobs", content)
        assert made.status == 201
        for _ in range(4):
            at.wait(86_400)
            await at.get(SYS)
        assert at.simulator.bmc.host.resets == 2
        bad = {**content, "Payload": {"TargetUri": f"{SYS}/Storage", "HttpBody": "{}"}}
        assert (await at.post(f"{ROOT}/JobService/Jobs", bad)).status == 400


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"NoSuchThing": "Enabled"}, "SYS409"),
        ({"LogicalProc": "enabled"}, "SYS426"),
        ({"SystemServiceTag": "X"}, "SYS409"),
        ({"PxeDev1VlanId": 5}, "SYS410"),
        ({"PxeDev1VlanEnDis": "Enabled", "PxeDev1VlanId": "5"}, "SYS424"),
        ({"PxeDev1VlanEnDis": "Enabled", "PxeDev1VlanId": 5000}, "SYS425"),
    ],
)
async def test_bios_values_are_held_to_the_registry(persona: str, attributes: dict[str, object], expected: str) -> None:
    async with bench(persona) as at:
        answer = await at.patch(SETTINGS, {"Attributes": attributes})
        assert answer.status == 400
        assert expected in answer.ids
        assert (await at.get(SETTINGS)).body["Attributes"] == {}


async def test_attributes_that_depend_on_each_other_are_set_together() -> None:
    async with bench("9") as at:
        answer = await _stage(at, PxeDev1VlanEnDis="Enabled", PxeDev1VlanId=5)
        assert answer.status == 202
        registry = (await at.get(f"{SYS}/Bios/BiosRegistry")).at("RegistryEntries", "Dependencies")
        assert isinstance(registry, list)
        assert "PxeDev1VlanId" in [entry["DependencyFor"] for entry in registry]


async def test_pending_values_without_a_job_can_be_cleared() -> None:
    async with bench("9") as at:
        clear = f"{SETTINGS}/Actions/Oem/DellManager.ClearPending"
        assert (await at.patch(SETTINGS, {"Attributes": {"LogicalProc": "Disabled"}})).status == 200
        assert (await at.post(clear)).status == 200
        assert (await at.get(SETTINGS)).body["Attributes"] == {}
        await _stage(at)
        assert (await at.post(clear)).ids == ["SYS011"]


async def test_bios_defaults_are_refused_while_values_are_pending() -> None:
    async with bench("9") as at:
        defaults = f"{SYS}/Bios/Actions/Bios.ResetBios"
        await _stage(at)
        assert (await at.post(defaults)).ids == ["LC068"]
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        assert (await at.post(defaults)).status == 200
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Enabled"


async def test_a_setup_password_is_changed_by_a_job_and_never_shown() -> None:
    async with bench("9") as at:
        change = f"{SYS}/Bios/Actions/Bios.ChangePassword"
        content = {"PasswordName": "SetupPassword", "OldPassword": "wrong", "NewPassword": "Secret-1"}
        assert (await at.post(change, content)).status == 400
        assert (await at.post(change, {**content, "OldPassword": ""})).status == 202
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        await at.get(SYS)
        assert at.simulator.bmc.bios.passwords["SetupPassword"] == "Secret-1"
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "SetupPassword") is None


async def test_secure_boot_is_staged_and_its_keys_need_the_custom_policy() -> None:
    async with bench("9") as at:
        assert (await at.post(f"{SYS}/SecureBoot/Actions/SecureBoot.ResetKeys", {"ResetKeysType": "ResetPK"})).ids == [
            "SYS439"
        ]
        assert (await at.patch(f"{SYS}/SecureBoot", {"SecureBootEnable": True})).status == 202
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        assert (await at.get(f"{SYS}/SecureBoot")).body["SecureBootEnable"] is True
