"""All that a simulated TrueNAS is set to, for tests that leave nothing behind.

Everything that the simulator's parts keep is compared, except what is named here with its reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from holdfast.simulators.truenas.crud import Settings, Table
from holdfast.simulators.truenas.registry import Namespace
from holdfast.simulators.truenas.storage.store import Store
from tests.appliances.truenas.harness import box
from tests.support.rooms import Room

NOT_SETTINGS: Final[Mapping[str, str]] = {
    "Audit.records": "a log",
    "Identities._tokens": "logins",
    "Identities._scram_keys": "logins",
    "Auth._certificates": "logins",
    "Catalog.synced_at": "a time",
    "CloudSync.sync_jobs": "jobs that ran",
    "CloudSync.backup_jobs": "jobs that ran",
    "CloudSync.rsync_jobs": "jobs that ran",
    "Replication.last": "jobs that ran",
    "Replication._states": "what runs have come to",
    "SnapshotTasks._states": "what runs have come to",
    "Accounts.service_key": "a credential of the tests",
}
CONSUMED: Final = frozenset({"_last", "_last_pool", "_txg", "random"})
"""The next number, transaction group or random number of a table: what was made once is never numbered so again."""
_NOTHING: Final[tuple[object, ...]] = (None, [], {})
_HOUSE: Final = "holdfast.simulators.truenas."


def whole_state(made: Room) -> dict[str, Any]:
    """What the simulated system is set to, part by part; what several parts share is told once."""
    found: dict[str, Any] = {}
    told: set[int] = set()
    for kind, part in box(made).box._namespaces.items():
        for name, value in vars(part).items():
            where = f"{kind.__name__}.{name}"
            if name in ("box", "registrations") or where in NOT_SETTINGS or not _is_state(value):
                continue
            if id(value) not in told:
                found[where] = _plain(value)
            if isinstance(value, Table | Settings | Store):
                told.add(id(value))
    return found


def difference(before: object, after: object, where: str = "") -> dict[str, tuple[object, object]]:
    """What is not the same, by where it stands: before and after."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, tuple[object, object]] = {}
        for name in before | after:
            found |= difference(before.get(name), after.get(name), f"{where}.{name}" if where else str(name))
        return found
    same = before == after or (before in _NOTHING and after in _NOTHING)
    return {} if same else {where: (before, after)}


def _is_state(value: object) -> bool:
    """Whether it is a part's own, and not another part or a function."""
    return not (callable(value) or isinstance(value, Namespace))


def _plain(value: object) -> Any:
    if isinstance(value, Table):
        return {str(key): _plain(row) for key, row in value.rows.items()}
    if isinstance(value, Settings):
        return _plain(value.row)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if type(value).__module__.startswith(_HOUSE):
        return {name: _plain(one) for name, one in vars(value).items() if name not in CONSUMED and _is_state(one)}
    return type(value).__name__
