"""Health of the parts and what it rolls up to (contract §12.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.simulators.idrac.hardware import Hardware

OK, WARNING, CRITICAL = "OK", "Warning", "Critical"
_ORDER = {OK: 0, WARNING: 1, CRITICAL: 2}
_DELL = {OK: "OK", WARNING: "Degraded", CRITICAL: "Error"}


def worst(values: Iterable[str]) -> str:
    """The worst of several healths; OK of none."""
    return max(values, key=lambda value: _ORDER[value], default=OK)


class Health:
    """Which parts are not well; parts that are not named are OK."""

    def __init__(self, hardware: Hardware, record: Callable[..., None]) -> None:
        self._hardware = hardware
        self._record = record
        self.conditions: dict[str, str] = {}
        self.since: dict[str, float] = {}

    def of(self, fqdd: str) -> str:
        """The health of one part."""
        return self.conditions.get(fqdd, OK)

    def set(self, fqdd: str, health: str, now: float) -> None:
        """Change the health of one part, with the records that hardware would leave. ValueError: no such health."""
        if health not in _ORDER:
            raise ValueError(f"health is one of {', '.join(_ORDER)}, not {health!r}")
        if health == OK:
            if self.conditions.pop(fqdd, None) is not None:
                self.since.pop(fqdd, None)
                if fqdd.startswith("PSU."):
                    self._record("PSU0800", fqdd.rsplit(".", 1)[-1], sel=True)
            return
        self.conditions[fqdd] = health
        self.since[fqdd] = now
        message_id, argument = message_for(fqdd, health)
        self._record(message_id, argument, sel=True)

    def group(self, prefix: str) -> str:
        """The worst health of parts whose name begins so."""
        return worst(value for name, value in self.conditions.items() if name.startswith(prefix))

    @property
    def overall(self) -> str:
        """The worst of all parts."""
        return worst(self.conditions.values())

    def rollups(self) -> dict[str, str | None]:
        """The `*RollupStatus` values of DellSystem, by subsystem: OK, Degraded or Error."""

        def dell(*prefixes: str) -> str:
            return _DELL[worst(self.group(prefix) for prefix in prefixes)]

        return {
            "Battery": "OK",
            "CPU": dell("CPU."),
            "Cooling": dell("Fan.", "CoolingController."),
            "Current": "OK",
            "Fan": dell("Fan.", "CoolingController."),
            "IDSDM": None,
            "Intrusion": "OK",
            "Licensing": "OK",
            "PS": dell("PSU."),
            "SDCard": None,
            "SEL": dell(""),
            "Storage": dell("Disk.", "RAID.", "Enclosure."),
            "SysMem": dell("DIMM."),
            "Temp": dell("iDRAC.Embedded.1#"),
            "TempStatistics": "OK",
            "Volt": "OK",
        }


def message_for(fqdd: str, health: str) -> tuple[str, str]:
    """The message that a part's trouble is told by, and its argument."""
    number = fqdd.rsplit(".", 1)[-1]
    if fqdd.startswith("PSU."):
        return ("PSU0003" if health == WARNING else "PSU0001"), number
    if fqdd.startswith(("Fan.", "CoolingController.")):
        return ("FAN0000" if health == WARNING else "FAN0001"), number
    if fqdd.startswith("DIMM."):
        return ("MEM0701" if health == WARNING else "MEM0001"), fqdd
    if fqdd.startswith("Disk.Virtual"):
        return "VDR8", fqdd
    if fqdd.startswith("Disk."):
        return ("PDR16" if health == WARNING else "PDR1"), fqdd
    if fqdd.startswith("CPU."):
        return ("CPU0002" if health == WARNING else "CPU0000"), number
    return "LOG203", f"{fqdd} is {health.lower()}"
