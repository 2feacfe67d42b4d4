"""Records: what stands on the ledger, in which form, and that every bit of it counts."""

from __future__ import annotations

import dataclasses
import json

import pytest

from holdfast.control.canonical import digest
from holdfast.control.ledger.records import GENESIS, MAX_LINE_BYTES, parse, seal

RECORD = seal(1, 1_795_000_000.5, "intent", "owner", {"id": "x", "n": 1}, GENESIS, b"key")
PLAIN = seal(1, 1_795_000_000.5, "intent", "owner", {"id": "x", "n": 1}, GENESIS, None)


def test_a_record_reads_back_as_it_was_written() -> None:
    for record in (RECORD, PLAIN):
        line = record.line()
        assert line.endswith(b"\n")
        assert line[:-1].decode("ascii").isprintable()
        assert parse(line[:-1]) == record
    assert RECORD.time == "2026-11-18T11:06:40.500000Z"


def test_a_record_is_genuine_only_with_the_key_that_signed_it() -> None:
    assert RECORD.is_genuine(b"key")
    assert not RECORD.is_genuine(b"other")
    assert not RECORD.is_genuine(None)
    assert PLAIN.is_genuine(None)
    assert PLAIN.is_genuine(b"key")


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": 2},
        {"time": "2026-11-18T11:06:40.500001Z"},
        {"kind": "event"},
        {"owner": "other"},
        {"body": {"id": "x", "n": 2}},
        {"body": {"id": "x"}},
        {"prev": "1" * 64},
        {"hash": "1" * 64},
        {"hash": ""},
    ],
)
def test_a_record_with_anything_changed_is_not_genuine(changed: dict[str, object]) -> None:
    for record, key in ((RECORD, b"key"), (PLAIN, None)):
        assert not dataclasses.replace(record, **changed).is_genuine(key)  # type: ignore[arg-type]  # one field


def test_a_signed_record_cannot_be_passed_off_as_unsigned() -> None:
    assert not dataclasses.replace(RECORD, signed=False).is_genuine(b"key")
    assert not dataclasses.replace(PLAIN, signed=True).is_genuine(b"key")


def test_a_record_that_says_it_is_signed_is_not_genuine_by_a_hash_that_anybody_can_make() -> None:
    claimed = dataclasses.replace(PLAIN, signed=True)
    forged = dataclasses.replace(claimed, hash=digest(claimed._content()))
    assert not forged.is_genuine(None)
    assert not forged.is_genuine(b"key")


def without(name: str) -> bytes:
    found = json.loads(RECORD.line())
    del found[name]
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def having(**changed: object) -> bytes:
    return json.dumps(json.loads(RECORD.line()) | changed, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\x00",
        b"\xff",
        b"[" * 100_000,
        b"[" * 60_000,
        RECORD.line(),
        b" " + RECORD.line()[:-1],
        RECORD.line()[:-1] + b" ",
        RECORD.line()[:-2],
        RECORD.line()[:-1].replace(b",", b", ", 1),
        RECORD.line()[:-1].replace(b'"seq":1', b'"seq":1,"seq":1'),
        RECORD.line()[:-1].replace(b"owner", b"\\u006fwner", 1),
        *(without(name) for name in json.loads(RECORD.line())),
        having(more=1),
        having(v=2),
        having(seq=0),
        having(seq=True),
        having(seq=1.0),
        having(seq="1"),
        having(kind="other"),
        having(kind=1),
        having(alg="none"),
        having(alg="md5"),
        having(body=[]),
        having(time=1),
        having(owner=None),
        having(prev=1),
        having(hash=1),
        b"x" * MAX_LINE_BYTES,
        having(body={"x": "y" * (MAX_LINE_BYTES - len(having(body={"x": ""})))}),
        having(body={"x": "y" * (MAX_LINE_BYTES - len(having(body={"x": ""})) + 1)}),
    ],
)
def test_a_line_that_is_not_exactly_a_record_is_none(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse(line)


def test_the_size_of_a_record_is_bounded() -> None:
    with pytest.raises(ValueError, match="too large"):
        seal(1, 0.0, "event", "o", {"x": "y" * MAX_LINE_BYTES}, GENESIS, None)
    overhead = len(seal(1, 0.0, "event", "o", {"x": ""}, GENESIS, None).line())
    largest = seal(1, 0.0, "event", "o", {"x": "y" * (MAX_LINE_BYTES - overhead)}, GENESIS, None)
    assert len(largest.line()) == MAX_LINE_BYTES
    assert parse(largest.line()[:-1]) == largest
    with pytest.raises(ValueError, match="too large"):
        seal(1, 0.0, "event", "o", {"x": "y" * (MAX_LINE_BYTES - overhead + 1)}, GENESIS, None)


def test_what_is_not_json_cannot_be_recorded() -> None:
    with pytest.raises(ValueError):
        seal(1, 0.0, "event", "o", {"x": float("nan")}, GENESIS, None)
