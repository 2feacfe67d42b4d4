"""Changes of an array beyond volumes made and deleted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import raidservice
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool

Controller = Annotated[RedfishId, Field(description="Controller id.")]
Drive = Annotated[RedfishId, Field(description="Drive id.")]
Volume = Annotated[RedfishId, Field(description="Volume id.")]


@tool(title="Set hot spare", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_set_hot_spare(
    ctx: Ctx,
    *,
    controller: Controller,
    drive: Drive,
    spare: Annotated[raidservice.Spare, Field(description="Of all volumes, of one, or none.")],
    volume: Annotated[RedfishId | None, Field(description="Whose dedicated spare.")] = None,
) -> Change:
    """Make a free drive a hot spare, or none."""
    return await raidservice.plan_spare(ctx, controller, drive, spare, volume)


@tool(title="Import foreign configuration", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_import_foreign(ctx: Ctx, *, controller: Controller) -> Change:
    """Take over the volumes that drives bring from another controller."""
    return await raidservice.plan_foreign(ctx, controller, take=True)


@tool(title="Clear foreign configuration", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_clear_foreign(ctx: Ctx, *, controller: Controller) -> Change:
    """Free drives from another controller for use; what they brought along is lost."""
    return await raidservice.plan_foreign(ctx, controller, take=False)


@tool(title="Initialise volume", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_initialize_volume(
    ctx: Ctx,
    *,
    controller: Controller,
    volume: Volume,
    kind: Annotated[raidservice.InitializeType, Field(description="Slow writes all of it.")] = "Fast",
) -> Change:
    """Initialise a volume; everything on it is lost."""
    return await raidservice.plan_initialize(ctx, controller, volume, kind)


@tool(title="Check volume", toolset="storage", risk=Risk.WRITE, idempotent=True)
async def idrac_check_volume(ctx: Ctx, *, controller: Controller, volume: Volume) -> Change:
    """Check the consistency of a redundant volume; takes hours, and it is slower meanwhile."""
    return await raidservice.plan_check(ctx, controller, volume)


@tool(title="Set volume cache", toolset="storage", risk=Risk.WRITE, idempotent=True)
async def idrac_set_volume_cache(
    ctx: Ctx,
    *,
    controller: Controller,
    volume: Volume,
    read: Annotated[raidservice.ReadCache | None, Field(description="Read policy.")] = None,
    write: Annotated[
        raidservice.WriteCache | None, Field(description="Unprotected: data is lost when the power fails.")
    ] = None,
) -> Change:
    """Change the cache policies of a volume."""
    return await raidservice.plan_cache(ctx, controller, volume, read, write)


@tool(title="Locate drive", toolset="storage", risk=Risk.WRITE, idempotent=True)
async def idrac_locate_drive(
    ctx: Ctx,
    *,
    controller: Controller,
    drive: Drive,
    identify: Annotated[bool, Field(description="Whether it blinks.")],
) -> Change:
    """Let the light of a drive blink, or end it."""
    return await raidservice.plan_locate(ctx, controller, drive, identify)


@tool(title="Convert drives", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_convert_drives(
    ctx: Ctx,
    *,
    controller: Controller,
    drives: Annotated[list[RedfishId], Field(min_length=1, max_length=32, description="Ids of unused drives.")],
    mode: Annotated[raidservice.Mode, Field(description="RAID: for volumes; NonRAID: passed through.")],
) -> Change:
    """Make drives usable for volumes, or pass them through to the operating system; what is on them is lost."""
    return await raidservice.plan_convert(ctx, controller, drives, mode)


@tool(title="Reset controller", toolset="storage", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_reset_controller(ctx: Ctx, *, controller: Controller) -> Change:
    """Delete all volumes of a controller, with everything on them."""
    return await raidservice.plan_reset(ctx, controller)
