"""Power and heat by the new resources, the only ones on iDRAC10 (contract §12.3, §12.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import refuse, success
from holdfast.simulators.idrac.hardware import Fan, Psu
from holdfast.simulators.idrac.persona import CHS, Persona
from holdfast.simulators.idrac.trees.common import collection, pick, resource, status
from holdfast.simulators.idrac.trees.power import capping, set_cap
from holdfast.simulators.idrac.wire import Call, Reply, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_ENVIRONMENT = f"{CHS}/EnvironmentMetrics"
_SUPPLIES = f"{CHS}/PowerSubsystem/PowerSupplies"
_FANS = f"{CHS}/ThermalSubsystem/Fans"


def _power_subsystem(bmc: Bmc, call: Call) -> Reply:
    capacity = sum(psu.watts for psu in bmc.hw.psus)
    content = resource(bmc, call.path, "PowerSubsystem", "Power Subsystem")
    content |= {
        "Allocation": {"AllocatedWatts": capacity // 2, "RequestedWatts": 559},
        "CapacityWatts": capacity // 2,
        "PowerSupplies": link(_SUPPLIES),
        "PowerSupplyRedundancy": [
            {
                "MaxSupportedInGroup": 2,
                "MinNeededInGroup": 1,
                "RedundancyType": "NPlusM",
                "RedundancyGroup": links([f"{_SUPPLIES}/{psu.fqdd}" for psu in bmc.hw.psus]),
                "Status": status("OK" if bmc.health.group("PSU.") == "OK" else "Critical"),
            }
        ],
        "Status": status(bmc.health.group("PSU."), "Enabled", bmc.health.group("PSU.")),
    }
    return Reply(200, content)


def _supply_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _SUPPLIES, "PowerSupply", [f"{_SUPPLIES}/{psu.fqdd}" for psu in bmc.hw.psus])


def _supply_one(bmc: Bmc, call: Call) -> Reply:
    psu: Psu = pick(bmc.hw.psus, lambda item: item.fqdd, call.args[0], call.path)
    content = resource(bmc, f"{_SUPPLIES}/{psu.fqdd}", "PowerSupply", f"PS{psu.number} Status")
    health = bmc.health.of(psu.fqdd)
    content |= {
        "EfficiencyRatings": [{"EfficiencyPercent": 94}],
        "FirmwareVersion": bmc.firmware.version_of(psu.fqdd),
        "HotPluggable": True,
        "InputNominalVoltageType": "AC200To240V",
        "LineInputStatus": "Normal" if health == "OK" else "LossOfInput",
        "Manufacturer": "DELL",
        "Metrics": link(f"{_SUPPLIES}/{psu.fqdd}/Metrics"),
        "Model": f"PWR SPLY,{psu.watts}W,RDNT,LTON",
        "PartNumber": "0CMPGMA02",
        "PowerCapacityWatts": psu.watts,
        "PowerSupplyType": "AC",
        "SerialNumber": psu.serial,
        "Status": status(health),
    }
    return Reply(200, content)


def _supply_metrics(bmc: Bmc, call: Call) -> Reply:
    psu: Psu = pick(bmc.hw.psus, lambda item: item.fqdd, call.args[0], call.path)
    draws = bmc.sensors.psu_input_watts(psu.fqdd)
    content = resource(bmc, call.path, "PowerSupplyMetrics", "Power Supply Metrics")
    content |= {
        "InputPowerWatts": {"Reading": draws},
        "InputVoltage": {"Reading": 230 if bmc.health.of(psu.fqdd) == "OK" else 0},
        "OutputPowerWatts": {"Reading": None if draws is None else round(draws * 0.94)},
        "FanSpeedPercent": {"Reading": 20},
    }
    return Reply(200, content, volatile=frozenset({"InputPowerWatts", "OutputPowerWatts"}))


def _thermal_subsystem(bmc: Bmc, call: Call) -> Reply:
    health = bmc.health.group("CoolingController." if bmc.persona.generation >= 10 else "Fan.")
    content = resource(bmc, call.path, "ThermalSubsystem", "Thermal Subsystem")
    content |= {
        "Fans": link(_FANS),
        "FanRedundancy": [
            {
                "RedundancyType": "NPlusM",
                "RedundancyGroup": links([f"{_FANS}/{fan_id(fan)}" for fan in bmc.hw.fans]),
                "Status": status(health),
            }
        ],
        "Status": status(health, "Enabled", health),
        "ThermalMetrics": link(f"{CHS}/ThermalSubsystem/ThermalMetrics"),
    }
    return Reply(200, content)


def fan_id(fan: Fan) -> str:
    """The id in the new resource: "CoolingController.1.Fan3A"."""
    return f"CoolingController.1.{fan.name.split()[-1]}"


def _fan_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _FANS, "Fan", [f"{_FANS}/{fan_id(fan)}" for fan in bmc.hw.fans])


def _fan(bmc: Bmc, call: Call) -> Reply:
    fan: Fan = pick(bmc.hw.fans, fan_id, call.args[0], call.path)
    rpm = bmc.sensors.rpm(fan.fqdd, fan.base_rpm)
    content = resource(bmc, f"{_FANS}/{fan_id(fan)}", "Fan", fan.name)
    content |= {
        "HotPluggable": True,
        "PhysicalContext": "SystemBoard",
        "SpeedPercent": {
            "DataSourceUri": f"{CHS}/Sensors/{fan.name.split()[-1]}",
            "Reading": None if rpm is None else round(rpm / 200),
            "SpeedRPM": rpm,
        },
        "Status": status(bmc.health.of(fan.fqdd)),
    }
    return Reply(200, content, volatile=frozenset({"SpeedPercent"}))


def _thermal_metrics(bmc: Bmc, call: Call) -> Reply:
    readings: list[object] = [
        {
            "DataSourceUri": f"{CHS}/Sensors/{sensor.sensor}",
            "DeviceName": sensor.name,
            "PhysicalContext": sensor.context,
            "Reading": bmc.sensors.celsius(sensor),
        }
        for sensor in bmc.sensors.temperatures
    ]
    content = resource(bmc, call.path, "ThermalMetrics", "Thermal Metrics")
    content |= {
        "TemperatureReadingsCelsius": readings,
        "TemperatureReadingsCelsius@odata.count": len(readings),
        "TemperatureSummaryCelsius": {
            "Intake": {"Reading": bmc.sensors.celsius(bmc.sensors.temperatures[0])},
            "Exhaust": {"Reading": bmc.sensors.celsius(bmc.sensors.temperatures[1])},
        },
    }
    return Reply(200, content, volatile=frozenset({"TemperatureReadingsCelsius", "TemperatureSummaryCelsius"}))


def _environment(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _ENVIRONMENT, "EnvironmentMetrics", "Environment Metrics")
    content |= {
        "FanSpeedsPercent": [
            {
                "DataSourceUri": f"{CHS}/Sensors/{fan.name.split()[-1]}",
                "Reading": round((bmc.sensors.rpm(fan.fqdd, fan.base_rpm) or 0) / 200),
                "SpeedRPM": bmc.sensors.rpm(fan.fqdd, fan.base_rpm),
            }
            for fan in bmc.hw.fans
        ],
        "PowerLimitWatts": {
            "AllowableMax": bmc.attributes.get("ServerPwr.1.PowerCapMaxThres"),
            "AllowableMin": bmc.attributes.get("ServerPwr.1.PowerCapMinThres"),
            "ControlMode": "Automatic" if capping(bmc) else "Disabled",
            "SetPoint": bmc.attributes.get("ServerPwr.1.PowerCapValue"),
        },
        "PowerWatts": {"DataSourceUri": f"{CHS}/Sensors/SystemBoardPwrConsumption", "Reading": bmc.sensors.watts()},
        "TemperatureCelsius": {
            "DataSourceUri": f"{CHS}/Sensors/SystemBoardInletTemp",
            "Reading": bmc.sensors.celsius(bmc.sensors.temperatures[0]),
        },
    }
    if bmc.persona.modular:
        del content["PowerLimitWatts"]
    return Reply(200, content, volatile=frozenset({"FanSpeedsPercent", "PowerWatts", "TemperatureCelsius"}))


def _patch_environment(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"PowerLimitWatts"})
    limit = body.obj(call.body, "PowerLimitWatts")
    body.closed(limit, {"SetPoint", "ControlMode"})
    if "SetPoint" in limit:
        set_cap(bmc, limit["SetPoint"], "PowerLimitWatts/SetPoint")
    elif body.text(limit, "ControlMode", allowed=("Automatic", "Disabled")) == "Disabled":
        set_cap(bmc, None, "PowerLimitWatts/SetPoint")
    else:
        raise refuse(400, "SYS432")
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the new resources where they exist; the power cap is not blocked by lockdown."""
    if not persona.modern_power:
        return
    routes.get(f"{CHS}/PowerSubsystem", _power_subsystem)
    routes.get(_SUPPLIES, _supply_list)
    routes.get(f"{_SUPPLIES}/*", _supply_one)
    routes.get(f"{_SUPPLIES}/*/Metrics", _supply_metrics)
    routes.get(f"{CHS}/ThermalSubsystem", _thermal_subsystem)
    routes.get(_FANS, _fan_list)
    routes.get(f"{_FANS}/*", _fan)
    routes.get(f"{CHS}/ThermalSubsystem/ThermalMetrics", _thermal_metrics)
    routes.get(_ENVIRONMENT, _environment)
    routes.add("PATCH", _ENVIRONMENT, _patch_environment, privilege="ConfigureComponents", locked=False)
