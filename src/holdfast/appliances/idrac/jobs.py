"""Jobs: what their states mean, how one is read, waited for and found again (contract 8)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from holdfast.appliances.idrac.logs import Wanted, search
from holdfast.appliances.idrac.reading import link, objects, text, time_of, whole
from holdfast.errors import (
    ApplianceError,
    ApplianceFaultError,
    CircuitOpenError,
    HoldfastError,
    NotFoundError,
    TransportError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.resilience import remaining_s
from holdfast.transport.values import JsonObject

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

Phase = Literal["running", "staged", "done", "partial", "failed", "needs_operator", "unknown"]

INLINE_WAIT_S: Final = 20.0
"""How long a write waits for its job before it hands the job over, seconds."""
VISIBILITY_LAG_S: Final = 30.0
"""A new job may be unknown for so long (contract 8.3)."""
_PAUSES: Final = ((60.0, 5.0), (300.0, 15.0), (float("inf"), 30.0))
"""Waits between looks by the time waited so far (contract 8.5)."""
_JITTER: Final = 0.2

_PHASES: Final[dict[str, Phase]] = {
    "Completed": "done",
    "RebootCompleted": "done",
    "CompletedWithErrors": "partial",
    "Failed": "failed",
    "RebootFailed": "failed",
    "UserIntervention": "needs_operator",
    "Scheduled": "staged",
    "Downloaded": "staged",
    "Exception": "failed",
    "Cancelled": "failed",
    "Killed": "failed",
    "Interrupted": "failed",
}

_BAD: Final = ("Warning", "Critical")
"""Of a task that is Completed: not all of it is (contract 8.2)."""
_LOGGED: Final[dict[str, Phase]] = {
    "JCP007": "done",
    "JCP037": "done",
    "RED001": "done",
    "PR19": "done",
    "JCP008": "partial",
    "PR21": "failed",
    "RED029": "needs_operator",
}
"""What records of the Lifecycle log say of a job's end (contract 5.2)."""

Sleep = Callable[[float], Awaitable[None]]
Report = Callable[["Job", float], Awaitable[None]]
Silence = Callable[[float], Awaitable[None]]


def poll_pause(waited: float) -> float:
    """Seconds until the next look, after so many seconds of waiting: 5, later 15, then 30, give or take a fifth."""
    usual = next(pause for until, pause in _PAUSES if waited < until)
    return usual * random.uniform(1 - _JITTER, 1 + _JITTER)  # spreads load, protects nothing


@dataclass(frozen=True)
class Job:
    """A job as any of the iDRAC's views tells it."""

    id: str
    name: str | None
    type: str | None
    state: str
    phase: Phase
    percent: int | None
    message: str | None
    message_id: str | None
    started: str | None
    ended: str | None

    @property
    def ended_well(self) -> bool:
        """Whether it is done, all of it."""
        return self.phase == "done"

    @property
    def at_rest(self) -> bool:
        """Whether polling on would show nothing new: it has ended, or waits for a restart of the host."""
        return self.phase != "running"


def job_of(row: JsonObject) -> Job:
    """A job out of Dell's view, the JobService's or the TaskService's."""
    state = text(row, "Oem/Dell/JobState", "JobState", "TaskState") or "Unknown"
    phase = _PHASES.get(state, "running")
    messages = objects(row, "Messages")
    if phase == "done" and (
        text(row, "TaskStatus", "JobStatus") in _BAD
        or any(text(one, "MessageSeverity", "Severity") in _BAD for one in messages)
    ):
        phase = "partial"
    message = messages[0] if messages else {}
    identifier = text(row, "Oem/Dell/MessageId", "MessageId") or text(message, "MessageId")
    return Job(
        id=text(row, "Id") or "",
        name=text(row, "Name"),
        type=text(row, "Oem/Dell/JobType", "JobType"),
        state=state,
        phase=phase,
        percent=whole(row, "PercentComplete", "Oem/Dell/PercentComplete"),
        message=text(row, "Oem/Dell/Message", "Message") or text(message, "Message"),
        message_id=identifier.rpartition(".")[2] if identifier else None,
        started=time_of(row, "ActualRunningStartTime", "Oem/Dell/ActualRunningStartTime", "StartTime"),
        ended=time_of(row, "CompletionTime", "Oem/Dell/CompletionTime", "EndTime"),
    )


async def read_job(client: IDracClient, job: str, *, waiting: bool = False) -> Job:
    """A job's state, from the first view that tells it: the queue, the JobService, the TaskService (contract 8.2).

    Args:
        client: Of the iDRAC.
        job: Its id.
        waiting: Whether this is one look of many: then it is sent once, and past the circuit.

    Raises:
        NotFoundError: No view knows it. A job that has vanished is no success.
        ApplianceFaultError: No view tells it, and one has failed.
    """
    get = client.look if waiting else client.get
    queue = await client.places.jobs()
    failed: ApplianceError | None = None
    for view in (queue, *await _other_views(client, queue)):
        try:
            return job_of(await get(f"{view}/{job}"))
        except (NotFoundError, UnsupportedError, ApplianceFaultError) as error:
            if failed is None or isinstance(failed, NotFoundError):
                failed = error
    if failed is not None and not isinstance(failed, NotFoundError):
        raise failed
    raise NotFoundError(f"No view of the iDRAC knows job {job}.", next_step="List jobs: idrac_list_jobs.")


