"""Text that comes from an appliance is neutralised in every field of every answer, and on the way out once more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from holdfast.appliances.kinds import KINDS
from holdfast.control.cleaning import Clean
from holdfast.control.exit import OneExit
from holdfast.control.inventory import ESTATE, load_catalogue
from holdfast.control.redaction import Redactor
from holdfast.control.schemas import answer_model
from holdfast.simulators.world import default_world
from tests.control.test_cleaning import is_harmless
from tests.support.hostile import STRINGS
from tests.support.rooms import room


def is_neutral(text: str) -> bool:
    """Whether nothing in the text can act on a terminal, a log or a reader."""
    return is_harmless(text, multiline=True)


MODELS = {answer_model(entry.spec()) for entry in load_catalogue((*KINDS, ESTATE)).entries}


def parts(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """The model and every model in it."""
    if model in seen:
        return seen
    seen.add(model)
    for field in model.model_fields.values():
        for inner in _inside(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                parts(inner, seen)
    return seen


def _inside(annotation: object) -> list[object]:
    arguments = getattr(annotation, "__args__", ())
    return [annotation, *(found for argument in arguments for found in _inside(argument))]


ALL = sorted(
    {part for model in MODELS for part in parts(model, set())}, key=lambda model: (model.__module__, model.__qualname__)
)


def is_text(field: FieldInfo) -> bool:
    """Whether plain appliance text can stand in this field itself."""
    metadata = [
        *field.metadata,
        *(m for inner in _inside(field.annotation) for m in getattr(inner, "__metadata__", ())),
    ]
    return any(isinstance(mark, Clean) for mark in metadata)


TEXT_FIELDS = [(model, name, field) for model in ALL for name, field in model.model_fields.items() if is_text(field)]


def whole_type(field: FieldInfo) -> object:
    """The field's type with everything that is attached to it."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


# Fields of the same type behave the same: each type is tried once, with every field that has it in its name.
BY_TYPE: dict[str, tuple[object, list[str]]] = {}
for _model, _name, _field in TEXT_FIELDS:
    BY_TYPE.setdefault(repr(whole_type(_field)), (whole_type(_field), []))[1].append(f"{_model.__qualname__}.{_name}")


def test_there_are_hundreds_of_payloads_and_every_room_has_text_fields() -> None:
    assert len(STRINGS) >= 300
    assert len(TEXT_FIELDS) >= 50


@pytest.mark.parametrize(("kind", "names"), BY_TYPE.values(), ids=[names[0] for _, names in BY_TYPE.values()])
def test_every_hostile_text_is_neutral_in_every_field_of_this_type(kind: object, names: list[str]) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", kind))
    for payload in STRINGS:
        shown = json.dumps(adapter.dump_python(_accepted(adapter, payload), mode="json"), ensure_ascii=False)
        assert is_neutral(shown), f"{payload!r} got through {', '.join(names)}"


def _accepted(adapter: TypeAdapter[object], payload: str) -> object:
    """The payload as the field takes it: as text, or in a list, or in an object."""
    for shape in (payload, [payload], {"key": payload}):
        try:
            return adapter.validate_python(shape)
        except ValidationError:
            continue
    raise AssertionError("the field takes no text")


def test_everything_that_leaves_is_neutral_whatever_a_tool_answers() -> None:
    leave = OneExit(Redactor([]))
    for payload in STRINGS:
        answer = leave.value({"field": payload, payload: "name", "list": [{"deep": payload}]})
        assert is_neutral(leave.text(payload))
        for key, value in answer.items():
            assert is_neutral(key)
            if isinstance(value, str):
                assert is_neutral(value)


async def test_a_guest_with_a_hostile_name_is_listed_neutrally_at_the_wire(tmp_path: Path) -> None:
    world = default_world()
    payloads = STRINGS[:40]
    guests = tuple(
        replace(world.guests[0], vmid=2000 + number, name=payload) for number, payload in enumerate(payloads)
    )
    async with room("proxmox", tmp_path, world=replace(world, guests=guests)) as pve:
        answer = await pve.call("proxmox_list_resources", type="vm", limit=100)
    items = answer["items"]
    assert isinstance(items, list)
    assert len(items) == len(payloads)
    for item in items:
        assert isinstance(item, dict)
        assert is_neutral(str(item.get("name", "")))


# A hostile string within other text, several of them run together, and cut anywhere.
_PIECES = st.lists(st.one_of(st.sampled_from(STRINGS), st.text(max_size=20)), min_size=1, max_size=4)


@settings(max_examples=max(300, len(STRINGS)))
@given(pieces=_PIECES, cut=st.integers(0, 400), kind=st.sampled_from(sorted(BY_TYPE)))
def test_whatever_hostile_texts_are_put_together_every_field_is_neutral(pieces: list[str], cut: int, kind: str) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", BY_TYPE[kind][0]))
    for text in ("".join(pieces), "".join(pieces)[cut:]):
        shown = json.dumps(adapter.dump_python(_accepted(adapter, text), mode="json"), ensure_ascii=False)
        assert is_neutral(shown), f"{text!r} got through {', '.join(BY_TYPE[kind][1])}"


@settings(max_examples=max(300, len(STRINGS)))
@given(pieces=_PIECES)
def test_whatever_hostile_texts_are_put_together_the_exit_is_neutral(pieces: list[str]) -> None:
    leave, text = OneExit(Redactor([])), "".join(pieces)
    assert is_neutral(leave.text(text))
    assert is_neutral(json.dumps(leave.value({text: [text, {"deep": text}]}), ensure_ascii=False))
