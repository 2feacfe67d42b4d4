"""Storage: controllers, drives, volumes (contract §12.11). Changes are in `storage_changes`."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import missing_resource
from holdfast.simulators.idrac.hardware import Disk
from holdfast.simulators.idrac.persona import CHS, ROOT, SYS, Persona
from holdfast.simulators.idrac.raid import LEVELS, OLD_NAMES, Volume
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

STORAGE = f"{SYS}/Storage"
RAID_SERVICE = f"{SYS}/Oem/Dell/DellRaidService"


def drive_path(persona: Persona, disk: Disk) -> str:
    """A drive: flat on iDRAC8, under its controller later."""
    if persona.nested_storage:
        return f"{STORAGE}/{disk.controller}/Drives/{disk.fqdd}"
    return f"{STORAGE}/Drives/{disk.fqdd}"


def volume_path(persona: Persona, controller: str, volume_id: str) -> str:
    """A volume: flat on iDRAC8, under its controller later."""
    if persona.nested_storage:
        return f"{STORAGE}/{controller}/Volumes/{volume_id}"
    return f"{STORAGE}/Volumes/{volume_id}"


def _controllers(bmc: Bmc) -> tuple[str, ...]:
    return (bmc.hw.raid, bmc.hw.ahci)


def _need_controller(bmc: Bmc, call: Call) -> str:
    if call.args[0] not in _controllers(bmc):
        raise missing_resource(call.path)
    return call.args[0]


def _list(bmc: Bmc, call: Call) -> Reply:
    paths = [f"{STORAGE}/{name}" for name in _controllers(bmc)]
    return collection(bmc, STORAGE, "Storage", paths, "Storage Collection")


def _is_raid(bmc: Bmc, controller: str) -> bool:
    return controller == bmc.hw.raid


def _title(bmc: Bmc, controller: str) -> str:
    return "PERC H755 Front" if _is_raid(bmc, controller) else "C620 Series Chipset Family SATA Controller [AHCI mode]"


def _controller_core(bmc: Bmc, controller: str) -> Json:
    raid = _is_raid(bmc, controller)
    content: Json = {
        "Description": _title(bmc, controller),
        "FirmwareVersion": bmc.firmware.version_of(controller) if raid else None,
        "Manufacturer": "DELL" if raid else "Intel Corporation",
        "Model": _title(bmc, controller),
        "Name": _title(bmc, controller),
        "Status": status(bmc.health.of(controller), "Enabled", bmc.health.of(controller)),
        "SupportedControllerProtocols": ["PCIe"],
        "SupportedDeviceProtocols": ["SAS", "SATA"] if raid else ["SATA"],
    }
    if bmc.persona.generation >= 9:
        content |= {
            "CacheSummary": {"TotalCacheSizeMiB": 8192 if raid else 0},
            "SupportedRAIDTypes": list(LEVELS) if raid else [],
            "SupportedRAIDTypes@odata.count": len(LEVELS) if raid else 0,
        }
    return content


def _dell_controller(bmc: Bmc, controller: str) -> Json:
    return {
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


def _storage(bmc: Bmc, call: Call) -> Reply:
    controller = _need_controller(bmc, call)
    path = f"{STORAGE}/{controller}"
    content = resource(bmc, path, "Storage", _title(bmc, controller))
    disks = bmc.hw.disks if _is_raid(bmc, controller) else ()
    core = _controller_core(bmc, controller)
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
        if _is_raid(bmc, controller):
            content["Oem"] = {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellController": _dell_controller(bmc, controller),
                }
            }
    return Reply(200, content)


def _controller_list(bmc: Bmc, call: Call) -> Reply:
    controller = _need_controller(bmc, call)
    base = f"{STORAGE}/{controller}/Controllers"
    return collection(bmc, base, "StorageController", [f"{base}/{controller}"])


def _controller(bmc: Bmc, call: Call) -> Reply:
    controller = _need_controller(bmc, call)
    if call.args[1] != controller:
        raise missing_resource(call.path)
    path = f"{STORAGE}/{controller}/Controllers/{controller}"
    content = resource(bmc, path, "StorageController", _title(bmc, controller))
    content |= _controller_core(bmc, controller)
    content["SupportedRAIDTypes"] = list(LEVELS) if _is_raid(bmc, controller) else []
    if _is_raid(bmc, controller):
        content["Oem"] = {"Dell": {"DellStorageController": _dell_controller(bmc, controller)}}
    return Reply(200, content)


def _drive_list(bmc: Bmc, call: Call) -> Reply:
    controller = _need_controller(bmc, call)
    disks = bmc.hw.disks if _is_raid(bmc, controller) else ()
    return collection(bmc, call.path, "Drive", [drive_path(bmc.persona, disk) for disk in disks])


def need_disk(bmc: Bmc, call: Call) -> Disk:
    """The drive that a call names by its last wildcard."""
    if bmc.persona.nested_storage:
        if not _is_raid(bmc, _need_controller(bmc, call)):
            raise missing_resource(call.path)
        return bmc.raid.disk(call.args[1], call.path)
    return bmc.raid.disk(call.args[0], call.path)


def _drive(bmc: Bmc, call: Call) -> Reply:
    return Reply(200, drive_view(bmc, need_disk(bmc, call)))


def drive_view(bmc: Bmc, disk: Disk) -> Json:
    """A drive as a resource."""
    persona = bmc.persona
    path = drive_path(persona, disk)
    state = bmc.raid.states[disk.fqdd]
    health = bmc.health.of(disk.fqdd)
    volume = bmc.raid.volume_of(disk.fqdd)
    volumes = [volume_path(persona, volume.controller, volume.id)] if volume is not None else []
    ssd = disk.media == "SSD"
    used = disk.capacity_bytes if volume is not None else 0
    content = resource(bmc, path, "Drive", f"Physical Disk 0:1:{disk.slot}")
    content |= {
        "Description": f"Disk {disk.slot} in Backplane 1 of RAID Controller in Slot 1",
        "BlockSizeBytes": 512,
        "CapableSpeedGbs": 12,
        "CapacityBytes": disk.capacity_bytes,
        "EncryptionAbility": "SelfEncryptingDrive" if ssd else "None",
        "EncryptionStatus": "Unlocked" if ssd else "Unencrypted",
        "FailurePredicted": health == "Warning",
        "HotspareType": state.hotspare,
        "Identifiers": [{"DurableName": f"5002538B{disk.slot:08X}", "DurableNameFormat": "NAA"}],
        "Links": {
            "Chassis": link(f"{ROOT}/Chassis/{bmc.hw.enclosure}"),
            "Volumes": links(volumes),
            "Volumes@odata.count": len(volumes),
        },
        "Manufacturer": "SAMSUNG" if ssd else "SEAGATE",
        "MediaType": disk.media,
        "Model": disk.model,
        "NegotiatedSpeedGbs": 12,
        "Operations": [],
        "PartNumber": "CN0J1C9VSSX0006",
        "PredictedMediaLifeLeftPercent": (2 if health == "Warning" else 97) if ssd else None,
        "Protocol": disk.protocol,
        "Revision": next(i.version for i in bmc.firmware.components.values() if i.fqdd == disk.fqdd),
        "RotationSpeedRPM": None if ssd else 7200,
        "SerialNumber": disk.serial,
        "Status": status(health, "Enabled" if health != "Critical" else "UnavailableOffline", health),
        "StatusIndicator": None,
        "Actions": {"#Drive.SecureErase": action(f"{path}/Actions/Drive.SecureErase")},
    }
    if persona.generation >= 9:
        content |= {
            "LocationIndicatorActive": state.blinking,
            "PhysicalLocation": {"PartLocation": {"LocationOrdinalValue": disk.slot, "LocationType": "Slot"}},
            "WriteCacheEnabled": False,
            "Oem": {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellPhysicalDisk": {
                        "@odata.type": "#DellPhysicalDisk.v1_5_0.DellPhysicalDisk",
                        "AvailableSparePercent": None,
                        "Certified": "Yes",
                        "Connector": 0,
                        "CryptographicEraseCapable": "Capable" if ssd else "NotCapable",
                        "DriveFormFactor": "2.5Inch" if ssd else "3.5Inch",
                        "FreeSizeInBytes": disk.capacity_bytes - used,
                        "Id": disk.fqdd,
                        "Name": "DellPhysicalDisk",
                        "OperationName": "None",
                        "OperationPercentCompletePercent": 0,
                        "PPID": "CN0J1C9VSSX000",
                        "PowerStatus": "On",
                        "PredictiveFailureState": "SmartAlertPresent" if health == "Warning" else "SmartAlertAbsent",
                        "RaidStatus": "Failed" if health == "Critical" else state.raid_status,
                        "Slot": disk.slot,
                        "SystemEraseCapability": "CryptographicErasePD" if ssd else "OverwritePD",
                        "UsedSizeInBytes": used,
                    },
                }
            },
        }
    return content


def _volume_list(bmc: Bmc, call: Call) -> Reply:
    controller = _need_controller(bmc, call)
    base = f"{STORAGE}/{controller}/Volumes"
    paths = [
        volume_path(bmc.persona, controller, volume.id)
        for volume in bmc.raid.volumes.values()
        if volume.controller == controller
    ]
    reply = collection(bmc, base, "Volume", paths, "Volume Collection")
    if reply.body is not None and bmc.persona.generation >= 9:
        reply.body["@Redfish.OperationApplyTimeSupport"] = {"SupportedValues": apply_times(bmc.persona)}
    return reply


def apply_times(persona: Persona) -> list[str]:
    """When storage changes can be applied (§12.11)."""
    if persona.generation >= 10:
        return ["Immediate", "OnReset"]
    return ["Immediate", "OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"]


def need_volume(bmc: Bmc, call: Call) -> Volume:
    """The volume that a call names by its last wildcard."""
    name = call.args[1] if bmc.persona.nested_storage else call.args[0]
    volume = bmc.raid.volumes.get(name)
    if volume is None or (bmc.persona.nested_storage and volume.controller != _need_controller(bmc, call)):
        raise missing_resource(call.path)
    return volume


def _volume(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    persona = bmc.persona
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
            "#Volume.Initialize": action(f"{path}/Actions/Volume.Initialize", InitializeType=("Fast", "Slow")),
            "#Volume.CheckConsistency": action(f"{path}/Actions/Volume.CheckConsistency"),
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
                        "BusProtocol": "SAS",
                        "DiskCachePolicy": volume.disk_cache,
                        "Id": volume.id,
                        "LockStatus": "Unlocked",
                        "MediaType": "SolidStateDrive",
                        "Name": "DellVolume",
                        "RaidStatus": "Degraded" if bad else "Online",
                        "ReadCachePolicy": volume.read_policy,
                        "StripeSize": "64KB",
                        "WriteCachePolicy": volume.write_policy,
                    },
                }
            },
        }
    return Reply(200, content)


def _volume_settings(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    content = resource(bmc, call.path, "Volume", volume.name)
    content |= {"Id": "Settings", "ReadCachePolicy": volume.pending.get("ReadCachePolicy")}
    content["WriteCachePolicy"] = volume.pending.get("WriteCachePolicy")
    return Reply(200, content)


def _simple_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{SYS}/SimpleStorage"
    return collection(bmc, base, "SimpleStorage", [f"{base}/{name}" for name in _controllers(bmc)])


def _simple(bmc: Bmc, call: Call) -> Reply:
    controller = _need_controller(bmc, call)
    content = resource(bmc, f"{SYS}/SimpleStorage/{controller}", "SimpleStorage", "Simple Storage Controller")
    devices: list[object] = [
        {
            "CapacityBytes": disk.capacity_bytes,
            "Manufacturer": "SAMSUNG" if disk.media == "SSD" else "SEAGATE",
            "Model": disk.model,
            "Name": f"Physical Disk 0:1:{disk.slot}",
            "Status": status(bmc.health.of(disk.fqdd)),
        }
        for disk in (bmc.hw.disks if _is_raid(bmc, controller) else ())
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
