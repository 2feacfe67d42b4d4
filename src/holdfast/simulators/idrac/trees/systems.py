"""The computer system and its reset (contract §12.1, §12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body, disguise
from holdfast.simulators.idrac.errors import Info, Refusal, missing_resource, success
from holdfast.simulators.idrac.persona import CHS, MGR, ROOT, SYS, Persona
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

OEM_S = f"{SYS}/Oem/Dell"
_SERVICES = {
    "DellRaidService": f"{OEM_S}/DellRaidService",
    "DellSoftwareInstallationService": f"{OEM_S}/DellSoftwareInstallationService",
    "DellOSDeploymentService": f"{OEM_S}/DellOSDeploymentService",
    "DellBIOSService": f"{OEM_S}/DellBIOSService",
    "DellMetricService": f"{OEM_S}/DellMetricService",
    "DellBootSources": f"{OEM_S}/DellBootSources",
    "DellNumericSensorCollection": f"{OEM_S}/DellNumericSensors",
    "DellPSNumericSensorCollection": f"{OEM_S}/DellPSNumericSensors",
    "DellPresenceAndStatusSensorCollection": f"{OEM_S}/DellPresenceAndStatusSensors",
    "DellRollupStatusCollection": f"{OEM_S}/DellRollupStatus",
    "DellSlotCollection": f"{OEM_S}/DellSlots",
    "DellVideoCollection": f"{OEM_S}/DellVideo",
    "DellGPUSensorCollection": f"{OEM_S}/DellGPUSensors",
    "DellSwitchConnectionCollection": f"{SYS}/NetworkPorts/Oem/Dell/DellSwitchConnections",
}


def _systems(bmc: Bmc, call: Call) -> Reply:
    members = () if disguise.systems_hidden(bmc) else (SYS,)
    return collection(bmc, f"{ROOT}/Systems", "ComputerSystem", members, "Computer System Collection")


def boot_object(bmc: Bmc, *, settings: bool = False) -> Json:
    """`Boot`; allowable values only where this generation advertises them (§12.9)."""
    boot = bmc.boot
    found: Json = {
        "BootSourceOverrideEnabled": boot.enabled,
        "BootSourceOverrideMode": boot.mode,
        "BootSourceOverrideTarget": boot.target,
        "UefiTargetBootSourceOverride": boot.uefi_target,
    }
    if bmc.persona.boot_settings == settings:
        found["BootSourceOverrideTarget@Redfish.AllowableValues"] = list(boot.targets)
    if bmc.persona.generation >= 9:
        found |= {
            "BootOptions": link(f"{SYS}/BootOptions"),
            "BootOrder": list(boot.order),
            "BootOrder@odata.count": len(boot.order),
            "Certificates": link(f"{SYS}/Boot/Certificates"),
            "StopBootOnFault": "Never",
        }
    return found


def dell_system(bmc: Bmc) -> Json:
    """Dell's view of the system with its rollups (§12.1)."""
    hw = bmc.hw
    rollups = bmc.health.rollups()
    capped = str(bmc.attributes.get("ServerPwr.1.PowerCapSetting"))
    found: Json = {
        "@odata.context": f"{ROOT}/$metadata#DellSystem.DellSystem",
        "@odata.type": "#DellSystem.v1_3_0.DellSystem",
        "@odata.id": f"{OEM_S}/DellSystem/System.Embedded.1",
        "BIOSReleaseDate": "01/15/2026",
        "ChassisModel": "",
        "ChassisName": "Main System Chassis",
        "ChassisServiceTag": hw.server.service_tag,
        "ChassisSystemHeightUnit": 1,
        "EstimatedExhaustTemperatureCelsius": bmc.sensors.exhaust_c if bmc.host.on else 255,
        "EstimatedSystemAirflowCFM": 34 if bmc.host.on else 255,
        "ExpressServiceCode": hw.express_code,
        "FQDD": "System.Embedded.1",
        "Id": "System.Embedded.1",
        "LastSystemInventoryTime": bmc.stamp(bmc.host.last_reset + 240),
        "LastUpdateTime": bmc.stamp(bmc.host.last_reset + 300),
        "MaxCPUSockets": 2,
        "MaxDIMMSlots": 24,
        "MaxPCIeSlots": 3,
        "MemoryOperationMode": "OptimizerMode",
        "Name": "DellSystem",
        "NodeID": hw.server.service_tag,
        "PopulatedDIMMSlots": len(hw.dimms),
        "PopulatedPCIeSlots": len(hw.gpus),
        "PowerCapEnabledState": capped,
        "ServerAllocationWatts": None,
        "SystemGeneration": hw.generation_text,
        "SystemID": 2412,
        "SystemRevision": "I",
        "UUID": hw.uuid,
        "smbiosGUID": hw.uuid,
    }
    if not bmc.persona.oem_services:
        del found["@odata.id"]
    found |= {f"{name}RollupStatus": value for name, value in rollups.items()}
    overall = {"OK": "OK", "Warning": "Degraded", "Critical": "Error"}[bmc.health.overall]
    found |= {"RollupStatus": overall, "PrimaryStatus": overall, "CurrentRollupStatus": overall}
    found["SystemHealthRollupStatus"] = overall
    return found


