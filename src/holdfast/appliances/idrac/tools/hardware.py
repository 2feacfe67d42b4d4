"""What people ask first: health, parts, logs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.idrac.arguments import Contains, LogName, MessageRef, Severity, Since
from holdfast.appliances.idrac.inventory import SECTIONS
from holdfast.appliances.idrac.logs import Wanted, search
from holdfast.appliances.idrac.models import Health, LogPage, PartPage
from holdfast.appliances.idrac.state import log_entry, read_health
from holdfast.appliances.idrac.tools.core import Ctx
from holdfast.control.paging import Cursor, Limit, changed_note, paginate
from holdfast.control.spec import tool

Section = Annotated[
    Literal["processors", "memory", "storage", "nics", "adapters", "pcie", "gpus", "firmware", "power_supplies"],
    Field(description="storage: controllers, volumes, drives; nics: ports with MACs."),
]


@tool(title="Server health", toolset="hardware")
async def idrac_get_health(ctx: Ctx) -> Health:
    """Health of the server by subsystem, with the faults that the iDRAC lists now."""
    return await read_health(ctx.client)


@tool(title="List parts", toolset="hardware")
async def idrac_list_inventory(ctx: Ctx, *, section: Section, limit: Limit = 50, cursor: Cursor = None) -> PartPage:
    """Parts of the server, one section at a time, with models, serial numbers, health, sizes, MACs, versions."""
    found = await SECTIONS[section](ctx.client)
    notes = None
    if section == "gpus" and not found and ctx.client.places.generation in (7, 8):
        notes = ["iDRAC 7 and 8 list no video devices: a GPU would only be seen in section pcie."]
    return paginate(PartPage, found, limit, cursor, notes=notes)


@tool(title="List log entries", toolset="hardware")
async def idrac_list_logs(
    ctx: Ctx,
    *,
    log: LogName = "lifecycle",
    severity: Severity = None,
    message_id: Annotated[MessageRef | None, Field(description="Only entries with this message id.")] = None,
    since: Since = None,
    contains: Contains = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LogPage:
    """Entries of a log, newest first, filtered by the iDRAC where it can."""
    wanted = Wanted(severity, message_id, since, contains)
    found = await search(ctx.client, log, wanted, limit=limit, cursor=cursor)
    notes = changed_note(found.changed)
    if found.next_cursor is not None and not wanted.everything and len(found.rows) < limit:
        notes.append("Older entries were not searched yet: go on with next_cursor.")
    return LogPage(
        items=[log_entry(row) for row in found.rows],
        total=found.total,
        next_cursor=found.next_cursor,
        changed=found.changed,
        notes=notes or None,
    )
