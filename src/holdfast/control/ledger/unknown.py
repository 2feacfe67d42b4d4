"""Writes of which nobody knows what became of them, and what a person said of them: found along the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.control.ledger.records import Record
from holdfast.errors import LedgerError

_UNKNOWN_ONES: Final = "holdfast audit unknown lists the writes whose outcome is unknown."
_CORRECT: Final = "holdfast audit correct takes back what a person said of it."
_ONLY_WORDS: Final = "Only what a person said with holdfast audit settle can be corrected."


@dataclass(frozen=True)
class Unknown:
    """A write whose outcome is recorded as unknown, or was told by a person.

    Attributes:
        id: Its name on the ledger.
        intent: What was about to be sent.
        outcome: The last that was recorded about it.
    """

    id: str
    intent: Record
    outcome: Record

    @property
    def is_final(self) -> bool:
        """Whether it was looked at and cannot be told: no start looks at it again."""
        return self.outcome.body.get("final") is True

    @property
    def corrects(self) -> int | None:
        """Number of the record that the last one takes back: an earlier word of a person."""
        return corrected_by(self.outcome)


def corrected_by(record: Record) -> int | None:
    """Number of the record that this one takes back, if it is such a record."""
    number = record.body.get("corrects") if record.kind == "outcome" else None
    return number if isinstance(number, int) else None


class Unknowns:
    """Follows the records, the oldest first.

    Attributes:
        found: Writes whose outcome is recorded as unknown so far, by their ids, in the order of these outcomes.
        told: Writes of which a person told the outcome, by their ids, also those that he told to be unknown after all.
        by_hand: How many outcomes were settled by a person.
        corrected: How often a person took an earlier word back.
    """

    def __init__(self) -> None:
        self.found: dict[str, Unknown] = {}
        self.told: dict[str, Unknown] = {}
        self.by_hand = 0
        self.corrected = 0
        self._intents: dict[str, Record] = {}

    def take(self, record: Record) -> None:
        """Take the next record. After a person's word only another that names it says anything."""
        name = record.body.get("id")
        if not isinstance(name, str):
            return
        if record.kind == "intent":
            self._intents[name] = record
        elif record.kind == "outcome" and name in self._intents:
            said = self.told.get(name)
            if said is not None and corrected_by(record) != said.outcome.seq:
                return
            self._count(record, said)
            self.found.pop(name, None)
            write = Unknown(name, self._intents[name], record)
            if "settled_by" in record.body:
                self.told[name] = write
            elif record.body.get("result") != "unknown":
                del self._intents[name]
            if record.body.get("result") == "unknown":
                self.found[name] = write

    def _count(self, record: Record, said: Unknown | None) -> None:
        self.corrected += said is not None
        self.by_hand += said is None and "settled_by" in record.body


def not_unknown(name: str, last: Record | None) -> LedgerError:
    """Why a write is none of unknown outcome; `last` is the last record about it."""
    step = _UNKNOWN_ONES
    if last is None or last.kind != "outcome":
        why = _no_outcome(name, last)
    else:
        why = f"The outcome of {name} is known: {last.body.get('result')}"
        step = _CORRECT if "settled_by" in last.body else step
    return LedgerError(f"{why}. Nothing was recorded.", next_step=step)


def not_told(name: str, last: Record | None) -> LedgerError:
    """Why there is no word of a person about a write that could be taken back; `last` is the last record about it."""
    step = _ONLY_WORDS
    if last is None or last.kind != "outcome":
        why = _no_outcome(name, last)
    elif last.body.get("result") == "unknown":
        why = f"Nobody has said yet what became of {name}"
        step = "Say it with holdfast audit settle."
    else:
        why = f"The outcome of {name} was not told by a person: {last.body.get('result')}"
    return LedgerError(f"{why}. Nothing was recorded.", next_step=step)


def _no_outcome(name: str, last: Record | None) -> str:
    if last is None:
        return f"There is no write {name} on the ledger"
    return f"The write {name} is under way: its server has not recorded an outcome yet"
