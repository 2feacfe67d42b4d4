"""From a write to a `Change`: sent once, its job followed to its end, its effect read back, a lost answer settled."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Final, Unpack

from holdfast.appliances.truenas.client import KnownJob
from holdfast.appliances.truenas.jobs import (
    Job,
    SeveralJobsError,
    began_by,
    find_job,
    forgotten,
    job_state,
    joined,
    newest_job,
    only_job,
    wait_for,
)
from holdfast.appliances.truenas.outcomes import end_of, errors_in
from holdfast.appliances.truenas.writes import Ctx, Look, Seen, Verdict, Write
from holdfast.control.answers import JsonObject
from holdfast.control.change import Applied, Change, Earlier, Observed, Told
from holdfast.errors import (
    ApplianceError,
    AttemptTimeoutError,
    DeadlineError,
    Executed,
    HoldfastError,
    LostReplyError,
    NotFoundError,
    ProtocolError,
    ValidationError,
)
from holdfast.transport.values import JsonValue

_LOOKS: Final = 3
"""The control floor reads back so often; only at the last look a missing job means that none was started."""
_MAY_STILL_COME: Final = (AttemptTimeoutError, DeadlineError)
"""After these the middleware goes on working: time limits are the client's alone (contract 11)."""


class _Sending:
    """What has become of the one sending of a change."""

    def __init__(self, ctx: Ctx, write: Write, look: Look, before: JsonObject) -> None:
        self._before = before
        self._client = ctx.client
        self._sleep = ctx.sleep
        self._progress = ctx.progress
        self._write = write
        self._look = look
        self._request_id = str(uuid.uuid4())
        self._newest = 0
        self._looks = 0
        self._way = write.ways[0]
        self._number: int | None = None
        self._job: Job | None = None
        self._forgotten = False
        self._verdict = Verdict()
        self._error: HoldfastError | None = None

    async def apply(self) -> Applied:
        if any(way.job for way in self._write.ways):
            self._newest = await newest_job(self._client)
        try:
            answer, self._way = await self._client.write_first(self._write.ways, request_id=self._request_id)
            if self._way.job:
                self._adopt(_job_id(answer, self._way.method), method=self._way.method)
        except HoldfastError as error:
            if error.executed is Executed.NO and not await self._untouched(error):
                error.executed = Executed.UNKNOWN
            self._error = error
            raise
        if self._number is None:
            self._judge(answer)
            return Applied(details=self._verdict.details, warnings=self._verdict.told)
        return await self._finish(self._number)

    async def _untouched(self, error: HoldfastError) -> bool:
        """Whether a call that was not executed by what its error says has done nothing. Most of what is refused with
        -32602 is refused before any work, but what comes out of a late step (the ACL of a dataset that was just made,
        contract 12) looks no different.
        """
        if not isinstance(error, (ValidationError, NotFoundError)) or all(way.job for way in self._write.ways):
            return True  # no work, or no job, was begun
        try:
            seen = await self._look()
        except NotFoundError:
            return isinstance(error, NotFoundError)
        except HoldfastError:
            return False
        return seen.unmoved or (seen.reached is False and self._as_before(seen))

    def _as_before(self, seen: Seen, *, begun: bool = True) -> bool:
        """Whether the state is what it was: of what has failed once it was `begun`, a part may be done."""
        if begun and self._write.in_steps:
            return False
        return all(self._before.get(name, value) == value for name, value in (seen.state or {}).items())

    def _adopt(self, number: int, *, method: str, started_at: float = 0.0) -> None:
        self._number = number
        self._client.known_jobs[number] = KnownJob(method, started_at, self._request_id)

    def _judge(self, answer: JsonValue) -> None:
        if self._write.judge is not None:
            self._verdict = self._write.judge(answer)

    async def _finish(self, number: int) -> Applied:
        """Wait a while for the job; what it said when it did not end well."""

        async def report(job: Job, waited: float) -> None:
            await self._progress(job.percent or 0.0, 100.0, f"job {number}: {job.doing or job.state}")

        try:
            job = await wait_for(
                self._client,
                number,
                limit_s=self._write.wait_s,
                sleep=self._sleep,
                report=report,
                with_result=self._write.judge is not None,
            )
        except NotFoundError:
            self._forgotten = True
            return Applied(warnings=(_FORGOTTEN,))
        except HoldfastError:
            return Applied(task=str(number), warnings=("The state of its job cannot be read now.",))
        self._settle(job)
        if self._joined(job) is not None:
            return Applied(warnings=self._verdict.told)
        if not job.ended:
            return Applied(task=str(number))
        details: JsonObject = {"job": number, "state": job.state, **self._verdict.details}
        if job.state != "SUCCESS":
            details["error"] = job.error
        if job.log:
            details["log_end"] = end_of(job.log, _LOG_CHARS)
        return Applied(details=details, warnings=[*self._verdict.told, *errors_in(job.log)])

    def _settle(self, job: Job) -> None:
        self._job = job
        if job.state == "SUCCESS":
            self._judge(job.result)

    def _joined(self, job: Job) -> Observed | None:
        """What is told when TrueNAS has added the call to a job of others, which does something else."""
        if not joined(job, self._request_id, self._way.params):
            return None
        note = (
            f"The queue was full: TrueNAS added this call to job {job.id} ({job.state}), which waited already with "
            "other arguments. What was asked for here is not carried out."
        )
        wait = f"truenas_wait_job job={job.id} tells when that job has ended; then call this tool again."
        return Observed("not_applied", note=note, shown=False, next_step=wait)

    async def read_back(self) -> Observed:
        self._looks += 1
        if not self._way.job:
            return self._without_job(await self._look())
        job = await self._current_job()
        if job is None:
            return self._without_job(await self._look())
        if (other := self._joined(job)) is not None:
            return other
        if not job.ended and self._write.goes_on and job.state == "RUNNING" and (seen := await self._look()).reached:
            return Observed("applied", seen.state, note=f"It goes on as job {job.id}.", task=str(job.id))
        if not job.ended:
            return Observed("unknown", note=f"Job {job.id} is {job.state}.", task=str(job.id))
        return self._by_job(job, await self._look())

    async def recall(self, earlier: Earlier) -> Observed:
        """What became of it when an earlier process has sent it: by its job, else by the only one like it since."""
        seen = await self._look()
        if self._write.relative:
            seen = Seen(None, seen.state)
        try:
            job = await self._earlier_job(earlier)
        except SeveralJobsError:
            return Observed("unknown", seen.state, note="Which of its jobs it was cannot be told.")
        if job is None:
            told = seen.reached is False and not self._write.slow
            return Observed("not_applied" if told else "unknown", seen.state, note=seen.note)
        self._settle(job)
        if not job.ended:
            begun = self._write.goes_on and job.state == "RUNNING" and seen.reached
            return Observed("applied" if begun else "unknown", seen.state, task=str(job.id))
        found = self._by_job(job, seen)
        return replace(found, task=None if found.effect == "unknown" else str(job.id))

    async def _earlier_job(self, earlier: Earlier) -> Job | None:
        calls = [(way.method, way.params) for way in self._write.ways if way.job]
        if earlier.task is not None and earlier.task.isdecimal():
            number: int | None = int(earlier.task)
        else:
            number = await only_job(self._client, calls, sent_at=earlier.sent_at)
        if number is None:
            return None
        job = await job_state(self._client, number, with_result=self._write.judge is not None)
        if not began_by(job, calls, sent_at=earlier.sent_at):
            raise forgotten(number)
        return job

    async def _current_job(self) -> Job | None:
        if self._job is not None and self._job.ended:
            return self._job
        if self._forgotten:
            return None
        try:
            if self._number is None:
                found = await self._find()
                if found is None:
                    return None
                self._adopt(found.id, method=found.method, started_at=found.started_at)
            assert self._number is not None
            self._settle(await job_state(self._client, self._number, with_result=self._write.judge is not None))
        except NotFoundError:
            self._forgotten = True
            return None
        return self._job

    async def _find(self) -> Job | None:
        """The job behind a lost answer. Which way was being tried when it was lost is not known: all are looked for."""
        for way in self._write.ways:
            if not way.job:
                continue
            found = await find_job(
                self._client, self._request_id, method=way.method, params=way.params, after=self._newest
            )
            if found is not None:
                return found
        return None

    def _by_job(self, job: Job, seen: Seen) -> Observed:
        if job.state == "SUCCESS":
            if self._verdict.worked is False:
                return self._failed(seen)
            if seen.reached is False:
                return Observed("unknown", seen.state, note=seen.note or _NOT_SHOWN)
            return Observed("applied", seen.state, note=seen.note, undo=seen.undo, shown=bool(seen.reached))
        failed = f"Job {job.id} ended as {job.state}: {job.error or 'no reason given'}"
        if seen.reached:
            return Observed("applied", seen.state, note=f"{failed} The state is as wanted nevertheless.")
        if seen.reached is None and not seen.unmoved:
            return Observed("unknown", seen.state, note=f"{failed}. {_MAY_BE_DONE}")
        if not self._as_before(seen, begun=not job.refused):
            return Observed("unknown", seen.state, note=f"{failed}. {_PARTLY}")
        return Observed("not_applied", seen.state, note=failed)

    def _failed(self, seen: Seen) -> Observed:
        """The call succeeded, and its result says that it did not work."""
        told = " ".join(self._verdict.told) or seen.note
        return Observed("not_applied", seen.state, note=told, shown=seen.reached is False)

    def _without_job(self, seen: Seen) -> Observed:
        """No job is known: what the state says decides, unless the write may still be executed."""
        if self._verdict.worked is False:
            return self._failed(seen)
        if seen.reached:
            return Observed("applied", seen.state, note=seen.note, undo=seen.undo)
        if self._forgotten:
            return Observed("unknown", seen.state, note=_FORGOTTEN)
        error = self._error
        if isinstance(error, _MAY_STILL_COME):
            return Observed(
                "unknown", seen.state, note="TrueNAS may still be working on it: read the state again later."
            )
        if isinstance(error, LostReplyError) and (self._write.slow or seen.reached is None):
            note = "The connection broke while TrueNAS may have been working on it: read the state again later."
            return Observed("unknown", seen.state, note=note)
        if error is not None and self._looks < _LOOKS:
            return Observed("unknown", seen.state, note="Nothing shows that it was executed.")
        if seen.reached is None and error is None:
            return Observed("applied", seen.state, note=seen.note, undo=seen.undo, shown=False)
        if seen.reached is None and not seen.unmoved and isinstance(error, ApplianceError):
            refused = isinstance(error, ValidationError)
            return Observed("unknown", seen.state, note=seen.note or (_NO_TRACE if refused else _MAY_BE_DONE))
        if error is not None and not self._as_before(seen, begun=not self._way.job):
            return Observed("unknown", seen.state, note=_PARTLY)
        said = error.message if isinstance(error, ApplianceError) else None
        note = said or seen.note or "The state is not as wanted."
        return Observed("not_applied", seen.state, note=note, shown=seen.reached is False)


