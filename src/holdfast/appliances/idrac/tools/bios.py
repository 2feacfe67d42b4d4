"""BIOS settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.bios import plan_bios, read_bios
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.models import Attribute, AttributePage
from holdfast.control.change import Change
from holdfast.control.identifiers import AttributeName
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import Risk, tool


@tool(title="List BIOS attributes", toolset="bios")
async def idrac_list_bios(
    ctx: Ctx,
    *,
    contains: Annotated[str | None, Field(max_length=64, description="Only names with this in them.")] = None,
    pending: Annotated[bool, Field(description="Only those that change at the next restart.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AttributePage:
    """BIOS attributes with their values now, and those that wait for a restart."""
    bios = await read_bios(ctx.client)
    names = [
        name
        for name in sorted(bios.pending if pending else bios.current)
        if contains is None or contains.lower() in name.lower()
    ]
    shown, next_cursor = window(names, limit, cursor)
    items = [
        Attribute(
            name=name,
            value=_text(bios.current.get(name)),
            pending=_text(bios.pending[name]) if name in bios.pending else None,
        )
        for name in shown
    ]
    return AttributePage(items=items, total=len(names), next_cursor=next_cursor)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@tool(title="Set BIOS attributes", toolset="bios", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_set_bios(
    ctx: Ctx,
    *,
    attributes: Annotated[
        dict[AttributeName, Annotated[str, Field(max_length=256)] | int],
        Field(min_length=1, max_length=50, description="Name: value."),
    ],
) -> Change:
    """Change BIOS attributes at the next restart of the server; values are checked against this machine's registry."""
    return await plan_bios(ctx, attributes)
