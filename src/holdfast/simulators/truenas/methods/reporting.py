"""`reporting.*`: graphs and their values, and the live event source (contract sections 9 and 15.3).

Values are a deterministic function of graph, identifier and time, so that two readers see the same past.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Settings
from holdfast.simulators.truenas.errors import EINVAL, Json, Row, ValidationFailedError, invalid
from holdfast.simulators.truenas.events import Subscription
from holdfast.simulators.truenas.methods.interfaces import Interfaces
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

UNIT_S = {"HOUR": 3600, "DAY": 86_400, "WEEK": 7 * 86_400, "MONTH": 30 * 86_400, "YEAR": 365 * 86_400}
MAX_POINTS = 3601
RETENTION_S = 30 * 86_400
GIB = 1024**3
# Graph → (title, vertical label, legend without time, mean value, releases that have it end with).
GRAPHS: dict[str, tuple[str, str, tuple[str, ...], float, tuple[int, int]]] = {
    "cpu": ("CPU Usage", "%CPU", ("cpu",), 18.0, (99, 0)),
    "cputemp": ("CPU Temperature", "Celsius", ("cpu",), 48.0, (99, 0)),
    "disk": ("Disk I/O ({identifier})", "KiB/s", ("reads", "writes"), 52_000.0, (99, 0)),
    "interface": ("Interface Traffic ({identifier})", "Kilobits/s", ("received", "sent"), 240_000.0, (99, 0)),
    "load": ("System Load Average", "Processes", ("load1", "load5", "load15"), 0.6, (99, 0)),
    "processes": ("System Active Processes", "Processes", ("active",), 420.0, (99, 0)),
    "memory": ("Physical memory utilization", "Bytes", ("available",), 96.0 * GIB, (99, 0)),
    "uptime": ("System Uptime", "Seconds", ("uptime",), 1_036_800.0, (99, 0)),
    "arcactualrate": ("ARC Actual Cache Hits Rate", "Events/s", ("hits", "misses"), 9000.0, (26, 0)),
    "arcrate": ("ARC Hit Rate", "%", ("hits", "misses"), 90.0, (26, 0)),
    "arcsize": ("ARC Size", "Bytes", ("size",), 120.0 * GIB, (99, 0)),
    "arcresult": ("ARC Result ({identifier})", "%", ("hits", "misses"), 85.0, (26, 0)),
    "disktemp": ("Disk Temperature ({identifier})", "Celsius", ("temperature_value",), 35.0, (99, 0)),
}


def _value(name: str, identifier: str | None, column: str, mean: float, moment: float) -> float:
    """A daily wave with a little of its own, the same for everybody who asks."""
    seed = zlib.crc32(f"{name}/{identifier}/{column}".encode()) % 1000 / 1000
    day = math.sin(2 * math.pi * (moment / 86_400 + seed))
    minute = math.sin(2 * math.pi * (moment / 613 + seed * 3))
    return round(mean * (1 + 0.25 * day + 0.05 * minute), 3)


class Reporting(Namespace):
    """Graphs of the past, and of now."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        Settings(self, "reporting", {"id": 1, "tier0_days": 7, "tier1_days": 30, "tier1_update_interval": 300})
        for alias in ("graphs", "get_data", "graph"):
            self.add(f"reporting.{alias}", getattr(self, alias))
            self.add(f"reporting.netdata_{alias}", getattr(self, alias))
        box.events.sources["reporting.realtime"] = (("REPORTING_READ",), self._realtime)

    def _served(self) -> list[str]:
        return [name for name, graph in GRAPHS.items() if self.box.persona.release < graph[4]]

    def _identifiers(self, name: str) -> list[str] | None:
        if name in ("disk", "disktemp"):
            disks = self.storage.store.disks.values()
            return [f"{d.name} | Type: {d.kind} | Model: {d.model} | Serial: {d.serial}" for d in disks]
        if name == "interface":
            return list(self.box.get(Interfaces).applied)
        return ["demand_data", "prefetch_data"] if name == "arcresult" else None

    def graphs(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Graphs that can be read."""
        rows = [
            {
                "name": name,
                "title": GRAPHS[name][0],
                "vertical_label": GRAPHS[name][1],
                "identifiers": self._identifiers(name),
            }
            for name in self._served()
        ]
        return call.query(rows, filters, options)

    def _span(self, query: Row) -> tuple[int, int]:
        """Start and end, seconds since the epoch. `page: 3` of HOUR means the last three hours."""
        now = int(self.box.clock.now())
        if query.get("unit") is not None:
            if query.get("start") is not None or query.get("end") is not None:
                raise invalid("query.unit", "start/end are mutually exclusive with unit")
            return now - UNIT_S[query["unit"]] * query.get("page", 1), now
        end = min(query.get("end") or now, now)
        start = query.get("start") or end - 3600
        if start >= end:
            raise invalid("query.start", "Start must be before end")
        return max(start, now - RETENTION_S), end

    def get_data(self, call: Call, graphs: list[Row], query: Row) -> list[Row]:
        """Values of several graphs."""
        start, end = self._span(query)
        return [
            row for graph in graphs for row in self._graph(graph["name"], graph.get("identifier"), start, end, query)
        ]

    def graph(self, call: Call, name: str, query: Row) -> list[Row]:
        """Values of one graph, for each of its identifiers."""
        if name not in self._served():
            raise ValidationFailedError([("str", f"{name!r} is not a valid graph plugin.", EINVAL)])
        start, end = self._span(query)
        rows: list[Row] = []
        identifiers: list[str | None] = [None]
        identifiers = list(self._identifiers(name) or identifiers)
        for identifier in identifiers:
            rows += self._graph(name, identifier, start, end, query)
        return rows

    def _graph(self, name: str, identifier: str | None, start: int, end: int, query: Row) -> list[Row]:
        if name not in self._served():
            return []
        known = self._identifiers(name)
        if known is not None:
            match = next((k for k in known if identifier in (k, k.partition(" ")[0])), None)
            if match is None:
                raise invalid("graphs.identifier", f"{identifier!r} is not a valid identifier of graph {name!r}")
            identifier = match
        _, _, columns, mean, _ = GRAPHS[name]
        step = max((end - start) // (MAX_POINTS - 1), 1)
        data = [
            [moment, *(_value(name, identifier, column, mean, moment) for column in columns)]
            for moment in range(start, end + 1, step)
        ]
        aggregations: Row = {"min": {}, "mean": {}, "max": {}}
        if query.get("aggregate", True):
            for index, column in enumerate(columns, start=1):
                values = [row[index] for row in data]
                aggregations["min"][column] = min(values)
                aggregations["max"][column] = max(values)
                aggregations["mean"][column] = round(sum(values) / len(values), 3)
        return [
            {
                "name": name,
                "identifier": identifier,
                "legend": ["time", *columns],
                "data": data,
                "aggregations": aggregations,
                "start": start,
                "end": end,
            }
        ]

    # Now -----------------------------------------------------------------------------------------------------

    def _realtime(self, subscription: Subscription, argument: Json) -> None:
        interval = argument.get("interval", 2) if isinstance(argument, dict) else None
        if not isinstance(interval, int) or isinstance(interval, bool) or interval < 2:
            raise ValidationFailedError([("interval", "Input should be greater than or equal to 2", EINVAL)])
        self.box.events.repeat(subscription, float(interval), self._now_row)

    def _now_row(self) -> Row:
        now = self.box.clock.now()
        total = self.box.server.memory_bytes
        disk_io = {
            disk.name: {
                "read_ops": 12.0,
                "read_bytes": _value("disk", disk.name, "reads", 5e6, now),
                "write_ops": 30.0,
                "write_bytes": _value("disk", disk.name, "writes", 8e6, now),
                "busy": 7.0,
            }
            for disk in self.storage.store.disks.values()
        }
        pools = {
            pool.name: {
                "available": pool.size - self.storage.store.allocated(pool),
                "used": self.storage.store.allocated(pool),
                "total": pool.size,
            }
            for pool in self.storage.store.pools.values()
        }
        return {
            "cpu": {"cpu": {"usage": _value("cpu", None, "cpu", 18.0, now), "temp": 48}},
            "disks": disk_io,
            "interfaces": {
                name: {
                    "received_bytes_rate": 1.2e7,
                    "sent_bytes_rate": 2.4e7,
                    "link_state": "LINK_STATE_UP",
                    "speed": 25_000,
                }
                for name in self.box.get(Interfaces).applied
            },
            "memory": {
                "arc_size": 120 * GIB,
                "arc_free_memory": 30 * GIB,
                "arc_available_memory": 40 * GIB,
                "physical_memory_total": total,
                "physical_memory_available": total // 3,
            },
            "zfs": {
                "demand_accesses_per_second": 900,
                "demand_data_accesses_per_second": 700,
                "l2arc_hits_per_second": 0,
            },
            "pools": pools,
            "failed_to_connect": False,
        }