_LOG_CHARS: Final = 1500

_FORGOTTEN: Final = "TrueNAS has forgotten the job (its middleware restarted): the state tells what became of it."
_MAY_BE_DONE: Final = "It failed while it was at work: it may have done a part, or all of it; the state does not tell."
_NO_TRACE: Final = (
    "Values are refused before any work as a rule; here nothing that can be read shows that none was done."
)
_PARTLY: Final = "What can be seen is not as wanted, but a part may have been done."
_NOT_SHOWN: Final = "The job ended well; the state does not show it yet."


def _job_id(answer: JsonValue, method: str) -> int:
    if isinstance(answer, int) and not isinstance(answer, bool) and answer > 0:
        return answer
    raise ProtocolError(f"TrueNAS answered {method} without the id of a job.", next_step="Read the state back.")


async def change(
    ctx: Ctx,
    write: Write,
    *,
    look: Look,
    content: JsonObject | None = None,
    **told: Unpack[Told],
) -> Change:
    """The change that a write makes.

    Args:
        ctx: Of the tool.
        write: What is sent.
        look: Reads the state.
        content: What the plan is bound to where it is not `write.content`.
        told: See `Change`.
    """
    sending = _Sending(ctx, write, look, told["before"])
    return Change(
        identity=await ctx.client.identity(),
        apply=sending.apply,
        read_back=sending.read_back,
        content=content if content is not None else write.content,
        recall=sending.recall,
        **told,
    )
