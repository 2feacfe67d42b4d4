"""Whatever is done to the files, verify says where, and nothing is written on top of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.control.ledger import Head, Outcome, head, restart
from holdfast.control.ledger.records import parse, seal
from holdfast.errors import LedgerError
from tests.control.ledgers import KEY, intent, kinds, opened, reader, records, rewrite

Change = Callable[[list[bytes]], list[bytes]]


async def filled(directory: Path, *, key: bytes | None = KEY, segment_bytes: int = 1 << 20) -> Path:
    """A ledger of 11 records: opened, and five writes."""
    async with opened(directory, key=key, segment_bytes=segment_bytes) as ledger:
        for number in range(5):
            async with ledger.attempt(intent(number)) as entry:
                entry.settle(Outcome("applied"))
    return directory / "ledger.jsonl"


def contents(directory: Path) -> dict[str, bytes]:
    """The ledger's files by name."""
    return {path.name: path.read_bytes() for path in directory.glob("*.jsonl")}


async def refused(directory: Path, *, key: bytes | None = KEY) -> str:
    """The ledger refuses to be written; the words with which."""
    before = contents(directory)
    async with opened(directory, key=key) as ledger:
        with pytest.raises(LedgerError) as caught:
            await ledger.intent(intent())
    assert contents(directory) == before
    assert "Nothing was executed" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("key", [KEY, None])
async def test_a_ledger_nobody_touched_holds(tmp_path: Path, key: bytes | None) -> None:
    await filled(tmp_path / "l", key=key)
    report = reader(tmp_path / "l", key).verify()
    assert report.ok
    assert (report.records, report.files, report.end.seq, report.signed) == (11, 1, 11, key is not None)
    assert (report.torn, report.unfinished, report.unsettled) == (0, False, ())


def edit(old: bytes, new: bytes) -> Change:
    def change(lines: list[bytes]) -> list[bytes]:
        assert old in lines[5]
        return [*lines[:5], lines[5].replace(old, new), *lines[6:]]

    return change


TAMPERED: dict[str, tuple[Change, int, str]] = {
    "a value is edited": (edit(b'"vmid":2', b'"vmid":3'), 6, "edited"),
    "the time is edited": (edit(b'"time":"2026', b'"time":"2025'), 6, "edited"),
    "the principal is edited": (edit(b"alice", b"mally"), 6, "edited"),
    "a bit is flipped in the hash": (edit(b'"hash":"', b'"hash":"x'), 6, "edited"),
    "blanks are added": (edit(b'"v":1', b'"v": 1'), 6, "not_a_record"),
    "a line is made garbage": (lambda lines: [*lines[:5], b"garbage\n", *lines[6:]], 6, "not_a_record"),
    "a line is emptied": (lambda lines: [*lines[:5], b"\n", *lines[6:]], 6, "not_a_record"),
    "a line is deleted": (lambda lines: lines[:5] + lines[6:], 6, "out_of_order"),
    "the first line is deleted": (lambda lines: lines[1:], 1, "out_of_order"),
    "two lines are exchanged": (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], 6, "out_of_order"),
    "a line is written twice": (lambda lines: [*lines[:6], lines[5], *lines[6:]], 7, "out_of_order"),
    "a garbage line is inserted": (lambda lines: [*lines[:5], b"garbage\n", *lines[5:]], 6, "not_a_record"),
    "a line of another place is inserted": (lambda lines: [*lines[:5], lines[9], *lines[5:]], 6, "out_of_order"),
    "the last line is deleted": (lambda lines: lines[:-1], 0, "cut"),
    "the last five lines are deleted": (lambda lines: lines[:-5], 0, "cut"),
    "everything is deleted": (lambda lines: [], 0, "cut"),
    "the last line is cut short": (lambda lines: [*lines[:-1], lines[-1][:-9]], 0, "cut"),
    "the last line loses its end": (lambda lines: [*lines[:-1], lines[-1][:-1]], 0, "cut"),
    "the last line is garbage": (lambda lines: [*lines[:-1], b"garbage\n"], 0, "cut"),
}


