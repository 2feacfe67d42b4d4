"""Processors (with GPUs) and memory modules (contract §12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import missing_resource
from holdfast.simulators.idrac.hardware import Dimm, Gpu
from holdfast.simulators.idrac.persona import CHS, SYS, Persona
from holdfast.simulators.idrac.trees.common import collection, pick, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_CPUS = f"{SYS}/Processors"
_DIMMS = f"{SYS}/Memory"


def _ids(bmc: Bmc) -> list[str]:
    gpus = [gpu.fqdd for gpu in bmc.hw.gpus] if bmc.persona.generation >= 9 else []
    return [*bmc.hw.cpus, *gpus]


def _processors(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _CPUS, "Processor", [f"{_CPUS}/{name}" for name in _ids(bmc)], "ProcessorsCollection")


def _processor(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in _ids(bmc):
        raise missing_resource(call.path)
    gpu = next((gpu for gpu in bmc.hw.gpus if gpu.fqdd == name), None)
    return Reply(200, _gpu(bmc, gpu) if gpu is not None else _cpu(bmc, name))


def _cpu(bmc: Bmc, name: str) -> Json:
    server = bmc.hw.server
    intel = "Intel" in server.cpu_model
    number = name.rsplit(".", 1)[-1]
    content = resource(bmc, f"{_CPUS}/{name}", "Processor", f"CPU {number}")
    content |= {
        "Description": "Represents the properties of a Processor attached to this System",
        "InstructionSet": "x86-64",
        "Manufacturer": "Intel" if intel else "AMD",
        "MaxSpeedMHz": 4000,
        "Model": server.cpu_model,
        "ProcessorArchitecture": "x86",
        "ProcessorId": {
            "EffectiveFamily": "6" if intel else "25",
            "EffectiveModel": "106",
            "IdentificationRegisters": "0x000606A6",
            "MicrocodeInfo": "0xD0003D1",
            "Step": "6",
            "VendorID": "GenuineIntel" if intel else "AuthenticAMD",
        },
        "ProcessorType": "CPU",
        "Socket": name,
        "Status": status(bmc.health.of(name)),
        "TotalCores": server.cpu_cores_per_socket,
        "TotalThreads": server.cpu_cores_per_socket * 2,
        "Links": {"Chassis": link(CHS)},
    }
    if bmc.persona.generation >= 9:
        content |= {
            "OperatingSpeedMHz": 2000,
            "TotalEnabledCores": server.cpu_cores_per_socket,
            "TurboState": "Enabled",
            "Metrics": link(f"{_CPUS}/{name}/ProcessorMetrics"),
            "Oem": {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellProcessor": {
                        "@odata.type": "#DellProcessor.v1_1_0.DellProcessor",
                        "CPUFamily": "IntelXeon" if intel else "AMDEPYC",
                        "CPUStatus": "CPUEnabled",
                        "HyperThreadingEnabled": "Yes",
                        "Id": name,
                        "Name": "DellProcessor",
                        "TurboModeEnabled": "Yes",
                        "VirtualizationTechnologyEnabled": "Yes",
                        "Volts": "1.6",
                    },
                    "ThermalMetrics": link(f"{_CPUS}/{name}/Oem/Dell/ThermalMetrics"),
                }
            },
        }
    return content


def _gpu(bmc: Bmc, gpu: Gpu) -> Json:
    content = resource(bmc, f"{_CPUS}/{gpu.fqdd}", "Processor", gpu.model)
    content |= {
        "FirmwareVersion": bmc.firmware.version_of(gpu.fqdd),
        "Manufacturer": "NVIDIA Corporation",
        "Model": gpu.model,
        "PartNumber": "900-2G193-0000-000",
        "ProcessorType": "GPU",
        "SerialNumber": gpu.serial,
        "Status": status(bmc.health.of(gpu.fqdd)),
        "TotalCores": 7424,
        "MemorySummary": {"TotalMemorySizeMiB": 24_576},
        "Metrics": link(f"{_CPUS}/{gpu.fqdd}/ProcessorMetrics"),
        "Links": {"Chassis": link(CHS)},
        "Oem": {"Dell": {"ThermalMetrics": link(f"{_CPUS}/{gpu.fqdd}/Oem/Dell/ThermalMetrics")}},
    }
    return content


def _metrics(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in _ids(bmc):
        raise missing_resource(call.path)
    content = resource(bmc, call.path, "ProcessorMetrics", "Processor Metrics")
    content |= {"BandwidthPercent": bmc.sensors.usage_percent(name), "OperatingSpeedMHz": 2000}
    return Reply(200, content, volatile=frozenset({"BandwidthPercent"}))


def _thermal_metrics(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in _ids(bmc):
        raise missing_resource(call.path)
    number = name.rsplit(".", 1)[-1]
    sensor = next((item for item in bmc.sensors.temperatures if item.sensor == f"CPU{number}Temp"), None)
    reading = bmc.sensors.celsius(sensor) if sensor is not None else 41.0
    content = resource(bmc, call.path, "DellThermalMetrics", "Thermal Metrics")
    content |= {"TemperatureCelsius": reading}
    return Reply(200, content, volatile=frozenset({"TemperatureCelsius"}))


def _memory(bmc: Bmc, call: Call) -> Reply:
    paths = [f"{_DIMMS}/{dimm.fqdd}" for dimm in bmc.hw.dimms]
    return collection(bmc, _DIMMS, "Memory", paths, "Memory Devices Collection")


def _speed(bmc: Bmc) -> int:
    return 4800 if bmc.hw.system_generation >= 16 else 3200 if bmc.hw.system_generation >= 15 else 2400


def _module(bmc: Bmc, call: Call) -> Reply:
    dimm: Dimm = pick(bmc.hw.dimms, lambda item: item.fqdd, call.args[0], call.path)
    speed = _speed(bmc)
    kind = "DDR5" if bmc.hw.system_generation >= 16 else "DDR4"
    content = resource(bmc, f"{_DIMMS}/{dimm.fqdd}", "Memory", f"DIMM {dimm.fqdd.rsplit('.', 1)[-1]}")
    content |= {
        "AllowedSpeedsMHz": [speed],
        "AllowedSpeedsMHz@odata.count": 1,
        "BaseModuleType": "RDIMM",
        "BusWidthBits": 72,
        "CapacityMiB": dimm.capacity_mib,
        "DataWidthBits": 64,
        "DeviceLocator": dimm.fqdd.rsplit(".", 1)[-1],
        "ErrorCorrection": "MultiBitECC",
        "Manufacturer": "Hynix Semiconductor",
        "MaxTDPMilliWatts": [],
        "MemoryDeviceType": kind,
        "MemoryType": "DRAM",
        "OperatingSpeedMhz": speed,
        "PartNumber": "HMA84GR7DJR4N-XN",
        "RankCount": 2,
        "SerialNumber": dimm.serial,
        "Status": status(bmc.health.of(dimm.fqdd)),
        "Links": {"Chassis": link(CHS)},
    }
    if bmc.persona.generation >= 9:
        content |= {
            "Enabled": True,
            "Metrics": link(f"{_DIMMS}/{dimm.fqdd}/MemoryMetrics"),
            "Oem": {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellMemory": {
                        "@odata.type": "#DellMemory.v1_0_0.DellMemory",
                        "BankLabel": dimm.fqdd.rsplit(".", 1)[-1][0],
                        "Id": dimm.fqdd,
                        "ManufactureDate": "Mon Oct 04 07:00:00 2021 UTC",
                        "Model": f"{kind} DIMM",
                        "Name": "DellMemory",
                        "RemainingRatedWriteEndurancePercent": None,
                        "SystemEraseCapability": "NotSupported",
                    },
                }
            },
        }
    return Reply(200, content)


def _module_metrics(bmc: Bmc, call: Call) -> Reply:
    pick(bmc.hw.dimms, lambda item: item.fqdd, call.args[0], call.path)
    content = resource(bmc, call.path, "MemoryMetrics", "Memory Metrics")
    bad = bmc.health.of(call.args[0]) != "OK"
    content |= {
        "HealthData": {"AlarmTrips": {"CorrectableECCError": bad, "UncorrectableECCError": False}},
        "LifeTime": {"BlocksRead": None},
    }
    return Reply(200, content)


def mount(routes: Routes, persona: Persona) -> None:
    """Add processors and memory."""
    routes.get(_CPUS, _processors)
    routes.get(f"{_CPUS}/*", _processor)
    routes.get(_DIMMS, _memory)
    routes.get(f"{_DIMMS}/*", _module)
    if persona.generation >= 9:
        routes.get(f"{_CPUS}/*/ProcessorMetrics", _metrics)
        routes.get(f"{_CPUS}/*/Oem/Dell/ThermalMetrics", _thermal_metrics)
        routes.get(f"{_DIMMS}/*/MemoryMetrics", _module_metrics)
