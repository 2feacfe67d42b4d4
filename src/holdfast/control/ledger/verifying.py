"""Checking the whole chain: where it breaks, where it may have been cut, and what is unknown at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holdfast.control.canonical import same_digest
from holdfast.control.ledger import head
from holdfast.control.ledger.chain import ACTIVE, BrokenChainError, Position, lines, sealed_name
from holdfast.control.ledger.records import Record
from holdfast.control.ledger.unknown import Unknowns


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
        unsettled: Ids of intents whose outcome is not known, and that the next start looks at.
        unknown: Ids of writes whose outcome is recorded as unknown, also of those that are not looked at again.
        by_hand: How many of the outcomes were settled by a person.
        corrected: How often a person took such a word back.
        headless: Numbers of the records before which the ledger's head was lost: it alone proves that no records were
            cut off there.
    """

    broken: Break | None
    records: int
    files: int
    end: Head
    signed: bool
    torn: int = 0
    unfinished: bool = False
    unsettled: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    by_hand: int = 0
    corrected: int = 0
    headless: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the chain holds, and no records can have been cut off."""
        return self.broken is None and not self.headless


class Verification:
    """One check of a chain that is made of these files, each up to its size."""

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
        self._unknown = Unknowns()
        self._head_met = noted is None
        self._pin_met = pin is None

    def run(self) -> Report:
        """What is found.

        Raises:
            OSError: A file cannot be read.
        """
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
            unknown=tuple(self._unknown.found),
            by_hand=self._unknown.by_hand,
            corrected=self._unknown.corrected,
            headless=self._position.headless,
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
                    self._unknown.take(record)
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
