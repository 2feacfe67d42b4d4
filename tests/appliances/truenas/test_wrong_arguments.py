"""Arguments that no call of a tool can have are refused before anything is sent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from holdfast.control.arguments import validate_arguments
from holdfast.control.inventory import load_catalogue
from holdfast.errors import Executed
from tests.appliances.truenas.case import Case
from tests.appliances.truenas.harness import nas
from tests.appliances.truenas.table import ALL
from tests.support.wrongarguments import SECRET, wrong_calls

ENTRIES = {entry.name: entry for entry in load_catalogue(("truenas",)).entries}
STAND_INS = {
    "$alert": "64cc8593-0000-4b5b-a318-3acc7818d7ed",
    "$image": "debian/bookworm/amd64/default",
    "$old": "25.10.0",
    "$serial": "S1",
    "$spare": "{serial}S1",
}


def right(case: Case) -> dict[str, object]:
    """The case's arguments, with something of the right form for what only a simulator knows."""
    return {
        name: [STAND_INS.get(str(one), one) for one in value]
        if isinstance(value, list)
        else STAND_INS.get(str(value), value)
        for name, value in case.arguments.items()
    }


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.tool)
async def test_wrong_arguments_are_refused_before_anything_is_sent(case: Case, tmp_path: Path) -> None:
    tool = f"truenas_{case.tool}"
    validate_arguments(ENTRIES[tool].spec(), right(case))
    schema: dict[str, Any] = dict(ENTRIES[tool].input_schema)
    tried: Counter[str] = Counter()
    async with nas(tmp_path) as made:
        for wrong in wrong_calls(schema, right(case)):
            error = await made.fails(tool, **wrong.arguments)
            assert (error.code, error.executed) == ("invalid_argument", Executed.NO), wrong
            assert f" {wrong.argument}" in error.message, (wrong, error.message)
            assert "redacted" not in error.message, "what is wrong with it is told of secrets too"
            assert "Nothing was executed." in error.message
            assert error.next_step
            assert wrong.rule == "unknown argument" or wrong.argument in error.next_step
            assert SECRET not in str(error)
            tried[wrong.rule] += 1
        assert made.arrivals == []
    assert tried["unknown argument"] == 1
    assert tried["missing"] == len(schema.get("required", ()))
    assert tried["wrong type"] == len(schema["properties"])
    assert tried["outside the grammar"] == sum("pattern" in one for one in schema["properties"].values())
