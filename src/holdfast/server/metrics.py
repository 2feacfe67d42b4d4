"""`/metrics`: circuits, calls to appliances and tool calls, read from counters when they are scraped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

ToolCalls = Mapping[tuple[str, str], int]
"""Calls by tool and outcome: "ok" or the code of an error."""


class ToolCallCollector:
    """Exports how often each tool was called and how it ended."""

    def __init__(self, counts: ToolCalls) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """The counters of this moment."""
        from prometheus_client.core import CounterMetricFamily

        calls = CounterMetricFamily("holdfast_tool_calls", "Tool calls by outcome.", labels=["tool", "outcome"])
        for (tool, outcome), count in sorted(self._counts.items()):
            calls.add_metric([tool, outcome], count)
        yield calls


def exposition(counts: ToolCalls) -> tuple[bytes, str]:
    """Prometheus text of this process, and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    from holdfast.resilience.breaker import default_events
    from holdfast.resilience.prometheus import ResilienceCollector

    registry = CollectorRegistry()
    ResilienceCollector(default_events()).register(registry)
    registry.register(ToolCallCollector(counts))
    return generate_latest(registry), CONTENT_TYPE_LATEST
