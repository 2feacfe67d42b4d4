"""What every list that pages has: the field that tells of changes, and rows that can be told from each other."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from holdfast.appliances.kinds import KINDS
from holdfast.control.answers import Changed
from holdfast.control.cursors import identity_of_items
from holdfast.control.inventory import ESTATE, Entry, load_catalogue
from holdfast.control.paging import MAX_LIMIT
from holdfast.control.schemas import answer_model

ENTRIES = [entry for entry in load_catalogue((*KINDS, ESTATE)).entries if not entry.writes]
PAGED = [entry for entry in ENTRIES if "items" in answer_model(entry.spec()).model_fields]
AS_A_WHOLE = {
    "pfsense_firewall_log",
    "pfsense_read_log",
    "truenas_list_audit",
    "idrac_get_timeline",
    "proxmox_cluster_log",
}
"""Lists of what has happened: their rows have no name, and nothing in them moves."""
WITHOUT_A_MODEL = {"proxmox_raw_get"}
MEASURED = re.compile(r"_(bytes|percent|s|ms|fraction|c|at)$|^(cpu|state|status|health|running|online|age|percent)$")

each = pytest.mark.parametrize("entry", PAGED, ids=lambda entry: entry.name)


def row_of(answer: type[BaseModel]) -> type[BaseModel]:
    return next(part for part in get_args(answer.model_fields["items"].annotation) if isinstance(part, type))


@each
def test_it_tells_that_the_list_changed(entry: Entry) -> None:
    answer = answer_model(entry.spec())
    assert Changed in get_args(answer.model_fields["changed"].annotation)
    assert "last_row: " in str(Changed.__doc__)
    assert "from_row: " in str(Changed.__doc__)


@each
def test_its_rows_are_told_from_each_other_by_what_does_not_move(entry: Entry) -> None:
    answer = answer_model(entry.spec())
    names = identity_of_items(answer)
    if entry.name in WITHOUT_A_MODEL:
        assert names is None
        return
    assert names is not None
    assert (names == ()) == (entry.name in AS_A_WHOLE)
    fields = row_of(answer).model_fields
    assert set(names) <= set(fields)
    assert not [name for name in names or fields if MEASURED.search(name) and name not in ("at",)]


@each
def test_it_has_a_limit_and_a_cursor_of_the_one_form(entry: Entry) -> None:
    arguments = entry.input_schema["properties"]
    assert isinstance(arguments, dict)
    limit, cursor = arguments["limit"], arguments["cursor"]
    assert isinstance(limit, dict)
    assert isinstance(cursor, dict)
    assert (limit["minimum"], limit["maximum"]) == (1, MAX_LIMIT)
    assert (cursor["type"], cursor["maxLength"], cursor["description"]) == ("string", 32, "From next_cursor.")
