"""Exports: jobs that leave a file or a document, which is put into the operator's folder (contract 8.3, 12.16, 12.18).

What they leave is read from the task itself: firmware 7 forgets finished tasks within seconds, so the task is watched,
not the job queue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.files import size_of, write_new
from holdfast.appliances.idrac.jobs import VISIBILITY_LAG_S, ids_now, job_of, list_jobs, read_job
from holdfast.appliances.idrac.reading import link
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import (
    ConflictError,
    Executed,
    HoldfastError,
    NotFoundError,
    ProtocolError,
    TransportError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.resilience import remaining_s
from holdfast.transport import Reply

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

MAX_FILE: Final = 1024 * 1024 * 1024
"""Largest file that is taken from an iDRAC, bytes."""
WAIT_S: Final = 45
_PAUSE_S: Final = 5.0
_RESERVE_S: Final = 5.0

_LONGER: Final = "If it lasts longer: idrac_save_export waits for its job; what it left is forgotten within a minute."

Post = Callable[[], Awaitable[Answered]]


async def task_address(client: IDracClient, job: str) -> str:
    """Where the task of a job is."""
    tasks = link(await client.root(), "Tasks")
    if tasks is None:
        raise UnsupportedError("This iDRAC has no tasks, hence no exports to a file.")
    return f"{tasks}/Tasks/{job}"


async def collect(ctx: Ctx, job: str, place: Path, *, limit_s: float) -> bool:
    """Wait for an export and write what it left to a file.

    Returns:
        Whether there is a file now; False when it has ended without one, or goes on.

    Raises:
        NotFoundError: Nothing knows the job any more.
        HoldfastError: What it left cannot be taken: too large, from elsewhere, cut off.
    """
    client = ctx.client
    address = await task_address(client, job)
    left = remaining_s()
    limit = limit_s if left is None else min(limit_s, max(left - _RESERVE_S, 0.0))
    waited = 0.0
    while True:
        try:
            reply = await client.document(address)
        except NotFoundError:
            if waited >= VISIBILITY_LAG_S and await _has_ended(client, job):
                return False
        except (UnavailableError, TransportError):
            pass  # an iDRAC that is away for a moment has not failed its job
        else:
            if reply.status != 202:
                taken = await _take(client, reply, place)
                if taken is not None:
                    return taken
        if waited >= limit:
            return False
        await ctx.progress(waited, limit_s, f"{job}: waiting for the export")
        pause = min(_PAUSE_S, max(limit - waited, 0.05))
        await ctx.sleep(pause)
        waited += pause


async def _has_ended(client: IDracClient, job: str) -> bool:
    try:
        return (await read_job(client, job)).at_rest
    except NotFoundError:
        raise NotFoundError(
            f"No view of the iDRAC knows the job {job} any more, and it left no file.",
            executed=Executed.UNKNOWN,
            next_step="Export again.",
        ) from None


async def _take(client: IDracClient, reply: Reply, place: Path) -> bool | None:
    """What a finished task left; None when it goes on after all."""
    location = reply.headers.get("Location")
    if location is not None and "/TaskService/" not in location:
        await client.download(location, place, max_bytes=MAX_FILE)
        return True
    start = reply.body[:4096].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        if "<SystemConfiguration" not in start:
            raise ProtocolError("The task of the export holds no profile.")
        write_new(place, reply.body)
        return True
    found = reply.json_or_none()
    if isinstance(found, dict) and "SystemConfiguration" in found:
        write_new(place, reply.body)
        return True
    if isinstance(found, dict) and job_of(found).phase in ("running", "staged"):
        return None
    return False


async def export_change(
    ctx: Ctx,
    post: Post,
    content: JsonObject,
    *,
    jobs: frozenset[str],
    place: Path,
    summary: str,
    wait_s: float,
    warnings: tuple[str, ...] = (),
) -> Change:
    """The change of an export: one POST, its task watched, what it leaves in a file of mode 0600."""

    async def send() -> Answered:
        known = await ids_now(ctx.client)
        try:
            answered = await post()
            job = answered.job or await _new_job(ctx.client, known, jobs)
        except HoldfastError as error:
            if error.executed is Executed.NO:
                raise
            job = await _new_job(ctx.client, known, jobs)
            if job is None:
                raise
        if job is None:
            raise ProtocolError("The iDRAC accepted the export, but names no job for it.")
        await collect(ctx, job, place, limit_s=wait_s)
        return Answered(202, {}, None, job)

    write = Write(send, {**content, "file": place.name}, jobs=jobs, wait_s=0.0)
    return await into_file(ctx, write, place, summary=summary, warnings=[*warnings, _LONGER])


async def into_file(
    ctx: Ctx, write: Write, place: Path, *, summary: str, doing: str = "An export", warnings: Sequence[str] = ()
) -> Change:
    """The change that leaves a new file, and the server as it is."""
    return await change(
        ctx,
        write,
        summary=summary,
        before={"file": None},
        after={"file": place.name},
        look=lambda: _look_at(place),
        relative=True,
        cannot_undo=f"{doing} changes nothing at the server; the file can be deleted.",
        warnings=warnings,
    )


async def _look_at(place: Path) -> Seen:
    """Whether the file is there, and how large it is."""
    size = size_of(place)
    if size is None:
        return Seen(False, {"file": None}, note="There is no file yet: idrac_save_export saves what its job leaves.")
    return Seen(True, {"file": place.name, "bytes": size})


async def _new_job(client: IDracClient, known: frozenset[str], types: frozenset[str]) -> str | None:
    """The job behind a lost answer: one of the right type that was not there before."""
    for job in await list_jobs(client):
        if job.id not in known and (job.type in types or job.type is None):
            return job.id
    return None


async def plan_save(ctx: Ctx, job: str, place: Path, wait_s: float) -> Change:
    """The saving of what an earlier export has left; the iDRAC keeps it for a short while only."""
    found = await read_job(ctx.client, job)
    if found.phase == "failed":
        raise ConflictError(f"Job {job} is {found.state}: it left nothing.", next_step="Export again.")

    async def send() -> Answered:
        if not await collect(ctx, job, place, limit_s=wait_s):
            now = await read_job(ctx.client, job)
            if not now.at_rest:
                raise UnavailableError(f"Job {job} is {now.state} still.", next_step="Call again later.")
            raise NotFoundError(
                f"Job {job} is {now.state}, but the iDRAC keeps no file of it.",
                next_step="Export again with a longer wait_s; the iDRAC forgets finished exports within a minute.",
            )
        return Answered(200, {}, None, None)

    summary = f"Save what the export {job} ({found.name or found.type or 'job'}) has left"
    return await into_file(ctx, Write(send, {"GET": job, "file": place.name}), place, summary=summary, doing="Saving")
