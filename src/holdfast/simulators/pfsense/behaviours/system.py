"""The machine itself: version, status, reboot, updates, web server, tunables (contract §13.1)."""

from __future__ import annotations

import json
import math
from typing import Any
from zoneinfo import available_timezones

from holdfast.simulators.pfsense.answers import ApiError, invalid, not_found
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.versions import PERSONAS
from holdfast.simulators.pfsense.work import Obj, Work

POWER_DELAY_S = 15.0
GUI_RESTART_DELAY_S = 3.0
GUI_RESTART_S = 8.0
PACKAGE_REPLACE_S = 20.0


def uptime_text(seconds: float) -> str:
    """Up-time as the firewall writes it, for example `3 Days 04 Hours 12 Minutes 09 Seconds`."""
    whole = int(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{days} Day{'s' if days != 1 else ''}"] if days else []
    if days or hours:
        parts.append(f"{hours:02d} Hour{'s' if hours != 1 else ''}")
    parts.append(f"{minutes:02d} Minute{'s' if minutes != 1 else ''}")
    parts.append(f"{left:02d} Second{'s' if left != 1 else ''}")
    return " ".join(parts)


def load_average(now: float) -> list[float]:
    """The load over 1, 5 and 15 minutes: a slow wave, smoother the longer the span."""
    return [round(0.42 + 0.3 * math.sin(now / (60 * minutes)) / minutes**0.5, 2) for minutes in (1, 5, 15)]


@behaves("SystemVersion")
class SystemVersion(Behaviour):
    """The release of pfSense."""

    def single(self, work: Work) -> Stored:
        persona = work.machine.persona
        return {
            "version": f"{persona.pfsense}-RELEASE",
            "base": persona.pfsense,
            "patch": "0",
            "buildtime": persona.buildtime,
        }


@behaves("SystemStatus")
class SystemStatus(Behaviour):
    """Up-time, load and use of memory and disk."""

    def single(self, work: Work) -> Stored:
        machine, now = work.machine, work.now
        downtime = machine.downtime
        booted = machine.runtime.booted_at
        if downtime.booted_at is not None and now >= downtime.booted_at:
            booted = downtime.booted_at
        load = load_average(now)
        celsius = round(44.0 + 3 * math.sin(now / 600), 1)
        return {
            "platform": "Netgate 6100",
            "serial": "2093240017",
            "netgate_id": "a1f0c2d4e6b8a0c2d4e6",
            "uptime": uptime_text(now - booted),
            "bios_vendor": "Silicom",
            "bios_version": "CORDOBA-03.00.00.03t",
            "bios_date": "Tue Nov 22 2022",
            "kernel_pti": False,
            "mds_mitigation": "inactive",
            "temp_c": celsius,
            "temp_f": round(celsius * 9 / 5 + 32, 1),
            "cpu_model": "Intel(R) Atom(TM) CPU C3558 @ 2.20GHz",
            "cpu_load_avg": load,
            "cpu_count": 4,
            "cpu_usage": round(min(100.0, load[0] / 4 * 100), 1),
            "mbuf_usage": 2.0,
            "mem_usage": 21.0,
            "swap_usage": 0.0,
            "disk_usage": 11.0,
        }


@behaves("SystemReboot", "SystemHalt", "SystemUpdate")
class Power(Behaviour):
    """Reboot, halt and upgrade: accepted at once, done later."""

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        downtime = work.machine.downtime
        if obj.model.name == "SystemReboot":
            downtime.reboot(POWER_DELAY_S)
        elif obj.model.name == "SystemHalt":
            downtime.away(POWER_DELAY_S, math.inf)
        else:
            # the upgrade runs in the background and takes the API package with it (contract §1, §13.1)
            downtime.reboot(120.0)
            downtime.package_gone_from = work.now + 60.0
        work.acted()
        return True


@behaves("RESTAPIVersion")
class RestApiVersion(Behaviour):
    """The version of the API package; PATCH replaces the package while it answers."""

    def single(self, work: Work) -> Stored:
        persona, newest = work.machine.persona, list(PERSONAS.values())[-1]
        return {
            "current_version": persona.reported,
            "latest_version": newest.reported,
            "latest_version_release_date": f"{newest.released}T00:00:00Z",
            "update_available": persona.package < newest.package,
            "available_versions": [one.reported for one in reversed(PERSONAS.values())],
        }

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Any] | None:
        if field.name != "install_version":
            return None
        return [one.reported for one in PERSONAS.values()]

    async def update(self, work: Work, obj: Obj) -> bool:
        wanted = obj.values.get("install_version")
        if wanted is None:
            raise invalid("FIELD_IS_REQUIRED", "Field `install_version` is required.")
        await work.act()
        work.machine.downtime.package_busy = (work.now, work.now + PACKAGE_REPLACE_S)
        work.machine.replace_package(next(one for one in PERSONAS.values() if one.reported == wanted))
        work.acted()
        return True


@behaves("WebGUISettings")
class WebGui(Behaviour):
    """The web GUI's protocol, port and certificate: a change restarts nginx after three seconds (contract §9.5)."""

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        work.machine.downtime.away(GUI_RESTART_DELAY_S, GUI_RESTART_S)


@behaves("SystemTimezone")
class Timezone(Behaviour):
    """The time zone of the appliance."""

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Any] | None:
        return sorted(available_timezones() | set(field.choices or ()))


@behaves("Enum")
class EnumChoices(Behaviour):
    """The current choices of a field of any model (2.8 and later)."""

    def check(self, work: Work, obj: Obj) -> None:
        name, field_name = obj.values["model_name"], obj.values["model_field"]
        model = work.schema.models.get(str(name))
        if model is None:
            raise not_found("ENUM_MODEL_NAME_NOT_FOUND", f"Model `{name}` does not exist.")
        field = model.fields.get(str(field_name))
        if field is None:
            raise not_found("ENUM_MODEL_FIELD_NOT_FOUND", f"Model `{name}` has no field `{field_name}`.")
        choices = work.machine.choices_of(work, Obj(model, {}), field) or []
        obj.values["choices"] = {str(value): str(value).replace("_", " ").capitalize() for value in choices}

    async def create(self, work: Work, obj: Obj) -> bool:
        return True


@behaves("FirewallAdvancedSettings", "FirewallStatesSize")
class SystemLimits(Behaviour):
    """Limits of the packet filter that are kept with the system's settings."""

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        if obj.model.name == "FirewallStatesSize":
            obj.values["maximumstates"] = stored.get("maximumstates") or 400000
            obj.values["defaultmaximumstates"] = 400000
            obj.values["currentstates"] = len(work.machine.behaviour("FirewallState").source(work))
        else:
            obj.values["aliasesresolveinterval"] = stored.get("aliasesresolveinterval") or 300

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        return {"maximumstates": 400000, "aliasesresolveinterval": 300}.get(field.name)


@behaves("RESTAPISettingsSync")
class SettingsSync(Behaviour):
    """Settings pushed by a high-availability peer: JSON of the settings, refused unless synchronisation is on."""

    async def create(self, work: Work, obj: Obj) -> bool:
        try:
            data = json.loads(str(obj.values["sync_data"]))
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise ApiError(400, "RESTAPI_SETTINGS_SYNC_INVALID_DATA", "Field `sync_data` must be JSON of settings.")
        model = work.schema.models["RESTAPISettings"]
        known = {k: v for k, v in data.items() if k in model.fields and not k.startswith("ha_sync")}
        work.tree.put_one(model, {**work.tree.one(model), **known})
        await work.save("Synchronized REST API settings from a peer")
        return True
