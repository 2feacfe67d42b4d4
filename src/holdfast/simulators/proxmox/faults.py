"""Appliance faults that tests switch on (contract section 17, duties 7 and 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

Option: TypeAlias = str | int | float | bool

# Every fault: what it does and the options it takes; `count` limits how often it strikes (unlimited when absent).
KNOWN: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "node-offline": ("A node leaves the cluster: 595 for what is proxied to it.", frozenset({"node"})),
    "node-stalled": (
        "A node accepts calls and answers 596 after 30 s (or delay_s); writes run execute_after_s later.",
        frozenset({"node", "delay_s", "execute_after_s", "count"}),
    ),
    "quorum-lost": ("The cluster file system is read-only; guests do not start.", frozenset()),
    "guest-lock": ("A guest carries a configuration lock, for some seconds.", frozenset({"vmid", "lock", "seconds"})),
    "lock-timeout": ("The configuration lock file of a guest is not given in time.", frozenset({"vmid", "count"})),
    "migrating": ("A guest moves to target just before the next write to it.", frozenset({"vmid", "target", "count"})),
    "workers-busy": (
        "All daemon workers are busy: privileged calls wait, 596 at 30 s.",
        frozenset({"delay_s", "count"}),
    ),
    "worker-fails": ("Workers cannot be started: 500 got no worker upid.", frozenset({"kind", "count"})),
    "task-fails": (
        "Tasks end with an error text; with after_work when their work is done.",
        frozenset({"kind", "vmid", "text", "after_work", "count"}),
    ),
    "task-warnings": ("Tasks end with WARNINGS: n.", frozenset({"kind", "vmid", "warnings", "count"})),
    "task-hangs": ("Tasks never end by themselves.", frozenset({"kind", "vmid", "count"})),
    "task-vanishes": ("Workers die without a word: unexpected status.", frozenset({"kind", "vmid", "count"})),
    "task-late": ("A new task is unknown for some seconds.", frozenset({"seconds", "count"})),
    "ticket-expired": ("All tickets issued so far are invalid.", frozenset()),
    "token-refused": ("API tokens are refused.", frozenset()),
    "permission-denied": ("A privilege is withdrawn below a path.", frozenset({"privilege", "path"})),
    "storage-offline": ("A storage does not answer.", frozenset({"storage", "node"})),
    "storage-hangs": (
        "Calls that touch storages hang: 596 after 30 s (or delay_s).",
        frozenset({"storage", "node", "delay_s", "count"}),
    ),
    "agent-down": ("The guest agent does not answer.", frozenset({"vmid"})),
    "nextid-race": ("Somebody else takes the id that nextid gives.", frozenset({"count"})),
    "stale-statistics": ("The statistics daemon of a node is silent.", frozenset({"node"})),
    "internal-error": ("A call fails with a raw 500.", frozenset({"path", "text", "count"})),
    "late-error": (
        "A write is carried out, then answered with this status (500): a text of the API, about a field where one is "
        "named, or from 502 on an empty answer of what stands in front.",
        frozenset({"path", "status", "text", "field", "count"}),
    ),
}


@dataclass
class Fault:
    """One fault that is on."""

    name: str
    options: dict[str, Option]
    since_s: float = 0.0

    def number(self, option: str, default: float) -> float:
        """A numeric option."""
        value = self.options.get(option, default)
        return float(value)

    def text(self, option: str, default: str = "") -> str:
        """A textual option."""
        return str(self.options.get(option, default))


class Faults:
    """The faults that are on."""

    def __init__(self) -> None:
        self._on: list[Fault] = []

    def set(self, name: str, options: dict[str, Option], now: float) -> Fault:
        """Switch a fault on; LookupError for an unknown one, TypeError for an option it does not take."""
        if name not in KNOWN:
            raise LookupError(name)
        unknown = sorted(set(options) - KNOWN[name][1])
        if unknown:
            raise TypeError(f"{name} takes no option {', '.join(unknown)}")
        fault = Fault(name, dict(options), now)
        self._on.append(fault)
        return fault

    def clear(self) -> list[Fault]:
        """Switch all off; what was on."""
        gone, self._on = self._on, []
        return gone

    def find(self, name: str, **matching: Option) -> Fault | None:
        """The first fault of this name whose options, where given, equal these; its count stays."""
        for fault in self._on:
            if fault.name == name and all(
                key not in fault.options or str(fault.options[key]) == str(value) for key, value in matching.items()
            ):
                return fault
        return None

    def strike(self, name: str, **matching: Option) -> Fault | None:
        """Like `find`, and uses the fault up by one."""
        fault = self.find(name, **matching)
        if fault is not None and "count" in fault.options:
            left = int(fault.options["count"]) - 1
            fault.options["count"] = left
            if left <= 0:
                self._on.remove(fault)
        return fault
