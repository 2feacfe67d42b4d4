"""What holds for every tool of every room."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from holdfast.appliances.kinds import KINDS
from holdfast.cli import reference
from holdfast.control.answers import Answer, JsonObject
from holdfast.control.arguments import arguments_model
from holdfast.control.inventory import ESTATE, Entry, Selection, load_catalogue, select
from holdfast.control.schemas import answer_model
from holdfast.control.spec import Risk
from holdfast.control.textfields import bare_fields
from holdfast.server.adapter import listed

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = load_catalogue((*KINDS, ESTATE))
ENTRIES = CATALOGUE.entries
NAME = re.compile(r"(pfsense|truenas|idrac|proxmox)_[a-z][a-z0-9]*(_[a-z0-9]+)*|[a-z]+(_[a-z]+)+")
PER_APPLIANCE_TOKENS = 5_000
ALL_FOUR_TOKENS = 12_000
SIZES = {"pfsense": 3210, "truenas": 2890, "idrac": 3720, "proxmox": 2980}
"""Tokens of the default list of each appliance when last looked at: whoever adds more than 5 % does it here."""

every_tool = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def tokens(entries: tuple[Entry, ...]) -> float:
    """Size of `tools/list`: bytes of compact JSON through four."""
    tools = [listed(entry).model_dump(by_alias=True, exclude_none=True) for entry in entries]
    return len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode()) / 4


def test_the_catalogue_is_what_the_tools_say_now() -> None:
    for kind, text in reference.catalogues().items():
        committed = (ROOT / "src" / "holdfast" / "catalogue" / f"{kind}.json").read_text(encoding="utf-8")
        assert committed == text, f"the catalogue of {kind} is out of date: make docs"


def test_the_reference_pages_are_what_the_registry_says_now() -> None:
    for name, text in reference.pages().items():
        committed = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert committed == text, f"docs/reference/{name} is out of date: make docs"


def test_names_are_unique_and_toolsets_are_declared_once() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(names) == len(set(names))
    toolsets = [toolset.full_name for toolset in CATALOGUE.toolsets]
    assert len(toolsets) == len(set(toolsets))


@every_tool
def test_it_has_a_portable_name_a_title_and_a_description(entry: Entry) -> None:
    assert NAME.fullmatch(entry.name)
    assert len(entry.name) <= 40
    assert 3 <= len(entry.title) <= 60
    assert 30 <= len(entry.description) <= 700
    assert entry.description.endswith((".", ")"))


@every_tool
def test_its_four_hints_are_explicit_and_fit_its_risk(entry: Entry) -> None:
    assert set(entry.hints) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
    assert entry.hints["readOnlyHint"] is (entry.risk is Risk.READ)
    assert entry.hints["destructiveHint"] is (entry.risk is Risk.DESTRUCTIVE)
    if entry.risk is Risk.READ:
        assert entry.hints["idempotentHint"] is True


@every_tool
def test_its_arguments_are_closed_typed_and_described(entry: Entry) -> None:
    schema = entry.input_schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & set(schema)
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    for name, argument in properties.items():
        assert isinstance(argument, dict)
        assert argument.get("description"), f"{entry.name}: argument {name} is not described"
        assert {"type", "enum", "anyOf", "const"} & set(argument), f"{entry.name}: argument {name} has no type"
    assert arguments_model(entry.spec()).model_config["extra"] == "forbid"


@every_tool
def test_a_write_can_be_planned_and_applied_by_plan_and_a_read_cannot(entry: Entry) -> None:
    properties = entry.input_schema.get("properties", {})
    assert isinstance(properties, dict)
    control = {"dry_run", "plan_id"} & set(properties)
    assert control == ({"dry_run", "plan_id"} if entry.writes else set())


@every_tool
def test_its_answer_is_an_object_of_a_declared_model(entry: Entry) -> None:
    assert entry.output_schema["type"] == "object"
    model = answer_model(entry.spec())
    assert issubclass(model, Answer)
    assert set(_properties(entry.output_schema)) == set(model.model_fields)


def _properties(schema: JsonObject) -> list[str]:
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    return list(properties)


@every_tool
def test_every_list_it_answers_can_be_paged(entry: Entry) -> None:
    answer = _properties(entry.output_schema)
    if "items" in answer:
        arguments = _properties(entry.input_schema)
        assert {"limit", "cursor"} <= set(arguments), f"{entry.name} lists items without limit and cursor"
        assert {"next_cursor", "total"} <= set(answer)


@every_tool
def test_its_commands_are_off_unless_their_toolset_is_named(entry: Entry) -> None:
    if entry.command:
        chosen = select(CATALOGUE, Selection(frozenset(KINDS), ("all",), frozenset(KINDS)))
        assert entry not in chosen


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_list_of_one_appliance_fits_its_budget(kind: str) -> None:
    chosen = select(CATALOGUE, Selection(frozenset({kind}), operate_kinds=frozenset({kind})))
    assert tokens(chosen) <= PER_APPLIANCE_TOKENS


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_list_of_one_appliance_does_not_grow_unnoticed(kind: str) -> None:
    chosen = select(CATALOGUE, Selection(frozenset({kind}), operate_kinds=frozenset({kind})))
    assert tokens(chosen) <= SIZES[kind] * 1.05


def test_the_default_list_of_all_four_fits_its_budget() -> None:
    chosen = select(CATALOGUE, Selection(frozenset(KINDS), operate_kinds=frozenset(KINDS)))
    assert tokens(chosen) <= ALL_FOUR_TOKENS


def test_a_read_only_server_lists_no_writes_whatever_else_is_said() -> None:
    chosen = select(CATALOGUE, Selection(frozenset(KINDS), ("all",), frozenset(KINDS), read_only=True, allow=("*",)))
    assert chosen
    assert not any(entry.writes for entry in chosen)


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        for part in _types(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found |= _models(part)
    return found


def _types(annotation: object) -> list[object]:
    arguments = getattr(annotation, "__args__", ())
    return [annotation, *(inner for argument in arguments for inner in _types(argument))]


@every_tool
def test_every_text_in_its_answer_is_cleaned_or_bounded_by_its_type(entry: Entry) -> None:
    assert bare_fields(answer_model(entry.spec())) == []


@every_tool
def test_every_part_of_its_answer_refuses_unknown_fields(entry: Entry) -> None:
    for model in _models(answer_model(entry.spec())):
        assert model.model_config.get("extra") == "forbid", f"{model.__name__} accepts unknown fields"
