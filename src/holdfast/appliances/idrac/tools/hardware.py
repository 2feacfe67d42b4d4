"""What people ask first: health, parts, logs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.idrac.arguments import LogName, MessageRef, Moment, Severity
from holdfast.appliances.idrac.inventory import SECTIONS
from holdfast.appliances.idrac.models import Health, LogPage, PartPage
from holdfast.appliances.idrac.reading import text
from holdfast.appliances.idrac.state import log_entry, read_health
from holdfast.appliances.idrac.tools.core import Ctx
from holdfast.control.paging import Cursor, Limit, decode_cursor, encode_cursor, window
from holdfast.control.spec import tool
from holdfast.errors import InputError, UnsupportedError, ValidationError
from holdfast.transport.values import JsonObject

Section = Annotated[
    Literal["processors", "memory", "storage", "nics", "adapters", "pcie", "firmware", "power_supplies"],
    Field(description="storage: controllers, volumes, drives; nics: ports with MACs."),
]
_SERVICES: Final = {"lifecycle": "Lclog", "sel": "Sel", "faults": "FaultList"}
_SEARCHED: Final = 500
"""Entries looked through when the iDRAC cannot filter."""


@tool(title="Server health", toolset="hardware")
async def idrac_get_health(ctx: Ctx) -> Health:
    """Health of the server by subsystem, with the faults that the iDRAC lists now."""
    return await read_health(ctx.client)


@tool(title="List parts", toolset="hardware")
async def idrac_list_inventory(ctx: Ctx, *, section: Section, limit: Limit = 50, cursor: Cursor = None) -> PartPage:
    """Parts of the server, one section at a time, with models, serial numbers, health, sizes, MACs, versions."""
    found = await SECTIONS[section](ctx.client)
    items, next_cursor = window(found, limit, cursor)
    return PartPage(items=list(items), total=len(found), next_cursor=next_cursor)


@tool(title="List log entries", toolset="hardware")
async def idrac_list_logs(
    ctx: Ctx,
    *,
    log: LogName = "lifecycle",
    severity: Severity = None,
    message_id: Annotated[MessageRef | None, Field(description="Only entries with this message id.")] = None,
    since: Annotated[Moment | None, Field(description="Only entries from then on.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LogPage:
    """Entries of a log, newest first, filtered by the iDRAC where it can."""
    services = await ctx.client.places.logs()
    address = services.get(_SERVICES[log])
    if address is None:
        raise UnsupportedError(f"This iDRAC keeps no log of this kind; it has {', '.join(sorted(services)) or 'none'}.")
    offset = decode_cursor(cursor)
    wanted = {"Severity": severity, "MessageId": message_id, "Created": since}
    if all(value is None for value in wanted.values()):
        part = await ctx.client.part(address, offset=offset, limit=limit)
        return _page(part.rows, part.total, offset)
    if log == "lifecycle":
        try:
            part = await ctx.client.part(
                address, offset=offset, limit=limit, query=_filter(severity, message_id, since)
            )
            if all(_fits(row, severity, message_id, since) for row in part.rows):
                return _page(part.rows, part.total, offset)
        except (ValidationError, UnsupportedError):
            pass  # not every firmware filters: the rows are chosen here
    every = await ctx.client.part(address, offset=0, limit=_SEARCHED)
    chosen = [row for row in every.rows if _fits(row, severity, message_id, since)]
    notes = [f"Only the newest {_SEARCHED} of {every.total} entries were searched."] if every.total > _SEARCHED else []
    page = _page(chosen[offset : offset + limit], len(chosen), offset)
    return page.model_copy(update={"notes": notes or None})


def _filter(severity: str | None, message_id: str | None, since: str | None) -> str:
    parts = [
        f"{name} {operator} '{value}'"
        for name, operator, value in (
            ("Severity", "eq", severity),
            ("MessageId", "eq", message_id),
            ("Created", "ge", _moment(since)),
        )
        if value is not None
    ]
    return "$filter=" + " and ".join(parts).replace(" ", "%20").replace("+", "%2B")


def _moment(since: str | None) -> str | None:
    return f"{since}T00:00:00+00:00" if since is not None and len(since) == 10 else since


def _fits(row: JsonObject, severity: str | None, message_id: str | None, since: str | None) -> bool:
    if severity is not None and text(row, "Severity") != severity:
        return False
    if message_id is not None and (text(row, "MessageId") or "").rpartition(".")[2] != message_id:
        return False
    return since is None or _instant(text(row, "Created")) >= _instant(_moment(since), given=True)


def _instant(moment: str | None, *, given: bool = False) -> float:
    try:
        found = datetime.fromisoformat(moment or "")
    except ValueError:
        if given:
            raise InputError("since is no time. Nothing was executed.") from None
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _page(rows: list[JsonObject], total: int, offset: int) -> LogPage:
    end = offset + len(rows)
    return LogPage(
        items=[log_entry(row) for row in rows],
        total=total,
        next_cursor=encode_cursor(end) if rows and end < total else None,
    )
