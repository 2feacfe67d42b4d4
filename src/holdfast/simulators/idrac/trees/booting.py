"""Boot options, the settings resource of iDRAC10, Dell's boot sources (contract §12.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import refuse, success
from holdfast.simulators.idrac.persona import SYS, Persona
from holdfast.simulators.idrac.trees.common import collection, pick, resource
from holdfast.simulators.idrac.trees.systems import boot_object, patch_system
from holdfast.simulators.idrac.wire import Call, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_OPTIONS = f"{SYS}/BootOptions"
_SETTINGS = f"{SYS}/Settings"
_CERTIFICATES = f"{SYS}/Boot/Certificates"


def _list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _OPTIONS, "BootOption", [f"{_OPTIONS}/{name}" for name in bmc.boot.order])


def _one(bmc: Bmc, call: Call) -> Reply:
    option = pick(list(bmc.boot.options.values()), lambda item: item.reference, call.args[0], call.path)
    content = resource(bmc, f"{_OPTIONS}/{option.reference}", "BootOption", "Uefi Boot Option")
    content |= {
        "BootOptionEnabled": option.enabled,
        "BootOptionReference": option.reference,
        "DisplayName": option.name,
        "UefiDevicePath": option.uefi_path,
    }
    return Reply(200, content)


def _patch_option(bmc: Bmc, call: Call) -> Reply:
    option = pick(list(bmc.boot.options.values()), lambda item: item.reference, call.args[0], call.path)
    body.closed(call.body, {"BootOptionEnabled"})
    wanted = body.boolean(call.body, "BootOptionEnabled")
    job = bmc.work.configure_boot(bmc.boot.pending_order or bmc.boot.order)
    bmc.boot.pending_enabled[option.reference] = wanted
    return Reply(202, None, bmc.jobs.location(job))


def _settings(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SETTINGS, "ComputerSystem", "System Settings")
    content["Boot"] = boot_object(bmc, settings=True)
    return Reply(200, content)


def _patch_settings(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"Boot", "@Redfish.SettingsApplyTime"})
    if "if-match" not in call.headers:
        # This resource wants an entity tag (contract §7).
        raise refuse(428, "SYS404")
    return patch_system(bmc, call)


def _sources_base(persona: Persona) -> str:
    return f"{SYS}/Oem/Dell/DellBootSources" if persona.oem_services else f"{SYS}/BootSources"


def _sources(bmc: Bmc, call: Call) -> Reply:
    base = _sources_base(bmc.persona)
    content = resource(bmc, base, "DellBootSources", "Boot Sources Configuration Current Settings")
    content |= {
        "@Redfish.Settings": {"@odata.type": "#Settings.v1_1_0.Settings", "SettingsObject": link(f"{base}/Settings")},
        "Attributes": {"UefiBootSeq": _sequence(bmc, bmc.boot.order)},
    }
    return Reply(200, content)


def _sequence(bmc: Bmc, order: list[str]) -> list[object]:
    return [
        {
            "Enabled": bmc.boot.options[name].enabled,
            "Id": f"BIOS.Setup.1-1#UefiBootSeq#{bmc.boot.options[name].name}#{name}",
            "Index": index,
            "Name": bmc.boot.options[name].name,
        }
        for index, name in enumerate(order)
    ]


def _sources_settings(bmc: Bmc, call: Call) -> Reply:
    base = _sources_base(bmc.persona)
    content = resource(bmc, f"{base}/Settings", "DellBootSources", "Boot Sources Configuration Pending Settings")
    pending = bmc.boot.pending_order
    content["Attributes"] = {} if pending is None else {"UefiBootSeq": _sequence(bmc, pending)}
    return Reply(200, content)


def _patch_sources(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"Attributes", "@Redfish.SettingsApplyTime"})
    sequence = body.array(body.obj(call.body, "Attributes"), "UefiBootSeq")
    if bmc.jobs.busy_device("BIOS.Setup.1-1"):
        raise refuse(400, "SYS011")
    ranked: list[tuple[int, str]] = []
    for entry in sequence:
        if not isinstance(entry, dict):
            raise body.wrong_type("UefiBootSeq", entry)
        reference = body.text(entry, "Id").rsplit("#", 1)[-1]
        if reference not in bmc.boot.options:
            raise body.invalid("Id", reference)
        ranked.append((body.integer(entry, "Index", low=0, high=63), reference))
        if "Enabled" in entry:
            bmc.boot.pending_enabled[reference] = body.boolean(entry, "Enabled")
    named = [reference for _, reference in sorted(ranked)]
    bmc.boot.pending_order = [*named, *(name for name in bmc.boot.order if name not in named)]
    return success(bmc.persona)


def _certificates(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _CERTIFICATES, "Certificate", ())


def mount(routes: Routes, persona: Persona) -> None:
    """Add boot options and settings."""
    components = "ConfigureComponents"
    if persona.generation >= 9:
        routes.get(_OPTIONS, _list)
        routes.get(f"{_OPTIONS}/*", _one)
        routes.add("PATCH", f"{_OPTIONS}/*", _patch_option, privilege=components)
        routes.get(_CERTIFICATES, _certificates)
    if persona.boot_settings:
        routes.get(_SETTINGS, _settings)
        routes.add("PATCH", _SETTINGS, _patch_settings, privilege=components)
    base = _sources_base(persona)
    routes.get(base, _sources)
    routes.get(f"{base}/Settings", _sources_settings)
    routes.add("PATCH", f"{base}/Settings", _patch_sources, privilege=components)
