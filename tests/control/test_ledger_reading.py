"""Showing, filtering, paging and exporting the ledger."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.control import statefiles
from holdfast.control.ledger import Filter, Format, Head, LedgerReader, Outcome, Record, export, head
from holdfast.control.ledger.chain import Position
from holdfast.control.ledger.records import GENESIS, parse, seal
from holdfast.errors import LedgerError
from tests.control.ledgers import SECRET, intent, opened, reader, rewrite
from tests.support.hostile import STRINGS


@pytest.fixture
async def filled(tmp_path: Path) -> LedgerReader:
    """Records 1 to 22 in several files: opened, ten writes, an event."""
    async with opened(tmp_path / "l", segment_bytes=2500) as ledger:
        for number in range(10):
            options: dict[str, Any] = {
                "principal": ["alice", "bob"][number % 2],
                "target": ["pve", "nas"][number // 5],
                "tool": f"tool_{number % 3}",
            }
            async with ledger.attempt(intent(number, **options)) as entry:
                entry.settle(Outcome("unknown" if number == 7 else "applied"))
        await ledger.event("refused", principal="eve")
    return reader(tmp_path / "l")


def seqs(records: tuple[Record, ...]) -> list[int]:
    return [record.seq for record in records]


async def test_the_newest_records_come_first_unless_asked_otherwise(filled: LedgerReader) -> None:
    assert seqs(filled.show(limit=3).records) == [22, 21, 20]
    assert seqs(filled.show(limit=3, newest_first=False).records) == [1, 2, 3]
    assert seqs(filled.show().records) == list(range(22, 0, -1))


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 5, 7, 21, 22, 23])
async def test_pages_together_are_everything_once(filled: LedgerReader, newest_first: bool, limit: int) -> None:
    found: list[int] = []
    cursor: int | None = None
    for _ in range(30):
        page = filled.show(limit=limit, cursor=cursor, newest_first=newest_first)
        assert len(page.records) <= limit
        found += seqs(page.records)
        cursor = page.cursor
        if cursor is None:
            break
    assert found == (list(range(22, 0, -1)) if newest_first else list(range(1, 23)))


async def test_a_last_page_that_is_exactly_full_says_that_nothing_follows(filled: LedgerReader) -> None:
    assert filled.show(limit=22).cursor is None
    assert filled.show(limit=21).cursor == 2


async def test_records_written_meanwhile_disturb_no_paging(filled: LedgerReader, tmp_path: Path) -> None:
    first = filled.show(limit=5)
    async with opened(tmp_path / "l", segment_bytes=2500) as ledger:
        await ledger.event("later")
    second = filled.show(limit=5, cursor=first.cursor)
    assert seqs(first.records + second.records) == list(range(22, 12, -1))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(kinds=frozenset({"event"})), [22]),
        (Filter(kinds=frozenset({"event", "opened"})), [1, 22]),
        (Filter(principal="bob"), [4, 8, 12, 16, 20]),
        (Filter(principal="bob", target="nas"), [12, 16, 20]),
        (Filter(target="pve"), [2, 4, 6, 8, 10]),
        (Filter(tool="tool_2"), [6, 12, 18]),
        (Filter(plan_id="plan-3"), [8]),
        (Filter(correlation_id="c4"), [10]),
        (Filter(result="unknown"), [17]),
        (Filter(principal="nobody"), []),
        (Filter(), list(range(1, 23))),
    ],
)
async def test_filters_combine(filled: LedgerReader, wanted: Filter, expected: list[int]) -> None:
    assert seqs(filled.show(wanted, newest_first=False).records) == expected
    assert [record.seq for record in filled.records(wanted)] == expected


async def test_records_of_one_write_are_found_by_its_id(filled: LedgerReader) -> None:
    [left] = filled.unsettled()
    assert [record.seq for record in filled.records(Filter(intent=left.id))] == [16, 17]


async def test_times_bound_from_and_until(filled: LedgerReader) -> None:
    fifth, ninth = (record.time for record in filled.records() if record.seq in (5, 9))
    assert [record.seq for record in filled.records(Filter(since=fifth, until=ninth))] == [5, 6, 7, 8]
    assert [record.seq for record in filled.records(Filter(since="2027"))] == []
    assert len(list(filled.records(Filter(until="2027")))) == 22


@pytest.mark.parametrize("limit", [-1, 0, 5000])
async def test_a_page_has_at_least_one_and_at_most_a_thousand_records(filled: LedgerReader, limit: int) -> None:
    assert len(filled.show(limit=limit).records) == (22 if limit > 0 else 1)


async def test_a_page_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filled: LedgerReader) -> None:
    monkeypatch.setattr("holdfast.control.ledger.reading.MAX_PAGE", 4)
    assert len(filled.show(limit=100).records) == 4


async def test_paging_reads_no_more_files_than_it_needs(filled: LedgerReader, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_files: list[str] = []
    real = Path.open

    def watched(self: Path, *arguments: Any, **options: Any) -> Any:
        opened_files.append(self.name)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", watched)
    filled.show(limit=1)
    assert opened_files == ["ledger.jsonl"]


async def test_a_later_page_skips_the_files_that_are_newer_than_its_cursor(
    filled: LedgerReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_files: list[str] = []
    real = Path.open

    def watched(self: Path, *arguments: Any, **options: Any) -> Any:
        opened_files.append(self.name)
        return real(self, *arguments, **options)

    *older, wanted, boundary = sorted(path.name for path in (tmp_path / "l").glob("ledger-*.jsonl"))
    assert older
    first = int(boundary[7:-6])
    monkeypatch.setattr(Path, "open", watched)
    assert seqs(filled.show(limit=1, cursor=first).records) == [first - 1]
    # Of the newer ones only the number of the first record is looked at.
    assert opened_files == ["ledger.jsonl", boundary, wanted, wanted]


async def test_pages_go_on_past_a_file_that_begins_with_garbage(filled: LedgerReader, tmp_path: Path) -> None:
    begun = max((tmp_path / "l").glob("ledger-*.jsonl"))
    first = int(begun.stem[7:])
    rewrite(begun, lambda lines: [b"garbage\n", *lines[1:]])
    assert seqs(filled.show(cursor=first + 2).records) == [first + 1, *range(first - 1, 0, -1)]


async def test_a_record_without_its_line_feed_is_not_shown_yet(filled: LedgerReader, tmp_path: Path) -> None:
    rewrite(tmp_path / "l" / "ledger.jsonl", lambda lines: [*lines[:-1], lines[-1].rstrip(b"\n")])
    assert seqs(filled.show().records) == list(range(21, 0, -1))
    assert [record.seq for record in filled.records()] == list(range(1, 22))


async def test_garbage_between_records_is_left_out(filled: LedgerReader, tmp_path: Path) -> None:
    with (tmp_path / "l" / "ledger.jsonl").open("ab") as file:
        file.write(b"garbage\n\x00\xff\nunfinished")
    assert seqs(filled.show().records) == list(range(22, 0, -1))


async def test_files_that_cannot_be_read_are_an_error(filled: LedgerReader, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("holdfast.control.statefiles.read", refuse)
    for use in (filled.show, filled.verify, filled.unsettled, filled.head, lambda: list(filled.records())):
        with pytest.raises(LedgerError, match="cannot be read"):
            use()


async def test_unsettled_writes_of_a_broken_chain_are_not_guessed(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.intent(intent())
    with (tmp_path / "l" / "ledger.jsonl").open("ab") as file:
        file.write(b"garbage\ngarbage\n")
    with pytest.raises(LedgerError, match="damaged"):
        reader(tmp_path / "l").unsettled()


async def test_what_is_unsettled_is_told_without_reading_the_chain_from_its_beginning(
    filled: LedgerReader, tmp_path: Path
) -> None:
    rewrite(tmp_path / "l" / "ledger-000000000001.jsonl", lambda lines: [b"garbage\n", *lines[1:]])
    assert not filled.verify().ok
    assert [left.intent.seq for left in filled.unsettled()] == [16]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], lines[1].replace(b"alice", b"mally"), lines[2]],
        lambda lines: [lines[0], b"x" * (len(lines[1]) - 1) + b"\n", lines[2]],
        lambda lines: [lines[0], lines[2], lines[1]],
    ],
    ids=["edited", "garbage", "in each other's place"],
)
async def test_an_intent_that_is_not_as_it_was_written_is_not_acted_upon(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.intent(intent(101))
        await ledger.intent(intent(102))
    path = tmp_path / "l" / "ledger.jsonl"
    before = path.read_bytes()
    rewrite(path, change)
    assert len(path.read_bytes()) == len(before) != 0
    assert path.read_bytes() != before
    with pytest.raises(LedgerError, match=r"damaged: the intent .* is not as it was written"):
        reader(tmp_path / "l").unsettled()


async def test_a_reader_waits_until_nobody_writes(
    filled: LedgerReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = statefiles.locked
    monkeypatch.setattr(statefiles, "locked", lambda path: real(path, timeout_s=0))
    for use in (filled.verify, filled.unsettled):
        with real(tmp_path / "l" / "lock"), pytest.raises(LedgerError, match="another process holds lock"):
            use()
        use()


async def test_a_break_at_the_end_names_the_last_file_there_is(filled: LedgerReader, tmp_path: Path) -> None:
    (tmp_path / "l" / "ledger.jsonl").unlink()
    last = max((tmp_path / "l").glob("ledger-*.jsonl"))
    broken = filled.verify().broken
    assert broken is not None
    assert (broken.file, broken.line, broken.what) == (last.name, 0, "cut")


def test_a_damaged_head_alone_is_a_broken_ledger(tmp_path: Path) -> None:
    (tmp_path / "head.json").write_bytes(b"garbage")
    (tmp_path / "head.json").chmod(0o600)
    broken = reader(tmp_path).verify().broken
    assert broken is not None
    assert (broken.file, broken.what) == ("head.json", "head")


def test_a_ledger_whose_head_cannot_be_read_is_not_told_as_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(statefiles, "read", fails)
    with pytest.raises(LedgerError, match="cannot be read"):
        reader(tmp_path).proven()


def test_a_head_that_names_no_record_yet_proves_that_none_is_missing(tmp_path: Path) -> None:
    head.write(tmp_path, Position(), None)
    assert reader(tmp_path, None).proven()


def test_a_head_that_names_no_record_yet_misses_none(tmp_path: Path) -> None:
    head.write(tmp_path, Position(), None)
    assert reader(tmp_path, None).verify().ok


async def test_exported_lines_are_the_chain_itself(filled: LedgerReader) -> None:
    lines = list(export(filled.records(), "jsonl", version="1.0"))
    assert len(lines) == 22
    previous = GENESIS
    for line in lines:
        record = parse(line.rstrip("\n").encode())
        assert record.prev == previous
        previous = record.hash
    assert Head(22, previous) == filled.head()


def rows(records: list[Record]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(export(records, "csv", version="1.0")))))


async def test_a_table_has_a_row_a_record(filled: LedgerReader) -> None:
    found = rows(list(filled.records()))
    assert len(found) == 22
    assert found[1]["seq"] == "2"
    assert found[1]["kind"] == "intent"
    assert found[1]["principal"] == "alice"
    assert found[1]["arguments"] == '{"vmid": 0}'
    assert found[2]["result"] == "applied"
    assert found[16]["result"] == "unknown"
    assert found[21]["event"] == "refused"
    assert all(len(row["hash"]) == 64 for row in found)


def with_body(**body: Any) -> Record:
    return seal(1, 1_795_000_000.25, "intent", "o", body, GENESIS, None)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "=cmd|' /C calc'!A0"])
def test_a_spreadsheet_runs_nothing(text: str) -> None:
    [row] = rows([with_body(summary=text, note=f"x{text}")])
    assert row["summary"] == f"'{text}"
    assert row["note"] == f"x{text}"


def test_every_hostile_text_stays_one_row_and_one_line() -> None:
    records = [with_body(id=str(n), summary=text[:2000]) for n, text in enumerate(STRINGS)]
    assert len(rows(records)) == len(STRINGS)
    text = "".join(export(records, "csv", version="1"))
    assert len(text.splitlines()) == len(STRINGS) + 1
    cef = "".join(export(records, "cef", version="1"))
    assert len(cef.splitlines()) == len(STRINGS)
    for exported in (text, cef):
        assert not set(exported) & {"\x1b", "\x00", "\u202e", "\r", "\u2028"}


def fields(line: str) -> tuple[list[str], dict[str, str]]:
    """Read CEF as its specification says: header by bars, extension by equals signs, both with backslash escapes."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line.rstrip("\n"), maxsplit=7)
    extension = dict(re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?=\s+\w+=|$)", parts[7]))
    return parts[:7], {key: re.sub(r"\\(.)", r"\1", value) for key, value in extension.items()}


