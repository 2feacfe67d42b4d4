"""The firmware inventory and all ways of updating it."""

from __future__ import annotations

import io
import json

import aiohttp
import pytest

from tests.simulators.idrac.bench import ALL, MGR, OEM_M, OEM_S, ROOT, SYS, Answer, Bench, bench

SERVICE = f"{ROOT}/UpdateService"
INVENTORY = f"{SERVICE}/FirmwareInventory"
SIMPLE = f"{SERVICE}/Actions/UpdateService.SimpleUpdate"
BIOS_FILE = "BIOS_7XK1N_WN64_9.16.2.EXE"
REPO = f"{OEM_S}/DellSoftwareInstallationService/Actions/DellSoftwareInstallationService"


def _view(at: Bench) -> str:
    return f"{OEM_M}/Jobs" if at.generation >= 9 else f"{MGR}/Jobs"


async def _state(at: Bench, answer: Answer) -> tuple[object, object]:
    body = (await at.get(f"{_view(at)}/{answer.job}")).body
    return body["JobState"], body["MessageId"]


async def _ids(at: Bench) -> list[str]:
    return [str(member["@odata.id"]).rsplit("/", 1)[-1] for member in (await at.get(INVENTORY)).members]


async def _multipart(
    at: Bench, filename: str, content: bytes = b"MZ\x90\x00", *, apply_time: str = "Immediate"
) -> Answer:
    form = aiohttp.MultipartWriter("form-data")
    part = form.append_json({"Targets": [], "@Redfish.OperationApplyTime": apply_time})
    part.set_content_disposition("form-data", name="UpdateParameters")
    part = form.append(io.BytesIO(content), {"Content-Type": "application/octet-stream"})
    part.set_content_disposition("form-data", name="UpdateFile", filename=filename)
    return await at.request("POST", f"{SERVICE}/MultipartUpload", data=form)


@pytest.mark.parametrize("persona", ALL)
async def test_the_inventory_names_component_version_and_place(persona: str) -> None:
    async with bench(persona) as at:
        ids = await _ids(at)
        assert any(name.startswith("Installed-159-") and name.endswith("__BIOS.Setup.1-1") for name in ids)
        assert any(name.startswith("Previous-159-") for name in ids)
        bios = next(name for name in ids if name.startswith("Installed-159-"))
        item = (await at.get(f"{INVENTORY}/{bios}")).body
        assert (item["SoftwareId"], item["Updateable"]) == ("159", True)
        assert item["Version"] == (await at.get(SYS)).body["BiosVersion"]


@pytest.mark.parametrize("persona", ALL)
async def test_an_immediate_bios_update_restarts_the_host_and_changes_the_version(persona: str) -> None:
    async with bench(persona) as at:
        old = (await at.get(SYS)).body["BiosVersion"]
        answer = await at.post(SIMPLE, {"ImageURI": f"https://files.example/{BIOS_FILE}", "TransferProtocol": "HTTPS"})
        assert answer.status == 202
        assert await _state(at, answer) == ("Downloading", "RED002")
        at.wait(30)
        assert await _state(at, answer) == ("Completed", "RED001")
        assert at.simulator.bmc.host.resets == 1
        assert (await at.get(SYS)).body["BiosVersion"] == "9.16.2"
        ids = await _ids(at)
        assert "Installed-159-9.16.2__BIOS.Setup.1-1" in ids
        assert f"Previous-159-{old}__BIOS.Setup.1-1" in ids
        changed = [record for record in at.simulator.bmc.lclog.own if record.message_id == "PR36"]
        assert changed[0].args == ("BIOS", old, "9.16.2")


async def test_an_update_on_reset_waits_for_the_operator() -> None:
    async with bench("9") as at:
        content = {"ImageURI": f"https://files.example/{BIOS_FILE}", "@Redfish.OperationApplyTime": "OnReset"}
        answer = await at.post(SIMPLE, content)
        at.wait(3600)
        assert await _state(at, answer) == ("Scheduled", "JCP001")
        again = await at.post(SIMPLE, content)
        assert (again.status, again.ids) == (400, ["RED014"])
        await at.post(f"{SYS}/Actions/ComputerSystem.Reset", {"ResetType": "ForceRestart"})
        at.wait(30)
        assert (await _state(at, answer))[0] == "Completed"


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_an_idrac_update_takes_the_idrac_away_and_ends_every_session(persona: str) -> None:
    async with bench(persona) as at:
        answer = await _multipart(at, "iDRAC-with-Lifecycle-Controller_Firmware_8R7XG_WN64_9.99.10.00_A00.EXE")
        assert answer.status == 202
        at.wait(6)
        assert (await _state(at, answer))[0] == "Completed"
        at.wait(600)
        assert (await at.get(MGR)).body["FirmwareVersion"] == "9.99.10.00"
        assert at.simulator.bmc.life.restarts == 1
        assert at.simulator.bmc.host.resets == 0


