"""The long tail: any readable path of the API, validated against the schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.guests import known_node
from holdfast.appliances.proxmox.models.more import RawAnswer
from holdfast.appliances.proxmox.readpaths import checked, release_of, segments_of
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import tool
from holdfast.transport.values import JsonValue


@tool(title="Raw GET", toolset="raw")
async def proxmox_raw_get(
    ctx: Ctx,
    *,
    path: Annotated[str, Field(min_length=2, max_length=500, description="Such as /nodes/pve1/hardware/pci.")],
    query: Annotated[
        dict[str, Annotated[str, Field(max_length=500)]] | None, Field(max_length=20, description="Parameters.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RawAnswer:
    """Read any path of the Proxmox API that no other tool covers. Checked against the API's schema; never writes."""
    segments = segments_of(path)
    version = plain((await ctx.client.version()).get("version"))
    sent = checked(release_of(version), segments, query or {})
    if segments[0] == "nodes" and len(segments) > 1:
        await known_node(ctx.client, segments[1])
    answer = await ctx.client.get(*segments, query=sent or None)
    shown = "/" + "/".join(segments)
    if not isinstance(answer, list):
        value = answer if isinstance(answer, dict) else {"value": answer}
        return RawAnswer(path=shown, value=value)
    rows: list[JsonValue] = [row if isinstance(row, dict) else {"value": row} for row in answer]
    part = window(rows, limit, cursor)
    return RawAnswer(
        path=shown,
        items=part.items,
        total=len(rows),
        next_cursor=part.next_cursor,
        changed=part.changed,
        notes=part.notes(),
    )
