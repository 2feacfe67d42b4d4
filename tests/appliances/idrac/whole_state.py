"""All that a simulated server is set to, for tests that leave nothing behind.

Everything that the simulator keeps is compared, except what is named here with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from holdfast.simulators.idrac.attributes import GROUPS
from tests.appliances.idrac.cases import bmc_of
from tests.support.rooms import Room

_HOUSE: Final = "holdfast.simulators.idrac."
NOT_SETTINGS: Final[Mapping[str, str]] = {
    "world": "what it is built from",
    "server": "what it is built from",
    "persona": "what it is built from",
    "routes": "what it is built from",
    "hw": "what it is built from",
    "timeline": "its clock",
    "faults": "set by tests",
    "health": "what happens to parts, not what they are set to",
    "guard": "logins that were refused",
    "sessions": "logins",
    "mutations": "a count",
    "sel": "a log",
    "lclog": "a log",
    "jobs": "the queue keeps what is over; what is not over is compared as `unfinished`",
    "work": "what jobs do",
    "sensors": "what they measure; limits that a user set are compared",
    "life": "restarts of the iDRAC",
    "host": "restarts of the server; its power is compared",
    "attributes": "compared by their values: one that was set back is no change",
}
_COUNTS: Final = frozenset({"erased", "delivered", "received", "_seen", "_number", "_key"})
"""How often a drive was erased, events that went out, images that came in, keys of signing requests: no settings."""


def whole_state(lab: Room) -> dict[str, Any]:
    """What the simulated server is set to, part by part."""
    bmc = bmc_of(lab)
    bmc.timeline.settle()
    found = {name: _plain(value) for name, value in vars(bmc).items() if name not in NOT_SETTINGS}
    return found | {
        "certificates": bmc.certificates.pem,
        "bios": (_plain(bmc.bios.all()), _plain(bmc.bios.pending), bmc.bios.committed),
        "attributes": {name: bmc.attributes.all(name) for name in GROUPS},
        "power": bmc.host.state,
        "licence": bmc.licence,
        "installed_licence": None,
        "sensors": _plain(bmc.sensors.user_thresholds),
        "unfinished": sorted(job.id for job in bmc.jobs.visible() if not job.over),
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The parts that are not the same, before and after."""
    return {name: (before.get(name), after[name]) for name in after if before.get(name) != after[name]}


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    if type(value).__module__.startswith(_HOUSE) and type(value).__name__ != "Bmc":
        kept = vars(value) if hasattr(value, "__dict__") else {}
        return {
            name: _plain(one)
            for name, one in kept.items()
            if name not in _COUNTS and name not in NOT_SETTINGS and not callable(one)
        }
    return type(value).__name__