@pytest.mark.parametrize("what", TAMPERED)
@pytest.mark.parametrize("key", [KEY, None])
async def test_it_shows_when(what: str, key: bytes | None, tmp_path: Path) -> None:
    path = await filled(tmp_path / "l", key=key)
    change, line, kind = TAMPERED[what]
    rewrite(path, change)
    broken = reader(tmp_path / "l", key).verify().broken
    assert broken is not None
    assert (broken.file, broken.line, broken.what) == ("ledger.jsonl", line, kind)
    assert broken.message


@pytest.mark.parametrize("what", [what for what, (_, _, kind) in TAMPERED.items() if kind == "cut"])
async def test_nothing_is_written_after_a_cut_tail(what: str, tmp_path: Path) -> None:
    path = await filled(tmp_path / "l")
    rewrite(path, TAMPERED[what][0])
    assert "damaged" in await refused(tmp_path / "l")


async def test_a_file_that_is_gone_shows_and_stops_writing(tmp_path: Path) -> None:
    (await filled(tmp_path / "l")).unlink()
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None
    assert broken.what == "cut"
    assert "damaged" in await refused(tmp_path / "l")


@pytest.mark.parametrize("kind", ["first", "middle", "last closed", "active"])
async def test_of_several_files_one_that_is_gone_shows(tmp_path: Path, kind: str) -> None:
    await filled(tmp_path / "l", segment_bytes=1000)
    files = [*sorted((tmp_path / "l").glob("ledger-*.jsonl")), tmp_path / "l" / "ledger.jsonl"]
    assert len(files) > 3
    files[{"first": 0, "middle": 1, "last closed": -2, "active": -1}[kind]].unlink()
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None
    assert broken.what == {"last closed": "out_of_order", "active": "cut"}.get(kind, "missing")
    if kind == "active":
        await refused(tmp_path / "l")


async def test_files_that_change_names_show(tmp_path: Path) -> None:
    await filled(tmp_path / "l", segment_bytes=1000)
    first = tmp_path / "l" / "ledger-000000000001.jsonl"
    first.rename(tmp_path / "l" / "ledger-000000000002.jsonl")
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None
    assert broken.what == "missing"


async def test_a_closed_file_that_is_cut_shows(tmp_path: Path) -> None:
    await filled(tmp_path / "l", segment_bytes=1000)
    closed = tmp_path / "l" / "ledger-000000000001.jsonl"
    whole = closed.read_bytes()
    closed.write_bytes(whole[:-1])
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None
    assert (broken.file, broken.what) == (closed.name, "not_a_record")
    closed.write_bytes(b"")
    assert not reader(tmp_path / "l").verify().ok


async def test_an_empty_closed_file_does_not_lead_in_circles(tmp_path: Path) -> None:
    path = await filled(tmp_path / "l")
    path.unlink()
    (tmp_path / "l" / "head.json").unlink()
    (tmp_path / "l" / "ledger-000000000001.jsonl").touch(mode=0o600)
    assert "damaged" in await refused(tmp_path / "l")
    assert not reader(tmp_path / "l").verify().ok


async def test_a_chain_made_anew_without_the_key_shows(tmp_path: Path) -> None:
    path = await filled(tmp_path / "l")
    forged: list[bytes] = []
    prev = "0" * 64
    for line in path.read_bytes().splitlines():
        record = parse(line)
        made = seal(record.seq, 0.0, record.kind, "forger", record.body, prev, None)
        prev = made.hash
        forged.append(made.line())
    path.write_bytes(b"".join(forged))
    assert not reader(tmp_path / "l").verify().ok
    # Even together with a head that fits, which only takes SHA-256 to make.
    (tmp_path / "l" / "head.json").unlink()
    async with opened(tmp_path / "other", key=None):
        pass
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None


