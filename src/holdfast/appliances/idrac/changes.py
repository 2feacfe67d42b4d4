"""From a write to a `Change`: sent once, its job followed, its effect read back (contract 11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, Unpack

from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.jobs import INLINE_WAIT_S, Job, ids_now, list_jobs, poll_pause, read_job, wait_for
from holdfast.appliances.idrac.seen import VANISHED, Seen, by_job, without_job
from holdfast.control.answers import JsonObject
from holdfast.control.change import Applied, Change, Earlier, Observed, Told
from holdfast.control.context import Context
from holdfast.errors import Executed, HoldfastError, NotFoundError
from holdfast.resilience import remaining_s

__all__ = ["STEP_S", "Ctx", "Look", "Seen", "Send", "Write", "acting", "change", "patching"]

Ctx: TypeAlias = Context[IDracClient]

_LOOKS: Final = 3
"""The control floor reads back so often; only the last look says that nothing happened."""
STEP_S: Final = 2.0
"""Wait between looks at a state that takes a while to come, seconds."""
_RESERVE_S: Final = 15.0
"""What is left of a call's time for the read-back, seconds."""
_LAG_PAUSES_S: Final = (2.0, 4.0, 8.0, 16.0)
"""A new job may be unknown for half a minute (contract 8.3)."""
SHORT_S: Final = 60.0
"""What may take longer than this is looked at less often (contract 8.5), seconds."""


Look = Callable[[], Awaitable[Seen]]
Send = Callable[[], Awaitable[Answered]]
Conclude = Callable[[Job], Awaitable[JsonObject]]


@dataclass(frozen=True)
class Write:
    """One change on the wire.

    Attributes:
        send: Sends it, once.
        content: What is sent, for the plan's digest; no secrets.
        jobs: Types of the jobs that it may start; empty when it starts none.
        settle_s: How long the state may take to become as wanted without a job, seconds.
        wait_s: How long its job is waited for, seconds.
        tells: What the answer told that is worth showing; no secrets.
        concludes: Reads what a job did that has ended, to be shown with it.
        only_looks: Its job changes nothing of the server: one that failed has done nothing.
        judged: Reads the state for a job that is known, in place of the change's `look`.
        restarts: The iDRAC restarts the host for its job by itself.
    """

    send: Send
    content: JsonObject
    jobs: frozenset[str] = frozenset()
    settle_s: float = 0.0
    wait_s: float = INLINE_WAIT_S
    tells: Callable[[Answered], JsonObject] | None = None
    concludes: Conclude | None = None
    only_looks: bool = False
    judged: Callable[[Job], Awaitable[Seen]] | None = None
    restarts: bool = False


def _late() -> bool:
    left = remaining_s()
    return left is not None and left < _RESERVE_S


