"""What a dead process left open is settled by reading back, and never by sending."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from holdfast.config import ControlSettings
from holdfast.control.change import Change, Earlier, Observed, Recall, by_state
from holdfast.control.ledger import Intent, Outcome
from holdfast.control.settling import MIN_AGE_S, settle
from holdfast.errors import (
    ApplianceFaultError,
    AuthenticationError,
    BusyError,
    CircuitOpenError,
    ConfigError,
    ConflictError,
    DeadlineError,
    HoldfastError,
    InputError,
    LedgerError,
    NotFoundError,
    NotSentError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
    UnknownTargetError,
    UnknownToolError,
    UnsupportedError,
)
from tests.control.doors import Door, Installation

Asked = list[tuple[str, str, dict[str, JsonValue]]]


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return Installation(tmp_path, ControlSettings(), Door())


async def left_open(made: Installation, *arguments: dict[str, JsonValue]) -> None:
    """Writes whose process dies before an outcome is recorded."""
    for given in arguments or ({"door": 7},):
        await made.parts.ledger.intent(
            Intent("alice", "proxmox.lab", "proxmox", "proxmox_shut_door", "write", given, "c1")
        )
    await made.parts.ledger.close()


def recalls(observed: Observed, heard: list[Earlier] | None = None) -> Recall:
    """A way to tell what became of a write that tells this."""

    async def recall(earlier: Earlier) -> Observed:
        if heard is not None:
            heard.append(earlier)
        return observed

    return recall


async def settled(
    made: Installation,
    asked: Asked,
    fails: Sequence[Exception | None] = (),
    *,
    age_s: float = 60.0,
    slept: list[float] | None = None,
    **more: Any,
) -> list[str]:
    """Settle in a new process, so long after the write was sent; the results. `more`: of the change made anew."""
    again = Installation(made.directory, made.settings, made.door)
    failures = list(fails)
    seen = Observed("not_applied", {"state": made.door.state})

    async def sleep(seconds: float) -> None:
        assert slept is not None
        slept.append(seconds)

    async def recompute(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
        asked.append((tool, target, arguments))
        if failures and (failure := failures.pop(0)) is not None:
            raise failure
        return made.door.change(**{"recall": recalls(seen), **more})

    try:
        found = await settle(again.parts.ledger, recompute, now=lambda: time.time() + age_s, sleep=sleep)
        return [outcome.result for _, outcome in found]
    finally:
        await again.parts.ledger.close()


@pytest.mark.parametrize(
    ("state", "result", "note"),
    [
        ("shut", "applied", "read back at the next start: the state is as wanted"),
        ("open", "not_applied", "read back at the next start: the state is not as wanted"),
    ],
)
async def test_an_open_write_becomes_what_the_state_shows(
    made: Installation, state: str, result: str, note: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await left_open(made)
    made.door.state = state
    asked: Asked = []
    assert await settled(made, asked) == [result]
    assert asked == [("proxmox_shut_door", "proxmox.lab", {"door": 7})]
    last = made.records("outcome")[-1]
    assert (last["result"], last["verified"], last["note"]) == (result, True, note)
    assert made.parts.ledger.reader.unsettled() == []
    assert f"settled an earlier write by reading back: {result}" in caplog.text
    assert made.door.sent == 0
    assert await settled(made, asked) == []
    assert len(asked) == 1


async def test_what_cannot_be_read_back_now_stays_open_for_the_next_start(
    made: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await left_open(made, {"door": 7}, {"door": 8})
    made.door.state = "shut"
    asked: Asked = []
    assert await settled(made, asked, [NotSentError("no route"), None]) == ["applied"]
    assert "an earlier write cannot be settled yet: unreachable" in caplog.text
    assert [arguments["door"] for _, _, arguments in asked] == [7, 8]
    assert len(made.parts.ledger.reader.unsettled()) == 1
    assert await settled(made, asked) == ["applied"]
    assert made.parts.ledger.reader.unsettled() == []


UNTOLD = "looked at at the next start: whether it took effect cannot be told ({}). "
LOOK = "Look at the appliance, then decide; it is not repeated and not looked at again."


async def closed(made: Installation, why: str) -> None:
    """The last outcome says why nothing can be told and what to do, and nothing is left to be looked at."""
    last = made.records("outcome")[-1]
    assert (last["result"], last["verified"], last["final"]) == ("unknown", False, True)
    assert last["note"] == UNTOLD.format(why) + LOOK
    assert made.parts.ledger.reader.unsettled() == []
    assert await settled(made, []) == []


async def test_arguments_that_are_not_on_the_ledger_as_they_were_are_not_read_back(made: Installation) -> None:
    made.parts.ledger._redactor.add("s3cret-s3cret")
    await left_open(made, {"password": "s3cret-s3cret"}, {"note": "x" * 20_000})
    asked: Asked = []
    assert await settled(made, asked) == ["unknown", "unknown"]
    assert asked == []
    await closed(made, "its arguments do not stand on the ledger as they were sent")


async def test_a_write_that_nothing_shows_is_unknown_for_good(made: Installation) -> None:
    await left_open(made)
    assert await settled(made, [], recall=None) == ["unknown"]
    await closed(made, "nothing shows it")


@pytest.mark.parametrize(("note", "why"), [(None, "the state does not show it"), ("it rattles", "it rattles")])
async def test_what_the_state_cannot_tell_is_unknown_for_good(made: Installation, note: str | None, why: str) -> None:
    await left_open(made)
    assert await settled(made, [], recall=recalls(Observed("unknown", note=note))) == ["unknown"]
    await closed(made, why)


async def test_a_state_that_is_as_wanted_while_there_is_something_to_do_proves_nothing(made: Installation) -> None:
    await left_open(made)
    assert await settled(made, [], recall=recalls(Observed("applied"))) == ["unknown"]
    await closed(made, "the state does not show it")


async def test_a_state_that_is_the_same_before_and_after_proves_nothing(made: Installation) -> None:
    await left_open(made)
    same = {"state": "open"}
    assert await settled(made, [], before=same, after=same) == ["unknown"]
    await closed(made, "the state does not show it")


@pytest.mark.parametrize(
    ("observed", "result", "verified", "note"),
    [
        (Observed("applied", task="t-1", shown=False), "applied", False, "its task has ended well"),
        (Observed("applied", task="t-1", note="late"), "applied", True, "its task has ended well. late"),
        (
            Observed("not_applied", task="t-1", note="no bolt"),
            "not_applied",
            True,
            "the state is not as wanted. no bolt",
        ),
        (Observed("not_applied", task="t-1", shown=False), "not_applied", False, "the state is not as wanted"),
    ],
)
async def test_the_task_of_a_write_tells_what_the_state_does_not(
    made: Installation, observed: Observed, result: str, verified: bool, note: str
) -> None:
    await left_open(made)
    same = {"state": "open"}
    assert await settled(made, [], recall=recalls(observed), before=same, after=same) == [result]
    last = made.records("outcome")[-1]
    assert (last["result"], last["verified"], last["task"]) == (result, verified, "t-1")
    assert last["note"] == f"read back at the next start: {note}"
    assert "final" not in last


async def test_work_that_still_goes_on_stays_open_for_the_next_start(
    made: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await left_open(made)
    assert await settled(made, [], recall=recalls(Observed("unknown", task="t-1"))) == []
    assert "an earlier write still runs: t-1" in caplog.text
    assert len(made.parts.ledger.reader.unsettled()) == 1
    assert await settled(made, []) == ["not_applied"]


async def test_the_task_that_was_recorded_is_asked_for_and_when_it_was_sent(made: Installation) -> None:
    before = time.time()
    entry = await made.parts.ledger.intent(
        Intent("alice", "proxmox.lab", "proxmox", "proxmox_shut_door", "write", {"door": 7}, "c1")
    )
    await made.parts.ledger.outcome(entry, Outcome("unknown", task="t-9"))
    await made.parts.ledger.close()
    heard: list[Earlier] = []
    await settled(made, [], recall=recalls(Observed("unknown", task="t-9"), heard))
    assert [one.task for one in heard] == ["t-9"]
    assert before - 1 <= heard[0].sent_at <= time.time()
    await settled(made, [], recall=recalls(Observed("applied", task="t-9"), heard))
    assert [one.task for one in heard] == ["t-9", "t-9"]


@pytest.mark.parametrize(
    "failure",
    [
        NotSentError("x"),
        DeadlineError("x"),
        CircuitOpenError("x"),
        OverloadedError("x"),
        AuthenticationError("x"),
        PermissionDeniedError("x"),
        BusyError("x"),
        RateLimitedError("x"),
        UnavailableError("x"),
        ApplianceFaultError("x"),
        ConfigError("x"),
        UnknownTargetError("x"),
        UnknownToolError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_an_error_that_says_nothing_about_the_write_leaves_it_open(
    made: Installation, failure: HoldfastError
) -> None:
    await left_open(made)
    assert await settled(made, [], [failure]) == []
    assert len(made.parts.ledger.reader.unsettled()) == 1


@pytest.mark.parametrize(
    "failure",
    [ConflictError("it is so"), InputError("it is so"), RefusedError("it is so"), UnsupportedError("it is so")],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_change_that_cannot_be_planned_any_more_is_unknown_for_good(
    made: Installation, failure: HoldfastError
) -> None:
    await left_open(made)
    assert await settled(made, [], [failure]) == ["unknown"]
    await closed(made, "it is so")


@pytest.mark.parametrize(
    ("tool", "result"),
    [
        ("proxmox_delete_door", "applied"),
        ("proxmox_remove_door", "applied"),
        ("proxmox_update_door", "unknown"),
        ("proxmox_undelete_door", "unknown"),
        ("delete", "unknown"),
    ],
)
async def test_what_is_not_there_any_more_has_been_deleted_by_a_write_that_deletes(
    made: Installation, tool: str, result: str
) -> None:
    await made.parts.ledger.intent(Intent("alice", "proxmox.lab", "proxmox", tool, "write", {"door": 7}, "c1"))
    await made.parts.ledger.close()
    assert await settled(made, [], [NotFoundError("There is no such door.")]) == [result]
    last = made.records("outcome")[-1]
    if result == "applied":
        assert (last["verified"], last["note"]) == (True, "read back at the next start: what it deletes is not there")
    else:
        await closed(made, "There is no such door.")


@pytest.mark.parametrize("state", ["open", "shut"])
async def test_another_appliance_in_the_place_of_the_one_that_was_changed_tells_nothing(
    made: Installation, state: str
) -> None:
    await made.parts.ledger.intent(
        Intent("alice", "proxmox.lab", "proxmox", "proxmox_shut_door", "write", {"door": 7}, "c1", identity="door 8")
    )
    await made.parts.ledger.close()
    made.door.state = state
    assert await settled(made, []) == ["unknown"]
    await closed(made, "another appliance answers now: door 7")


async def test_a_write_that_may_still_be_carried_out_is_looked_at_again_when_it_cannot_any_more(
    made: Installation,
) -> None:
    await left_open(made)
    asked: Asked = []
    slept: list[float] = []
    assert await settled(made, asked, age_s=10, slept=slept) == ["not_applied"]
    assert len(asked) == 2
    assert 15 < slept[0] <= 20


async def test_a_write_is_old_enough_to_the_second(made: Installation) -> None:
    await left_open(made)
    [open_write] = made.parts.ledger.reader.unsettled()
    sent_at = datetime.fromisoformat(open_write.intent.time).timestamp()
    again = Installation(made.directory, made.settings, made.door)
    asked: list[str] = []

    async def recompute(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
        asked.append(tool)
        return made.door.change(recall=recalls(Observed("not_applied")))

    await settle(again.parts.ledger, recompute, now=lambda: sent_at + MIN_AGE_S)
    assert asked == ["proxmox_shut_door"]
    await again.parts.ledger.close()


async def test_another_error_of_a_write_that_deletes_does_not_say_that_it_did(made: Installation) -> None:
    await made.parts.ledger.intent(
        Intent("alice", "proxmox.lab", "proxmox", "proxmox_delete_door", "write", {"door": 7}, "c1")
    )
    await made.parts.ledger.close()
    assert await settled(made, [], [ConflictError("It is in use.")]) == ["unknown"]
    await closed(made, "It is in use.")


async def test_what_is_done_already_is_not_waited_for(made: Installation) -> None:
    await left_open(made)
    made.door.state = "shut"
    assert await settled(made, [], age_s=0) == ["applied"]


async def test_a_clock_that_was_set_back_does_not_make_the_wait_longer(made: Installation) -> None:
    await left_open(made)
    slept: list[float] = []
    assert await settled(made, [], age_s=-7200, slept=slept) == ["not_applied"]
    assert slept == [30.0]


async def test_what_another_process_has_settled_meanwhile_is_not_recorded_twice(made: Installation) -> None:
    await left_open(made)
    other = Installation(made.directory, made.settings, made.door)

    async def meanwhile(earlier: Earlier) -> Observed:
        [open_write] = await other.parts.ledger.start()
        assert await other.parts.ledger.settle(open_write.id, Outcome("not_applied", note="the other's"))
        return Observed("not_applied")

    assert await settled(made, [], recall=meanwhile) == []
    assert made.records("outcome")[-1]["note"] == "the other's"
    await other.parts.ledger.close()


async def test_a_look_at_the_state_is_a_way_to_tell() -> None:
    seen = Observed("not_applied")

    async def look() -> Observed:
        return seen

    assert await by_state(look)(Earlier(1.0)) is seen


@pytest.mark.parametrize("field", ["tool", "target", "arguments"])
async def test_a_record_that_lacks_what_reading_back_needs_is_left_open(
    made: Installation, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_open(made)
    real = made.parts.ledger.reader.unsettled()
    body = {name: value for name, value in real[0].intent.body.items() if name != field}
    for broken in (body, {**body, field: 7}):
        again = Installation(made.directory, made.settings, made.door)
        digest = again.parts.ledger.arguments_digest(broken.get("arguments"))
        intent = replace(real[0].intent, body={**broken, "arguments_digest": digest})
        found = replace(real[0], intent=intent)

        async def start(found: object = found) -> list[object]:
            return [found]

        monkeypatch.setattr(again.parts.ledger, "start", start)

        async def never(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
            raise AssertionError("read back although nobody knows what")

        assert await settle(again.parts.ledger, never) == []


async def test_a_write_that_was_cancelled_is_settled_like_one_whose_process_died(made: Installation) -> None:
    began = asyncio.Event()

    async def hanging() -> None:
        began.set()
        await asyncio.Event().wait()

    plain = made.door.change()
    task = asyncio.create_task(made.run(change=lambda: made.door.change(apply=hanging)))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await made.parts.ledger.close()
    assert made.outcomes() == ["unknown"]
    made.door.state = str(plain.after["state"])
    assert await settled(made, []) == ["applied"]
    assert made.outcomes() == ["unknown", "applied"]


@pytest.mark.parametrize(
    ("old", "new"), [("proxmox_shut_door", "proxmox_open_door"), ('"kind":"intent"', '"kind":"event "'), ("{", "[")]
)
async def test_an_open_write_that_was_altered_on_the_ledger_is_told_and_not_read_back(
    made: Installation, old: str, new: str
) -> None:
    await left_open(made)
    file = made.directory / "state" / "ledger" / "ledger.jsonl"
    file.write_text(file.read_text().replace(old, new))
    asked: Asked = []
    with pytest.raises(LedgerError, match="damaged"):
        await settled(made, asked)
    assert asked == []


async def test_an_open_write_in_the_place_of_which_another_record_stands_is_told(made: Installation) -> None:
    await left_open(made, {"door": 7}, {"door": 8})
    file = made.directory / "state" / "ledger" / "ledger.jsonl"
    opened, first, second, *rest = file.read_text().splitlines(keepends=True)
    assert len(first) == len(second)
    file.write_text("".join([opened, second, first, *rest]))
    with pytest.raises(LedgerError, match="damaged"):
        await settled(made, [])
