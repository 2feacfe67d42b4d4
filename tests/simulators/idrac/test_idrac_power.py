"""Power actions and their effect over time, readings, the cap, heat, health, the LED."""

from __future__ import annotations

import pytest

from tests.simulators.idrac.bench import ALL, CHS, MGR, MODERN, ROOT, SYS, Bench, bench

RESET = f"{SYS}/Actions/ComputerSystem.Reset"


async def _state(at: Bench) -> str:
    return str((await at.get(SYS)).body["PowerState"])


async def _reset(at: Bench, kind: str) -> int:
    return (await at.post(RESET, {"ResetType": kind})).status


@pytest.mark.parametrize(("persona", "count"), [("8", 6), ("9", 8), ("10", 8)])
async def test_the_reset_types_are_those_of_the_generation(persona: str, count: int) -> None:
    async with bench(persona) as at:
        allowed = (await at.get(SYS)).at("Actions", "#ComputerSystem.Reset", "ResetType@Redfish.AllowableValues")
        assert isinstance(allowed, list)
        assert len(allowed) == count
        assert ("PowerCycle" in allowed) is (count == 8)
    if persona == "8":
        async with bench(persona) as at:
            answer = await at.post(RESET, {"ResetType": "PowerCycle"})
            assert (answer.status, answer.ids) == (400, ["ActionParameterNotSupported"])


@pytest.mark.parametrize("persona", ALL)
async def test_a_graceful_shutdown_takes_time_and_leaves_records(persona: str) -> None:
    async with bench(persona) as at:
        assert await _reset(at, "GracefulShutdown") == 204
        at.wait(19)
        assert await _state(at) == "PoweringOff"
        at.wait(71)
        assert await _state(at) == "Off"
        assert "SYS1001" in [record.message_id for record in at.simulator.bmc.lclog.own]
        assert await _reset(at, "ForceOff") == 409
        at.wait(20)
        assert await _reset(at, "On") == 204
        assert await _state(at) == "PoweringOn"
        at.wait(60)
        assert await _state(at) == "On"
        already = await at.post(RESET, {"ResetType": "On"})
        assert (already.status, already.ids) == (409, ["PSU501"])


async def test_an_operating_system_that_ignores_acpi_stays_on_and_is_logged() -> None:
    async with bench("9") as at:
        at.fault("acpi-ignored")
        assert await _reset(at, "GracefulShutdown") == 204
        at.wait(299)
        assert await _state(at) == "On"
        at.wait(2)
        await at.get(SYS)
        assert at.simulator.bmc.lclog.own[-1].message_id == "SYS051"
        assert await _state(at) == "On"


@pytest.mark.parametrize("kind", ["ForceRestart", "GracefulRestart", "PowerCycle", "Nmi"])
async def test_every_restart_passes_the_self_test_and_is_dated(kind: str) -> None:
    async with bench("9") as at:
        before = (await at.get(SYS)).body["LastResetTime"]
        at.wait(1)
        assert await _reset(at, kind) == 204
        at.wait(65.5 if kind == "GracefulRestart" else 8.5)
        seen = set()
        for _ in range(60):
            seen.add((await at.get(SYS)).at("BootProgress", "LastState"))
            at.wait(1)
        assert "OSRunning" in seen
        body = (await at.get(SYS)).body
        assert body["PowerState"] == "On"
        assert body["LastResetTime"] != before
        assert at.simulator.bmc.host.resets == 1


async def test_idrac10_refuses_power_on_seconds_after_off() -> None:
    async with bench("10") as at:
        assert await _reset(at, "ForceOff") == 204
        at.wait(3)
        assert await _reset(at, "On") == 409
        at.wait(10)
        assert await _reset(at, "On") == 204


async def test_the_button_toggles() -> None:
    async with bench("8") as at:
        assert await _reset(at, "PushPowerButton") == 204
        at.wait(90)
        assert await _state(at) == "Off"
        assert await _reset(at, "PushPowerButton") == 204
        at.wait(30)
        assert await _state(at) == "On"


