"""Argument models made from signatures: closed, silent about values, and without a clash of names."""

from __future__ import annotations

import threading
from typing import Annotated

import pytest
from pydantic import AfterValidator, Field

from holdfast.control.answers import Answer
from holdfast.control.arguments import arguments_model, validate_arguments, validated_arguments
from holdfast.control.context import Context
from holdfast.control.spec import Risk, tool
from holdfast.control.wellformed import broken_text_in
from holdfast.errors import InputError


@tool(title="Look", toolset="doors")
async def proxmox_look(
    ctx: Context[object], *, door: Annotated[int, Field(ge=1, description="Number.")], color: str | None = None
) -> Answer:
    """Look at a door."""
    return Answer()


@tool(title="Aim", toolset="doors")
async def proxmox_aim(ctx: Context[object], *, target: str) -> Answer:
    """Its argument has a name that is control's own."""
    return Answer()


@tool(title="Shut", toolset="doors", risk=Risk.WRITE, idempotent=True)
async def proxmox_shut(ctx: Context[object], *, door: int) -> Answer:
    """Shut a door."""
    return Answer()


@tool(title="Place", toolset="doors")
async def proxmox_place(ctx: Context[object], door: int) -> Answer:
    """Its argument could be given by place."""
    return Answer()


def _read(text: str) -> str:
    return f"{len(text)} in {threading.current_thread().name}"


@tool(title="Read", toolset="doors")
async def proxmox_read(
    ctx: Context[object], *, door: int | None = None, note: Annotated[str, AfterValidator(_read)]
) -> Answer:
    """Its argument tells where it was read."""
    return Answer()


@tool(title="Compare", toolset="doors", fleet=True)
async def proxmox_compare(ctx: Context[object]) -> Answer:
    """Chooses among targets itself."""
    return Answer()


@tool(title="Count", toolset="doors")
async def doors_count(ctx: Context[object]) -> Answer:
    """Across all appliances."""
    return Answer()


def test_an_argument_that_could_be_given_by_place_is_refused() -> None:
    with pytest.raises(TypeError, match="must be keyword-only"):
        arguments_model(proxmox_place)


def test_a_tool_that_is_about_no_single_target_takes_none() -> None:
    for spec in (proxmox_compare, doors_count):
        assert list(arguments_model(spec).model_fields) == []
        with pytest.raises(InputError, match=r"target \(unknown argument\)"):
            validate_arguments(spec, {"target": "lab"})


def test_the_model_is_made_once_and_what_is_left_out_has_its_default() -> None:
    assert arguments_model(proxmox_look) is arguments_model(proxmox_look)
    assert validate_arguments(proxmox_look, {"door": 2}) == {"door": 2, "color": None, "target": None}
    assert validate_arguments(proxmox_shut, {"door": 2})["dry_run"] is False


def test_an_argument_of_a_nested_place_is_named_by_its_path() -> None:
    with pytest.raises(InputError, match=r"arguments \(Input should be a valid dictionary"):
        validate_arguments(proxmox_look, [])  # type: ignore[arg-type]


@pytest.mark.parametrize(("wrong", "more"), [(4, None), (5, "; and 1 more."), (9, "; and 5 more.")])
def test_of_many_problems_four_are_told_and_the_others_counted(wrong: int, more: str | None) -> None:
    with pytest.raises(InputError) as caught:
        validate_arguments(proxmox_look, {"door": 1, **{f"w{number}": 1 for number in range(wrong)}})
    assert caught.value.message.count("unknown argument") == 4
    if more is None:
        assert "more" not in caught.value.message
    else:
        assert more in caught.value.message


def test_the_model_has_the_functions_arguments_and_those_that_control_adds() -> None:
    assert list(arguments_model(proxmox_look).model_fields) == ["door", "color", "target"]
    assert list(arguments_model(proxmox_shut).model_fields) == ["door", "target", "dry_run", "plan_id"]


def test_an_argument_named_like_one_of_controls_own_is_refused() -> None:
    with pytest.raises(TypeError, match="control's own"):
        arguments_model(proxmox_aim)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "door (required)"),
        ({"door": 0}, "door (Input should be greater than or equal to 1)"),
        ({"door": "planted-value"}, "door ("),
        ({"door": 1, "colour": "planted-value"}, "colour (unknown argument; did you mean color?)"),
        ({"door": 1, "planted-value\n": 1}, "planted-value? (unknown argument)"),
        ({"door": 1, "a-b_c.d\u0430\u202e": 1}, "a-b_c.d?? (unknown argument)"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_rule_and_never_by_value(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as caught:
        validate_arguments(proxmox_look, given)
    assert said in caught.value.message
    assert "Nothing was executed" in caught.value.message
    if "planted-value\n" not in given:
        assert "planted-value" not in caught.value.message
    assert caught.value.next_step == "Allowed arguments: door, color, target."


def test_a_tool_that_writes_must_say_whether_it_may_be_repeated() -> None:
    with pytest.raises(TypeError, match="idempotent"):
        tool(title="x", toolset="x", risk=Risk.WRITE)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"door": 1, "color": "half \ud800"}, "color"),
        ({"door": 1, "\udfff": 1}, "?"),
        ({"door": {"a": [1, {"\ud800": 2}]}}, "door"),
        ({"door": {"a": [1, ("x", "\udc00")]}}, "door"),
    ],
)
def test_half_a_character_is_refused_wherever_it_stands(given: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match="half of a character") as told:
        validate_arguments(proxmox_look, given)
    assert f"{named}: half" in told.value.message
    assert "whole characters" in str(told.value.next_step)
    told.value.message.encode()


def test_arguments_nested_without_end_are_looked_through_without_harm() -> None:
    nested: object = "\ud800"
    for _ in range(100_000):
        nested = [nested]
    assert broken_text_in({"door": 1, "more": nested}) == "more"
    assert broken_text_in({"door": 1, "more": [{"a": "💥"}, 1, None, ("x",)]}) is None


@pytest.mark.parametrize(("chars", "elsewhere"), [(1, False), (1000, False), (1001, True), (100_000, True)])
async def test_only_long_texts_are_read_off_the_event_loop(chars: int, elsewhere: bool) -> None:
    here = f"{chars} in {threading.current_thread().name}"
    found = await validated_arguments(proxmox_read, {"door": 10**2000, "note": "x" * chars})
    assert (found["note"] != here) is elsewhere
    assert str(found["note"]).startswith(f"{chars} in ")


async def test_a_long_text_that_is_wrong_is_refused_as_a_short_one_is() -> None:
    for chars in (1, 2000):
        with pytest.raises(InputError, match="door"):
            await validated_arguments(proxmox_read, {"door": "x", "note": "x" * chars})
