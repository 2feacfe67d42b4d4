"""What a dead process left open is settled by reading back, and never by sending."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from holdfast.config import ControlSettings
from holdfast.control.change import Change
from holdfast.control.ledger import Intent
from holdfast.control.settling import settle
from holdfast.errors import LedgerError, NotSentError
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


async def settled(made: Installation, asked: Asked, fails: Sequence[Exception | None] = ()) -> list[str]:
    """Settle in a new process; the results."""
    again = Installation(made.directory, made.settings, made.door)
    failures = list(fails)

    async def recompute(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
        asked.append((tool, target, arguments))
        if failures and (failure := failures.pop(0)) is not None:
            raise failure
        return made.door.change()

    try:
        return [outcome.result for _, outcome in await settle(again.parts.ledger, recompute)]
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


async def test_arguments_that_are_not_on_the_ledger_as_they_were_are_not_read_back(made: Installation) -> None:
    made.parts.ledger._redactor.add("s3cret-s3cret")
    await left_open(made, {"password": "s3cret-s3cret"}, {"note": "x" * 20_000})
    asked: Asked = []
    assert await settled(made, asked) == []
    assert asked == []
    assert len(made.parts.ledger.reader.unsettled()) == 2


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
