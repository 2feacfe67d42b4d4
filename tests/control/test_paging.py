"""Pages by cursor: a cursor of ours and nothing else, refused before anything is sent."""

from __future__ import annotations

import base64

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from holdfast.control.answers import Page
from holdfast.control.paging import Cursor, decode_cursor, encode_cursor, page, paginate, window
from holdfast.errors import InputError


def _coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("offset", [0, 1, 25, 10_000_000])
def test_a_cursor_leads_back_to_its_offset(offset: int) -> None:
    assert decode_cursor(encode_cursor(offset)) == offset
    assert TypeAdapter[str | None](Cursor).validate_python(encode_cursor(offset)) == encode_cursor(offset)


def test_without_a_cursor_a_list_begins_at_its_beginning() -> None:
    assert decode_cursor(None) == 0
    assert TypeAdapter[str | None](Cursor).validate_python(None) is None


FOREIGN = [
    "",
    "=",
    "!!!!",
    "25",
    _coded("25"),
    _coded("p25"),
    _coded("o"),
    _coded("o-1"),
    _coded("o 1"),
    _coded("o1x"),
    _coded("o\u0661"),
    _coded("o\u00b2"),
    _coded("o10000001"),
    "\u00e9",
]


@pytest.mark.parametrize("cursor", FOREIGN)
def test_what_is_no_cursor_of_ours_is_refused_with_the_other_arguments(cursor: str) -> None:
    with pytest.raises(InputError, match=r"Nothing was executed\."):
        decode_cursor(cursor)
    with pytest.raises(ValidationError, match="not a cursor of this list; start again without it"):
        TypeAdapter[str | None](Cursor).validate_python(cursor)


class Row(BaseModel):
    number: int


class Rows(Page[Row]):
    of: str | None = None


def test_pages_follow_each_other_to_the_end() -> None:
    rows = [Row(number=number) for number in range(5)]
    found: list[list[int]] = []
    cursor: str | None = None
    for _ in range(3):
        shown = paginate(Rows, rows, 2, cursor)
        assert shown.total == 5
        found.append([row.number for row in shown.items])
        cursor = shown.next_cursor
    assert found == [[0, 1], [2, 3], [4]]
    assert cursor is None


def test_a_list_that_ends_with_its_page_has_no_next_one() -> None:
    assert window([1, 2], 2, None) == ([1, 2], None)
    assert window([1, 2], 1, None) == ([1], encode_cursor(1))
    assert window([1, 2], 2, encode_cursor(7)) == ([], None)


def test_notes_are_left_out_where_there_are_none() -> None:
    assert paginate(Rows, [Row(number=1)], 1, None).notes is None
    assert paginate(Rows, [Row(number=1)], 1, None, notes=()).notes is None
    assert paginate(Rows, [Row(number=1)], 1, None, notes=["partial"]).notes == ["partial"]


def test_only_the_rows_of_the_page_are_made_and_its_other_fields_are_told() -> None:
    made: list[int] = []

    def make(number: int) -> Row:
        made.append(number)
        return Row(number=number)

    shown = page(Rows, range(100), make, 2, encode_cursor(10), notes=["partial"], of="numbers")
    assert (made, shown.total, shown.next_cursor) == ([10, 11], 100, encode_cursor(12))
    assert (shown.items, shown.notes, shown.of) == ([Row(number=10), Row(number=11)], ["partial"], "numbers")