class _Sending:
    """What has become of the one sending of a change."""

    def __init__(self, ctx: Ctx, write: Write, look: Look) -> None:
        self._ctx = ctx
        self._write = write
        self._look = look
        self._looks = 0
        self.relative = False
        self._known: frozenset[str] = frozenset()
        self._job: Job | None = None
        self._job_id: str | None = None
        self._vanished = False
        self._error: HoldfastError | None = None

    async def apply(self) -> Applied:
        if self._write.jobs:
            self._known = await ids_now(self._ctx.client)
        try:
            answered = await self._write.send()
        except HoldfastError as error:
            self._error = error
            if error.executed is not Executed.NO:
                await self._wait_unheard()
            raise
        if answered.job is not None:
            self._job_id = answered.job
            return await self._follow(answered.job)
        await self._wait_unheard()
        return Applied(details=self._write.tells(answered) if self._write.tells is not None else {})

    async def _wait_unheard(self) -> None:
        """Wait for what no answer told of: its job, which may be listed late, or its effect."""
        if self._write.jobs:
            await self._find_job()
        if self._write.settle_s:
            await self._settle()

    async def _find_job(self) -> None:
        """Look for the job that no answer named, until it may not be listed late any more or is not needed."""
        for pause in _LAG_PAUSES_S:
            try:
                if await self._current_job() is not None or (await self._look()).reached:
                    return
            except HoldfastError:
                pass  # an iDRAC that is away for a moment lists nothing
            if _late():
                return
            await self._ctx.sleep(pause)
        self._looks = _LOOKS - 1  # the next look decides

    async def _settle(self) -> None:
        waited = 0.0
        while waited < self._write.settle_s and not _late():
            try:
                if (await self._look()).reached:
                    return
            except HoldfastError:
                pass  # an iDRAC that is away for a moment shows nothing; the read-back decides
            await self._ctx.progress(waited, self._write.settle_s, "waiting for the effect")
            pause = STEP_S if self._write.settle_s <= SHORT_S else poll_pause(waited)
            await self._ctx.sleep(pause)
            waited += pause

    async def _follow(self, job: str) -> Applied:
        async def report(found: Job, waited: float) -> None:
            await self._ctx.progress(float(found.percent or 0), 100.0, f"{job}: {found.state}")

        try:
            self._job, _ = await wait_for(
                self._ctx.client,
                job,
                limit_s=self._write.wait_s,
                sleep=self._ctx.sleep,
                report=report,
                moves=self._write.restarts,
            )
        except NotFoundError:
            self._vanished = True
            return Applied(details={"job": job}, warnings=(VANISHED,))
        except HoldfastError:
            return Applied(task=job, warnings=("The state of its job cannot be read now.",))
        details: JsonObject = {"job": job, "state": self._job.state, "message": self._job.message}
        if self._write.concludes is not None and self._job.phase in ("done", "partial"):
            details |= await self._conclusion(self._write.concludes, self._job)
        return Applied(task=job if self._job.phase in ("running", "staged") else None, details=details)

    @staticmethod
    async def _conclusion(concludes: Conclude, job: Job) -> JsonObject:
        try:
            return await concludes(job)
        except HoldfastError as error:
            return {"not_read": f"What it changed cannot be read now: {error.message}"}

    async def read_back(self) -> Observed:
        self._looks += 1
        job = await self._current_job()
        if job is None:
            return without_job(
                await self._look(),
                answered=self._error is None,
                vanished=self._vanished,
                last=self._looks >= _LOOKS,
            )
        if job.phase == "running" or self._moves(job):
            step = f"It runs on the iDRAC: wait with idrac_wait_job for job {job.id}. Do not repeat it."
            return Observed("unknown", note=f"Job {job.id} is {job.state}.", task=job.id, next_step=step)
        judged = self._write.judged
        return by_job(
            job,
            await (judged(job) if judged is not None else self._look()),
            only_looks=self._write.only_looks,
        )

    async def recall(self, earlier: Earlier) -> Observed:
        """What became of it when an earlier process has sent it: by its job where that was recorded, else by the state.

        An iDRAC's clock does not tell which of several jobs was meant: one that still goes on is waited for.
        """
        seen = await self._look()
        if self.relative:
            seen = replace(seen, reached=None)
        if earlier.task is not None and self._write.jobs:
            job = await read_job(self._ctx.client, earlier.task)
            if job.phase == "running":
                return Observed("unknown", seen.state, task=job.id)
            found = by_job(job, seen, only_looks=self._write.only_looks)
            return found if found.effect == "unknown" else replace(found, task=job.id)
        for job in await list_jobs(self._ctx.client) if self._write.jobs else ():
            if job.phase in ("running", "staged") and job.type in self._write.jobs:
                return Observed("unknown", seen.state, task=job.id)
        told = seen.reached is False and not seen.partly
        return Observed("not_applied" if told else "unknown", seen.state, note=seen.note)

    async def _current_job(self) -> Job | None:
        if self._job is not None and self._job.phase != "running" and not self._moves(self._job):
            return self._job
        if self._vanished or not self._write.jobs:
            return None
        try:
            if self._job_id is None:
                self._job = await self._new_job()
                self._job_id = self._job.id if self._job is not None else None
            else:
                self._job = await read_job(self._ctx.client, self._job_id)
        except NotFoundError:
            self._vanished = True
            return None
        return self._job

    def _moves(self, job: Job) -> bool:
        """Whether a staged job goes on by itself."""
        return self._write.restarts and job.phase == "staged"

    async def _new_job(self) -> Job | None:
        """The job behind a lost answer: one of the right type that was not there before."""
        for job in await list_jobs(self._ctx.client):
            if job.id not in self._known and (job.type in self._write.jobs or job.type is None):
                return job
        return None


async def change(
    ctx: Ctx,
    write: Write,
    *,
    look: Look,
    relative: bool = False,
    **told: Unpack[Told],
) -> Change:
    """The change that a write makes.

    Args:
        ctx: Of the tool.
        write: What is sent.
        look: Reads the state.
        relative: The look compares with what was there when the change was planned, or with what only this process
            has: a later process's look tells nothing about it.
        told: See `Change`.
    """
    sending = _Sending(ctx, write, look)
    sending.relative = relative
    return Change(
        identity=f"service tag {await ctx.client.identity()}",
        apply=sending.apply,
        read_back=sending.read_back,
        content=write.content,
        recall=sending.recall,
        **told,
    )


def patching(ctx: Ctx, address: str, body: JsonObject, **more: float) -> Write:
    """A PATCH of one resource."""
    content: JsonObject = {"PATCH": address, "body": body}
    return Write(lambda: ctx.client.write("PATCH", address, body), content, settle_s=more.get("settle_s", 0.0))


def acting(ctx: Ctx, resource: JsonObject, name: str, body: JsonObject, **more: float) -> Write:
    """An action of a resource that starts no job.

    Raises:
        UnsupportedError: The resource does not offer it.
    """
    target = ctx.client.target_of(resource, name)
    content: JsonObject = {"POST": target, "body": body}
    return Write(lambda: ctx.client.write("POST", target, body), content, settle_s=more.get("settle_s", 0.0))
