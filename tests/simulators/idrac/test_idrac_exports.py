"""Profiles, logs, exports, diagnostics, support data, erasure."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

from tests.simulators.idrac.bench import ALL, MGR, MODERN, OEM_M, OEM_S, ROOT, SYS, Answer, Bench, bench

LC = f"{OEM_M}/DellLCService/Actions/DellLCService"
RESET = f"{SYS}/Actions/ComputerSystem.Reset"


async def _actions(at: Bench) -> dict[str, str]:
    """The profile actions by the part of their names after the dot."""
    found = (await at.get(MGR)).at("Actions", "Oem")
    assert isinstance(found, dict)
    return {name.rsplit(".", 1)[-1]: entry["target"] for name, entry in found.items()}


def _target(at: Bench, name: str) -> object:
    return [name] if at.generation >= 10 else name


def _task(at: Bench, answer: Answer) -> str:
    place = answer.headers["Location"]
    return f"{ROOT}/TaskService/Tasks/{place.rsplit('/', 1)[-1]}"


async def _export(at: Bench, form: str = "JSON", target: str = "ALL", **more: object) -> Answer:
    actions = await _actions(at)
    content = {"ExportFormat": form, "ShareParameters": {"Target": _target(at, target)}, **more}
    answer = await at.post(actions["ExportSystemConfiguration"], content)
    assert answer.status == 202
    assert (await at.get(_task(at, answer))).status == 202
    at.wait(10)
    return await at.get(_task(at, answer))


async def _import(
    at: Bench, text: str, target: str = "ALL", *, preview: bool = False, **more: object
) -> tuple[str, str]:
    name = "ImportSystemConfigurationPreview" if preview else "ImportSystemConfiguration"
    content = {"ImportBuffer": text, "ShareParameters": {"Target": _target(at, target)}, **more}
    answer = await at.post((await _actions(at))[name], content)
    assert answer.status == 202
    at.wait(30)
    base = f"{OEM_M}/Jobs" if at.generation >= 9 else f"{MGR}/Jobs"
    job = (await at.get(f"{base}/{answer.job}")).body
    return str(job["JobState"]), str(job["MessageId"])


@pytest.mark.parametrize(
    ("persona", "prefix"), [("8", "EID_674_Manager"), ("9", "EID_674_Manager"), ("10", "OemManager")]
)
async def test_the_profile_actions_go_by_the_names_of_their_generation(persona: str, prefix: str) -> None:
    async with bench(persona) as at:
        oem = (await at.get(MGR)).at("Actions", "Oem")
        assert isinstance(oem, dict)
        key = next(name for name in oem if name.endswith(".ExportSystemConfiguration"))
        assert key.startswith("OemManager.v1_0_0#" if persona == "8" else "#OemManager")
        assert f"/{prefix}.Export" in oem[key]["target"]


@pytest.mark.parametrize("persona", ALL)
async def test_an_exported_profile_takes_the_place_of_its_task(persona: str) -> None:
    async with bench(persona) as at:
        document = (await _export(at)).body["SystemConfiguration"]
        assert isinstance(document, dict)
        assert document["ServiceTag"] == at.simulator.bmc.server.service_tag
        assert {"BIOS.Setup.1-1", "iDRAC.Embedded.1", "RAID.Integrated.1-1"} <= {
            component["FQDD"] for component in document["Components"]
        }


@pytest.mark.parametrize("persona", ALL)
async def test_an_xml_profile_is_xml_and_only_of_its_target(persona: str) -> None:
    async with bench(persona) as at:
        answer = await _export(at, "XML", "BIOS")
        assert answer.headers["Content-Type"].startswith("application/xml")
        root = ElementTree.fromstring(answer.raw)
        assert root.tag == "SystemConfiguration"
        assert [component.attrib["FQDD"] for component in root.findall("Component")] == ["BIOS.Setup.1-1"]


async def test_a_profile_holds_secrets_and_more_of_them_when_asked() -> None:
    async with bench("9") as at:
        plain = await _export(at, target="IDRAC")
        assert b"canary-snmp-community" in plain.raw
        assert b"SHA256Password" not in plain.raw
        hashed = await _export(at, target="IDRAC", IncludeInExport=["IncludePasswordHashValues"])
        assert b"SHA256Password" in hashed.raw


async def test_targets_are_texts_on_old_and_arrays_on_new_firmware() -> None:
    async with bench("8") as at:
        target = (await _actions(at))["ExportSystemConfiguration"]
        content = {"ExportFormat": "XML", "ShareParameters": {"Target": ["BIOS"]}}
        assert "SYS424" in (await at.post(target, content)).ids
    async with bench("10") as at:
        target = (await _actions(at))["ExportSystemConfiguration"]
        content = {"ExportFormat": "XML", "ShareParameters": {"Target": "BIOS"}}
        assert "SYS424" in (await at.post(target, content)).ids


@pytest.mark.parametrize("persona", ALL)
async def test_importing_what_is_there_changes_nothing_and_says_so(persona: str) -> None:
    async with bench(persona) as at:
        text = (await _export(at)).raw.decode()
        assert await _import(at, text, preview=True) == ("Completed", "SYS080")
        assert await _import(at, text) == ("Completed", "SYS069")
        assert at.simulator.bmc.host.resets == 0


def _profile(fqdd: str, **attributes: str) -> str:
    rows = "".join(
        f'<Attribute Name="{name.replace("__", "#")}">{value}</Attribute>' for name, value in attributes.items()
    )
    return f'<SystemConfiguration><Component FQDD="{fqdd}">{rows}</Component></SystemConfiguration>'


@pytest.mark.parametrize("persona", ["8", "9"])
async def test_an_import_of_bios_settings_restarts_the_host(persona: str) -> None:
    async with bench(persona) as at:
        text = _profile("BIOS.Setup.1-1", LogicalProc="Disabled")
        assert await _import(at, text, preview=True) == ("Completed", "SYS081")
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Enabled"
        assert await _import(at, text) == ("Completed", "SYS053")
        assert (await at.get(f"{SYS}/Bios")).at("Attributes", "LogicalProc") == "Disabled"
        assert at.simulator.bmc.host.resets == 1


async def test_an_import_without_reboot_stages_a_job() -> None:
    async with bench("9") as at:
        text = _profile("BIOS.Setup.1-1", LogicalProc="Disabled")
        assert await _import(at, text, ShutdownType="NoReboot") == ("Completed", "SYS053")
        assert at.simulator.bmc.host.resets == 0
        assert (await at.get(f"{SYS}/Bios/Settings")).body["Attributes"] == {"LogicalProc": "Disabled"}


async def test_an_import_that_is_partly_wrong_completes_with_errors() -> None:
    async with bench("9") as at:
        rows = {"NTPConfigGroup.1__NTPEnable": "Enabled", "NoSuch.1__Thing": "x"}
        assert await _import(at, _profile("iDRAC.Embedded.1", **rows)) == ("CompletedWithErrors", "SYS055")
        attributes = (await at.get(f"{OEM_M}/DellAttributes/iDRAC.Embedded.1")).at("Attributes")
        assert isinstance(attributes, dict)
        assert attributes["NTPConfigGroup.1.NTPEnable"] == "Enabled"


async def test_a_text_that_is_no_profile_fails() -> None:
    async with bench("9") as at:
        assert await _import(at, "<Other/>") == ("Failed", "SYS082")
        assert await _import(at, "{not json") == ("Failed", "SYS082")
        bomb = '<!DOCTYPE x [<!ENTITY y "z">]><SystemConfiguration/>'
        assert await _import(at, bomb) == ("Failed", "SYS082")


async def test_only_one_export_or_import_runs() -> None:
    async with bench("9") as at:
        target = (await _actions(at))["ExportSystemConfiguration"]
        assert (await at.post(target, {"ShareParameters": {"Target": "ALL"}})).status == 202
        again = await at.post(target, {"ShareParameters": {"Target": "ALL"}})
        assert (again.status, again.ids) == (400, ["LC062"])


async def test_an_export_to_a_share_needs_the_share_named() -> None:
    async with bench("9") as at:
        target = (await _actions(at))["ExportSystemConfiguration"]
        share = {"Target": "ALL", "ShareType": "NFS", "IPAddress": "nas1", "ShareName": "/exports"}
        assert (await at.post(target, {"ShareParameters": {"Target": "ALL", "ShareType": "NFS"}})).status == 400
        at.fault("share-unreachable", count=1)
        answer = await at.post(target, {"ShareParameters": share})
        at.wait(10)
        job = (await at.get(f"{OEM_M}/Jobs/{answer.job}")).body
        assert (job["JobState"], job["MessageId"]) == ("Failed", "RED016")


@pytest.mark.parametrize("persona", MODERN)
async def test_a_local_export_leaves_a_file_where_the_task_says(persona: str) -> None:
    async with bench(persona) as at:
        answer = await at.post(f"{LC}.ExportLCLog", {"ShareType": "Local"})
        assert answer.status == 202
        at.wait(10)
        done = await at.get(_task(at, answer))
        assert done.status == (204 if persona == "10" else 200)
        log = await at.get(done.headers["Location"])
        root = ElementTree.fromstring(log.raw)
        assert len(root.findall("Event")) > 2000


async def test_support_data_needs_the_agreement_of_a_human() -> None:
    async with bench("9") as at:
        wanted = {"ShareType": "Local", "DataSelectorArrayIn": ["HWData", "DebugLogs"]}
        refused = await at.post(f"{LC}.SupportAssistCollection", wanted)
        assert (refused.status, refused.ids) == (400, ["SRV085"])
        assert (await at.post(f"{LC}.SupportAssistGetEULAStatus")).body["EULAAccepted"] is False
        assert (await at.post(f"{LC}.SupportAssistAcceptEULA")).status == 200
        answer = await at.post(f"{LC}.SupportAssistCollection", wanted)
        at.wait(10)
        place = (await at.get(_task(at, answer))).headers["Location"]
        archive = zipfile.ZipFile(io.BytesIO((await at.get(place)).raw))
        assert "tsr/DebugLogs/data.xml" in archive.namelist()


async def test_diagnostics_restart_the_host_and_leave_a_result() -> None:
    async with bench("9") as at:
        assert (await at.post(f"{LC}.ExportePSADiagnosticsResult", {"ShareType": "Local"})).ids == ["SYS099"]
        run = {"RebootJobType": "PowerCycle", "RunMode": "Express"}
        assert (await at.post(f"{LC}.RunePSADiagnostics", run)).status == 202
        assert (await at.post(f"{LC}.RunePSADiagnostics", run)).ids == ["SYS098"]
        at.wait(30)
        assert at.simulator.bmc.host.resets == 1
        answer = await at.post(f"{LC}.ExportePSADiagnosticsResult", {"ShareType": "Local"})
        at.wait(10)
        place = (await at.get(_task(at, answer))).headers["Location"]
        assert b"all tests passed" in (await at.get(place)).raw


async def test_a_system_erase_ends_with_the_host_off_and_the_idrac_restarted() -> None:
    async with bench("9") as at:
        assert (await at.post(f"{LC}.SystemErase", {"Component": ["Everything"]})).status == 400
        assert (await at.post(f"{LC}.SystemErase", {"Component": ["LCData", "OverwritePD"]})).status == 202
        at.wait(600)
        assert (await at.get(SYS)).body["PowerState"] == "Off"
        assert (await at.get(f"{SYS}/Storage/RAID.Integrated.1-1/Volumes")).members == []
        assert at.simulator.bmc.life.restarts == 1
        entries = (await at.get(f"{MGR}/LogServices/Lclog/Entries")).body["Members@odata.count"]
        assert int(str(entries)) < 20


async def test_decommissioning_is_a_task_by_name_on_idrac10() -> None:
    async with bench("10") as at:
        target = f"{SYS}/Actions/ComputerSystem.Decommission"
        answer = await at.post(target, {"DecommissionTypes": ["Logs"]})
        assert answer.headers["Location"] == f"{ROOT}/TaskService/Tasks/decommission"
        assert (await at.get(answer.headers["Location"])).status == 202


async def test_a_comment_and_a_cleared_log_are_written_down() -> None:
    async with bench("9") as at:
        assert (await at.post(f"{LC}.InsertCommentInLCLog", {"Comment": "tide is out"})).status == 200
        log = await at.get(f"{MGR}/LogServices/Lclog/Entries")
        assert log.at("Members", 0, "Message") == "tide is out"
        assert log.at("Members", 0, "Oem", "Dell", "Comment") == "tide is out"
        sel = f"{MGR}/LogServices/Sel"
        assert (await at.get(f"{sel}/Entries")).body["Members@odata.count"] == 310
        assert (await at.post(f"{sel}/Actions/LogService.ClearLog")).status == 204
        assert (await at.get(f"{sel}/Entries")).members == []
        at.fault("component", id="PSU.Slot.1", health="Warning")
        # Ids of the event log begin anew after it was cleared.
        assert (await at.get(f"{sel}/Entries")).members[0]["Id"] == "1"


@pytest.mark.parametrize(("persona", "offset"), [("8", "-0600"), ("9", "-06:00")])
async def test_times_in_logs_are_written_as_their_firmware_does(persona: str, offset: str) -> None:
    async with bench(persona) as at:
        path = f"{MGR}/LogServices/Lclog/Entries" if at.generation >= 9 else f"{MGR}/Logs/Lclog"
        assert all(str(member["Created"]).endswith(offset) for member in (await at.get(path)).members)


async def test_a_screenshot_is_a_picture() -> None:
    async with bench("9") as at:
        import base64

        answer = await at.post(f"{LC}.ExportServerScreenShot", {"FileType": "ServerScreenShot"})
        assert base64.b64decode(str(answer.body["ServerScreenShotFile"])).startswith(b"\x89PNG")


async def test_thermal_history_and_hardware_inventory_are_exported() -> None:
    async with bench("9") as at:
        metrics = f"{OEM_S}/DellMetricService/Actions/DellMetricService.ExportThermalHistory"
        for target, content in (
            (metrics, {"ShareType": "Local", "FileType": "CSV"}),
            (f"{LC}.ExportHWInventory", {"ShareType": "Local"}),
            (f"{LC}.ExportFactoryConfiguration", {"ShareType": "Local"}),
        ):
            answer = await at.post(target, content)
            assert answer.status == 202, target
            at.wait(10)
            assert (await at.get((await at.get(_task(at, answer))).headers["Location"])).status == 200


async def test_a_share_can_be_tested() -> None:
    async with bench("9") as at:
        share = {"ShareType": "CIFS", "IPAddress": "nas1", "ShareName": "x", "UserName": "u", "Password": "canary-pw"}
        answer = await at.post(f"{LC}.TestNetworkShare", share)
        assert answer.status == 200
        assert b"canary-pw" not in answer.raw
        at.fault("share-unreachable")
        assert (await at.post(f"{LC}.TestNetworkShare", share)).ids == ["RED016"]


async def test_old_firmware_has_none_of_the_lifecycle_services() -> None:
    async with bench("8") as at:
        assert (await at.post(f"{LC}.GetRemoteServicesAPIStatus")).status == 400
        assert "DellLCService" not in json.dumps((await at.get(MGR)).body)
