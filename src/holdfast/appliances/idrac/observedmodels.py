"""What iDRAC tools return of many servers, of time and of telemetry."""

from __future__ import annotations

from holdfast.control.answers import Page, Row
from holdfast.control.cleaning import HouseText, Untrusted, UntrustedJson


class TimelineEvent(Row):
    """Something that happened: `at` in UTC, absent without a time; `source`: lifecycle, sel, fault or job."""

    identified_by = ()

    at: HouseText | None = None
    source: HouseText
    severity: Untrusted | None = None
    message_id: Untrusted | None = None
    message: Untrusted | None = None
    id: Untrusted | None = None


class TimelinePage(Page[TimelineEvent]):
    """Events of all logs and of the job queue, newest first."""


class ServerHealth(Row):
    """One server of a fleet: `result` is ok, error, or not_asked."""

    identified_by = ("target",)

    target: Untrusted
    result: HouseText
    elapsed_s: float
    age_s: float | None = None
    service_tag: Untrusted | None = None
    model: Untrusted | None = None
    generation: int | None = None
    host_name: Untrusted | None = None
    power_state: Untrusted | None = None
    health: Untrusted | None = None
    degraded: list[Untrusted] | None = None
    error: HouseText | None = None


class FleetHealth(Page[ServerHealth]):
    """Health of many servers, the worst first. `silent` names those that gave no answer."""

    asked: int
    ok: int
    not_ok: int
    silent: list[Untrusted]


class Update(Row):
    """Firmware of a catalogue that is newer than what is installed; `restart` as the catalogue says: NONE, HOST."""

    identified_by = ("component", "target")

    component: Untrusted
    target: Untrusted | None = None
    installed: Untrusted | None = None
    available: Untrusted | None = None
    criticality: HouseText | None = None
    package: Untrusted | None = None
    restart: Untrusted | None = None


class UpdatePage(Page[Update]):
    """Updates."""


class Report(Row):
    """A telemetry report that is defined."""

    name: Untrusted
    enabled: bool | None = None
    type: Untrusted | None = None
    interval: Untrusted | None = None


class ReportPage(Page[Report]):
    """Telemetry reports."""


class Metric(Row):
    """The values of one metric of one part in a report; numbers in the report's own unit."""

    identified_by = ("metric", "part", "label")

    metric: Untrusted
    part: Untrusted | None = None
    label: Untrusted | None = None
    latest: Untrusted | None = None
    latest_at: Untrusted | None = None
    samples: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None


class MetricPage(Page[Metric]):
    """Metrics of a report."""

    report: Untrusted
    taken: Untrusted | None = None


class ServerAnswers(Row):
    """Servers that answered alike: `result` is ok, stale (the last good answer), error, or not_asked."""

    identified_by = ("targets",)

    targets: list[Untrusted]
    result: HouseText
    elapsed_s: float
    age_s: float | None = None
    answer: UntrustedJson | None = None
    error: HouseText | None = None


class FleetAnswers(Page[ServerAnswers]):
    """Answers of many servers. `silent` names those that gave none."""

    asked: int
    ok: int
    silent: list[Untrusted]
