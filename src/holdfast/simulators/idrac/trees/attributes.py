"""Dell attributes and their registry (contract §12.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.attribute_data import READ_ONLY, SWITCHES
from holdfast.simulators.idrac.attributes import GROUPS
from holdfast.simulators.idrac.errors import Refusal, envelope, missing_resource, refuse, success
from holdfast.simulators.idrac.persona import ROOT, Persona
from holdfast.simulators.idrac.trees.common import collection, resource
from holdfast.simulators.idrac.trees.managers import OEM_M
from holdfast.simulators.idrac.wire import Call, Json, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_BASE = f"{OEM_M}/DellAttributes"
_LOCKDOWN = "Lockdown.1.SystemLockdown"
_NAMES = {
    GROUPS[0]: "iDRAC Attributes",
    GROUPS[1]: "System Attributes",
    GROUPS[2]: "Lifecycle Controller Attributes",
}


def _list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _BASE, "DellAttributes", [f"{_BASE}/{group}" for group in GROUPS])


def _group(call: Call) -> str:
    if call.args[0] not in GROUPS:
        raise missing_resource(call.path)
    return call.args[0]


def _read(bmc: Bmc, call: Call) -> Reply:
    group = _group(call)
    content = resource(bmc, f"{_BASE}/{group}", "DellAttributes", _NAMES[group])
    content |= {
        "AttributeRegistry": "ManagerAttributeRegistry.v1_0_0",
        "Attributes": bmc.attributes.all(group),
    }
    return Reply(200, content)


def _patch(bmc: Bmc, call: Call) -> Reply:
    group = _group(call)
    body.closed(call.body, {"Attributes", "@Redfish.SettingsApplyTime"})
    values = body.obj(call.body, "Attributes")
    if not values:
        raise body.missing("Attributes")
    # Only lockdown itself can be changed while the system is locked down, so that it can be ended.
    if bmc.locked_down and set(values) != {_LOCKDOWN}:
        raise refuse(403, "SYS406")
    if _LOCKDOWN in values:
        bmc.require_licence("Enterprise")
    if "Telemetry.1.EnableTelemetry" in values:
        bmc.require_licence("Datacenter")
    problems, changed = bmc.attributes.patch(group, values)
    if values.get(_LOCKDOWN) == "Disabled":
        bmc.faults.active.pop("lockdown", None)
    if problems and not changed and len(problems) == len(values):
        raise Refusal(400, tuple(problems))
    if problems:
        # Partly done: 200 with an error (contract E9).
        return Reply(200, envelope(bmc.persona, tuple(problems)))
    return success(bmc.persona)


def _registry(bmc: Bmc, call: Call) -> Reply:
    entries: list[object] = []
    for group in GROUPS:
        for name, value in bmc.attributes.all(group).items():
            entries.append(_entry(group, name, value))
    content = resource(bmc, call.path, "AttributeRegistry", "Manager Attribute Registry")
    content |= {
        "Id": "ManagerAttributeRegistry.v1_0_0",
        "Language": "en",
        "OwningEntity": "Dell",
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {"Attributes": entries},
    }
    return Reply(200, content)


def _entry(group: str, name: str, value: object) -> Json:
    parts = name.split(".")
    found: Json = {
        "AttributeName": name,
        "DisplayName": parts[-1],
        "Group": parts[0],
        "HelpText": f"Sets {name}.",
        "Hidden": False,
        "Id": parts[-1],
        "MenuPath": f"./{group}",
        "Readonly": name in READ_ONLY,
        "Regex": None,
        "Type": "Integer" if isinstance(value, int) else "Enumeration" if value in SWITCHES else "String",
        "WriteOnly": value is None,
    }
    if value in SWITCHES:
        found["Value"] = [{"ValueDisplayName": text, "ValueName": text} for text in ("Disabled", "Enabled")]
    return found


def mount(routes: Routes, persona: Persona) -> None:
    """Add the attributes where the generation has them; otherwise they are reached by profiles only."""
    if not persona.dell_attributes:
        return
    routes.get(_BASE, _list)
    routes.get(f"{_BASE}/*", _read)
    routes.add("PATCH", f"{_BASE}/*", _patch, locked=False)
    path = f"{ROOT}/Registries/ManagerAttributeRegistry/ManagerAttributeRegistry.v1_0_0.json"
    routes.get(path, _registry, public=True)
