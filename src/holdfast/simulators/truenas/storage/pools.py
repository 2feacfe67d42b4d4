"""Pools and their devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.storage.disks import Disk
from holdfast.simulators.truenas.wire import from_epoch

CLASSES = ("data", "log", "cache", "spare", "special", "dedup")
PARITY = {"RAIDZ1": 1, "RAIDZ2": 2, "RAIDZ3": 3, "DRAID1": 1, "DRAID2": 2, "DRAID3": 3}
MIN_DISKS = {"STRIPE": 1, "MIRROR": 2, "RAIDZ1": 3, "RAIDZ2": 4, "RAIDZ3": 5, "DRAID1": 2, "DRAID2": 3, "DRAID3": 4}
ERRORS = ("read_errors", "write_errors", "checksum_errors")
_WORST = ("ONLINE", "DEGRADED", "OFFLINE", "UNAVAIL", "REMOVED", "FAULTED")


def human_size(value: int) -> str:
    """A size as the appliance words it: 14.6T."""
    number = float(value)
    for unit in ("", "K", "M", "G", "T", "P"):
        if number < 1024 or unit == "P":
            return f"{number:.2f}".rstrip("0").rstrip(".") + unit
        number /= 1024
    return str(value)


@dataclass
class Vdev:
    """A device of a pool: a disk, or a group of devices. `guid` is unique on the box."""

    kind: str
    guid: str
    disk: Disk | None = None
    children: list[Vdev] = field(default_factory=list)
    state: str = "ONLINE"
    errors: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ERRORS, 0))
    label: str = ""

    def leaves(self) -> Iterator[Vdev]:
        """The disks under this device."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    @property
    def size(self) -> int:
        """Usable bytes."""
        if not self.children:
            return self.disk.size if self.disk is not None else 0
        smallest = min(child.size for child in self.children)
        if self.kind == "MIRROR":
            return smallest
        return smallest * (len(self.children) - PARITY.get(self.kind, 0))

    @property
    def status(self) -> str:
        """ONLINE, DEGRADED, FAULTED, or the leaf's own state."""
        if not self.children:
            return self.state
        lost = sum(child.status != "ONLINE" for child in self.children)
        spare = len(self.children) - 1 if self.kind == "MIRROR" else PARITY.get(self.kind, 0)
        return "ONLINE" if not lost else "DEGRADED" if lost <= spare else "FAULTED"

    def name(self, index: int) -> str:
        """What ZFS calls it."""
        if self.disk is not None:
            return self.label or f"{self.disk.name}1"
        return f"{self.kind.lower()}-{index}"

    def row(self, index: int, allocated: int, size: int, now: float) -> Row:
        """The device as `topology` shows it."""
        disk = self.disk
        return {
            "name": self.name(index),
            "type": "DISK" if disk is not None else self.kind,
            "path": f"/dev/disk/by-partuuid/{_partuuid(self.guid)}" if disk is not None else None,
            "guid": self.guid,
            "status": self.status,
            "stats": {
                "timestamp": int(now * 1e9),
                **self.errors,
                "checksum_errors": self.errors["checksum_errors"],
                "ops": [0] * 7,
                "bytes": [0] * 7,
                "size": size,
                "allocated": allocated,
                "fragmentation": 4,
                "self_healed": 0,
                "configured_ashift": 12,
                "logical_ashift": 12,
                "physical_ashift": 12,
            },
            "children": [child.row(number, 0, child.size, now) for number, child in enumerate(self.children)],
            "unavail_disk": None,
            **(
                {"device": f"{disk.name}1", "disk": disk.name if self.state not in ("REMOVED", "UNAVAIL") else None}
                if disk is not None
                else {}
            ),
        }


def _partuuid(guid: str) -> str:
    text = f"{int(guid):032x}"[-32:]
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass
class Scan:
    """The last scrub or resilver. Times are seconds since the epoch; `done` from 0 to 1."""

    function: str
    state: str
    started: float
    ended: float | None
    total: int
    done: float
    errors: int = 0
    paused: float | None = None
    duration: float = 1.0

    @property
    def halted(self) -> bool:
        """Whether it does not go on by itself."""
        return self.paused is not None or self.state != "SCANNING"

    def row(self, now: float) -> Row:
        """The scan as `pool.query` shows it."""
        running = self.state == "SCANNING"
        return {
            "function": self.function,
            "state": self.state,
            "start_time": from_epoch(self.started),
            "end_time": from_epoch(self.ended) if self.ended is not None else None,
            "percentage": round(self.done * 100, 3),
            "bytes_to_process": self.total,
            "bytes_processed": int(self.total * self.done),
            "bytes_issued": int(self.total * self.done),
            "pause": from_epoch(self.paused) if self.paused is not None else None,
            "errors": self.errors,
            "total_secs_left": int(self.duration * (1 - self.done)) + 1 if running and self.paused is None else None,
        }


