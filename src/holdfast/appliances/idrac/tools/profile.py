"""Server configuration profiles (SCP)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.idrac import profiles
from holdfast.appliances.idrac.arguments import JobRef, SaveWait
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import ProfilePage, ProfileRow
from holdfast.appliances.idrac.exporting import WAIT_S, plan_save
from holdfast.appliances.idrac.files import FileName, known_file, new_file
from holdfast.appliances.idrac.profilefile import Row, read_profile
from holdfast.appliances.idrac.secretnames import shown_value
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool

Components = Annotated[list[profiles.Component], Field(min_length=1, max_length=10, description="Parts of it.")]
Parts = Annotated[Components | None, Field(description="Parts of it; all when left out.")]
EVERYTHING: Final[list[profiles.Component]] = ["ALL"]
NewFile = Annotated[FileName | None, Field(description="Name for the new file.")]


@tool(title="Export profile", toolset="profile", risk=Risk.WRITE, idempotent=False, time_limit_s=600)
async def idrac_export_profile(
    ctx: Ctx,
    *,
    components: Parts = None,
    form: Annotated[profiles.Form, Field(description="XML only on iDRAC 7 and 8.")] = "XML",
    use: Annotated[profiles.Use, Field(description="Default: a backup of this server.")] = "Default",
    file: NewFile = None,
    wait_s: SaveWait = WAIT_S,
) -> Change:
    """Export the configuration profile to a file in files_dir; its content is not told: idrac_show_profile."""
    return await profiles.plan_export(ctx, components or EVERYTHING, form, use, file, wait_s)


@tool(title="Save an export", toolset="profile", risk=Risk.WRITE, idempotent=False, time_limit_s=600)
async def idrac_save_export(ctx: Ctx, *, job: JobRef, file: FileName, wait_s: SaveWait = WAIT_S) -> Change:
    """Write what an export's job has left (profile, collection, diagnostics) to a file; waits for it."""
    return await plan_save(ctx, job, new_file(ctx.client.settings.files_dir, file), wait_s)


@tool(title="Show profile", toolset="profile")
async def idrac_show_profile(
    ctx: Ctx,
    *,
    file: FileName,
    contains: Annotated[
        str | None, Field(max_length=64, description="Only components or names with this in them.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ProfilePage:
    """Settings in an exported profile; secrets are not shown. Asks no server."""
    found = read_profile(known_file(ctx.client.settings.files_dir, file))
    wanted = (contains or "").lower()
    chosen = [row for row in found.rows if wanted in row.component.lower() or wanted in row.name.lower()]

    def shown(row: Row) -> ProfileRow:
        value = shown_value(row.name, row.value)
        return ProfileRow(component=row.component, name=row.name, value=value, imported=row.imported)

    return page(ProfilePage, chosen, shown, limit, cursor, model=found.model, service_tag=found.service_tag)


@tool(title="Preview profile import", toolset="profile", risk=Risk.WRITE, idempotent=False, time_limit_s=300)
async def idrac_preview_profile(
    ctx: Ctx,
    *,
    file: FileName,
    components: Parts = None,
) -> Change:
    """Have the iDRAC check a profile without importing it: what would change, and whether it would work."""
    return await profiles.plan_preview(ctx, file, components or EVERYTHING)


@tool(title="Import profile", toolset="profile", risk=Risk.DESTRUCTIVE, idempotent=False, time_limit_s=600)
async def idrac_import_profile(
    ctx: Ctx,
    *,
    file: FileName,
    components: Components,
    shutdown: Annotated[
        profiles.Shutdown, Field(description="How the server is stopped where needed; NoReboot: at its next restart.")
    ] = "NoReboot",
    power: Annotated[profiles.Power, Field(description="Power of the server afterwards.")] = "On",
    wait_s: SaveWait = WAIT_S,
) -> Change:
    """Configure the server from a profile in files_dir: BIOS, iDRAC, network, RAID. Preview it first."""
    return await profiles.plan_import(ctx, file, components, shutdown, power, wait_s)
