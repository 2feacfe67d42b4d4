"""One call of a tool, as the room's tables tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Call = tuple[str, Mapping[str, object]]

PERSONAS = ("25.04", "25.10", "26")
TRACELESS = frozenset({("rollback_snapshot", "25.04")})
"""Tool and release where nothing that can be read shows whether it was done: neither is said without that."""
_OTHERWISE = {
    "25.04": {"pool.snapshot.": "zfs.snapshot.", "service.control": "service.start"},
    "26": {"virt.instance.": "container."},
}
"""Beginnings of methods that a release calls otherwise than 25.10 (contract 16)."""


@dataclass(frozen=True)
class Case:
    """One call of a tool.

    Attributes:
        tool: Name without the prefix.
        arguments: Of the call.
        method: The method that it writes by on 25.10; "" for reads.
        before: Calls that prepare the state; an entry "!name" switches a fault on.
        outcome: What becomes of it.
        lost: What becomes of it when its answer is lost after it was executed; several with | between.
        missing: Arguments of a call about something that does not exist; None where there is no such thing.
        written: The call with `missing` is sent, and refused by TrueNAS itself.
        undo: Whether its undo brings the state back that was planned from.
    """

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    method: str = ""
    before: tuple[Call, ...] = ()
    outcome: str = "applied"
    lost: str = "applied"
    missing: Mapping[str, object] | None = None
    written: bool = False
    undo: bool = True

    def method_on(self, persona: str) -> str:
        """The method that it writes by on a release."""
        for beginning, other in _OTHERWISE.get(persona, {}).items():
            if self.method.startswith(beginning):
                return other + self.method.removeprefix(beginning)
        return self.method
