"""Graphs thinned for a reader, and how a pool fills."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class Graph(Row):
    """A graph that can be read; identifiers (at most 40): which disk, interface or the like."""

    name: Untrusted
    title: Untrusted | None = None
    unit: Annotated[Untrusted | None, From("vertical_label")] = None
    identifiers: list[Untrusted] | None = None


class GraphPage(Page[Graph]):
    """Graphs."""


class Point(Row):
    """A stretch of time, by its beginning; one value for each series, absent where nothing was measured."""

    at: Untrusted
    min: list[float | None]
    mean: list[float | None]
    max: list[float | None]


class Thinned(Answer):
    """Values of a graph, put together in stretches of step_s seconds, and over the whole time.

    series: what the values of a point stand for, in their order; measured: how many values were put together.
    """

    graph: Untrusted
    identifier: Untrusted | None = None
    unit: Untrusted | None = None
    series: list[Untrusted]
    start: Untrusted
    end: Untrusted
    step_s: int
    measured: int
    overall: Point
    points: list[Point]


class Growth(Row):
    """A dataset and how fast it grows."""

    dataset: Untrusted
    bytes: int
    bytes_per_day: int
    snapshots: int


class Forecast(Answer):
    """How a pool fills. The growth is that of live data, by the sizes at which snapshots were taken: since, until.

    covered_percent: share of the pool's data that lies in datasets whose growth is known.
    """

    pool: Untrusted
    used_bytes: int
    available_bytes: int
    used_percent: float
    growth_bytes_per_day: int | None = None
    days_until_80_percent: float | None = None
    days_until_full: float | None = None
    full_on: Untrusted | None = None
    datasets: int
    snapshots: int
    since: Untrusted | None = None
    until: Untrusted | None = None
    covered_percent: float | None = None
    growing: list[Growth]
