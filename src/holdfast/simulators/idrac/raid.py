"""Drives and volumes: RAID states, capacity, conflicts (contract §12.11, §14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import missing_resource, refuse
from holdfast.simulators.idrac.hardware import Disk

if TYPE_CHECKING:
    from holdfast.simulators.idrac.hardware import Hardware

LEVELS: dict[str, tuple[int, int]] = {
    "RAID0": (1, 32),
    "RAID1": (2, 2),
    "RAID5": (3, 32),
    "RAID6": (4, 32),
    "RAID10": (4, 32),
    "RAID50": (6, 32),
    "RAID60": (8, 32),
}
OLD_NAMES = {
    "RAID0": "NonRedundant",
    "RAID1": "Mirrored",
    "RAID5": "StripedWithParity",
    "RAID6": "StripedWithParity",
    "RAID10": "SpannedMirrors",
    "RAID50": "SpannedStripesWithParity",
    "RAID60": "SpannedStripesWithParity",
}
READ_POLICIES = ("Off", "ReadAhead", "AdaptiveReadAhead")
WRITE_POLICIES = ("WriteThrough", "ProtectedWriteBack", "UnprotectedWriteBack")


@dataclass
class DriveState:
    """What changes about a drive."""

    raid_status: str = "Ready"
    hotspare: str = "None"
    blinking: bool = False
    erased: int = 0


@dataclass
class Volume:
    """A virtual disk."""

    id: str
    controller: str
    name: str
    level: str
    drives: tuple[str, ...]
    capacity_bytes: int
    read_policy: str = "AdaptiveReadAhead"
    write_policy: str = "ProtectedWriteBack"
    disk_cache: str = "Disabled"
    stripe_bytes: int = 65_536
    encrypted: bool = False
    operation: str | None = None
    pending: dict[str, object] = field(default_factory=dict)


class Raid:
    """The storage of one server."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.disks: dict[str, Disk] = {disk.fqdd: disk for disk in (*hardware.disks, *hardware.boss_disks)}
        self.states: dict[str, DriveState] = {name: DriveState() for name in self.disks}
        self.volumes: dict[str, Volume] = {}
        self.boot_volume: str | None = None
        self.foreign: list[tuple[str, str, tuple[str, ...]]] = []
        """Volumes that drives brought from another controller: name, level, drives."""
        first = [disk.fqdd for disk in hardware.disks[:2]]
        if len(first) == 2:
            volume = self.create("os", "RAID1", first, number=0)
            self.boot_volume = volume.id
        if hardware.boss:
            mirror = self.create("boot", "RAID1", [disk.fqdd for disk in hardware.boss_disks], number=0)
            mirror.read_policy, mirror.write_policy = "Off", "WriteThrough"
            mirror.stripe_bytes = 131_072 if hardware.boss.startswith("BOSS.") else 65_536
        if hardware.server.role == "truenas":
            # A NAS passes its data disks through to the operating system.
            for disk in hardware.disks[2:]:
                self.states[disk.fqdd].raid_status = "NonRAID"

    def bring(self, name: str, level: str, drives: Sequence[str]) -> None:
        """Drives come in that were a volume of another controller."""
        self.foreign.append((name, level, tuple(drives)))
        for fqdd in drives:
            self.states[fqdd].raid_status = "Foreign"

    def foreign_at(self, controller: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """What was brought to one controller."""
        return [one for one in self.foreign if self.disks[one[2][0]].controller == controller]

    def import_foreign(self, controller: str) -> None:
        """Take what was brought over as volumes."""
        for one in self.foreign_at(controller):
            self.create(*one)
            self.foreign.remove(one)

    def clear_foreign(self, controller: str) -> None:
        """Forget what was brought; the drives are ready."""
        for one in self.foreign_at(controller):
            for fqdd in one[2]:
                self.states[fqdd].raid_status = "Ready"
            self.foreign.remove(one)

    def disk(self, fqdd: str, path: str) -> Disk:
        """A disk; refused as missing when there is none."""
        found = self.disks.get(fqdd)
        if found is None:
            raise missing_resource(path)
        return found

    def volume_of(self, fqdd: str) -> Volume | None:
        """The volume that a drive belongs to."""
        return next((volume for volume in self.volumes.values() if fqdd in volume.drives), None)

    def capacity(self, level: str, drives: Sequence[str]) -> int:
        """Usable bytes of a level over these drives."""
        smallest = min(self.disks[fqdd].capacity_bytes for fqdd in drives)
        smallest -= smallest % 1_048_576
        count = len(drives)
        data = {
            "RAID0": count,
            "RAID1": 1,
            "RAID5": count - 1,
            "RAID6": count - 2,
            "RAID10": count // 2,
            "RAID50": count - 2,
            "RAID60": count - 4,
        }[level]
        return smallest * data

    def check(self, level: str, drives: Sequence[str]) -> None:
        """Refuse a volume that cannot be: wrong number of drives, drives in use, mixed media."""
        low, high = LEVELS[level]
        if not low <= len(drives) <= high or (level == "RAID10" and len(drives) % 2) or len(set(drives)) != len(drives):
            raise refuse(400, "STOR034", level)
        for fqdd in drives:
            if self.states[fqdd].raid_status != "Ready" or self.volume_of(fqdd) is not None:
                raise refuse(400, "STOR026", fqdd)
        if len({self.disks[fqdd].media for fqdd in drives}) > 1:
            raise refuse(400, "STOR034", level)

    def free_id(self, controller: str) -> str:
        """The id of the next volume; at a PERC later ones count down from 239, as PERC 11 and later do (E10)."""
        if controller == self.hardware.boss:
            return self._id(0, controller)
        number = 239
        while self._id(number, controller) in self.volumes:
            number -= 1
        return self._id(number, controller)

    @staticmethod
    def _id(number: int, controller: str) -> str:
        return f"Disk.Virtual.{number}:{controller}"

    def create(
        self, name: str, level: str, drives: Sequence[str], *, capacity_bytes: int = 0, number: int | None = None
    ) -> Volume:
        """Make a volume; its drives go online."""
        controller = self.disks[drives[0]].controller
        volume_id = self.free_id(controller) if number is None else self._id(number, controller)
        capacity = self.capacity(level, drives)
        volume = Volume(
            volume_id,
            controller,
            name or f"VD_{volume_id.split(':')[0].rsplit('.', 1)[-1]}",
            level,
            tuple(drives),
            min(capacity, capacity_bytes) if capacity_bytes else capacity,
        )
        self.volumes[volume.id] = volume
        for fqdd in drives:
            self.states[fqdd].raid_status = "Online"
        return volume

    def remove(self, volume_id: str) -> None:
        """Delete a volume; its drives are ready again."""
        volume = self.volumes.pop(volume_id, None)
        if volume is not None:
            for fqdd in volume.drives:
                self.states[fqdd].raid_status = "Ready"
        if self.boot_volume == volume_id:
            self.boot_volume = None
