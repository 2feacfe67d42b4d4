"""Licences, by the standard service and by Dell's older one (contract §12.20)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, refuse, success
from holdfast.simulators.idrac.persona import MGR, ROOT, Persona
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.trees.managers import OEM_M
from holdfast.simulators.idrac.wire import Call, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_SERVICE = f"{ROOT}/LicenseService"
_OLD = f"{OEM_M}/DellLicenses"
_MANAGEMENT = f"{OEM_M}/DellLicenseManagementService"
_DEVICES = f"{OEM_M}/DellLicensableDevices"


def _ids(bmc: Bmc) -> list[str]:
    return [] if bmc.licence == "Basic" else [f"FD{bmc.server.service_tag}{bmc.licence[:3].upper()}"]


def _need(bmc: Bmc, call: Call) -> str:
    if call.args[0] not in _ids(bmc):
        raise missing_resource(call.path)
    return call.args[0]


def description(bmc: Bmc) -> str:
    """What the tier is read from: "iDRAC9 Enterprise License"."""
    return f"iDRAC{bmc.persona.generation} {bmc.licence} License"


def _service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SERVICE, "LicenseService", "License Service")
    content |= {
        "LicenseExpirationWarningDays": None,
        "Licenses": link(f"{_SERVICE}/Licenses"),
        "ServiceEnabled": True,
        "Actions": {
            "#LicenseService.Install": action(
                f"{_SERVICE}/Actions/LicenseService.Install",
                TransferProtocol=("NFS", "CIFS", "HTTP", "HTTPS", "TFTP", "FTP"),
            )
        },
    }
    return Reply(200, content)


def _list(bmc: Bmc, call: Call) -> Reply:
    base = f"{_SERVICE}/Licenses"
    return collection(bmc, base, "License", [f"{base}/{name}" for name in _ids(bmc)])


def _one(bmc: Bmc, call: Call) -> Reply:
    name = _need(bmc, call)
    path = f"{_SERVICE}/Licenses/{name}"
    content = resource(bmc, path, "License", "License")
    content |= {
        "Description": description(bmc),
        "AuthorizationScope": "Service",
        "DownloadURI": f"{path}/DownloadURI",
        "EntitlementId": name,
        "ExpirationDate": None,
        "InstallDate": None,
        "LicenseInfoURI": "",
        "LicenseOrigin": "Installed",
        "LicenseType": "Production",
        "Links": {"AuthorizedDevices": [link(MGR)]},
        "Removable": True,
        "Status": status(),
    }
    return Reply(200, content)


def _download(bmc: Bmc, call: Call) -> Reply:
    text = f"<LicenseClass><EntitlementID>{_need(bmc, call)}</EntitlementID></LicenseClass>"
    return Reply(200, raw=text.encode(), content_type="application/octet-stream")


_TIERS = ("Basic", "Express", "Enterprise", "Datacenter")


def _install_text(bmc: Bmc, encoded: str) -> None:
    """Take a licence file: base64 text that names a tier."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refuse(400, "LIC212") from None
    for tier in reversed(_TIERS):
        if tier.lower() in text.lower():
            bmc.installed_licence = tier
            return
    raise refuse(400, "LIC212")


def _post(bmc: Bmc, call: Call) -> Reply:
    _install_text(bmc, body.text(call.body, "LicenseString"))
    path = f"{_SERVICE}/Licenses/{_ids(bmc)[0]}" if _ids(bmc) else f"{_SERVICE}/Licenses"
    return Reply(201, bmc.fetch(path), {"Location": path})


def _install(bmc: Bmc, call: Call) -> Reply:
    uri = body.text(call.body, "LicenseFileURI")
    if bmc.faults.take("share-unreachable", now=bmc.now):
        raise refuse(400, "RED016")
    for tier in reversed(_TIERS):
        if tier.lower() in uri.lower():
            bmc.installed_licence = tier
            return success(bmc.persona)
    raise refuse(400, "LIC212")


def _delete(bmc: Bmc, call: Call) -> Reply:
    _need(bmc, call)
    bmc.installed_licence = "Basic"
    return Reply(204)


def _old_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _OLD, "DellLicense", [f"{_OLD}/{name}" for name in _ids(bmc)])


def _old_one(bmc: Bmc, call: Call) -> Reply:
    name = _need(bmc, call)
    content = resource(bmc, f"{_OLD}/{name}", "DellLicense", "DellLicense")
    content |= {
        "AssignedDevices": "iDRAC.Embedded.1",
        "EntitlementID": name,
        "EvalLicenseTimeRemainingDays": None,
        "LicenseDescription": [description(bmc)],
        "LicenseInstallDate": None,
        "LicensePrimaryStatus": "OK",
        "LicenseType": "Perpetual",
    }
    return Reply(200, content)


def _devices(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _DEVICES, "DellLicensableDevice", [f"{_DEVICES}/iDRAC.Embedded.1"])


def _device(bmc: Bmc, call: Call) -> Reply:
    if call.args[0] != "iDRAC.Embedded.1":
        raise missing_resource(call.path)
    content = resource(bmc, f"{_DEVICES}/iDRAC.Embedded.1", "DellLicensableDevice", "DellLicensableDevice")
    content |= {"FQDD": "iDRAC.Embedded.1", "Model": bmc.hw.generation_text, "UniqueIdentifier": bmc.server.service_tag}
    return Reply(200, content)


def _management(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _MANAGEMENT, "DellLicenseManagementService", "DellLicenseManagementService")
    base = f"{_MANAGEMENT}/Actions/DellLicenseManagementService"
    content["Actions"] = {
        f"#DellLicenseManagementService.{name}": action(f"{base}.{name}")
        for name in ("DeleteLicense", "ExportLicense", "ImportLicense")
    }
    return Reply(200, content)


def _import(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "FQDD", allowed=("iDRAC.Embedded.1",))
    body.text(call.body, "ImportOptions", allowed=("Force", "NoOptions"), default="NoOptions")
    _install_text(bmc, body.text(call.body, "LicenseFile"))
    return success(bmc.persona)


def _export(bmc: Bmc, call: Call) -> Reply:
    name = body.text(call.body, "EntitlementID")
    if name not in _ids(bmc):
        raise body.invalid("EntitlementID", name)
    return Reply(200, {"LicenseFile": base64.b64encode(description(bmc).encode()).decode()})


def _remove(bmc: Bmc, call: Call) -> Reply:
    name = body.text(call.body, "EntitlementID")
    if name not in _ids(bmc):
        raise body.invalid("EntitlementID", name)
    bmc.installed_licence = "Basic"
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add licences by generation; on iDRAC8 there are none to see."""
    if persona.licence_service:
        base = f"{_SERVICE}/Licenses"
        routes.get(_SERVICE, _service)
        routes.get(base, _list)
        routes.get(f"{base}/*", _one)
        routes.get(f"{base}/*/DownloadURI", _download)
        routes.add("POST", base, _post)
        routes.add("DELETE", f"{base}/*", _delete)
        routes.action(_SERVICE, "LicenseService.Install", _install)
    if persona.oem_services:
        routes.get(_OLD, _old_list)
        routes.get(f"{_OLD}/*", _old_one)
        routes.get(_DEVICES, _devices)
        routes.get(f"{_DEVICES}/*", _device)
        routes.get(_MANAGEMENT, _management)
        routes.action(_MANAGEMENT, "DellLicenseManagementService.ImportLicense", _import)
        routes.action(_MANAGEMENT, "DellLicenseManagementService.ExportLicense", _export, locked=False)
        routes.action(_MANAGEMENT, "DellLicenseManagementService.DeleteLicense", _remove)
