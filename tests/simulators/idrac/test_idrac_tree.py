"""Every resource of every persona: reachable, self-consistent, of the shape Redfish promises."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.simulators.idrac.bench import ALL, CHS, MGR, ROOT, SYS, Answer, Bench, bench

TYPE = re.compile(r"^#([A-Za-z]+)\.(?:v\d+_\d+_\d+\.)?([A-Za-z]+)$")
_NOT_RESOURCES = re.compile(r"\.json$|/DownloadURI$|/SSE$|/MultipartUpload$")


def _references(value: object) -> Iterator[tuple[str, str]]:
    """("link" or "target", path) of everything a body points to."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("@odata.id", "DataSourceUri", "Uri", "ServerSentEventUri", "HttpPushUri") and isinstance(
                inner, str
            ):
                yield "link", inner
            elif name == "target" and isinstance(inner, str):
                yield "target", inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _pointer(body: object, fragment: str) -> object:
    value = body
    for step in fragment.strip("/").split("/"):
        if isinstance(value, list):
            value = value[int(step)]
        else:
            assert isinstance(value, dict), fragment
            value = value[step]
    return value


def _check_shape(path: str, answer: Answer) -> None:
    body = answer.body
    assert body, path
    if path in ("/redfish", f"{ROOT}/odata") or _NOT_RESOURCES.search(path):
        return
    assert body["@odata.id"] == path
    assert isinstance(body["@odata.type"], str)
    found = TYPE.match(body["@odata.type"])
    assert found is not None, (path, body["@odata.type"])
    assert found.group(1) == found.group(2)
    assert isinstance(body["Name"], str)
    assert body["Name"]
    if found.group(1).endswith("Collection"):
        members = body["Members"]
        assert isinstance(members, list)
        total = body["Members@odata.count"]
        assert isinstance(total, int)
        assert total == len(members) or (total > 50 and len(members) == 50), path
        assert ("Members@odata.nextLink" in body) == (total > 50)
    else:
        assert isinstance(body["Id"], str)
        assert body["Id"]
    for name, value in _counted(body):
        assert value == len(_list_of(body, name)), (path, name)


