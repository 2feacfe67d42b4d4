"""Volumes, drives, erasure, Dell's RAID service."""

from __future__ import annotations

import pytest

from holdfast.simulators.idrac.bmc import OPERATOR
from tests.simulators.idrac.bench import ALL, MGR, MODERN, OEM_M, OEM_S, SYS, Answer, Bench, bench

RAID = "RAID.Integrated.1-1"
STORAGE = f"{SYS}/Storage/{RAID}"
SERVICE = f"{OEM_S}/DellRaidService"
RESET = f"{SYS}/Actions/ComputerSystem.Reset"


def _fqdd(slot: int) -> str:
    return f"Disk.Bay.{slot}:Enclosure.Internal.0-1:{RAID}"


def _drive(at: Bench, slot: int) -> str:
    return f"{STORAGE}/Drives/{_fqdd(slot)}" if at.generation >= 9 else f"{SYS}/Storage/Drives/{_fqdd(slot)}"


def _body(at: Bench, *slots: int, level: str = "RAID1") -> dict[str, object]:
    drives = [{"@odata.id": _drive(at, slot)} for slot in slots]
    if at.generation >= 9:
        return {"Name": "data0", "RAIDType": level, "Links": {"Drives": drives}}
    return {"Name": "data0", "VolumeType": "Mirrored", "Drives": drives}


async def _job(at: Bench, answer: Answer) -> dict[str, object]:
    base = f"{OEM_M}/Jobs" if at.generation >= 9 else f"{MGR}/Jobs"
    return (await at.get(f"{base}/{answer.job}")).body


async def _volumes(at: Bench) -> list[str]:
    return [str(member["@odata.id"]) for member in (await at.get(f"{STORAGE}/Volumes")).members]


async def _act(at: Bench, name: str, **content: object) -> Answer:
    return await at.post(f"{SERVICE}/Actions/DellRaidService.{name}", content)


@pytest.mark.parametrize("persona", ALL)
async def test_a_created_volume_appears_with_its_drives_online(persona: str) -> None:
    async with bench(persona) as at:
        slots = (2, 3)
        for slot in slots:
            at.simulator.bmc.raid.states[_fqdd(slot)].raid_status = "Ready"
        before = await _volumes(at)
        answer = await at.post(f"{STORAGE}/Volumes", _body(at, *slots))
        assert answer.status == 202
        job = await _job(at, answer)
        if at.generation >= 9:
            assert (job["JobType"], job["JobState"]) == ("RealTimeNoRebootConfiguration", "Running")
        else:
            # Old firmware applies it at the next restart of the host.
            assert (job["JobType"], job["JobState"]) == ("RAIDConfiguration", "Scheduled")
            await at.post(RESET, {"ResetType": "ForceRestart"})
        assert await _volumes(at) == before
        at.wait(60)
        assert (await _job(at, answer))["JobState"] == "Completed"
        (new,) = set(await _volumes(at)) - set(before)
        assert new.endswith("Disk.Virtual.239:RAID.Integrated.1-1")
        volume = (await at.get(new)).body
        assert volume["Name"] == "data0"
        assert volume["VolumeType"] == "Mirrored"
        drive = await at.get(_drive(at, 2))
        assert drive.at("Links", "Volumes") == [{"@odata.id": new}]
        assert volume["CapacityBytes"] == int(str(drive.body["CapacityBytes"])) // 1_048_576 * 1_048_576


@pytest.mark.parametrize("persona", MODERN)
async def test_deleting_a_volume_frees_its_drives(persona: str) -> None:
    async with bench(persona) as at:
        (volume,) = await _volumes(at)
        answer = await at.delete(volume)
        assert answer.status == 202
        at.wait(10)
        assert await _volumes(at) == []
        drive = await at.get(_drive(at, 0))
        assert drive.at("Oem", "Dell", "DellPhysicalDisk", "RaidStatus") == "Ready"
        assert (await at.get(volume)).status == 404


@pytest.mark.parametrize(
    ("slots", "level", "expected"),
    [
        ((0, 2), "RAID1", "STOR026"),
        ((2,), "RAID1", "STOR034"),
        ((2, 2), "RAID1", "STOR034"),
        ((2, 3), "RAID5", "STOR034"),
    ],
)
async def test_impossible_volumes_are_refused(slots: tuple[int, ...], level: str, expected: str) -> None:
    async with bench("9") as at:
        answer = await at.post(f"{STORAGE}/Volumes", _body(at, *slots, level=level))
        assert (answer.status, answer.ids) == (400, [expected])


