"""What iDRAC tools return. Sizes in bytes where named so, times as the iDRAC tells them."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


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
