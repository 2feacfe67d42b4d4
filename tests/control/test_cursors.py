"""Cursors: short, opaque, bound to one question, and marks that tell the same row again."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast.control.answers import Page, Row
from holdfast.control.cursors import (
    MAX_CURSOR_CHARS,
    Place,
    check_form,
    decode_place,
    encode_place,
    identity_of,
    identity_of_items,
    mark_of,
    mark_of_json,
    question_of,
    seal,
    summed,
    unseal,
)
from holdfast.cutting import redacting
from holdfast.errors import InputError

QUESTION = question_of("proxmox_list", "proxmox.lab", {"node": "pve1"})
PLACE = Place(25, 7, 11)

marks = st.integers(0, 2**48 - 1)
places = st.builds(
    Place, offset=st.integers(1, 2**24 - 1), last=marks, before=st.one_of(st.none(), marks), exact=st.booleans()
)


def coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(places)
def test_a_sealed_cursor_is_short_and_leads_back_to_its_place(place: Place) -> None:
    inner = encode_place(place)
    sealed = seal(inner, QUESTION)
    assert len(sealed) <= MAX_CURSOR_CHARS
    check_form(sealed)
    assert decode_place(unseal(sealed, QUESTION)) == place


def raw(flags: int = 1, offset: int = 1, last: int = 1, before: int = 1) -> bytes:
    return bytes([flags]) + offset.to_bytes(3, "big") + last.to_bytes(6, "big") + before.to_bytes(6, "big")


FOREIGN = ["", "=", "!!!!", "25", "b25", coded(b"o25"), "\u00e9", "A" * 21, "A" * 22 + "=", "A" * 400, " " * 22]
WRONG = [raw(flags=4), raw(flags=255), raw(offset=0), raw(flags=0), raw(flags=2)]
"""Unknown flags, a first page, a sum where there is none."""


@pytest.mark.parametrize("cursor", [*FOREIGN, *map(coded, WRONG), coded(raw())[:-1], coded(raw()) + "A"])
def test_what_is_no_cursor_of_ours_is_refused(cursor: str) -> None:
    for read in (decode_place, check_form, lambda text: unseal(text, QUESTION), lambda text: seal(text, QUESTION)):
        if read is not decode_place and cursor in map(coded, WRONG):
            continue
        with pytest.raises(InputError, match=r"not one of this list. Nothing was executed\.") as caught:
            read(cursor)
        assert caught.value.next_step == "Start again without cursor."


@pytest.mark.parametrize("body", WRONG)
def test_a_sealed_cursor_of_an_impossible_place_has_not_our_form(body: bytes) -> None:
    check_form(coded(raw() + b"sealed"))
    with pytest.raises(InputError):
        check_form(coded(body + b"sealed"))


def test_a_cursor_has_one_form_only() -> None:
    whole = seal(encode_place(PLACE), QUESTION)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [whole[:-1] + other for other in last if other != whole[-1]]
    assert len(others) == 63
    for other in others:
        with pytest.raises(InputError):
            unseal(other, QUESTION)


@given(st.text(max_size=40))
def test_no_text_is_answered_with_anything_but_a_clear_error(text: str) -> None:
    with pytest.raises(InputError, match=r"Nothing was executed\."):
        unseal(text, QUESTION)


@given(places, st.integers(0, 21), st.integers(1, 255))
def test_a_cursor_of_which_one_byte_was_altered_is_refused(place: Place, at: int, by: int) -> None:
    sealed = seal(encode_place(place), QUESTION)
    body = bytearray(base64.urlsafe_b64decode(sealed + "=="))
    body[at] ^= by
    with pytest.raises(InputError):
        unseal(coded(bytes(body)), QUESTION)


OTHERS: list[tuple[str, str, dict[str, object]]] = [
    ("proxmox_list_other", "proxmox.lab", {"node": "pve1"}),
    ("proxmox_list", "proxmox.lab2", {"node": "pve1"}),
    ("proxmox_list", "", {"node": "pve1"}),
    ("proxmox_list", "proxmox.lab", {"node": "pve2"}),
    ("proxmox_list", "proxmox.lab", {"node": None}),
    ("proxmox_list", "proxmox.lab", {"other": "pve1"}),
    ("proxmox_list", "proxmox.lab", {"node": "pve1", "sort": True}),
    ("proxmox_list", "proxmox.lab", {}),
]


@pytest.mark.parametrize(("tool", "target", "arguments"), OTHERS)
def test_a_cursor_is_good_for_one_question_only(tool: str, target: str, arguments: dict[str, object]) -> None:
    sealed = seal(encode_place(PLACE), QUESTION)
    with pytest.raises(InputError) as caught:
        unseal(sealed, question_of(tool, target, arguments))
    assert str(caught.value) == (
        "The cursor belongs to another list: it was given for another tool, target or other arguments. "
        "Nothing was executed."
    )
    assert caught.value.next_step == (
        "Call without cursor; or with every argument as for the page before, only limit may be another."
    )


def test_the_size_of_a_page_and_the_cursor_itself_are_no_part_of_the_question() -> None:
    assert question_of("proxmox_list", "proxmox.lab", {"node": "pve1", "limit": 5, "cursor": "x"}) == QUESTION
    assert question_of("proxmox_list", "proxmox.lab", {"limit": 7, "node": "pve1"}) == QUESTION


def test_arguments_of_any_type_make_a_question() -> None:
    class Nested(BaseModel):
        since: datetime

    one, other = (Nested(since=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2))
    assert question_of("t", "", {"a": one}) == question_of("t", "", {"a": one.model_copy()})
    assert question_of("t", "", {"a": one}) != question_of("t", "", {"a": other})
    assert question_of("t", "", {"a": Ellipsis}) != question_of("t", "", {"a": NotImplemented})


class Guest(Row):
    id: int
    name: str
    cpu: float = 0


class Named(Row):
    kind: str
    name: str
    cpu: float = 0


class Leased(Row):
    identified_by = ("ip", "mac")

    ip: str
    mac: str | None = None
    ends: str | None = None
    id: int = 0


class Tagged(Row):
    identified_by = ("tags",)

    tags: list[str] | None = None
    at: int = 0


class Line(Row):
    text: str
    count: int | None = None


class Foreign(BaseModel):
    uuid: str


class Dated(Row):
    identified_by = ("at", "name")

    at: datetime
    name: str
    seen: int = 0


class Referred(Row):
    ref: str
    id: int


def test_a_row_is_identified_by_what_its_model_names_or_by_its_usual_names() -> None:
    assert identity_of(Guest) == ("id",)
    assert identity_of(Named) == ("kind", "name")
    assert identity_of(Leased) == ("ip", "mac")
    assert identity_of(Line) == ()
    assert identity_of(Foreign) == ("uuid",)
    assert identity_of(Referred) == ("ref",)


def test_the_same_row_has_the_same_mark_whatever_it_measures() -> None:
    assert mark_of(Guest(id=1, name="a", cpu=0.5)) == mark_of(Guest(id=1, name="b"))
    assert mark_of(Guest(id=1, name="a")) != mark_of(Guest(id=2, name="a"))
    assert mark_of(Named(kind="a", name="b")) != mark_of(Named(kind="b", name="b"))
    assert mark_of(Leased(ip="1", mac="m", ends="x")) == mark_of(Leased(ip="1", mac="m", id=5))
    assert mark_of(Leased(ip="1", mac="m")) != mark_of(Leased(ip="1"))
    assert mark_of(Tagged(tags=["a"], at=1)) == mark_of(Tagged(tags=["a"], at=2))
    assert mark_of(Tagged(tags=["a"])) != mark_of(Tagged(tags=["a", "b"]))
    assert mark_of(Line(text="a", count=1)) != mark_of(Line(text="a", count=2))
    monday, tuesday = (datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6))
    assert mark_of(Dated(at=monday, name="a", seen=1)) == mark_of(Dated(at=monday, name="a", seen=2))
    assert mark_of(Dated(at=monday, name="a")) != mark_of(Dated(at=tuesday, name="a"))


@pytest.mark.parametrize(
    "row",
    [
        Guest(id=1, name="a"),
        Named(kind="a", name="é"),
        Leased(ip="1"),
        Leased(ip="1", mac="m"),
        Tagged(tags=["a"], at=1),
        Tagged(at=3),
        Line(text="a"),
        Line(text="a", count=1),
        Foreign(uuid="u"),
        Dated(at=datetime(2026, 1, 5, tzinfo=UTC), name="a"),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_row_and_the_json_that_leaves_have_the_same_mark(row: BaseModel) -> None:
    as_json = row.model_dump(mode="json", exclude_none=True)
    assert mark_of(row) == mark_of_json(as_json, identity_of(type(row)))
    assert 0 <= mark_of(row) < 2**48


def test_rows_without_a_model_are_marked_by_their_usual_names_or_as_a_whole() -> None:
    assert mark_of_json({"vmid": 1, "cpu": 2}, None) == mark_of_json({"vmid": 1, "cpu": 3}, None)
    assert mark_of_json({"vmid": 1}, None) != mark_of_json({"vmid": 2}, None)
    assert mark_of_json({"cpu": 2}, None) != mark_of_json({"cpu": 3}, None)
    assert mark_of_json({"upid": "u", "id": 1}, None) == mark_of_json({"upid": "u", "id": 2}, None)
    assert mark_of_json("text", None) != mark_of_json("other", None)
    assert mark_of_json("text", ("id",)) != mark_of_json("other", ("id",))


def test_the_mark_of_free_text_tells_nothing_of_a_secret_in_it() -> None:
    def hide(text: str) -> str:
        return text.replace("hunter2", "[redacted]").replace("hunter3", "[redacted]")

    assert mark_of(Line(text="is hunter2")) != mark_of(Line(text="is hunter3"))
    with redacting(hide):
        assert mark_of(Line(text="is hunter2")) == mark_of(Line(text="is hunter3"))
        assert mark_of(Line(text="is hunter2")) != mark_of(Line(text="was hunter2"))
        assert mark_of_json("id hunter2", None) == mark_of_json("id hunter3", None)
        # What names a row is no free text: it is marked as it is.
        assert mark_of(Named(kind="a", name="hunter2")) != mark_of(Named(kind="a", name="hunter3"))


class Guests(Page[Guest]):
    """A page of a generic base."""


class Maybe(Page[Line]):
    items: list[Leased] | None = None  # type: ignore[assignment]


class Untyped(Page[Guest]):
    items: list[dict[str, str]]  # type: ignore[assignment]


class Texts(Page[Guest]):
    items: list[Annotated[str, "of any kind"]]  # type: ignore[assignment]


class NoList(BaseModel):
    text: str


def test_the_identity_of_a_page_is_that_of_its_rows() -> None:
    assert identity_of_items(Guests) == ("id",)
    assert identity_of_items(Maybe) == ("ip", "mac")
    assert identity_of_items(Untyped) is None
    assert identity_of_items(Texts) is None
    assert identity_of_items(NoList) is None


def test_a_sum_of_marks_does_not_depend_on_their_order_and_stays_a_mark() -> None:
    assert summed([1, 2, 3]) == summed([3, 1, 2]) == summed([3], summed([1, 2])) == 6
    assert summed([2**48 - 1, 2]) == 1
