"""The long matrix: what `make test` leaves to `make matrix`; `.ci/run` does both.

The tables of a room are driven by `make test` on the release that most people have, by `make matrix` on all others.
What is special to a release has tests of its own, which are not of the matrix. Other long tables mark their own rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

COMMON = {"truenas": "25.10", "idrac": "9"}
"""The release on which the tables are driven by `make test`. Proxmox and pfSense have too few releases for a matrix."""
TABLES = (
    "test_every_tool.py",
    "test_odd_answers.py",
    "test_writes.py",
    "test_lost_answers.py",
    "test_late_failures.py",
    "test_refused_values.py",
    "test_jobs_that_end_badly.py",
    "test_round_trips.py",
)


def in_part(rows: Iterable[object]) -> list[object]:
    """Rows of a long table: every fourth is driven by `make test`, the others by `make matrix`."""
    return [pytest.param(row, marks=() if number % 4 == 0 else pytest.mark.matrix) for number, row in enumerate(rows)]


def belongs(item: pytest.Item) -> bool:
    """Whether a test is a row of a table on another release than the common one."""
    common = COMMON.get(item.path.parent.name)
    if common is None or item.path.parent.parent.name != "appliances" or item.path.name not in TABLES:
        return False
    called = getattr(item, "callspec", None)
    return called is not None and called.params.get("persona", common) != common


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if belongs(item):
            item.add_marker(pytest.mark.matrix)
