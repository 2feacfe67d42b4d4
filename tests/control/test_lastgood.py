"""An old answer is shown as old, never when it is too old, and never takes more memory than it may."""

from __future__ import annotations

import pytest

from holdfast.control import lastgood
from holdfast.control.lastgood import LastGood


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_answer_is_shown_as_old_until_it_is_too_old(clock: Clock) -> None:
    kept = LastGood(60, clock)
    kept.remember("a", {"x": 1})
    clock.now += 59.96
    assert kept.recall("a", "circuit open") == {"stale": {"age_s": 60.0, "reason": "circuit open"}, "x": 1}
    clock.now = 1060.0
    assert kept.recall("a", "circuit open") == {"stale": {"age_s": 60.0, "reason": "circuit open"}, "x": 1}
    clock.now = 1060.1
    assert kept.recall("a", "circuit open") is None
    clock.now = 1000.0
    assert kept.recall("a", "circuit open") is None, "what was too old is not kept"
    assert kept.recall("b", "circuit open") is None


def test_an_answer_is_young_enough_for_whoever_asks_and_for_the_settings(clock: Clock) -> None:
    kept = LastGood(60, clock)
    kept.remember("a", {"x": 1})
    clock.now += 10
    assert kept.recent("a", 10) == ({"x": 1}, 10.0)
    assert kept.recent("a", 9.9) is None
    assert kept.recent("a", 1000) == ({"x": 1}, 10.0)
    assert kept.recent("b", 10) is None
    clock.now += 51
    assert kept.recent("a", 1000) is None


@pytest.mark.parametrize("most", [0, -1])
def test_where_no_old_answer_is_to_be_shown_none_is_kept(most: float, clock: Clock) -> None:
    kept = LastGood(most, clock)
    kept.remember("a", {"x": 1})
    assert kept.recall("a", "circuit open") is None
    assert kept.recent("a", 10) is None


def test_a_newer_answer_takes_the_place_of_the_older(clock: Clock) -> None:
    kept = LastGood(60, clock)
    kept.remember("a", {"x": 1})
    clock.now += 30
    kept.remember("a", {"x": 2})
    assert kept.recent("a", 0) == ({"x": 2}, 0.0)
    kept.forget("a")
    kept.forget("a")
    assert kept.recent("a", 60) is None


def _kept_of(kept: LastGood, names: str) -> str:
    return "".join(name for name in names if kept.recent(name, 60) is not None)


@pytest.mark.parametrize("ask", ["recent", "recall"])
def test_of_too_many_answers_the_one_that_nobody_asked_for_goes_first(
    ask: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lastgood, "_MAX_ENTRIES", 3)
    kept = LastGood(60, clock)
    for name in "abc":
        kept.remember(name, {"x": 1})
    assert kept.recent("a", 60) if ask == "recent" else kept.recall("a", "circuit open")
    kept.remember("d", {"x": 1})
    assert _kept_of(kept, "abcd") == "acd"
    kept.remember("b", {"x": 1})
    assert _kept_of(kept, "abcd") == "bcd"


def test_all_answers_together_take_no_more_than_they_may(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"x": "y" * 92}
    monkeypatch.setattr(lastgood, "_MAX_BYTES", 300)
    kept = LastGood(60, clock)
    for name in "abc":
        kept.remember(name, dict(one))
    assert _kept_of(kept, "abc") == "abc", "three of 100 bytes just fit"
    for _ in range(5):
        kept.remember("c", dict(one))
    assert _kept_of(kept, "abc") == "abc", "what is replaced is not counted twice"
    kept.forget("b")
    kept.remember("d", dict(one))
    assert _kept_of(kept, "acd") == "acd", "nor what was dropped"
    kept.remember("e", {"x": "y" * 93})
    assert _kept_of(kept, "acde") == "de"
    kept.remember("f", {"x": "y" * 300})
    assert _kept_of(kept, "acdef") == "", "what is larger than all may be is not kept, nor what had to go for it"


def test_calls_are_told_apart_by_tool_target_and_arguments_in_any_order() -> None:
    key = LastGood.key("t", "pve.lab", {"a": 1, "b": "x"})
    assert key == LastGood.key("t", "pve.lab", {"b": "x", "a": 1})
    for other in (
        LastGood.key("u", "pve.lab", {"a": 1, "b": "x"}),
        LastGood.key("t", "pve.other", {"a": 1, "b": "x"}),
        LastGood.key("t", "pve.lab", {"a": "1", "b": "x"}),
        LastGood.key("t", "pve.lab", {"a": 1}),
    ):
        assert other != key
