"""What iDRAC tools return. Sizes in bytes where named so, times as the iDRAC tells them."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import HouseText, Untrusted, UntrustedJson


class SystemInfo(Answer):
    """The server and its iDRAC. `service_tag` is Dell's identity; the serial number is the board's."""

    service_tag: Untrusted | None = None
    model: Untrusted | None = None
    host_name: Untrusted | None = None
    power_state: Untrusted | None = None
    health: Untrusted | None = None
    bios_version: Untrusted | None = None
    idrac_model: Untrusted | None = None
    idrac_firmware: Untrusted | None = None
    redfish_version: Untrusted | None = None
    processors: int | None = None
    memory_gib: float | None = None


class System(Row):
    """A computer system behind this iDRAC."""

    id: Untrusted
    service_tag: Untrusted | None = None
    serial_number: Untrusted | None = None
    manufacturer: Untrusted | None = None
    model: Untrusted | None = None
    host_name: Untrusted | None = None
    power_state: Untrusted | None = None
    health: Untrusted | None = None


class SystemPage(Page[System]):
    """Systems."""


class LogEntry(Row):
    """An entry of a log; times are the iDRAC's own."""

    identified_by = ("id", "created")

    id: Untrusted | None = None
    created: Untrusted | None = None
    severity: Untrusted | None = None
    message_id: Untrusted | None = None
    message: Untrusted | None = None
    category: Untrusted | None = None
    sensor: Untrusted | None = None
    comment: Untrusted | None = None


class LogPage(Page[LogEntry]):
    """Log entries, newest first."""


class Health(Answer):
    """Health of a server. Absent means unknown, not well; `degraded` names the subsystems that are not OK."""

    service_tag: Untrusted | None = None
    model: Untrusted | None = None
    host_name: Untrusted | None = None
    power_state: Untrusted | None = None
    boot_state: Untrusted | None = None
    health: Untrusted | None = None
    idrac_health: Untrusted | None = None
    idrac_generation: int | None = None
    subsystems: UntrustedJson | None = None
    degraded: list[Untrusted] | None = None
    faults: list[LogEntry] | None = None


class Part(Row):
    """A part of a server; fields that make no sense for it are absent."""

    id: Untrusted
    name: Untrusted | None = None
    type: Untrusted | None = None
    manufacturer: Untrusted | None = None
    model: Untrusted | None = None
    serial_number: Untrusted | None = None
    part_number: Untrusted | None = None
    health: Untrusted | None = None
    state: Untrusted | None = None
    version: Untrusted | None = None
    cores: int | None = None
    threads: int | None = None
    speed_mhz: int | None = None
    capacity_bytes: int | None = None
    media: Untrusted | None = None
    protocol: Untrusted | None = None
    failure_predicted: bool | None = None
    life_left_percent: int | None = None
    raid_type: Untrusted | None = None
    raid_status: Untrusted | None = None
    hot_spare: Untrusted | None = None
    controller: Untrusted | None = None
    drives: list[Untrusted] | None = None
    mac_address: Untrusted | None = None
    link: Untrusted | None = None
    link_mbps: int | None = None
    capacity_watts: int | None = None
    input_volts: float | None = None
    updateable: bool | None = None
    release_date: Untrusted | None = None


class PartPage(Page[Part]):
    """Parts."""


class PowerSupply(Row):
    """A power supply; watts, volts."""

    name: Untrusted | None = None
    health: Untrusted | None = None
    state: Untrusted | None = None
    model: Untrusted | None = None
    capacity_watts: float | None = None
    input_watts: float | None = None
    output_watts: float | None = None
    input_volts: float | None = None


class Redundancy(Row):
    """How power supplies stand in for each other."""

    name: Untrusted | None = None
    mode: Untrusted | None = None
    health: Untrusted | None = None
    needed: int | None = None


class Power(Answer):
    """Power state and consumption; watts. The cap holds only where `cap_enabled` is Enabled."""

    power_state: Untrusted | None = None
    allowed_actions: list[Untrusted] | None = None
    consumed_watts: float | None = None
    average_watts: float | None = None
    minimum_watts: float | None = None
    maximum_watts: float | None = None
    capacity_watts: float | None = None
    cap_watts: float | None = None
    cap_enabled: Untrusted | None = None
    cap_lowest_watts: float | None = None
    cap_highest_watts: float | None = None
    supplies: list[PowerSupply] | None = None
    redundancy: list[Redundancy] | None = None


class Temperature(Row):
    """A temperature, degrees Celsius."""

    name: Untrusted | None = None
    celsius: float | None = None
    health: Untrusted | None = None
    warning_above: float | None = None
    critical_above: float | None = None


class Fan(Row):
    """A fan; `percent` is its duty."""

    name: Untrusted | None = None
    rpm: float | None = None
    percent: float | None = None
    health: Untrusted | None = None


class Thermals(Answer):
    """Temperatures and fans. A server that is off reports none, or old ones."""

    power_state: Untrusted | None = None
    temperatures: list[Temperature]
    fans: list[Fan]


class JobRow(Row):
    """A job. `phase` says what its state means: running, staged (waits for a restart of the host), done, partial
    (completed with errors), failed, needs_operator (an operator must restart or unplug the server)."""

    id: Untrusted
    name: Untrusted | None = None
    type: Untrusted | None = None
    state: Untrusted | None = None
    phase: HouseText | None = None
    percent: int | None = None
    message: Untrusted | None = None
    message_id: Untrusted | None = None
    started: Untrusted | None = None
    ended: Untrusted | None = None


class JobPage(Page[JobRow]):
    """Jobs."""


class JobAnswer(Answer):
    """A job after waiting for it.

    verified: of a firmware job, whether the inventory shows what was to be installed, and health is no worse; absent
        where that cannot be told.
    """

    job: JobRow
    finished: bool
    verified: bool | None = None
    waited_s: float


class BootOption(Row):
    """Something the server boots from."""

    id: Untrusted
    name: Untrusted | None = None
    enabled: bool | None = None


class BootState(Answer):
    """Boot override (target None: none) and order."""

    target: Untrusted
    enabled: Untrusted
    mode: Untrusted | None = None
    order: list[BootOption] | None = None
    allowed: list[Untrusted] | None = None


class MediaSlot(Row):
    """A slot of virtual media."""

    identified_by = ("slot",)

    slot: Untrusted
    inserted: bool | None = None
    image: Untrusted | None = None
    connected_via: Untrusted | None = None
    types: list[Untrusted] | None = None
    write_protected: bool | None = None


class MediaPage(Page[MediaSlot]):
    """Slots of virtual media."""


class ManagerInfo(Answer):
    """The iDRAC itself."""

    model: Untrusted | None = None
    generation: int | None = None
    firmware: Untrusted | None = None
    health: Untrusted | None = None
    clock: Untrusted | None = None
    last_restart: Untrusted | None = None
    lifecycle_controller: Untrusted | None = None
    lockdown: Untrusted | None = None
    mac_address: Untrusted | None = None
    host_name: Untrusted | None = None
    addresses: list[Untrusted] | None = None


class Attribute(Row):
    """An attribute; `pending` is its value after the next restart."""

    name: Untrusted
    value: Untrusted | None = None
    pending: Untrusted | None = None


class AttributePage(Page[Attribute]):
    """Attributes."""
