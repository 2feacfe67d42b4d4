"""What every answer of a tool has in common."""

from __future__ import annotations

from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from holdfast.control.cleaning import HouseText, Untrusted, UntrustedJson

JsonObject = dict[str, JsonValue]


class Row(BaseModel):
    """Base of the parts of an answer. Absent facts are None and are left out of what the reader gets.

    identified_by: fields that tell which row it is, of rows that stand in pages; None for `ref`, `id`, `uuid` or `name`
        (with `kind`), empty where only all fields together do.
    """

    identified_by: ClassVar[tuple[str, ...] | None] = None

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stale(Row):
    """Says that an answer is an earlier one, and why."""

    age_s: float
    reason: HouseText


class Answer(BaseModel):
    """Base of every tool's answer.

    `stale` is set when the appliance could not be asked and the last good answer is shown instead.
    `notes` are remarks of Holdfast about this answer: what is missing, what was cut, what to do.
    """

    model_config = ConfigDict(extra="forbid")

    stale: Stale | None = None
    notes: list[HouseText] | None = None


RowT = TypeVar("RowT", bound=BaseModel)


class Changed(Row):
    """Says that a list changed between the page before and this one; without it, it did not where that was looked at.

    last_row: what became of the last row of the page before: moved (rows came, went or changed places before it; this
        page goes on right behind it), lost (it is not where it was: rows may be missing between the pages, or shown
        twice). For a list that is certainly whole, begin again without cursor.
    from_row: how many rows of the list, as it is now, come before this page.
    """

    last_row: Literal["moved", "lost"]
    from_row: int


class Page(Answer, Generic[RowT]):
    """A list, a page at a time.

    `total` counts all matching rows when the appliance tells; `next_cursor` continues the list when present; `changed`
    is set when the list changed since the page before.
    """

    items: list[RowT]
    total: int | None = None
    next_cursor: HouseText | None = None
    changed: Changed | None = None


Outcome = Literal["planned", "applied", "not_applied", "unknown", "started", "nothing_to_do"]


class UndoCall(Row):
    """The call that takes a change back."""

    tool: HouseText
    arguments: UntrustedJson


class WriteResult(Answer):
    """What became of a change.

    outcome: planned (nothing sent), applied, not_applied (refused, or sent and did not happen), unknown (the answer was
        lost and reading back did not settle it), started (the appliance works on it: see task), nothing_to_do (already
        as wanted; nothing sent).
    verified: whether the outcome was seen in the state that was read back after the write; false when it rests only on
        the appliance's answer, or on how its task ended; absent when nothing was sent.
    """

    outcome: Outcome
    summary: Untrusted
    verified: bool | None = None
    identity: Untrusted | None = None
    before: UntrustedJson | None = None
    after: UntrustedJson | None = None
    blast_radius: list[Untrusted] | None = None
    undo: UndoCall | None = None
    cannot_undo: HouseText | None = None
    task: Annotated[Untrusted | None, Field(description="Handle for the *_wait_* tool.")] = None
    plan_id: HouseText | None = None
    expires_in_s: float | None = None
    approval: HouseText | None = None
    details: UntrustedJson | None = None
    warnings: list[Untrusted] | None = None
    next_step: HouseText | None = None
