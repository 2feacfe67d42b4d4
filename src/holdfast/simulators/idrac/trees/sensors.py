"""The sensor collection of the new model (contract §12.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import success
from holdfast.simulators.idrac.persona import CHS, Persona
from holdfast.simulators.idrac.trees.common import collection, pick, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

SENSORS = f"{CHS}/Sensors"


@dataclass(frozen=True)
class _Sensor:
    id: str
    name: str
    kind: str
    units: str
    part: str
    read: Callable[[], float | int | None]
    thresholds: tuple[float, float, float, float] | None = None


def _volts(bmc: Bmc, psu: str) -> float:
    return 230.0 if bmc.health.of(psu) == "OK" else 0.0


def _amperes(bmc: Bmc, psu: str) -> float:
    return round((bmc.sensors.psu_input_watts(psu) or 0) / 230, 2)


def _all(bmc: Bmc) -> list[_Sensor]:
    sensors = bmc.sensors
    found: list[_Sensor] = []
    for temperature in sensors.temperatures:
        limits = (temperature.low_critical, temperature.low_caution, temperature.caution, temperature.critical)
        found.append(
            _Sensor(
                temperature.sensor,
                temperature.name,
                "Temperature",
                "Cel",
                temperature.fqdd,
                partial(sensors.celsius, temperature),
                limits,
            )
        )
    for fan in bmc.hw.fans:
        short = fan.name.split()[-1]
        found.append(
            _Sensor(
                short,
                fan.name,
                "Rotational",
                "RPM",
                fan.fqdd,
                partial(sensors.rpm, fan.fqdd, fan.base_rpm),
            )
        )
    found.append(
        _Sensor(
            "SystemBoardPwrConsumption",
            "System Board Pwr Consumption",
            "Power",
            "W",
            "iDRAC.Embedded.1#SystemBoardPwrConsumption",
            sensors.watts,
        )
    )
    for psu in bmc.hw.psus:
        found.append(
            _Sensor(
                f"PS{psu.number}Voltage{psu.number}",
                f"PS{psu.number} Voltage {psu.number}",
                "Voltage",
                "V",
                psu.fqdd,
                partial(_volts, bmc, psu.fqdd),
            )
        )
        found.append(
            _Sensor(
                f"PS{psu.number}Current{psu.number}",
                f"PS{psu.number} Current {psu.number}",
                "Current",
                "A",
                psu.fqdd,
                partial(_amperes, bmc, psu.fqdd),
            )
        )
    if bmc.persona.generation < 10:
        # iDRAC10 has no such sensors (contract §12.4).
        for what in ("CPU", "IO", "MEM", "SYS"):
            found.append(
                _Sensor(
                    f"SystemBoard{what}Usage",
                    f"System Board {what} Usage",
                    "Percent",
                    "%",
                    f"iDRAC.Embedded.1#SystemBoard{what}Usage",
                    partial(sensors.usage_percent, what),
                )
            )
    return found


def _list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, SENSORS, "Sensor", [f"{SENSORS}/{sensor.id}" for sensor in _all(bmc)])


def _one(bmc: Bmc, call: Call) -> Reply:
    sensor = pick(_all(bmc), lambda item: item.id, call.args[0], call.path)
    content = resource(bmc, f"{SENSORS}/{sensor.id}", "Sensor", sensor.name)
    content |= {
        "PhysicalContext": "SystemBoard",
        "Reading": sensor.read(),
        "ReadingType": sensor.kind,
        "ReadingUnits": sensor.units,
        "Status": status(bmc.health.of(sensor.part)),
    }
    if sensor.thresholds is not None:
        low_critical, low_caution, caution, critical = sensor.thresholds
        thresholds: Json = {
            "LowerCaution": {"Reading": low_caution},
            "LowerCritical": {"Reading": low_critical},
            "UpperCaution": {"Reading": caution},
            "UpperCritical": {"Reading": critical},
        }
        own = bmc.sensors.user_thresholds.get(sensor.id, {})
        if sensor.id == "SystemBoardInletTemp":
            thresholds["UpperCautionUser"] = {"Reading": own.get("UpperCautionUser", caution)}
            thresholds["LowerCautionUser"] = {"Reading": own.get("LowerCautionUser", low_caution)}
        content["Thresholds"] = thresholds
    return Reply(200, content, volatile=frozenset({"Reading"}))


def _patch(bmc: Bmc, call: Call) -> Reply:
    sensor = pick(_all(bmc), lambda item: item.id, call.args[0], call.path)
    body.closed(call.body, {"Thresholds"})
    wanted = body.obj(call.body, "Thresholds")
    if sensor.id != "SystemBoardInletTemp" or sensor.thresholds is None:
        raise body.read_only("Thresholds")
    body.closed(wanted, {"UpperCautionUser", "LowerCautionUser"})
    _, low, high, _ = sensor.thresholds
    for name in wanted:
        reading = body.integer(body.obj(wanted, name), "Reading", low=int(low), high=int(high))
        bmc.sensors.user_thresholds.setdefault(sensor.id, {})[name] = reading
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add sensors where the new model exists."""
    if persona.modern_power:
        routes.get(SENSORS, _list)
        routes.get(f"{SENSORS}/*", _one)
        routes.add("PATCH", f"{SENSORS}/*", _patch, privilege="ConfigureComponents")
