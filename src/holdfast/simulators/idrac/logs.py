"""The system event log and the Lifecycle log: thousands of records, newest first (contract §12.5).

The old records are the same for all simulators and cost one tuple each in the whole process; only what happens to a
simulator itself is stored with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

from holdfast.simulators.idrac.messages import fill, lookup
from holdfast.simulators.idrac.timeline import Timeline

SEL_LIMIT = 1024
LC_LIMIT = 4096


@dataclass(frozen=True)
class Record:
    """One log entry; `at` is seconds since the epoch, or for the shared old ones seconds before construction."""

    number: int
    at: float
    message_id: str
    args: tuple[str, ...] = ()
    category: str = "System Health"
    comment: str | None = None

    @property
    def text(self) -> str:
        """The message with its arguments."""
        return fill(lookup(self.message_id)[1].text, self.args)

    @property
    def severity(self) -> str:
        """OK, Warning or Critical."""
        severity = lookup(self.message_id)[1].severity
        return "OK" if severity == "Informational" else severity


_LC_STORY: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("USR0030", ("root", "10.20.9.250", "GUI"), "Audit"),
    ("USR0032", ("root", "10.20.9.250", "GUI"), "Audit"),
    ("SYS141", ("NTPConfigGroup.1.NTP1", "", "ntp.rack.example"), "Configuration"),
    ("LOG007", ("2",), "Audit"),
    ("NIC100", ("NIC.Integrated.1-2-1",), "System Health"),
    ("NIC101", ("NIC.Integrated.1-2-1",), "System Health"),
    ("JCP027", ("JID_683421905577",), "Configuration"),
    ("JCP037", ("JID_683421905577",), "Configuration"),
    ("USR0030", ("monitor", "10.20.9.251", "REDFISH"), "Audit"),
    ("USR0032", ("monitor", "10.20.9.251", "REDFISH"), "Audit"),
    ("TMP0118", (), "System Health"),
    ("TMP0120", (), "System Health"),
    ("USR0031", ("admin", "10.20.9.77", "GUI"), "Audit"),
    ("PSU0003", ("2",), "System Health"),
    ("PSU0800", ("2",), "System Health"),
    ("PR36", ("BIOS", "1.13.2", "1.15.2"), "Updates"),
    ("SYS1000", (), "System Health"),
    ("SYS1001", (), "System Health"),
    ("SYS1003", (), "System Health"),
    ("RAC0182", ("user initiated",), "Audit"),
    ("SYS198", (), "System Health"),
    ("MEM0701", ("DIMM_A3",), "System Health"),
    ("PDR8", ("Disk 1 in Backplane 0 of RAID Controller in Slot 1",), "Storage"),
)
_SEL_STORY: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("PSU0003", ("2",), "System Health"),
    ("RDU0012", (), "System Health"),
    ("PSU0800", ("2",), "System Health"),
    ("RDU0011", (), "System Health"),
    ("SEC0031", (), "System Health"),
    ("SEC0033", (), "System Health"),
    ("TMP0118", (), "System Health"),
    ("TMP0120", (), "System Health"),
    ("MEM0701", ("DIMM_A3",), "System Health"),
)


@lru_cache(maxsize=8)
def _old(story: tuple[tuple[str, tuple[str, ...], str], ...], count: int, spacing_s: float) -> tuple[Record, ...]:
    """`count` old records, newest first, ending `spacing_s` before construction."""
    records: list[Record] = []
    for age in range(count):
        number = count - age
        # The rarer entries of a story come up less often: a plain stride through it, with the audit records repeated.
        step = number if number % 5 else number // 5
        message_id, args, category = story[step % len(story)]
        records.append(Record(number, (age + 1) * spacing_s + (number * 37 % 600), message_id, args, category))
    return tuple(records)


class Log:
    """One log: shared old records below, own new records above."""

    def __init__(
        self,
        timeline: Timeline,
        story: tuple[tuple[str, tuple[str, ...], str], ...],
        *,
        old: int,
        spacing_s: float,
        limit: int,
    ) -> None:
        self._timeline = timeline
        self._old = _old(story, old, spacing_s)
        self._born = timeline.now()
        self._limit = limit
        self._number = old
        self.own: list[Record] = []

    def add(self, message_id: str, *args: str, category: str = "System Health", comment: str | None = None) -> Record:
        """Write a record; the oldest goes when the log is full."""
        self._number += 1
        record = Record(self._number, self._timeline.now(), message_id, args, category, comment)
        self.own.append(record)
        if len(self.own) > self._limit:
            del self.own[0]
        return record

    def clear(self, *, keep_numbers: bool = True) -> None:
        """Forget all records; SEL numbering starts anew, so that its ids are not stable (§12.5)."""
        self._old = ()
        self.own.clear()
        if not keep_numbers:
            self._number = 0

    def __len__(self) -> int:
        return min(self._limit, len(self.own) + len(self._old))

    def newest_first(self) -> Sequence[Record]:
        """All records, newest first, with true times."""
        return _NewestFirst(self.own, self._old, self._born, len(self))

    def find(self, number: str) -> Record | None:
        """The record of this id."""
        for record in self.newest_first():
            if str(record.number) == number:
                return record
        return None

    def since(self, number: int) -> list[Record]:
        """Own records with a higher number than this, oldest first; for tests and events."""
        return [record for record in self.own if record.number > number]


class _NewestFirst(Sequence[Record]):
    """A view over both parts that makes records only when they are looked at."""

    def __init__(self, own: list[Record], old: tuple[Record, ...], born: float, length: int) -> None:
        self._own, self._old, self._born, self._length = own, old, born, length

    def __len__(self) -> int:
        return self._length

    def _one(self, index: int) -> Record:
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        if index < len(self._own):
            return self._own[-1 - index]
        old = self._old[index - len(self._own)]
        return Record(old.number, self._born - old.at, old.message_id, old.args, old.category, old.comment)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self._one(i) for i in range(*index.indices(self._length))]
        return self._one(index)

    def __iter__(self) -> Iterator[Record]:
        return (self._one(index) for index in range(self._length))


def system_event_log(timeline: Timeline) -> Log:
    """The SEL, which holds 1024 records."""
    return Log(timeline, _SEL_STORY, old=310, spacing_s=90_000.0, limit=SEL_LIMIT)


def lifecycle_log(timeline: Timeline) -> Log:
    """The Lifecycle log, which holds thousands."""
    return Log(timeline, _LC_STORY, old=2350, spacing_s=5_400.0, limit=LC_LIMIT)
