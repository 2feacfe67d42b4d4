"""The firmware inventory: what is installed, what can be rolled back to, what was uploaded (contract §12.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.wire import Part

if TYPE_CHECKING:
    from holdfast.simulators.idrac.hardware import Hardware

IDRAC_FQDD = "iDRAC.Embedded.1-1"
BIOS_FQDD = "BIOS.Setup.1-1"
DIRECT_KINDS = frozenset({"idrac", "diagnostics", "driverpack", "oscollector"})
"""Applied without a restart of the host; iDRAC firmware restarts the iDRAC (§12.7 trap 2)."""


@dataclass(frozen=True)
class Component:
    """One updatable part: `kind` is what its packages are recognised by."""

    kind: str
    component_id: str
    fqdd: str
    name: str
    version: str
    previous: str | None = None
    updateable: bool = True

    def inventory_id(self, prefix: str, version: str) -> str:
        """`Installed-<ComponentId>-<Version>__<FQDD>`."""
        return f"{prefix}-{self.component_id}-{version}__{self.fqdd}"


@dataclass(frozen=True)
class Uploaded:
    """An image that lies on the iDRAC and was not installed yet."""

    id: str
    component: Component
    version: str
    filename: str


@dataclass
class Firmware:
    """All components of one server."""

    components: dict[str, Component] = field(default_factory=dict)
    uploaded: dict[str, Uploaded] = field(default_factory=dict)
    update_number: int = 0
    push_generation: int = 0

    def version_of(self, fqdd: str) -> str:
        """The installed version of the first component of this FQDD."""
        return next(item.version for item in self.components.values() if item.fqdd == fqdd)

    def install(self, key: str, version: str) -> tuple[str, str]:
        """Put a version in force, keeping the old one for rollback; old and new version."""
        old = self.components[key]
        self.components[key] = replace(old, version=version, previous=old.version)
        return old.version, version


_BY_GENERATION = {
    7: {"bios": ("2.9.0", "2.7.0"), "raid": ("21.3.5-0002", None), "nic": ("7.10.18", "7.8.16")},
    8: {"bios": ("2.17.0", "2.16.0"), "raid": ("25.5.9.0001", None), "nic": ("21.80.9", "21.60.16")},
    9: {"bios": ("2.21.2", "2.19.1"), "raid": ("51.16.0-4296", None), "nic": ("22.91.5", "22.71.3")},
    10: {"bios": ("1.3.2", "1.2.6"), "raid": ("8.11.2.0.18-26", None), "nic": ("23.31.18", "23.21.11")},
}


def build(hardware: Hardware, persona: Persona) -> Firmware:
    """The inventory as the server was delivered."""
    versions = _BY_GENERATION[persona.generation]
    bios, raid, nic = versions["bios"], versions["raid"], versions["nic"]
    older = ".".join(persona.firmware.split(".")[:2]) + ".00.00"
    items = [
        Component("bios", "159", BIOS_FQDD, "BIOS", str(bios[0]), bios[1]),
        Component("idrac", "25227", IDRAC_FQDD, "Integrated Dell Remote Access Controller", persona.firmware, older),
        Component("raid", "104298", hardware.raid, "PERC H755 Front", str(raid[0]), raid[1]),
        Component("cpld", "27763", "CPLD.Embedded.1", "System CPLD", "1.0.9"),
        Component(
            "diagnostics", "25806", "Diagnostics.Embedded.1:LC.Embedded.1", "Dell 64 Bit uEFI Diagnostics", "4301A75"
        ),
        Component("driverpack", "18981", "DriverPack.Embedded.1:LC.Embedded.1", "Dell OS Driver Pack", "23.10.03"),
        Component("oscollector", "101734", "OSCollector.Embedded.1", "OS COLLECTOR", "7.0"),
        Component("lc", "28897", "USC.Embedded.1:LC.Embedded.1", "Lifecycle Controller", persona.firmware, None, False),
        Component("backplane", "108270", f"Enclosure.Internal.0-1:{hardware.raid}", "BP14G+ 0:1", "4.35"),
        Component("tpm", "109673", "TPM.Integrated.1-1", "TPM", "7.2.2.0", None, False),
    ]
    for port in hardware.nics:
        name = f"Broadcom Gigabit Ethernet BCM5720 - {port.mac.upper()}"
        items.append(Component("nic", "108408", port.fqdd, name, str(nic[0]), nic[1]))
    for psu in hardware.psus:
        items.append(Component("psu", "106532", psu.fqdd, f"Power Supply.Slot.{psu.number}", "00.23.32"))
    for disk in hardware.disks:
        items.append(Component("disk", "105821", disk.fqdd, f"{disk.model} {disk.slot}", "B030"))
    if hardware.boss:
        modern = hardware.boss.startswith("BOSS.")
        name, version = ("BOSS-N1 Monolithic", "2.1.13.2038") if modern else ("BOSS-S1", "2.5.13.3024")
        items.append(Component("boss", "301", hardware.boss, name, version))
        items += [Component("disk", "105822", disk.fqdd, disk.model, "1.1.0") for disk in hardware.boss_disks]
    for gpu in hardware.gpus:
        items.append(Component("gpu", "111023", gpu.fqdd, gpu.model, "95.04.29.00.06"))
    return Firmware({f"{item.component_id}:{item.fqdd}": item for item in items})


_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("bios", re.compile(r"^BIOS[_-].*?_(?P<version>\d+\.\d+\.\d+)", re.IGNORECASE)),
    ("idrac", re.compile(r"^iDRAC.*?_(?P<version>\d+\.\d+\.\d+\.\d+)", re.IGNORECASE)),
    ("idrac", re.compile(r"^firmimg(?:FIT)?[_-]?(?P<version>\d+\.\d+\.\d+\.\d+)?\.d\d+$", re.IGNORECASE)),
    ("raid", re.compile(r"^SAS-RAID.*?_(?P<version>\d[\w.-]+?)_A\d\d", re.IGNORECASE)),
    ("nic", re.compile(r"^Network_Firmware.*?_(?P<version>\d+\.\d+\.\d+)", re.IGNORECASE)),
    ("cpld", re.compile(r"^CPLD.*?_(?P<version>\d+\.\d+\.\d+)", re.IGNORECASE)),
    ("diagnostics", re.compile(r"^Diagnostics.*?_(?P<version>\d{4}\w\d+)", re.IGNORECASE)),
    ("driverpack", re.compile(r"^Drivers-for-OS.*?_(?P<version>\d+\.\d+\.\d+)", re.IGNORECASE)),
    ("psu", re.compile(r"^Power.*?_(?P<version>\d+\.\d+\.\d+)", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Package:
    """What a file name says about the image in it."""

    kind: str
    version: str
    filename: str


def extension_ok(filename: str) -> bool:
    """Whether images of this extension are taken; others are SYS434."""
    return re.search(r"\.(?:exe|d7|d9|d10|pm)$", filename, re.IGNORECASE) is not None


def recognise(filename: str, persona: Persona) -> Package | None:
    """The component and version that an image's file name tells; None when it is not one of ours."""
    for kind, pattern in _PATTERNS:
        found = pattern.match(filename)
        if found:
            return Package(kind, found.group("version") or persona.firmware, filename)
    return None


def genuine(part: Part) -> bool:
    """Whether the upload looks like an image at all (not empty, not a web page)."""
    return part.size > 0 and not part.head.lstrip()[:5].lower().startswith(b"<html")
