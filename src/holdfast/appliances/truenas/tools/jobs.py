"""Jobs: listed, their logs read, and stopped where the server allows it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.identifiers import JobNumber
from holdfast.appliances.truenas.jobs import POLL_S, job_state
from holdfast.appliances.truenas.models.core import JobLog, JobPage, JobRow
from holdfast.appliances.truenas.reading import bounded, made, server_page
from holdfast.appliances.truenas.writes import Ctx, Seen, call
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.cutting import redacted
from holdfast.errors import ConflictError, LimitError
from holdfast.transport.values import as_str

LOG_BYTES: Final = 8 * 1024 * 1024
"""Longest log that is fetched to show its end."""


@tool(title="List jobs", toolset="jobs")
async def truenas_list_jobs(
    ctx: Ctx,
    *,
    state: Annotated[
        Literal["WAITING", "RUNNING", "SUCCESS", "FAILED", "ABORTED"] | None, Field(description="Only in this state.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> JobPage:
    """Running and recent jobs, the newest first. TrueNAS keeps the last 1000 and forgets all when it restarts."""
    return await server_page(
        ctx.client,
        JobPage,
        ["core.get_jobs"],
        lambda row: made(JobRow, row),
        filters=[["state", "=", state]] if state else [],
        limit=limit,
        cursor=cursor,
        order_by=["-id"],
        select=[
            "id",
            "method",
            "state",
            "abortable",
            "progress",
            "description",
            "error",
            "time_started",
            "time_finished",
        ],
    )


@tool(title="Read job log", toolset="jobs")
async def truenas_job_log(
    ctx: Ctx,
    *,
    job: JobNumber,
    lines: Annotated[int, Field(ge=1, le=300, description="Last lines.")] = 100,
) -> JobLog:
    """The end of the log that a job wrote (replication, cloud sync, rsync and the like). Most jobs write none."""
    seen = await job_state(ctx.client, job)
    if not await ctx.client.query(
        "core.get_jobs", [["id", "=", job], ["logs_path", "!=", None]], {"limit": 1, "select": ["id"]}
    ):
        return JobLog(job=job, method=seen.method, state=seen.state, lines=[], notes=["This job writes no log."])
    link = as_str(await ctx.client.call("core.job_download_logs", job, f"{job}.log"), "core.job_download_logs")
    try:
        text = (await ctx.client.downloads.to_memory(link, max_bytes=LOG_BYTES)).decode(errors="replace")
        notes = None
    except LimitError:
        text, notes = seen.log or "", ["The log is too long to be fetched: this is TrueNAS's own excerpt."]
    told = redacted(text, complete=True).splitlines()  # whole: the first line shown may be the middle of a secret
    return JobLog(job=job, method=seen.method, state=seen.state, lines=bounded(told[-lines:]), notes=notes)


@tool(title="Abort job", toolset="jobs", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_abort_job(ctx: Ctx, *, job: JobNumber) -> Change:
    """Stop a job that is waiting, or that TrueNAS can stop while it runs. Others would go on working behind the scenes
    although TrueNAS shows them as aborted: those are refused.
    """
    seen = await job_state(ctx.client, job)
    if seen.ended:
        raise ConflictError(
            f"Job {job} has ended already ({seen.state}).",
            next_step="There is nothing to stop; truenas_wait_job tells its result.",
        )
    if seen.state == "RUNNING" and not seen.abortable:
        raise ConflictError(
            f"Job {job} ({seen.method}) cannot be stopped safely while it runs.",
            next_step="Wait for its end with truenas_wait_job.",
        )

    async def look() -> Seen:
        for wait in (*POLL_S, None):
            now = await job_state(ctx.client, job)
            if now.ended or wait is None:
                break
            await ctx.sleep(wait)
        if not now.ended:
            note = "It has not stopped yet: truenas_wait_job tells when."
            return Seen(None, {"state": now.state}, note=note, unmoved=True)
        earlier = None if now.state == "ABORTED" else f"It had ended before it could be stopped, as {now.state}."
        return Seen(now.state == "ABORTED", {"state": now.state}, note=earlier)

    return await change(
        ctx,
        call("core.job_abort", job),
        summary=f"Abort job {job} ({seen.method})",
        before={"method": seen.method, "abortable": seen.abortable},
        after={"state": "ABORTED"},
        look=look,
        cannot_undo="What it had not done yet has to be started again.",
    )
