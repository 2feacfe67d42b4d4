"""Prometheus metrics of executors, read from their counters when scraped: calls pay nothing for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.resilience.events import Events, Source
from holdfast.resilience.stats import LATENCY_BOUNDS_S

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

STATES = ("closed", "open", "half-open")
OUTCOMES = ("successes", "failures", "neutral", "cancelled", "rejected", "overloaded", "deadlines")
"""How calls end; each is one value of the label `outcome`."""


class ResilienceCollector:
    """A collector over all executors of a hub.

    Args:
        events: The hub whose executors are exported.
        prefix: First part of every metric's name.
    """

    def __init__(self, events: Events, prefix: str = "holdfast") -> None:
        self._events = events
        self._prefix = prefix

    def register(self, registry: CollectorRegistry | None = None) -> None:
        """Registers this collector; None: with the default registry."""
        from prometheus_client import REGISTRY

        (REGISTRY if registry is None else registry).register(self)

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        p = self._prefix
        calls = CounterMetricFamily(f"{p}_calls", "Logical calls by how they ended.", labels=["name", "outcome"])
        attempts = CounterMetricFamily(f"{p}_attempt_failures", "Attempts that failed.", labels=["name"])
        retries = CounterMetricFamily(f"{p}_retries", "Attempts after the first.", labels=["name"])
        reads = CounterMetricFamily(f"{p}_reads", "Reads answered in a special way.", labels=["name", "way"])
        probes = CounterMetricFamily(f"{p}_probes", "Health probes by result.", labels=["name", "result"])
        duration = HistogramMetricFamily(
            f"{p}_call_duration_seconds", "Duration of successful logical calls.", labels=["name"]
        )
        state = GaugeMetricFamily(f"{p}_circuit_state", "1 for the state the circuit is in.", labels=["name", "state"])
        opens = CounterMetricFamily(f"{p}_circuit_opens", "Times the circuit opened.", labels=["name"])
        streak = GaugeMetricFamily(f"{p}_circuit_failures", "Failed calls in a row.", labels=["name"])
        flight = GaugeMetricFamily(f"{p}_in_flight", "Calls under way.", labels=["name"])
        queue = GaugeMetricFamily(f"{p}_waiting", "Calls waiting for their turn.", labels=["name"])
        budget = GaugeMetricFamily(f"{p}_retry_budget", "Retries allowed right now.", labels=["name"])
        for source in self._events.sources():
            name = [source.name]
            stats = source.stats
            for outcome in OUTCOMES:
                calls.add_metric([source.name, outcome], getattr(stats, outcome))
            attempts.add_metric(name, stats.attempt_failures)
            retries.add_metric(name, stats.retries)
            for way in ("stale", "shared", "hedged"):
                reads.add_metric([source.name, way], getattr(stats, way))
            probes.add_metric([source.name, "ok"], stats.probes_ok)
            probes.add_metric([source.name, "failed"], stats.probes_failed)
            duration.add_metric(name, _cumulative(source), stats.latency_sum_s)
            flight.add_metric(name, source.in_flight)
            queue.add_metric(name, source.waiting)
            budget.add_metric(name, source.retry_budget)
            if source.breaker is not None:
                machine = source.breaker.machine
                now = machine.state
                for each in STATES:
                    state.add_metric([source.name, each], float(each == now))
                opens.add_metric(name, machine.opens)
                streak.add_metric(name, machine.failures)
        yield from (
            calls, attempts, retries, reads, probes, duration, state, opens, streak, flight, queue, budget
        )  # fmt: skip

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are known only when executors exist; asked by the registry at registration."""
        return iter(())


def _cumulative(source: Source) -> list[tuple[str, float]]:
    total = 0
    buckets = []
    for bound, count in zip((*LATENCY_BOUNDS_S, float("inf")), source.stats.buckets(), strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
    return buckets
