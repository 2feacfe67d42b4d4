"""BIOS settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from pydantic import Field

from holdfast.appliances.idrac import biosjobs
from holdfast.appliances.idrac.arguments import Moment
from holdfast.appliances.idrac.bios import ApplyTime, When, plan_bios, read_bios
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import Difference, DifferencePage
from holdfast.appliances.idrac.identifiers import AttributeName
from holdfast.appliances.idrac.models import Attribute, AttributePage
from holdfast.config.targets import TargetName
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient


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

    def shown(name: str) -> Attribute:
        return Attribute(
            name=name,
            value=_text(bios.current.get(name)),
            pending=_text(bios.pending[name]) if name in bios.pending else None,
        )

    return page(AttributePage, names, shown, limit, cursor)


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
    when: Annotated[When, Field(description="AtMaintenanceWindowStart restarts the server then.")] = "OnReset",
    window_start: Annotated[Moment | None, Field(description="Beginning of the window.")] = None,
    window_s: Annotated[int, Field(ge=60, le=86_400, description="Its length, seconds.")] = 3600,
) -> Change:
    """Change BIOS attributes at the next restart or in a window; values are checked against this machine's registry."""
    return await plan_bios(ctx, attributes, ApplyTime(when, window_start, window_s))


@tool(title="Apply waiting BIOS settings", toolset="bios", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_apply_bios(ctx: Ctx) -> Change:
    """Make the job for BIOS settings that wait without one; they apply at the next restart of the server."""
    return await biosjobs.plan_apply(ctx)


@tool(title="Discard waiting BIOS settings", toolset="bios", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_discard_bios(ctx: Ctx) -> Change:
    """Discard BIOS settings that wait without a job; with one: idrac_delete_job."""
    return await biosjobs.plan_discard(ctx)


@tool(title="Reset BIOS", toolset="bios", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_reset_bios(ctx: Ctx) -> Change:
    """Reset all BIOS settings to their defaults at the next restart of the server."""
    return await biosjobs.plan_reset(ctx)


@tool(title="Compare BIOS", toolset="bios")
async def idrac_diff_bios(
    ctx: Ctx,
    *,
    other: Annotated[TargetName, Field(description="Target to compare with.")],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DifferencePage:
    """BIOS attributes in which two servers differ."""
    settings = ctx.connections.target("idrac", other)
    if settings.name == ctx.target.name:
        raise InputError("Give another target to compare with.")
    second = cast("IDracClient", await ctx.connections.client(settings))
    mine, theirs = await read_bios(ctx.client), await read_bios(second)
    names = biosjobs.differing(mine, theirs)

    def shown(name: str) -> Difference:
        return Difference(name=name, value=_text(mine.current.get(name)), other=_text(theirs.current.get(name)))

    return page(DifferencePage, names, shown, limit, cursor)
