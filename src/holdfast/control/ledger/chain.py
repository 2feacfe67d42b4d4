"""Walks along the chain of records and says where it breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from holdfast.control.ledger.records import GENESIS, MAX_LINE_BYTES, Record, parse

ACTIVE: Final = "ledger.jsonl"
_CHUNK: Final = 1 << 20
HEAD_LOST: Final = "its head was missing or damaged"
"""What a `recovered` record says where nothing proves any more that no records were cut off before it."""
_BEGUN: Final = 2
"""So many records may be on disk before there is a head: the first, and the one about it of a process that died."""


class BrokenChainError(Exception):
    """The chain breaks here.

    Attributes:
        what: edited, not_a_record, out_of_order, unsigned, cut.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what
        self.message = message


@dataclass(frozen=True)
class OpenIntent:
    """An intent whose outcome is not known.

    Attributes:
        seq, first, offset: Where it stands: its number, the number of its segment's first record, the byte in it.
        owner: The process that wrote it.
        task: The appliance's handle of the work, where an outcome names it.
        state: open (nothing recorded after it) or unknown (recorded as unknown, to be settled by reading back). One
            that was looked at and cannot be told (`final`) is not open any more.
    """

    seq: int
    first: int
    offset: int
    owner: str
    state: Literal["open", "unknown"]
    task: str | None = None


@dataclass
class Position:
    """How far a chain was walked.

    Attributes:
        seq, hash: Of the last good record.
        first: Number of the first record of the current segment.
        offset: Bytes of the current segment up to and with the last good record.
        torn: What follows the last good record and is none, if anything does.
        open: Intents whose outcome is not known, by their id.
        signed: Whether signed records have been met.
        headless: Numbers of the records before which the head was lost.
    """

    seq: int = 0
    hash: str = GENESIS
    first: int = 1
    offset: int = 0
    torn: bytes | None = None
    open: dict[str, OpenIntent] = field(default_factory=dict)
    signed: bool = False
    headless: tuple[int, ...] = ()

    def begin_segment(self) -> None:
        """The next record is the first of a new file."""
        self.first, self.offset = self.seq + 1, 0

    def advance(self, line: bytes, complete: bool, key: bytes | None) -> Record | None:
        """Take the next line; the record in it, or None when it is a torn one.

        Args:
            line: Without its line feed.
            complete: Whether it had one.
            key: The installation's key, if there is one.

        Raises:
            BrokenChainError: The line does not continue the chain.
        """
        try:
            record = parse(line) if complete else None
        except ValueError:
            record = None
        if record is None:
            if self.torn is not None:
                raise BrokenChainError("not_a_record", "not a record")
            self.torn = line
            return None
        if self.torn is not None and not _explains(record, self.torn):
            raise BrokenChainError("not_a_record", "the line before it is not a record")
        self._check(record, key)
        start = self.offset if self.torn is None else self.offset + len(self.torn) + 1
        self.offset = start + len(line) + 1
        self.seq, self.hash, self.torn = record.seq, record.hash, None
        self.signed = self.signed or record.signed
        if record.kind == "recovered" and record.seq > _BEGUN and record.body.get("what") == HEAD_LOST:
            self.headless += (record.seq,)
        self._follow(record, start)
        return record

    def _check(self, record: Record, key: bytes | None) -> None:
        if record.signed and key is None:
            raise BrokenChainError("unsigned", "the records are signed; they can only be checked with the key")
        if self.signed and not record.signed:
            raise BrokenChainError("unsigned", "not signed although records before it are")
        if not record.is_genuine(key):
            raise BrokenChainError("edited", "its hash is not that of its content")
        if record.seq != self.seq + 1:
            raise BrokenChainError("out_of_order", f"record {record.seq} follows record {self.seq}")
        if record.prev != self.hash:
            raise BrokenChainError("out_of_order", "it does not continue the record before it")

    def _follow(self, record: Record, start: int) -> None:
        identifier = record.body.get("id")
        if not isinstance(identifier, str):
            return
        if record.kind == "intent":
            self.open[identifier] = OpenIntent(record.seq, self.first, start, record.owner, "open")
        elif record.kind == "outcome":
            known = self.open.pop(identifier, None)
            if known is not None and record.body.get("result") == "unknown" and record.body.get("final") is not True:
                task = record.body.get("task")
                self.open[identifier] = replace(
                    known, state="unknown", task=task if isinstance(task, str) else known.task
                )


def torn_facts(torn: bytes) -> dict[str, str | int]:
    """What a `recovered` record says about the torn line before it."""
    return {"torn_bytes": len(torn), "torn_sha256": hashlib.sha256(torn).hexdigest()}


def _explains(record: Record, torn: bytes) -> bool:
    return record.kind == "recovered" and all(record.body.get(name) == fact for name, fact in torn_facts(torn).items())


def follow(directory: Path, position: Position, key: bytes | None) -> None:
    """Walk on from a position to the ledger's end.

    Raises:
        BrokenChainError: The chain breaks on the way, or ends before the position.
        OSError: A file cannot be read.
    """
    while True:
        path = segment_path(directory, position.first)
        size = path.stat().st_size if path.exists() else 0
        if size < position.offset:
            raise BrokenChainError("cut", "records are missing at its end")
        if size > position.offset:
            for line, complete in lines(path, start=position.offset):
                position.advance(line, complete, key)
        if path.name == ACTIVE:
            return
        if position.torn is not None or position.seq < position.first:
            raise BrokenChainError("not_a_record", f"{path.name} is closed but not complete")
        position.begin_segment()


def segments(directory: Path) -> list[Path]:
    """The ledger's files, the oldest first; the last is the one written to, if it exists."""
    sealed = sorted(path for path in directory.glob("ledger-*.jsonl") if path.stem[7:].isdigit())
    active = directory / ACTIVE
    return [*sealed, active] if active.exists() else sealed


def sealed_name(first: int) -> str:
    """Name of a segment that is no longer written to, by the number of its first record."""
    return f"ledger-{first:012d}.jsonl"


def segment_path(directory: Path, first: int) -> Path:
    """The file whose first record has this number."""
    sealed = directory / sealed_name(first)
    return sealed if sealed.exists() else directory / ACTIVE


def lines(path: Path, *, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file from byte `start` to byte `stop`, each with whether it ended with a line feed.

    A line longer than any record can be comes in pieces, so that memory stays bounded.

    Raises:
        OSError: The file cannot be read.
    """
    left = None if stop is None else stop - start
    with path.open("rb") as file:
        file.seek(start)
        rest = b""
        while left is None or left > 0:
            chunk = file.read(_CHUNK if left is None else min(_CHUNK, left))
            if not chunk:
                break
            if left is not None:
                left -= len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line, True
            while len(rest) > 2 * MAX_LINE_BYTES:
                yield rest[:MAX_LINE_BYTES], False
                rest = rest[MAX_LINE_BYTES:]
        if rest:
            yield rest, False