async def test_a_head_made_anew_without_the_key_is_not_believed(tmp_path: Path) -> None:
    path = await filled(tmp_path / "l")
    head_path = tmp_path / "l" / "head.json"
    rewrite(path, lambda lines: lines[:-2])
    found = json.loads(head_path.read_bytes())
    last = parse(path.read_bytes().splitlines()[-1])
    found["head"].update(seq=last.seq, hash=last.hash, offset=path.stat().st_size)
    head_path.write_text(json.dumps(found))
    head_path.chmod(0o600)
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None
    assert (broken.file, broken.what) == ("head.json", "head")
    assert "damaged, or sealed with another key" in broken.message
    assert reader(tmp_path / "l").head() is None


async def test_a_head_that_names_another_record_shows(tmp_path: Path) -> None:
    await filled(tmp_path / "one")
    await filled(tmp_path / "two")
    (tmp_path / "one" / "head.json").write_bytes((tmp_path / "two" / "head.json").read_bytes())
    broken = reader(tmp_path / "one").verify().broken
    assert broken is not None
    assert (broken.line, broken.what) == (11, "head")


@pytest.mark.parametrize("content", [None, b"", b"{}", b"garbage", b"[" * 100_000, b'{"head": {}, "seal": ""}'])
async def test_a_head_that_is_gone_or_garbage_shows_and_the_next_start_says_so(
    tmp_path: Path, content: bytes | None
) -> None:
    await filled(tmp_path / "l")
    path = tmp_path / "l" / "head.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    broken = reader(tmp_path / "l").verify().broken
    assert broken is not None
    assert (broken.file, broken.what) == ("head.json", "head")
    assert ("missing" if content is None else "damaged") in broken.message
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
    [found] = [record for record in records(tmp_path / "l") if record["kind"] == "recovered"]
    assert found["body"] == {"what": "its head was missing or damaged"}
    report = reader(tmp_path / "l").verify()
    assert (report.ok, report.broken, report.headless) == (False, None, (found["seq"],))
    assert not reader(tmp_path / "l").proven()


async def test_a_lost_head_is_told_however_long_the_ledger_goes_on_and_of_each_time(tmp_path: Path) -> None:
    for _ in range(3):
        await filled(tmp_path / "l")
        (tmp_path / "l" / "head.json").unlink()
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        assert not ledger.reader.proven()
    lost = tuple(record["seq"] for record in records(tmp_path / "l") if record["kind"] == "recovered")
    assert len(lost) == 3
    assert reader(tmp_path / "l").verify().headless == lost
    noted = head.read(tmp_path / "l", reader(tmp_path / "l")._key)
    assert noted is not None
    assert noted.headless == lost


async def test_a_process_that_died_before_its_first_head_has_lost_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
    (tmp_path / "l" / "head.json").unlink()
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        assert ledger.reader.proven()
    assert kinds(tmp_path / "l") == ["opened", "recovered", "opened"]
    assert reader(tmp_path / "l").verify().ok


async def test_the_end_alone_tells_that_records_were_cut_off_or_the_head_was_lost(tmp_path: Path) -> None:
    assert reader(tmp_path / "none").proven()
    path = await filled(tmp_path / "l")
    assert reader(tmp_path / "l").proven()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert not reader(tmp_path / "l").proven()
    path.write_bytes(whole + b"torn")
    assert reader(tmp_path / "l").proven()
    path.unlink()
    assert not reader(tmp_path / "l").proven()
    path.write_bytes(whole)
    (tmp_path / "l" / "head.json").write_bytes(b"{}")
    assert not reader(tmp_path / "l").proven()
    path.unlink()
    assert not reader(tmp_path / "l").proven()
    (tmp_path / "l" / "head.json").unlink()
    path.write_bytes(whole)
    assert not reader(tmp_path / "l").proven()


async def test_without_a_head_a_broken_chain_still_stops_writing(tmp_path: Path) -> None:
    path = await filled(tmp_path / "l")
    (tmp_path / "l" / "head.json").unlink()
    rewrite(path, TAMPERED["a value is edited"][0])
    assert "after record 5" in await refused(tmp_path / "l")


async def test_signed_records_can_only_be_checked_with_their_key(tmp_path: Path) -> None:
    await filled(tmp_path / "l")
    for key, what in ((None, "unsigned"), (b"x" * 32, "edited")):
        broken = reader(tmp_path / "l", key).verify().broken
        assert broken is not None
        assert (broken.line, broken.what) == (1, what)
        assert "damaged" in await refused(tmp_path / "l", key=key)


