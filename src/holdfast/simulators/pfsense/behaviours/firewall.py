"""Rules, aliases and schedules (contract §13.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import conflict, invalid, not_found
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work

_HOUR = re.compile(r"([01]?\d|2[0-3]):(00|15|30|45|59)-([01]?\d|2[0-3]):(00|15|30|45|59)\Z")


def stamp_new(work: Work, obj: Obj) -> None:
    """Creation time and author; the author lacks the user's name on create (contract §10.15)."""
    now, address = int(work.now), work.client.address
    obj.values |= {
        "created_time": now,
        "created_by": f"@{address} (API)",
        "updated_time": now,
        "updated_by": f"{work.client.username}@{address} (API)",
    }


def stamp_changed(work: Work, stored: Stored) -> Stored:
    """Time and author of a change."""
    return stored | {"updated_time": int(work.now), "updated_by": f"{work.client.username}@{work.client.address} (API)"}


@behaves("FirewallRule")
class FirewallRule(Behaviour):
    """Rules. A change of one sets no flag: `applied: true` does not prove that it is live (contract §8)."""

    def prepare(self, work: Work, obj: Obj) -> None:
        stamp_new(work, obj)
        obj.values |= {"tracker": int(work.now), "associated_rule_id": obj.values.get("associated_rule_id")}

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        if not values.get("floating") and len(values["interface"]) > 1:
            raise invalid(
                "FIREWALL_RULE_MULTIPLE_INTERFACE_WITHOUT_FLOATING",
                "Only a floating rule may have several values in `interface`.",
            )
        if values.get("statetype") == "synproxy state":
            if values.get("protocol") != "tcp":
                raise invalid(
                    "FIREWALL_RULE_SYNPROXY_STATE_TYPE_WITH_NON_TCP_PROTOCOL",
                    "`synproxy state` is for protocol `tcp` only.",
                )
            if values.get("gateway"):
                raise invalid(
                    "FIREWALL_RULE_SYNPROXY_STATE_TYPE_WITH_GATEWAY",
                    "`synproxy state` and a `gateway` exclude each other.",
                )
        for flag in values.get("tcp_flags_set") or []:
            if flag not in (values.get("tcp_flags_out_of") or []):
                raise invalid(
                    "FIREWALL_RULE_TCP_FLAGS_SET_NOT_IN_TCP_FLAGS_OUT_OF",
                    f"Flag `{flag}` is in `tcp_flags_set` but not in `tcp_flags_out_of`.",
                )
        self._check_pipes(work, values)

    @staticmethod
    def _check_pipes(work: Work, values: dict[str, Value]) -> None:
        names = [*work.values_of("TrafficShaperLimiter", "name"), *work.values_of("TrafficShaperLimiterQueue", "name")]
        for field in ("dnpipe", "pdnpipe"):
            if values.get(field) and values[field] not in names:
                raise not_found(
                    f"FIREWALL_RULE_{field.upper()}_NOT_FOUND",
                    f"Field `{field}`: no limiter or limiter queue is called `{values[field]}`.",
                )
        if values.get("pdnpipe") and not values.get("dnpipe"):
            raise invalid(
                "FIREWALL_RULE_PDNPIPE_WITH_NO_DNPIPE",
                "Field `pdnpipe` needs a `dnpipe`.",
            )
        if values.get("pdnpipe") and values["pdnpipe"] == values.get("dnpipe"):
            raise conflict("FIREWALL_RULE_PDNPIPE_CANNOT_EQUAL_DNPIPE", "Fields `pdnpipe` and `dnpipe` must differ.")

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        if verb != "update":
            return stored
        changed = stamp_changed(work, stored)
        obj.values |= {key: changed[key] for key in ("updated_time", "updated_by")}
        return changed


