"""Firmware from a file, and compared with a catalogue."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac.arguments import ImageFile, WebUrl
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.comparing import plan_compare, read_updates
from holdfast.appliances.idrac.observedmodels import UpdatePage
from holdfast.appliances.idrac.pushing import plan_push
from holdfast.appliances.idrac.updating import When
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool


@tool(title="Install firmware from a file", toolset="firmware", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_upload_firmware(
    ctx: Ctx,
    *,
    file: Annotated[ImageFile, Field(description="Name in the operator's folder for firmware.")],
    when: Annotated[When, Field(description="Immediate may restart the server now.")] = "OnReset",
) -> Change:
    """Push an image from the operator's folder and install it; verified in the inventory afterwards."""
    return await plan_push(ctx, file, when)


@tool(title="Compare firmware", toolset="firmware", risk=Risk.WRITE, idempotent=True, open_world=True)
async def idrac_compare_firmware(
    ctx: Ctx, *, catalogue: Annotated[WebUrl, Field(description="URL of a Dell catalogue, such as …/Catalog.xml.gz.")]
) -> Change:
    """Let the iDRAC compare its firmware with a catalogue from an allowed URL. A job; installs nothing."""
    return await plan_compare(ctx, catalogue)


@tool(title="List updates", toolset="firmware")
async def idrac_list_updates(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> UpdatePage:
    """What the last comparison with a catalogue found newer than installed (idrac_compare_firmware makes one)."""
    found = await read_updates(ctx.client)
    notes = [] if found else ["Nothing newer is known: no comparison was made lately, or all is up to date."]
    return paginate(UpdatePage, found, limit, cursor, notes=notes)
