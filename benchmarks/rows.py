"""What a benchmark reports: a list of rows, printed as a table and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True)
class Row:
    """One figure. `bound` is None where nothing is promised; `ok` tells whether it is kept."""

    name: str
    value: float
    unit: str
    bound: float | None
    ok: bool

    @classmethod
    def at_most(cls, name: str, value: float, unit: str, bound: float | None) -> Row:
        """A figure that must not exceed its bound."""
        return cls(name, round(value, 4), unit, bound, bound is None or value <= bound)


def middle(values: Iterable[float]) -> float:
    """The median."""
    return float(median(values))


def show(rows: list[Row]) -> None:
    """Print a table."""
    table = Table("figure", "value", "unit", "bound", "")
    for row in rows:
        bound = "" if row.bound is None else f"<= {row.bound:g}"
        table.add_row(row.name, f"{row.value:g}", row.unit, bound, "ok" if row.ok else "OVER")
    Console().print(table)


def write(rows: list[Row]) -> None:
    """Write benchmarks/results/latest.json."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
