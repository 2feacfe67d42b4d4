"""Power and heat by the old resources, up to iDRAC9 (contract §12.3, §12.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import refuse, success
from holdfast.simulators.idrac.hardware import Psu
from holdfast.simulators.idrac.persona import CHS, SYS, Persona
from holdfast.simulators.idrac.trees.common import resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

POWER, THERMAL = f"{CHS}/Power", f"{CHS}/Thermal"


def _redundancy(bmc: Bmc, base: str) -> list[object]:
    whole = bmc.health.group("PSU.") == "OK"
    return [
        {
            "@odata.id": f"{base}#/Redundancy/0",
            "@odata.type": "#Redundancy.v1_4_0.Redundancy",
            "MaxNumSupported": 4,
            "MemberId": "iDRAC.Embedded.1#SystemBoardPSRedundancy",
            "MinNumNeeded": 2,
            "Mode": "N+m",
            "Name": "System Board PS Redundancy",
            "RedundancySet": links([f"{base}#/PowerSupplies/{index}" for index in range(len(bmc.hw.psus))]),
            "RedundancySet@odata.count": len(bmc.hw.psus),
            "Status": status("OK" if whole else "Critical", "Enabled"),
        }
    ]


def capping(bmc: Bmc) -> bool:
    """Whether the power cap is in force."""
    return str(bmc.attributes.get("ServerPwr.1.PowerCapSetting")) == "Enabled"


def set_cap(bmc: Bmc, value: object, pointer: str) -> None:
    """Set the power cap in watts, or switch it off with null (§12.3)."""
    bmc.require_licence("Enterprise")
    if bmc.persona.modular:
        raise refuse(400, "SYS432")
    if value is None:
        bmc.attributes.set("ServerPwr.1.PowerCapSetting", "Disabled")
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise body.wrong_type(pointer, value)
    body.integer({pointer: value}, pointer, low=1, high=32_767)
    bmc.attributes.set("ServerPwr.1.PowerCapSetting", "Enabled")
    bmc.attributes.set("ServerPwr.1.PowerCapValue", value)


def _supply(bmc: Bmc, psu: Psu, index: int) -> Json:
    health = bmc.health.of(psu.fqdd)
    draws = bmc.sensors.psu_input_watts(psu.fqdd)
    return {
        "@odata.id": f"{POWER}#/PowerSupplies/{index}",
        "@odata.type": "#Power.v1_7_1.PowerSupply",
        "Description": "An instance of PowerSupply",
        "EfficiencyPercent": 94,
        "FirmwareVersion": bmc.firmware.version_of(psu.fqdd),
        "HotPluggable": True,
        "InputRanges": [
            {
                "InputType": "AC",
                "MaximumFrequencyHz": 63,
                "MaximumVoltage": 264,
                "MinimumFrequencyHz": 47,
                "MinimumVoltage": 90,
                "OutputWattage": psu.watts,
            }
        ],
        "LineInputVoltage": 230 if health == "OK" else None,
        "LineInputVoltageType": "AC240V",
        "Manufacturer": "DELL",
        "MemberId": psu.fqdd,
        "Model": f"PWR SPLY,{psu.watts}W,RDNT,LTON",
        "Name": f"PS{psu.number} Status",
        "PartNumber": "0CMPGMA02",
        "PowerCapacityWatts": psu.watts,
        "PowerInputWatts": draws,
        "PowerOutputWatts": None if draws is None else round(draws * 0.94),
        "PowerSupplyType": "AC",
        "Redundancy": links([f"{POWER}#/Redundancy/0"]),
        "Redundancy@odata.count": 1,
        "RelatedItem": links([CHS]),
        "SerialNumber": psu.serial,
        "SparePartNumber": None,
        "Status": status(health, "Enabled" if health != "Critical" else "UnavailableOffline"),
    }


def _power(bmc: Bmc, call: Call) -> Reply:
    watts = bmc.sensors.watts()
    capacity = sum(psu.watts for psu in bmc.hw.psus)
    content = resource(bmc, POWER, "Power", "Power")
    control: Json = {
        "@odata.id": f"{POWER}#/PowerControl/0",
        "@odata.type": "#Power.v1_7_1.PowerControl",
        "MemberId": "PowerControl",
        "Name": "System Power Control",
        "PowerAllocatedWatts": capacity // 2,
        "PowerAvailableWatts": 0,
        "PowerCapacityWatts": capacity // 2,
        "PowerConsumedWatts": watts,
        "PowerLimit": {
            "CorrectionInMs": 0,
            "LimitException": "HardPowerOff" if capping(bmc) else "NoAction",
            # A number stands here even while capping is off (contract §12.3).
            "LimitInWatts": bmc.attributes.get("ServerPwr.1.PowerCapValue"),
        },
        "PowerMetrics": {
            "AverageConsumedWatts": None if watts is None else watts - 3,
            "IntervalInMin": 1,
            "MaxConsumedWatts": None if watts is None else watts + 22,
            "MinConsumedWatts": None if watts is None else max(0, watts - 18),
        },
        "PowerRequestedWatts": 559,
        "RelatedItem": links([CHS, SYS]),
        "RelatedItem@odata.count": 2,
    }
    if bmc.persona.modular:
        del control["PowerLimit"]
    supplies: list[object] = [_supply(bmc, psu, index) for index, psu in enumerate(bmc.hw.psus)]
    voltages: list[object] = []
    for name, volts in (("CPU1 VCORE PG", None), ("System Board 3.3V PG", None), ("PS1 Voltage 1", 230.0)):
        number = len(voltages)
        voltages.append(
            {
                "@odata.id": f"{POWER}#/Voltages/{number}",
                "@odata.type": "#Power.v1_3_0.Voltage",
                "MemberId": f"iDRAC.Embedded.1#{name.replace(' ', '')}",
                "Name": name,
                "PhysicalContext": "SystemBoard",
                "ReadingVolts": volts,
                "SensorNumber": 35 + number,
                "Status": status(),
            }
        )
    content |= {
        "PowerControl": [control],
        "PowerControl@odata.count": 1,
        "PowerSupplies": supplies,
        "PowerSupplies@odata.count": len(supplies),
        "Redundancy": _redundancy(bmc, POWER),
        "Redundancy@odata.count": 1,
        "Voltages": voltages,
        "Voltages@odata.count": len(voltages),
    }
    return Reply(200, content, volatile=frozenset({"PowerControl", "PowerSupplies"}))


def _patch_power(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"PowerControl"})
    entries = body.array(call.body, "PowerControl")
    if len(entries) != 1 or not isinstance(entries[0], dict):
        raise body.wrong_type("PowerControl", entries)
    limit = body.obj(entries[0], "PowerLimit")
    body.closed(limit, {"LimitInWatts"})
    if "LimitInWatts" not in limit:
        raise body.missing("LimitInWatts")
    set_cap(bmc, limit["LimitInWatts"], "PowerControl/0/PowerLimit/LimitInWatts")
    return success(bmc.persona)


def _temperature_list(bmc: Bmc) -> list[object]:
    found: list[object] = []
    for index, sensor in enumerate(bmc.sensors.temperatures):
        found.append(
            {
                "@odata.id": f"{THERMAL}#/Temperatures/{index}",
                "@odata.type": "#Thermal.v1_7_1.Temperature",
                "LowerThresholdCritical": sensor.low_critical,
                "LowerThresholdNonCritical": sensor.low_caution,
                "MaxReadingRangeTemp": None,
                "MemberId": sensor.fqdd,
                "MinReadingRangeTemp": None,
                "Name": sensor.name,
                "PhysicalContext": sensor.context,
                "ReadingCelsius": bmc.sensors.celsius(sensor),
                "RelatedItem": links([CHS]),
                "SensorNumber": 1 + index,
                "Status": status(bmc.health.of(sensor.fqdd)),
                "UpperThresholdCritical": sensor.critical,
                "UpperThresholdNonCritical": sensor.caution,
            }
        )
    return found


def _thermal(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, THERMAL, "Thermal", "Thermal")
    fans: list[object] = []
    for index, fan in enumerate(bmc.hw.fans):
        entry: Json = {
            "@odata.id": f"{THERMAL}#/Fans/{index}",
            "@odata.type": "#Thermal.v1_7_1.Fan",
            "HotPluggable": True,
            "LowerThresholdCritical": 600,
            "LowerThresholdNonCritical": 840,
            "MemberId": fan.fqdd,
            "PhysicalContext": "SystemBoard",
            "Reading": bmc.sensors.rpm(fan.fqdd, fan.base_rpm),
            "ReadingUnits": "RPM",
            "Status": status(bmc.health.of(fan.fqdd)),
            "UpperThresholdCritical": None,
            "UpperThresholdNonCritical": None,
            "Redundancy": links([f"{THERMAL}#/Redundancy/0"]),
            "Oem": {"Dell": {"@odata.type": "#DellThermal.v1_0_0.DellFan", "FanPWM": 30, "FanType": "Standard"}},
        }
        # The name's key differs by generation (contract §12.4).
        entry["FanName" if bmc.persona.generation < 9 else "Name"] = fan.name
        fans.append(entry)
    temperatures = _temperature_list(bmc)
    content |= {
        "Fans": fans,
        "Fans@odata.count": len(fans),
        "Redundancy": [
            {
                "@odata.id": f"{THERMAL}#/Redundancy/0",
                "@odata.type": "#Redundancy.v1_4_0.Redundancy",
                "MaxNumSupported": 0,
                "MemberId": "iDRAC.Embedded.1#SystemBoardFanRedundancy",
                "MinNumNeeded": 0,
                "Mode": "N+m",
                "Name": "System Board Fan Redundancy",
                "RedundancySet": links([f"{THERMAL}#/Fans/{index}" for index in range(len(fans))]),
                "Status": status("OK" if bmc.health.group("Fan.") == "OK" else "Warning"),
            }
        ],
        "Redundancy@odata.count": 1,
        "Temperatures": temperatures,
        "Temperatures@odata.count": len(temperatures),
    }
    return Reply(200, content, volatile=frozenset({"Fans", "Temperatures"}))


def mount(routes: Routes, persona: Persona) -> None:
    """Add the resources this generation has; the power cap is not blocked by lockdown."""
    components = "ConfigureComponents"
    if persona.legacy_power:
        routes.get(POWER, _power)
        routes.add("PATCH", POWER, _patch_power, privilege=components, locked=False)
        routes.add("PATCH", f"{POWER}/PowerControl", _patch_power, privilege=components, locked=False)
        routes.get(THERMAL, _thermal)
