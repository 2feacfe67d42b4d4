"""The bar of the protocol validator: it may only fall."""

from __future__ import annotations

from tests.conformance.redfish_validator import PERSONAS, Bar, Result, judge, lowered, read_bars

BAR: Bar = {"fail": 3, "because": {"REQ_X": "so is the real one"}}


def _result(failed: int, *assertions: str) -> Result:
    return Result("9", 500, failed, 0, 20, 25.0, {name: ["row"] for name in assertions})


def test_at_or_below_the_bar_nothing_is_wrong() -> None:
    assert judge(_result(3, "REQ_X"), BAR) == []
    assert judge(_result(0), BAR) == []


def test_above_the_bar_or_for_a_new_reason_something_is() -> None:
    assert len(judge(_result(4, "REQ_X"), BAR)) == 1
    assert len(judge(_result(3, "REQ_Y"), BAR)) == 1
    assert len(judge(_result(1, "REQ_X"), {"fail": 1, "because": {"REQ_X": ""}})) == 1
    assert len(judge(_result(0), None)) == 1


def test_lowering_never_raises_and_keeps_the_reasons() -> None:
    bars = lowered([_result(9, "REQ_X")], {"9": BAR})
    assert bars["9"] == {"fail": 3, "because": {"REQ_X": "so is the real one"}}
    assert lowered([_result(1, "REQ_X")], {"9": BAR})["9"]["fail"] == 1
    assert lowered([_result(0)], {"9": BAR})["9"] == {"fail": 0, "because": {}}


def test_every_persona_has_a_bar_and_every_failing_check_a_reason() -> None:
    bars = read_bars()
    assert set(bars) == set(PERSONAS)
    assert all(reason for bar in bars.values() for reason in bar["because"].values())
