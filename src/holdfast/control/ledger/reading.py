"""Reading the ledger: verify the chain, show and filter records, list what is unsettled. Nothing here writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from holdfast.control import statefiles
from holdfast.control.canonical import derive_key, same_digest
from holdfast.control.ledger import head
from holdfast.control.ledger.chain import (
    ACTIVE,
    BrokenChainError,
    OpenIntent,
    Position,
    follow,
    lines,
    sealed_name,
    segment_path,
    segments,
)
from holdfast.control.ledger.records import KEY_PURPOSE, Kind, Record, parse
from holdfast.errors import ConfigError, LedgerError

MAX_PAGE: Final = 1000


@dataclass(frozen=True)
class Head:
    """The end of the chain. Kept elsewhere, it proves later that nothing up to here was taken away or changed."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Break:
    """The first place at which the chain does not hold.

    Attributes:
        file: Name of the file.
        line: Number of the line in it, from 1; 0 when a whole file is concerned.
        what: edited, not_a_record, out_of_order, unsigned, cut, head, pin, or missing.
        message: What is wrong, a sentence.
    """

    file: str
    line: int
    what: str
    message: str


@dataclass(frozen=True)
class Report:
    """What a check of the chain found.

    Attributes:
        broken: The first break; None when the chain holds.
        records: Good records before it.
        files: Files looked at.
        end: The last good record.
        signed: Whether the records are signed with the installation's key.
        torn: Unfinished lines that were found and recorded as such by a later start.
        unfinished: Whether the last line is unfinished and not recorded as such yet.
        unsettled: Ids of intents whose outcome is not known.
    """

    broken: Break | None
    records: int
    files: int
    end: Head
    signed: bool
    torn: int = 0
    unfinished: bool = False
    unsettled: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the chain holds."""
        return self.broken is None


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
            return _Verification(self._key, files, noted, has_head, pin).run()
        except (OSError, ConfigError) as error:
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


class _Verification:
    def __init__(
        self,
        key: bytes | None,
        files: list[tuple[Path, int]],
        noted: Position | None,
        has_head: bool,
        pin: Head | None,
    ) -> None:
        self._key, self._files, self._noted, self._has_head, self._pin = key, files, noted, has_head, pin
        self._position = Position()
        self._records = self._torn = 0
        self._head_met = noted is None
        self._pin_met = pin is None

    def run(self) -> Report:
        broken = self._walk() or self._ends()
        return Report(
            broken=broken,
            records=self._records,
            files=len(self._files),
            end=Head(self._position.seq, self._position.hash),
            signed=self._position.signed,
            torn=self._torn,
            unfinished=self._position.torn is not None,
            unsettled=tuple(self._position.open),
        )

    def _walk(self) -> Break | None:
        position = self._position
        for path, size in self._files:
            if position.seq:
                position.begin_segment()
            if path.name not in (ACTIVE, sealed_name(position.first)):
                return Break(path.name, 0, "missing", f"{sealed_name(position.first)} should come before it")
            for number, (line, complete) in enumerate(lines(path, stop=size), 1):
                torn_before = position.torn is not None
                try:
                    record = position.advance(line, complete, self._key)
                except BrokenChainError as error:
                    return Break(
                        path.name, number - torn_before * (error.what == "not_a_record"), error.what, error.message
                    )
                if record is not None:
                    self._records += 1
                    self._torn += torn_before
                    if (found := self._compare(path, number, record)) is not None:
                        return found
            if position.torn is not None and path.name != ACTIVE:
                return Break(path.name, 0, "not_a_record", "a closed file ends in the middle of a record")
        return None

    def _compare(self, path: Path, number: int, record: Record) -> Break | None:
        noted, pin = self._noted, self._pin
        if noted is not None and record.seq == noted.seq:
            self._head_met = True
            if not same_digest(record.hash, noted.hash):
                return Break(path.name, number, "head", "the head names another record here")
        if pin is not None and record.seq == pin.seq:
            self._pin_met = True
            if not same_digest(record.hash, pin.hash):
                return Break(path.name, number, "pin", "the pinned end was another record")
        return None

    def _ends(self) -> Break | None:
        end = self._position.seq
        last = self._files[-1][0].name if self._files else ACTIVE
        if not self._head_met and self._noted is not None and self._noted.seq > 0:
            return Break(last, 0, "cut", f"the head names record {self._noted.seq}, the files end at record {end}")
        if not self._pin_met and self._pin is not None:
            return Break(last, 0, "pin", f"the pin names record {self._pin.seq}, the files end at record {end}")
        if self._noted is None and (self._files or self._has_head):
            what = "is damaged, or sealed with another key" if self._has_head else "is missing"
            return Break(head.NAME, 0, "head", f"the head {what}; whether records were cut off cannot be told")
        return None


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
