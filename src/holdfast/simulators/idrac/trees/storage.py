"""Storage: controllers, drives, volumes (contract §12.11). Changes are in `storage_changes`."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.controllers import Controller, controllers_of
from holdfast.simulators.idrac.errors import missing_resource
from holdfast.simulators.idrac.hardware import Disk
from holdfast.simulators.idrac.persona import CHS, ROOT, SYS, Persona
from holdfast.simulators.idrac.raid import OLD_NAMES, Volume
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.trees.drives import STORAGE, drive_path, drive_view, m2_view, volume_path
from holdfast.simulators.idrac.wire import Call, Json, Reply, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

RAID_SERVICE = f"{SYS}/Oem/Dell/DellRaidService"


def need_controller(bmc: Bmc, call: Call) -> Controller:
    """The controller that a call names by its first wildcard."""
    found = controllers_of(bmc.hw).get(call.args[0])
    if found is None:
        raise missing_resource(call.path)
    return found


def _list(bmc: Bmc, call: Call) -> Reply:
    paths = [f"{STORAGE}/{name}" for name in controllers_of(bmc.hw)]
    return collection(bmc, STORAGE, "Storage", paths, "Storage Collection")


def _controller_core(bmc: Bmc, one: Controller) -> Json:
    health = bmc.health.of(one.fqdd)
    content: Json = {
        "Description": one.title,
        "FirmwareVersion": bmc.firmware.version_of(one.fqdd) if one.array else None,
        "Manufacturer": one.manufacturer,
        "Model": one.title,
        "Name": one.title,
        "Status": status(health, "Enabled", health),
        "SupportedControllerProtocols": ["PCIe"],
        "SupportedDeviceProtocols": list(one.protocols),
    }
    if bmc.persona.generation >= 9:
        content |= {
            "CacheSummary": {"TotalCacheSizeMiB": 8192 if one.array and not one.boss else 0},
            "SupportedRAIDTypes": list(one.levels),
            "SupportedRAIDTypes@odata.count": len(one.levels),
        }
    return content


def _dell_controller(bmc: Bmc, one: Controller) -> Json:
    controller = one.fqdd
    content: Json = {
        "@odata.type": "#DellController.v1_4_0.DellController",
        "AlarmState": "AlarmNotPresent",
        "CacheSizeInMB": 8192,
        "CachecadeCapability": "NotSupported",
        "ConnectorCount": 1,
        "ControllerFirmwareVersion": bmc.firmware.version_of(controller),
        "CurrentControllerMode": "RAID",
        "Device": "0",
        "EncryptionCapability": "LocalKeyManagementAndSecureEnterpriseKeyManagerCapable",
        "EncryptionMode": "None",
        "Id": controller,
        "Name": "DellController",
        "PatrolReadMode": "Automatic",
        "PatrolReadState": "Stopped",
        "PersistentHotspare": "Disabled",
        "PreservedCache": "NotPresent",
        "RAIDMode": "RAID",
        "RealtimeCapability": "Capable",
        "RollupStatus": "OK" if bmc.health.of(controller) == "OK" else "Degraded",
        "SecurityStatus": "EncryptionCapable",
        "SupportControllerBootMode": "Supported",
        "SupportEnhancedAutoForeignImport": "Supported",
        "SupportRAID10UnevenSpans": "Supported",
        "T10PICapability": "NotSupported",
    }
    if one.boss:
        content |= {
            "CacheSizeInMB": 0,
            "EncryptionCapability": "None",
            "PatrolReadMode": "NotSupported",
            "PatrolReadState": "Unknown",
            "RealtimeCapability": "Capable" if one.real_time else "Incapable",
            "SecurityStatus": "EncryptionNotCapable",
            "SupportEnhancedAutoForeignImport": "NotSupported",
            "SupportRAID10UnevenSpans": "NotSupported",
        }
    return content


def _storage(bmc: Bmc, call: Call) -> Reply:
    one = need_controller(bmc, call)
    controller, disks = one.fqdd, one.disks
    path = f"{STORAGE}/{controller}"
    content = resource(bmc, path, "Storage", one.title)
    core = _controller_core(bmc, one)
    reference = f"{path}#/StorageControllers/0"
    content |= {
        "Drives": links([drive_path(bmc.persona, disk) for disk in disks]),
        "Drives@odata.count": len(disks),
        "Status": status(bmc.health.group("Disk."), "Enabled", bmc.health.group("Disk.")),
        "StorageControllers": [
            {
                "@odata.id": reference,
                "@odata.type": "#Storage.v1_7_1.StorageController",
                "MemberId": controller,
                "Identifiers": [{"DurableName": "0x500056B3A1B2C3D4", "DurableNameFormat": "NAA"}],
                "SpeedGbps": 12,
                "Links": {"Enclosures": links([CHS, f"{ROOT}/Chassis/{bmc.hw.enclosure}"])},
                **core,
            }
        ],
        "StorageControllers@odata.count": 1,
        "Volumes": link(f"{path}/Volumes"),
        "Links": {
            "Enclosures": links([f"{ROOT}/Chassis/{bmc.hw.enclosure}", CHS]),
            "Enclosures@odata.count": 2,
        },
    }
    if bmc.persona.generation >= 9:
        content["Controllers"] = link(f"{path}/Controllers")
        if one.array:
            content["Oem"] = {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellController": _dell_controller(bmc, one),
                }
            }
    return Reply(200, content)


def _controller_list(bmc: Bmc, call: Call) -> Reply:
    controller = need_controller(bmc, call).fqdd
    base = f"{STORAGE}/{controller}/Controllers"
    return collection(bmc, base, "StorageController", [f"{base}/{controller}"])


def _controller(bmc: Bmc, call: Call) -> Reply:
    one = need_controller(bmc, call)
    if call.args[1] != one.fqdd:
        raise missing_resource(call.path)
    path = f"{STORAGE}/{one.fqdd}/Controllers/{one.fqdd}"
    content = resource(bmc, path, "StorageController", one.title)
    content |= _controller_core(bmc, one)
    content["SupportedRAIDTypes"] = list(one.levels)
    if one.array:
        content["Oem"] = {"Dell": {"DellStorageController": _dell_controller(bmc, one)}}
    return Reply(200, content)


def _drive_list(bmc: Bmc, call: Call) -> Reply:
    disks = need_controller(bmc, call).disks
    return collection(bmc, call.path, "Drive", [drive_path(bmc.persona, disk) for disk in disks])


def need_disk(bmc: Bmc, call: Call) -> Disk:
    """The drive that a call names by its last wildcard."""
    if bmc.persona.nested_storage:
        controller = need_controller(bmc, call)
        found = bmc.raid.disk(call.args[1], call.path)
        if found.controller != controller.fqdd:
            raise missing_resource(call.path)
        return found
    return bmc.raid.disk(call.args[0], call.path)


def _drive(bmc: Bmc, call: Call) -> Reply:
    disk = need_disk(bmc, call)
    content = drive_view(bmc, disk)
    return Reply(200, m2_view(content) if disk in bmc.hw.boss_disks else content)


def _volume_list(bmc: Bmc, call: Call) -> Reply:
    one = need_controller(bmc, call)
    controller = one.fqdd
    base = f"{STORAGE}/{controller}/Volumes"
    paths = [
        volume_path(bmc.persona, controller, volume.id)
        for volume in bmc.raid.volumes.values()
        if volume.controller == controller
    ]
    reply = collection(bmc, base, "Volume", paths, "Volume Collection")
    if reply.body is not None and bmc.persona.generation >= 9:
        reply.body["@Redfish.OperationApplyTimeSupport"] = {"SupportedValues": apply_times(bmc.persona, one)}
    return reply


def apply_times(persona: Persona, controller: Controller | None = None) -> list[str]:
    """When storage changes can be applied (§12.11)."""
    if controller is not None and not controller.real_time:
        return ["OnReset"]
    if persona.generation >= 10:
        return ["Immediate", "OnReset"]
    return ["Immediate", "OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"]


def need_volume(bmc: Bmc, call: Call) -> Volume:
    """The volume that a call names by its last wildcard."""
    name = call.args[1] if bmc.persona.nested_storage else call.args[0]
    volume = bmc.raid.volumes.get(name)
    if volume is None or (bmc.persona.nested_storage and volume.controller != need_controller(bmc, call).fqdd):
        raise missing_resource(call.path)
    return volume


def _volume(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    persona = bmc.persona
    boss = volume.controller == bmc.hw.boss
    path = volume_path(persona, volume.controller, volume.id)
    bad = [fqdd for fqdd in volume.drives if bmc.health.of(fqdd) == "Critical"]
    health = bmc.health.of(volume.id) if not bad else ("Critical" if volume.level == "RAID0" else "Warning")
    content = resource(bmc, path, "Volume", volume.name)
    content |= {
        "Description": volume.name,
        "BlockSizeBytes": 512,
        "CapacityBytes": volume.capacity_bytes,
        "Encrypted": volume.encrypted,
        "Identifiers": [{"DurableName": f"6f4ee080{zlib.crc32(volume.id.encode()):08x}", "DurableNameFormat": "NAA"}],
        "Operations": []
        if volume.operation is None
        else [{"OperationName": volume.operation, "PercentageComplete": 0}],
        "OptimumIOSizeBytes": volume.stripe_bytes,
        "Status": status(health, "Enabled", health),
        "Links": {
            "Drives": links([drive_path(persona, bmc.raid.disks[fqdd]) for fqdd in volume.drives]),
            "Drives@odata.count": len(volume.drives),
        },
        "Actions": {
            "#Volume.Initialize": action(
                f"{path}/Actions/Volume.Initialize", InitializeType=("Fast",) if boss else ("Fast", "Slow")
            ),
            **({} if boss else {"#Volume.CheckConsistency": action(f"{path}/Actions/Volume.CheckConsistency")}),
        },
        "VolumeType": OLD_NAMES[volume.level],
    }
    if persona.generation >= 9:
        content |= {
            "RAIDType": volume.level,
            "ReadCachePolicy": volume.read_policy,
            "WriteCachePolicy": volume.write_policy,
            "MediaSpanCount": 1,
            "@Redfish.Settings": {
                "@odata.context": f"{ROOT}/$metadata#Settings.Settings",
                "@odata.type": "#Settings.v1_3_5.Settings",
                "SettingsObject": link(f"{path}/Settings"),
                "SupportedApplyTimes": apply_times(persona),
            },
            "Oem": {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellVolume": {
                        "@odata.type": "#DellVolume.v1_2_0.DellVolume",
                        "BusProtocol": bmc.raid.disks[volume.drives[0]].protocol,
                        "DiskCachePolicy": volume.disk_cache,
                        "Id": volume.id,
                        "LockStatus": "Unlocked",
                        "MediaType": "SolidStateDrive",
                        "Name": "DellVolume",
                        "RaidStatus": "Degraded" if bad else "Online",
                        "ReadCachePolicy": volume.read_policy,
                        "StripeSize": f"{volume.stripe_bytes // 1024}KB",
                        "WriteCachePolicy": volume.write_policy,
                    },
                }
            },
        }
    if boss:
        content.pop("@Redfish.Settings", None)
    return Reply(200, content)


def _volume_settings(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    if volume.controller == bmc.hw.boss:
        raise missing_resource(call.path)
    content = resource(bmc, call.path, "Volume", volume.name)
    content |= {"Id": "Settings", "ReadCachePolicy": volume.pending.get("ReadCachePolicy")}
    content["WriteCachePolicy"] = volume.pending.get("WriteCachePolicy")
    return Reply(200, content)


def _simple_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{SYS}/SimpleStorage"
    return collection(bmc, base, "SimpleStorage", [f"{base}/{name}" for name in controllers_of(bmc.hw)])


def _simple(bmc: Bmc, call: Call) -> Reply:
    controller = need_controller(bmc, call)
    content = resource(bmc, f"{SYS}/SimpleStorage/{controller.fqdd}", "SimpleStorage", "Simple Storage Controller")
    devices: list[object] = [
        {
            "CapacityBytes": disk.capacity_bytes,
            "Manufacturer": "SAMSUNG" if disk.media == "SSD" else "SEAGATE",
            "Model": disk.model,
            "Name": f"Physical Disk 0:1:{disk.slot}",
            "Status": status(bmc.health.of(disk.fqdd)),
        }
        for disk in controller.disks
    ]
    content |= {"Devices": devices, "Devices@odata.count": len(devices), "Status": status()}
    return Reply(200, content)


def mount(routes: Routes, persona: Persona) -> None:
    """Add what can be read; flat or nested by generation."""
    routes.get(STORAGE, _list)
    routes.get(f"{STORAGE}/*", _storage)
    routes.get(f"{STORAGE}/*/Volumes", _volume_list)
    routes.get(f"{SYS}/SimpleStorage", _simple_list)
    routes.get(f"{SYS}/SimpleStorage/*", _simple)
    if persona.nested_storage:
        routes.get(f"{STORAGE}/*/Drives", _drive_list)
        routes.get(f"{STORAGE}/*/Drives/*", _drive)
        routes.get(f"{STORAGE}/*/Volumes/*", _volume)
        routes.get(f"{STORAGE}/*/Volumes/*/Settings", _volume_settings)
        routes.get(f"{STORAGE}/*/Controllers", _controller_list)
        routes.get(f"{STORAGE}/*/Controllers/*", _controller)
    else:
        routes.get(f"{STORAGE}/Drives/*", _drive)
        routes.get(f"{STORAGE}/Volumes/*", _volume)
