"""Time series, thinned to what an answer can hold."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.appliances.proxmox.models.guests import Metric, Metrics
from holdfast.appliances.proxmox.reading import made
from holdfast.transport.values import JsonObject, opt_int


def thinned(rows: Sequence[JsonObject], points: int) -> Metrics:
    """At most so many points, evenly spaced, the newest always among them; points without any value are left out."""
    ordered = sorted(rows, key=lambda row: opt_int(row, "time", lenient=True) or 0)
    known = [row for row in ordered if len(row) > 1]
    stride = max(1, -(-len(known) // points))
    chosen = known[::-1][::stride][::-1]
    times = [opt_int(row, "time", lenient=True) or 0 for row in chosen]
    step = times[1] - times[0] if len(times) > 1 else None
    return Metrics(points=[made(Metric, row) for row in chosen], step_s=step)
