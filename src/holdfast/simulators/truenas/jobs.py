"""Long-running tasks: ids, states, locks, progress and what is left of them (contract section 7)."""

from __future__ import annotations

import asyncio
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from holdfast.simulators.truenas.credentials import Credential
from holdfast.simulators.truenas.errors import EBUSY, CallError, Json, MiddlewareError, Row, ValidationFailedError
from holdfast.simulators.truenas.facts import JobFacts
from holdfast.simulators.truenas.registry import Step, Steps
from holdfast.simulators.truenas.secrets import MASK, mask_arguments
from holdfast.simulators.truenas.timeline import BUGS, Timeline, Timer
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.persona import Timing
    from holdfast.simulators.truenas.session import Session

State = Literal["WAITING", "RUNNING", "SUCCESS", "FAILED", "ABORTED"]
HISTORY = 1000
_FINAL = ("SUCCESS", "FAILED", "ABORTED")


@dataclass
class Pipe:
    """Bytes that go out of a job (`output`) or come into it (`input`)."""

    data: bytearray = field(default_factory=bytearray)
    attached: bool = False


@dataclass
class Job:
    """One task. `body` makes the generator that does the work; times are seconds since the epoch."""

    id: int
    method: str
    arguments: list[Any]
    facts: JobFacts
    body: Callable[[Job], Steps]
    session: Session | None
    credential: Credential | None
    time_started: float
    message_ids: list[str] = field(default_factory=list)
    lock: str | None = None
    state: State = "WAITING"
    percent: int = 0
    description: str = ""
    result: Json = None
    error: str | None = None
    exception: str | None = None
    exc_info: Row | None = None
    time_finished: float | None = None
    logs: list[str] = field(default_factory=list)
    output: Pipe | None = None
    input: Pipe | None = None
    summary: str | None = None
    failure: MiddlewareError | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    steps: Steps | None = None
    timer: Timer | None = None
    held: bool = False

    @property
    def finished(self) -> bool:
        """Whether it reached a final state."""
        return self.state in _FINAL

    def log(self, line: str) -> None:
        """Add a line to the job's log (only jobs declared with logs keep one)."""
        if self.facts.logs:
            self.logs.append(line)

    def row(self, *, with_message_ids: bool, raw_result: bool) -> Row:
        """The job object of `core.get_jobs` and of events."""
        result = self.result if raw_result or self.result in (None, True, False) else _masked_result(self.result)
        live = self.session is not None and not self.session.closed
        row: Row = {
            "id": self.id,
            "message_ids": list(self.message_ids),
            "method": self.method,
            "arguments": mask_arguments(self.arguments),
            "transient": self.facts.transient,
            "description": self.summary,
            "abortable": self.facts.abortable,
            "logs_path": f"/var/log/jobs/{self.id}.log" if self.facts.logs else None,
            "logs_excerpt": "\n".join(self.logs[-10:]) if self.facts.logs else None,
            "progress": {"percent": self.percent, "description": self.description, "extra": None},
            "result": result,
            "result_encoding_error": None,
            "error": self.error,
            "exception": self.exception,
            "exc_info": self.exc_info,
            "state": self.state,
            "time_started": from_epoch(self.time_started),
            "time_finished": from_epoch(self.time_finished) if self.time_finished is not None else None,
            "credentials": self.credential.job_data() if self.credential is not None and live else None,
        }
        if not with_message_ids:
            del row["message_ids"]
        return row


def _masked_result(result: Json) -> Json:
    if isinstance(result, dict | list):
        return mask_arguments(result)
    return MASK if isinstance(result, str) else result


