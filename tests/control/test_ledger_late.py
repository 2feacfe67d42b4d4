"""Outcomes that could not be written at once: kept whatever else happens, written once, and before anything else."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from holdfast.control.canonical import canonical
from holdfast.control.ledger import Outcome
from holdfast.control.ledger.book import MAX_ARGUMENT_BYTES
from holdfast.control.ledger.files import Draft, LedgerFiles
from holdfast.errors import LedgerError, NotFoundError
from tests.control.ledgers import intent, kinds, ledger_at, opened, reader, records

Append = Callable[..., Any]


class Disk:
    """Lets the ledger's files be written, refuses it, or holds it up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.free = threading.Event()
        self.free.set()
        self.reached = threading.Event()
        real = LedgerFiles.append

        def append(files: LedgerFiles, drafts: Sequence[Draft], **options: bool) -> Any:
            self.reached.set()
            assert self.free.wait(30)
            if self.full:
                raise LedgerError("No space left.", next_step="Make room.")
            return real(files, drafts, **options)

        monkeypatch.setattr(LedgerFiles, "append", append)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def outcomes(directory: Path) -> list[tuple[str, str]]:
    return [(r["body"]["id"], r["body"]["result"]) for r in records(directory) if r["kind"] == "outcome"]


async def test_late_outcomes_are_written_in_their_order_before_the_next_record_and_only_once(
    tmp_path: Path, disk: Disk
) -> None:
    async with opened(tmp_path / "l") as ledger:
        first, second = await ledger.intent(intent(1)), await ledger.intent(intent(2))
        disk.full = True
        for entry, outcome in ((first, Outcome("applied")), (second, Outcome("not_applied"))):
            with pytest.raises(LedgerError, match="could not be recorded") as caught:
                await ledger.outcome(entry, outcome)
            assert caught.value.next_step == "Make room."
        disk.full = False
        await ledger.event("x")
        await ledger.event("y")
    assert kinds(tmp_path / "l") == ["opened", "intent", "intent", "outcome", "outcome", "event", "event"]
    assert outcomes(tmp_path / "l") == [(first.id, "applied"), (second.id, "not_applied")]
    assert reader(tmp_path / "l").verify().ok


async def test_an_outcome_that_is_tried_again_is_recorded_once(tmp_path: Path, disk: Disk) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        disk.full = True
        for _ in range(3):
            with pytest.raises(LedgerError):
                await ledger.outcome(entry, Outcome("applied"))
        disk.full = False
        await ledger.outcome(entry, Outcome("applied"))
        await ledger.event("x")
    assert kinds(tmp_path / "l") == ["opened", "intent", "outcome", "event"]


async def test_an_outcome_that_another_error_brings_is_kept_and_the_error_goes_on(tmp_path: Path, disk: Disk) -> None:
    async with opened(tmp_path / "l") as ledger:

        async def write() -> None:
            async with ledger.attempt(intent()):
                disk.full = True
                raise NotFoundError("gone")

        with pytest.raises(NotFoundError, match="gone"):
            await write()
        disk.full = False
        await ledger.event("x")
    assert [result for _, result in outcomes(tmp_path / "l")] == ["not_applied"]
    assert kinds(tmp_path / "l") == ["opened", "intent", "outcome", "event"]


async def test_an_outcome_that_is_refused_while_its_task_is_cancelled_is_kept(tmp_path: Path, disk: Disk) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        disk.full = True
        disk.free.clear()
        disk.reached.clear()
        task = asyncio.create_task(ledger.outcome(entry, Outcome("applied")))
        await asyncio.to_thread(disk.reached.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        disk.free.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        disk.full = False
        await ledger.event("x")
        assert await ledger.unsettled() == []
    assert outcomes(tmp_path / "l") == [(entry.id, "applied")]


async def test_what_is_refused_while_it_is_cancelled_is_reported_by_nobody_else(tmp_path: Path, disk: Disk) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        disk.full = True
        task = asyncio.create_task(ledger.intent(intent()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
    gc.collect()
    await asyncio.sleep(0)
    assert reported == []


async def test_a_closed_ledger_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    ledger = ledger_at(tmp_path / "l")
    await ledger.event("x")
    [thread] = set(threading.enumerate()) - before
    assert thread.name.startswith("holdfast-ledger")
    await ledger.close()
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()


async def test_arguments_of_exactly_the_largest_size_are_recorded_whole(tmp_path: Path) -> None:
    parts: list[JsonValue] = ["x" * 1000] * (MAX_ARGUMENT_BYTES // 1000)
    longer = 1000 + MAX_ARGUMENT_BYTES - len(canonical({"items": parts}))
    parts[-1] = "x" * longer
    whole: JsonValue = {"items": parts}
    assert len(canonical(whole)) == MAX_ARGUMENT_BYTES
    async with opened(tmp_path / "l") as ledger:
        await ledger.intent(intent(1, arguments=whole))
        assert records(tmp_path / "l")[-1]["body"]["arguments"] == whole
        parts[-1] = "x" * (longer + 1)
        await ledger.intent(intent(1, arguments=whole))
        assert records(tmp_path / "l")[-1]["body"]["arguments"] == {"left_out": "too large"}
