"""Licences of the iDRAC."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import licences
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import Licence, LicencePage
from holdfast.appliances.idrac.files import FileName
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool

LicenceId = Annotated[RedfishId, Field(description="Id of the licence.")]


@tool(title="List licences", toolset="licences")
async def idrac_list_licences(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> LicencePage:
    """Licences of the iDRAC. Virtual media, power cap and lockdown need Enterprise, telemetry needs Datacenter."""
    found = await licences.Licences.read(ctx.client)
    return page(LicencePage, found.rows, lambda row: Licence.model_validate(licences.facts(row)), limit, cursor)


@tool(title="Export licence", toolset="licences", risk=Risk.WRITE, idempotent=False)
async def idrac_export_licence(
    ctx: Ctx,
    *,
    licence: LicenceId,
    file: Annotated[FileName | None, Field(description="Name for the new file.")] = None,
) -> Change:
    """Write a licence to a file in files_dir."""
    return await licences.plan_export(ctx, licence, file)


@tool(title="Import licence", toolset="licences", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_import_licence(ctx: Ctx, *, file: FileName) -> Change:
    """Import a licence from a file in files_dir."""
    return await licences.plan_import(ctx, file)


@tool(title="Delete licence", toolset="licences", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_delete_licence(ctx: Ctx, *, licence: LicenceId) -> Change:
    """Delete a licence; functions that need it end. Export it before."""
    return await licences.plan_delete(ctx, licence)