@pytest.mark.parametrize(
    ("filename", "content", "expected"),
    [
        ("notes.txt", b"x", "SYS434"),
        ("SOMETHING_ELSE.EXE", b"MZ", "RED007"),
        (BIOS_FILE, b"<html>not found</html>", "RED007"),
    ],
)
async def test_what_is_no_firmware_is_refused(filename: str, content: bytes, expected: str) -> None:
    async with bench("9") as at:
        answer = await _multipart(at, filename, content)
        if answer.status == 202:
            at.wait(30)
            assert await _state(at, answer) == ("Failed", expected)
        else:
            assert (answer.status, answer.ids) == (400, [expected])
        assert "9.16.2" not in json.dumps(await _ids(at))


async def test_a_file_that_cannot_be_fetched_fails_the_job() -> None:
    async with bench("9") as at:
        at.fault("share-unreachable", count=1)
        answer = await at.post(SIMPLE, {"ImageURI": f"https://files.example/{BIOS_FILE}"})
        at.wait(30)
        assert await _state(at, answer) == ("Failed", "RED006")
        assert at.simulator.bmc.host.resets == 0


async def test_cpld_firmware_waits_for_the_power_to_be_really_off() -> None:
    async with bench("9") as at:
        answer = await _multipart(at, "CPLD_Firmware_X1_WN64_2.0.1_A00.EXE", apply_time="Immediate")
        at.wait(30)
        assert (await _state(at, answer))[0] == "UserIntervention"
        assert at.simulator.bmc.firmware.version_of("CPLD.Embedded.1") == "1.0.9"
        cycle = f"{ROOT}/Chassis/System.Embedded.1/Actions/Oem/DellOemChassis.ExtendedReset"
        await at.post(cycle, {"ResetType": "PowerCycle", "FinalPowerState": "On"})
        at.wait(600)
        await at.get(MGR)
        assert at.simulator.bmc.firmware.version_of("CPLD.Embedded.1") == "2.0.1"


async def test_the_older_version_can_be_rolled_back_to() -> None:
    async with bench("9") as at:
        previous = next(name for name in await _ids(at) if name.startswith("Previous-159-"))
        answer = await at.post(SIMPLE, {"ImageURI": f"{INVENTORY}/{previous}"})
        assert (await at.get(f"{_view(at)}/{answer.job}")).body["JobType"] == "FirmwareRollback"
        at.wait(30)
        assert (await _state(at, answer))[0] == "Completed"
        assert (await at.get(SYS)).body["BiosVersion"] == previous.split("-")[2].split("__")[0]


@pytest.mark.parametrize("persona", ["8", "9"])
async def test_the_old_push_needs_the_entity_tag_and_installs_in_a_second_step(persona: str) -> None:
    async with bench(persona) as at:
        assert (await at.get(SERVICE)).body["HttpPushUri"] == INVENTORY

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            made.add_field("file", b"MZ\x90", filename=BIOS_FILE, content_type="application/octet-stream")
            return made

        assert (await at.request("POST", INVENTORY, data=form())).status == 428
        tag = {"If-Match": (await at.get(INVENTORY)).headers["ETag"]}
        made = await at.request("POST", INVENTORY, data=form(), headers=tag)
        assert made.status == 201
        assert made.headers["Location"] == f"{INVENTORY}/Available-159-9.16.2__BIOS.Setup.1-1"
        stale = await at.request("POST", INVENTORY, data=form(), headers=tag)
        assert stale.status == 412
        if persona == "8":
            install = f"{SERVICE}/Actions/Oem/DellUpdateService.Install"
            content = {"SoftwareIdentityURIs": [made.headers["Location"]], "InstallUpon": "NowAndReboot"}
            answer = await at.post(install, content)
        else:
            answer = await at.post(SIMPLE, {"ImageURI": made.headers["Location"]})
        assert answer.status == 202
        at.wait(30)
        assert (await at.get(SYS)).body["BiosVersion"] == "9.16.2"
        assert not [name for name in await _ids(at) if name.startswith("Available-")]


