"""Reading the ledger: verify the chain, show and filter records, list what is unsettled. Nothing here writes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Final

from holdfast.control import statefiles
from holdfast.control.canonical import derive_key
from holdfast.control.ledger import head
from holdfast.control.ledger.chain import (
    BrokenChainError,
    OpenIntent,
    Position,
    follow,
    lines,
    segment_path,
    segments,
)
from holdfast.control.ledger.records import KEY_PURPOSE, Kind, Record, parse
from holdfast.control.ledger.unknown import Unknown, Unknowns, corrected_by, not_told, not_unknown
from holdfast.control.ledger.verifying import Head, Report, Verification
from holdfast.errors import ConfigError, LedgerError

MAX_PAGE: Final = 1000


@dataclass(frozen=True)
class Filter:
    """Which records to show. What is None does not filter. Times are compared as text, `2026-11-23T12` is a time."""

    kinds: frozenset[Kind] | None = None
    principal: str | None = None
    target: str | None = None
    tool: str | None = None
    plan_id: str | None = None
    correlation_id: str | None = None
    intent: str | None = None
    result: str | None = None
    since: str | None = None
    until: str | None = None

    def accepts(self, record: Record) -> bool:
        """Whether to show the record."""
        body = record.body
        return (
            (self.kinds is None or record.kind in self.kinds)
            and all(
                wanted is None or body.get(name) == wanted
                for name, wanted in (
                    ("principal", self.principal),
                    ("target", self.target),
                    ("tool", self.tool),
                    ("plan_id", self.plan_id),
                    ("correlation_id", self.correlation_id),
                    ("id", self.intent),
                    ("result", self.result),
                )
            )
            and (self.since is None or record.time >= self.since)
            and (self.until is None or record.time < self.until)
        )


@dataclass(frozen=True)
class RecordPage:
    """A page of records; `cursor` continues when there is more."""

    records: tuple[Record, ...]
    cursor: int | None = None


@dataclass(frozen=True)
class Unsettled:
    """A write whose outcome is not known, and the record of its intent."""

    id: str
    intent: Record
    entry: OpenIntent = field(repr=False)

    @property
    def task(self) -> str | None:
        """The appliance's handle of the work, where it is known."""
        return self.entry.task


