"""Clearing the job queue, and waiting until the Lifecycle Controller is ready again (contract 8.4)."""

from __future__ import annotations

from typing import Final

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.jobs import Job, list_jobs
from holdfast.appliances.idrac.managing import readiness
from holdfast.appliances.idrac.reading import link
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import HoldfastError, UnsupportedError

FIRST_WAIT_S: Final = 60.0
"""After a forced clearing the Lifecycle Controller restarts; what it says earlier is stale."""
POLL_S: Final = 20.0
LIMIT_S: Final = 600.0


async def plan_clear(ctx: Ctx, *, force: bool) -> Change:
    """The deletion of all jobs that do not run; by force of all, with a restart of the Lifecycle Controller."""
    address = link(await ctx.client.places.manager(), "Links/Oem/Dell/DellJobService")
    if address is None:
        raise UnsupportedError(
            "This iDRAC cannot clear its queue at once.", next_step="Delete single jobs: idrac_delete_job."
        )
    target = ctx.client.target_of(await ctx.client.get(address), "DellJobService.DeleteJobQueue")
    body: JsonObject = {"JobID": "JID_CLEARALL_FORCE" if force else "JID_CLEARALL"}
    before = await list_jobs(ctx.client)
    cleared = [job for job in before if force or job.phase != "running"]

    async def look() -> Seen:
        left = [job.id for job in await list_jobs(ctx.client) if job.id in {one.id for one in cleared}]
        return Seen(not left, {"jobs": list(left)})

    async def send() -> Answered:
        answered = await ctx.client.write("POST", target, body)
        if force:
            ctx.client.places.forget()
            await _until_ready(ctx)
        return answered

    return await change(
        ctx,
        Write(send, {"POST": target, "body": body}),
        summary=f"Clear the job queue{' by force' if force else ''} ({len(cleared)} jobs)",
        before={"jobs": [f"{job.id} {job.state}" for job in cleared]},
        after={"jobs": []},
        look=look,
        cannot_undo="Deleted jobs do not come back; what staged ones would have done must be set again.",
        blast_radius=_radius(cleared, force=force),
        nothing_to_do=not cleared and not force,
    )


def _radius(cleared: list[Job], *, force: bool) -> tuple[str, ...]:
    staged = sum(job.phase == "staged" for job in cleared)
    found = [f"{staged} staged jobs with their settings, of whoever made them."] if staged else []
    if force:
        found += ["Jobs that run are broken off.", "The Lifecycle Controller restarts: Systems is empty for minutes."]
    return tuple(found)


async def _until_ready(ctx: Ctx) -> None:
    waited = FIRST_WAIT_S
    await ctx.sleep(FIRST_WAIT_S)
    while waited < LIMIT_S:
        try:
            await ctx.client.places.system()
            if await readiness(ctx.client) in ("Ready", None):
                return
        except HoldfastError:
            pass  # it restarts: the read-back has the last word
        await ctx.progress(waited, LIMIT_S, "waiting for the Lifecycle Controller")
        await ctx.sleep(POLL_S)
        waited += POLL_S
