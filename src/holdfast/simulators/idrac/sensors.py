"""Readings: temperatures, fans, watts and volts that move a little with simulated time (contract §12.3, §12.4)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.faults import Faults
from holdfast.simulators.idrac.health import Health
from holdfast.simulators.idrac.host import Host

if TYPE_CHECKING:
    from holdfast.simulators.idrac.hardware import Hardware


@dataclass(frozen=True)
class Temperature:
    """A temperature sensor; thresholds in degrees Celsius."""

    fqdd: str
    sensor: str
    name: str
    context: str
    caution: float
    critical: float
    low_caution: float
    low_critical: float


INLET = Temperature(
    "iDRAC.Embedded.1#SystemBoardInletTemp", "SystemBoardInletTemp", "System Board Inlet Temp", "Intake", 43, 47, 3, -7
)
EXHAUST = Temperature(
    "iDRAC.Embedded.1#SystemBoardExhaustTemp",
    "SystemBoardExhaustTemp",
    "System Board Exhaust Temp",
    "Exhaust",
    70,
    75,
    8,
    3,
)


def _cpu(number: int) -> Temperature:
    return Temperature(
        f"iDRAC.Embedded.1#CPU{number}Temp", f"CPU{number}Temp", f"CPU{number} Temp", "CPU", 93, 98, 8, 3
    )


class Sensors:
    """All readings of one server at the present moment."""

    def __init__(
        self, hardware: Hardware, host: Host, health: Health, faults: Faults, now: Callable[[], float]
    ) -> None:
        self._hardware, self._host, self._health, self._faults, self._now = hardware, host, health, faults, now
        self._seed = zlib.crc32(hardware.server.service_tag.encode())
        self.user_thresholds: dict[str, dict[str, float]] = {}
        self.temperatures = (INLET, EXHAUST, *(_cpu(n) for n in range(1, len(hardware.cpus) + 1)))

    @property
    def silent(self) -> bool:
        """Whether readings are null now, as with the host off or by a fault."""
        return self._faults.peek("null-readings") is not None

    def _wave(self, label: str) -> float:
        """Between -1 and 1, moving over minutes, different for each label and server."""
        phase = zlib.crc32(label.encode(), self._seed) % 628 / 100
        return math.sin(self._now() / 90 + phase)

    def celsius(self, sensor: Temperature) -> float | None:
        """Degrees; None while the host is off, except at the inlet."""
        if self.silent or (not self._host.on and sensor.context != "Intake"):
            return None
        base = {"Intake": 22, "Exhaust": 33, "CPU": 46}[sensor.context]
        reading = base + round(1.5 * self._wave(sensor.sensor))
        health = self._health.of(sensor.fqdd)
        if health == "Warning":
            reading = int(sensor.caution) + 1
        elif health == "Critical":
            reading = int(sensor.critical) + 1
        return float(reading)

    @property
    def exhaust_c(self) -> int | None:
        """Exhaust temperature in degrees."""
        reading = self.celsius(EXHAUST)
        return None if reading is None else int(reading)

    def rpm(self, fqdd: str, base: int) -> int | None:
        """Revolutions per minute; zero with the host off or the fan failed."""
        if self.silent:
            return None
        if not self._host.on or self._health.of(fqdd) == "Critical":
            return 0
        slow = 0.4 if self._health.of(fqdd) == "Warning" else 1.0
        return round((base + 120 * self._wave(fqdd)) * slow / 120) * 120

    def watts(self) -> int | None:
        """What the system draws."""
        if self.silent:
            return None
        if not self._host.on:
            return 12
        return 260 + round(20 * self._wave("watts")) + 60 * len(self._hardware.gpus)

    def psu_input_watts(self, fqdd: str) -> int | None:
        """What one supply draws: the failed one nothing, the other all."""
        total = self.watts()
        if total is None:
            return None
        alive = [psu.fqdd for psu in self._hardware.psus if self._health.of(psu.fqdd) == "OK"]
        if fqdd not in alive:
            return 0
        return round(total / len(alive))

    def usage_percent(self, what: str) -> int:
        """CPU, memory or I/O usage."""
        if not self._host.on:
            return 0
        return 12 + round(6 * self._wave(what))