def _system(bmc: Bmc, call: Call) -> Reply:
    if disguise.systems_hidden(bmc):
        raise missing_resource(call.path)
    persona, hw, host = bmc.persona, bmc.hw, bmc.host
    overall = bmc.health.overall
    content = resource(bmc, SYS, "ComputerSystem", "System")
    content |= {
        "Description": "Computer System which represents a machine (physical or virtual) and the local resources.",
        "AssetTag": bmc.asset_tag,
        "BiosVersion": bmc.firmware.version_of("BIOS.Setup.1-1"),
        "Boot": boot_object(bmc),
        "EthernetInterfaces": link(f"{SYS}/EthernetInterfaces"),
        "HostName": hw.server.hostname,
        "IndicatorLED": "Blinking" if bmc.identify else "Lit",
        "Manufacturer": "Dell Inc.",
        "Memory": link(f"{SYS}/Memory"),
        "MemorySummary": {
            "MemoryMirroring": "System",
            "Status": status(bmc.health.group("DIMM."), rollup=bmc.health.group("DIMM.")),
            "TotalSystemMemoryGiB": hw.memory_mib / 1024,
        },
        "Model": hw.server.model,
        "NetworkInterfaces": link(f"{SYS}/NetworkInterfaces"),
        "PartNumber": "0N7YGHA00",
        "PCIeDevices": links([f"{CHS}/PCIeDevices/{name}" for name in bmc.pcie_devices]),
        "PCIeDevices@odata.count": len(bmc.pcie_devices),
        "PowerState": host.state,
        "Processors": link(f"{SYS}/Processors"),
        "ProcessorSummary": {
            "Count": len(hw.cpus),
            "LogicalProcessorCount": hw.server.cpu_sockets * hw.server.cpu_cores_per_socket * 2,
            "Model": hw.server.cpu_model,
            "Status": status(bmc.health.group("CPU."), rollup=bmc.health.group("CPU.")),
        },
        "SecureBoot": link(f"{SYS}/SecureBoot"),
        "SerialNumber": hw.board_serial,
        "SimpleStorage": link(f"{SYS}/SimpleStorage"),
        "SKU": hw.server.service_tag,
        "Status": status(overall if host.on else None, "Enabled" if host.on else "StandbyOffline", overall),
        "Storage": link(f"{SYS}/Storage"),
        "SystemType": "Physical",
        "TrustedModules": [{"FirmwareVersion": "7.2.2.0", "InterfaceType": "TPM2_0", "Status": {"State": "Enabled"}}],
        "UUID": hw.uuid,
        "Bios": link(f"{SYS}/Bios"),
        "HostWatchdogTimer": {
            "FunctionEnabled": False,
            "Status": {"State": "Disabled"},
            "TimeoutAction": "None",
        },
        "Links": _links(bmc),
        "Actions": _actions(bmc),
        "Oem": {"Dell": {"@odata.type": "#DellOem.v1_3_0.DellOemResources", "DellSystem": dell_system(bmc)}},
    }
    if persona.generation >= 9:
        content["ProcessorSummary"] = {
            "CoreCount": hw.server.cpu_sockets * hw.server.cpu_cores_per_socket,
            "ThreadingEnabled": True,
            **_dict(content["ProcessorSummary"]),
        }
        content |= {
            "BootProgress": {"LastState": host.boot_progress, "OemLastState": None},
            "LastResetTime": bmc.stamp(host.last_reset),
            "LocationIndicatorActive": bmc.identify,
            "PCIeFunctions": links([f"{CHS}/PCIeDevices/{n}/PCIeFunctions/{n}-0" for n in bmc.pcie_devices]),
            "PCIeFunctions@odata.count": len(bmc.pcie_devices),
            "GraphicalConsole": {
                "ConnectTypesSupported": ["KVMIP"],
                "ConnectTypesSupported@odata.count": 1,
                "MaxConcurrentSessions": 6,
                "ServiceEnabled": True,
            },
            "SubModel": "",
        }
    if persona.media_home == "system":
        content["VirtualMedia"] = link(f"{SYS}/VirtualMedia")
    if persona.boot_settings:
        content["@Redfish.Settings"] = {
            "@odata.context": f"{ROOT}/$metadata#Settings.Settings",
            "@odata.type": "#Settings.v1_3_5.Settings",
            "SettingsObject": link(f"{SYS}/Settings"),
            "SupportedApplyTimes": ["OnReset"],
        }
    return Reply(200, content, volatile=frozenset({"PowerState", "BootProgress"}), expandable=False)


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _links(bmc: Bmc) -> Json:
    chassis = [CHS, f"{ROOT}/Chassis/{bmc.hw.enclosure}"]
    # The enclosure first: whoever takes the first chassis for the server's finds no power there (§2 no. 3).
    found: Json = {
        "Chassis": links(list(reversed(chassis)) if bmc.persona.generation >= 9 else chassis),
        "Chassis@odata.count": len(chassis),
        "CooledBy": [],
        "CooledBy@odata.count": 0,
        "ManagedBy": [link(MGR)],
        "ManagedBy@odata.count": 1,
        "PoweredBy": [],
        "PoweredBy@odata.count": 0,
    }
    if bmc.persona.oem_services:
        services: Json = {"@odata.type": "#DellOem.v1_3_0.DellOemLinks"}
        services["BootOrder"] = link(_SERVICES["DellBootSources"])
        services |= {name: link(path) for name, path in _SERVICES.items()}
        found["Oem"] = {"Dell": services}
    elif bmc.persona.generation < 9:
        found["Oem"] = {"Dell": {"BootOrder": link(f"{SYS}/BootSources")}}
    return found


