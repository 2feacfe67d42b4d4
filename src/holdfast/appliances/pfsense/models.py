"""What pfSense tools return. Times in seconds, sizes in bytes, percentages from 0 to 100."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class SystemInfo(Answer):
    """The firewall: identity, version and load."""

    version: Untrusted
    hostname: Untrusted
    domain: Untrusted | None = None
    platform: Untrusted | None = None
    serial: Untrusted | None = None
    uptime: Untrusted | None = None
    cpu_percent: float | None = None
    memory_percent: float | None = None
    disk_percent: float | None = None
    load_average: list[float] | None = None
    temperature_c: float | None = None


class Interface(Row):
    """A network interface; counters since boot."""

    name: Untrusted
    description: Untrusted | None = None
    device: Untrusted | None = None
    status: Untrusted | None = None
    mac: Untrusted | None = None
    ipv4: Untrusted | None = None
    ipv4_prefix: Untrusted | None = None
    ipv6: Untrusted | None = None
    gateway: Untrusted | None = None
    media: Untrusted | None = None
    in_bytes: int | None = None
    out_bytes: int | None = None
    in_errors: int | None = None
    out_errors: int | None = None


class InterfacePage(Page[Interface]):
    """Interfaces."""
