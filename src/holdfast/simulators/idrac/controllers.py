"""Storage controllers of one server: a PERC, an AHCI without RAID, and from iDRAC9 on a BOSS.

A BOSS holds two M.2 drives for the operating system. It makes a mirror of both and nothing else: no spares, no caches,
no conversion, no full initialisation, no check of consistency (Dell's manuals of the BOSS cards, table of features).
Up to the 15th generation it is a card of its own kind of AHCI with SATA drives, whose changes wait for a restart of the
host; later it is a BOSS-N1 with NVMe drives. That the later one changes at once is assumed, not verified.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.simulators.idrac.hardware import Disk, Hardware
from holdfast.simulators.idrac.raid import LEVELS


@dataclass(frozen=True)
class Controller:
    """What one controller is and can do; `levels` is empty where it makes no volumes."""

    fqdd: str
    title: str
    manufacturer: str
    protocols: tuple[str, ...]
    levels: tuple[str, ...]
    disks: tuple[Disk, ...]
    real_time: bool = True
    boss: bool = False
    stripe_bytes: int = 65_536

    @property
    def array(self) -> bool:
        """Whether it makes volumes."""
        return bool(self.levels)


def controllers_of(hardware: Hardware) -> dict[str, Controller]:
    """All controllers of a server by id."""
    found = [
        Controller(hardware.raid, "PERC H755 Front", "DELL", ("SAS", "SATA"), tuple(LEVELS), hardware.disks),
        Controller(
            hardware.ahci,
            "C620 Series Chipset Family SATA Controller [AHCI mode]",
            "Intel Corporation",
            ("SATA",),
            (),
            (),
        ),
    ]
    if hardware.boss:
        modern = hardware.boss.startswith("BOSS.")
        found.append(
            Controller(
                hardware.boss,
                "BOSS-N1 Monolithic" if modern else "BOSS-S1",
                "DELL",
                ("NVMe",) if modern else ("SATA",),
                ("RAID1",),
                hardware.boss_disks,
                real_time=modern,
                boss=True,
                stripe_bytes=131_072 if modern else 65_536,
            )
        )
    return {one.fqdd: one for one in found}
