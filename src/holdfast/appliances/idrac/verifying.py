"""Whether firmware is in force: its job ended, the inventory lists it, health is no worse (contract 12.7, no. 8)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from holdfast.appliances.idrac.changes import Seen
from holdfast.appliances.idrac.inventory import firmware
from holdfast.appliances.idrac.jobs import Job
from holdfast.appliances.idrac.reading import health
from holdfast.appliances.idrac.state import degraded
from holdfast.control.answers import JsonObject

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

JOBS: Final = frozenset({"FirmwareUpdate", "FirmwareRollback"})
LOOK: Final = "idrac_list_inventory section=firmware"
_ID: Final = re.compile(r"(?P<kind>[A-Za-z]+)-(?P<component>[^-]+)-(?P<version>.+?)__(?P<fqdd>.+)")
_REVISION: Final = re.compile(r"_A\d\d(?:_\d+)?$")
_RANKS: Final = {"OK": 0, "Warning": 1, "Critical": 2}
_KEPT: Final = 64
"""Most updates of one iDRAC whose jobs are waited for by a later call."""


@dataclass(frozen=True)
class Entry:
    """What is installed of one part: compared by component and place (contract 12.7)."""

    component: str
    name: str
    version: str


@dataclass(frozen=True)
class Health:
    """Health of the whole server, and what of it is not well."""

    whole: str | None
    degraded: frozenset[str]

    def worse_than(self, before: Health) -> list[str]:
        """What is worse now; what is not told is not worse."""
        now, was = _RANKS.get(self.whole or ""), _RANKS.get(before.whole or "")
        worse = now is not None and was is not None and now > was
        overall = [f"the server is {self.whole}, was {before.whole}"] if worse else []
        return [*overall, *sorted(self.degraded - before.degraded)]


@dataclass(frozen=True)
class Snapshot:
    """Firmware and health at one moment: what is installed, by component and place, and what is stored beside it."""

    installed: Mapping[str, Entry]
    available: frozenset[str]
    health: Health

    @property
    def digest(self) -> JsonObject:
        """Short, for a plan to be bound to: the whole list would be repeated in every answer."""
        lines = sorted(f"{key} {entry.version}" for key, entry in self.installed.items())
        return {"parts": len(lines), "versions_sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]}


@dataclass(frozen=True)
class Wanted:
    """What an update is to install.

    Attributes:
        before: How it was.
        version: As the image's name tells it; None when it tells none.
        component: Its id, where it is known before (a way back); else the job's name tells it.
        restarts: Whether the iDRAC restarts the server for it by itself.
    """

    before: Snapshot
    version: str | None = None
    component: str | None = None
    restarts: bool = False


async def snapshot(client: IDracClient) -> Snapshot:
    """Firmware and health now."""
    installed: dict[str, Entry] = {}
    available: set[str] = set()
    for part in await firmware(client):
        if part.type == "available":
            available.add(part.id)
        elif part.type not in ("previous", "current"):  # installed, or another vendor's, whose ids tell no kind
            found = _ID.fullmatch(part.id)
            component, place = (found["component"], found["fqdd"]) if found else (part.name or part.id, "")
            version = part.version or (found["version"] if found else "")
            installed[f"{component} {place}"] = Entry(component, part.name or component, version)
    system = await client.places.system()
    return Snapshot(installed, frozenset(available), Health(health(system), frozenset(degraded(system))))


def version_in(image: str) -> str | None:
    """The version in the name of a Dell image (`BIOS_7XK1N_WN64_2.22.1.EXE`, `…_51.16.0-4296_A10.EXE`)."""
    stem, dot, _ = image.rpartition("/")[2].rpartition(".")
    last = _REVISION.sub("", stem if dot else "").rpartition("_")[2]
    return last if re.fullmatch(r"\d+(?:[.-]\w+)+|\d{4}[A-Z]\d+", last) else None


def component_in(entry: str) -> tuple[str | None, str | None]:
    """Component and version that the id of an inventory's entry tells."""
    found = _ID.fullmatch(entry)
    return (found["component"], found["version"]) if found else (None, None)


def _numbers(version: str) -> list[str]:
    return [part.lstrip("0") or "0" for part in re.split(r"[^0-9A-Za-z]+", version.casefold()) if part]


