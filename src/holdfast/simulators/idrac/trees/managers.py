"""The manager, which is the iDRAC itself (contract §12.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import success
from holdfast.simulators.idrac.persona import CHS, MGR, ROOT, SYS, Persona
from holdfast.simulators.idrac.timeline import parse_time
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.trees.root import service_uuid
from holdfast.simulators.idrac.wire import Call, Json, Reply, link, links

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

OEM_M = f"{MGR}/Oem/Dell"
_CHASSIS_MANAGER = f"{ROOT}/Managers/CMC.Integrated.1"
EXPORT_FORMATS = ("XML", "JSON")
EXPORT_USES = ("Default", "Clone", "Replace")
INCLUDES = ("Default", "IncludeReadOnly", "IncludePasswordHashValues", "IncludeCustomTelemetry")
SHARE_TYPES = ("LOCAL", "NFS", "CIFS", "HTTP", "HTTPS")
TARGETS = (
    "ALL",
    "IDRAC",
    "BIOS",
    "NIC",
    "RAID",
    "FC",
    "InfiniBand",
    "SupportAssist",
    "EventFilters",
    "System",
    "LifecycleController",
    "AHCI",
    "PCIeSSD",
)


def scp_action(persona: Persona, name: str) -> str:
    """The target of a profile action; its name differs between generations (§1 rule 4)."""
    return f"{MGR}/Actions/Oem/{persona.target_prefix}.{name}"


def _managers(bmc: Bmc, call: Call) -> Reply:
    members = (_CHASSIS_MANAGER, MGR) if bmc.persona.modular else (MGR,)
    return collection(bmc, f"{ROOT}/Managers", "Manager", members, "Manager")


def _chassis_manager(bmc: Bmc, call: Call) -> Reply:
    """The manager of the chassis that a sled is in; it manages no server."""
    content = resource(bmc, _CHASSIS_MANAGER, "Manager", "Chassis Manager")
    content |= {
        "FirmwareVersion": "2.10.00",
        "Links": {"ManagerForChassis": [link(CHS)], "ManagerForChassis@odata.count": 1},
        "ManagerType": "EnclosureManager",
        "Model": "Chassis Management Module",
        "Status": status(),
    }
    return Reply(200, content)


def _oem_actions(bmc: Bmc) -> Json:
    persona = bmc.persona
    prefix = "OemManager.v1_0_0" if persona.generation < 9 else ""
    share = {
        "ShareType@Redfish.AllowableValues": list(SHARE_TYPES),
        "Target@Redfish.AllowableValues": list(TARGETS),
    }
    found: Json = {}
    for name, allowed in (
        (
            "ExportSystemConfiguration",
            {"ExportFormat": EXPORT_FORMATS, "ExportUse": EXPORT_USES, "IncludeInExport": INCLUDES},
        ),
        (
            "ImportSystemConfiguration",
            {
                "ExecutionMode": ("Default", "DeployOnSledInsert", "InstantDeploy"),
                "HostPowerState": ("On", "Off"),
                "ShutdownType": ("Graceful", "Forced", "NoReboot"),
            },
        ),
        ("ImportSystemConfigurationPreview", {"ImportSystemConfigurationPreview": ("ImportBuffer",)}),
    ):
        entry = action(scp_action(persona, name), **allowed)
        entry["ShareParameters"] = dict(share)
        found[f"{prefix}#OemManager.{name}"] = entry
    if persona.generation >= 9:
        found["#DellManager.ResetToDefaults"] = action(
            f"{MGR}/Actions/Oem/DellManager.ResetToDefaults",
            ResetType=("All", "CustomDefaults", "Default", "ResetAllWithRootDefaults"),
        )
    return found


def _services(bmc: Bmc) -> Json:
    names = (
        "DellAttributes",
        "DellJobService",
        "DellLCService",
        "DellLicensableDeviceCollection",
        "DellLicenseCollection",
        "DellLicenseManagementService",
        "DellTimeService",
        "DelliDRACCardService",
        "Jobs",
    )
    found: Json = {"@odata.type": "#DellOem.v1_3_0.DellOemLinks"}
    for name in names:
        if name == "DellAttributes":
            groups = ("iDRAC.Embedded.1", "System.Embedded.1", "LifecycleController.Embedded.1")
            found[name] = links([f"{OEM_M}/DellAttributes/{group}" for group in groups])
        elif name == "DellLicenseCollection":
            found[name] = link(f"{OEM_M}/DellLicenses")
        elif name == "DellLicensableDeviceCollection":
            found[name] = link(f"{OEM_M}/DellLicensableDevices")
        else:
            found[name] = link(f"{OEM_M}/{name}")
    return found


def _manager(bmc: Bmc, call: Call) -> Reply:
    persona = bmc.persona
    content = resource(bmc, MGR, "Manager", "Manager")
    link_paths: Json = {
        "ManagerForChassis": [link(CHS)],
        "ManagerForChassis@odata.count": 1,
        "ManagerForServers": [link(SYS)],
        "ManagerForServers@odata.count": 1,
        "ManagerInChassis": link(CHS),
    }
    if persona.oem_services:
        link_paths["Oem"] = {"Dell": _services(bmc)}
        link_paths["ActiveSoftwareImage"] = link(bmc.installed_path("idrac"))
    elif persona.manager_jobs:
        link_paths["Oem"] = {"Dell": {"Jobs": link(f"{MGR}/Jobs")}}
    content |= {
        "Description": "BMC",
        "CommandShell": {
            "ConnectTypesSupported": ["SSH", "IPMI"],
            "ConnectTypesSupported@odata.count": 2,
            "MaxConcurrentSessions": 5,
            "ServiceEnabled": True,
        },
        "DateTime": bmc.stamp(bmc.shown_now),
        "DateTimeLocalOffset": "-06:00",
        "EthernetInterfaces": link(f"{MGR}/EthernetInterfaces"),
        "FirmwareVersion": bmc.firmware.version_of("iDRAC.Embedded.1-1"),
        "GraphicalConsole": {
            "ConnectTypesSupported": ["KVMIP"],
            "ConnectTypesSupported@odata.count": 1,
            "MaxConcurrentSessions": 6,
            "ServiceEnabled": True,
        },
        "LogServices": link(f"{MGR}/LogServices"),
        "ManagerType": "BMC",
        "Model": bmc.hw.generation_text,
        "NetworkProtocol": link(f"{MGR}/NetworkProtocol"),
        "PowerState": "On",
        "SerialConsole": {"ConnectTypesSupported": [], "MaxConcurrentSessions": 0, "ServiceEnabled": False},
        "SerialInterfaces": link(f"{MGR}/SerialInterfaces"),
        "ServiceEntryPointUUID": service_uuid(bmc),
        "Status": status(),
        "UUID": service_uuid(bmc),
        "Links": link_paths,
        "Actions": {
            "#Manager.Reset": action(f"{MGR}/Actions/Manager.Reset", ResetType=("GracefulRestart",)),
            "Oem": _oem_actions(bmc),
        },
        "Oem": {"Dell": {"@odata.type": "#DellOem.v1_3_0.DellOemResources", "DelliDRACCard": _card(bmc)}},
    }
    if persona.generation >= 9:
        content["Actions"] = {
            "#Manager.ResetToDefaults": action(
                f"{MGR}/Actions/Manager.ResetToDefaults", ResetType=("ResetAll", "PreserveNetworkAndUsers")
            ),
            **_mapping(content["Actions"]),
        }
        content |= {"LastResetTime": bmc.stamp(bmc.life.last_reset), "TimeZoneName": "CST6CDT"}
    if persona.media_home == "manager" or persona.media_alias:
        content["VirtualMedia"] = link(f"{MGR}/VirtualMedia")
    if persona.generation < 9:
        content["Redundancy"] = []
        content["Redundancy@odata.count"] = 0
    return Reply(200, content, volatile=frozenset({"DateTime"}))


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _card(bmc: Bmc) -> Json:
    return {
        "@odata.context": f"{ROOT}/$metadata#DelliDRACCard.DelliDRACCard",
        "@odata.type": "#DelliDRACCard.v1_1_0.DelliDRACCard",
        "Description": "An instance of DelliDRACCard will have data specific to the iDRAC.",
        "IPMIVersion": "2.0",
        "Id": "iDRAC.Embedded.1-1_0x23_IDRACinfo",
        "LastSystemInventoryTime": bmc.stamp(bmc.host.last_reset + 240),
        "LastUpdateTime": bmc.stamp(bmc.host.last_reset + 300),
        "Name": "DelliDRACCard",
        "URLString": f"https://{bmc.server.bmc_ip}:443",
    }


def _patch(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"DateTime", "DateTimeLocalOffset"})
    text = body.text(call.body, "DateTime")
    moment = parse_time(text)
    if moment is None:
        raise body.invalid("DateTime", text)
    bmc.time_offset = moment - bmc.now
    return success(bmc.persona)


def _reset(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "ResetType", allowed=("GracefulRestart",))
    bmc.life.restart()
    return Reply(204)


def _defaults(bmc: Bmc, call: Call) -> Reply:
    keep = "PreserveNetworkAndUsers" if call.path.endswith("Manager.ResetToDefaults") else "Default"
    kinds = (
        ("ResetAll", keep) if "Oem" not in call.path else ("All", keep, "ResetAllWithRootDefaults", "CustomDefaults")
    )
    kind = body.text(call.body, "ResetType", allowed=kinds)
    bmc.factory_defaults(keep_users=kind == keep)
    bmc.life.restart(reason="reset to defaults")
    return Reply(204) if "Oem" not in call.path else success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the manager and its actions."""
    routes.get(f"{ROOT}/Managers", _managers)
    if persona.modular:
        routes.get(_CHASSIS_MANAGER, _chassis_manager)
    routes.get(MGR, _manager)
    routes.add("PATCH", MGR, _patch)
    routes.action(MGR, "Manager.Reset", _reset)
    if persona.generation >= 9:
        routes.action(MGR, "Manager.ResetToDefaults", _defaults)
        routes.action(MGR, "Oem/DellManager.ResetToDefaults", _defaults)