def _counted(body: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in body.items():
        if name.endswith("@odata.count") and not name.startswith("Members"):
            yield name.removesuffix("@odata.count"), value


def _list_of(body: dict[str, object], name: str) -> list[object]:
    value = body[name]
    assert isinstance(value, list)
    return value


async def crawl(at: Bench) -> tuple[dict[str, Answer], set[str]]:
    """All resources by path, and all action targets."""
    seen: dict[str, Answer] = {}
    targets: set[str] = set()
    waiting = [ROOT, "/redfish", f"{ROOT}/odata"]
    fragments: list[tuple[str, str]] = []
    while waiting:
        assert len(seen) < 3000
        path = waiting.pop()
        if path in seen:
            continue
        if path.endswith("/SSE"):
            continue
        answer = await at.get(path)
        seen[path] = answer
        assert answer.status == 200, (path, answer.status, answer.ids)
        _check_shape(path, answer)
        for kind, found in _references(answer.body):
            if not found.startswith("/"):
                continue
            base, _, fragment = found.partition("#")
            if kind == "target":
                targets.add(found)
            elif fragment:
                fragments.append((base, fragment))
                waiting.append(base)
            else:
                waiting.append(found)
    for base, fragment in fragments:
        inner = _pointer(seen[base].body, fragment)
        assert isinstance(inner, dict)
        assert inner["@odata.id"] == f"{base}#{fragment}"
    return seen, targets


@pytest.mark.parametrize("persona", [*ALL, "9-renamed"])
async def test_every_link_and_every_action_of_a_persona_leads_somewhere(persona: str) -> None:
    async with bench(persona) as at:
        if persona == "9-14g":
            # Telemetry is advertised, and refused by its licence; with the licence all of it is there.
            at.simulator.bmc.installed_licence = "Datacenter"
        seen, targets = await crawl(at)
        assert len(seen) > 250
        for target in targets:
            answer = await at.get(target)
            assert answer.status == 405, target
            assert "POST" in answer.headers["Allow"]
        tagged = [path for path, answer in seen.items() if "ETag" in answer.headers]
        if at.generation < 9:
            assert all("/Accounts" in p or "AccountService" in p or "FirmwareInventory" in p for p in tagged)
            assert tagged
        else:
            assert len(tagged) > len(seen) * 0.8
            assert all(re.fullmatch(r'W/"gen-\d+"', seen[path].headers["ETag"]) for path in tagged)


async def test_a_server_with_a_gpu_shows_it_in_every_view() -> None:
    async with bench(None, name="pve2") as at:
        seen, _ = await crawl(at)
        gpu = seen[f"{SYS}/Processors/Video.Slot.3-1"]
        assert gpu.body["ProcessorType"] == "GPU"
        assert seen[f"{SYS}/Oem/Dell/DellVideo/Video.Slot.3-1"].body["MarketingName"] == gpu.body["Model"]
        assert f"{CHS}/PCIeDevices/177-0" in seen


SYSTEM_FIELDS = {
    "Model",
    "Manufacturer",
    "SKU",
    "SerialNumber",
    "UUID",
    "HostName",
    "BiosVersion",
    "PowerState",
    "Status",
    "ProcessorSummary",
    "MemorySummary",
    "Boot",
    "IndicatorLED",
    "AssetTag",
    "HostWatchdogTimer",
    "TrustedModules",
    "Links",
    "Actions",
    "Oem",
}
MODERN_SYSTEM_FIELDS = {"BootProgress", "LocationIndicatorActive", "LastResetTime", "GraphicalConsole", "PCIeFunctions"}
DELL_SYSTEM_FIELDS = {
    "SystemGeneration",
    "ChassisServiceTag",
    "ExpressServiceCode",
    "BIOSReleaseDate",
    "MaxDIMMSlots",
    "PopulatedDIMMSlots",
    "MaxPCIeSlots",
    "MaxCPUSockets",
    "EstimatedExhaustTemperatureCelsius",
    "EstimatedSystemAirflowCFM",
    "PowerCapEnabledState",
    "LastSystemInventoryTime",
    "BatteryRollupStatus",
    "CPURollupStatus",
    "CoolingRollupStatus",
    "CurrentRollupStatus",
    "FanRollupStatus",
    "IDSDMRollupStatus",
    "IntrusionRollupStatus",
    "LicensingRollupStatus",
    "PSRollupStatus",
    "SDCardRollupStatus",
    "SELRollupStatus",
    "StorageRollupStatus",
    "SysMemRollupStatus",
    "SystemHealthRollupStatus",
    "TempRollupStatus",
    "TempStatisticsRollupStatus",
    "VoltRollupStatus",
}


@pytest.mark.parametrize("persona", ALL)
async def test_the_system_has_the_fields_that_the_contract_names(persona: str) -> None:
    async with bench(persona) as at:
        answer = await at.get(SYS)
        body = answer.body
        wanted = SYSTEM_FIELDS | (MODERN_SYSTEM_FIELDS if at.generation >= 9 else set())
        assert wanted <= set(body)
        assert at.generation >= 9 or not MODERN_SYSTEM_FIELDS & set(body)
        dell = answer.at("Oem", "Dell", "DellSystem")
        assert isinstance(dell, dict)
        assert set(dell) >= DELL_SYSTEM_FIELDS


REQUIRED: dict[str, set[str]] = {
    f"{SYS}/Processors/CPU.Socket.1": {"ProcessorType", "Model", "Manufacturer", "TotalCores", "TotalThreads", "Socket"}
    | {"MaxSpeedMHz", "Status", "ProcessorId"},
    f"{SYS}/Memory/DIMM.Socket.A1": {"CapacityMiB", "MemoryDeviceType", "OperatingSpeedMhz", "AllowedSpeedsMHz"}
    | {"Manufacturer", "PartNumber", "SerialNumber", "RankCount", "ErrorCorrection", "Status"},
    MGR: {"Model", "FirmwareVersion", "DateTime", "DateTimeLocalOffset", "Status", "CommandShell", "GraphicalConsole"}
    | {"Links", "Oem", "Actions", "LogServices", "NetworkProtocol", "EthernetInterfaces"},
    f"{ROOT}/UpdateService": {"FirmwareInventory", "ServiceEnabled", "Actions"},
    f"{SYS}/Bios": {"Attributes", "Actions", "@Redfish.Settings"},
}


@pytest.mark.parametrize("persona", ALL)
async def test_main_resources_have_the_fields_that_the_contract_names(persona: str) -> None:
    async with bench(persona) as at:
        for path, fields in REQUIRED.items():
            body = (await at.get(path)).body
            assert fields <= set(body), (path, fields - set(body))


@pytest.mark.parametrize(("persona", "nested"), [("8", False), ("9", True), ("10", True)])
async def test_drives_are_flat_on_idrac8_and_under_their_controller_later(persona: str, nested: bool) -> None:
    async with bench(persona) as at:
        controller = (await at.get(f"{SYS}/Storage/RAID.Integrated.1-1")).body
        drives = controller["Drives"]
        assert isinstance(drives, list)
        assert ("RAID.Integrated.1-1/Drives/" in drives[0]["@odata.id"]) is nested
        drive = (await at.get(drives[0]["@odata.id"])).body
        assert {"CapacityBytes", "MediaType", "Protocol", "SerialNumber", "FailurePredicted", "HotspareType"} <= set(
            drive
        )
        assert {"PredictedMediaLifeLeftPercent", "EncryptionAbility", "Status", "Links", "Revision"} <= set(drive)


async def test_idrac8_and_idrac10_differ_where_the_contract_says() -> None:
    async with bench("8") as at:
        chassis = (await at.get(CHS)).body
        assert "Power" in chassis
        assert "PowerSubsystem" not in chassis
        root = (await at.get(ROOT)).body
        assert not {"JobService", "TelemetryService", "CertificateService", "LicenseService"} & set(root)
        assert root["AccountService"] == {"@odata.id": f"{MGR}/AccountService"}
        assert root["Links"] == {"Sessions": {"@odata.id": f"{ROOT}/Sessions"}}
        assert (await at.get(MGR)).headers["Server"] == "Appweb/4.5.4"
    async with bench("10") as at:
        chassis = (await at.get(CHS)).body
        assert "Power" not in chassis
        assert "Thermal" not in chassis
        assert {"PowerSubsystem", "ThermalSubsystem", "Sensors", "EnvironmentMetrics"} <= set(chassis)
        assert (await at.get(f"{CHS}/Power")).status == 404
        assert (await at.get(f"{ROOT}/LicenseService/Licenses")).status == 200
        manager = (await at.get(MGR)).body
        assert str(manager["FirmwareVersion"]).startswith("1.")
        assert str(manager["Model"]).startswith("17G")