class JobManager:
    """All jobs of the box since its middleware started."""

    def __init__(
        self,
        timeline: Timeline,
        timing: Callable[[], Timing],
        changed: Callable[[str, Job], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self._timeline = timeline
        self._timing = timing
        self._changed = changed
        self._crashed = crashed
        self.jobs: OrderedDict[int, Job] = OrderedDict()
        self._running: dict[str, Job] = {}
        self._queues: dict[str, list[Job]] = {}
        self._last_id = 0

    def forget(self) -> None:
        """The middleware restarts: jobs vanish, running work stops, ids begin at 1 again."""
        for job in self.jobs.values():
            if job.timer is not None:
                job.timer.cancel()
            job.done.set()
        self.jobs.clear()
        self._running.clear()
        self._queues.clear()
        self._last_id = 0

    def submit(
        self,
        method: str,
        arguments: list[Any],
        facts: JobFacts,
        body: Callable[[Job], Steps],
        *,
        lock: str | None,
        session: Session | None = None,
        credential: Credential | None = None,
        message_id: str | None = None,
        prepare: Callable[[Job], None] | None = None,
    ) -> Job:
        """Create and start or queue a job; a full queue gives back the job that already waits in it.

        Raises:
            CallError: EBUSY when the lock allows no queue, or is full of someone else's jobs.
        """
        if lock is not None and lock in self._running:
            queue = self._queues.setdefault(lock, [])
            if facts.queue == 0:
                raise CallError("This job is already being performed", EBUSY)
            if len(queue) >= facts.queue:
                waiting = queue[-1]
                owner = waiting.credential.username if waiting.credential is not None else None
                if credential is not None and not credential.full_admin and owner not in (None, credential.username):
                    raise CallError("This job is already being performed by another user", EBUSY)
                if message_id is not None:
                    waiting.message_ids.append(message_id)
                return waiting
        self._last_id += 1
        job = Job(
            id=self._last_id,
            method=method,
            arguments=arguments,
            facts=facts,
            body=body,
            session=session,
            credential=credential,
            time_started=self._timeline.now(),
            message_ids=[message_id] if message_id is not None else [],
            lock=lock,
        )
        if prepare is not None:
            prepare(job)
        self.jobs[job.id] = job
        self._trim()
        self._changed("added", job)
        if lock is not None and lock in self._running:
            self._queues[lock].append(job)
        else:
            self._begin(job)
        return job

    def _trim(self) -> None:
        finished = [number for number, job in self.jobs.items() if job.finished]
        for number in finished[: max(len(finished) - HISTORY, 0)]:
            del self.jobs[number]

    def _begin(self, job: Job) -> None:
        if job.lock is not None:
            self._running[job.lock] = job
        job.timer = self._timeline.after(0, lambda: self._run(job))

    def _run(self, job: Job) -> None:
        job.state = "RUNNING"
        self._changed("changed", job)
        if not job.held:
            self.release(job)

    def release(self, job: Job) -> None:
        """Let a running job do its work (an unbuffered download holds it until somebody fetches)."""
        job.held = False
        try:
            job.steps = job.body(job)
        except MiddlewareError as error:
            self._fail(job, error)
            return
        self._advance(job)

    def _advance(self, job: Job) -> None:
        if job.steps is None:
            return
        try:
            step: Step = next(job.steps)
        except StopIteration as stop:
            self._finish(job, "SUCCESS", stop.value)
        except MiddlewareError as error:
            self._fail(job, error)
        except BUGS as error:
            self._crashed(error)
            self._fail(job, CallError(f"{type(error).__name__}: {error}"))
        else:
            if not job.finished:
                job.percent, job.description = step.percent, step.description
                self._changed("changed", job)
            seconds = self._timing().job_step_s if step.seconds is None else step.seconds
            job.timer = self._timeline.after(seconds, lambda: self._advance(job))

    def _fail(self, job: Job, error: MiddlewareError) -> None:
        if not job.finished:
            job.failure = error
            job.error = error.reason
            job.exception = "".join(traceback.format_exception_only(error))
            job.exc_info = {
                "repr": f"{type(error).__name__}({error.reason!r})",
                "type": "VALIDATION" if isinstance(error, ValidationFailedError) else error.job_type,
                "errno": error.errno,
                "extra": error.extra,
            }
        self._finish(job, "FAILED", None)

    def _finish(self, job: Job, state: State, result: object) -> None:
        if not job.finished:
            job.state = state
            job.result = result
            job.time_finished = self._timeline.now()
            if state == "SUCCESS":
                job.percent = 100
            self._changed("changed", job)
            job.done.set()
        self._unlock(job)

    def _unlock(self, job: Job) -> None:
        if job.lock is None or self._running.get(job.lock) is not job:
            return
        del self._running[job.lock]
        queue = self._queues.get(job.lock, [])
        if queue:
            self._begin(queue.pop(0))

    def abort(self, job: Job, *, cancels_threads: bool) -> None:
        """Abort as the release does it, without asking whether the job is abortable.

        A waiting job is dropped. An abortable job stops. Any other one, up to 25.10, is shown as ABORTED while its
        work goes on (`cancels_threads`); later releases ignore the request.
        """
        if job.finished:
            return
        if job.state == "WAITING":
            for queue in self._queues.values():
                if job in queue:
                    queue.remove(job)
            if job.timer is not None:
                job.timer.cancel()
            self._finish(job, "ABORTED", None)
        elif job.facts.abortable:
            if job.timer is not None:
                job.timer.cancel()
            if job.steps is not None:
                job.steps.close()
            if self._timing().abort_s:
                job.timer = self._timeline.after(self._timing().abort_s, lambda: self._finish(job, "ABORTED", None))
            else:
                self._finish(job, "ABORTED", None)
        elif cancels_threads:
            job.state = "ABORTED"
            job.time_finished = self._timeline.now()
            self._changed("changed", job)
            job.done.set()