async def test_a_server_whose_node_is_offline_is_off() -> None:
    async with bench(None, name="pve3", on=False) as at:
        assert at.generation == 8
        system = (await at.get(SYS)).body
        assert system["PowerState"] == "Off"
        assert system["Status"] == {"Health": None, "State": "StandbyOffline", "HealthRollup": "OK"}
        temperatures = (await at.get(f"{CHS}/Thermal")).body["Temperatures"]
        assert isinstance(temperatures, list)
        assert [entry["ReadingCelsius"] is None for entry in temperatures] == [False, True, True, True]


async def test_ac_power_is_cycled_only_with_the_host_off() -> None:
    async with bench("9") as at:
        answer = await at.post(f"{CHS}/Actions/Chassis.Reset", {"ResetType": "PowerCycle"})
        assert answer.status == 409
        extended = f"{CHS}/Actions/Oem/DellOemChassis.ExtendedReset"
        assert (await at.post(extended, {"ResetType": "PowerCycle", "FinalPowerState": "On"})).status == 204
        assert await _state(at) == "Off"
        at.wait(400)
        assert await _state(at) == "On"
        assert at.simulator.bmc.life.restarts == 1


@pytest.mark.parametrize("persona", ["8", "9"])
async def test_consumption_and_cap_by_the_old_resource(persona: str) -> None:
    async with bench(persona) as at:
        power = await at.get(f"{CHS}/Power")
        control = power.at("PowerControl", 0)
        assert isinstance(control, dict)
        watts = control["PowerConsumedWatts"]
        assert 200 < watts < 400
        metrics = control["PowerMetrics"]
        assert metrics["MinConsumedWatts"] <= metrics["AverageConsumedWatts"] <= metrics["MaxConsumedWatts"]
        # A number stands in the limit although capping is off.
        assert isinstance(control["PowerLimit"]["LimitInWatts"], int)
        assert (await at.get(SYS)).at("Oem", "Dell", "DellSystem", "PowerCapEnabledState") == "Disabled"
        voltages = power.body["Voltages"]
        assert isinstance(voltages, list)
        assert voltages[0]["ReadingVolts"] is None
        limit = {"PowerControl": [{"PowerLimit": {"LimitInWatts": 350}}]}
        assert (await at.patch(f"{CHS}/Power", limit)).status == 200
        assert (await at.get(SYS)).at("Oem", "Dell", "DellSystem", "PowerCapEnabledState") == "Enabled"
        assert (await at.get(f"{CHS}/Power")).at("PowerControl", 0, "PowerLimit", "LimitInWatts") == 350
        off: dict[str, object] = {"PowerControl": [{"PowerLimit": {"LimitInWatts": None}}]}
        assert (await at.patch(f"{CHS}/Power", off)).status == 200
        assert (await at.get(SYS)).at("Oem", "Dell", "DellSystem", "PowerCapEnabledState") == "Disabled"
        wrong = await at.patch(f"{CHS}/Power", {"PowerControl": [{"PowerLimit": {"LimitInWatts": "350"}}]})
        assert wrong.status == 400


@pytest.mark.parametrize("persona", MODERN)
async def test_consumption_and_cap_by_the_new_resources(persona: str) -> None:
    async with bench(persona) as at:
        environment = f"{CHS}/EnvironmentMetrics"
        watts = (await at.get(environment)).at("PowerWatts", "Reading")
        sensor = (await at.get(f"{CHS}/Sensors/SystemBoardPwrConsumption")).body
        assert (sensor["Reading"], sensor["ReadingUnits"]) == (watts, "W")
        assert (await at.patch(environment, {"PowerLimitWatts": {"SetPoint": 400}})).status == 200
        body = (await at.get(environment)).at("PowerLimitWatts")
        assert isinstance(body, dict)
        assert (body["SetPoint"], body["ControlMode"]) == (400, "Automatic")
        at.simulator.bmc.installed_licence = "Express"
        refused = await at.patch(environment, {"PowerLimitWatts": {"SetPoint": 500}})
        assert (refused.status, refused.ids) == (403, ["LIC501"])


async def test_the_power_cap_can_be_set_under_lockdown() -> None:
    async with bench("10") as at:
        at.fault("lockdown")
        done = await at.patch(f"{CHS}/EnvironmentMetrics", {"PowerLimitWatts": {"SetPoint": 400}})
        assert done.status == 200


async def test_idrac10_has_no_usage_sensors_and_idrac9_has() -> None:
    for persona, there in (("9", True), ("10", False)):
        async with bench(persona) as at:
            names = [str(member["@odata.id"]) for member in (await at.get(f"{CHS}/Sensors")).members]
            assert any("SystemBoardCPUUsage" in name for name in names) is there


