"""The cursors of one call: bound to its question on the way out, refused with another one on the way in."""

from __future__ import annotations

from holdfast.control.answers import JsonObject
from holdfast.control.cursors import identity_of_items, question_of, seal, unseal
from holdfast.control.rendering import fit
from holdfast.control.schemas import answer_model
from holdfast.control.spec import ToolSpec


class BoundPages:
    """The cursors of one call: what comes in belongs to this question, what leaves is bound to it.

    Args:
        spec: The tool.
        target: The target's label; empty for tools that ask several.
        arguments: Of the call; the cursor among them becomes what tools understand.

    Raises:
        InputError: The cursor was given for another question. Nothing was executed.
    """

    def __init__(self, spec: ToolSpec, target: str, arguments: dict[str, object]) -> None:
        self._question = question_of(spec.name, target, arguments)
        self._identity = identity_of_items(answer_model(spec))
        cursor = arguments.get("cursor")
        self._cursor = unseal(cursor, self._question) if isinstance(cursor, str) else None
        if self._cursor is not None:
            arguments["cursor"] = self._cursor

    def fit(self, answer: JsonObject, cap_bytes: int) -> JsonObject:
        """The answer cut to the cap; its cursor is good for this question only."""
        return self.sealed(fit(answer, cap_bytes, self._cursor, self._identity))

    def sealed(self, answer: JsonObject) -> JsonObject:
        """The same answer, its cursor good for this question only."""
        cursor = answer.get("next_cursor")
        return {**answer, "next_cursor": seal(cursor, self._question)} if isinstance(cursor, str) else answer
