"""Every tool at the wire on every release: it works, what is missing or refused is told, it is undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.answers import JsonObject
from holdfast.errors import Executed
from tests.appliances.truenas.case import PERSONAS, TRACELESS, Case
from tests.appliances.truenas.harness import UNSUPPORTED, box, calls_of, forgive, nas, prepare, sent
from tests.appliances.truenas.schemas import description, problems
from tests.appliances.truenas.table import ALL, WRITES
from tests.support.rooms import Room
from tests.support.schemacoverage import call_took, count

MOST_REQUESTS = 30
"""Of one call, waits for its job included; the largest is printed."""
CALLS_OF_A_LOGIN = {"25.04": 1, "25.10": 1, "26": 2}
"""By SCRAM it takes two."""
ENOENT_OR_REFUSED = ("not_found", "conflict", "validation")

on_every_release = pytest.mark.parametrize("persona", PERSONAS)
every_write = pytest.mark.parametrize("case", WRITES, ids=lambda case: case.tool)
every_tool = pytest.mark.parametrize("case", ALL, ids=lambda case: case.tool)
with_missing = pytest.mark.parametrize("case", [case for case in ALL if case.missing], ids=lambda case: case.tool)


async def test_the_table_names_every_tool_of_the_room(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        assert {spec.name for spec in made.tools()} == {f"truenas_{case.tool}" for case in ALL}
        assert {spec.name for spec in made.tools() if spec.writes} == {f"truenas_{case.tool}" for case in WRITES}


UNSEEN = {
    "expand_pool",
    "reboot",
    "redeploy_app",
    "restart_guest",
    "run_cloud_sync",
    "run_replication",
    "run_rsync",
    "wipe_disk",
}
"""The state does not tell before from after: only the answer, or the job's end, says that they worked."""


@on_every_release
@every_tool
async def test_it_works_on_every_release_in_few_requests(case: Case, persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        before = len(made.arrivals)
        if case.tool in UNSUPPORTED[persona]:
            assert (await made.fails(f"truenas_{case.tool}", **arguments)).code == "unsupported"
            return
        answer = await made.call(f"truenas_{case.tool}", **arguments)
        call_took(f"{case.tool} ({persona})", len(made.arrivals) - before)
        assert len(made.arrivals) - before <= MOST_REQUESTS
        if case in WRITES:
            assert answer["outcome"] == case.outcome, answer
            unseen = answer["outcome"] == "applied" and (case.tool in UNSEEN or (case.tool, persona) in TRACELESS)
            assert answer["verified"] is (answer["outcome"] == "applied" and not unseen), answer
            assert ("Not verified" in str(answer.get("warnings"))) == unseen
        hold_to_the_schemas(made, case.tool, persona)


def hold_to_the_schemas(made: Room, tool: str, persona: str) -> None:
    """Everything that was sent, preparations included, is what the release takes. A method that it lacks is asked for
    once, and refused unexecuted; it has no description.
    """
    refused: list[str] = []
    outcomes: dict[str, int] = {}
    for method, params in sent(made):
        if box(made).box.fact(method) is None:
            continue
        said = problems(persona, method, params)
        refused += said
        found = description(persona, method)
        outcome = "refused" if said or found is None else found[0]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    count(persona, tool, outcomes)
    assert refused == []


@on_every_release
@with_missing
async def test_what_does_not_exist_is_told_and_nothing_is_written(case: Case, persona: str, tmp_path: Path) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        assert case.missing is not None
        error = await made.fails(f"truenas_{case.tool}", **case.missing)
        assert error.code in ENOENT_OR_REFUSED, error
        assert not method or calls_of(made, method) == int(case.written)


@on_every_release
@every_write
async def test_a_plan_writes_nothing_and_refusals_are_told_as_such(case: Case, persona: str, tmp_path: Path) -> None:
    if case.tool in UNSUPPORTED[persona]:
        return
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        before = calls_of(made, method)
        planned = await made.call(f"truenas_{case.tool}", **arguments, dry_run=True)
        assert planned["outcome"] == "planned"
        assert calls_of(made, method) == before
        fact = box(made).box.fact(method)
        assert fact is not None
        if fact.job is not None:
            made.running.fault("job-fails", method=method, count=1, reason="the work went wrong")
            failed = await made.call(f"truenas_{case.tool}", **arguments)
            # Where the state does not tell, a job that failed may have done a part of its work.
            assert failed["outcome"] in ("not_applied", "unknown"), failed
            assert "the work went wrong" in str(failed["warnings"])
            assert calls_of(made, method) == before + 1
            return
        refusals = ((13, "Not authorized", "permission_denied"), (16, "This job is already being performed", "busy"))
        for errno, reason, code in refusals:
            made.running.fault("call-fails", method=method, errno=errno, reason=reason, count=1)
            error = await made.fails(f"truenas_{case.tool}", **arguments)
            assert error.code == code, error
        assert calls_of(made, method) == before + 2


@on_every_release
@every_write
async def test_its_undo_brings_the_state_back_that_it_was_planned_from(
    case: Case, persona: str, tmp_path: Path
) -> None:
    if case.tool in UNSUPPORTED[persona]:
        return
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        planned = await made.call(f"truenas_{case.tool}", **arguments, dry_run=True)
        done = await made.call(f"truenas_{case.tool}", **arguments)
        await forgive(made)
        undo = done.get("undo")
        if undo is None:
            assert done.get("cannot_undo")
            return
        assert isinstance(undo, dict)
        taken_back = await made.call(str(undo["tool"]), **as_arguments(undo))
        assert taken_back["outcome"] in ("applied", "started"), taken_back
        if case.undo:
            again = await made.call(f"truenas_{case.tool}", **arguments, dry_run=True)
            assert again["outcome"] == "planned"
            assert again.get("before") == planned.get("before")


def as_arguments(undo: JsonObject) -> JsonObject:
    arguments = undo["arguments"]
    assert isinstance(arguments, dict)
    if undo["tool"] == "truenas_unlock_dataset":
        return {**arguments, "passphrase": "correct horse battery"}
    return arguments


@on_every_release
@every_tool
async def test_a_missing_role_a_busy_system_and_a_revoked_key_are_told_as_such_and_the_key_is_tried_once(
    case: Case, persona: str, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        before = calls_of(made, method)
        for errno, reason, code in ((13, "Not authorized", "permission_denied"), (16, "Device busy", "busy")):
            made.running.fault("call-fails", method="*", errno=errno, reason=reason, count=0)
            await refused(made, case, arguments, code)
            box(made).clear_faults()
        logins = calls_of(made, "auth.login_ex")
        made.running.fault("key-revoked")
        made.running.fault("drop-sockets")
        if case.tool == "connection_test":
            assert (await made.call("truenas_connection_test"))["login"] is False
            return
        codes = {(await made.fails(f"truenas_{case.tool}", **arguments)).code for _ in range(3)}
        assert codes <= {"authentication", "quarantined"}, codes
        assert calls_of(made, "auth.login_ex") == logins + CALLS_OF_A_LOGIN[persona]
        assert not method or calls_of(made, method) == before


async def refused(made: Room, case: Case, arguments: dict[str, object], code: str) -> None:
    """What a tool says when nothing that it asks is answered."""
    if case.tool == "connection_test":
        assert (await made.call("truenas_connection_test"))["problem"]
    elif case.tool == "health":
        assert (await made.call("truenas_health"))["verdict"] == "unknown"
    else:
        error = await made.fails(f"truenas_{case.tool}", **arguments)
        assert error.code == code, error
        assert not case.method or error.executed is Executed.NO
