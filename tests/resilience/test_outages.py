"""What an outage costs, in virtual time (`benchmarks/resilience_outages.py` holds the scenarios)."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from benchmarks.resilience_outages import FAULTS, Tally, lags, outage, table

LENGTHS = (90, 113, 120, 137, 150, 200)


def ours(fault: str) -> Tally:
    return outage("holdfast", fault)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_outage_is_the_same_for_everybody(fault: str) -> None:
    assert ours(fault).issued == outage("bare", fault).issued == 1_200


def test_a_black_hole_costs_at_most_100_requests_and_500_client_seconds() -> None:
    tally = ours("blackhole")
    assert tally.sent <= 100
    assert tally.wasted_s <= 500


def test_refused_connections_cost_at_most_100_requests() -> None:
    assert ours("refused").sent <= 100


def test_503_with_retry_after_costs_at_most_60_requests() -> None:
    assert ours("unavailable").sent <= 60


def test_on_a_flapping_link_at_least_nine_of_ten_calls_succeed() -> None:
    tally = ours("flapping")
    assert tally.succeeded >= 0.9 * tally.issued


@pytest.mark.parametrize("fault", FAULTS)
def test_recovery_is_noticed_within_six_seconds_on_average(fault: str) -> None:
    assert mean(lags("holdfast", fault, LENGTHS)) <= 6


@pytest.mark.parametrize("fault", FAULTS)
def test_nobody_waits_longer_than_an_mcp_host(fault: str) -> None:
    tally = ours(fault)
    assert tally.too_late == 0
    assert tally.longest_s <= 60


def test_the_yardsticks_are_what_they_are_known_to_be() -> None:
    """Were one of these to change, the comparison would no longer be the one that the page shows."""
    assert outage("bare", "blackhole").sent == 930
    assert outage("tenacity", "blackhole").too_late == 601
    assert outage("stock", "refused").sent > ours("refused").sent
    assert outage("stock", "blackhole").sent == outage("tenacity", "blackhole").sent


def test_the_table_in_the_docs_is_what_the_scenarios_give() -> None:
    assert table() in (Path(__file__).parents[2] / "docs" / "resilience.md").read_text(encoding="utf-8")
