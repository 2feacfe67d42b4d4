"""What TrueNAS tools return. Sizes in bytes, times in seconds, percentages from 0 to 100."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class SystemInfo(Answer):
    """The system: release, hardware and uptime."""

    version: Untrusted
    hostname: Untrusted
    model: Untrusted | None = None
    manufacturer: Untrusted | None = None
    product: Untrusted | None = None
    serial: Untrusted | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    ecc_memory: bool | None = None
    load_average: list[float] | None = None
    uptime_s: float | None = None
    timezone: Untrusted | None = None


class Pool(Row):
    """A storage pool. `healthy` is the appliance's own verdict."""

    id: int
    name: Untrusted
    status: Untrusted
    healthy: bool
    warning: bool | None = None
    status_detail: Untrusted | None = None
    size_bytes: int | None = None
    used_bytes: int | None = None
    free_bytes: int | None = None
    used_percent: float | None = None
    scan: Untrusted | None = None


class PoolPage(Page[Pool]):
    """Pools."""