async def test_the_body_of_a_creation_differs_by_generation() -> None:
    async with bench("9") as at:
        content = {"VolumeType": "Mirrored", "Drives": [{"@odata.id": _drive(at, s)} for s in (2, 3)]}
        assert (await at.post(f"{STORAGE}/Volumes", content)).status == 202
    async with bench("10") as at:
        for slot in (2, 3):
            at.simulator.bmc.raid.states[_fqdd(slot)].raid_status = "Ready"
        drives = [{"@odata.id": _drive(at, slot)} for slot in (2, 3)]
        assert (await at.post(f"{STORAGE}/Volumes", {"RAIDType": "RAID1", "Drives": drives})).status == 400
        assert (
            await at.post(f"{STORAGE}/Volumes", {"VolumeType": "Mirrored", "Links": {"Drives": drives}})
        ).status == 400
        window = {"ApplyTime": "AtMaintenanceWindowStart"}
        late = _body(at, 2, 3) | {"@Redfish.OperationApplyTime": window}
        assert (await at.post(f"{STORAGE}/Volumes", late)).status == 400


async def test_one_storage_job_at_a_time() -> None:
    async with bench("9") as at:
        assert (await at.post(f"{STORAGE}/Volumes", _body(at, 2, 3))).status == 202
        again = await at.post(f"{STORAGE}/Volumes", _body(at, 2, 3))
        assert (again.status, again.ids) == (400, ["RAC0679"])


async def test_a_staged_volume_waits_for_the_restart() -> None:
    async with bench("9") as at:
        answer = await at.post(f"{STORAGE}/Volumes", _body(at, 2, 3) | {"@Redfish.OperationApplyTime": "OnReset"})
        at.wait(3600)
        assert (await _job(at, answer))["JobState"] == "Scheduled"
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(30)
        assert len(await _volumes(at)) == 2


async def test_cache_policies_are_changed_by_their_settings() -> None:
    async with bench("9") as at:
        (volume,) = await _volumes(at)
        content = {"ReadCachePolicy": "Off", "@Redfish.SettingsApplyTime": {"ApplyTime": "Immediate"}}
        assert (await at.patch(f"{volume}/Settings", content)).status == 202
        at.wait(10)
        assert (await at.get(volume)).body["ReadCachePolicy"] == "Off"


async def test_a_drive_in_a_volume_is_not_erased_and_a_free_one_is() -> None:
    async with bench("9") as at:
        used = await at.post(f"{_drive(at, 0)}/Actions/Drive.SecureErase")
        assert (used.status, used.ids) == (400, ["STOR006"])
        assert (await at.post(f"{_drive(at, 2)}/Actions/Drive.SecureErase")).status == 202
        at.wait(10)
        await at.get(SYS)
        assert at.simulator.bmc.raid.states[_fqdd(2)].erased == 1
    async with bench("8") as at:
        assert (await at.post(f"{_drive(at, 2)}/Actions/Drive.SecureErase")).ids == ["STOR016"]


async def test_initialising_and_checking_show_as_operations() -> None:
    async with bench("9") as at:
        (volume,) = await _volumes(at)
        assert (await at.post(f"{volume}/Actions/Volume.Initialize", {"InitializeType": "Fast"})).status == 202
        operations = (await at.get(volume)).body["Operations"]
        assert isinstance(operations, list)
        assert operations[0]["OperationName"] == "Initializing"
        at.wait(10)
        assert (await at.get(volume)).body["Operations"] == []
        assert (await at.post(f"{volume}/Actions/Volume.CheckConsistency")).status == 202
        fqdd = volume.rsplit("/", 1)[-1]
        assert (await _act(at, "CancelCheckConsistency", TargetFQDD=fqdd)).status == 200


async def test_possible_levels_follow_the_free_disks() -> None:
    async with bench("9") as at:
        answer = await _act(at, "GetRAIDLevels", TargetFQDD=RAID, DiskType="All", Diskprotocol="AllProtocols")
        assert answer.body["VDRAIDEnumArray"] == ["0", "1"]
        assert (await _act(at, "GetRAIDLevels", TargetFQDD="RAID.Nowhere.1-1")).status == 400
        disks = await _act(at, "GetAvailableDisks", TargetFQDD=RAID)
        assert disks.body["PDArray"] == [_fqdd(2), _fqdd(3)]


