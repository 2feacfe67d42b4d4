"""Health, power and temperatures, by whichever resources the generation has (contract 12.1 to 12.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.models import (
    Fan,
    Health,
    LogEntry,
    Power,
    PowerSupply,
    Redundancy,
    Temperature,
    Thermals,
)
from holdfast.appliances.idrac.reading import (
    action_of,
    dig,
    health,
    link,
    number,
    objects,
    text,
    texts,
    time_of,
    whole,
)
from holdfast.appliances.idrac.telemetry import STATISTICS, power_statistics
from holdfast.control.answers import JsonObject
from holdfast.errors import HoldfastError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

_ROLLUP: Final = "RollupStatus"
_WELL: Final = ("OK", "Ok", "Unknown")
FAULTS: Final = 20
"""Most faults shown with a server's health."""


def log_entry(row: JsonObject) -> LogEntry:
    """An entry of any log."""
    identifier = text(row, "MessageId")
    return LogEntry(
        id=text(row, "Id"),
        created=time_of(row, "Created"),
        severity=text(row, "Severity"),
        message_id=identifier.rpartition(".")[2] if identifier else None,
        message=text(row, "Message"),
        category=text(row, "Oem/Dell/Category"),
        sensor=text(row, "SensorType"),
        comment=text(row, "Oem/Dell/Comment"),
    )


def rollups(system: JsonObject) -> dict[str, str]:
    """Dell's health by subsystem, without the one of the whole; empty on generations that tell none."""
    dell = dig(system, "Oem/Dell/DellSystem")
    if not isinstance(dell, dict):
        return {}
    return {
        name.removesuffix(_ROLLUP): value
        for name, value in dell.items()
        if name.endswith(_ROLLUP) and name != _ROLLUP and isinstance(value, str)
    }


def degraded(system: JsonObject) -> list[str]:
    """Subsystems that are not well."""
    found = {name: value for name, value in rollups(system).items() if value not in _WELL}
    if not found:
        parts = {"Processors": "ProcessorSummary", "Memory": "MemorySummary"}
        for name, key in parts.items():
            part = dig(system, key)
            if isinstance(part, dict) and (state := health(part)) not in (None, "OK"):
                found[name] = str(state)
    return [f"{name}: {value}" for name, value in sorted(found.items())]


async def read_health(client: IDracClient) -> Health:
    """Rollups, the iDRAC's own state, and what the fault list names."""
    system = await client.places.system()
    manager = await client.places.manager()
    notes: list[str] = []
    faults: list[LogEntry] | None = None
    address = (await client.places.logs()).get("FaultList")
    if address is None:
        notes.append("This iDRAC keeps no list of faults: look at idrac_list_logs with severity Critical.")
    else:
        try:
            faults = [log_entry(row) for row in (await client.part(address, offset=0, limit=FAULTS)).rows]
        except HoldfastError as error:
            notes.append(f"The list of faults cannot be read now: {error.message}")
    if client.pool_full:
        notes.append("All sessions of this iDRAC are taken; each request logs in by itself for a while.")
    if client.session_lost:
        notes.append("The answer to a login was lost; each request logs in by itself until that session has ended.")
    if text(system, "PowerState") != "On":
        notes.append("The server is off: parts may report old states, or none.")
    return Health(
        service_tag=text(system, "SKU"),
        model=text(system, "Model"),
        host_name=text(system, "HostName"),
        power_state=text(system, "PowerState"),
        boot_state=text(system, "BootProgress/LastState"),
        health=health(system),
        idrac_health=health(manager),
        idrac_generation=client.places.generation,
        subsystems=dict(rollups(system)) or None,
        degraded=list(degraded(system)) or None,
        faults=faults,
        notes=notes or None,
    )


def reset_types(system: JsonObject) -> list[str]:
    """What the machine allows to be done to its power."""
    action = action_of(system, "ComputerSystem.Reset")
    return [] if action is None else texts(action, "ResetType@Redfish.AllowableValues")


async def read_power(client: IDracClient) -> Power:
    """Power state, consumption, cap and supplies."""
    system, chassis = await client.places.system(), await client.places.chassis()
    old, new = link(chassis, "Power"), link(chassis, "PowerSubsystem")
    facts: dict[str, object] = {
        "power_state": text(system, "PowerState"),
        "allowed_actions": reset_types(system) or None,
        "cap_enabled": text(system, "Oem/Dell/DellSystem/PowerCapEnabledState"),
    }
    if old is not None:
        facts |= _old_power(await client.get(old))
    elif new is not None:
        facts |= await _new_power(client, chassis, new)
        facts |= await _statistics(client)
    else:
        facts["notes"] = ["This server does not measure its power."]
    return Power.model_validate(facts)


def _old_power(power: JsonObject) -> dict[str, object]:
    control = (objects(power, "PowerControl") or [{}])[0]
    return {
        "consumed_watts": number(control, "PowerConsumedWatts"),
        "average_watts": number(control, "PowerMetrics/AverageConsumedWatts"),
        "minimum_watts": number(control, "PowerMetrics/MinConsumedWatts"),
        "maximum_watts": number(control, "PowerMetrics/MaxConsumedWatts"),
        "capacity_watts": number(control, "PowerCapacityWatts"),
        "cap_watts": number(control, "PowerLimit/LimitInWatts"),
        "supplies": [_supply(row, row) for row in objects(power, "PowerSupplies")],
        "redundancy": [_redundancy(row) for row in objects(power, "Redundancy")] or None,
    }