def test_a_siem_gets_the_common_event_format() -> None:
    record = with_body(
        id="i1",
        principal="al=ice",
        target="pve",
        tool="proxmox_stop_guest",
        risk="destructive",
        plan_id="plan-x",
        correlation_id="c1",
        approved_by="b\\ob",
        summary="Stop | VM = 101",
        result="applied",
        error="busy",
    )
    header, extension = fields(next(iter(export([record], "cef", version="1|2\\3"))))
    assert header == ["CEF:0", "Holdfast", "holdfast", "1\\|2\\\\3", "intent", "Stop \\| VM = 101", "8"]
    assert extension == {
        "rt": "1795000000250",
        "cn1": "1",
        "cn1Label": "seq",
        "suser": "al=ice",
        "dhost": "pve",
        "act": "proxmox_stop_guest",
        "outcome": "applied",
        "reason": "busy",
        "externalId": "i1",
        "msg": "Stop | VM = 101",
        "cs1": "plan-x",
        "cs1Label": "planId",
        "cs2": "c1",
        "cs2Label": "correlationId",
        "cs3": "b\\ob",
        "cs3Label": "approvedBy",
        "cs4": record.hash,
        "cs4Label": "hash",
    }


@pytest.mark.parametrize(
    ("body", "severity", "name"),
    [
        ({"risk": "destructive", "summary": "s"}, "8", "s"),
        ({"risk": "write", "event": "e"}, "5", "e"),
        ({"risk": "read"}, "1", "intent"),
        ({}, "3", "intent"),
        ({"risk": "read", "result": "unknown"}, "7", "intent"),
        ({"summary": 5, "verified": True}, "3", "5"),
    ],
)
def test_severity_and_name_follow_the_record(body: dict[str, Any], severity: str, name: str) -> None:
    header, _ = fields(next(iter(export([with_body(**body)], "cef", version="1"))))
    assert (header[6], header[5]) == (severity, name)


def test_a_time_that_is_none_is_exported_as_zero() -> None:
    line = next(iter(export([replace(with_body(), time="soon")], "cef", version="1")))
    assert "rt=0 " in line


async def test_no_secret_is_exported(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.intent(intent(1, summary=SECRET, arguments={"password": SECRET, "x": [SECRET]}))
    forms: tuple[Format, ...] = ("jsonl", "csv", "cef")
    for form in forms:
        assert SECRET not in "".join(export(reader(tmp_path / "l").records(), form, version="1"))
