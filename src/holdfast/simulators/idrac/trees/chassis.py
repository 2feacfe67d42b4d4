"""The chassis: enclosures, PCIe, assembly (contract §2 no. 3, §12.1, §12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, refuse, success
from holdfast.simulators.idrac.persona import CHS, MGR, ROOT, SYS, Persona
from holdfast.simulators.idrac.trees.common import action, collection, pick, resource, status
from holdfast.simulators.idrac.trees.drives import drive_path
from holdfast.simulators.idrac.trees.systems import set_indicator
from holdfast.simulators.idrac.wire import Call, Json, Reply, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_RESETS_OLD = ("On", "ForceOff")
_RESETS_NEW = ("PowerCycle",)


def _list(bmc: Bmc, call: Call) -> Reply:
    members = (CHS, f"{ROOT}/Chassis/{bmc.hw.enclosure}")
    return collection(bmc, f"{ROOT}/Chassis", "Chassis", members, "Chassis Collection")


def _resets(persona: Persona) -> tuple[str, ...]:
    return _RESETS_OLD if persona.generation < 9 else _RESETS_NEW


def _main(bmc: Bmc, call: Call) -> Reply:
    persona, server = bmc.persona, bmc.server
    content = resource(bmc, CHS, "Chassis", "Computer System Chassis")
    drives = [drive_path(persona, disk) for disk in bmc.hw.disks]
    content |= {
        "Description": "It represents the properties for physical components for any system.",
        "AssetTag": bmc.asset_tag,
        "ChassisType": "RackMount",
        "IndicatorLED": "Blinking" if bmc.identify else "Lit",
        "Manufacturer": "Dell Inc.",
        "Model": server.model,
        "NetworkAdapters": link(f"{CHS}/NetworkAdapters"),
        "PartNumber": "0N7YGHA00",
        "PowerState": bmc.host.state,
        "SKU": server.service_tag,
        "SerialNumber": bmc.hw.board_serial,
        "Status": status(bmc.health.overall, "Enabled", bmc.health.overall),
        "Location": {
            "InfoFormat": "DataCenter;RoomName;Aisle;RackName;RackSlot;SizeOfManagedSystem",
            "Placement": {"Rack": str(bmc.attributes.get("ServerTopology.1.RackName")), "Row": ""},
            "PostalAddress": {"Building": "", "Room": ""},
        },
        "PhysicalSecurity": {
            "IntrusionSensor": "Normal",
            "IntrusionSensorNumber": 115,
            "IntrusionSensorReArm": "Manual",
        },
        "Links": {
            "ComputerSystems": [link(SYS)],
            "ComputerSystems@odata.count": 1,
            "Contains": [link(f"{ROOT}/Chassis/{bmc.hw.enclosure}")],
            "Contains@odata.count": 1,
            "CooledBy": [],
            "CooledBy@odata.count": 0,
            "Drives": links(drives),
            "Drives@odata.count": len(drives),
            "ManagedBy": [link(MGR)],
            "ManagedBy@odata.count": 1,
            "ManagersInChassis": [link(MGR)],
            "ManagersInChassis@odata.count": 1,
            "PCIeDevices": links([f"{CHS}/PCIeDevices/{name}" for name in bmc.pcie_devices]),
            "PCIeDevices@odata.count": len(bmc.pcie_devices),
            "PoweredBy": [],
            "PoweredBy@odata.count": 0,
            "Processors": links([f"{SYS}/Processors/{name}" for name in bmc.hw.cpus]),
            "Storage": [link(f"{SYS}/Storage/{bmc.hw.raid}")],
        },
        "Actions": {
            "#Chassis.Reset": action(f"{CHS}/Actions/Chassis.Reset", ResetType=_resets(persona)),
        },
    }
    if persona.legacy_power:
        content |= {"Power": link(f"{CHS}/Power"), "Thermal": link(f"{CHS}/Thermal")}
    if persona.modern_power:
        content |= {
            "PowerSubsystem": link(f"{CHS}/PowerSubsystem"),
            "ThermalSubsystem": link(f"{CHS}/ThermalSubsystem"),
            "Sensors": link(f"{CHS}/Sensors"),
            "EnvironmentMetrics": link(f"{CHS}/EnvironmentMetrics"),
        }
    if persona.generation >= 9:
        content |= {
            "LocationIndicatorActive": bmc.identify,
            "Assembly": link(f"{CHS}/Assembly"),
            "PCIeDevices": link(f"{CHS}/PCIeDevices"),
            "PCIeSlots": link(f"{CHS}/PCIeSlots"),
            "Memory": link(f"{SYS}/Memory"),
            "EnvironmentalClass": None,
            "UUID": bmc.hw.uuid,
        }
        oem = {
            "#DellOemChassis.ExtendedReset": action(
                f"{CHS}/Actions/Oem/DellOemChassis.ExtendedReset",
                ResetType=("PowerCycle",),
                FinalPowerState=("On", "Off"),
            )
        }
        content["Actions"] = {**_mapping(content["Actions"]), "Oem": oem}
    if persona.modular:
        # Power of the chassis is its own manager's (contract §17).
        del content["Actions"]
        content["ChassisType"] = "Sled"
    return Reply(200, content, volatile=frozenset({"PowerState"}))


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _enclosure(bmc: Bmc, call: Call) -> Reply:
    if call.args[0] != bmc.hw.enclosure:
        raise missing_resource(call.path)
    path = f"{ROOT}/Chassis/{bmc.hw.enclosure}"
    content = resource(bmc, path, "Chassis", "BP14G+ 0:1")
    drives = [drive_path(bmc.persona, disk) for disk in bmc.hw.disks]
    content |= {
        "Description": "Backplane of the internal drive bays",
        "AssetTag": None,
        "ChassisType": "Enclosure",
        "Manufacturer": "DELL",
        "Model": None,
        "PartNumber": None,
        "PowerState": "On",
        "SKU": None,
        "SerialNumber": None,
        "Status": status(bmc.health.group("Enclosure."), "Enabled", bmc.health.group("Enclosure.")),
        "Links": {
            "ContainedBy": link(CHS),
            "Drives": links(drives),
            "Drives@odata.count": len(drives),
            "ManagedBy": [link(MGR)],
            "ManagedBy@odata.count": 1,
            "Storage": [link(f"{SYS}/Storage/{bmc.hw.raid}")],
        },
        "Oem": {
            "Dell": {
                "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                "DellEnclosure": {
                    "@odata.type": "#DellEnclosure.v1_0_0.DellEnclosure",
                    "BackplaneType": "NotShared",
                    "Connector": 0,
                    "Id": bmc.hw.enclosure,
                    "Name": "DellEnclosure",
                    "SlotCount": max(8, len(bmc.hw.disks)),
                    "Version": "4.35",
                    "WiredOrder": 1,
                },
            }
        },
    }
    return Reply(200, content)


def _patch(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"AssetTag", "IndicatorLED", "LocationIndicatorActive"})
    set_indicator(bmc, call.body)
    if "AssetTag" in call.body:
        bmc.refuse_lockdown()
        bmc.asset_tag = body.text(call.body, "AssetTag")
    return success(bmc.persona)


def _reset(bmc: Bmc, call: Call) -> Reply:
    kind = body.text(call.body, "ResetType", allowed=_resets(bmc.persona))
    if bmc.persona.generation < 9:
        bmc.host.reset(kind)
        return Reply(204)
    if bmc.host.state != "Off":
        # AC cycling needs the host off (contract §12.2).
        raise refuse(409, "PSU501", "ON")
    bmc.ac_cycle("Off")
    return Reply(204)


def _extended_reset(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "ResetType", allowed=("PowerCycle",))
    final = body.text(call.body, "FinalPowerState", allowed=("On", "Off"), default="On")
    body.closed(call.body, {"ResetType", "FinalPowerState"})
    bmc.ac_cycle(final)
    return Reply(204)


def _assembly(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, call.path, "Assembly", "Assembly Information")
    boards = [
        ("System Planar", bmc.server.model, "0N7YGHA00", bmc.hw.board_serial),
        *((f"PSU {psu.number}", f"PWR SPLY,{psu.watts}W", "0CMPGMA02", psu.serial) for psu in bmc.hw.psus),
    ]
    content |= {
        "Assemblies": [
            {
                "@odata.id": f"{call.path}#/Assemblies/{index}",
                "@odata.type": "#Assembly.v1_5_0.AssemblyData",
                "MemberId": str(index),
                "Name": name,
                "Model": model,
                "PartNumber": part,
                "SerialNumber": serial,
                "Producer": "DELL",
                "Version": "A00",
                "Status": status(),
            }
            for index, (name, model, part, serial) in enumerate(boards)
        ],
        "Assemblies@odata.count": len(boards),
    }
    return Reply(200, content)


_PCIE = {
    "0-28": ("C620 Series Chipset SATA Controller", "Intel Corporation", "MultiFunction", "AHCI.Embedded.1-1"),
    "3-0": ("NetXtreme BCM5720 Gigabit Ethernet PCIe", "Broadcom Inc. and subsidiaries", "MultiFunction", "NIC"),
}


def _device_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{CHS}/PCIeDevices"
    return collection(bmc, base, "PCIeDevice", [f"{base}/{name}" for name in bmc.pcie_devices])


def _described(bmc: Bmc, name: str) -> tuple[str, str, str, str]:
    if name in _PCIE:
        return _PCIE[name]
    gpu = bmc.hw.gpus[int(name.split("-")[0]) - 177]
    return gpu.model, "NVIDIA Corporation", "SingleFunction", gpu.fqdd


def _device(bmc: Bmc, call: Call) -> Reply:
    name = pick(bmc.pcie_devices, str, call.args[0], call.path)
    title, maker, kind, fqdd = _described(bmc, name)
    path = f"{CHS}/PCIeDevices/{name}"
    content = resource(bmc, path, "PCIeDevice", title)
    versions = [item.version for item in bmc.firmware.components.values() if item.fqdd.startswith(fqdd)]
    functions = [f"{path}/PCIeFunctions/{name}-0"]
    content |= {
        "AssetTag": None,
        "DeviceType": kind,
        "FirmwareVersion": versions[0] if versions else "",
        "Manufacturer": maker,
        "Model": None,
        "PartNumber": None,
        "SKU": None,
        "SerialNumber": None,
        "Status": status(),
        "Links": {
            "Chassis": [link(CHS)],
            "Chassis@odata.count": 1,
            "PCIeFunctions": links(functions),
            "PCIeFunctions@odata.count": 1,
        },
    }
    if bmc.persona.generation >= 9:
        content["PCIeFunctions"] = link(f"{path}/PCIeFunctions")
        content["Slot"] = (
            {"Lanes": 16, "PCIeType": "Gen4", "SlotType": "FullLength"} if fqdd.startswith("Video") else {}
        )
    return Reply(200, content)


def _function_list(bmc: Bmc, call: Call) -> Reply:
    name = pick(bmc.pcie_devices, str, call.args[0], call.path)
    base = f"{CHS}/PCIeDevices/{name}/PCIeFunctions"
    return collection(bmc, base, "PCIeFunction", [f"{base}/{name}-0"])


def _function(bmc: Bmc, call: Call) -> Reply:
    name = pick(bmc.pcie_devices, str, call.args[0], call.path)
    if call.args[1] != f"{name}-0":
        raise missing_resource(call.path)
    title, maker, _, fqdd = _described(bmc, name)
    device = f"{CHS}/PCIeDevices/{name}"
    content = resource(bmc, f"{device}/PCIeFunctions/{name}-0", "PCIeFunction", title)
    classes = {"AHCI": "MassStorageController", "NIC": "NetworkController", "Video": "DisplayController"}
    content |= {
        "ClassCode": "0x000002",
        "DeviceClass": classes[fqdd.split(".")[0]],
        "DeviceId": "0x165f",
        "FunctionId": 0,
        "FunctionType": "Physical",
        "RevisionId": "0x00",
        "Status": status(),
        "SubsystemId": "0x0a6b",
        "SubsystemVendorId": "0x1028",
        "VendorId": "0x14e4" if maker.startswith("Broadcom") else "0x8086",
        "Links": {"PCIeDevice": link(device)},
    }
    return Reply(200, content)


def _slots(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, call.path, "PCIeSlots", "PCIe Slot Information")
    slots: list[object] = []
    for number in (1, 2, 3):
        filled = number == 3 and bool(bmc.hw.gpus)
        slots.append(
            {
                "HotPluggable": False,
                "Lanes": 16 if filled else None,
                "Location": {"PartLocation": {"LocationOrdinalValue": number, "LocationType": "Slot"}},
                "PCIeType": "Gen4" if filled else None,
                "SlotType": "FullLength" if number == 3 else "LowProfile",
                "Status": {"State": "Enabled" if filled else "Absent", "Health": "OK" if filled else None},
                "Links": {
                    "PCIeDevice": [link(f"{CHS}/PCIeDevices/177-0")] if filled else [],
                    "PCIeDevice@odata.count": int(filled),
                },
            }
        )
    content |= {"Slots": slots, "Slots@odata.count": len(slots)}
    return Reply(200, content)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the chassis."""
    routes.get(f"{ROOT}/Chassis", _list)
    routes.get(CHS, _main)
    routes.get(f"{ROOT}/Chassis/*", _enclosure)
    routes.add("PATCH", CHS, _patch, privilege="ConfigureComponents", locked=False)
    if not persona.modular:
        routes.action(CHS, "Chassis.Reset", _reset, privilege="ConfigureComponents", locked=False)
    routes.get(f"{CHS}/PCIeDevices/*", _device)
    routes.get(f"{CHS}/PCIeDevices/*/PCIeFunctions/*", _function)
    if persona.generation >= 9:
        if not persona.modular:
            routes.action(
                CHS, "Oem/DellOemChassis.ExtendedReset", _extended_reset, privilege="ConfigureComponents", locked=False
            )
        routes.get(f"{CHS}/Assembly", _assembly)
        routes.get(f"{CHS}/PCIeDevices", _device_list)
        routes.get(f"{CHS}/PCIeDevices/*/PCIeFunctions", _function_list)
        routes.get(f"{CHS}/PCIeSlots", _slots)
