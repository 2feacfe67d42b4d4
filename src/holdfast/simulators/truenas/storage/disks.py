"""Disks of the machine, as its world describes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from holdfast.simulators.world import Server

TIB = 1024**4
DATA_DISK_SIZE = 16 * 10**12
BOOT_DISK_SIZE = 480 * 10**9


@dataclass
class Disk:
    """One disk. `temperature` in °C (None: not known), sizes in bytes."""

    name: str
    serial: str
    size: int
    model: str
    kind: str
    bus: str
    lunid: str | None
    rotationrate: int | None
    slot: int | None
    temperature: int | None
    description: str = ""
    hddstandby: str = "ALWAYS ON"
    advpowermgmt: str = "DISABLED"
    passwd: str = ""
    exported_pool: str | None = None

    @property
    def identifier(self) -> str:
        """The key of `disk.*` methods."""
        return f"{{serial_lunid}}{self.serial}_{self.lunid}" if self.lunid else f"{{serial}}{self.serial}"


def disks_of(server: Server) -> dict[str, Disk]:
    """The server's data disks (sda, sdb, …) and its boot device, by name."""
    disks: dict[str, Disk] = {}
    for number, serial in enumerate(server.disk_serials):
        name = f"sd{chr(ord('a') + number)}"
        digest = hashlib.sha256(serial.encode()).hexdigest()
        disks[name] = Disk(
            name=name,
            serial=serial,
            size=DATA_DISK_SIZE,
            model="ST16000NM004J",
            kind="HDD",
            bus="SCSI",
            lunid=f"5000c500{digest[:8]}",
            rotationrate=7200,
            slot=number,
            temperature=33 + number % 4,
        )
    disks["nvme0n1"] = Disk(
        name="nvme0n1",
        serial=f"BOSS{server.service_tag}",
        size=BOOT_DISK_SIZE,
        model="Dell BOSS-N1",
        kind="SSD",
        bus="NVME",
        lunid=None,
        rotationrate=None,
        slot=None,
        temperature=41,
    )
    return disks
