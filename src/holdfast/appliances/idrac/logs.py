"""Logs: filtered by the iDRAC where it can, else here; read from where the last look ended (contract 6, 12.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.reading import text
from holdfast.appliances.idrac.state import log_entry
from holdfast.control.answers import Changed
from holdfast.control.cursors import mark_of
from holdfast.control.paging import Start, cursor_after
from holdfast.errors import InputError, UnsupportedError, ValidationError
from holdfast.transport.values import JsonObject

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient
    from holdfast.appliances.idrac.collections import Listing

SERVICES: Final = {"lifecycle": "Lclog", "sel": "Sel", "faults": "FaultList"}
SEARCHED: Final = 500
"""Most entries that one call looks through: ten pages of the iDRAC."""
_PAGE: Final = 50


@dataclass(frozen=True)
class Wanted:
    """Which entries are wanted; what is not given does not restrict.

    Attributes:
        severity: Critical, Warning or OK.
        message_id: Without registry and version.
        since: ISO date, or time with offset.
        contains: Text in the message or the comment, upper or lower case.
    """

    severity: str | None = None
    message_id: str | None = None
    since: str | None = None
    contains: str | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()

    def query(self) -> str | None:
        """The filter for the Lifecycle log; None without one. A text can be looked for only here."""
        parts = [
            f"{name} {operator} '{value}'"
            for name, operator, value in (
                ("Severity", "eq", self.severity),
                ("MessageId", "eq", self.message_id),
                ("Created", "ge", _moment(self.since)),
            )
            if value is not None
        ]
        return "$filter=" + " and ".join(parts).replace(" ", "%20").replace("+", "%2B") if parts else None

    def fits(self, row: JsonObject) -> bool:
        """Whether an entry is wanted."""
        if self.severity is not None and text(row, "Severity") != self.severity:
            return False
        if self.message_id is not None and (text(row, "MessageId") or "").rpartition(".")[2] != self.message_id:
            return False
        if self.contains is not None:
            said = f"{text(row, 'Message') or ''} {text(row, 'Oem/Dell/Comment') or ''}"
            if self.contains.lower() not in said.lower():
                return False
        return not self.too_old(row)

    def too_old(self, row: JsonObject) -> bool:
        """Whether an entry is older than wanted; an entry without a time is."""
        return self.before(instant(text(row, "Created")) or 0.0)

    def before(self, at: float) -> bool:
        """Whether a moment (seconds since the epoch) is before what is wanted."""
        return self.since is not None and at < _given(self.since)


@dataclass(frozen=True)
class Found:
    """Entries, newest first.

    Attributes:
        rows: As the iDRAC tells them.
        total: How many there are in all; None when only some of them were looked at.
        next_cursor: Where to go on; None at the end.
        changed: That the log is another than for the page before.
    """

    rows: list[JsonObject]
    total: int | None
    next_cursor: str | None
    changed: Changed | None = None


def _moment(since: str | None) -> str | None:
    return f"{since}T00:00:00+00:00" if since is not None and len(since) == 10 else since


def _given(since: str) -> float:
    found = instant(_moment(since))
    if found is None:
        raise InputError("since is no time. Nothing was executed.")
    return found


def instant(moment: str | None, zone: timezone = UTC) -> float | None:
    """Seconds since the epoch of a time as an iDRAC tells it; None when it is none.

    Args:
        moment: ISO time; offsets come as `-06:00`, `-0600`, or not at all (in the job queue).
        zone: What a time without an offset is in.
    """
    try:
        found = datetime.fromisoformat(moment or "")
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()


def zone_of(offset: str | None) -> timezone:
    """The zone of an offset such as `-06:00`; UTC when it is none."""
    try:
        found = datetime.fromisoformat(f"2000-01-01T00:00:00{offset or '+00:00'}").utcoffset()
    except ValueError:
        return UTC
    return timezone(found if found is not None else timedelta())


async def address_of(client: IDracClient, log: str) -> str:
    """Address of a log's entries.

    Raises:
        UnsupportedError: This iDRAC keeps no such log.
    """
    services = await client.places.logs()
    address = services.get(SERVICES[log])
    if address is None:
        there = [name for name, service in SERVICES.items() if service in services]
        raise UnsupportedError(f"This iDRAC keeps no {log} log; it has {', '.join(there) or 'none'}.")
    return address


async def search(client: IDracClient, log: str, wanted: Wanted, *, limit: int, cursor: str | None = None) -> Found:
    """Entries that are wanted, at most `SEARCHED` are looked through; `cursor` is that of the tool.

    Raises:
        UnsupportedError: This iDRAC keeps no such log.
    """
    address = await address_of(client, log)
    start = Start(cursor)
    if wanted.since is not None:
        _given(wanted.since)
    if wanted.everything:
        # Whole pages of the iDRAC are read, so that it costs no request to begin with the last entry shown.
        asked = -(-limit // _PAGE) * _PAGE
        part = await client.part(address, offset=start.offset, limit=asked)
        skip, changed = _behind(start, part)
        rows = part.rows[skip : skip + limit]
        end = skip + len(rows)
        more = start.offset + end < part.total
        following = _cursor(start.offset + end, part.rows[end - 1]) if end and more else None
        return Found(rows, part.total, following, changed)
    query = wanted.query() if log == "lifecycle" else None
    if query is not None:
        try:
            first = await client.part(address, offset=start.offset, limit=_PAGE, query=query)
        except (ValidationError, UnsupportedError):
            query = None  # not every firmware filters: the entries are chosen here
        else:
            return await _scan(client, address, wanted, start, limit, query, first)
    first = await client.part(address, offset=start.offset, limit=_PAGE)
    return await _scan(client, address, wanted, start, limit, None, first)


def _cursor(offset: int, last: JsonObject) -> str:
    return cursor_after(offset, log_entry(last))


def _behind(start: Start, part: Listing) -> tuple[int, Changed | None]:
    return start.behind(mark_of(log_entry(row)) for row in part.rows)


async def _scan(
    client: IDracClient,
    address: str,
    wanted: Wanted,
    start: Start,
    limit: int,
    query: str | None,
    part: Listing,
) -> Found:
    rows: list[JsonObject] = []
    skip, changed = _behind(start, part)
    at, dropped, searched = start.offset, 0, 0
    while True:
        for number, row in enumerate(part.rows[skip:], start=at + skip + 1):
            if wanted.fits(row):
                rows.append(row)
            else:
                dropped += 1
            if len(rows) == limit:
                more = number < part.total
                exact = query is not None and not dropped
                return Found(rows, part.total if exact else None, _cursor(number, row) if more else None, changed)
        at += len(part.rows)
        searched += len(part.rows)
        skip = 0
        if not part.rows or at >= part.total or all(wanted.too_old(row) for row in part.rows):
            every = part.total if query is not None and not dropped else len(rows) if start.offset == 0 else None
            return Found(rows, every, None, changed)
        if searched >= SEARCHED:
            return Found(rows, None, _cursor(at, part.rows[-1]), changed)
        part = await client.part(address, offset=at, limit=_PAGE, query=query)
