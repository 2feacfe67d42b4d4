"""What may be said about a change: seen in the state, or only told; and whether its state can tell at all."""

from __future__ import annotations

from typing import Literal

import pytest

from holdfast.control.change import Applied, Change, Observed


@pytest.mark.parametrize(
    ("effect", "shown", "verified"),
    [
        ("applied", True, True),
        ("not_applied", True, True),
        ("unknown", True, False),
        ("applied", False, False),
        ("not_applied", False, False),
        ("unknown", False, False),
    ],
)
def test_only_what_the_state_itself_shows_is_verified(
    effect: Literal["applied", "not_applied", "unknown"], shown: bool, verified: bool
) -> None:
    assert Observed(effect, shown=shown).verified is verified


async def _apply() -> Applied:
    raise AssertionError("nothing is to be sent")


async def _read_back() -> Observed:
    raise AssertionError("nothing is to be read")


@pytest.mark.parametrize(("after", "tells"), [({"on": True}, True), ({"on": False}, False), ({}, True)])
def test_a_state_tells_only_where_the_one_wanted_differs_from_the_one_before(
    after: dict[str, bool], tells: bool
) -> None:
    change = Change("Open it", "lab", before={"on": False}, after=dict(after), apply=_apply, read_back=_read_back)
    assert change.state_tells is tells
