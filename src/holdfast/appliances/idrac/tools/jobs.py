"""The job queue."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.idrac.arguments import JobRef
from holdfast.appliances.idrac.jobs import Job, list_jobs, traces, wait_for
from holdfast.appliances.idrac.models import JobAnswer, JobPage, JobRow
from holdfast.appliances.idrac.tools.core import Ctx
from holdfast.appliances.idrac.verifying import JOBS as FIRMWARE_JOBS
from holdfast.appliances.idrac.verifying import LOOK, after_job, updates
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool
from holdfast.errors import HoldfastError, NotFoundError


def _row(job: Job) -> JobRow:
    return JobRow.model_validate(asdict(job))


@tool(title="List jobs", toolset="jobs")
async def idrac_list_jobs(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> JobPage:
    """Jobs of the iDRAC's queue, newest first. A staged job waits for a restart of the host."""
    found = await list_jobs(ctx.client)
    return page(JobPage, found, _row, limit, cursor)


@tool(title="Wait for a job", toolset="jobs", time_limit_s=600)
async def idrac_wait_job(
    ctx: Ctx, *, job: JobRef, wait_s: Annotated[int, Field(ge=0, le=590, description="Longest wait, seconds.")] = 45
) -> JobAnswer:
    """Wait until a job has ended or waits for a restart of the host, also while the iDRAC restarts. Then call again."""

    silent: float | None = None
    lasted = 0.0

    async def report(found: Job, waited: float) -> None:
        nonlocal silent, lasted
        silent, lasted = None, waited
        await ctx.progress(float(found.percent or 0), 100.0, f"{found.id}: {found.state}")

    async def silence(waited: float) -> None:
        nonlocal silent, lasted
        silent, lasted = waited if silent is None else silent, waited
        await ctx.progress(waited, float(wait_s), f"{job}: the iDRAC does not answer")

    wanted = updates.of(ctx.client, job)
    moves = wanted is not None and wanted.restarts
    try:
        found, waited = await wait_for(
            ctx.client, job, limit_s=wait_s, sleep=ctx.sleep, report=report, silence=silence, moves=moves
        )
    except NotFoundError:
        logged = await traces(ctx.client, job)
        if logged is None:
            raise
        return await _vanished(ctx, logged, lasted)
    notes = [_NOTES[found.phase]] if found.phase in _NOTES else []
    if silent is not None:
        notes.append(f"The iDRAC has not answered for {waited - silent:.0f} s: the state is an earlier one. Ask again.")
    finished = found.at_rest and found.phase != "staged"
    verified: bool | None = None
    if finished and found.phase != "failed" and found.type in FIRMWARE_JOBS:
        verified, said = await _firmware(ctx, found)
        notes.append(said)
    return JobAnswer(job=_row(found), finished=finished, verified=verified, waited_s=waited, notes=notes or None)


_NOTES: Final[dict[str, str]] = {
    "staged": "It waits for a restart of the host and goes no further by waiting.",
    "partial": "Part of it failed: no success. Read what it was to change, and the Lifecycle log (idrac_list_logs).",
    "needs_operator": "It is in force only after an operator has restarted the server or cut it from the mains.",
}


async def _vanished(ctx: Ctx, logged: Job, waited: float) -> JobAnswer:
    """What is known of a job that is in no view any more."""
    notes = ["No view of the iDRAC knows this job any more: this is what its Lifecycle log says last."]
    if logged.phase == "unknown":
        notes.append("How it ended is not known: read the state of what it was to change.")
    verified: bool | None = None
    if updates.of(ctx.client, logged.id) is not None:
        verified, said = await _firmware(ctx, logged)
        notes.append(said)
    finished = logged.phase != "unknown"
    return JobAnswer(job=_row(logged), finished=finished, verified=verified, waited_s=waited, notes=notes)


async def _firmware(ctx: Ctx, job: Job) -> tuple[bool | None, str]:
    """What the inventory says of a firmware job that has ended; the iDRAC may restart for it just now."""
    try:
        return await after_job(ctx.client, job)
    except HoldfastError as error:
        return None, f"What is installed cannot be read now ({error.message}); look later: {LOOK}."
