"""Pages follow each other to the end, and of a list that changes between two of them nothing is left out silently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from holdfast.control.answers import Changed, Page, Row
from holdfast.control.cursors import Place, decode_place, encode_place, mark_of, seal
from holdfast.control.paging import Cursor, Part, Start, changed_note, cursor_after, page, paginate, part_of, window

SEALED = seal(encode_place(Place(2, 3)), b"question")


def test_a_cursor_of_ours_is_an_argument_and_so_is_none() -> None:
    known = TypeAdapter[str | None](Cursor)
    assert known.validate_python(SEALED) == SEALED
    assert known.validate_python(None) is None


@pytest.mark.parametrize("cursor", ["", "25", SEALED[:-1], encode_place(Place(2, 3)), "\u00e9"])
def test_what_is_no_cursor_of_ours_is_refused_with_the_other_arguments(cursor: str) -> None:
    with pytest.raises(ValidationError, match="not a cursor of this list; start again without it"):
        TypeAdapter[str | None](Cursor).validate_python(cursor)


class Number(Row):
    identified_by = ("number",)

    number: int
    seen: int = 0


class Numbers(Page[Number]):
    of: str | None = None


def numbers(*of: int) -> list[Number]:
    return [Number(number=number) for number in of]


def shown(part: Part[Number] | Numbers) -> list[int]:
    return [row.number for row in part.items]


def test_pages_follow_each_other_to_the_end() -> None:
    rows = numbers(*range(5))
    found: list[list[int]] = []
    cursor: str | None = None
    for _ in range(3):
        answer = paginate(Numbers, rows, 2, cursor)
        assert (answer.total, answer.changed, answer.notes) == (5, None, None)
        found.append(shown(answer))
        cursor = answer.next_cursor
    assert found == [[0, 1], [2, 3], [4]]
    assert cursor is None


def test_pages_may_differ_in_size_and_rows_in_what_they_measure() -> None:
    first = part_of(numbers(1, 2, 3, 4, 5), 1, None)
    second = part_of([Number(number=number, seen=7) for number in (1, 2, 3, 4, 5)], 3, first.next_cursor)
    assert (shown(second), second.changed, second.end) == ([2, 3, 4], None, 4)


def test_a_list_that_ends_with_its_page_has_no_next_one() -> None:
    assert part_of(numbers(1, 2), 2, None) == Part(numbers(1, 2), None, None, 2)
    assert part_of(numbers(1, 2), 1, None).next_cursor is not None
    assert part_of([], 1, None) == Part([], None, None, 0)
    assert part_of([], 1, None, more=True).next_cursor is None
    assert part_of(numbers(1, 2), 2, None, more=True).next_cursor is not None


def test_notes_are_left_out_where_there_are_none() -> None:
    assert paginate(Numbers, numbers(1), 1, None).notes is None
    assert paginate(Numbers, numbers(1), 1, None, notes=()).notes is None
    assert paginate(Numbers, numbers(1), 1, None, notes=["partial"]).notes == ["partial"]


def test_what_comes_after_the_page_is_not_made_and_nothing_twice() -> None:
    made: list[int] = []

    def make(number: int) -> Number:
        made.append(number)
        return Number(number=number)

    first = page(Numbers, range(100), make, 2, None, notes=["partial"], of="numbers")
    assert (made, first.total, shown(first), first.notes, first.of) == ([0, 1], 100, [0, 1], ["partial"], "numbers")
    made.clear()
    second = page(Numbers, range(100), make, 2, first.next_cursor)
    assert (made, shown(second), second.changed) == ([0, 1, 2, 3], [2, 3], None)


def test_rows_that_are_known_without_making_them_are_made_when_shown_only() -> None:
    made: list[int] = []

    def make(number: int) -> Number:
        made.append(number)
        return Number(number=number)

    first = page(Numbers, range(100), make, 2, None)
    known = page(Numbers, range(100), make, 2, None, identify=lambda number: {"number": number})
    assert first.next_cursor == known.next_cursor
    made.clear()
    assert shown(page(Numbers, range(100), make, 2, first.next_cursor, identify=lambda n: {"number": n})) == [2, 3]
    assert made == [2, 3]


def test_rows_without_a_model_are_paged_too() -> None:
    first = window([{"id": "a", "cpu": 1}, {"id": "b"}, {"id": "c"}], 1, None)
    second = window([{"id": "a", "cpu": 2}, {"id": "b"}, {"id": "c"}], 1, first.next_cursor)
    assert (first.items, second.items, second.changed) == ([{"id": "a", "cpu": 1}], [{"id": "b"}], None)
    assert window([{"id": "b"}, {"id": "a"}, {"id": "c"}], 1, first.next_cursor).changed is not None


def whole(before: list[int], after: list[int], limit: int = 2) -> tuple[list[int], Changed | None]:
    """What the second page of two shows of a list that is all at hand."""
    first = part_of(numbers(*before), limit, None)
    second = part_of(numbers(*after), limit, first.next_cursor)
    return shown(second), second.changed


MOVED = "moved"
LOST = "lost"


@pytest.mark.parametrize(
    ("after", "rows", "what", "start"),
    [
        ([1, 2, 3, 4, 5], [3, 4], None, 2),
        ([2, 1, 3, 4, 5], [3, 4], None, 2),
        ([1, 2, 9, 3, 4], [9, 3], None, 2),
        ([1, 2], [], None, 2),
        ([9, 1, 2, 3, 4], [3, 4], MOVED, 3),
        ([2, 3, 4, 5], [3, 4], MOVED, 1),
        ([4, 2, 3, 1, 5], [3, 1], MOVED, 2),
        ([2], [], MOVED, 1),
        ([1, 3, 4, 5], [3, 4], LOST, 1),
        ([3, 4, 5], [4, 5], LOST, 1),
        ([1], [], LOST, 1),
        ([], [], LOST, 0),
        ([7, 8, 9], [8, 9], LOST, 1),
    ],
)
def test_a_whole_list_goes_on_behind_the_last_row_shown_and_tells_what_changed_before_it(
    after: list[int], rows: list[int], what: str | None, start: int
) -> None:
    found, changed = whole([1, 2, 3, 4, 5], after)
    assert found == rows
    assert (changed.last_row if changed else None) == what
    if changed is not None:
        assert changed.from_row == start


def test_of_rows_that_look_alike_the_nearest_is_taken_those_behind_first() -> None:
    first = part_of(numbers(1, 5, 6, 7), 3, None)
    assert shown(part_of(numbers(6, 8, 9, 6, 2), 5, first.next_cursor)) == [2]
    assert shown(part_of(numbers(6, 1, 6, 3), 5, first.next_cursor)) == [3]
    assert shown(part_of(numbers(6, 6, 1, 3), 5, first.next_cursor)) == [1, 3]


def test_a_changed_list_is_told_with_what_to_do() -> None:
    moved, lost = (changed_note(Changed(last_row=what, from_row=1)) for what in ("moved", "lost"))
    assert changed_note(None) == []
    assert [len(moved), len(lost)] == [1, 1]
    assert "rows came, went or changed places before its last row" in moved[0]
    assert "rows may be missing between the pages, or shown twice" in lost[0]
    for note in (*moved, *lost):
        assert note.startswith("The list changed after the page before: ")
        assert note.endswith("For a list that is certainly whole, begin again without cursor.")
    cursor = part_of(numbers(1, 2), 1, None).next_cursor
    answer = paginate(Numbers, numbers(7, 8), 1, cursor, notes=["partial"])
    assert answer.changed == Changed(last_row="lost", from_row=0)
    assert answer.notes == [*lost, "partial"]


def test_a_place_where_only_the_last_row_is_known_goes_on_behind_it() -> None:
    last = mark_of(Number(number=2))
    rows = numbers(1, 2, 3, 2)

    def after(place: Place) -> tuple[list[int], str | None]:
        part = part_of(rows, 5, encode_place(place))
        return shown(part), part.changed.last_row if part.changed else None

    assert after(Place(2, last)) == ([3, 2], None)
    assert after(Place(1, last)) == ([3, 2], "moved")
    assert after(Place(1, last, exact=False)) == ([3, 2], None)
    assert after(Place(3, last, exact=False)) == ([], None)
    assert after(Place(1, last, 5, exact=False)) == ([3, 2], "moved")
    assert after(Place(1, mark_of(Number(number=9)), exact=False)) == ([1, 2, 3, 2], "lost")


def served(rows: list[int], cursor: str | None, limit: int) -> Part[Number]:
    """A page of a list that the appliance cuts: what a room does."""
    start = Start(cursor)
    asked = limit + start.again
    fetched = rows[start.offset : start.offset + asked]
    return start.part(numbers(*fetched), limit, more=start.offset + asked < len(rows))


def test_pages_that_the_appliance_cuts_follow_each_other_to_the_end() -> None:
    found: list[int] = []
    cursor: str | None = None
    for _ in range(3):
        part = served([1, 2, 3, 4, 5], cursor, 2)
        assert part.changed is None
        found += shown(part)
        cursor = part.next_cursor
    assert (found, cursor, part.end) == ([1, 2, 3, 4, 5], None, 5)


def test_one_row_more_than_asked_for_is_enough_to_know_of_a_next_page() -> None:
    assert Start(None).part(numbers(1, 2, 3), 2, more=False).next_cursor is not None
    assert Start(None).part(numbers(1, 2), 2, more=False).next_cursor is None
    assert Start(None).part(numbers(1, 2), 2, more=True).next_cursor is not None
    assert Start(None).part([], 2, more=True) == Part([], None, None, 0)


def test_the_first_page_asks_from_the_beginning_and_every_other_from_the_last_row_shown() -> None:
    assert (Start(None).offset, Start(None).again) == (0, 0)
    start = Start(cursor_after(7, Number(number=3)))
    assert (start.offset, start.again) == (6, 1)


@pytest.mark.parametrize(
    ("after", "rows", "what", "start"),
    [
        ([1, 2, 3, 4, 5], [3, 4], None, 2),
        ([9, 1, 2, 3, 4], [3], MOVED, 3),
        ([8, 9, 1, 2, 3], [], MOVED, 4),
        ([2, 3, 4, 5], [3, 4], LOST, 1),
        ([6, 7, 8, 9, 1, 2], [7, 8], LOST, 1),
        ([1, 3, 4, 5], [3, 4], LOST, 1),
        ([1], [], LOST, 1),
        ([], [], LOST, 1),
    ],
)
def test_a_list_that_the_appliance_cuts_tells_that_its_last_row_is_not_where_it_was(
    after: list[int], rows: list[int], what: str | None, start: int
) -> None:
    second = served(after, served([1, 2, 3, 4, 5], None, 2).next_cursor, 2)
    assert shown(second) == rows
    assert (second.changed.last_row if second.changed else None) == what
    if second.changed is not None:
        assert second.changed.from_row == start


def test_a_page_of_which_every_row_was_shown_before_still_leads_on() -> None:
    rows = [8, 9, 1, 2, 3, 4]
    second = served(rows, served([1, 2, 3, 4], None, 2).next_cursor, 2)
    assert (shown(second), second.end) == ([], 4)
    third = served(rows, second.next_cursor, 2)
    assert (shown(third), third.changed, third.next_cursor) == ([3, 4], None, None)


def test_rows_of_a_searched_list_may_stand_further_on_than_their_count() -> None:
    cursor = encode_place(Place(2, mark_of(Number(number=4)), exact=False))
    found = Start(cursor).behind(iter([mark_of(row) for row in numbers(2, 3, 4, 5)]))
    assert found == (3, None)
    looked_at: list[int] = []

    def marks() -> Iterator[int]:
        for number in range(100):
            looked_at.append(number)
            yield number

    assert Start(encode_place(Place(2, 3))).behind(marks()) == (4, Changed(last_row="moved", from_row=5))
    assert looked_at == [0, 1, 2, 3]
    assert decode_place(cursor_after(7, Number(number=3))) == Place(7, mark_of(Number(number=3)))


lists = st.lists(st.integers(0, 30), min_size=1, max_size=14, unique=True)
limits = st.integers(1, 5)


@given(st.lists(lists, min_size=2, max_size=8), limits)
def test_whatever_happens_to_a_whole_list_nothing_that_stayed_is_skipped_or_repeated_untold(
    versions: list[list[int]], limit: int
) -> None:
    """Each page sees another version of the list: rows come, go and change places at will."""
    seen: list[int] = []
    told = False
    cursor: str | None = None
    used: list[list[int]] = []
    for number in range(60):
        now = versions[min(number, len(versions) - 1)]
        used.append(now)
        answer = paginate(Numbers, numbers(*now), limit, cursor)
        told = told or answer.changed is not None
        seen += shown(answer)
        cursor = answer.next_cursor
        if cursor is None:
            break
    else:
        raise AssertionError("the pages never end")
    stayed = set.intersection(*map(set, used))
    if not told:
        assert stayed <= set(seen)
        assert all(seen.count(row) == 1 for row in stayed)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=14, unique=True).map(sorted),
    st.lists(st.tuples(st.sampled_from(["add", "drop"]), st.integers(0, 30)), max_size=8),
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    limits,
)
def test_whatever_comes_to_or_goes_from_a_list_that_the_appliance_orders_nothing_that_stayed_is_skipped_untold(
    rows: list[int], changes: list[tuple[str, int]], pace: list[int], limit: int
) -> None:
    seen: list[int] = []
    told = False
    stayed = set(rows)
    cursor: str | None = None
    for number in range(80):
        part = served(sorted(rows), cursor, limit)
        told = told or part.changed is not None
        seen += shown(part)
        cursor = part.next_cursor
        if cursor is None:
            break
        for _ in range(pace[number % len(pace)]):
            if changes:
                what, row = changes.pop()
                rows = [*({*rows} | {row})] if what == "add" else [other for other in rows if other != row]
                stayed &= set(rows)
    else:
        raise AssertionError("the pages never end")
    if not told:
        assert stayed <= set(seen)
        assert len(seen) == len(set(seen))
