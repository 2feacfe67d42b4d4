"""The Lifecycle Controller service: readiness, logs, exports, diagnostics, erasure (contract §10, §12.5, §12.18)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import refuse, success
from holdfast.simulators.idrac.jobs import Job
from holdfast.simulators.idrac.persona import SYS, Persona
from holdfast.simulators.idrac.shares import is_local, read_share
from holdfast.simulators.idrac.timeline import parse_time
from holdfast.simulators.idrac.trees.common import action, resource
from holdfast.simulators.idrac.trees.managers import OEM_M
from holdfast.simulators.idrac.wire import Call, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_LC = f"{OEM_M}/DellLCService"
_TIME = f"{OEM_M}/DellTimeService"
_METRICS = f"{SYS}/Oem/Dell/DellMetricService"
_SHARES = ("Local", "NFS", "CIFS", "HTTP", "HTTPS", "TFTP", "FTP")
_SELECTORS = ("HWData", "OSAppData", "TTYLogs", "DebugLogs", "TelemetryReports", "GPULogs")
_ERASABLE = (
    "BIOS",
    "IDRAC",
    "DIAG",
    "DrvPack",
    "LCData",
    "NonVolatileMemory",
    "OverwritePD",
    "CryptographicErasePD",
    "PERCNVCache",
    "vFlash",
    "AllApps",
    "DPU",
    "ReinstallFW",
)
_REBOOTS = ("GracefulRebootWithForcedShutdown", "GracefulRebootWithoutForcedShutdown", "PowerCycle")
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def _accepted(bmc: Bmc, job: Job) -> Reply:
    return Reply(202, None, bmc.jobs.location(job))


def _service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _LC, "DellLCService", "DellLCService")
    base = f"{_LC}/Actions/DellLCService"
    found = {f"#DellLCService.{name}": action(f"{base}.{name}") for name in _HANDLERS}
    found["#DellLCService.ExportLCLog"] = action(f"{base}.ExportLCLog", ShareType=_SHARES)
    found["#DellLCService.SystemErase"] = action(f"{base}.SystemErase", Component=_ERASABLE)
    found["#DellLCService.RunePSADiagnostics"] = action(
        f"{base}.RunePSADiagnostics",
        RebootJobType=_REBOOTS,
        RunMode=("Express", "Extended", "ExpressAndExtended"),
    )
    found["#DellLCService.SupportAssistCollection"] = action(
        f"{base}.SupportAssistCollection",
        DataSelectorArrayIn=_SELECTORS,
        Filter=("Yes", "No"),
        ShareType=_SHARES,
    )
    content["Actions"] = found
    return Reply(200, content)


def _status(bmc: Bmc, call: Call) -> Reply:
    lc = bmc.life.lc_status
    return Reply(
        200,
        {
            **(success(bmc.persona).body or {}),
            "LCStatus": lc,
            "RTStatus": "Ready" if lc == "Ready" else "NotReady",
            "ServerStatus": bmc.host.server_status,
            "Status": "Ready" if lc == "Ready" else "NotReady",
            "TelemetryStatus": "Ready",
        },
    )


def _comment(bmc: Bmc, call: Call) -> Reply:
    text = body.text(call.body, "Comment")
    if not 1 <= len(text) <= 255:
        raise body.invalid("Comment", text)
    bmc.record("LOG203", text, category="Work Notes", comment=text)
    return success(bmc.persona)


def _share_type(call: Call) -> None:
    if "ShareType" in call.body:
        body.text(call.body, "ShareType", allowed=_SHARES)


def _export_log(bmc: Bmc, call: Call) -> Reply:
    _share_type(call)
    job = bmc.exports.file("Export: Lifecycle log", "LCLogExport", call.body, "lclog.xml", bmc.exports.lc_log)
    return _accepted(bmc, job)


def _export_inventory(bmc: Bmc, call: Call) -> Reply:
    _share_type(call)
    job = bmc.exports.file(
        "Export: Hardware Inventory", "ExportInventory", call.body, "hwinv.xml", bmc.exports.inventory
    )
    return _accepted(bmc, job)


def _export_factory(bmc: Bmc, call: Call) -> Reply:
    _share_type(call)
    job = bmc.exports.file(
        "Export: Factory Configuration", "ExportInventory", call.body, "factory.xml", bmc.exports.inventory
    )
    return _accepted(bmc, job)


def _screenshot(bmc: Bmc, call: Call) -> Reply:
    kind = body.text(call.body, "FileType", allowed=("ServerScreenShot", "LastCrashScreenShot", "Preview"))
    if kind == "LastCrashScreenShot":
        raise refuse(400, "SYS400")
    image = base64.b64encode(_PNG).decode()
    return Reply(200, {**(success(bmc.persona).body or {}), "ServerScreenShotFile": image})


def _video(bmc: Bmc, call: Call) -> Reply:
    kind = body.text(call.body, "FileType", allowed=("BootCaptureVideo", "CrashCaptureVideo"))
    _share_type(call)
    bmc.require_licence("Enterprise")
    job = bmc.exports.file("Export: Video", "LCExport", call.body, f"{kind}.dvc", lambda: b"DVC1")
    return _accepted(bmc, job)


def _diagnostics(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "RebootJobType", allowed=_REBOOTS, default=_REBOOTS[0])
    mode = body.text(call.body, "RunMode", allowed=("Express", "Extended", "ExpressAndExtended"))
    body.text(call.body, "ScheduledStartTime", default="TIME_NOW")
    return _accepted(bmc, bmc.exports.run_diagnostics(mode))


def _diagnostics_result(bmc: Bmc, call: Call) -> Reply:
    _share_type(call)
    result = bmc.exports.diagnostics
    if result is None:
        raise refuse(400, "SYS099")
    job = bmc.exports.file(
        "Export: Diagnostics Result",
        "LCExport",
        call.body,
        "diagnostics.txt",
        result.encode,
        content_type="text/plain",
    )
    return _accepted(bmc, job)


def _collect(bmc: Bmc, call: Call) -> Reply:
    if not bmc.exports.eula_accepted:
        raise refuse(400, "SRV085")
    _share_type(call)
    body.text(call.body, "Filter", allowed=("Yes", "No"), default="No")
    selectors = body.texts(call.body, "DataSelectorArrayIn", default=["HWData"])
    for selector in selectors:
        if selector not in _SELECTORS:
            raise body.not_listed("DataSelectorArrayIn", selector)
    job = bmc.exports.file(
        "SupportAssist Collection",
        "SACollectExportHealthData",
        call.body,
        "sacollect.zip",
        lambda: bmc.exports.support(selectors),
        seconds=bmc.jobs.pace.collection_s,
        content_type="application/zip",
    )
    return _accepted(bmc, job)


def _eula_status(bmc: Bmc, call: Call) -> Reply:
    accepted = bmc.exports.eula_accepted
    reply = success(bmc.persona, "SRV074" if accepted else "SRV085")
    return Reply(200, {**(reply.body or {}), "EULAAccepted": accepted})


def _accept_eula(bmc: Bmc, call: Call) -> Reply:
    bmc.exports.eula_accepted = True
    return success(bmc.persona, "SRV074")


def _collect_schedule(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "Recurrence", allowed=("Weekly", "Monthly", "Quarterly"))
    body.text(call.body, "Time")
    bmc.exports.collect_schedule = dict(call.body)
    return success(bmc.persona)


def _erase(bmc: Bmc, call: Call) -> Reply:
    parts = body.texts(call.body, "Component")
    if not parts:
        raise body.missing("Component")
    for part in parts:
        if part not in _ERASABLE:
            raise body.not_listed("Component", part)
    return _accepted(bmc, bmc.exports.erase(parts))


def _test_share(bmc: Bmc, call: Call) -> Reply:
    read_share(call.body)
    if bmc.faults.peek("share-unreachable", now=bmc.now):
        raise refuse(400, "RED016")
    return success(bmc.persona)


_HANDLERS: dict[str, tuple[Callable[[Bmc, Call], Reply], str, bool]] = {
    "GetRemoteServicesAPIStatus": (_status, "Login", False),
    "InsertCommentInLCLog": (_comment, "Login", False),
    "ExportLCLog": (_export_log, "Login", False),
    "ExportHWInventory": (_export_inventory, "Login", False),
    "ExportFactoryConfiguration": (_export_factory, "Login", False),
    "ExportServerScreenShot": (_screenshot, "ConfigureComponents", False),
    "ExportVideoLog": (_video, "ConfigureComponents", False),
    "RunePSADiagnostics": (_diagnostics, "ConfigureComponents", False),
    "ExportePSADiagnosticsResult": (_diagnostics_result, "ConfigureComponents", False),
    "SupportAssistCollection": (_collect, "ConfigureComponents", False),
    "SupportAssistGetEULAStatus": (_eula_status, "Login", False),
    "SupportAssistAcceptEULA": (_accept_eula, "ConfigureManager", False),
    "SupportAssistSetAutoCollectSchedule": (_collect_schedule, "ConfigureManager", True),
    "SystemErase": (_erase, "ConfigureManager", True),
    "TestNetworkShare": (_test_share, "ConfigureComponents", False),
}


def _time_service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _TIME, "DellTimeService", "DellTimeService")
    content["Actions"] = {
        "#DellTimeService.ManageTime": action(f"{_TIME}/Actions/DellTimeService.ManageTime"),
    }
    return Reply(200, content)


def _manage_time(bmc: Bmc, call: Call) -> Reply:
    if body.boolean(call.body, "GetRequest"):
        return Reply(200, {**(success(bmc.persona).body or {}), "TimeData": bmc.stamp(bmc.shown_now)})
    bmc.refuse_lockdown()
    if call.account is None or "ConfigureManager" not in bmc.accounts.privileges(call.account):
        raise refuse(403, "RAC0506")
    text = body.text(call.body, "TimeData")
    moment = parse_time(text)
    if moment is None:
        raise body.invalid("TimeData", text)
    bmc.time_offset = moment - bmc.now
    return success(bmc.persona)


def _metric_service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _METRICS, "DellMetricService", "DellMetricService")
    content["Actions"] = {
        "#DellMetricService.ExportThermalHistory": action(
            f"{_METRICS}/Actions/DellMetricService.ExportThermalHistory", FileType=("CSV", "XML"), ShareType=_SHARES
        )
    }
    return Reply(200, content)


def _thermal_history(bmc: Bmc, call: Call) -> Reply:
    _share_type(call)
    kind = body.text(call.body, "FileType", allowed=("CSV", "XML"), default="CSV")
    if is_local(call.body) and bmc.persona.key == "9-14g":
        raise refuse(400, "SYS425", "ShareType")
    job = bmc.exports.file(
        "Export: Thermal History",
        "ExportInventory",
        call.body,
        f"thermal.{kind.lower()}",
        bmc.exports.thermal_history,
        content_type="text/csv",
    )
    return _accepted(bmc, job)


def _decommission(bmc: Bmc, call: Call) -> Reply:
    kinds = body.texts(call.body, "DecommissionTypes")
    for kind in kinds:
        if kind not in ("All", "Logs", "ManagerConfig"):
            raise body.not_listed("DecommissionTypes", kind)
    parts = ["LCData"] if "Logs" in kinds else []
    parts += ["IDRAC"] if "ManagerConfig" in kinds else []
    parts = ["BIOS", "IDRAC", "LCData", "OverwritePD"] if "All" in kinds else parts
    job = bmc.exports.erase(parts)
    bmc.decommission_job = job.id
    return Reply(202, None, {"Location": "/redfish/v1/TaskService/Tasks/decommission"})


def mount(routes: Routes, persona: Persona) -> None:
    """Add Dell's services where the generation has them."""
    if not persona.oem_services:
        return
    routes.get(_LC, _service)
    for name, (handler, privilege, locked) in _HANDLERS.items():
        routes.action(_LC, f"DellLCService.{name}", handler, privilege=privilege, locked=locked)
    routes.get(_TIME, _time_service)
    routes.action(_TIME, "DellTimeService.ManageTime", _manage_time, privilege="Login", locked=False)
    routes.get(_METRICS, _metric_service)
    routes.action(_METRICS, "DellMetricService.ExportThermalHistory", _thermal_history, privilege="Login", locked=False)
    if persona.generation >= 10:
        routes.action(SYS, "ComputerSystem.Decommission", _decommission, privilege="ConfigureManager")
