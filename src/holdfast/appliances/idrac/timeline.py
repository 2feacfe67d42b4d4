"""What happened, in one line of time: Lifecycle log, SEL, faults and jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.jobs import Job, list_jobs
from holdfast.appliances.idrac.logs import Wanted, instant, search, zone_of
from holdfast.appliances.idrac.models import LogEntry
from holdfast.appliances.idrac.observedmodels import TimelineEvent
from holdfast.appliances.idrac.reading import text
from holdfast.appliances.idrac.state import log_entry
from holdfast.errors import HoldfastError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

MOST: Final = 300
"""Entries of each log that one time line is made of."""
_SOURCES: Final = {"lifecycle": "lifecycle", "sel": "sel", "faults": "fault"}
_SEVERITIES: Final = {"failed": "Critical", "partial": "Warning", "needs_operator": "Warning"}


@dataclass(frozen=True)
class _Dated:
    event: TimelineEvent
    at: float | None


@dataclass
class Timeline:
    """Events, newest first, and what must be known about what is missing."""

    events: list[TimelineEvent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True


async def read_timeline(client: IDracClient, wanted: Wanted, *, newest: int) -> Timeline:
    """The newest events of all sources together; a source that fails is a note.

    Args:
        client: Of the iDRAC.
        wanted: Which ones.
        newest: As many of each source are read, `MOST` at most, so that the merged ones are right up to there.

    Raises:
        HoldfastError: No source can be read.
    """
    zone = zone_of(text(await client.places.manager(), "DateTimeLocalOffset"))
    each = min(newest, MOST)
    made = Timeline()

    async def log(name: str) -> list[_Dated]:
        found = await search(client, name, wanted, limit=each)
        if found.next_cursor is not None:
            made.complete = False
            oldest = text(found.rows[-1], "Created") if found.rows else None
            if newest >= MOST or len(found.rows) < each:
                made.notes.append(f"Of the {name} log, what is older than {oldest or 'its newest'} was not read.")
        return [_of_entry(_SOURCES[name], log_entry(row)) for row in found.rows]

    async def jobs() -> list[_Dated]:
        every = [_of_job(job, instant(job.ended or job.started, zone)) for job in await list_jobs(client)]
        return [one for one in every if _wanted(one, wanted)]

    reads: dict[str, Callable[[], Awaitable[list[_Dated]]]] = {name: partial(log, name) for name in _SOURCES}
    reads["jobs"] = jobs
    told = await asyncio.gather(*(_quietly(name, read, made) for name, read in reads.items()))
    failures = [one for one in told if isinstance(one, HoldfastError)]
    if len(failures) == len(reads):
        raise failures[0]
    dated = [one for rows in told if not isinstance(rows, HoldfastError) for one in rows]
    dated.sort(key=lambda one: one.at if one.at is not None else float("-inf"), reverse=True)
    made.events = [one.event for one in dated]
    return made


async def _quietly(
    name: str, read: Callable[[], Awaitable[list[_Dated]]], made: Timeline
) -> list[_Dated] | HoldfastError:
    try:
        return await read()
    except HoldfastError as error:
        missing = isinstance(error, UnsupportedError)
        made.notes.append(f"{name}: {'this iDRAC keeps none' if missing else error.message}.".replace("..", "."))
        return error


def _of_entry(source: str, entry: LogEntry) -> _Dated:
    at = instant(entry.created)
    return _Dated(
        TimelineEvent(
            at=_told(at),
            source=source,
            severity=entry.severity,
            message_id=entry.message_id,
            message=entry.message,
            id=entry.id,
        ),
        at,
    )


def _of_job(job: Job, at: float | None) -> _Dated:
    return _Dated(
        TimelineEvent(
            at=_told(at),
            source="job",
            severity=_SEVERITIES.get(job.phase, "OK"),
            message_id=job.message_id,
            message=f"{job.name or job.type or 'Job'}: {job.state}. {job.message or ''}".strip(),
            id=job.id,
        ),
        at,
    )


def _wanted(one: _Dated, wanted: Wanted) -> bool:
    event = one.event
    if wanted.severity is not None and event.severity != wanted.severity:
        return False
    if wanted.message_id is not None and event.message_id != wanted.message_id:
        return False
    if wanted.contains is not None and wanted.contains.lower() not in (event.message or "").lower():
        return False
    return wanted.since is None or (one.at is not None and not wanted.before(one.at))


def _told(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
