"""Server-sent events: the Lifecycle log and metric reports as they come (contract §12.21)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from aiohttp import web

from holdfast.simulators.idrac.attribute_data import REPORTS
from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.persona import ROOT
from holdfast.simulators.idrac.wire import Call, Json

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

_FILTER = re.compile(r"^(EventFormatType|EventType) eq (?P<quote>'?)(?P<value>\w+)(?P=quote)$")
_LOOK_S = 0.02
"""How often the stream looks for news, in real seconds."""
IDLE_S = 3600.0
"""After so much simulated time without an event the iDRAC closes the stream."""


def _wanted(bmc: Bmc, call: Call) -> str:
    text = call.query.get("$filter")
    if text is None:
        return "Alert"
    found = _FILTER.match(text)
    if found is None or (bmc.persona.generation >= 10 and not found.group("quote")):
        # The newest firmware wants the value in quotes.
        raise refuse(400, "SYS407", "$filter")
    return found.group("value")


async def serve(bmc: Bmc, request: web.Request, call: Call) -> web.StreamResponse:
    """Send events until the client leaves, the iDRAC goes down, or nothing happened for an hour."""
    wanted = _wanted(bmc, call)
    if len(bmc.events.subscriptions) + bmc.events.streams >= bmc.persona.subscriptions:
        raise refuse(400, "SUB001")
    session = bmc.sessions.open(
        call.account.username if call.account is not None else "",
        call.client,
        limit=int(bmc.setting("WebServer.1.MaxNumberOfSessions")),
        timeout_s=float(IDLE_S),
        kind="SSE",
    )
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache",
            "Server": bmc.persona.server_header,
            "OData-Version": "4.0",
        }
    )
    bmc.events.streams += 1
    try:
        await response.prepare(request)
        await response.write(b": stream opened\n\n")
        await _pump(bmc, response, wanted, session.id)
    except ConnectionError:
        return response
    finally:
        bmc.events.streams -= 1
        bmc.sessions.close(session.id)
    return response


async def _pump(bmc: Bmc, response: web.StreamResponse, wanted: str, session: str) -> None:
    own = bmc.lclog.own
    last = own[-1].number if own else 0
    heard, reported = bmc.now, dict.fromkeys(REPORTS, "")
    while bmc.life.phase == "up" and bmc.now - heard < IDLE_S:
        bmc.timeline.settle()
        kept = bmc.sessions.members.get(session)
        if kept is None:
            return
        kept.last_used = bmc.now
        sent: list[tuple[str, Json]] = []
        if wanted == "MetricReport":
            sent = _reports(bmc, reported)
        else:
            records = bmc.lclog.since(last)
            if records:
                last = records[-1].number
                sent = [(str(last), bmc.events.event(records, ""))]
        for number, document in sent:
            heard = bmc.now
            await response.write(f"id: {number}\ndata: {json.dumps(document)}\n\n".encode())
        await asyncio.sleep(_LOOK_S)


def _reports(bmc: Bmc, reported: dict[str, str]) -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for name in REPORTS:
        if bmc.setting(f"Telemetry{name}.1.EnableTelemetry") != "Enabled":
            continue
        report = bmc.fetch(f"{ROOT}/TelemetryService/MetricReports/{name}") or {}
        sequence = str(report.get("ReportSequence"))
        if report.get("MetricValues") and sequence != reported[name]:
            reported[name] = sequence
            found.append((sequence, report))
    return found
