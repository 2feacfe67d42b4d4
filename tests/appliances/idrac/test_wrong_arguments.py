"""Arguments that no tool can take are refused here, before the iDRAC hears of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.control.inventory import load_catalogue
from holdfast.errors import HoldfastError
from tests.appliances.idrac.changes_table import TWO_TARGETS
from tests.appliances.idrac.table import CASES
from tests.appliances.idrac.test_writes import lab_room
from tests.support.wrongarguments import SECRET, Wrong, wrong_calls

SCHEMAS: dict[str, dict[str, Any]] = {
    entry.name: dict(entry.input_schema) for entry in load_catalogue(("idrac",)).entries
}
ENTRIES = {entry.name: entry for entry in load_catalogue(("idrac",)).entries}
STAND_INS = {"@job": "JID_123456789012", "@licence": "FD1", "@subscription": "ours"}
WORKING: dict[str, dict[str, Any]] = {
    "idrac_diff_bios": {"other": "second"},
    **{
        case.tool: {
            name: STAND_INS.get(value, value) if isinstance(value, str) else value
            for name, value in case.arguments.items()
        }
        for case in reversed(CASES)
    },
}
"""For each tool, arguments that it takes."""
READS = [name for name, entry in ENTRIES.items() if not entry.writes and not name.startswith("idrac_fleet_")]


def test_every_tool_is_tried() -> None:
    assert set(WORKING) == set(ENTRIES)
    assert set(TWO_TARGETS) <= set(WORKING)


def told(error: HoldfastError) -> str:
    return f"{error.message} {error.next_step} {error.details}"


def check(error: HoldfastError, wrong: Wrong) -> None:
    """The error names the argument, tells what to do, and repeats nothing of what was given."""
    assert error.code == "invalid_argument", (wrong, error)
    assert wrong.argument in error.message, (wrong, error)
    assert error.next_step, wrong
    assert error.executed == "no", wrong
    assert SECRET not in told(error), (wrong, error)


@pytest.mark.parametrize("tool", sorted(ENTRIES))
async def test_wrong_arguments_are_named_and_nothing_is_sent(tool: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        calls = list(wrong_calls(SCHEMAS[tool], WORKING[tool]))
        assert {wrong.argument for wrong in calls} >= set(SCHEMAS[tool]["properties"])
        for wrong in calls:
            check(await lab.fails(tool, **wrong.arguments), wrong)
        if "target" in SCHEMAS[tool]["properties"]:
            error = await lab.fails(tool, **{**WORKING[tool], "target": "nowhere"})
            assert error.code == "unknown_target", error
            assert error.next_step
        assert lab.arrivals == []


@pytest.mark.parametrize("tool", READS)
async def test_wrong_arguments_of_a_tool_that_many_servers_are_asked_by_are_named_and_nothing_is_sent(
    tool: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        for wrong in wrong_calls(SCHEMAS[tool], WORKING[tool]):
            if wrong.argument in ("target", "limit", "cursor"):
                continue
            for selection in ({}, {"model": "PowerEdge"}):
                error = await lab.fails("idrac_fleet_read", read=tool, arguments=wrong.arguments, **selection)
                check(error, wrong)
        assert lab.arrivals == []


@pytest.mark.parametrize("read", ["idrac_no_such_tool", "idrac_set_led", "idrac_fleet_health"])
async def test_many_servers_are_not_asked_by_a_tool_that_does_not_read_one(read: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        for selection in ({}, {"generation": 9}):
            error = await lab.fails("idrac_fleet_read", read=read, **selection)
            assert error.code == "unknown_tool", error
            assert error.next_step
        assert lab.arrivals == []
