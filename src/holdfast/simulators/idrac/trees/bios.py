"""BIOS settings, their registry, secure boot (contract §12.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.bios_data import BIOS_ATTRIBUTES, BIOS_DEPENDENCIES, MENUS, BiosAttribute
from holdfast.simulators.idrac.errors import refuse, success
from holdfast.simulators.idrac.persona import ROOT, SYS, Persona
from holdfast.simulators.idrac.timeline import parse_time
from holdfast.simulators.idrac.trees.common import action, resource
from holdfast.simulators.idrac.wire import Call, Json, Reply, link
from holdfast.simulators.idrac.work import MAINTENANCE_RESET, MAINTENANCE_START, ON_RESET, read_apply_time

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

BIOS = f"{SYS}/Bios"
SETTINGS = f"{BIOS}/Settings"
_SECURE = f"{SYS}/SecureBoot"
_SERVICE = f"{SYS}/Oem/Dell/DellBIOSService"
_TIMES = (ON_RESET, MAINTENANCE_START, MAINTENANCE_RESET)
_RESET_KEYS = ("ResetAllKeysToDefault", "DeleteAllKeys", "DeletePK", "ResetPK", "ResetKEK", "ResetDB", "ResetDBX")


def _annotation(bmc: Bmc) -> Json:
    found: Json = {
        "@odata.context": f"{ROOT}/$metadata#Settings.Settings",
        "@odata.type": "#Settings.v1_3_5.Settings" if bmc.persona.generation >= 9 else "#Settings.v1_1_0.Settings",
        "SettingsObject": link(SETTINGS),
    }
    if bmc.persona.generation >= 9:
        found["SupportedApplyTimes"] = list(_TIMES)
    return found


def _read(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, BIOS, "Bios", "BIOS Configuration Current Settings")
    content |= {
        "@Redfish.Settings": _annotation(bmc),
        "AttributeRegistry": "BiosAttributeRegistry.v1_0_0",
        "Attributes": {
            **bmc.bios.all(),
            "SystemBiosVersion": bmc.firmware.version_of("BIOS.Setup.1-1"),
        },
        "Actions": {
            "#Bios.ChangePassword": action(
                f"{BIOS}/Actions/Bios.ChangePassword", PasswordName=("SysPassword", "SetupPassword")
            ),
            "#Bios.ResetBios": action(f"{BIOS}/Actions/Bios.ResetBios"),
        },
    }
    if bmc.persona.generation >= 9:
        content["Actions"] = {
            **_mapping(content["Actions"]),
            "Oem": {"#DellBios.SetBiosTime": action(f"{BIOS}/Actions/Oem/DellBios.SetBiosTime")},
        }
    return Reply(200, content)


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _settings(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, SETTINGS, "Bios", "BIOS Configuration Pending Settings")
    content |= {"AttributeRegistry": "BiosAttributeRegistry.v1_0_0", "Attributes": dict(bmc.bios.pending)}
    if bmc.persona.generation >= 9:
        content["Actions"] = {
            "Oem": {"#DellManager.ClearPending": action(f"{SETTINGS}/Actions/Oem/DellManager.ClearPending")}
        }
    return Reply(200, content)


def _patch(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"Attributes", "@Redfish.SettingsApplyTime"})
    values = body.obj(call.body, "Attributes")
    if not values:
        raise body.missing("Attributes")
    when = None
    if "@Redfish.SettingsApplyTime" in call.body:
        if bmc.persona.generation < 9:
            raise body.unknown("@Redfish.SettingsApplyTime")
        when = read_apply_time(bmc, call.body["@Redfish.SettingsApplyTime"], _TIMES)
    bmc.bios.stage(values)
    if when is None:
        return success(bmc.persona)
    job = bmc.work.configure_bios(when)
    return Reply(202, None, bmc.jobs.location(job))


def _entry(number: int, item: BiosAttribute) -> Json:
    found: Json = {
        "AttributeName": item.name,
        "CurrentValue": None,
        "DisplayName": item.name,
        "DisplayOrder": number,
        "HelpText": f"Sets {item.name}.",
        "Hidden": False,
        "Immutable": item.read_only,
        "MenuPath": f"./{item.menu}",
        "ReadOnly": item.read_only,
        "ResetRequired": not item.read_only,
        "Type": item.kind,
        "WarningText": None,
        "WriteOnly": item.secret,
    }
    if item.values:
        found["Value"] = [{"ValueDisplayName": value, "ValueName": value} for value in item.values]
    elif item.bounds is not None:
        found |= {"LowerBound": item.bounds[0], "UpperBound": item.bounds[1], "ScalarIncrement": 0}
    else:
        found |= {"MinLength": 0, "MaxLength": 32 if item.secret else 128, "ValueExpression": None}
    return found


def _dependency(name: str, other: str, value: str) -> Json:
    return {
        "Dependency": {
            "MapFrom": [
                {"MapFromAttribute": other, "MapFromCondition": "NEQ", "MapFromProperty": "CurrentValue"}
                | {"MapFromValue": value}
            ],
            "MapToAttribute": name,
            "MapToProperty": "ReadOnly",
            "MapToValue": True,
        },
        "DependencyFor": name,
        "Type": "Map",
    }


def _registry(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, call.path, "AttributeRegistry", "BIOS Attribute Registry")
    content |= {
        "Id": "BiosAttributeRegistry.v1_0_0",
        "Language": "en",
        "OwningEntity": "Dell",
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {
            "Attributes": [_entry(number, item) for number, item in enumerate(BIOS_ATTRIBUTES.values())],
            "Dependencies": [_dependency(name, *needed) for name, needed in BIOS_DEPENDENCIES.items()],
            "Menus": [
                {"DisplayName": menu, "DisplayOrder": index, "MenuName": menu, "MenuPath": f"./{menu}"}
                for index, menu in enumerate(MENUS)
            ],
        },
        "SupportedSystems": [{"ProductName": bmc.server.model, "SystemId": "0A6B"}],
    }
    return Reply(200, content)


def _clear_pending(bmc: Bmc, call: Call) -> Reply:
    if bmc.bios.committed:
        raise refuse(400, "SYS011")
    bmc.bios.discard()
    return success(bmc.persona)


def _reset_bios(bmc: Bmc, call: Call) -> Reply:
    if bmc.bios.pending or bmc.bios.committed:
        raise refuse(400, "LC068")
    if bmc.jobs.busy_device("BIOS.Setup.1-1"):
        raise refuse(400, "RAC0679")
    bmc.work.stage(
        "Reset: BIOS.Setup.1-1",
        "BIOSConfiguration",
        "BIOS.Setup.1-1",
        BIOS,
        bmc.jobs.pace.bios_s,
        bmc.bios.defaults,
    )
    return success(bmc.persona)


def _password(bmc: Bmc, call: Call) -> Reply:
    name = body.text(call.body, "PasswordName", allowed=("SysPassword", "SetupPassword"))
    old, new = body.text(call.body, "OldPassword"), body.text(call.body, "NewPassword")
    if old != bmc.bios.passwords[name]:
        raise refuse(400, "SYS425", "OldPassword", related=("#/OldPassword",))

    def change() -> None:
        bmc.bios.passwords[name] = new

    job = bmc.work.stage(
        "Configure: BIOS.Setup.1-1", "BIOSConfiguration", "BIOS.Setup.1-1", BIOS, bmc.jobs.pace.bios_s, change
    )
    return Reply(202, None, bmc.jobs.location(job))


def _set_time(bmc: Bmc, call: Call) -> Reply:
    text = body.text(call.body, "BiosTime")
    if parse_time(text) is None:
        raise body.invalid("BiosTime", text)
    return success(bmc.persona)


def _service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SERVICE, "DellBIOSService", "DellBIOSService")
    content["Actions"] = {
        "#DellBIOSService.DeviceRecovery": action(
            f"{_SERVICE}/Actions/DellBIOSService.DeviceRecovery", Device=("BIOS",)
        )
    }
    return Reply(200, content)


def _recovery(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "Device", allowed=("BIOS",))
    key = next(key for key, item in bmc.firmware.components.items() if item.kind == "bios")
    previous = bmc.firmware.components[key].previous
    if previous is None:
        raise refuse(400, "RED097")

    def recover() -> None:
        bmc.updates.install(key, previous)
        bmc.restart_host()

    job = bmc.updates.live("Recovery: BIOS.Setup.1-1", "FirmwareRollback", "BIOS.Setup.1-1", recover)
    return Reply(202, None, bmc.jobs.location(job))


def _secure_boot(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SECURE, "SecureBoot", "UEFI Secure Boot")
    enabled = bmc.bios.get("SecureBoot") == "Enabled"
    content |= {
        "SecureBootCurrentBoot": "Enabled" if enabled else "Disabled",
        "SecureBootEnable": enabled,
        "SecureBootMode": "DeployedMode",
        "Actions": {
            "#SecureBoot.ResetKeys": action(f"{_SECURE}/Actions/SecureBoot.ResetKeys", ResetKeysType=_RESET_KEYS)
        },
    }
    return Reply(200, content)


def _patch_secure_boot(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"SecureBootEnable"})
    wanted = "Enabled" if body.boolean(call.body, "SecureBootEnable") else "Disabled"
    bmc.bios.stage({"SecureBoot": wanted})
    job = bmc.work.configure_bios()
    return Reply(202, None, bmc.jobs.location(job))


def _reset_keys(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "ResetKeysType", allowed=_RESET_KEYS)
    if bmc.bios.get("SecureBootPolicy") != "Custom":
        raise refuse(400, "SYS439")
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add BIOS and secure boot."""
    components = "ConfigureComponents"
    routes.get(BIOS, _read)
    routes.get(f"{BIOS}/BiosRegistry", _registry)
    routes.get(SETTINGS, _settings)
    routes.add("PATCH", SETTINGS, _patch, privilege=components)
    routes.action(BIOS, "Bios.ResetBios", _reset_bios, privilege=components)
    routes.action(BIOS, "Bios.ChangePassword", _password, privilege=components)
    routes.get(_SECURE, _secure_boot)
    routes.add("PATCH", _SECURE, _patch_secure_boot, privilege=components)
    routes.action(_SECURE, "SecureBoot.ResetKeys", _reset_keys, privilege=components)
    if persona.generation >= 9:
        routes.action(BIOS, "Oem/DellBios.SetBiosTime", _set_time, privilege=components)
        routes.action(SETTINGS, "Oem/DellManager.ClearPending", _clear_pending, privilege=components)
    if persona.oem_services:
        routes.get(_SERVICE, _service)
        routes.action(_SERVICE, "DellBIOSService.DeviceRecovery", _recovery, privilege=components)