async def _new_power(client: IDracClient, chassis: JsonObject, address: str) -> dict[str, object]:
    subsystem = await client.get(address)
    environment_at, listing = link(chassis, "EnvironmentMetrics"), link(subsystem, "PowerSupplies")
    environment = await client.get(environment_at) if environment_at else {}
    rows = await client.rows(listing) if listing else []
    metrics = await client.many([found for row in rows if (found := link(row, "Metrics"))])
    measured = {(text(one, "@odata.id") or "").rpartition("/")[0]: one for one in metrics}
    return {
        "consumed_watts": number(environment, "PowerWatts/Reading"),
        "capacity_watts": number(subsystem, "CapacityWatts"),
        "cap_watts": number(environment, "PowerLimitWatts/SetPoint"),
        "cap_enabled": text(environment, "PowerLimitWatts/ControlMode"),
        "cap_lowest_watts": number(environment, "PowerLimitWatts/AllowableMin"),
        "cap_highest_watts": number(environment, "PowerLimitWatts/AllowableMax"),
        "supplies": [_supply(row, measured.get(text(row, "@odata.id") or "", {})) for row in rows],
        "redundancy": [_redundancy(row) for row in objects(subsystem, "PowerSupplyRedundancy")] or None,
    }


async def _statistics(client: IDracClient) -> dict[str, object]:
    """Average, lowest and highest consumption, which iDRAC10 tells as telemetry only (contract 12.3); else a note."""
    try:
        found = await power_statistics(client)
    except HoldfastError as error:
        return {"notes": [f"{_NO_STATISTICS} It cannot be read now: {error.message}"]}
    return dict(found) if found else {"notes": [f"{_NO_STATISTICS} It has no values: it may be switched off."]}


_NO_STATISTICS: Final = (
    f"Average, lowest and highest consumption: this iDRAC tells them only in its telemetry report {STATISTICS}."
)


def _redundancy(row: JsonObject) -> Redundancy:
    return Redundancy(
        name=text(row, "Name"),
        mode=text(row, "Mode", "RedundancyType"),
        health=health(row),
        needed=whole(row, "MinNumNeeded", "MinNeededInGroup"),
    )


def _supply(row: JsonObject, measured: JsonObject) -> PowerSupply:
    return PowerSupply(
        name=text(row, "Name"),
        health=health(row),
        state=text(row, "Status/State"),
        model=text(row, "Model"),
        capacity_watts=number(row, "PowerCapacityWatts"),
        input_watts=number(measured, "PowerInputWatts", "InputPowerWatts/Reading"),
        output_watts=number(measured, "PowerOutputWatts", "OutputPowerWatts/Reading"),
        input_volts=number(measured, "LineInputVoltage", "InputVoltage/Reading"),
    )


async def read_thermals(client: IDracClient) -> Thermals:
    """Temperatures and fans, from Thermal where it exists, else from ThermalSubsystem and Sensors."""
    chassis = await client.places.chassis()
    old, new = link(chassis, "Thermal"), link(chassis, "ThermalSubsystem")
    state = text(chassis, "PowerState")
    if old is not None:
        thermal = await client.get(old)
        return Thermals(
            power_state=state,
            temperatures=[_old_temperature(row) for row in objects(thermal, "Temperatures")],
            fans=[_old_fan(row) for row in objects(thermal, "Fans")],
        )
    if new is None:
        raise UnsupportedError("This server does not measure temperatures.")
    subsystem = await client.get(new)
    fans, sensors = link(subsystem, "Fans"), link(chassis, "Sensors")
    rows = [row for row in await client.rows(sensors) if text(row, "ReadingType") == "Temperature"] if sensors else []
    return Thermals(
        power_state=state,
        temperatures=[_sensor(row) for row in rows],
        fans=[_new_fan(row) for row in (await client.rows(fans) if fans else [])],
    )


def _old_temperature(row: JsonObject) -> Temperature:
    return Temperature(
        name=text(row, "Name", "MemberId"),
        celsius=number(row, "ReadingCelsius"),
        health=health(row),
        warning_above=number(row, "UpperThresholdNonCritical"),
        critical_above=number(row, "UpperThresholdCritical"),
    )


def _old_fan(row: JsonObject) -> Fan:
    reading = number(row, "Reading")
    in_percent = text(row, "ReadingUnits") == "Percent"
    return Fan(
        name=text(row, "Name", "FanName", "MemberId"),
        rpm=None if in_percent else reading,
        percent=reading if in_percent else number(row, "Oem/Dell/FanPWM"),
        health=health(row),
    )


def _sensor(row: JsonObject) -> Temperature:
    return Temperature(
        name=text(row, "Name", "Id"),
        celsius=number(row, "Reading"),
        health=health(row),
        warning_above=number(row, "Thresholds/UpperCaution/Reading"),
        critical_above=number(row, "Thresholds/UpperCritical/Reading"),
    )


def _new_fan(row: JsonObject) -> Fan:
    return Fan(
        name=text(row, "Name", "Id"),
        rpm=number(row, "SpeedPercent/SpeedRPM"),
        percent=number(row, "SpeedPercent/Reading"),
        health=health(row),
    )
