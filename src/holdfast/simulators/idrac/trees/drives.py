"""Drives as resources, and where drives and volumes are (contract §12.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac.hardware import Disk
from holdfast.simulators.idrac.persona import ROOT, SYS, Persona
from holdfast.simulators.idrac.trees.common import action, resource, status
from holdfast.simulators.idrac.wire import Json, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

STORAGE = f"{SYS}/Storage"


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


_UNKNOWN_AT_BOSS = ("Actions", "CapableSpeedGbs", "LocationIndicatorActive", "PartNumber", "WriteCacheEnabled")
_DELL_AT_BOSS = ("@odata.type", "DriveFormFactor", "Id", "Name", "PowerStatus", "PredictiveFailureState", "RaidStatus")


def m2_view(content: Json) -> Json:
    """A drive of a BOSS, which lacks many fields (contract §12.11)."""
    content = {name: value for name, value in content.items() if name not in _UNKNOWN_AT_BOSS}
    slot = str(content["Id"])[len("Disk.Direct.")]
    content |= {"Name": f"SSD {slot}", "Description": f"Disk {slot} on BOSS", "EncryptionAbility": "None"}
    content |= {"EncryptionStatus": "Unencrypted", "Manufacturer": "SK hynix"}
    dell = content.get("Oem")
    if isinstance(dell, dict):
        disk = dell["Dell"]["DellPhysicalDisk"]
        kept = {name: disk[name] for name in _DELL_AT_BOSS} | {"DriveFormFactor": "M.2"}
        content["Oem"] = {"Dell": {**dell["Dell"], "DellPhysicalDisk": kept}}
    return content


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