def _actions(bmc: Bmc) -> Json:
    target = f"{SYS}/Actions/ComputerSystem.Reset"
    found: Json = {"#ComputerSystem.Reset": action(target, ResetType=bmc.persona.reset_types)}
    if bmc.persona.generation >= 10:
        found["#ComputerSystem.Decommission"] = action(
            f"{SYS}/Actions/ComputerSystem.Decommission",
            DecommissionTypes=("All", "Logs", "ManagerConfig"),
        )
    return found


def _reset(bmc: Bmc, call: Call) -> Reply:
    kind = body.text(call.body, "ResetType")
    if kind not in bmc.persona.reset_types:
        if bmc.persona.generation < 9:
            raise Refusal(400, (Info("ActionParameterNotSupported", ("ResetType", "ComputerSystem.Reset")),))
        raise body.not_listed("ResetType", kind)
    body.closed(call.body, {"ResetType"})
    bmc.host.reset(kind)
    return Reply(204)


def _patch(bmc: Bmc, call: Call) -> Reply:
    allowed = {"AssetTag", "IndicatorLED", "LocationIndicatorActive", "Boot", "HostWatchdogTimer"}
    body.closed(call.body, allowed)
    if "Boot" in call.body and bmc.persona.boot_settings:
        raise body.read_only("Boot")
    return patch_system(bmc, call)


def patch_system(bmc: Bmc, call: Call) -> Reply:
    """Change what a system (or its settings resource) lets be changed."""
    if set(call.body) - {"IndicatorLED", "LocationIndicatorActive"}:
        bmc.refuse_lockdown()
    if "AssetTag" in call.body:
        text = body.text(call.body, "AssetTag")
        if len(text) > 63:
            raise body.invalid("AssetTag", text)
        bmc.asset_tag = text
    set_indicator(bmc, call.body)
    if "Boot" in call.body:
        location = bmc.boot.patch(bmc, body.obj(call.body, "Boot"))
        if location is not None:
            return Reply(202, None, {"Location": location} if location else {})
    return success(bmc.persona)


def set_indicator(bmc: Bmc, content: Json) -> None:
    """The identify light, by its new or its old property (§12.19)."""
    if "LocationIndicatorActive" in content:
        if bmc.persona.generation < 9:
            raise body.unknown("LocationIndicatorActive")
        bmc.identify = body.boolean(content, "LocationIndicatorActive")
    elif "IndicatorLED" in content:
        bmc.identify = body.text(content, "IndicatorLED", allowed=("Blinking", "Lit", "Off")) == "Blinking"


def mount(routes: Routes, persona: Persona) -> None:
    """Add the system and its actions."""
    routes.get(f"{ROOT}/Systems", _systems)
    routes.get(SYS, _system)
    routes.add("PATCH", SYS, _patch, privilege="ConfigureComponents", locked=False)
    routes.action(SYS, "ComputerSystem.Reset", _reset, privilege="ConfigureComponents", locked=False)
