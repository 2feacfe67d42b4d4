"""The ledger in use: intents before anything is sent, outcomes whatever happens, nothing secret in it."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import anyio
import pytest
from pydantic import JsonValue

from holdfast.control.ledger import Entry, Filter, Outcome, Unsettled
from holdfast.control.ledger.book import MAX_ARGUMENT_BYTES, Ledger
from holdfast.control.ledger.files import MAX_OPEN, LedgerFiles
from holdfast.control.redaction import REDACTED, Redactor
from holdfast.errors import BusyError, Executed, LedgerError, LostReplyError, NotFoundError
from tests.control.ledgers import KEY, SECRET, intent, kinds, opened, reader, records
from tests.support.hostile import STRINGS


async def test_an_intent_is_on_disk_before_the_write_and_its_outcome_after(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        async with ledger.attempt(intent(101)) as entry:
            assert kinds(tmp_path / "l") == ["opened", "intent"]
            entry.settle(Outcome("applied", verified=True, task="UPID:x", duration_s=1.23456))
        opened_, recorded, outcome = records(tmp_path / "l")
    assert opened_["seq"] == 1
    assert recorded["body"] == {
        "id": entry.id,
        "principal": "alice",
        "target": "pve",
        "appliance": "proxmox",
        "identity": "rack",
        "tool": "proxmox_stop_guest",
        "risk": "destructive",
        "plan_id": "plan-101",
        "correlation_id": "c101",
        "approved_by": "bob",
        "summary": "Stop VM 101",
        "arguments": {"vmid": 101},
        "arguments_digest": ledger.arguments_digest({"vmid": 101}),
    }
    assert outcome["body"] == {
        "id": entry.id,
        "result": "applied",
        "verified": True,
        "task": "UPID:x",
        "duration_s": 1.235,
    }
    assert reader(tmp_path / "l").verify().ok


@pytest.mark.parametrize(
    ("error", "result", "code"),
    [
        (LostReplyError("lost"), "unknown", "lost_reply"),
        (NotFoundError("gone"), "not_applied", "not_found"),
        (BusyError("busy", executed=Executed.YES), "applied", "busy"),
        (ValueError("bug"), "unknown", "ValueError"),
        (asyncio.CancelledError(), "unknown", "cancelled"),
        (KeyboardInterrupt(), "unknown", "KeyboardInterrupt"),
    ],
)
async def test_an_error_goes_on_and_the_outcome_says_what_it_tells(
    tmp_path: Path, error: BaseException, result: str, code: str
) -> None:
    async with opened(tmp_path / "l") as ledger:
        with pytest.raises(type(error)):
            async with ledger.attempt(intent()):
                raise error
        outcome = records(tmp_path / "l")[-1]
    assert (outcome["body"]["result"], outcome["body"]["error"]) == (result, code)
    assert "ValueError" not in outcome["body"].get("note", "")


@pytest.mark.parametrize("notes", [(), ("One.",), ("One.", "Two.")])
async def test_how_far_a_cancelled_write_came_stands_on_the_ledger(tmp_path: Path, notes: tuple[str, ...]) -> None:
    async with opened(tmp_path / "l") as ledger:
        given_up = asyncio.CancelledError()
        for note in notes:
            given_up.add_note(note)
        with pytest.raises(asyncio.CancelledError):
            async with ledger.attempt(intent()):
                raise given_up
        assert records(tmp_path / "l")[-1]["body"].get("note") == (" ".join(notes) or None)


async def test_what_was_settled_counts_more_than_the_error_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:

        async def write() -> None:
            async with ledger.attempt(intent()) as entry:
                entry.settle(Outcome("applied"))
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await write()
        assert records(tmp_path / "l")[-1]["body"]["result"] == "applied"


async def test_a_body_that_settles_nothing_leaves_an_unknown_outcome(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        async with ledger.attempt(intent()):
            pass
        assert records(tmp_path / "l")[-1]["body"]["result"] == "unknown"
        [left] = await ledger.unsettled()
        assert left.intent.body["tool"] == "proxmox_stop_guest"


async def test_unknown_outcomes_stay_until_they_are_settled(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        first, second = await ledger.intent(intent(1)), await ledger.intent(intent(2))
        await ledger.outcome(first, Outcome("unknown"))
        assert [left.id for left in await ledger.unsettled()] == [first.id, second.id]
        await ledger.outcome(second, Outcome("applied"))
        [left] = await ledger.unsettled()
        assert (left.id, left.intent.body["arguments"], left.entry.state) == (first.id, {"vmid": 1}, "unknown")
        await ledger.outcome(first.id, Outcome("not_applied", note="read back"))
        assert await ledger.unsettled() == []
    assert reader(tmp_path / "l").verify().unsettled == ()


async def test_a_second_outcome_of_a_settled_write_opens_nothing_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        await ledger.outcome(entry, Outcome("applied"))
        await ledger.outcome(entry, Outcome("unknown"))
        await ledger.outcome("no such intent", Outcome("unknown"))
        assert await ledger.unsettled() == []


async def test_intents_of_a_process_that_ended_become_unknown_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as dying:
        entry = await dying.intent(intent(7))
    async with opened(tmp_path / "l") as ledger:
        left = await ledger.start("1.0")
        assert [(found.id, found.entry.state) for found in left] == [(entry.id, "unknown")]
        assert isinstance(left[0], Unsettled)
        assert left[0].intent.body["arguments"] == {"vmid": 7}
        assert kinds(tmp_path / "l") == ["opened", "intent", "opened", "outcome"]
        assert records(tmp_path / "l")[2]["body"]["version"] == "1.0"
        assert records(tmp_path / "l")[3]["body"] == {
            "id": entry.id,
            "result": "unknown",
            "note": "the process ended before it had recorded an outcome",
        }


async def test_intents_of_a_process_that_lives_are_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as living:
        entry = await living.intent(intent())
        async with opened(tmp_path / "l") as ledger:
            assert await ledger.start() == []
            assert [left.entry.state for left in await ledger.unsettled()] == ["open"]
        await living.outcome(entry, Outcome("applied"))
        assert await living.unsettled() == []
    assert kinds(tmp_path / "l") == ["opened", "intent", "opened", "outcome"]


async def test_what_a_living_process_has_recorded_as_unknown_is_to_be_settled_with_its_task(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as living:
        entry = await living.intent(intent())
        await living.outcome(entry, Outcome("unknown", task="UPID:1"))
        async with opened(tmp_path / "l") as ledger:
            [left] = await ledger.start()
            assert (left.id, left.task) == (entry.id, "UPID:1")


async def test_an_unknown_outcome_that_is_final_is_not_open_any_more(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        await ledger.outcome(entry, Outcome("unknown"))
        assert "final" not in records(tmp_path / "l")[-1]["body"]
        assert len(await ledger.unsettled()) == 1
        assert await ledger.settle(entry.id, Outcome("unknown", final=True))
        assert records(tmp_path / "l")[-1]["body"] == {"id": entry.id, "result": "unknown", "final": True}
        assert await ledger.unsettled() == []
        assert ledger.reader.unsettled() == []


async def test_what_is_settled_already_is_not_recorded_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        assert await ledger.settle(entry.id, Outcome("applied"))
        assert not await ledger.settle(entry.id, Outcome("not_applied"))
        assert not await ledger.settle("nothing", Outcome("not_applied"))
    assert kinds(tmp_path / "l") == ["opened", "intent", "outcome"]
    assert ledger.reader.verify().ok


async def test_starting_twice_begins_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        await ledger.start()
        await ledger.event("x")
    assert kinds(tmp_path / "l") == ["opened", "event"]


async def test_anything_else_can_be_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("refused", principal="eve", tool="x", reason=f"policy {SECRET}", token="t")
    assert records(tmp_path / "l")[-1]["body"] == {
        "event": "refused",
        "principal": "eve",
        "tool": "x",
        "reason": f"policy {REDACTED}",
        "token": REDACTED,
    }


async def test_no_secret_stands_on_the_ledger(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        arguments = {
            "password": "other",
            "note": SECRET,
            "deep": [{"api_key": "k"}, f"x{SECRET[:4]}\u200b{SECRET[4:]}"],
        }
        async with ledger.attempt(intent(1, arguments=arguments, summary=f"with {SECRET}", identity=SECRET)) as entry:
            entry.settle(Outcome("unknown", note=SECRET, task=SECRET, error=SECRET))
        with pytest.raises(NotFoundError):
            async with ledger.attempt(intent(2)):
                raise NotFoundError(f"no {SECRET}")
    content = b"".join(path.read_bytes() for path in (tmp_path / "l").rglob("*") if path.is_file())
    assert SECRET.encode() not in content
    assert b"other" not in content
    body = records(tmp_path / "l")[1]["body"]
    assert body["arguments"] == {
        "password": REDACTED,
        "note": REDACTED,
        "deep": [{"api_key": REDACTED}, f"x{REDACTED}"],
    }


async def test_hostile_text_stands_on_the_ledger_as_harmless_ascii(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        for text in STRINGS:
            await ledger.event("x", text=text)
        found = ledger.reader.show(Filter(kinds=frozenset({"event"})), limit=1000)
    content = (tmp_path / "l" / "ledger.jsonl").read_bytes()
    assert len(content.splitlines()) == len(STRINGS) + 1
    assert content.replace(b"\n", b"").decode("ascii").isprintable()
    for record in found.records:
        shown = record.body["text"]
        assert isinstance(shown, str)
        assert not set(shown) & {"\x1b", "\u202e", "\x00"}
        assert len(shown) <= 2000
    assert reader(tmp_path / "l").verify().ok


async def test_arguments_that_are_too_large_are_left_out_but_their_digest_stays(tmp_path: Path) -> None:
    large: JsonValue = {"items": ["x" * 1000] * (MAX_ARGUMENT_BYTES // 1000 + 1)}
    async with opened(tmp_path / "l") as ledger:
        await ledger.intent(intent(1, arguments=large))
        body = records(tmp_path / "l")[-1]["body"]
        assert body["arguments"] == {"left_out": "too large"}
        assert body["arguments_digest"] == ledger.arguments_digest(large)
        small = {"items": ["x" * 1000] * 10}
        await ledger.intent(intent(1, arguments=small))
        assert records(tmp_path / "l")[-1]["body"]["arguments"] == small


def test_digests_of_arguments_differ_with_the_key_and_hide_values(tmp_path: Path) -> None:
    def digest(key: bytes | None, value: str) -> str:
        return Ledger(tmp_path, redactor=Redactor([SECRET]), key=key).arguments_digest({"x": value})

    assert digest(KEY, "a") != digest(b"o" * 32, "a")
    assert digest(KEY, "a") != digest(KEY, "b")
    assert digest(KEY, SECRET) != digest(KEY, "[redacted]")
    assert digest(KEY, "a").startswith("hmac-sha256:")
    # Without a key it is over what is shown anyway, so that a short secret cannot be found by trying.
    assert digest(None, SECRET) == digest(None, "[redacted]")
    assert digest(None, "a").startswith("sha256:")


async def test_files_are_private(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", segment_bytes=10) as ledger:
        await ledger.event("x")
        await ledger.event("y")
        paths = [tmp_path / "l", *(tmp_path / "l").rglob("*")]
        assert len(paths) > 7
        for path in paths:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_an_intent_that_was_cancelled_while_it_was_written_was_not_sent(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        task = asyncio.create_task(ledger.intent(intent()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ledger.unsettled() == []
    assert kinds(tmp_path / "l") == ["opened", "intent", "outcome"]
    assert records(tmp_path / "l")[-1]["body"]["result"] == "not_applied"


async def test_an_intent_cancelled_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        task = asyncio.create_task(ledger.intent(intent()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert kinds(tmp_path / "l") == ["opened"]


async def test_an_intent_that_is_refused_while_it_is_cancelled_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()

        def refuse(self: LedgerFiles, *_: object, **__: object) -> None:
            raise LedgerError("refused")

        with monkeypatch.context() as broken:
            broken.setattr(LedgerFiles, "append", refuse)
            task = asyncio.create_task(ledger.intent(intent()))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await ledger.event("x")
    assert kinds(tmp_path / "l") == ["opened", "event"]


@pytest.mark.parametrize("times", [1, 3])
async def test_an_outcome_is_recorded_although_the_task_is_cancelled_meanwhile(tmp_path: Path, times: int) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        task = asyncio.create_task(ledger.outcome(entry, Outcome("applied")))
        for _ in range(times):
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert records(tmp_path / "l")[-1]["body"]["result"] == "applied"


async def test_a_write_cancelled_on_its_way_ends_unknown_under_both_kinds_of_cancellation(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        sending = asyncio.Event()

        async def write() -> None:
            async with ledger.attempt(intent()):
                sending.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(write())
        await sending.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sending.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            await sending.wait()
            group.cancel_scope.cancel()
    assert kinds(tmp_path / "l") == ["opened", "intent", "outcome", "intent", "outcome"]
    assert [record["body"]["result"] for record in records(tmp_path / "l") if record["kind"] == "outcome"] == [
        "unknown",
        "unknown",
    ]


async def test_many_writes_at_once_share_one_chain(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", segment_bytes=4000) as ledger:

        async def write(number: int) -> None:
            async with ledger.attempt(intent(number)) as entry:
                await asyncio.sleep(0)
                entry.settle(Outcome("applied"))

        await asyncio.gather(*(write(number) for number in range(30)))
    report = reader(tmp_path / "l").verify()
    assert report.ok
    assert (report.records, report.unsettled) == (61, ())
    assert report.files > 3


async def test_too_many_writes_of_unknown_outcome_stop_further_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.control.ledger.files.MAX_OPEN", 3)
    async with opened(tmp_path / "l") as ledger:
        entries = [await ledger.intent(intent(number)) for number in range(3)]
        with pytest.raises(LedgerError, match="outcome of 3 earlier changes"):
            await ledger.intent(intent(4))
        await ledger.event("still possible")
        await ledger.outcome(entries[0], Outcome("unknown"))
        with pytest.raises(LedgerError):
            await ledger.intent(intent(4))
        await ledger.outcome(entries[0], Outcome("applied"))
        assert isinstance(await ledger.intent(intent(4)), Entry)
    assert MAX_OPEN == 1000


async def test_a_reader_sees_what_another_process_writes(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("x")
        found = reader(tmp_path / "l").show(Filter(kinds=frozenset({"event"})))
        assert [record.body["event"] for record in found.records] == ["x"]
        head = ledger.head()
        assert head is not None
        assert head.seq == 2
        assert head == reader(tmp_path / "l").head()
        await ledger.event("y")
        assert ledger.head() != head


async def test_lines_are_plain_json_for_everybody(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", key=None) as ledger:
        await ledger.event("naïve ☃")
    for line in (tmp_path / "l" / "ledger.jsonl").read_bytes().splitlines():
        assert json.loads(line)["alg"] == "sha256"