async def test_a_ledger_begun_without_a_key_may_be_signed_from_some_record_on(tmp_path: Path) -> None:
    path = await filled(tmp_path / "l", key=None)
    broken = reader(tmp_path / "l", KEY).verify().broken
    assert broken is not None
    assert broken.file == "head.json"
    async with opened(tmp_path / "l", key=KEY) as ledger:
        await ledger.start()
    report = reader(tmp_path / "l", KEY).verify()
    # Anybody could have made a head without the key, so that it proves nothing.
    assert (report.broken, report.headless) == (None, (12,))
    # From there on every record must be signed.
    last = parse(path.read_bytes().splitlines()[-1])
    with path.open("ab") as file:
        file.write(seal(last.seq + 1, 0.0, "event", "forger", {}, last.hash, None).line())
    broken = reader(tmp_path / "l", KEY).verify().broken
    assert broken is not None
    assert (broken.line, broken.what) == (14, "unsigned")
    assert "damaged" in await refused(tmp_path / "l")


async def test_a_pinned_end_proves_that_nothing_before_it_was_taken_or_changed(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("x")
        pin = ledger.head()
        assert pin is not None
        await ledger.event("y")
    assert reader(tmp_path / "l").verify(pin).ok
    assert reader(tmp_path / "l").verify(reader(tmp_path / "l").head()).ok
    broken = reader(tmp_path / "l").verify(Head(pin.seq, "0" * 64)).broken
    assert broken is not None
    assert (broken.line, broken.what) == (2, "pin")


async def test_a_pinned_end_shows_a_ledger_that_was_rolled_back_as_a_whole(tmp_path: Path) -> None:
    await filled(tmp_path / "l")
    old = {path.name: path.read_bytes() for path in (tmp_path / "l").iterdir() if path.is_file()}
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("to be forgotten")
        pin = ledger.head()
    for name, content in old.items():
        (tmp_path / "l" / name).write_bytes(content)
    assert reader(tmp_path / "l").verify().ok
    broken = reader(tmp_path / "l").verify(pin).broken
    assert broken is not None
    assert broken.what == "pin"


def test_no_ledger_at_all_is_no_broken_one(tmp_path: Path) -> None:
    report = reader(tmp_path / "nothing").verify()
    assert report.ok
    assert (report.records, report.files, report.end) == (0, 0, Head(0, "0" * 64))
    assert reader(tmp_path / "nothing").head() is None
    assert reader(tmp_path / "nothing").unsettled() == []
    assert not reader(tmp_path / "nothing").verify(Head(3, "0" * 64)).ok


async def test_a_damaged_ledger_is_set_aside_whole_and_the_new_one_names_it(tmp_path: Path) -> None:
    path = await filled(tmp_path / "l", segment_bytes=1000)
    rewrite(path, lambda lines: [])
    before = {found.name: found.read_bytes() for found in (tmp_path / "l").glob("*.json*")}
    aside = restart(tmp_path / "l", who="alice", reason="disk was replaced", key=KEY, now=1_795_000_000.0)
    assert aside.name == "set-aside-20261118T110640Z"
    assert {found.name: found.read_bytes() for found in aside.iterdir()} == before
    async with opened(tmp_path / "l") as ledger:
        await ledger.intent(intent())
    assert reader(tmp_path / "l").verify().ok
    first = records(tmp_path / "l")[0]
    assert (first["kind"], first["seq"]) == ("restarted", 1)
    assert (first["body"]["who"], first["body"]["reason"], first["body"]["set_aside"]) == (
        "alice",
        "disk was replaced",
        aside.name,
    )
    assert {file["name"]: file["bytes"] for file in first["body"]["files"]} == {
        name: len(content) for name, content in before.items()
    }
    with pytest.raises(LedgerError):
        restart(tmp_path / "l", who="alice", reason="again in the same second", key=KEY, now=1_795_000_000.0)
    assert reader(tmp_path / "l").verify().ok
