"""The system, its pools, alerts, services, jobs."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import HouseText, Untrusted, UntrustedText


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


class Alert(Row):
    """Something the system complains about."""

    uuid: Untrusted
    level: Untrusted
    klass: Untrusted
    text: Annotated[Untrusted | None, From("formatted", "text")] = None
    since: Annotated[Untrusted | None, From("datetime")] = None
    dismissed: bool


class AlertPage(Page[Alert]):
    """Alerts, the most severe first."""


class Service(Row):
    """A service. `enabled`: starts with the system."""

    identified_by = ("service",)

    service: Untrusted
    state: Untrusted
    enabled: Annotated[bool, From("enable")]


class ServicePage(Page[Service]):
    """Services."""


class JobRow(Row):
    """A job."""

    id: int
    method: Untrusted
    state: Untrusted
    abortable: bool | None = None
    percent: Annotated[float | None, From("progress.percent")] = None
    doing: Annotated[Untrusted | None, From("progress.description", "description")] = None
    error: Untrusted | None = None
    started: Annotated[Untrusted | None, From("time_started")] = None
    finished: Annotated[Untrusted | None, From("time_finished")] = None


class JobPage(Page[JobRow]):
    """Jobs, the newest first."""


class JobEnd(Answer):
    """How a job stands. `succeeded` is absent while it runs; `problems` went wrong although it ended as SUCCESS."""

    job: int
    method: Untrusted
    state: Untrusted
    succeeded: bool | None = None
    percent: float | None = None
    doing: Untrusted | None = None
    error: UntrustedText | None = None
    problems: list[Untrusted] | None = None
    log: UntrustedText | None = None
    waited_s: float


class JobLog(Answer):
    """The end of a job's log."""

    job: int
    method: Untrusted
    state: Untrusted
    lines: list[Untrusted]


class ConnectionTest(Answer):
    """Each step towards the API; false: it failed there, absent: not reached."""

    reachable: bool | None = None
    tls: bool | None = None
    login: bool | None = None
    user: Untrusted | None = None
    roles: list[Untrusted] | None = None
    full_admin: bool | None = None
    release: Untrusted | None = None
    ready: bool | None = None
    problem: HouseText | None = None
    next_step: HouseText | None = None
