"""Answers as they leave: nothing that is None, nothing over the cap, and what was cut is told."""

from __future__ import annotations

import pytest

from holdfast.control.answers import Answer, JsonObject, Stale
from holdfast.control.cursors import Place, decode_place, encode_place, mark_of_json, summed
from holdfast.control.rendering import as_json, compact, fit, size

CAP = 2000


def rows(count: int, length: int = 50) -> list[object]:
    return [{"n": number, "text": "x" * length} for number in range(count)]


def answer(**fields: object) -> JsonObject:
    return dict(fields)  # type: ignore[arg-type]


def listed(found: JsonObject, key: str) -> list[object]:
    value = found[key]
    assert isinstance(value, list)
    return list(value)


def said(found: JsonObject) -> str:
    return str(listed(found, "notes")[-1])


def test_json_is_compact_and_keeps_its_characters() -> None:
    assert compact({"a": [1, "é"]}) == '{"a":[1,"é"]}'
    assert size({"a": "é"}) == len('{"a":"é"}'.encode())


def test_absent_facts_are_left_out() -> None:
    assert as_json(Answer()) == {}
    assert as_json(Answer(stale=Stale(age_s=1, reason="x"))) == {"stale": {"age_s": 1.0, "reason": "x"}}


def test_an_answer_that_just_fits_is_left_as_it_is() -> None:
    whole = answer(items=rows(5))
    assert fit(whole, size(whole)) is whole
    assert listed(fit(answer(items=rows(60)), size(answer(items=rows(60))) - 1), "items") != rows(60)


NAMES = ("n",)


def marks(found: JsonObject) -> list[int]:
    return [mark_of_json(row, NAMES) for row in listed(found, "items")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cursor", "changed", "offset", "before"),
    [
        (None, None, 0, 0),
        (Place(100, 5, 7), None, 100, 7),
        (Place(100, 5), None, 100, None),
        (Place(100, 5, 7), {"last_row": "lost", "from_row": 90}, 90, None),
        (None, {"last_row": "moved"}, 0, 0),
        (None, "changed", 0, 0),
    ],
)
def test_a_page_is_cut_at_a_row_and_its_cursor_goes_on_there(
    cursor: Place | None, changed: object, offset: int, before: int | None
) -> None:
    whole = answer(items=rows(100), total=1000, next_cursor=encode_place(Place(200, 1, 2)), changed=changed)
    cut = fit(whole, CAP, encode_place(cursor) if cursor else None, NAMES)
    kept = listed(cut, "items")
    assert kept == rows(100)[: len(kept)]
    assert 0 < len(kept) < 100
    assert decode_place(str(cut["next_cursor"])) == Place(
        offset + len(kept), marks(cut)[-1], None if before is None else summed(marks(cut), before), exact=False
    )
    assert size(cut) <= CAP
    assert said(cut) == (
        f"Truncated: {len(kept)} of 100 rows of items fit into an answer; continue with next_cursor, or narrow the "
        f"filters."
    )


def test_as_many_rows_are_kept_as_fit() -> None:
    cut = fit(answer(items=rows(100)), CAP)
    room = CAP - 400 - size({"items": []})
    each = size(rows(10)[9]) + 1
    assert len(listed(cut, "items")) == room // each


def test_a_row_that_fills_the_room_to_its_last_byte_is_kept() -> None:
    room = CAP - 400 - size({"items": []})
    row = "x" * (room - 1 - size(""))
    assert listed(fit(answer(items=[row, "y" * 500]), CAP), "items") == [row]
    assert listed(fit(answer(items=[row + "x", "y" * 500]), CAP), "items") == []


def test_of_several_lists_the_largest_is_cut_and_notes_are_not() -> None:
    notes = ["n" * 100 for _ in range(6)]
    cut = fit(answer(small=[1, 2], large=rows(100), notes=list(notes)), CAP)
    assert cut["small"] == [1, 2]
    assert listed(cut, "notes")[:-1] == notes
    assert said(cut).endswith("rows of large fit into an answer; narrow the request.")
    assert "next_cursor" not in cut
    assert size(cut) <= CAP


def test_a_cursor_that_is_no_text_starts_at_the_beginning() -> None:
    cut = fit(answer(items=rows(100)), CAP, cursor=7)
    assert decode_place(str(cut["next_cursor"])).offset == len(listed(cut, "items"))


@pytest.mark.parametrize("whole", [answer(a="x" * 5000, b="y" * 3000, c=1), answer(a={"k": "x" * 5000}, c=1)])
def test_without_a_list_the_largest_fields_are_left_out_and_named(whole: JsonObject) -> None:
    cut = fit(whole, CAP)
    assert cut["c"] == 1
    assert size(cut) <= CAP
    left_out = [key for key in whole if key not in cut]
    assert said(cut) == f"Too large for an answer, left out: {', '.join(left_out)}. Ask for less."


def test_only_as_much_is_left_out_as_is_needed() -> None:
    cut = fit(answer(a="x" * 5000, b="y" * 100), CAP)
    assert set(cut) == {"b", "notes"}
    edge = answer(a="x" * 5000, b="y" * (CAP - 400 - size({"b": "", "c": 1})), c=1)
    assert set(fit(edge, CAP)) == {"b", "c", "notes"}
    over = answer(a="x" * 5000, b="y" * (CAP - 400 - size({"b": ""}) + 1), c=1)
    assert set(fit(over, CAP)) == {"c", "notes"}


@pytest.mark.parametrize(("count", "goes_on"), [(2, 11), (1, None)])
def test_a_row_that_is_too_large_by_itself_is_left_out_and_the_page_after_it_can_be_had(
    count: int, goes_on: int | None
) -> None:
    cut = fit(answer(items=["x" * 5000] * count, notes=["first"], c=1), CAP, encode_place(Place(10, 5, 6)))
    assert (cut["items"], cut["c"]) == ([], 1)
    left_out = mark_of_json("x" * 5000, None)
    wanted = None if goes_on is None else encode_place(Place(goes_on, left_out, summed([left_out], 6), exact=False))
    assert cut.get("next_cursor") == wanted
    assert listed(cut, "notes") == [
        "first",
        "The first row of this page is too large for an answer and was left out; later rows may follow.",
    ]


def test_a_row_of_another_list_that_is_too_large_by_itself_is_left_out_with_what_does_not_fit() -> None:
    cut = fit(answer(logs=["x" * 5000], notes=["first"], c=1), CAP)
    assert (cut["logs"], cut["c"]) == ([], 1)
    assert listed(cut, "notes") == [
        "first",
        "Truncated: 0 of 1 rows of logs fit into an answer; narrow the request.",
    ]
    more = fit(answer(logs=["x" * 5000], text="y" * 5000, c=1), CAP)
    assert set(more) == {"logs", "c", "notes"}
    assert "left out: text" in said(more)


def test_notes_are_never_left_out() -> None:
    most = fit(answer(a="x" * 500, notes=["n" * 1500]), CAP)
    assert set(most) == {"notes"}
    assert listed(most, "notes")[0] == "n" * 1500
    cut = fit(answer(a="x" * 5000, notes=["n" * 1000]), CAP)
    assert listed(cut, "notes")[0] == "n" * 1000
    assert fit(answer(notes=["n" * 5000]), CAP) == {"notes": ["n" * 5000]}


def test_notes_that_are_no_list_are_replaced() -> None:
    assert listed(fit(answer(a="x" * 5000, notes=7), CAP), "notes") == [
        "Too large for an answer, left out: a. Ask for less."
    ]
    assert len(listed(fit(answer(items=rows(100), notes=7), CAP), "notes")) == 1
