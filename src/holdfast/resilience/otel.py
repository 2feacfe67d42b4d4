"""OpenTelemetry: counters and gauges read when the meter asks, and events on the span of the call concerned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from holdfast.resilience.events import Event, Events, Source

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

STATE_NUMBERS = {"closed": 0, "half-open": 1, "open": 2}
"""The state as a number, for gauges."""


def span_event_sink() -> Callable[[Event], None]:
    """A sink that adds every event to the current span: retries and state changes appear in the trace of the call
    that met them.

    Raises:
        ImportError: opentelemetry-api is not installed.
    """
    from opentelemetry import trace

    def sink(event: Event) -> None:
        span = trace.get_current_span()
        if span.is_recording():
            facts = {key: value for key, value in event.facts().items() if value is not None}
            span.add_event(f"holdfast.{event.kind}", facts)

    return sink


def observe(events: Events, provider: MeterProvider | None = None) -> None:
    """Creates the instruments for all executors of a hub.

    Args:
        events: The hub whose executors are observed.
        provider: None: the global one.

    Raises:
        ImportError: opentelemetry-api is not installed.
    """
    from opentelemetry import metrics

    source = metrics.get_meter_provider() if provider is None else provider
    meter: Meter = source.get_meter("holdfast.resilience")
    counter, gauge = meter.create_observable_counter, meter.create_observable_gauge
    counter("holdfast.calls", [_observer(events, _calls)], "{call}", "Logical calls by how they ended.")
    counter("holdfast.retries", [_observer(events, _retries)], "{attempt}", "Attempts after the first.")
    counter("holdfast.circuit.opens", [_observer(events, _opens)], "{time}", "Times the circuit opened.")
    gauge("holdfast.circuit.state", [_observer(events, _state)], "1", "0 closed, 1 half-open, 2 open.")
    gauge("holdfast.in_flight", [_observer(events, _in_flight)], "{call}", "Calls under way.")
    gauge("holdfast.waiting", [_observer(events, _waiting)], "{call}", "Calls waiting for their turn.")


Reading = Iterable[tuple[float, dict[str, str]]]


def _observer(events: Events, read: Callable[[Source], Reading]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    from opentelemetry.metrics import Observation

    def callback(_options: CallbackOptions) -> Iterable[Observation]:
        for source in events.sources():
            for value, labels in read(source):
                yield Observation(value, {"name": source.name, **labels})

    return callback


def _calls(source: Source) -> Reading:
    stats = source.stats
    return [
        (getattr(stats, outcome), {"outcome": outcome})
        for outcome in ("successes", "failures", "neutral", "cancelled", "rejected", "overloaded", "deadlines")
    ]


def _retries(source: Source) -> Reading:
    return [(source.stats.retries, {})]


def _opens(source: Source) -> Reading:
    return [] if source.breaker is None else [(source.breaker.machine.opens, {})]


def _state(source: Source) -> Reading:
    return [] if source.breaker is None else [(STATE_NUMBERS[source.breaker.machine.state], {})]


def _in_flight(source: Source) -> Reading:
    return [(source.in_flight, {})]


def _waiting(source: Source) -> Reading:
    return [(source.waiting, {})]
