"""Lists a page at a time, behind an opaque cursor that notices when the list has changed between two pages.

Two ways, for the two kinds of lists. `page`, `paginate` and `window` have all rows at hand: what was shown is compared
with what now stands before, so that nothing that stayed is skipped, or shown twice, without being told. `Start` is for
lists that the appliance cuts: the next page asks from one row earlier, and looks whether that is still the last row
shown. There it is assumed that rows which stay keep their order among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Annotated, Final, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, Field, JsonValue

from holdfast.control.answers import Answer, Changed, JsonObject
from holdfast.control.cursors import (
    MAX_CURSOR_CHARS,
    Place,
    check_form,
    decode_place,
    encode_place,
    mark_of,
    mark_of_json,
    summed,
)
from holdfast.errors import InputError

MAX_LIMIT: Final = 200

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Rows a page.")]

PageT = TypeVar("PageT", bound=Answer)
_Source = TypeVar("_Source")
_Row = TypeVar("_Row")
_ModelT = TypeVar("_ModelT", bound=BaseModel)

_TOLD: Final = {
    "moved": (
        "The list changed after the page before: rows came, went or changed places before its last row, behind which "
        "this page goes on."
    ),
    "lost": (
        "The list changed after the page before: its last row is not where it was, so rows may be missing between the "
        "pages, or shown twice."
    ),
}
_AGAIN: Final = "For a list that is certainly whole, begin again without cursor."


def _known(cursor: str | None) -> str | None:
    """Refuses a foreign cursor with the other arguments, before anything is sent."""
    if cursor is None:
        return None
    try:
        check_form(cursor)
    except InputError as error:
        raise ValueError("not a cursor of this list; start again without it") from error
    return cursor


Cursor = Annotated[
    str | None,
    Field(max_length=MAX_CURSOR_CHARS, description="From next_cursor."),
    AfterValidator(_known),
]


def changed_note(changed: Changed | None) -> list[str]:
    """The remark on a list that changed; none where it did not."""
    return [f"{_TOLD[changed.last_row]} {_AGAIN}"] if changed is not None else []


@dataclass(frozen=True)
class Part(Generic[_Row]):
    """One page's rows.

    Attributes:
        items: The rows to show.
        next_cursor: Of the next page; None at the end.
        changed: That the list changed since the page before.
        end: Rows of the list before the next page.
    """

    items: list[_Row]
    next_cursor: str | None
    changed: Changed | None
    end: int

    def notes(self, more: Sequence[str] | None = None) -> list[str] | None:
        """Remarks of the page, with that on a changed list; None where there are none."""
        return [*changed_note(self.changed), *(more or ())] or None


class Start:
    """Where a page begins of a list that the appliance cuts.

    Attributes:
        offset: First row to ask for: the last row shown, once more; 0 for the first page.
        again: How many of the rows asked for were shown before: 1, or 0 for the first page.
    """

    def __init__(self, cursor: str | None) -> None:
        self._place = decode_place(cursor) if cursor is not None else None
        self.again = 1 if self._place is not None else 0
        self.offset = self._place.offset - 1 if self._place is not None else 0

    def behind(self, marks: Iterable[int]) -> tuple[int, Changed | None]:
        """How many of the rows from `offset` on are passed over, and whether the list changed."""
        place = self._place
        if place is None:
            return 0, None
        skip = next((number for number, mark in enumerate(marks, 1) if mark == place.last), None)
        if skip is None:
            return 0, Changed(last_row="lost", from_row=self.offset)
        moved = place.exact and skip > 1
        return skip, Changed(last_row="moved", from_row=self.offset + skip) if moved else None

    def part(self, rows: Sequence[_ModelT], limit: int, *, more: bool) -> Part[_ModelT]:
        """The page among the rows that were asked for from `offset` on; `more` when the appliance has others behind."""
        skip, changed = self.behind(mark_of(row) for row in rows)
        items = list(rows[skip : skip + limit])
        end = skip + len(items)
        cursor = None
        if end and (more or end < len(rows)):
            cursor = cursor_after(self.offset + end, rows[end - 1])
        return Part(items, cursor, changed, self.offset + end)


def cursor_after(offset: int, last: BaseModel) -> str:
    """The cursor of the page that begins at `offset` of a list that the appliance cuts, right behind this row."""
    return encode_place(Place(offset, mark_of(last)))


def _resumed(place: Place, count: int, mark: Callable[[int], int]) -> tuple[int, Changed | None]:
    """Where a list of `count` rows that are all at hand goes on."""
    at = place.offset
    if at <= count and summed(mark(number) for number in range(at)) == place.before:
        return at, None
    nearby = chain(range(at - 1, count), range(min(at - 1, count) - 1, -1, -1))
    found = next((number for number in nearby if mark(number) == place.last), None)
    if found is None:
        start = min(at - 1, count)
        return start, Changed(last_row="lost", from_row=start)
    if place.before is None and (found == at - 1 or not place.exact):
        return found + 1, None
    return found + 1, Changed(last_row="moved", from_row=found + 1)


def _part_of(
    count: int,
    row: Callable[[int], _Row],
    mark: Callable[[int], int],
    limit: int,
    cursor: str | None,
    more: bool = False,
) -> Part[_Row]:
    """One page of `count` rows that are all at hand; those after it are neither made nor marked."""
    start, changed = 0, None
    if cursor is not None:
        start, changed = _resumed(decode_place(cursor), count, mark)
    items = [row(number) for number in range(start, min(start + limit, count))]
    end = start + len(items)
    following = None
    if items and (more or end < count):
        following = encode_place(Place(end, mark(end - 1), summed(mark(number) for number in range(end))))
    return Part(items, following, changed, end)


def part_of(rows: Sequence[_ModelT], limit: int, cursor: str | None, *, more: bool = False) -> Part[_ModelT]:
    """One page of models that are all at hand; `more` when others are known to come behind them."""
    return _part_of(len(rows), rows.__getitem__, lambda number: mark_of(rows[number]), limit, cursor, more)


def window(rows: Sequence[JsonValue], limit: int, cursor: str | None) -> Part[JsonValue]:
    """One page of rows without a model."""
    return _part_of(len(rows), rows.__getitem__, lambda number: mark_of_json(rows[number], None), limit, cursor)


def page(
    kind: Callable[..., PageT],
    rows: Sequence[_Source],
    convert: Callable[[_Source], BaseModel],
    limit: int,
    cursor: str | None,
    *,
    identify: Callable[[_Source], JsonObject] | None = None,
    notes: Sequence[str] | None = None,
    **more: object,
) -> PageT:
    """One page of rows that are all at hand; only those up to its end are converted, each once.

    Args:
        kind: The page's model.
        rows: All rows.
        convert: Makes a row's model.
        limit, cursor: Of the tool.
        identify: Tells the fields that identify a row without converting it, where lists are long.
        notes: Remarks; none where it is empty.
        more: Other fields of the page.
    """

    @cache
    def row(number: int) -> BaseModel:
        return convert(rows[number])

    def mark(number: int) -> int:
        if identify is None:
            return mark_of(row(number))
        known = identify(rows[number])
        return mark_of_json(known, tuple(known))

    part = _part_of(len(rows), row, mark, limit, cursor)
    return kind(
        items=part.items,
        total=len(rows),
        next_cursor=part.next_cursor,
        changed=part.changed,
        notes=part.notes(notes),
        **more,
    )


def paginate(
    kind: Callable[..., PageT],
    rows: Sequence[BaseModel],
    limit: int,
    cursor: str | None,
    *,
    notes: Sequence[str] | None = None,
    **more: object,
) -> PageT:
    """One page of rows that are models already; see `page`."""
    return page(kind, rows, lambda row: row, limit, cursor, identify=None, notes=notes, **more)
