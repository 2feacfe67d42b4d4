"""Every tool of the room, driven by one table: it works, refuses what is wrong, settles what is lost, is undone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.proxmox.tools import TOOLSETS
from holdfast.control.answers import JsonObject
from holdfast.control.inventory import load_catalogue
from holdfast.errors import HoldfastError
from tests.appliances.proxmox.harness import check_arrival, client_of, configuration, has_digest, prepare, pve_room
from tests.appliances.proxmox.table import CASES, Case
from tests.support.rooms import Room

ENTRIES = {entry.name: entry for entry in load_catalogue(("proxmox",)).entries}
READS = [case for case in CASES if not ENTRIES[case.tool].writes]
WRITES = [case for case in CASES if ENTRIES[case.tool].writes]
ONLY_NEWER = frozenset({"proxmox_preview_sdn"})
"""Told as unsupported by release 8.4."""
MOST_READS, MOST_WRITES = 5, 20
"""Requests of one call: a write reads the state, the identity, the task and the state again."""

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.tool)
every_read = pytest.mark.parametrize("case", READS, ids=lambda case: case.tool)
every_write = pytest.mark.parametrize("case", WRITES, ids=lambda case: case.tool)

UNSEEN = {
    "proxmox_agent_exec",
    "proxmox_reboot_guest",
    "proxmox_reset_guest",
    "proxmox_run_replication",
    "proxmox_refresh_updates",
    "proxmox_node_power",
}
"""The state is the same before and after: only the answer, or the task's end, tells that they worked."""


def test_the_table_has_every_tool_of_the_room_once() -> None:
    assert sorted(case.tool for case in CASES) == sorted(ENTRIES)
    assert {entry.toolset for entry in ENTRIES.values()} == {toolset.name for toolset in TOOLSETS}


@every_case
async def test_it_works_within_the_schema_and_its_requests_and_its_undo_restores_everything(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pve_room(tmp_path) as pve:
        arguments = await prepare(pve, case)
        before, sent = configuration(pve), len(pve.arrivals)
        answer = await pve.call(case.tool, **arguments)
        arrivals = pve.arrivals[sent:]
        endpoints = [check_arrival(arrival) for arrival in arrivals]
        writes = [arrival for arrival in arrivals if arrival.method != "GET"]
        _say(capsys, f"{case.tool} on 9.1: {len(arrivals)} requests, 100 % in the schema")
        entry = ENTRIES[case.tool]
        if not entry.writes:
            assert len(arrivals) <= MOST_READS
            assert writes == []
            assert configuration(pve) == before
            return
        assert len(arrivals) <= MOST_WRITES
        assert len(writes) == 1
        assert answer["outcome"] == "applied"
        assert answer["verified"] is (case.tool not in UNSEEN), answer
        assert ("Not verified" in str(answer.get("warnings"))) == (case.tool in UNSEEN)
        assert ("undo" in answer) != ("cannot_undo" in answer), "a write says either how it is undone or why not"
        _carries_digest(writes[0].method, endpoints, writes[0].query, writes[0].body)
        await _undone(pve, case, answer, before)


def _say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}")


async def _outcome(pve: Room, case: Case, arguments: dict[str, Any]) -> str:
    """Outcome of a write, or the code of its error."""
    try:
        return str((await pve.call(case.tool, **arguments)).get("outcome", "answered"))
    except HoldfastError as error:
        return error.code


def _carries_digest(method: str, endpoints: list[str], query: dict[str, str], body: bytes) -> None:
    endpoint = next(one for one in endpoints if not one.startswith("GET "))
    if method in ("PUT", "DELETE") and has_digest(endpoint):
        assert "digest" in query or b"digest=" in body, f"{endpoint} could carry a digest"


async def _undone(pve: Room, case: Case, answer: JsonObject, before: dict[str, Any]) -> None:
    undo = answer.get("undo")
    if not isinstance(undo, dict):
        return
    arguments = undo["arguments"]
    assert isinstance(arguments, dict)
    back = await pve.call(str(undo["tool"]), **arguments)
    assert back["outcome"] == "applied"
    if case.exact:
        assert configuration(pve) == before


