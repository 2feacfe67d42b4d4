"""Faults that a test or a demonstration switches on (contract section 18.7)."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

Option = str | int | float | bool
Options = dict[str, Option]

# Name → what it does, and its options with their defaults. `method` is a pattern of method names; `count` how often the
# fault strikes (0: until cleared).
KNOWN: dict[str, tuple[str, Options]] = {
    "cut-after-send": ("Drop the socket when a call arrives; it is not executed.", {"method": "*", "count": 1}),
    "cut-after-commit": ("Execute a call, then drop the socket without an answer.", {"method": "*", "count": 1}),
    "no-answer": ("Execute a call and answer nothing; the socket stays open.", {"method": "*", "count": 1}),
    "truncated-frame": ("Execute a call, answer with half a frame and drop the socket.", {"method": "*", "count": 1}),
    "slow-call": ("Wait before executing a call.", {"method": "*", "count": 0, "delay_s": 1.0}),
    "too-many-calls": ("Refuse a call with -32000: not started.", {"method": "*", "count": 1}),
    "call-fails": (
        "A call fails with this errno, before its work or (after_work) with its work done.",
        {
            "method": "*",
            "count": 1,
            "errno": 14,
            "reason": "Operation failed",
            "validation": False,
            "after_work": False,
        },
    ),
    "job-fails": (
        "A job fails, before its work or (after_work) with its work done.",
        {
            "method": "*",
            "count": 1,
            "errno": 14,
            "reason": "Operation failed",
            "validation": False,
            "attribute": "data",
            "after_work": False,
        },
    ),
    "values-refused": (
        "A call's values are refused with -32602, before a job is started.",
        {"method": "*", "count": 1, "attribute": "data", "reason": "Invalid value"},
    ),
    "job-partial": ("A job succeeds although a part of it failed.", {"method": "*", "count": 1}),
    "job-stuck": ("A job stays at 50 % for ever.", {"method": "*", "count": 0}),
    "slow-job": ("A job takes so many seconds longer.", {"method": "*", "count": 0, "seconds": 60.0}),
    "service-false": ("A service cannot be started: false, or an error when not silent.", {"service": "*", "count": 1}),
    "service-unknown": ("The state of a service cannot be probed.", {"service": "*", "count": 0}),
    "rate-limited": ("Refuse calls before login with EBUSY.", {"method": "*", "count": 0}),
    "upgrade-502": ("The reverse proxy answers 502.", {"count": 1}),
    "not-allowed": ("Close every new socket with 1008: the address is not on the allow-list.", {"count": 0}),
    "idle-close": ("Cut sockets after so many seconds of server silence.", {"seconds": 60.0}),
    "standby": ("Logins answer REDIRECT, as a standby node does.", {"url": "https://192.0.2.2", "count": 0}),
    "interface-commit-lost": (
        "interface.commit applies the change, and the socket drops before the answer; timer: the rollback was armed.",
        {"timer": True, "count": 1},
    ),
    "new-address-dead": ("interface.commit makes the box unreachable until it rolls back by itself.", {"count": 1}),
    "docker-down": ("The apps service is in this state.", {"status": "FAILED"}),
    "update-error": ("The update check fails.", {"reason": "Network is unreachable"}),
    "booting": ("system.state says BOOTING.", {}),
    "key-revoked": ("At once: revoke the keys of a user (of the service account).", {"username": ""}),
    "restart": ("At once: the middleware restarts; sockets drop, jobs are forgotten.", {"down_s": -1.0}),
    "reboot": ("At once: the system reboots.", {}),
    "drop-sockets": ("At once: all sockets drop; nothing is forgotten.", {}),
    "terminate-sessions": ("At once: another administrator closes all sessions (1000).", {}),
    "notify-unsubscribed": ("At once: the server ends subscriptions.", {"collection": "*"}),
    "reboot-required": ("At once: a reboot is needed.", {"code": "FIPS", "reason": "FIPS configuration was changed."}),
    "pool-degraded": ("At once: a disk of a pool fails.", {"pool": "", "disk": ""}),
}
IMMEDIATE = frozenset(
    {
        "key-revoked",
        "restart",
        "reboot",
        "drop-sockets",
        "terminate-sessions",
        "notify-unsubscribed",
        "reboot-required",
        "pool-degraded",
    }
)


@dataclass
class Fault:
    """One fault that is switched on."""

    name: str
    options: Options
    left: int | None

    def text(self, option: str) -> str:
        """An option as text."""
        return str(self.options[option])

    def number(self, option: str) -> float:
        """An option as a number."""
        return float(self.options[option])

    def flag(self, option: str) -> bool:
        """An option as a switch."""
        return bool(self.options[option])


class Faults:
    """The faults that are on."""

    def __init__(self) -> None:
        self._active: list[Fault] = []

    @staticmethod
    def make(name: str, options: Options) -> Fault:
        """A fault with its defaults filled in.

        Raises:
            LookupError: This appliance has no such fault.
            ValueError: The fault has no such option.
        """
        if name not in KNOWN:
            raise LookupError(name)
        unknown = set(options) - set(KNOWN[name][1])
        if unknown:
            raise ValueError(f"{name} has no option {', '.join(sorted(unknown))}")
        merged = {**KNOWN[name][1], **options}
        count = int(merged.get("count", 0))
        return Fault(name, merged, count or None)

    def add(self, fault: Fault) -> None:
        """Switch it on."""
        self._active.append(fault)

    def clear(self) -> None:
        """Switch all off."""
        self._active.clear()

    def take(self, name: str, subject: str = "", *, option: str = "method") -> Fault | None:
        """The fault of this name that strikes now, counted down; None when there is none."""
        for fault in self._active:
            if fault.name != name or not fnmatchcase(subject, str(fault.options.get(option, "*"))):
                continue
            if fault.left is not None:
                fault.left -= 1
                if fault.left <= 0:
                    self._active.remove(fault)
            return fault
        return None
