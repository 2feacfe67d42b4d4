"""The logs: SEL, Lifecycle log, fault list (contract §12.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import lookup_prefix, missing_resource, success
from holdfast.simulators.idrac.health import message_for
from holdfast.simulators.idrac.logs import SEL_LIMIT, Log, Record
from holdfast.simulators.idrac.persona import CHS, MGR, Persona
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Listing, Reply, link

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

SERVICES = f"{MGR}/LogServices"


def entries_path(persona: Persona, log: str) -> str:
    """Where the entries of a log are: MGR/Logs/<log> on iDRAC8."""
    return f"{SERVICES}/{log}/Entries" if persona.generation >= 9 else f"{MGR}/Logs/{log}"


def _names(persona: Persona) -> list[str]:
    return ["Sel", "Lclog", "FaultList"] if persona.fault_list else ["Sel", "Lclog"]


def _services(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, SERVICES, "LogService", [f"{SERVICES}/{name}" for name in _names(bmc.persona)])


def _service(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in _names(bmc.persona):
        raise missing_resource(call.path)
    titles = {"Sel": "SEL Log Service", "Lclog": "Lifecycle Controller Log Service", "FaultList": "Fault List"}
    content = resource(bmc, f"{SERVICES}/{name}", "LogService", titles[name])
    content |= {
        "DateTime": bmc.stamp(bmc.shown_now),
        "DateTimeLocalOffset": "-06:00",
        "Entries": link(entries_path(bmc.persona, name)),
        "LogEntryType": "SEL" if name == "Sel" else "Event",
        "MaxNumberOfRecords": SEL_LIMIT if name == "Sel" else 500_000,
        "OverWritePolicy": "WrapsWhenFull",
        "ServiceEnabled": True,
        "Status": status(),
    }
    if name == "Sel":
        content["Actions"] = {
            "#LogService.ClearLog": action(f"{SERVICES}/Sel/Actions/LogService.ClearLog"),
        }
    return Reply(200, content, volatile=frozenset({"DateTime"}))


def _entry(bmc: Bmc, record: Record, log: str) -> Json:
    base = entries_path(bmc.persona, log)
    path = f"{base}/{record.number}"
    content: Json = {
        "@odata.id": path,
        "@odata.type": bmc.persona.schema("LogEntry"),
        "Created": bmc.log_stamp(record.at),
        "Description": f"Log Entry {record.number}",
        "EntryType": "SEL" if log == "Sel" else "Oem",
        "Id": str(record.number),
        "Links": {"OriginOfCondition": link(CHS)} if record.category == "System Health" else {},
        "Message": record.text,
        "MessageArgs": list(record.args),
        "MessageArgs@odata.count": len(record.args),
        "MessageId": f"{lookup_prefix(bmc.persona, record.message_id)}.{record.message_id}",
        "Name": f"Log Entry {record.number}",
        "Severity": record.severity,
    }
    if log == "Sel":
        content |= {
            "EntryCode": "Assert",
            "SensorNumber": record.number % 256,
            "SensorType": "Power Supply / Converter" if record.message_id.startswith("PSU") else "System Event",
        }
    else:
        content["OemRecordFormat"] = "Dell"
    if bmc.persona.generation >= 9:
        content["Oem"] = {
            "Dell": {
                "@odata.type": "#DellLogEntry.v1_1_0.DellLogEntrySummary"
                if log == "Sel"
                else "#DellLCLogEntry.v1_1_0.DellLCLogEntry",
                "Category": record.category,
                "Comment": record.comment,
                "LastUpdatedByUser": None,
            }
        }
    return content


_CHEAP = frozenset({"Severity", "MessageId", "Created", "Id"})


def _cheap(bmc: Bmc, record: Record, names: frozenset[str]) -> Json:
    """What filters of logs usually look at, without drawing the whole entry."""
    found: Json = {"Severity": record.severity, "Id": str(record.number)}
    if "MessageId" in names:
        found["MessageId"] = f"{lookup_prefix(bmc.persona, record.message_id)}.{record.message_id}"
    if "Created" in names:
        found["Created"] = bmc.log_stamp(record.at)
    return found


def _log(bmc: Bmc, name: str) -> Log:
    return bmc.sel if name == "Sel" else bmc.lclog


def _record(item: object) -> Record:
    if not isinstance(item, Record):
        raise TypeError(item)
    return item


def _entries(name: str) -> Callable[[Bmc, Call], Reply]:
    def handler(bmc: Bmc, call: Call) -> Reply:
        path = entries_path(bmc.persona, name)
        reply = collection(bmc, path, "LogEntry", (), "Log Entry Collection")

        def draw(item: object) -> Json:
            return _entry(bmc, _record(item), name)

        def some(item: object, names: frozenset[str]) -> Json:
            record = _record(item)
            return _cheap(bmc, record, names) if names <= _CHEAP else _entry(bmc, record, name)

        reply.listing = Listing(_log(bmc, name).newest_first(), draw, draw, expanded=True, some=some)
        return reply

    return handler


def _one(name: str) -> Callable[[Bmc, Call], Reply]:
    def handler(bmc: Bmc, call: Call) -> Reply:
        record = _log(bmc, name).find(call.args[0])
        if record is None:
            raise missing_resource(call.path)
        return Reply(200, _entry(bmc, record, name))

    return handler


def _faults(bmc: Bmc) -> list[Record]:
    found = []
    for number, (fqdd, health) in enumerate(bmc.health.conditions.items(), start=1):
        message_id, argument = message_for(fqdd, health)
        found.append(Record(number, bmc.health.since[fqdd], message_id, (argument,)))
    return sorted(found, key=lambda record: -record.at)


def _fault_entry(bmc: Bmc, record: Record) -> Json:
    content = _entry(bmc, record, "FaultList")
    content["EntryType"] = "Event"
    content["MessageId"] = f"{lookup_prefix(bmc.persona, record.message_id)}.{record.message_id}"
    return content


def _fault_entries(bmc: Bmc, call: Call) -> Reply:
    reply = collection(bmc, entries_path(bmc.persona, "FaultList"), "LogEntry", (), "Fault List Entries")

    def draw(item: object) -> Json:
        return _fault_entry(bmc, _record(item))

    reply.listing = Listing(_faults(bmc), draw, draw, expanded=True)
    return reply


def _fault_one(bmc: Bmc, call: Call) -> Reply:
    for record in _faults(bmc):
        if str(record.number) == call.args[0]:
            return Reply(200, _fault_entry(bmc, record))
    raise missing_resource(call.path)


def _clear(bmc: Bmc, call: Call) -> Reply:
    bmc.sel.clear(keep_numbers=False)
    bmc.record("LOG006", "SEL", category="Audit")
    return Reply(204) if bmc.persona.generation >= 9 else success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add log services and entries."""
    routes.get(SERVICES, _services)
    routes.get(f"{SERVICES}/*", _service)
    routes.action(f"{SERVICES}/Sel", "LogService.ClearLog", _clear, privilege="ConfigureManager", locked=False)
    for name in ("Sel", "Lclog"):
        base = entries_path(persona, name)
        routes.get(base, _entries(name))
        routes.get(f"{base}/*", _one(name))
    if persona.fault_list:
        base = entries_path(persona, "FaultList")
        routes.get(base, _fault_entries)
        routes.get(f"{base}/*", _fault_one)