@dataclass
class Pool:
    """One pool. `number` is the database id of `pool.*` methods (0: the boot pool)."""

    number: int
    name: str
    guid: str
    vdevs: dict[str, list[Vdev]]
    autotrim: str = "OFF"
    upgraded: bool = True
    scan: Scan | None = None
    expand: Row | None = None
    created: float = 0.0
    checksum: str | None = None
    dedup_quota: str | None = "auto"
    history: list[tuple[float, int]] = field(default_factory=list)

    def all_vdevs(self) -> Iterator[tuple[str, Vdev]]:
        """Every top-level device with its class."""
        for name in CLASSES:
            for vdev in self.vdevs.get(name, ()):
                yield name, vdev

    def leaves(self) -> Iterator[Vdev]:
        """Every disk device."""
        for _, vdev in self.all_vdevs():
            yield from vdev.leaves()

    def disks(self) -> list[Disk]:
        """Its disks."""
        return [leaf.disk for leaf in self.leaves() if leaf.disk is not None]

    def find(self, label: str) -> tuple[Vdev, Vdev | None] | None:
        """The device with this guid or name, and its parent."""

        def search(vdev: Vdev, parent: Vdev | None, index: int) -> tuple[Vdev, Vdev | None] | None:
            names = {vdev.guid, vdev.name(index)}
            if vdev.disk is not None:
                names |= {vdev.disk.name, f"/dev/disk/by-partuuid/{_partuuid(vdev.guid)}"}
            if label in names:
                return vdev, parent
            for number, child in enumerate(vdev.children):
                found = search(child, vdev, number)
                if found is not None:
                    return found
            return None

        for vdevs in self.vdevs.values():
            for index, vdev in enumerate(vdevs):
                found = search(vdev, None, index)
                if found is not None:
                    return found
        return None

    @property
    def size(self) -> int:
        """Usable bytes of its data (and special) devices."""
        return sum(vdev.size for name, vdev in self.all_vdevs() if name in ("data", "special", "dedup"))

    @property
    def status(self) -> str:
        """ONLINE, DEGRADED or FAULTED."""
        states = [vdev.status for name, vdev in self.all_vdevs() if name in ("data", "special", "dedup")]
        worst = max(states, key=_WORST.index, default="ONLINE")
        return "FAULTED" if worst in ("OFFLINE", "UNAVAIL", "REMOVED") else worst

    def row(self, allocated: int, now: float) -> Row:
        """The pool as `pool.query` shows it (26 adds `all_sed`)."""
        status = self.status
        errors = any(any(leaf.errors.values()) for leaf in self.leaves())
        size = self.size
        detail: dict[str, tuple[str | None, str | None]] = {
            "ONLINE": ("OK", None),
            "DEGRADED": (
                "OFFLINE_DEV",
                "One or more devices has been taken offline by the administrator. Sufficient replicas exist for the "
                "pool to continue functioning in a degraded state.",
            ),
            "FAULTED": ("FAULTED_DEV_NR", "One or more devices are faulted in response to persistent errors."),
        }
        code, text = detail[status]
        if status == "ONLINE" and not self.upgraded:
            code, text = "FEAT_DISABLED", "Some supported and requested features are not enabled on the pool."
        if errors and status == "ONLINE":
            code, text = "FAILING_DEV", "One or more devices has experienced an unrecoverable error."
        topology: Row = {}
        for name in CLASSES:
            vdevs = self.vdevs.get(name, [])
            topology[name] = [
                vdev.row(index, allocated // max(len(vdevs), 1) if name == "data" else 0, vdev.size, now)
                for index, vdev in enumerate(vdevs)
            ]
        return {
            "id": self.number,
            "name": self.name,
            "guid": self.guid,
            "path": f"/mnt/{self.name}" if self.number else "/",
            "status": status,
            "scan": self.scan.row(now) if self.scan is not None else None,
            "expand": self.expand,
            "is_upgraded": self.upgraded,
            "healthy": status == "ONLINE" and not errors,
            "warning": errors or (status == "ONLINE" and not self.upgraded),
            "status_code": code,
            "status_detail": text,
            "size": size,
            "allocated": allocated,
            "free": size - allocated,
            "freeing": 0,
            "dedup_table_size": 0,
            "dedup_table_quota": self.dedup_quota,
            "fragmentation": "4",
            "size_str": str(size),
            "allocated_str": str(allocated),
            "free_str": str(size - allocated),
            "freeing_str": "0",
            "autotrim": _property(self.autotrim.lower()),
            "topology": topology,
            "all_sed": False,
        }


def _property(raw: str) -> dict[str, Any]:
    return {"value": raw, "rawvalue": raw, "parsed": raw, "source": "DEFAULT" if raw == "off" else "LOCAL"}
