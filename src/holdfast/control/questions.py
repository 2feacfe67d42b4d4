"""What a person reads before a change is carried out. Everything in it passes the exit, as any answer does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from holdfast.control.change import Change
from holdfast.control.cleaning import one_line
from holdfast.control.exit import OneExit
from holdfast.control.rendering import compact

LONGEST_LINE: Final = 240
"""Longest line of a question, characters."""

CLEANED: Final = "Caution: characters that cannot be seen, or that act on a screen, were taken out of the names above."


def question(change: Change, target: str, leave: OneExit) -> str:
    """The question about a change of this target.

    It is short enough for a dialogue, and never silent about what it leaves out or has taken out.
    """
    lines = [leave.line(change.summary, LONGEST_LINE - 1) + "?", f"Target: {target} ({change.identity})"]
    lines += _first(differences(change, leave), 12, "further changes")
    lines += _first([f"Affects: {line}" for line in change.blast_radius], 8, "further effects")
    lines += _first([f"Warning: {line}" for line in change.warnings], 4, "further warnings")
    lines.append(f"Undo: {undo_text(change)}")
    if any(one_line(text, sys.maxsize) != text for text in _texts(change)):
        lines.append(CLEANED)
    return "\n".join(leave.line(line, LONGEST_LINE) for line in lines)


def differences(change: Change, leave: OneExit) -> list[str]:
    """One line for each fact that changes, fit to leave."""
    lines: list[str] = []
    for key in dict.fromkeys([*change.before, *change.after]):
        old, new = change.before.get(key), change.after.get(key)
        if old != new:
            # By its name, too: a field may be secret whatever its value looks like.
            (name, before), (_, after) = (*leave.value({key: old}).items(), *leave.value({key: new}).items())
            lines.append(f"{name}: {compact(before)} -> {compact(after)}")
    return lines


def undo_text(change: Change) -> str:
    """How a change can be taken back, or that it cannot."""
    if change.undo is not None:
        return f"{change.undo.tool} {compact(change.undo.arguments)}"
    return change.cannot_undo or "cannot be undone"


def _texts(change: Change) -> list[str]:
    """Everything that is shown, as it was before the exit."""
    facts = [compact([key, change.before.get(key), change.after.get(key)]) for key in {**change.before, **change.after}]
    return [change.summary, change.identity, *change.blast_radius, *change.warnings, undo_text(change), *facts]


def _first(lines: Sequence[str], most: int, what: str) -> list[str]:
    """These lines, or as many as are shown and how many are not."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"… and {len(lines) - most} {what}: holdfast plans shows them"]
