"""Jobs: a write is done when its job has ended well, never when its id was answered (contract 7)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.truenas.client import KnownJob, TrueNASClient
from holdfast.appliances.truenas.errors import refused_values
from holdfast.appliances.truenas.feeds import Feed
from holdfast.appliances.truenas.reading import dig
from holdfast.errors import HoldfastError, NotFoundError, TransportError, UnavailableError
from holdfast.resilience import remaining_s
from holdfast.transport.values import JsonObject, JsonValue, get_bool, get_int, get_str, opt_float, opt_str

POLL_S: Final = (0.2, 0.5, 1.0, 2.0)
"""Waits between looks at a job, seconds; the last one repeats."""
FOLLOW_POLL_S: Final = 5.0
"""The same while TrueNAS tells what happens: delivery is best effort (contract 9)."""
FOLLOW_FROM_S: Final = 5.0
"""In shorter waits a subscription costs more requests than it saves."""
GATHER_S: Final = 0.3
"""Shortest time between looks that notifications bring about, seconds."""
INLINE_WAIT_S: Final = 15.0
"""How long a write waits for its job before it hands the job over, seconds."""
SKEW_S: Final = 60.0
"""How far the clocks of the appliance and of this machine may differ, seconds."""
MASK: Final = "********"
"""What TrueNAS shows instead of a secret (contract 14)."""
_LATE_S: Final = 300.0
"""A job that began so long after a write was recorded was started by another one, seconds: no call lasts that long."""
_EARLY_S: Final = 5.0
"""A job that began so long before a write was recorded may be its own, by another clock, seconds."""

_FIELDS: Final[tuple[JsonValue, ...]] = (
    "id",
    "method",
    "arguments",
    "description",
    "abortable",
    "progress",
    "state",
    "error",
    "exc_info",
    "time_started",
    "time_finished",
    "logs_excerpt",
)
_MATCHES: Final = 20

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Job:
    """A job as the middleware tells it. `percent` from 0 to 100; `started_at` in seconds since the epoch."""

    id: int
    method: str
    state: str
    abortable: bool
    percent: float | None
    doing: str | None
    error: str | None
    log: str | None
    started_at: float
    row: JsonObject

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in ("SUCCESS", "FAILED", "ABORTED")

    @property
    def refused(self) -> bool:
        """Whether it failed because its values were refused: before its work, as a rule."""
        info = self.row.get("exc_info")
        return isinstance(info, dict) and info.get("type") == "VALIDATION"

    @property
    def result(self) -> JsonValue:
        """Its result, where it was asked for."""
        return self.row.get("result")


Report = Callable[[Job, float], Awaitable[None]]


def job_of(row: JsonObject) -> Job:
    """The job of a row of `core.get_jobs`."""
    progress = row.get("progress")
    shown: JsonObject = progress if isinstance(progress, dict) else {}
    started = row.get("time_started")
    moment = started.get("$date") if isinstance(started, dict) else None
    return Job(
        id=get_int(row, "id"),
        method=get_str(row, "method"),
        state=get_str(row, "state"),
        abortable=get_bool(row, "abortable"),
        percent=opt_float(shown, "percent"),
        doing=opt_str(shown, "description") or opt_str(row, "description"),
        error=_error_of(row),
        log=opt_str(row, "logs_excerpt"),
        started_at=moment / 1000 if isinstance(moment, (int, float)) else 0.0,
        row=row,
    )


def _error_of(row: JsonObject) -> str | None:
    """Why it failed; of refused values, which and why (`exc_info` of the type VALIDATION, contract 7)."""
    info = row.get("exc_info")
    if isinstance(info, dict) and info.get("type") == "VALIDATION" and (said := refused_values(info.get("extra"))):
        return f"TrueNAS refused the values given because of {said}"
    return opt_str(row, "error")


async def jobs(
    client: TrueNASClient, filters: Sequence[JsonValue], *, limit: int, with_result: bool = False
) -> list[Job]:
    """Jobs that match, the newest first."""
    fields: list[JsonValue] = [*_FIELDS, *(["result"] if with_result else [])]
    if await client.release() >= (25, 10):
        fields.append("message_ids")
    options: JsonObject = {"order_by": ["-id"], "limit": limit, "select": fields}
    if with_result:
        options["extra"] = {"raw_result": True}
    return [job_of(row) for row in await client.query("core.get_jobs", filters, options)]


async def job_state(client: TrueNASClient, number: int, *, with_result: bool = False) -> Job:
    """A job by its id. Ids begin at 1 again when the middleware restarts: an id that this process saw for another
    method or with another start counts as forgotten (a start never moves, contract 7), and so does one that was started
    by another request.

    Raises:
        NotFoundError: The middleware knows it no longer, or this account may not see it.
    """
    known = client.known_jobs.get(number)
    filters: list[JsonValue] = [["id", "=", number]]
    if known is not None and known.request_id is not None and await client.release() >= (25, 10):
        filters.append(["message_ids", "rin", known.request_id])
    found = await jobs(client, filters, limit=1, with_result=with_result)
    if not found or (known is not None and not _is(found[0], known)):
        raise forgotten(number)
    job = found[0]
    client.known_jobs[number] = KnownJob(job.method, job.started_at, known.request_id if known is not None else None)
    return job


def _is(job: Job, known: KnownJob) -> bool:
    return job.method == known.method and known.started_at in (0.0, job.started_at)


def forgotten(number: int) -> NotFoundError:
    """The error for a job that TrueNAS does not know any more."""
    return NotFoundError(
        f"TrueNAS does not know job {number} any more: it forgets jobs when its middleware restarts, and shows those "
        "of other accounts to full administrators only.",
        next_step="Read the state of what the job was about.",
    )


async def wait_for(
    client: TrueNASClient,
    number: int,
    *,
    limit_s: float,
    sleep: Sleep,
    report: Report | None = None,
    with_result: bool = False,
    follow: bool = False,
) -> Job:
    """Wait until a job has ended, or until the limit; a look that fails is not a job that failed.

    Args:
        client: Where to ask.
        number: The job's id.
        limit_s: Longest wait in seconds; cut to what is left of the call's deadline.
        sleep: Waits.
        report: Told of every look: the job and the seconds waited so far.
        with_result: Ask for the job's result too.
        follow: Have TrueNAS tell when the job moves, and look seldom otherwise: fewer requests in long waits. What it
            tells only wakes; the state that counts is asked for.

    Raises:
        NotFoundError: It is forgotten.
        UnavailableError: Its state could not be read once.
    """
    left = remaining_s()
    limit = limit_s if left is None else min(limit_s, left - 2.0)
    waited = 0.0
    job = await _look(client, number, with_result)
    async with AsyncExitStack() as open_feed:
        feed: Feed | None = None
        if follow and limit > 0 and (job is None or not job.ended):
            feed = await _feed_of(client, number, open_feed)
            job = await _look(client, number, with_result) or job  # it may have ended before the feed was there
        for turn in range(10_000):
            if report is not None and job is not None:
                await report(job, waited)
            if (job is not None and job.ended) or waited >= limit:
                break
            waited += await _pause(feed, turn, max(limit - waited, 0.05), sleep)
            job = await _look(client, number, with_result) or job
    if job is None:
        raise UnavailableError(f"The state of job {number} cannot be read now.", next_step="Ask again later.")
    return job


async def _feed_of(client: TrueNASClient, number: int, stack: AsyncExitStack) -> Feed | None:
    """The feed of a job; None where there is none, and looking has to do."""
    try:
        return await stack.enter_async_context(
            client.subscribed("core.get_jobs", only=lambda params: params.get("id") == number)
        )
    except HoldfastError:
        return None


async def _pause(feed: Feed | None, turn: int, most: float, sleep: Sleep) -> float:
    """Wait until it is time to look again; how long that took, seconds."""
    if feed is None or feed.ended:
        pause = min(POLL_S[min(turn, len(POLL_S) - 1)], most)
        await sleep(pause)
        return pause
    pause = min(FOLLOW_POLL_S, most)
    began = time.monotonic()
    if not await feed.pause(pause, sleep):
        return pause
    await sleep(GATHER_S)  # a job that tells its progress many times a second is not asked that often
    feed.take()
    return max(time.monotonic() - began, GATHER_S)


async def _look(client: TrueNASClient, number: int, with_result: bool) -> Job | None:
    try:
        return await job_state(client, number, with_result=with_result)
    except (UnavailableError, TransportError):
        return None


async def newest_job(client: TrueNASClient) -> int:
    """Id of the newest job before a write is sent, 0 without any: on 25.04 it tells its own job from an equal one that
    somebody else began a moment before. Later releases keep the ids of requests, and are not asked.
    """
    if await client.release() >= (25, 10):
        return 0
    found = await jobs(client, [], limit=1)
    return found[0].id if found else 0


async def find_job(
    client: TrueNASClient, request_id: str, *, method: str, params: Sequence[JsonValue], after: int
) -> Job | None:
    """The job that a write has started whose answer was lost (contract 7.1).

    The middleware keeps the request's id from 25.10 on; on 25.04 the job is known by its method, its arguments and
    by being newer than every job was before.

    Args:
        client: Where to ask.
        request_id: Id that the write was sent with.
        method: Method that was called.
        params: Arguments that were sent.
        after: What `newest_job` told before it was sent.
    """
    if await client.release() >= (25, 10):
        found = await jobs(client, [["message_ids", "rin", request_id]], limit=1)
        return found[0] if found else None
    if await newest_job(client) < after:
        after = 0  # ids began anew meanwhile
    candidates = await jobs(client, [["method", "=", method]], limit=_MATCHES)
    for job in candidates:
        if job.id > after and job.id not in client.known_jobs and _same(dig(job.row, "arguments"), params):
            return job
    return None


class SeveralJobsError(Exception):
    """Which job belongs to a call cannot be told."""


async def only_job(
    client: TrueNASClient, calls: Sequence[tuple[str, Sequence[JsonValue]]], *, sent_at: float
) -> int | None:
    """The one job that one of these calls, by an earlier process, has started; None when there is none.

    Raises:
        SeveralJobsError: There are jobs that may have been started by it, or before it: clocks may differ.
    """
    found: list[Job] = []
    for method, params in calls:
        candidates = await jobs(client, [["method", "=", method]], limit=_MATCHES)
        found += [
            job
            for job in candidates
            if job.id not in client.known_jobs and began_by(job, [(method, params)], sent_at=sent_at)
        ]
    if not found:
        return None
    since = [job.id for job in found if job.started_at >= sent_at - _EARLY_S]
    if len(since) != 1:
        raise SeveralJobsError
    return since[0]


def began_by(job: Job, calls: Sequence[tuple[str, Sequence[JsonValue]]], *, sent_at: float) -> bool:
    """Whether one of these calls may have started a job: an id alone does not tell, they begin anew (contract 7)."""
    return sent_at - SKEW_S <= job.started_at <= sent_at + _LATE_S and any(
        job.method == method and _same(dig(job.row, "arguments"), params) for method, params in calls
    )


def joined(job: Job, request_id: str, params: Sequence[JsonValue]) -> bool:
    """Whether a call was only added to a job that waited already, begun by another call with other arguments: where the
    queue of a lock is full, TrueNAS does that, and answers that job's id (contract 7).
    """
    ids = job.row.get("message_ids")
    return isinstance(ids, list) and request_id in ids[1:] and not _same(dig(job.row, "arguments"), params)


def _same(listed: JsonValue, sent: Sequence[JsonValue]) -> bool:
    """Whether a job's arguments are those sent; masked ones fit anything, defaults filled in are ignored."""
    return isinstance(listed, list) and len(listed) >= len(sent) and all(map(_fits, listed, sent))


def _fits(listed: JsonValue, sent: JsonValue) -> bool:
    if listed == MASK:
        return True
    if isinstance(listed, dict) and isinstance(sent, dict):
        return all(key in listed and _fits(listed[key], value) for key, value in sent.items())
    if isinstance(listed, list) and isinstance(sent, list):
        return len(listed) == len(sent) and all(map(_fits, listed, sent))
    return listed == sent