async def test_an_unneeded_upload_is_discarded_with_its_tag() -> None:
    async with bench("9") as at:
        form = aiohttp.FormData()
        form.add_field("file", b"MZ\x90", filename=BIOS_FILE, content_type="application/octet-stream")
        tag = {"If-Match": (await at.get(INVENTORY)).headers["ETag"]}
        place = (await at.request("POST", INVENTORY, data=form, headers=tag)).headers["Location"]
        assert (await at.delete(place)).status == 428
        own = {"If-Match": (await at.get(place)).headers["ETag"]}
        assert (await at.delete(place, headers=own)).status == 204
        assert (await at.get(place)).status == 404


async def test_idrac10_has_no_old_push_and_idrac8_no_multipart() -> None:
    async with bench("10") as at:
        body = (await at.get(SERVICE)).body
        assert "HttpPushUri" not in body
        assert body["MultipartHttpPushUri"] == f"{SERVICE}/MultipartUpload"
    async with bench("8") as at:
        assert "MultipartHttpPushUri" not in (await at.get(SERVICE)).body


async def test_a_multipart_upload_is_held_to_its_form() -> None:
    async with bench("9") as at:
        target = f"{SERVICE}/MultipartUpload"
        assert (await at.post(target, {})).status == 415
        form = aiohttp.FormData()
        form.add_field("UpdateFile", b"MZ", filename=BIOS_FILE)
        lone = await at.request("POST", target, data=form)
        assert (lone.status, "SYS428" in lone.ids) == (400, True)
        late = await _multipart(at, BIOS_FILE, apply_time="Someday")
        assert late.status == 400


async def test_a_large_image_passes_without_being_kept() -> None:
    async with bench("9") as at:
        answer = await _multipart(at, BIOS_FILE, b"MZ" + bytes(8 * 1024 * 1024))
        assert answer.status == 202


async def test_a_repository_is_compared_and_then_applied() -> None:
    async with bench("9") as at:
        share = {"ShareType": "HTTPS", "IPAddress": "downloads.example", "CatalogFile": "Catalog.xml"}
        none = await at.post(f"{REPO}.GetRepoBasedUpdateList")
        assert (none.status, none.ids) == (400, ["SUP029"])
        answer = await at.post(f"{REPO}.InstallFromRepository", {**share, "ApplyUpdate": "False"})
        assert answer.status == 202
        at.wait(10)
        assert (await _state(at, answer))[0] == "Completed"
        listed = str((await at.post(f"{REPO}.GetRepoBasedUpdateList")).body["PackageList"])
        assert "ComponentInstalledVersion" in listed
        assert "BIOS.Setup.1-1" in listed
        applied = await at.post(f"{REPO}.InstallFromRepository", {**share, "ApplyUpdate": "True", "RebootNeeded": True})
        for _ in range(40):
            at.wait(20)
            at.simulator.bmc.timeline.settle()
        await at.listening()
        assert (await _state(at, applied))[0] == "Completed"
        jobs = (await at.get(f"{_view(at)}?$expand=*($levels=1)")).members
        updates = [job for job in jobs if job["JobType"] == "FirmwareUpdate"]
        assert len(updates) == 4
        assert {job["JobState"] for job in updates} == {"Completed"}


async def test_an_update_schedule_needs_automatic_updates_switched_on() -> None:
    async with bench("9") as at:
        schedule = {
            "ShareType": "HTTPS",
            "IPAddress": "downloads.example",
            "Time": "02:00",
            "Repeat": 7,
            "ApplyReboot": "NoReboot",
            "Password": "canary-share-password",
        }
        assert (await at.post(f"{REPO}.SetUpdateSchedule", schedule)).ids == ["SYS400"]
        attributes = f"{OEM_M}/DellAttributes/LifecycleController.Embedded.1"
        await at.patch(attributes, {"Attributes": {"LCAttributes.1.AutoUpdate": "Enabled"}})
        assert (await at.post(f"{REPO}.SetUpdateSchedule", schedule)).status == 200
        shown = await at.post(f"{REPO}.GetUpdateSchedule")
        assert shown.body["Repeat"] == 7
        assert b"canary-share-password" not in shown.raw
        assert (await at.post(f"{REPO}.ClearUpdateSchedule")).status == 200
        assert (await at.post(f"{REPO}.GetUpdateSchedule")).status == 400


async def test_bios_recovery_goes_back_a_version() -> None:
    async with bench("9") as at:
        answer = await at.post(f"{OEM_S}/DellBIOSService/Actions/DellBIOSService.DeviceRecovery", {"Device": "BIOS"})
        assert answer.status == 202
        at.wait(30)
        assert (await _state(at, answer))[0] == "Completed"
        assert (await at.get(SYS)).body["BiosVersion"] == "2.19.1"