def _components(job: Job | None, wanted: Wanted) -> frozenset[str]:
    """Ids of the components that the job is about; empty when nothing tells them."""
    if wanted.component is not None:
        return frozenset({wanted.component})
    named = _named(job)
    return frozenset(one.component for one in wanted.before.installed.values() if one.name.casefold() == named)


def _named(job: Job | None) -> str | None:
    return (job.name or "").partition(": ")[2].strip().casefold() or None if job is not None else None


def judge(wanted: Wanted, now: Snapshot, job: Job | None) -> Seen:
    """What the inventory and the health say of an update, given how its job stands; None without a job."""
    before = wanted.before.installed
    about = _components(job, wanted)
    moved = {key: one for key, one in now.installed.items() if _version(before, key) != one.version}
    ours = {key: one for key, one in moved.items() if not about or one.component in about}
    told = wanted.version is None
    fitting = {
        key: one
        for key, one in ours.items()
        if wanted.version is None or _numbers(one.version) == _numbers(wanted.version)
    }
    state: JsonObject = {"installed": [_told(before, key, one) for key, one in sorted((fitting or ours).items())]}
    if job is not None and job.phase in ("staged", "running"):
        return Seen(False, {"changed": False}, note=f"When its job has ended, idrac_wait_job looks at {LOOK}.")
    if fitting and job is not None and job.phase == "failed":
        return Seen(False, state, note=f"The inventory shows it all the same. Look again: {LOOK}.", partly=True)
    if fitting and (about or not told):
        worse = now.health.worse_than(wanted.before.health)
        if worse:
            note = f"It is installed, but health is worse than before: {'; '.join(worse)}."
            return Seen(False, state, note=note, partly=True)
        return Seen(True, state)
    if ours:
        note = f"The inventory shows another version than the image is called ({wanted.version}), or names no part."
        return Seen(None if told else False, state, note=f"{note} Compare: {LOOK}.", partly=not told)
    stored = sorted(now.available - wanted.before.available)
    if stored:
        note = f"Stored on the iDRAC and not installed: {', '.join(stored)}."
        return Seen(False, {"changed": False, "available": [*stored]}, note=note)
    if wanted.version is not None and any(
        _numbers(one.version) == _numbers(wanted.version) for one in before.values() if one.component in about
    ):
        note = "The same version was installed before: the inventory cannot show that it was installed again."
        return Seen(None, {"changed": False}, note=note)
    note = f"The inventory shows no new version of it; it may be old until the server has started. Look again: {LOOK}."
    return Seen(False, {"changed": False}, note=note)


def _version(entries: Mapping[str, Entry], key: str) -> str | None:
    found = entries.get(key)
    return found.version if found is not None else None


def _told(before: Mapping[str, Entry], key: str, now: Entry) -> str:
    was = _version(before, key)
    return f"{now.name} {now.version}" + (f" (was {was})" if was is not None else "")


class _Updates:
    """Updates whose jobs this process began, so that who waits for a job can verify it."""

    def __init__(self) -> None:
        self._wanted: WeakKeyDictionary[IDracClient, dict[str, Wanted]] = WeakKeyDictionary()

    def keep(self, client: IDracClient, job: str, wanted: Wanted) -> None:
        """What a job is to install."""
        kept = self._wanted.setdefault(client, {})
        kept[job] = wanted
        while len(kept) > _KEPT:
            del kept[next(iter(kept))]

    def of(self, client: IDracClient, job: str) -> Wanted | None:
        """What a job is to install; None when this process did not begin it."""
        return self._wanted.get(client, {}).get(job)


updates: Final = _Updates()


async def after_job(client: IDracClient, job: Job) -> tuple[bool | None, str]:
    """Whether firmware is in force whose job has ended, and what to tell.

    True and False only where this process knows what was to be installed; else the reader is told what is.
    """
    wanted = updates.of(client, job.id)
    now = await snapshot(client)
    if wanted is None:
        named = _named(job)
        found = sorted({f"{one.name} {one.version}" for one in now.installed.values() if one.name.casefold() == named})
        installed = f"Installed now: {', '.join(found)}. " if found else ""
        return None, f"{installed}Compare it with the version that was wanted: {LOOK}; and see idrac_get_health."
    seen = judge(wanted, now, job)
    shown = seen.state.get("installed") if seen.state else None
    told = f"Installed: {', '.join(str(one) for one in shown)}. " if isinstance(shown, list) and shown else ""
    verified = seen.reached if job.phase == "done" else None
    return verified, f"{told}{seen.note or 'Health is no worse than before.'}"
