"""`make bench`: everything that is measured; 1 if a bound is exceeded."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.rows import Row, show, write

MODULES = ("bench_resilience", "bench_server", "bench_proxmox", "bench_idrac")


def main() -> int:
    """Run all benchmarks, print the table, write benchmarks/results/latest.json."""
    rows: list[Row] = []
    for name in MODULES:
        found = import_module(f"benchmarks.{name}").run()
        rows += [row if isinstance(row, Row) else Row(**row) for row in found]
    show(rows)
    write(rows)
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
