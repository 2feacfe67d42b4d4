"""The manager's profile actions (contract §12.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.trees.managers import (
    EXPORT_FORMATS,
    EXPORT_USES,
    INCLUDES,
    SHARE_TYPES,
    TARGETS,
    scp_action,
)
from holdfast.simulators.idrac.wire import Call, Json, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes


def _several(bmc: Bmc, content: Json, name: str, allowed: tuple[str, ...], default: str) -> list[str]:
    """A value that is a string on old firmware and an array on new; the newest takes only the array."""
    value = content.get(name, [default] if bmc.persona.generation >= 10 else default)
    if isinstance(value, str):
        if bmc.persona.generation >= 10:
            raise body.wrong_type(name, value)
        # Old firmware takes several targets in one string.
        values = [part.strip() for part in value.split(",")]
    elif isinstance(value, list):
        if bmc.persona.generation < 9:
            raise body.wrong_type(name, value)
        values = body.texts({name: value}, name)
    else:
        raise body.wrong_type(name, value)
    for one in values:
        if one not in allowed:
            raise body.not_listed(name, one)
    return values


def _share(content: Json) -> Json:
    share = dict(body.obj(content, "ShareParameters", default={}))
    kind = str(share.get("ShareType", "LOCAL")).upper()
    if kind not in SHARE_TYPES:
        raise body.not_listed("ShareType", kind)
    share["ShareType"] = kind
    return share


def _export(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"ExportFormat", "ExportUse", "IncludeInExport", "ShareParameters"})
    form = body.text(call.body, "ExportFormat", allowed=EXPORT_FORMATS, default="XML")
    use = body.text(call.body, "ExportUse", allowed=EXPORT_USES, default="Default")
    includes = _several(bmc, call.body, "IncludeInExport", INCLUDES, "Default")
    share = _share(call.body)
    targets = _several(bmc, share, "Target", TARGETS, "ALL")
    job = bmc.exports.export_profile(form, use, includes, targets, share)
    return Reply(202, None, bmc.jobs.location(job))


def _buffer(bmc: Bmc, content: Json) -> tuple[str, list[str]]:
    share = _share(content)
    targets = _several(bmc, share, "Target", TARGETS, "ALL")
    text = body.text(content, "ImportBuffer")
    return text, targets


def _preview(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"ImportBuffer", "ShareParameters"})
    text, targets = _buffer(bmc, call.body)
    job = bmc.exports.preview_profile(text, targets)
    return Reply(202, None, bmc.jobs.location(job))


def _import(bmc: Bmc, call: Call) -> Reply:
    body.closed(
        call.body,
        {"ImportBuffer", "ShareParameters", "ShutdownType", "HostPowerState", "TimeToWait", "ExecutionMode"},
    )
    shutdown = body.text(call.body, "ShutdownType", allowed=("Graceful", "Forced", "NoReboot"), default="Graceful")
    power = body.text(call.body, "HostPowerState", allowed=("On", "Off"), default="On")
    if "TimeToWait" in call.body:
        body.integer(call.body, "TimeToWait", low=300, high=3600)
    text, targets = _buffer(bmc, call.body)
    job = bmc.exports.import_profile(text, targets, shutdown, power)
    return Reply(202, None, bmc.jobs.location(job))


def mount(routes: Routes, persona: Persona) -> None:
    """Add export, preview and import under this generation's names."""
    routes.add("POST", scp_action(persona, "ExportSystemConfiguration"), _export, locked=False)
    routes.add("POST", scp_action(persona, "ImportSystemConfigurationPreview"), _preview, locked=False)
    routes.add("POST", scp_action(persona, "ImportSystemConfiguration"), _import)
