"""Walking along the files: what is a line, what belongs to the ledger, what a record changes, and where it must end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from holdfast.control.ledger.chain import (
    ACTIVE,
    HEAD_LOST,
    BrokenChainError,
    Position,
    follow,
    lines,
    sealed_name,
    segments,
    torn_facts,
)
from holdfast.control.ledger.records import MAX_LINE_BYTES, Body, Kind, Record, seal


class Chain:
    """Makes records, each after the one before."""

    def __init__(self) -> None:
        self.position = Position()
        self.made: list[Record] = []

    def add(self, kind: Kind, **body: JsonValue) -> Record:
        """The next record, taken by the position."""
        record = seal(self.position.seq + 1, 1_795_000_000.0, kind, "me", body, self.position.hash, None)
        assert self.position.advance(record.line()[:-1], True, None) == record
        self.made.append(record)
        return record

    def file(self, path: Path, first: int, last: int, *, after: bytes = b"") -> None:
        """Write records, by their numbers, to a file."""
        path.write_bytes(b"".join(record.line() for record in self.made[first - 1 : last]) + after)


@pytest.mark.parametrize("identifier", [None, 5, ["x"], {"x": "y"}])
def test_an_id_that_is_no_text_opens_and_settles_nothing(identifier: JsonValue) -> None:
    chain = Chain()
    chain.add("intent", id=identifier)
    chain.add("outcome", id=identifier, result="unknown")
    assert chain.position.open == {}


@pytest.mark.parametrize("kind", ["opened", "event", "recovered", "restarted"])
def test_only_an_outcome_settles_an_intent(kind: Kind) -> None:
    chain = Chain()
    chain.add("intent", id="x")
    chain.add(kind, id="x", result="unknown")
    assert chain.position.open["x"].state == "open"
    chain.add("outcome", id="x", result="applied")
    assert chain.position.open == {}


def test_an_unknown_outcome_leaves_the_intent_open_as_unknown_and_where_it_stands() -> None:
    chain = Chain()
    chain.add("event")
    chain.add("intent", id="x")
    before = chain.position.open["x"]
    assert (before.seq, before.offset) == (2, len(chain.made[0].line()))
    chain.add("outcome", id="x", result="unknown")
    assert chain.position.open == {"x": replace(before, state="unknown")}


def test_the_task_of_an_unknown_outcome_is_kept_until_another_is_named() -> None:
    chain = Chain()
    chain.add("intent", id="x")
    for given, kept in ((None, None), ("t-1", "t-1"), (None, "t-1"), (7, "t-1"), ("t-2", "t-2")):
        body: Body = {"id": "x", "result": "unknown"}
        chain.add("outcome", **(body if given is None else {**body, "task": given}))
        assert chain.position.open["x"].task == kept


@pytest.mark.parametrize(("final", "open_"), [(True, False), (False, True), (None, True), ("yes", True)])
def test_an_unknown_outcome_that_is_final_settles_an_intent(final: JsonValue, open_: bool) -> None:
    chain = Chain()
    chain.add("intent", id="x")
    chain.add("outcome", id="x", result="unknown", final=final)
    assert ("x" in chain.position.open) == open_


@pytest.mark.parametrize("result", ["applied", "unknown"])
def test_an_outcome_without_an_intent_opens_nothing(result: str) -> None:
    chain = Chain()
    chain.add("outcome", id="x", result=result)
    assert chain.position.open == {}


@pytest.mark.parametrize(
    ("kind", "what", "before", "told"),
    [
        ("recovered", HEAD_LOST, 2, True),
        ("recovered", HEAD_LOST, 1, False),
        ("recovered", "a line was cut off", 2, False),
        ("event", HEAD_LOST, 2, False),
    ],
)
def test_a_lost_head_is_told_but_of_the_first_record(kind: Kind, what: str, before: int, told: bool) -> None:
    chain = Chain()
    for _ in range(before):
        chain.add("event")
    chain.add(kind, what=what)
    chain.add("event")
    assert chain.position.headless == ((before + 1,) if told else ())


def explained(kind: Kind, facts: Body) -> bool:
    position = Position()
    assert position.advance(b"torn", False, None) is None
    record = seal(1, 1_795_000_000.0, kind, "me", facts, position.hash, None)
    try:
        position.advance(record.line()[:-1], True, None)
    except BrokenChainError:
        return False
    return True


def test_a_torn_line_is_explained_by_a_recovered_record_with_its_length_and_hash_only() -> None:
    facts: Body = dict(torn_facts(b"torn"))
    assert explained("recovered", facts)
    assert not explained("event", facts)
    assert not explained("recovered", {**facts, "torn_bytes": 5})
    assert not explained("recovered", dict(torn_facts(b"tore")))


def test_a_torn_line_keeps_its_place_before_what_follows_it() -> None:
    chain = Chain()
    assert chain.position.advance(b"torn", False, None) is None
    recovered = chain.add("recovered", **torn_facts(b"torn"))
    assert chain.position.offset == len(b"torn\n") + len(recovered.line())
    chain.add("intent", id="x")
    assert chain.position.open["x"].offset == len(b"torn\n") + len(recovered.line())


def test_a_closed_file_of_one_record_leads_on_to_the_next(tmp_path: Path) -> None:
    chain = Chain()
    for _ in range(3):
        chain.add("event")
    chain.file(tmp_path / sealed_name(1), 1, 1)
    chain.file(tmp_path / sealed_name(2), 2, 2)
    chain.file(tmp_path / ACTIVE, 3, 3)
    position = Position()
    follow(tmp_path, position, None)
    assert (position.seq, position.first) == (3, 3)


def test_a_closed_file_that_ends_torn_breaks_the_chain_whatever_the_next_one_says_of_it(tmp_path: Path) -> None:
    chain = Chain()
    chain.add("event")
    chain.file(tmp_path / sealed_name(1), 1, 1, after=b"torn")
    chain.add("recovered", **torn_facts(b"torn"))
    chain.file(tmp_path / ACTIVE, 2, 2)
    with pytest.raises(BrokenChainError, match=r"ledger-000000000001\.jsonl is closed but not complete"):
        follow(tmp_path, Position(), None)


def test_an_empty_closed_file_breaks_the_chain(tmp_path: Path) -> None:
    (tmp_path / sealed_name(1)).touch()
    with pytest.raises(BrokenChainError, match="closed but not complete"):
        follow(tmp_path, Position(), None)


def test_only_files_named_by_a_number_belong_to_the_ledger(tmp_path: Path) -> None:
    for name in ("ledger-backup.jsonl", "ledger-.jsonl", sealed_name(2), sealed_name(1), ACTIVE, "ledger-1.json"):
        (tmp_path / name).touch()
    assert [path.name for path in segments(tmp_path)] == [sealed_name(1), sealed_name(2), ACTIVE]


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_lines_end_where_they_are_asked_to_however_much_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("holdfast.control.ledger.chain._CHUNK", chunk)
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo\nthree\nfour\n")
    assert list(lines(path, stop=8)) == [(b"one", True), (b"two", True)]
    assert list(lines(path, start=4, stop=10)) == [(b"two", True), (b"th", False)]
    assert list(lines(path, start=8)) == [(b"three", True), (b"four", True)]
    assert list(lines(path, start=8, stop=8)) == []
    assert list(lines(path, start=14, stop=100)) == [(b"four", True)]


def test_a_line_of_up_to_twice_the_longest_record_comes_whole_and_a_longer_one_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * (2 * MAX_LINE_BYTES))
    assert [(len(line), whole) for line, whole in lines(path)] == [(2 * MAX_LINE_BYTES, False)]
    path.write_bytes(b"x" * (2 * MAX_LINE_BYTES + 1) + b"\n")
    # Ended within the chunk: what is read at once may be split at once.
    assert [whole for _, whole in lines(path)] == [True]
    path.write_bytes(b"x" * (2 * MAX_LINE_BYTES + 1))
    assert [(len(line), whole) for line, whole in lines(path)] == [(MAX_LINE_BYTES, False), (MAX_LINE_BYTES + 1, False)]
