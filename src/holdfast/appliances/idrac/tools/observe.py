"""What happened when, and telemetry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.arguments import Contains, MessageRef, Severity, Since
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.appliances.idrac.logs import Wanted
from holdfast.appliances.idrac.observedmodels import MetricPage, ReportPage, TimelinePage
from holdfast.appliances.idrac.reading import text, time_of
from holdfast.appliances.idrac.telemetry import metrics_of, read_report, read_reports
from holdfast.appliances.idrac.timeline import MOST, read_timeline
from holdfast.appliances.idrac.tools.core import Ctx
from holdfast.control.paging import Cursor, Limit, Start, paginate, part_of
from holdfast.control.spec import tool


@tool(title="Time line", toolset="observe")
async def idrac_get_timeline(
    ctx: Ctx,
    *,
    severity: Severity = None,
    message_id: Annotated[MessageRef | None, Field(description="Only events with this message id.")] = None,
    since: Since = None,
    contains: Contains = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TimelinePage:
    """What happened to a server, newest first: Lifecycle log, SEL, faults and jobs merged by time."""
    wanted = Wanted(severity, message_id, since, contains)
    start = Start(cursor)
    newest = start.offset + start.again + limit
    found = await read_timeline(ctx.client, wanted, newest=newest)
    more = not found.complete and newest < MOST
    part = part_of(found.events, limit, cursor, more=more)
    return TimelinePage(
        items=part.items,
        total=len(found.events) if found.complete else None,
        next_cursor=part.next_cursor,
        changed=part.changed,
        notes=part.notes(found.notes),
    )


@tool(title="Telemetry reports", toolset="observe")
async def idrac_list_telemetry(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> ReportPage:
    """Telemetry reports that this iDRAC defines, with whether each is gathered and how often."""
    found = await read_reports(ctx.client)
    return paginate(ReportPage, found, limit, cursor)


@tool(title="Telemetry report", toolset="observe")
async def idrac_get_telemetry(
    ctx: Ctx,
    *,
    report: Annotated[RedfishId, Field(description="Report, such as ThermalSensor.")],
    contains: Annotated[str | None, Field(min_length=1, max_length=64, description="In the metric or part.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> MetricPage:
    """Values of a telemetry report, a row for each metric of each part: latest, lowest, highest, mean."""
    told = await read_report(ctx.client, report)
    found = metrics_of(told)
    if contains is not None:
        found = [row for row in found if contains.lower() in f"{row.metric} {row.part} {row.label}".lower()]
    notes = [] if text(told, "Timestamp") and found else ["It holds no values: see idrac_list_telemetry, enabled."]
    taken = time_of(told, "Timestamp")
    return paginate(MetricPage, found, limit, cursor, notes=notes, report=report, taken=taken)
