"""What is told to the ledger of a write: that it is about to be sent, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import JsonValue

from holdfast.control.ledger.records import Result


@dataclass(frozen=True)
class Intent:
    """A write that is about to be sent.

    Attributes:
        appliance: Kind of the target.
        identity: Who the target says it is.
        summary: One sentence with verb and object.
        approved_by: Who confirmed it, and how.
    """

    principal: str
    target: str
    appliance: str
    tool: str
    risk: str
    arguments: dict[str, JsonValue]
    correlation_id: str
    plan_id: str | None = None
    identity: str | None = None
    summary: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a write.

    Attributes:
        verified: Whether the result was seen by reading the state back.
        error: Code of the error, if one came.
        task: The appliance's handle of the work.
        duration_s: From sending to knowing, seconds.
        final: Of an unknown result: it was looked at, cannot be told, and is not looked at again.
        settled_by: The person who says so, where it is not what was read back.
    """

    result: Result
    verified: bool | None = None
    error: str | None = None
    task: str | None = None
    note: str | None = None
    duration_s: float | None = None
    final: bool = False
    settled_by: str | None = None


@dataclass
class Entry:
    """An intent on the ledger, to be followed by its outcome."""

    id: str
    outcome: Outcome | None = field(default=None)

    def settle(self, outcome: Outcome) -> None:
        """Say what became of the write; `Ledger.attempt` records it."""
        self.outcome = outcome
