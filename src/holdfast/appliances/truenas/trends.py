"""Series of numbers made small: thinned into stretches of time, and their trend. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

DAY_S: Final = 86_400.0
_MOST_PAIRED: Final = 48
"""Points of a trend; the slopes of all their pairs are compared."""


@dataclass(frozen=True)
class Stretch:
    """Least, mean and most of each series in a stretch of time; None where there was nothing."""

    start: float
    low: list[float | None]
    mean: list[float | None]
    high: list[float | None]
    count: int


def thinned(rows: Sequence[Sequence[float | None]], start: float, end: float, parts: int) -> list[Stretch]:
    """Rows `[time, value, …]` as at most `parts` stretches of equal length, empty ones left out.

    Args:
        rows: Times in seconds, with one value for each series.
        start, end: The whole time.
        parts: How many stretches.
    """
    step = max((end - start) / parts, 1.0)
    groups: dict[int, list[Sequence[float | None]]] = {}
    for row in rows:
        if row and row[0] is not None and start <= row[0] <= end:
            groups.setdefault(min(int((row[0] - start) / step), parts - 1), []).append(row)
    return [_together(start + number * step, groups[number]) for number in sorted(groups)]


def _together(start: float, rows: Sequence[Sequence[float | None]]) -> Stretch:
    series = max(len(row) for row in rows) - 1
    columns = [[row[n] for row in rows if len(row) > n and row[n] is not None] for n in range(1, series + 1)]
    values = [[float(value) for value in column if value is not None] for column in columns]
    return Stretch(
        start=start,
        low=[_rounded(min(column)) if column else None for column in values],
        mean=[_rounded(fmean(column)) if column else None for column in values],
        high=[_rounded(max(column)) if column else None for column in values],
        count=sum(len(column) for column in values),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}") if abs(value) < 1e15 else value


def slope_per_day(points: Sequence[tuple[float, float]]) -> float | None:
    """The median slope of (seconds, value) by the day (Theil and Sen), which single leaps do not move; None for fewer
    than three points, or for less than a day.
    """
    ordered = sorted(set(points))
    if len(ordered) < 3 or ordered[-1][0] - ordered[0][0] < DAY_S:
        return None
    if len(ordered) > _MOST_PAIRED:
        last = len(ordered) - 1
        ordered = [ordered[round(n * last / (_MOST_PAIRED - 1))] for n in range(_MOST_PAIRED)]
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for n, earlier in enumerate(ordered)
        for later in ordered[n + 1 :]
        if later[0] > earlier[0]
    ]
    return median(slopes) * DAY_S if slopes else None
