"""Graphs that a reader can take in, and a forecast that says what it stands on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.appliances.truenas.trends import DAY_S, slope_per_day, thinned
from holdfast.simulators.truenas.methods.storage import GROWTH_PER_DAY, Storage
from holdfast.transport.values import as_list, as_objects
from tests.appliances.truenas.harness import box, calls_of, nas, raw, sent

TOKENS = 8_000


@pytest.mark.parametrize("graph", ["cpu", "load", "disk", "disktemp", "interface", "arcsize"])
@pytest.mark.parametrize("span", ["HOUR", "YEAR"])
async def test_no_graph_is_told_in_more_than_8k_tokens_and_units_stand_beside_it(
    graph: str, span: str, tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        which = {"disk": "sda", "disktemp": "sda", "interface": "eno1"}.get(graph)
        answer = await made.call("truenas_read_graph", graph=graph, identifier=which, span=span, points=100)
        assert len(json.dumps(answer)) / 4 <= TOKENS
        assert answer["unit"]
        points = as_objects(answer["points"], "points")
        assert 1 <= len(points) <= 100
        assert [row["at"] for row in points] == sorted(str(row["at"]) for row in points)
        series = len(as_list(answer["series"], "series"))
        assert all(len(as_list(row[name], name)) == series for row in points for name in ("min", "mean", "max"))


async def test_what_is_thinned_still_holds_the_least_and_the_most_that_was_measured(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        query = {"unit": "DAY", "aggregate": True}
        rows = as_objects(await raw(made, "reporting.get_data", [{"name": "load"}], query), "rows")  # type: ignore[arg-type]  # JSON
        answer = await made.call("truenas_read_graph", graph="load", span="DAY", points=7)
        aggregations = rows[0]["aggregations"]
        assert isinstance(aggregations, dict)
        points = as_objects(answer["points"], "points")
        for number, name in enumerate(("load1", "load5", "load15")):
            for kind, best in (("min", min), ("max", max)):
                true = aggregations[kind][name]  # type: ignore[index,call-overload]  # objects of numbers
                told = best(float(str(as_list(row[kind], kind)[number])) for row in points)
                assert told == pytest.approx(float(str(true)), rel=0.01)
        assert answer["measured"] == 3 * len(as_list(rows[0]["data"], "data"))


async def test_a_graph_of_many_wants_to_be_told_which_and_takes_its_short_name(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        error = await made.fails("truenas_read_graph", graph="disktemp")
        assert error.code == "invalid_argument"
        assert "sda" in error.message
        assert (await made.fails("truenas_read_graph", graph="disktemp", identifier="sdzz")).code == "not_found"
        assert calls_of(made, "reporting.get_data") == 0
        answer = await made.call("truenas_read_graph", graph="disktemp", identifier="sda")
        assert str(answer["identifier"]).startswith("sda | ")
        asked = [params for method, params in sent(made) if method == "reporting.get_data"]
        assert asked[0][1] == {"unit": "HOUR", "aggregate": False}


async def test_the_forecast_finds_the_growth_that_the_snapshots_show(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        answer = await made.call("truenas_forecast_capacity", pool="tank")
        assert answer["growth_bytes_per_day"] == pytest.approx(answer["datasets"] * GROWTH_PER_DAY / 3, rel=0.01)  # type: ignore[operator]
        left = float(str(answer["available_bytes"])) / float(str(answer["growth_bytes_per_day"]))
        assert answer["days_until_full"] == pytest.approx(left, rel=0.01)
        assert answer["full_on"]
        assert calls_of(made, "pool.snapshot.query") == 1


async def test_without_enough_snapshots_there_is_no_forecast_and_that_is_said(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        store = box(made).box.get(Storage).store
        for held in store.snapshots.values():
            for name in list(held)[2:]:
                del held[name]
        answer = await made.call("truenas_forecast_capacity", pool="tank")
        assert answer.get("growth_bytes_per_day") is None
        assert answer.get("full_on") is None
        assert "there is no forecast" in str(answer["notes"])
        assert answer["covered_percent"] == 0


async def test_data_that_shrinks_has_no_date_of_being_full(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        for held in box(made).box.get(Storage).store.snapshots.values():
            for number, snapshot in enumerate(sorted(held.values(), key=lambda one: one.created)):
                snapshot.referenced = 10**12 - number * 10**9
        answer = await made.call("truenas_forecast_capacity", pool="tank")
        assert answer["growth_bytes_per_day"] < 0  # type: ignore[operator]
        assert answer.get("days_until_full") is None
        assert "does not grow" in str(answer["notes"])


async def test_ten_thousand_snapshots_make_one_request_and_a_small_forecast(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        box(made).fill_snapshots(10_000, "tank/vms")
        answer = await made.call("truenas_forecast_capacity", pool="tank")
        assert "Only the newest 5000" in str(answer["notes"])
        assert len(json.dumps(answer)) / 4 < 1_000
        assert calls_of(made, "pool.snapshot.query") == 1


values = st.one_of(st.none(), st.floats(-1e9, 1e9))


@given(
    st.lists(st.tuples(st.floats(0, 3600), values, values), max_size=200).map(lambda rows: [list(row) for row in rows]),
    st.integers(1, 60),
)
def test_thinning_loses_no_value_and_invents_none(rows: list[list[float | None]], parts: int) -> None:
    stretches = thinned(rows, 0, 3600, parts)
    assert len(stretches) <= parts
    assert sum(one.count for one in stretches) == sum(value is not None for row in rows for value in row[1:])
    for one in stretches:
        for low, mean, high in zip(one.low, one.mean, one.high, strict=True):
            assert (low is None) == (mean is None) == (high is None)
            if low is not None and mean is not None and high is not None:
                slack = 1e-3 * max(abs(low), abs(high))
                assert low - slack <= mean <= high + slack


@given(st.floats(-1e12, 1e12), st.integers(3, 90), st.integers(0, 2))
def test_a_trend_is_not_moved_by_a_leap(per_day: float, count: int, leaps: int) -> None:
    points = [(day * DAY_S, 1e13 + per_day * day) for day in range(max(count, 12))]
    for number in range(leaps):
        points[3 + number] = (points[3 + number][0], 9e14)
    slope = slope_per_day(points)
    assert slope is not None
    if not leaps:
        assert slope == pytest.approx(per_day, rel=1e-3, abs=1e3)
    else:
        assert slope < 9e13 / 4


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(0.0, 1.0), (DAY_S, 2.0)], [(0.0, 1.0), (5.0, 2.0), (9.0, 3.0)]])
def test_too_little_makes_no_trend(points: list[tuple[float, float]]) -> None:
    assert slope_per_day(points) is None
