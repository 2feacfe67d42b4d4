"""The update service and the firmware inventory (contract §12.7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, refuse, success
from holdfast.simulators.idrac.firmware import Component
from holdfast.simulators.idrac.persona import ROOT, SYS, Persona
from holdfast.simulators.idrac.shares import read_share
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.updates import INVENTORY
from holdfast.simulators.idrac.wire import Call, Json, Part, Reply, link
from holdfast.simulators.idrac.work import IMMEDIATE, ON_RESET

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

SERVICE = f"{ROOT}/UpdateService"
_MULTIPART = f"{SERVICE}/MultipartUpload"
_SOFTWARE = f"{SYS}/Oem/Dell/DellSoftwareInstallationService"
_PROTOCOLS = ("HTTP", "HTTPS", "NFS", "CIFS", "TFTP", "FTP")
_UPON = ("Now", "NowAndReboot", "NextReboot")


def _has_push(persona: Persona) -> bool:
    return persona.generation < 10


def _service(bmc: Bmc, call: Call) -> Reply:
    persona = bmc.persona
    content = resource(bmc, SERVICE, "UpdateService", "Update Service")
    simple = action(f"{SERVICE}/Actions/UpdateService.SimpleUpdate", TransferProtocol=_PROTOCOLS)
    content |= {
        "FirmwareInventory": link(INVENTORY),
        "ServiceEnabled": True,
        "SoftwareInventory": link(f"{SERVICE}/SoftwareInventory"),
        "Status": status(),
        "Actions": {"#UpdateService.SimpleUpdate": simple},
    }
    if _has_push(persona):
        content["HttpPushUri"] = INVENTORY
    if persona.multipart_push:
        simple["@Redfish.OperationApplyTimeSupport"] = {
            "@odata.type": "#Settings.v1_3_5.OperationApplyTimeSupport",
            "SupportedValues": [IMMEDIATE, ON_RESET],
        }
        content |= {"MaxImageSizeBytes": bmc.max_image_bytes, "MultipartHttpPushUri": _MULTIPART}
    if persona.generation < 9:
        content["Actions"] = {
            "#UpdateService.SimpleUpdate": simple,
            "Oem": {
                "#DellUpdateService.Install": action(
                    f"{SERVICE}/Actions/Oem/DellUpdateService.Install", InstallUpon=_UPON
                )
            },
        }
    return Reply(200, content)


def _entries(bmc: Bmc) -> dict[str, tuple[Component, str, str]]:
    """Inventory id → component, version, prefix."""
    found: dict[str, tuple[Component, str, str]] = {}
    for item in bmc.firmware.components.values():
        prefix = "Installed"
        found[item.inventory_id(prefix, item.version)] = (item, item.version, prefix)
    for item in bmc.firmware.components.values():
        if item.previous is not None:
            found[item.inventory_id("Previous", item.previous)] = (item, item.previous, "Previous")
    for name, uploaded in bmc.firmware.uploaded.items():
        found[name] = (uploaded.component, uploaded.version, "Available")
    return found


def _inventory(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, INVENTORY, "SoftwareInventory", [f"{INVENTORY}/{name}" for name in _entries(bmc)])


def _item(bmc: Bmc, call: Call) -> Reply:
    found = _entries(bmc).get(call.args[0])
    if found is None:
        raise missing_resource(call.path)
    component, version, prefix = found
    content = resource(bmc, f"{INVENTORY}/{call.args[0]}", "SoftwareInventory", component.name)
    content |= {
        "Description": "Represents Firmware Inventory",
        "SoftwareId": component.component_id,
        "Status": status("OK", "Enabled" if prefix == "Installed" else "StandbyOffline"),
        "Updateable": component.updateable,
        "Version": version,
    }
    if bmc.persona.generation >= 9:
        content |= {
            "ReleaseDate": "00:00:00Z" if component.kind in ("tpm", "backplane") else "2026-01-15T00:00:00Z",
            "Oem": {
                "Dell": {
                    "@odata.type": "#DellOem.v1_3_0.DellOemResources",
                    "DellSoftwareInventory": {
                        "@odata.type": "#DellSoftwareInventory.v1_2_0.DellSoftwareInventory",
                        "BuildNumber": 0,
                        "Classifications": ["BIOS/FCode" if component.kind == "bios" else "Firmware"],
                        "ComponentID": component.component_id,
                        "ComponentType": {"bios": "BIOS", "driverpack": "DRIVERS"}.get(component.kind, "FIRMWARE"),
                        "ElementName": component.name,
                        "FQDD": component.fqdd,
                        "Id": call.args[0],
                        "InstallationDate": "NA",
                        "Name": "DellSoftwareInventory",
                        "Status": prefix,
                        "VersionString": version,
                    },
                }
            },
        }
    return Reply(200, content)


def _software(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, f"{SERVICE}/SoftwareInventory", "SoftwareInventory", ())


def _apply_time(content: Json) -> str:
    return body.text(content, "@Redfish.OperationApplyTime", allowed=(IMMEDIATE, ON_RESET), default=IMMEDIATE)


def _simple_update(bmc: Bmc, call: Call) -> Reply:
    allowed = {"ImageURI", "TransferProtocol", "Targets", "Username", "Password", "@Redfish.OperationApplyTime"}
    body.closed(call.body, allowed)
    uri = body.text(call.body, "ImageURI")
    body.text(call.body, "TransferProtocol", allowed=_PROTOCOLS, default="HTTP")
    body.texts(call.body, "Targets", default=[])
    if "://" not in uri and not uri.startswith(INVENTORY):
        raise body.invalid("ImageURI", uri)
    job = bmc.updates.from_uri(uri, _apply_time(call.body))
    return Reply(202, None, bmc.jobs.location(job))


def _multipart(bmc: Bmc, call: Call) -> Reply:
    parts = {part.name: part for part in call.parts}
    for name in ("UpdateParameters", "UpdateFile"):
        if name not in parts:
            raise body.missing(name)
    parameters = _parameters(parts["UpdateParameters"])
    body.closed(parameters, {"Targets", "@Redfish.OperationApplyTime", "Oem"})
    body.texts(parameters, "Targets", default=[])
    job = bmc.updates.from_upload(parts["UpdateFile"], _apply_time(parameters))
    return Reply(202, None, bmc.jobs.location(job))


def _parameters(part: Part) -> Json:
    try:
        value = json.loads(part.head)
    except ValueError:
        raise refuse(400, "SYS405") from None
    if not isinstance(value, dict):
        raise body.wrong_type("UpdateParameters", value)
    return value


def _push(bmc: Bmc, call: Call) -> Reply:
    if "if-match" not in call.headers:
        # The old push wants the entity tag of its URI (contract §7).
        raise refuse(428, "SYS404")
    files = [part for part in call.parts if part.filename]
    if not files:
        raise body.missing("file")
    name = bmc.updates.keep(files[0])
    path = f"{INVENTORY}/{name}"
    return Reply(201, bmc.fetch(path), {"Location": path})


def _discard(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in bmc.firmware.uploaded:
        raise missing_resource(call.path) if name not in _entries(bmc) else refuse(405, "SYS402")
    if "if-match" not in call.headers and bmc.persona.generation < 10:
        raise refuse(428, "SYS404")
    del bmc.firmware.uploaded[name]
    return Reply(204) if bmc.persona.generation >= 9 else success(bmc.persona)


def _install(bmc: Bmc, call: Call) -> Reply:
    uris = body.texts(call.body, "SoftwareIdentityURIs")
    upon = body.text(call.body, "InstallUpon", allowed=_UPON)
    if not uris:
        raise body.missing("SoftwareIdentityURIs")
    job = None
    for uri in uris:
        job = bmc.updates.from_uri(uri, ON_RESET if upon == "NextReboot" else IMMEDIATE)
    return Reply(202, None, bmc.jobs.location(job) if job is not None else {})


def _software_service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SOFTWARE, "DellSoftwareInstallationService", "DellSoftwareInstallationService")
    base = f"{_SOFTWARE}/Actions/DellSoftwareInstallationService"
    content["Actions"] = {
        "#DellSoftwareInstallationService.InstallFromRepository": action(
            f"{base}.InstallFromRepository",
            ApplyUpdate=("True", "False"),
            IgnoreCertWarning=("On", "Off"),
            ShareType=("NFS", "CIFS", "HTTP", "HTTPS", "TFTP", "FTP"),
        ),
        "#DellSoftwareInstallationService.GetRepoBasedUpdateList": action(f"{base}.GetRepoBasedUpdateList"),
        "#DellSoftwareInstallationService.SetUpdateSchedule": action(f"{base}.SetUpdateSchedule"),
        "#DellSoftwareInstallationService.GetUpdateSchedule": action(f"{base}.GetUpdateSchedule"),
        "#DellSoftwareInstallationService.ClearUpdateSchedule": action(f"{base}.ClearUpdateSchedule"),
    }
    return Reply(200, content)


def _from_repository(bmc: Bmc, call: Call) -> Reply:
    share = read_share(call.body)
    apply = body.text(call.body, "ApplyUpdate", allowed=("True", "False"), default="True") == "True"
    reboot = body.boolean(call.body, "RebootNeeded", default=False)
    job = bmc.updates.from_repository(share, apply=apply, reboot=reboot)
    return Reply(202, None, bmc.jobs.location(job))


def _update_list(bmc: Bmc, call: Call) -> Reply:
    reply = success(bmc.persona)
    content = dict(reply.body or {})
    content["PackageList"] = bmc.updates.package_list()
    return Reply(200, content)


_SCHEDULE = frozenset(
    {"IPAddress", "ShareType", "ShareName", "CatalogFile", "Time", "Repeat", "DayofWeek", "DayofMonth", "WeekofMonth"}
    | {"ApplyReboot", "UserName", "Password", "IgnoreCertWarning"}
)


def _set_schedule(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, _SCHEDULE)
    if str(bmc.attributes.get("LCAttributes.1.AutoUpdate")) != "Enabled":
        raise refuse(400, "SYS400")
    read_share(call.body)
    body.text(call.body, "Time")
    body.integer(call.body, "Repeat", low=1, high=366)
    body.text(call.body, "ApplyReboot", allowed=("NoReboot", "RebootRequired"))
    bmc.updates.schedule = {name: value for name, value in call.body.items() if name != "Password"}
    return success(bmc.persona)


def _get_schedule(bmc: Bmc, call: Call) -> Reply:
    if bmc.updates.schedule is None:
        raise refuse(400, "SUP029")
    return Reply(200, {**(success(bmc.persona).body or {}), **bmc.updates.schedule})


def _clear_schedule(bmc: Bmc, call: Call) -> Reply:
    bmc.updates.schedule = None
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the update service by generation."""
    components = "ConfigureComponents"
    routes.get(SERVICE, _service)
    routes.get(INVENTORY, _inventory)
    routes.get(f"{INVENTORY}/*", _item)
    routes.get(f"{SERVICE}/SoftwareInventory", _software)
    routes.action(SERVICE, "UpdateService.SimpleUpdate", _simple_update, privilege=components)
    routes.add("DELETE", f"{INVENTORY}/*", _discard, privilege=components)
    if _has_push(persona):
        routes.add("POST", INVENTORY, _push, privilege=components, upload=True)
    if persona.multipart_push:
        routes.add("POST", _MULTIPART, _multipart, privilege=components, upload=True)
    if persona.generation < 9:
        routes.action(SERVICE, "Oem/DellUpdateService.Install", _install, privilege=components)
    if persona.oem_services:
        routes.get(_SOFTWARE, _software_service)
        prefix = "DellSoftwareInstallationService"
        routes.action(_SOFTWARE, f"{prefix}.InstallFromRepository", _from_repository, privilege=components)
        routes.action(_SOFTWARE, f"{prefix}.GetRepoBasedUpdateList", _update_list, privilege="Login", locked=False)
        routes.action(_SOFTWARE, f"{prefix}.SetUpdateSchedule", _set_schedule, privilege=components)
        routes.action(_SOFTWARE, f"{prefix}.GetUpdateSchedule", _get_schedule, privilege="Login", locked=False)
        routes.action(_SOFTWARE, f"{prefix}.ClearUpdateSchedule", _clear_schedule, privilege=components)