class LedgerReader:
    """Reads a ledger that others may be writing.

    Args:
        directory: Where the ledger is.
        key: The installation's key; needed to check signed records.
    """

    def __init__(self, directory: Path, *, key: bytes | None = None) -> None:
        self._directory = directory
        self._key = None if key is None else derive_key(key, KEY_PURPOSE)

    @contextmanager
    def _steady(self) -> Iterator[None]:
        """Keep writers off. Who may only read cannot: a record that is being written then looks unfinished."""
        with ExitStack() as stack:
            if os.access(self._directory / "lock", os.W_OK):
                stack.enter_context(statefiles.locked(self._directory / "lock"))
            yield

    def _snapshot(self) -> tuple[list[tuple[Path, int]], Position | None, bool]:
        """The files with their sizes, the head, and whether there is a head file, all of one moment."""
        with self._steady():
            found = [(path, path.stat().st_size) for path in segments(self._directory)]
            return found, head.read(self._directory, self._key), (self._directory / head.NAME).exists()

    def verify(self, pin: Head | None = None) -> Report:
        """Check the whole chain, in one pass and bounded memory.

        Args:
            pin: An end of the chain that was noted elsewhere earlier; it must be part of the chain.

        Raises:
            LedgerError: The files cannot be read.
        """
        try:
            files, noted, has_head = self._snapshot()
            return Verification(self._key, files, noted, has_head, pin).run()
        except (OSError, ConfigError) as error:
            raise _unreadable(error) from error

    def proven(self) -> bool:
        """Whether the ledger's end proves that nothing was cut off: its head is there, genuine, and never was lost.

        Reads the head only, so that it may be asked often; `verify` reads everything.

        Raises:
            LedgerError: It cannot be read.
        """
        try:
            noted = head.read(self._directory, self._key)
            if noted is None:
                return not segments(self._directory) and not (self._directory / head.NAME).exists()
            end = segment_path(self._directory, noted.first)
            return not noted.headless and (noted.offset == 0 or end.stat().st_size >= noted.offset)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(error) from error

    def head(self) -> Head | None:
        """The end of the chain as last noted; None when there is no ledger, or its head is damaged.

        Raises:
            LedgerError: It cannot be read.
        """
        try:
            found = head.read(self._directory, self._key)
        except OSError as error:
            raise _unreadable(error) from error
        return None if found is None else Head(found.seq, found.hash)

    def show(
        self,
        wanted: Filter | None = None,
        *,
        limit: int = 50,
        cursor: int | None = None,
        newest_first: bool = True,
    ) -> RecordPage:
        """A page of records. Lines that are no records are left out; `verify` reports them.

        Args:
            wanted: Which records.
            limit: Records a page, at most `MAX_PAGE`.
            cursor: Continues after the page that gave it.
            newest_first: Order.

        Raises:
            LedgerError: The files cannot be read.
        """
        wanted = wanted or Filter()
        limit = max(1, min(limit, MAX_PAGE))
        page: list[Record] = []
        for record in self._records(newest_first=newest_first, cursor=cursor):
            if cursor is not None and (record.seq >= cursor if newest_first else record.seq <= cursor):
                continue
            if not wanted.accepts(record):
                continue
            if len(page) == limit:
                return RecordPage(tuple(page), page[-1].seq)
            page.append(record)
        return RecordPage(tuple(page))

    def records(self, wanted: Filter | None = None) -> Iterator[Record]:
        """All records that the filter accepts, the oldest first.

        Raises:
            LedgerError: The files cannot be read.
        """
        wanted = wanted or Filter()
        return (record for record in self._records(newest_first=False, cursor=None) if wanted.accepts(record))

    def unknown(self) -> list[Unknown]:
        """Writes whose outcome is recorded as unknown, the oldest first.

        Raises:
            LedgerError: The files cannot be read.
        """
        unknowns = Unknowns()
        for record in self.records():
            unknowns.take(record)
        return sorted(unknowns.found.values(), key=lambda write: write.intent.seq)

    def unknown_write(self, name: str) -> tuple[Unknown, int]:
        """A write whose outcome is recorded as unknown, and the number of the last record that was looked at.

        Raises:
            LedgerError: There is no such write, it is still under way, its outcome is known, its records are not as
                they were written, records are missing, or the files cannot be read.
        """
        unknowns, last, end = self._followed(name)
        found = unknowns.found.get(name)
        if found is None:
            raise not_unknown(name, last)
        return self._genuine(found), end

    def told_write(self, name: str) -> tuple[Unknown, int]:
        """A write of which a person told the outcome, with that record, and the number of the last that was looked at.

        Raises:
            LedgerError: As `unknown_write`, or nobody has told what became of it.
        """
        unknowns, last, end = self._followed(name)
        found = unknowns.told.get(name)
        if found is None:
            raise not_told(name, last)
        return self._genuine(found), end

    def corrections(self, records: Collection[Record] | None = None) -> dict[int, int]:
        """Which of these records, or of all, a person took back later: the number of the record that does, by theirs.

        Raises:
            LedgerError: The files cannot be read.
        """
        if records is None:
            return {number: record.seq for record in self.records() if (number := corrected_by(record)) is not None}
        wanted = {record.seq for record in records if "settled_by" in record.body}
        if not wanted:
            return {}
        later = takewhile(lambda record: record.seq > min(wanted), self._records(newest_first=True, cursor=None))
        return {number: record.seq for record in later if (number := corrected_by(record)) in wanted}

    def _followed(self, name: str) -> tuple[Unknowns, Record | None, int]:
        unknowns, last = Unknowns(), None
        count = end = 0
        for record in self.records():
            unknowns.take(record)
            count, end = count + 1, record.seq
            if record.body.get("id") == name:
                last = record
        if count != end:
            raise LedgerError(
                "The ledger was moved while it was read, or records are missing. Nothing was recorded.",
                next_step="Try again. If it stays so: holdfast audit verify.",
            )
        return unknowns, last, end

    def _genuine(self, found: Unknown) -> Unknown:
        if not (found.intent.is_genuine(self._key) and found.outcome.is_genuine(self._key)):
            raise LedgerError(f"The ledger is damaged: what it says about {found.id} is not as it was written.")
        return found

    def has_outcome(self, name: str, *, after: int) -> bool:
        """Whether an outcome of the write is recorded after the record of this number.

        Raises:
            LedgerError: The files cannot be read.
        """
        later = takewhile(lambda record: record.seq > after, self._records(newest_first=True, cursor=None))
        return any(record.kind == "outcome" and record.body.get("id") == name for record in later)

    def _records(self, *, newest_first: bool, cursor: int | None) -> Iterator[Record]:
        try:
            files = segments(self._directory)
            for path in reversed(files) if newest_first else files:
                if newest_first and cursor is not None and _first_of(path) >= cursor:
                    continue
                found = (record for line, complete in lines(path) if complete and (record := _tolerant(line)))
                yield from reversed(list(found)) if newest_first else found
        except (OSError, ConfigError) as error:
            raise _unreadable(error) from error

    def unsettled(self) -> list[Unsettled]:
        """Writes whose outcome is not known, the oldest first.

        Raises:
            LedgerError: The ledger cannot be read, or one of these records is not as it was written.
        """
        try:
            with self._steady():
                position = head.read(self._directory, self._key) or Position()
                follow(self._directory, position, self._key)
            found = sorted(position.open.items(), key=lambda item: item[1].seq)
            return [Unsettled(name, self._intent(name, entry), entry) for name, entry in found]
        except (OSError, ConfigError) as error:
            raise _unreadable(error) from error
        except BrokenChainError as error:
            raise LedgerError(f"The ledger is damaged: {error.message}.") from error

    def _intent(self, name: str, entry: OpenIntent) -> Record:
        # The chain up to the noted head is not read again at a start: what is acted upon is checked by itself.
        line, _ = next(lines(segment_path(self._directory, entry.first), start=entry.offset), (b"", False))
        record = _tolerant(line)
        if record is None or record.seq != entry.seq or not record.is_genuine(self._key):
            raise BrokenChainError("edited", f"the intent {name} is not as it was written")
        return record


def _tolerant(line: bytes) -> Record | None:
    try:
        return parse(line)
    except ValueError:
        return None


def _first_of(path: Path) -> int:
    for line, complete in lines(path):
        record = _tolerant(line) if complete else None
        return record.seq if record else 0
    return 0


def _unreadable(error: OSError | ConfigError) -> LedgerError:
    return LedgerError(f"The ledger cannot be read: {error}.")