@behaves("FirewallAlias")
class FirewallAlias(Behaviour):
    """Aliases. Deleting one that rules still use is allowed (contract §7.5)."""

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        if work.machine.persona.package < (2, 10, 0) and not syntax.is_alias_name(str(values["name"])):
            raise invalid("INVALID_FIREWALL_ALIAS_NAME", f"`{values['name']}` cannot be the name of an alias.")
        for address in values.get("address") or []:
            self._check_address(work, str(values["type"]), str(address))
        addresses, details = values.get("address") or [], list(values.get("detail") or [])
        if len(details) > len(addresses):
            raise invalid("TOO_MANY_ALIAS_DETAILS", "There are more items in `detail` than in `address`.")
        if details:
            added = f"Entry added {format_datetime(datetime.fromtimestamp(work.now, UTC))}"
            details += [added] * (len(addresses) - len(details))
        values["detail"] = details

    @staticmethod
    def _check_address(work: Work, kind: str, address: str) -> None:
        has = work.machine.has_alias
        if kind == "port":
            allowed = syntax.is_port(address) or syntax.is_port_range(address) or has(work.tree, address, ("port",))
            what = "port, range, or alias"
        elif kind == "host":
            nested = has(work.tree, address, ("host", "network"))
            allowed = syntax.is_ip(address) or syntax.is_fqdn(address) or nested
            what = "IP, FQDN, or alias"
        else:
            nested = has(work.tree, address, ("host", "network"))
            allowed = syntax.is_subnet(address) or syntax.is_fqdn(address) or nested
            what = "CIDR, FQDN, or alias"
        if not allowed:
            raise invalid(
                f"INVALID_{kind.upper()}_ALIAS_ADDRESS",
                f"`{address}` in an alias of type {kind} is no {what}.",
            )


@behaves("FirewallSchedule")
class Schedule(Behaviour):
    """Schedules, with whether one is in force now."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["schedlabel"] = work.machine.unique_id()

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        now = datetime.fromtimestamp(work.now, UTC)
        obj.values["active"] = any(_in_force(entry, now) for entry in stored.get("timerange") or [])

    def check_delete(self, work: Work, obj: Obj) -> None:
        rules = work.tree.rows(work.schema.models["FirewallRule"]).values()
        if any(row.get("sched") == obj.values["name"] for row in rules):
            raise conflict(
                "FIREWALL_SCHEDULE_CANNOT_BE_DELETED_WHILE_IN_USE",
                "Rules use this schedule.",
            )

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        obj.values["active"] = any(
            _in_force(entry, datetime.fromtimestamp(work.now, UTC)) for entry in obj.values.get("timerange") or []
        )


def _in_force(entry: Stored, now: datetime) -> bool:
    days = entry.get("position")
    if days:
        if now.isoweekday() not in days:
            return False
    elif (now.month, now.day) not in list(zip(entry.get("month") or [], entry.get("day") or [], strict=False)):
        return False
    match = _HOUR.match(str(entry.get("hour")))
    if match is None:
        return False
    begins, ends = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    return begins <= now.hour * 60 + now.minute <= ends


@behaves("FirewallScheduleTimeRange")
class TimeRange(Behaviour):
    """Ranges of a schedule: week days, or months and days, and hours on the quarter."""

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        hour = str(values["hour"])
        match = _HOUR.match(hour)
        if match is None:
            raise invalid(
                "FIREWALL_SCHEDULE_TIME_RANGE_INVALID_HOUR_FORMAT", f"Field `hour` has an invalid value: `{hour}`."
            )
        begins, ends = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if begins >= ends:
            raise invalid("FIREWALL_SCHEDULE_TIME_RANGE_START_AFTER_END", "The start of `hour` must be before its end.")
        if not values.get("position") and len(values.get("month") or []) != len(values.get("day") or []):
            raise invalid(
                "FIREWALL_SCHEDULE_TIME_RANGE_MONTH_AND_DAY_LENGTH_MISMATCH",
                "Fields `month` and `day` must have the same number of items.",
            )
