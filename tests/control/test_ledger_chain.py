"""The chain: each record continues the one before it, whoever made its hash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.control.ledger.chain import BrokenChainError, Position
from holdfast.control.ledger.records import GENESIS, Record, seal


def chained(key: bytes | None) -> list[Record]:
    made: list[Record] = []
    for number in range(1, 4):
        prev = made[-1].hash if made else GENESIS
        made.append(seal(number, 1_795_000_000.0, "event", "me", {"event": f"n{number}"}, prev, key))
    return made


def follow(records: list[Record], key: bytes | None) -> None:
    position = Position()
    for record in records:
        position.advance(record.line()[:-1], True, key)


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_a_genuine_record_in_the_place_of_another_breaks_the_chain_at_the_next(key: bytes | None) -> None:
    first, second, third = chained(key)
    follow([first, second, third], key)
    other = seal(2, 1_795_000_000.0, "event", "me", {"event": "something else"}, first.hash, key)
    with pytest.raises(BrokenChainError, match="does not continue"):
        follow([first, other, third], key)


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_a_chain_that_was_linked_anew_over_a_missing_record_is_out_of_order(key: bytes | None) -> None:
    first, _, third = chained(key)
    linked = seal(3, 1_795_000_000.0, third.kind, third.owner, third.body, first.hash, key)
    with pytest.raises(BrokenChainError, match="record 3 follows record 1"):
        follow([first, linked], key)


def test_what_breaks_the_chain_is_told() -> None:
    first, second, _ = chained(None)
    with pytest.raises(BrokenChainError) as caught:
        follow([first, replace(second, owner="you")], None)
    assert str(caught.value) == "its hash is not that of its content"
