"""Telemetry reports, thinned: a row for each metric of each part (contract 12.22)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.observedmodels import Metric, Report
from holdfast.appliances.idrac.reading import flag, link, objects, text, time_of
from holdfast.errors import UnsupportedError
from holdfast.transport.values import JsonObject

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient


async def _collection(client: IDracClient, name: str) -> str:
    service = link(await client.root(), "TelemetryService")
    address = link(await client.get(service), name) if service is not None else None
    if address is None:
        raise UnsupportedError("This iDRAC has no telemetry: iDRAC9 and newer, with a Datacenter licence.")
    return address


async def read_reports(client: IDracClient) -> list[Report]:
    """The reports that are defined, with whether they are gathered."""
    rows = await client.rows(await _collection(client, "MetricReportDefinitions"))
    return [
        Report(
            name=text(row, "Id") or "?",
            enabled=flag(row, "MetricReportDefinitionEnabled"),
            type=text(row, "MetricReportDefinitionType"),
            interval=text(row, "Schedule/RecurrenceInterval"),
        )
        for row in rows
    ]


async def read_report(client: IDracClient, name: str) -> JsonObject:
    """A report as the iDRAC gives it.

    Raises:
        NotFoundError: There is no report of this name.
    """
    return await client.get(f"{await _collection(client, 'MetricReports')}/{name}")


def metrics_of(report: JsonObject) -> list[Metric]:
    """The values of a report, a row for each metric of each part. Values are text, and not always numbers."""
    series: dict[tuple[str, str | None], list[JsonObject]] = {}
    for value in objects(report, "MetricValues"):
        part = text(value, "Oem/Dell/FQDD", "Oem/Dell/ContextID", "MetricProperty")
        series.setdefault((text(value, "MetricId") or "?", part), []).append(value)
    return [_metric(name, part, values) for (name, part), values in series.items()]


def _metric(name: str, part: str | None, values: Sequence[JsonObject]) -> Metric:
    newest = max(values, key=lambda value: text(value, "Timestamp") or "")
    numbers = [number for value in values if (number := _number(text(value, "MetricValue"))) is not None]
    several = len(numbers) > 1
    return Metric(
        metric=name,
        part=part,
        label=text(newest, "Oem/Dell/Label"),
        latest=text(newest, "MetricValue"),
        latest_at=time_of(newest, "Timestamp"),
        samples=len(values),
        minimum=min(numbers) if several else None,
        maximum=max(numbers) if several else None,
        mean=round(math.fsum(numbers) / len(numbers), 3) if several else None,
    )


STATISTICS: Final = "PowerStatistics"
_KINDS: Final = (("average_watts", "avg"), ("minimum_watts", "min"), ("maximum_watts", "max"))
_SPANS: Final = ("lastminute", "lasthour", "lastday", "")
"""Times that the statistics are over, the shortest first: older generations tell those of the last minute."""


async def power_statistics(client: IDracClient) -> dict[str, float]:
    """Average, lowest and highest consumption in watts, out of the report PowerStatistics (contract 12.3); {} without.

    Its metrics are called by span and kind (`LastMinuteAvgPower`): what there is of the shortest span is taken.

    Raises:
        HoldfastError: There is no such report here, or the licence lacks telemetry.
    """
    told = {one.metric.casefold(): one.latest for one in metrics_of(await read_report(client, STATISTICS))}
    for span in _SPANS:
        found = {
            field: value
            for field, kind in _KINDS
            for name, text_ in told.items()
            if name.startswith(span) and kind in name.removeprefix(span) and not name.endswith("time")
            if (value := _number(text_)) is not None
        }
        if found:
            return found
    return {}


def _number(value: str | None) -> float | None:
    try:
        found = float(value or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None