async def test_a_sensor_threshold_is_writable_and_a_stale_tag_is_refused() -> None:
    async with bench("10") as at:
        path = f"{CHS}/Sensors/SystemBoardInletTemp"
        tag = (await at.get(path)).headers["ETag"]
        change = {"Thresholds": {"UpperCautionUser": {"Reading": 38}}}
        assert (await at.patch(path, change, headers={"If-Match": tag})).status == 200
        assert (await at.get(path)).at("Thresholds", "UpperCautionUser", "Reading") == 38
        assert (await at.patch(path, change, headers={"If-Match": tag})).status == 412


@pytest.mark.parametrize("persona", ALL)
async def test_a_failed_power_supply_is_seen_in_every_rollup_and_log(persona: str) -> None:
    async with bench(persona) as at:
        at.fault("component", id="PSU.Slot.2", health="Critical")
        system = await at.get(SYS)
        assert system.at("Status", "Health") == "Critical"
        dell = system.at("Oem", "Dell", "DellSystem")
        assert isinstance(dell, dict)
        assert (dell["PSRollupStatus"], dell["FanRollupStatus"]) == ("Error", "OK")
        sel = f"{MGR}/LogServices/Sel/Entries" if at.generation >= 9 else f"{MGR}/Logs/Sel"
        newest = (await at.get(sel)).members[0]
        assert (newest["Severity"], str(newest["MessageId"]).rsplit(".", 1)[-1]) == ("Critical", "PSU0001")
        if at.generation >= 9:
            faults = (await at.get(f"{MGR}/LogServices/FaultList/Entries")).members
            assert [fault["Severity"] for fault in faults] == ["Critical"]
        at.running.heal()
        assert (await at.get(SYS)).at("Status", "Health") == "OK"


@pytest.mark.parametrize(
    ("part", "rollup"),
    [
        ("Fan.Embedded.1A", "FanRollupStatus"),
        ("DIMM.Socket.A1", "SysMemRollupStatus"),
        ("Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1", "StorageRollupStatus"),
        ("CPU.Socket.1", "CPURollupStatus"),
        ("iDRAC.Embedded.1#SystemBoardInletTemp", "TempRollupStatus"),
    ],
)
async def test_each_part_degrades_its_own_rollup(part: str, rollup: str) -> None:
    async with bench("9") as at:
        at.fault("component", id=part, health="Warning")
        dell = (await at.get(SYS)).at("Oem", "Dell", "DellSystem")
        assert isinstance(dell, dict)
        degraded = {name for name, value in dell.items() if name.endswith("RollupStatus") and value == "Degraded"}
        assert rollup in degraded
        assert "PSRollupStatus" not in degraded


async def test_the_identify_light_is_set_by_its_new_and_its_old_name() -> None:
    async with bench("9") as at:
        before = (await at.get(CHS)).body
        # Lit, and yet not identifying.
        assert (before["IndicatorLED"], before["LocationIndicatorActive"]) == ("Lit", False)
        assert (await at.patch(CHS, {"LocationIndicatorActive": True})).status == 200
        assert (await at.get(SYS)).body["IndicatorLED"] == "Blinking"
    async with bench("8") as at:
        assert (await at.patch(CHS, {"LocationIndicatorActive": True})).status == 400
        assert (await at.patch(SYS, {"IndicatorLED": "Blinking"})).status == 200
        assert (await at.get(CHS)).body["IndicatorLED"] == "Blinking"


async def test_readings_can_be_null() -> None:
    async with bench("10") as at:
        at.fault("null-readings")
        assert (await at.get(f"{CHS}/Sensors/SystemBoardInletTemp")).body["Reading"] is None
        assert (await at.get(f"{CHS}/EnvironmentMetrics")).at("PowerWatts", "Reading") is None


async def test_registries_name_every_message_that_is_used() -> None:
    async with bench("9") as at:
        found = (await at.get(f"{ROOT}/Registries/Messages/EEMIRegistry")).body["Messages"]
        assert isinstance(found, dict)
        assert {"SYS518", "RAC0218", "JCP001", "PSU501"} <= set(found)
        assert found["RAC0218"]["Severity"] == "Informational"
