"""The parts of one server, derived from the world so that every simulator sees the same serial numbers and MACs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.world import Server

_SYSTEM_GENERATIONS = {1: 11, 2: 12, 3: 13, 4: 14, 5: 15, 6: 16, 7: 17}
_FITTING = {7: (12,), 8: (13,), 9: (14, 15, 16), 10: (17,)}
_BMC_TO_SYSTEM = {7: 12, 8: 13, 9: 15, 10: 17}


@dataclass(frozen=True)
class Dimm:
    """A memory module; capacity in MiB."""

    fqdd: str
    capacity_mib: int
    serial: str


@dataclass(frozen=True)
class NicPort:
    """A port of a network adapter."""

    fqdd: str
    adapter: str
    number: int
    mac: str


@dataclass(frozen=True)
class Disk:
    """A physical disk as built in; its RAID state is kept elsewhere."""

    fqdd: str
    slot: int
    serial: str
    model: str
    media: str
    protocol: str
    capacity_bytes: int
    controller: str


@dataclass(frozen=True)
class Psu:
    """A power supply; capacity in watts."""

    fqdd: str
    number: int
    watts: int
    serial: str


@dataclass(frozen=True)
class Fan:
    """A fan."""

    fqdd: str
    name: str
    base_rpm: int


@dataclass(frozen=True)
class Gpu:
    """A graphics processor."""

    fqdd: str
    model: str
    serial: str


@dataclass(frozen=True)
class Hardware:
    """All parts of one server."""

    server: Server
    system_generation: int
    cpus: tuple[str, ...]
    dimms: tuple[Dimm, ...]
    nics: tuple[NicPort, ...]
    disks: tuple[Disk, ...]
    psus: tuple[Psu, ...]
    fans: tuple[Fan, ...]
    gpus: tuple[Gpu, ...]
    raid: str
    ahci: str
    enclosure: str
    boss: str = ""
    """The controller of the M.2 drives; empty where there is none."""
    boss_disks: tuple[Disk, ...] = ()
    modular: bool = False

    @property
    def generation_text(self) -> str:
        """As `Manager.Model` begins and DellSystem.SystemGeneration says: "15G Monolithic"."""
        return f"{self.system_generation}G {'Modular' if self.modular else 'Monolithic'}"

    @property
    def uuid(self) -> str:
        """The system's UUID, which begins with "DELL" in ASCII and holds the service tag (contract §2)."""
        tag = self.server.service_tag.ljust(7, "0")[:7].encode().hex()
        # The vendor's arrangement, read off contract §13 E2: the first character has its high bit set.
        t = [tag[i : i + 2] for i in range(0, 14, 2)]
        first = f"{int(t[0], 16) | 0x80:02x}"
        return f"4c4c4544-00{t[1]}-{t[2]}10-80{t[3]}-{first}c04f{t[4]}{t[5]}{t[6]}"

    @property
    def board_serial(self) -> str:
        """The board's factory serial number; not the service tag (contract §2)."""
        tag = self.server.service_tag
        return f"CNFCP00{tag[:6]}0A12"

    @property
    def memory_mib(self) -> int:
        """Sum of all modules."""
        return sum(dimm.capacity_mib for dimm in self.dimms)

    @property
    def express_code(self) -> str:
        """The service tag read as a base-36 number."""
        tag = re.sub(r"[^0-9A-Z]", "0", self.server.service_tag.upper())
        return str(int(tag, 36))


def _system_generation(server: Server, persona: Persona) -> int:
    found = re.search(r"[A-Z]\d(\d)\d", server.model)
    if found:
        by_model = _SYSTEM_GENERATIONS.get(int(found.group(1)), 0)
        fits = _FITTING[persona.generation]
        if by_model in fits:
            return by_model
    return 14 if persona.key == "9-14g" else _BMC_TO_SYSTEM[persona.generation]


def _boss(tag: str, persona: Persona, generation: int) -> tuple[str, tuple[Disk, ...]]:
    """The BOSS of a server and its two drives: none before iDRAC9."""
    if persona.generation < 9:
        return "", ()
    modern = generation >= 16
    boss = "BOSS.SL.12-1" if modern else "AHCI.Slot.2-1"
    return boss, tuple(
        Disk(
            fqdd=f"Disk.Direct.{slot}-{slot}:{boss}",
            slot=slot,
            serial=f"M2{tag[-5:]}{slot:03d}",
            model="Dell NVMe PE8010 RI M.2 480GB" if modern else "SSDSCKKB480G8R",
            media="SSD",
            protocol="NVMe" if modern else "SATA",
            capacity_bytes=480_103_981_056,
            controller=boss,
        )
        for slot in (0, 1)
    )


@lru_cache(maxsize=1024)
def build(server: Server, persona: Persona) -> Hardware:
    """The parts of this server under this persona; shared by all simulators of the same server."""
    tag = server.service_tag
    generation = _system_generation(server, persona)
    module_mib = 32_768 if server.memory_bytes >= 128 * 1024**3 else 8_192
    count = max(1, server.memory_bytes // 1024**2 // module_mib)
    banks = [f"{bank}{number}" for number in range(1, 13) for bank in ("A", "B")]
    dimms = tuple(
        Dimm(f"DIMM.Socket.{banks[index]}", module_mib, f"{tag[-4:]}{index:04X}")
        for index in range(min(count, len(banks)))
    )
    nics = tuple(
        NicPort(f"NIC.Integrated.1-{number}-1", "NIC.Integrated.1", number, mac)
        for number, mac in enumerate(server.host_macs, start=1)
    )
    raid = "RAID.Integrated.1-1"
    enclosure = f"Enclosure.Internal.0-1:{raid}"
    disks: list[Disk] = []
    is_hdd_host = server.role == "truenas"
    for slot, serial in enumerate(server.disk_serials):
        hdd = is_hdd_host and slot >= 2
        disks.append(
            Disk(
                fqdd=f"Disk.Bay.{slot}:{enclosure}",
                slot=slot,
                serial=serial,
                model="ST16000NM006J" if hdd else "MZILT960HBHQ0D3",
                media="HDD" if hdd else "SSD",
                protocol="SAS",
                capacity_bytes=16_000_900_661_248 if hdd else 960_197_124_096,
                controller=raid,
            )
        )
    watts = 1400 if generation >= 16 else 750
    psus = tuple(Psu(f"PSU.Slot.{n}", n, watts, f"CNLOD00{tag[:5]}{n:02d}") for n in (1, 2))
    if persona.modular:
        psus = ()  # the chassis has them, and the fans
    fans = tuple(
        Fan(
            f"CoolingController.1.Fan{n}A" if persona.generation == 10 else f"Fan.Embedded.{n}A",
            f"System Board Fan{n}A",
            6000 + 120 * n,
        )
        for n in (() if persona.modular else range(1, 7))
    )
    gpus: tuple[Gpu, ...] = ()
    if server.role == "proxmox" and generation >= 16:
        gpus = (Gpu("Video.Slot.3-1", "NVIDIA L4", f"16542{tag[-3:]}0042"),)
    boss, boss_disks = _boss(tag, persona, generation)
    return Hardware(
        boss=boss,
        boss_disks=boss_disks,
        server=server,
        system_generation=generation,
        cpus=tuple(f"CPU.Socket.{n}" for n in range(1, server.cpu_sockets + 1)),
        dimms=dimms,
        nics=nics,
        disks=tuple(disks),
        psus=psus,
        fans=fans,
        gpus=gpus,
        raid=raid,
        ahci="AHCI.Embedded.1-1",
        enclosure=enclosure,
        modular=persona.modular,
    )