@every_case
async def test_wrong_arguments_are_refused_before_anything_is_sent_and_what_is_missing_is_named(
    case: Case, tmp_path: Path
) -> None:
    async with pve_room(tmp_path) as pve:
        arguments = {name: value for name, value in case.arguments.items() if not str(value).startswith("@")}
        error = await pve.fails(case.tool, **{**arguments, **case.invalid})
        assert error.code == "invalid_argument"
        assert pve.arrivals == []
        if case.missing is None:
            return
        given = await prepare(pve, case)
        sent = len(pve.writes())
        given = {**given, **case.missing}
        if case.missing.get("guest") == "nowhere":
            given.pop("node", None)
        if case.tool == "proxmox_raw_get":
            given = case.missing
        error = await pve.fails(case.tool, **given)
        assert error.code == "not_found"
        assert error.next_step
        assert len(pve.writes()) == sent


async def test_a_refused_credential_is_told_and_sent_once_whatever_is_called(tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        pve.simulator.set_fault("token-refused")
        for case in CASES:
            arguments = {
                name: _stand_in(name) if str(value).startswith("@") else value for name, value in case.arguments.items()
            }
            error = await pve.fails(case.tool, **arguments)
            assert error.code in ("authentication", "quarantined"), case.tool
        assert len(pve.arrivals) == 1


def _stand_in(name: str) -> str:
    return {
        "upid": "UPID:pve2:0003FA2B:01A2B3C4:67A1B2C3:qmstart:110:ops@pve!holdfast:",
        "backup": "nas-backup:backup/vzdump-qemu-110-2026_01_01-00_00_00.vma.zst",
        "disk": "/dev/sda",
    }[name]


@every_write
async def test_a_write_that_meets_a_busy_appliance_ends_without_a_second_sending(case: Case, tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        arguments = await prepare(pve, case)
        sent, before = len(pve.writes()), configuration(pve)
        pve.running.fault("http-503", method="write", times=1)
        assert await _outcome(pve, case, arguments) in ("unavailable", "busy", "not_applied", "unknown")
        assert len(pve.writes()) - sent == 1
        assert configuration(pve) == before


@every_write
async def test_a_lost_answer_is_settled_by_reading_and_nothing_is_sent_twice(case: Case, tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        arguments = await prepare(pve, case)
        before, sent = configuration(pve), len(pve.writes())
        pve.running.fault("drop-before", method="write", times=1)
        dropped = await pve.call(case.tool, **arguments)
        assert dropped["outcome"] == ("unknown" if case.blind else "not_applied")
        assert configuration(pve) == before
        assert len(pve.writes()) - sent <= 1
        pve.running.heal()
        sent = len(pve.writes())
        pve.running.fault("lost-reply", method="write", times=1)
        lost = await pve.call(case.tool, **arguments)
        assert lost["outcome"] in (("applied", "unknown", "not_applied") if case.blind else ("applied",))
        assert "lost" in str(lost.get("warnings"))
        assert len(pve.writes()) - sent == 1


@every_read
async def test_a_read_that_meets_a_busy_appliance_is_answered_by_its_repetition(case: Case, tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        arguments = await prepare(pve, case)
        (await client_of(pve)).inventory.forget()
        pve.running.fault("http-503", method="GET", times=1, retry_after_s=0)
        sent = len(pve.arrivals)
        await pve.call(case.tool, **arguments)
        assert [arrival.status for arrival in pve.arrivals[sent:]].count(503) == 1


@every_case
async def test_it_works_on_the_older_release_within_its_schema_or_is_told_as_unsupported(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pve_room(tmp_path, persona="8.4") as pve:
        arguments = await prepare(pve, case)
        sent = len(pve.arrivals)
        outcome = await _outcome(pve, case, arguments)
        if outcome == "unsupported":
            assert case.tool in ONLY_NEWER
            return
        assert outcome == ("applied" if ENTRIES[case.tool].writes else "answered")
        found = {check_arrival(arrival, "8.4") for arrival in pve.arrivals[sent:] if arrival.status != 501}
        _say(capsys, f"{case.tool} on 8.4: {len(found)} endpoints, 100 % in the schema")