async def _other_views(client: IDracClient, queue: str) -> list[str]:
    root = await client.root()
    services = ((link(root, name), below) for name, below in (("JobService", "Jobs"), ("Tasks", "Tasks")))
    return [found for service, below in services if service is not None and (found := f"{service}/{below}") != queue]


async def traces(client: IDracClient, job: str) -> Job | None:
    """What the Lifecycle log says last of a job that no view knows any more; None when it says nothing."""
    found = await search(client, "lifecycle", Wanted(contains=job), limit=1)
    if not found.rows:
        return None
    row = found.rows[0]
    message_id = (text(row, "MessageId") or "").rpartition(".")[2]
    phase = _LOGGED.get(message_id, "failed" if text(row, "Severity") == "Critical" else "unknown")
    return Job(
        id=job,
        name=None,
        type=None,
        state="Vanished",
        phase=phase,
        percent=None,
        message=text(row, "Message"),
        message_id=message_id or None,
        started=None,
        ended=None if phase == "unknown" else time_of(row, "Created"),
    )


async def list_jobs(client: IDracClient) -> list[Job]:
    """All jobs of the queue, newest first."""
    found = [job_of(row) for row in await client.rows(await client.places.jobs())]
    return sorted(found, key=lambda job: job.id.rpartition("_")[2].zfill(24), reverse=True)


async def wait_for(
    client: IDracClient,
    job: str,
    *,
    limit_s: float,
    sleep: Sleep,
    report: Report | None = None,
    silence: Silence | None = None,
    moves: bool = False,
) -> tuple[Job, float]:
    """Wait until a job is at rest, or until the limit; the job and the seconds waited.

    An iDRAC that does not answer meanwhile is no failed job: firmware jobs restart it (contract 8.3). It is looked at
    past the circuit, until the job's own limit.

    Args:
        client: Of the iDRAC.
        job: Its id.
        limit_s: Longest wait, seconds.
        sleep: Waits.
        report: Told the job's state after each look that was answered, with the seconds waited so far.
        silence: Told the seconds waited so far after each look that was not answered.
        moves: The iDRAC restarts the host for it by itself: that it is staged is no rest.

    Raises:
        UnavailableError: Its state could not be read at any time.
        NotFoundError: It has not been known for half a minute, though the iDRAC lists its jobs.
    """
    left = remaining_s()
    limit = limit_s if left is None else min(limit_s, max(left - 3.0, 0.0))
    waited, missing_since = 0.0, 0.0
    found: Job | None = None
    for _ in range(10_000):
        seen, missing = await _look(client, job)
        if missing is not None and waited - missing_since >= VISIBILITY_LAG_S:
            if silence is not None:
                await silence(waited)
            seen = await _listed(client, job, missing)
        if missing is None or seen is not None:
            missing_since = waited
        if seen is not None:
            found = seen
            if report is not None:
                await report(seen, waited)
        elif silence is not None:
            await silence(waited)
        at_rest = found is not None and found.at_rest and not (moves and found.phase == "staged")
        if at_rest or waited >= limit:
            break
        pause = min(poll_pause(waited) if waited else 1.0, max(limit - waited, 0.05))
        await sleep(pause)
        waited += pause
    if found is None:
        raise UnavailableError(f"The state of job {job} cannot be read now.", next_step="Ask again later.")
    return found, waited


_AWAY: Final = (UnavailableError, TransportError, CircuitOpenError, ApplianceFaultError)
"""What is normal while an iDRAC restarts (contract 8.3, 10); a 404 is, too."""


async def _look(client: IDracClient, job: str) -> tuple[Job | None, NotFoundError | None]:
    """The job, or that it is not known, or neither when the iDRAC does not tell."""
    try:
        return await read_job(client, job, waiting=True), None
    except NotFoundError as error:
        return None, error
    except _AWAY:
        return None, None


async def _listed(client: IDracClient, job: str, missing: NotFoundError) -> Job | None:
    """The job as the queue lists it; None when the queue cannot be read.

    Raises:
        NotFoundError: The queue can be read, and does not have it.
    """
    try:
        listed = await list_jobs(client)
    except (*_AWAY, NotFoundError, UnsupportedError):
        return None
    found = next((one for one in listed if one.id == job), None)
    if found is None:
        raise missing
    return found


async def ids_now(client: IDracClient) -> frozenset[str]:
    """Ids of all jobs; empty when the queue cannot be read."""
    try:
        return frozenset(job.id for job in await list_jobs(client))
    except HoldfastError:
        return frozenset()