async def test_spares_conversions_and_states() -> None:
    async with bench("9") as at:

        async def done(name: str, **content: object) -> None:
            assert (await _act(at, name, **content)).status == 202
            at.wait(10)

        await done("AssignSpare", TargetFQDD=_fqdd(2))
        assert (await at.get(_drive(at, 2))).body["HotspareType"] == "Global"
        assert (await _act(at, "ConvertToNonRAID", PDArray=[_fqdd(2)])).ids == ["STOR026"]
        await done("UnassignSpare", TargetFQDD=_fqdd(2))
        await done("ConvertToNonRAID", PDArray=[_fqdd(2)])
        status = (await at.get(_drive(at, 2))).at("Oem", "Dell", "DellPhysicalDisk", "RaidStatus")
        assert status == "NonRAID"
        await done("ConvertToRAID", PDArray=[_fqdd(2)])
        await done("ChangePDState", TargetFQDD=_fqdd(0), State="Offline")
        status = (await at.get(_drive(at, 0))).at("Oem", "Dell", "DellPhysicalDisk", "RaidStatus")
        assert status == "Offline"


async def test_growing_renaming_and_wiping() -> None:
    async with bench("9") as at:
        (volume,) = await _volumes(at)
        fqdd = volume.rsplit("/", 1)[-1]
        assert (await _act(at, "RenameVD", TargetFQDD=fqdd, Name="system")).status == 202
        at.wait(10)
        assert (await at.get(volume)).body["Name"] == "system"
        grow = await _act(at, "RAIDLevelMigration", TargetFQDD=fqdd, PDArray=[_fqdd(2)], NewRaidLevel="RAID5")
        assert grow.status == 202
        at.wait(10)
        assert (await at.get(volume)).body["RAIDType"] == "RAID5"
        assert (await _act(at, "ResetConfig", TargetFQDD=RAID)).status == 202
        at.wait(10)
        assert await _volumes(at) == []


async def test_there_is_no_foreign_configuration_to_import() -> None:
    async with bench("9") as at:
        for name in ("ImportForeignConfig", "ClearForeignConfig"):
            answer = await _act(at, name, TargetFQDD=RAID)
            assert (answer.status, answer.ids) == (400, ["STOR018"])


async def test_foreign_drives_become_a_volume_or_are_freed() -> None:
    async with bench("9") as at:
        raid = at.simulator.bmc.raid
        for name, volumes, state in (("ImportForeignConfig", ["old"], "Online"), ("ClearForeignConfig", [], "Ready")):
            for volume in list(raid.volumes):
                raid.remove(volume)
            raid.bring("old", "RAID1", [_fqdd(0), _fqdd(1)])
            seen = (await at.get(_drive(at, 0))).at("Oem", "Dell", "DellPhysicalDisk", "RaidStatus")
            assert seen == "Foreign"
            assert (await _act(at, name, TargetFQDD=RAID)).status == 202
            at.wait(10)
            assert [(await at.get(one)).body["Name"] for one in await _volumes(at)] == volumes
            assert (await at.get(_drive(at, 0))).at("Oem", "Dell", "DellPhysicalDisk", "RaidStatus") == state


async def test_locating_a_drive_needs_no_job_and_no_open_lock() -> None:
    async with bench("9") as at:
        assert (await _act(at, "BlinkTarget", TargetFQDD=_fqdd(1))).status == 200
        assert (await at.get(_drive(at, 1))).body["LocationIndicatorActive"] is True
        assert (await at.patch(_drive(at, 1), {"LocationIndicatorActive": False})).status == 200
        assert (await at.get(_drive(at, 1))).body["LocationIndicatorActive"] is False


async def test_a_failed_drive_degrades_its_mirror() -> None:
    async with bench("9") as at:
        at.fault("component", id=_fqdd(0), health="Critical")
        (volume,) = await _volumes(at)
        body = await at.get(volume)
        assert body.at("Status", "Health") == "Warning"
        assert body.at("Oem", "Dell", "DellVolume", "RaidStatus") == "Degraded"
        drive = await at.get(_drive(at, 0))
        assert drive.at("Oem", "Dell", "DellPhysicalDisk", "RaidStatus") == "Failed"


async def test_an_operator_may_change_storage_and_lockdown_forbids_it_to_all() -> None:
    async with bench("9") as at:
        assert (await at.post(f"{STORAGE}/Volumes", _body(at, 2, 3), auth=OPERATOR)).status == 202
        at.wait(10)
        at.fault("lockdown")
        (first, _) = await _volumes(at)
        refused = await at.delete(first)
        assert (refused.status, refused.ids) == (403, ["SYS406"])
