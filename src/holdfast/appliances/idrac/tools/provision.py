"""Volumes, drives, firmware."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.arguments import WebUrl
from holdfast.appliances.idrac.arrays import RaidType, plan_create_volume, plan_delete_volume, plan_erase_drive
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.appliances.idrac.updating import When, plan_update
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError

Controller = Annotated[RedfishId, Field(description="Controller id.")]


@tool(title="Create volume", toolset="provision", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_create_volume(
    ctx: Ctx,
    *,
    controller: Controller,
    raid_type: Annotated[RaidType, Field(description="RAID level.")],
    drives: Annotated[list[RedfishId], Field(min_length=1, max_length=32, description="Ids of free drives.")],
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,15}$", description="Name, at most 15 characters.")],
) -> Change:
    """Create a volume on free drives; what is on them is lost."""
    return await plan_create_volume(ctx, controller, raid_type, drives, name)


@tool(title="Delete volume", toolset="provision", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_delete_volume(
    ctx: Ctx, *, controller: Controller, volume: Annotated[RedfishId, Field(description="Volume id.")]
) -> Change:
    """Delete a volume with everything on it."""
    return await plan_delete_volume(ctx, controller, volume)


@tool(title="Erase drive", toolset="provision", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_erase_drive(
    ctx: Ctx, *, controller: Controller, drive: Annotated[RedfishId, Field(description="Drive id.")]
) -> Change:
    """Securely erase a drive that is in no volume."""
    return await plan_erase_drive(ctx, controller, drive)


@tool(title="Update firmware", toolset="provision", risk=Risk.DESTRUCTIVE, idempotent=False, open_world=True)
async def idrac_update_firmware(
    ctx: Ctx,
    *,
    image: Annotated[WebUrl | None, Field(description="URL of the update package.")] = None,
    rollback: Annotated[RedfishId | None, Field(description="Previous-… entry of the firmware inventory.")] = None,
    when: Annotated[When, Field(description="Immediate may restart the server now.")] = "OnReset",
) -> Change:
    """Install firmware from a URL that the configuration allows, or go back; verified in the inventory afterwards."""
    if (image is None) == (rollback is None):
        raise InputError("Give either image or rollback.")
    return await plan_update(ctx, image=image, rollback=rollback, when=when)
