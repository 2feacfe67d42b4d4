"""Dell's own views of sensors, rollups, slots and video (contract §12.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import missing_resource
from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.trees.common import collection, resource
from holdfast.simulators.idrac.trees.systems import OEM_S, dell_system
from holdfast.simulators.idrac.wire import Call, Json, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

Rows = dict[str, Json]


def _rollups(bmc: Bmc) -> Rows:
    found: Rows = {}
    for name, value in bmc.health.rollups().items():
        instance = f"iDRAC.Embedded.1_0x23_SubSystem.1_0x23_{name}"
        found[instance] = {
            "CollectionName": f"{name}Rollup",
            "InstanceID": f"iDRAC.Embedded.1#SubSystem.1#{name}",
            "InstanceId": f"iDRAC.Embedded.1#SubSystem.1#{name}",
            "RollupStatus": value,
            "SubSystem": name,
        }
    return found


def _numeric(bmc: Bmc) -> Rows:
    found: Rows = {}
    for sensor in bmc.sensors.temperatures:
        reading = bmc.sensors.celsius(sensor)
        found[f"iDRAC.Embedded.1_0x23_{sensor.sensor}"] = {
            "BaseUnits": "DegreesC",
            "CurrentReading": None if reading is None else int(reading * 10),
            "CurrentState": "Normal",
            "DeviceID": sensor.fqdd,
            "ElementName": sensor.name,
            "HealthState": bmc.health.of(sensor.fqdd),
            "SensorType": "Temperature",
            "UnitModifier": -1,
            "UpperThresholdCritical": int(sensor.critical * 10),
        }
    for fan in bmc.hw.fans:
        found[f"iDRAC.Embedded.1_0x23_{fan.name.replace(' ', '')}"] = {
            "BaseUnits": "RPM",
            "CurrentReading": bmc.sensors.rpm(fan.fqdd, fan.base_rpm),
            "CurrentState": "Normal",
            "DeviceID": fan.fqdd,
            "ElementName": fan.name,
            "HealthState": bmc.health.of(fan.fqdd),
            "SensorType": "Tachometer",
            "UnitModifier": 0,
        }
    # A server has many more discrete sensors than a page holds: power-good signals of rails and modules.
    for number in range(1, 61):
        found[f"iDRAC.Embedded.1_0x23_Rail{number:02d}PG"] = {
            "BaseUnits": "Volts",
            "CurrentReading": 1,
            "CurrentState": "Normal",
            "DeviceID": f"iDRAC.Embedded.1#Rail{number:02d}PG",
            "ElementName": f"Rail {number} PG",
            "HealthState": "OK",
            "SensorType": "Voltage",
            "UnitModifier": 0,
        }
    return found


def _supplies(bmc: Bmc) -> Rows:
    found: Rows = {}
    for psu in bmc.hw.psus:
        found[f"iDRAC.Embedded.1_0x23_PS{psu.number}Current{psu.number}"] = {
            "BaseUnits": "Amps",
            "CurrentReading": round((bmc.sensors.psu_input_watts(psu.fqdd) or 0) / 23),
            "DeviceID": psu.fqdd,
            "ElementName": f"PS{psu.number} Current {psu.number}",
            "HealthState": bmc.health.of(psu.fqdd),
            "SensorType": "Current",
            "UnitModifier": -1,
        }
    return found


def _presence(bmc: Bmc) -> Rows:
    return {
        f"iDRAC.Embedded.1_0x23_PS{psu.number}Status": {
            "CurrentState": "Presence Detected",
            "DeviceID": psu.fqdd,
            "ElementName": f"PS{psu.number} Status",
            "EnabledDefault": "Enabled",
            "SensorType": "Presence",
        }
        for psu in bmc.hw.psus
    }


def _slots(bmc: Bmc) -> Rows:
    found: Rows = {}
    populated = {dimm.fqdd.removeprefix("DIMM.Socket.") for dimm in bmc.hw.dimms}
    for number in range(1, 13):
        for bank in ("A", "B"):
            name = f"{bank}{number}"
            found[f"DIMM.Slot.{name}"] = {
                "EmptySlot": name not in populated,
                "NumberDescription": name,
                "SlotType": "DIMM",
            }
    for number in range(24):
        full = number < len(bmc.hw.disks)
        found[f"Disk.Slot.{number}"] = {"EmptySlot": not full, "NumberDescription": str(number), "SlotType": "Disk"}
    for number in (1, 2, 3):
        empty = not (number == 3 and bmc.hw.gpus)
        found[f"PCIe.Slot.{number}"] = {"EmptySlot": empty, "NumberDescription": str(number), "SlotType": "PCIe"}
    for psu in bmc.hw.psus:
        found[f"PSU.Slot.{psu.number}"] = {"EmptySlot": False, "NumberDescription": str(psu.number), "SlotType": "PSU"}
    return found


def _video(bmc: Bmc) -> Rows:
    found: Rows = {
        "Video.Embedded.1-1": {"FQDD": "Video.Embedded.1-1", "Manufacturer": "Matrox Electronics Systems Ltd."}
    }
    for gpu in bmc.hw.gpus:
        found[gpu.fqdd] = {
            "FQDD": gpu.fqdd,
            "FirmwareVersion": bmc.firmware.version_of(gpu.fqdd),
            "GPUState": "Enabled",
            "Manufacturer": "NVIDIA Corporation",
            "MarketingName": gpu.model,
            "SerialNumber": gpu.serial,
        }
    return found


def _gpu_sensors(bmc: Bmc) -> Rows:
    return {
        gpu.fqdd: {
            "BoardPowerSupplyStatus": "SufficientPower",
            "DeviceID": gpu.fqdd,
            "MemoryTemperatureCelsius": None,
            "PowerBrakeStatus": "Released",
            "PrimaryGPUTemperatureCelsius": 41 if bmc.host.on else None,
            "ThermalAlertStatus": "NotPending",
        }
        for gpu in bmc.hw.gpus
    }


_COLLECTIONS: dict[str, tuple[str, Callable[[Bmc], Rows]]] = {
    "DellRollupStatus": ("DellRollupStatus", _rollups),
    "DellNumericSensors": ("DellNumericSensor", _numeric),
    "DellPSNumericSensors": ("DellPSNumericSensor", _supplies),
    "DellPresenceAndStatusSensors": ("DellPresenceAndStatusSensor", _presence),
    "DellSlots": ("DellSlot", _slots),
    "DellVideo": ("DellVideo", _video),
    "DellGPUSensors": ("DellGPUSensor", _gpu_sensors),
}


def _list_of(name: str, schema: str, rows: Callable[[Bmc], Rows]) -> Callable[[Bmc, Call], Reply]:
    def handler(bmc: Bmc, call: Call) -> Reply:
        base = f"{OEM_S}/{name}"
        return collection(bmc, base, schema, [f"{base}/{key}" for key in rows(bmc)], f"{schema} Collection")

    return handler


def _one_of(name: str, schema: str, rows: Callable[[Bmc], Rows]) -> Callable[[Bmc, Call], Reply]:
    def handler(bmc: Bmc, call: Call) -> Reply:
        row = rows(bmc).get(call.args[0])
        if row is None:
            raise missing_resource(call.path)
        content = resource(bmc, f"{OEM_S}/{name}/{call.args[0]}", schema, schema)
        return Reply(200, content | row, volatile=frozenset({"CurrentReading"}))

    return handler


def _dell_system(bmc: Bmc, call: Call) -> Reply:
    return Reply(200, dell_system(bmc))


def mount(routes: Routes, persona: Persona) -> None:
    """Add Dell's views where the generation has them."""
    if not persona.oem_services:
        return
    routes.get(f"{OEM_S}/DellSystem/System.Embedded.1", _dell_system)
    for name, (schema, rows) in _COLLECTIONS.items():
        routes.get(f"{OEM_S}/{name}", _list_of(name, schema, rows))
        routes.get(f"{OEM_S}/{name}/*", _one_of(name, schema, rows))
