"""Diagnostics and support collections."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import support
from holdfast.appliances.idrac.arguments import SaveWait
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.exporting import WAIT_S
from holdfast.appliances.idrac.files import FileName
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool

NewFile = Annotated[FileName | None, Field(description="Name for the new file.")]


@tool(title="Run diagnostics", toolset="support", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_run_diagnostics(
    ctx: Ctx,
    *,
    mode: Annotated[support.Mode, Field(description="Express: half an hour; Extended: hours.")] = "Express",
    restart: Annotated[
        support.Restart, Field(description="How the operating system is stopped.")
    ] = "GracefulRebootWithoutForcedShutdown",
) -> Change:
    """Restart the server into Dell's diagnostics; it is down meanwhile. Result: idrac_export_diagnostics."""
    return await support.plan_diagnostics(ctx, mode, restart)


@tool(title="Export diagnostics", toolset="support", risk=Risk.WRITE, idempotent=False, time_limit_s=600)
async def idrac_export_diagnostics(ctx: Ctx, *, file: NewFile = None, wait_s: SaveWait = WAIT_S) -> Change:
    """Write the result of the last diagnostics to a file in files_dir."""
    return await support.plan_diagnostics_export(ctx, file, wait_s)


@tool(title="Collect for support", toolset="support", risk=Risk.WRITE, idempotent=False, time_limit_s=600)
async def idrac_collect_support(
    ctx: Ctx,
    *,
    parts: Annotated[
        list[support.Part] | None,
        Field(min_length=1, max_length=6, description="HWData when left out."),
    ] = None,
    hide_identity: Annotated[bool, Field(description="Filter host names and addresses out of system data.")] = True,
    file: NewFile = None,
    wait_s: SaveWait = WAIT_S,
) -> Change:
    """Make a SupportAssist collection (TSR) and write it to a file in files_dir. Takes up to an hour."""
    return await support.plan_collection(ctx, parts or ["HWData"], hide_identity, file, wait_s)
