"""Writes of which nobody knows what became of them: found along the records, settled by a person."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.control.ledger.records import Record


@dataclass(frozen=True)
class Unknown:
    """A write whose outcome is recorded as unknown.

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


class Unknowns:
    """Follows the records, the oldest first.

    Attributes:
        found: Writes whose outcome is recorded as unknown so far, by their ids, in the order of these outcomes.
        by_hand: How many outcomes were settled by a person.
    """

    def __init__(self) -> None:
        self.found: dict[str, Unknown] = {}
        self.by_hand = 0
        self._intents: dict[str, Record] = {}

    def take(self, record: Record) -> None:
        """Take the next record."""
        name = record.body.get("id")
        if not isinstance(name, str):
            return
        if record.kind == "intent":
            self._intents[name] = record
        elif record.kind == "outcome" and name in self._intents:
            self.by_hand += "settled_by" in record.body
            self.found.pop(name, None)
            if record.body.get("result") == "unknown":
                self.found[name] = Unknown(name, self._intents[name], record)
            else:
                del self._intents[name]
