"""Faults of the appliance itself, switchable per path and count (contract §14).

Faults of the wire (refused connections, black holes, drips) belong to whoever serves the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.simulators.idrac import messages

Option = str | int | float | bool

NOT_READY_DISGUISES = ("sys518", "swc0700", "empty-503", "empty-systems")
"""The four usual ways in which an iDRAC says that it is not ready (contract §5.2, §2 no. 5, §14)."""
MORE_DISGUISES = ("sys518-400", "rac964", "busy-503", "late-404")

_COMMON: dict[str, Option] = {"path": "", "method": "", "count": 0, "for_s": 0.0}


@dataclass(frozen=True)
class Kind:
    """A fault that can be switched on: what it does, its own options with their defaults."""

    summary: str
    options: Mapping[str, Option] = field(default_factory=dict)


FAULTS: Mapping[str, Kind] = {
    # sessions and credentials
    "sessions-full": Kind(
        "Somebody else's sessions fill the pool but for `leave`: a login is RAC0218, as this status.",
        {"kind": "GUI", "leave": 0, "status": 503},
    ),
    "password-locked": Kind("Every password is refused (401 SYS415), the right one too."),
    "late-logins": Kind("For so long after a restart right passwords are refused too (401).", {"seconds": 30.0}),
    "address-blocked": Kind("Connections of the client's address are dropped.", {"seconds": 60.0}),
    "expired-token": Kind("The next request with a token finds all sessions gone (401)."),
    "html-401": Kind("401 with a web page instead of a Redfish error."),
    # readiness and restarts
    "not-ready": Kind(
        "Not ready, in a disguise: sys518, swc0700, empty-503, empty-systems, sys518-400, rac964, busy-503, late-404.",
        {"disguise": "sys518", "retry_after_s": 30},
    ),
    "bmc-reset": Kind("The iDRAC restarts now and is away for so many simulated seconds.", {"seconds": 0.0}),
    "systems-empty": Kind("Systems is an empty collection for a while.", {"seconds": 120.0}),
    # jobs
    "job-fails": Kind(
        "Jobs of this JobType (any when empty) fail; with `after_work` when their work is done.",
        {"type": "", "message_id": "PR21", "after_work": False},
    ),
    "job-completed-with-errors": Kind("Jobs end as CompletedWithErrors.", {"type": ""}),
    "job-vanishes": Kind(
        "Jobs cannot be found anywhere so long after their start; what they do is done.", {"type": "", "after_s": 0.0}
    ),
    "job-stuck": Kind("Jobs stay Running and do nothing.", {"type": ""}),
    "job-user-intervention": Kind("Jobs end as UserIntervention at 100 %.", {"type": ""}),
    "job-late": Kind("A new job is 404 for so long.", {"type": "", "seconds": 5.0}),
    "job-no-location": Kind("202 without a Location."),
    # answers that mislead
    "success-with-error-body": Kind("A write answers 200 with an error body, executed or not.", {"executed": True}),
    "empty-body": Kind("The right status, no body."),
    "error-object": Kind("ExtendedInfo is a single object."),
    "error-without-info": Kind("An error without ExtendedInfo."),
    "html-error": Kind("A web page with this status.", {"status": 500}),
    "late-error": Kind(
        "A write is carried out, and then answered with this status and a web page, or nothing when `empty`.",
        {"status": 504, "empty": False},
    ),
    "internal-error": Kind("500, or this status, with this message id.", {"message_id": "RAC964", "status": 500}),
    "value-refused": Kind(
        "A write is 400: a property of it is refused with these messages; `related` names it by pointer, name or none.",
        {"messages": "PropertyValueNotInList,SYS426", "property": "", "related": "pointer"},
    ),
    "query-refused": Kind("A GET with any query option is 400 (SYS407)."),
    "too-many": Kind("429.", {"retry_after_s": 0}),
    "busy": Kind("503 ServiceTemporarilyUnavailable.", {"retry_after_s": 0}),
    "foreign-link": Kind("Location and nextLink point to another host.", {"origin": "https://elsewhere.example"}),
    "expand-refused": Kind("$expand is refused with this status.", {"status": 400}),
    "expand-ignored": Kind("$expand is ignored."),
    "next-link-loop": Kind("nextLink points to the page that it is on."),
    # slowness
    "slow": Kind("Answers take so many real seconds.", {"seconds": 1.0}),
    "storage-slow": Kind("Storage answers take so many real seconds.", {"seconds": 5.0}),
    "overload": Kind("More requests in flight than this are refused (503, on iDRAC10 429).", {"limit": 2}),
    # the machine
    "lockdown": Kind("System lockdown mode is on."),
    "licence": Kind("The licence is this tier: Basic, Express, Enterprise or Datacenter.", {"tier": "Express"}),
    "clock-skew": Kind("The iDRAC's clock is so many seconds ahead.", {"seconds": 3600.0}),
    "acpi-ignored": Kind("The operating system ignores a graceful shutdown."),
    "stale-media": Kind("After an eject the medium still shows as inserted for a while.", {"seconds": 10.0}),
    "media-unreachable": Kind("Images cannot be fetched."),
    "share-unreachable": Kind("Network shares cannot be mounted."),
    "component": Kind("A part is not well: OK, Warning or Critical.", {"id": "PSU.Slot.2", "health": "Critical"}),
    "null-readings": Kind("All sensor readings are null."),
}
"""All faults by name. Each also takes `path` (part of the path), `method`, `count` (ends by itself after so many) and
`for_s` (after so many simulated seconds)."""


@dataclass
class Fault:
    """A fault that is switched on; `remaining` counts down when a count was given."""

    name: str
    options: dict[str, Option]
    remaining: int | None = None
    until: float | None = None

    def text(self, name: str) -> str:
        """A string option."""
        return str(self.options[name])

    def number(self, name: str) -> float:
        """A numeric option."""
        return float(self.options[name])

    def flag(self, name: str) -> bool:
        """A boolean option."""
        return bool(self.options[name])


def _check_messages(name: str, ids: str) -> None:
    """Messages that no registry has could not be sent later."""
    for one in ids.split(","):
        try:
            messages.lookup(one)
        except KeyError:
            raise ValueError(f"the fault {name} names the message {one!r}, which no registry has") from None


@dataclass
class Faults:
    """The faults that are on; of each name several may be on with different paths."""

    active: dict[str, list[Fault]] = field(default_factory=dict)

    def add(self, name: str, options: Mapping[str, Option], now: float) -> Fault:
        """Switch a fault on. LookupError: no such fault; ValueError: no such option of it, or of another type."""
        if name not in FAULTS:
            raise LookupError(name)
        known = {**_COMMON, **FAULTS[name].options}
        for option, value in options.items():
            if option not in known:
                raise ValueError(f"the fault {name} has no option {option!r}; it has {', '.join(sorted(known))}")
            if isinstance(known[option], str) is not isinstance(value, str):
                raise ValueError(f"the option {option} of {name} cannot be {value!r}")
            if option in ("message_id", "messages"):
                _check_messages(name, str(value))
        merged = {**known, **options}
        count, for_s = int(merged["count"]), float(merged["for_s"])
        fault = Fault(name, merged, count or None, now + for_s if for_s else None)
        self.active.setdefault(name, []).append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self.active.clear()

    def peek(self, name: str, *, path: str = "", method: str = "", now: float = 0.0) -> Fault | None:
        """The fault when it is on and meant for this request; a count is not used up."""
        faults = self.active.get(name)
        if not faults:
            return None
        for fault in list(faults):
            if fault.until is not None and now >= fault.until:
                faults.remove(fault)
                continue
            if str(fault.options["path"]) in path and str(fault.options["method"]) in ("", method):
                return fault
        return None

    def take(self, name: str, *, path: str = "", method: str = "", now: float = 0.0) -> Fault | None:
        """As `peek`, using up one of its count."""
        fault = self.peek(name, path=path, method=method, now=now)
        if fault is not None and fault.remaining is not None:
            fault.remaining -= 1
            if fault.remaining <= 0:
                self.active[name].remove(fault)
        return fault

    def take_for_type(self, name: str, job_type: str, now: float) -> Fault | None:
        """A job fault for this JobType (or for any)."""
        for fault in list(self.active.get(name, ())):
            if fault.until is not None and now >= fault.until:
                continue
            if fault.options["type"] in ("", job_type):
                if fault.remaining is not None:
                    fault.remaining -= 1
                    if fault.remaining <= 0:
                        self.active[name].remove(fault)
                return fault
        return None
