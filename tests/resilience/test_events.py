"""Who hears what: the hub, the log lines, structured logs, Prometheus, OpenTelemetry."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from holdfast.resilience import CircuitOpenError, Event, EventKind, Events, Executor, Operation, Policy
from holdfast.resilience.events import Sink
from holdfast.resilience.otel import observe, span_event_sink
from holdfast.resilience.prometheus import ResilienceCollector
from holdfast.resilience.structured import structlog_sink
from holdfast.resilience.testing import START, ManualClock, Recorder
from tests.resilience.conftest import Attempts, always

READ = Operation("read", retry_safe=True)


def busy_executor(clock: ManualClock, events: Events) -> Executor:
    """One that has seen a bit of everything: two successes, a retry, an opening, a rejection."""
    executor = Executor("pfsense_api", Policy(circuit_breaker_fail_max=1), clock=clock.clock, events=events)
    executor.run_sync(READ, Attempts())
    executor.run_sync(READ, Attempts(ConnectionError("Connection error")))
    with pytest.raises(RuntimeError):
        executor.run_sync(READ, always(lambda: RuntimeError("internal")))
    with pytest.raises(CircuitOpenError):
        executor.run_sync(READ, Attempts())
    return executor


class TestSentences:
    """The guide's lines character for character, and ours."""

    @pytest.mark.parametrize(
        ("event", "level", "sentence"),
        [
            (
                Event(EventKind.RETRY, "pfsense_api", 0.0, "read", 2, 3, 2.0, "Connection error"),
                "WARNING",
                "Retry attempt 2/3 failed: Connection error, retrying in 2s...",
            ),
            (
                Event(EventKind.OPENED, "pfsense_api", 0.0, count=5),
                "WARNING",
                "Circuit breaker 'pfsense_api' opened after 5 failures",
            ),
            (
                Event(EventKind.HALF_OPEN, "pfsense_api", 0.0),
                "INFO",
                "Circuit breaker 'pfsense_api' half-open, testing connection",
            ),
            (Event(EventKind.CLOSED, "pfsense_api", 0.0), "INFO", "Circuit breaker 'pfsense_api' closed"),
            (
                Event(EventKind.RETRY, "a", 0.0, "read", 1, 3, 1.25, "x"),
                "WARNING",
                "Retry attempt 1/3 failed: x, retrying in 1.25s...",
            ),
            (
                Event(EventKind.GAVE_UP, "a", 0.0, "read", reason="why", error="x"),
                "WARNING",
                "'read' of 'a' not repeated: why (x)",
            ),
            (
                Event(EventKind.ISOLATED, "a", 0.0, reason="update"),
                "WARNING",
                "Circuit breaker 'a' held open by an operator: update",
            ),
            (Event(EventKind.RELEASED, "a", 0.0), "INFO", "Circuit breaker 'a' released by an operator"),
            (
                Event(EventKind.REJECTED, "a", 0.0, count=7),
                "WARNING",
                "Circuit breaker 'a' rejected 7 calls while open",
            ),
            (Event(EventKind.PROBE_OK, "a", 0.0), "DEBUG", "Health probe of 'a' succeeded"),
            (Event(EventKind.PROBE_FAILED, "a", 0.0, error="x"), "DEBUG", "Health probe of 'a' failed: x"),
            (
                Event(EventKind.OVERLOADED, "a", 0.0, "read", count=100),
                "WARNING",
                "'a' refused 'read': 100 calls already wait",
            ),
            (
                Event(EventKind.DEADLINE, "a", 0.0, "read", wait_s=50.04),
                "WARNING",
                "'read' of 'a' ran out of time after 50s",
            ),
            (
                Event(EventKind.STALE, "a", 0.0, "read", error="x", age_s=29.6),
                "INFO",
                "'read' of 'a' answered with data 30s old: x",
            ),
            (
                Event(EventKind.HEDGED, "a", 0.0, "read", wait_s=1.5),
                "DEBUG",
                "'read' of 'a' sent again after 1.5s without an answer",
            ),
        ],
        ids=lambda value: str(value.kind) if isinstance(value, Event) else "",
    )
    def test_each_event_has_its_sentence_and_level(self, event: Event, level: str, sentence: str) -> None:
        assert event.message == sentence
        assert logging.getLevelName(event.level) == level

    def test_no_kind_is_without(self) -> None:
        for kind in EventKind:
            event = Event(kind, "a", 0.0, "read", error="x", reason="y")
            assert event.message
            assert event.level in (logging.DEBUG, logging.INFO, logging.WARNING)


class TestHub:
    def test_tells_every_observer_until_it_leaves(self) -> None:
        first, second = Recorder(), Recorder()
        events = Events(first)
        leave = events.subscribe(second)
        events.emit(Event(EventKind.CLOSED, "a", 0.0))
        leave()
        leave()
        events.emit(Event(EventKind.CLOSED, "b", 0.0))
        assert [event.name for event in first.events] == ["a", "b"]
        assert [event.name for event in second.events] == ["a"]

    def test_an_observer_that_fails_disturbs_neither_the_call_nor_the_others(
        self, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(event: Event) -> None:
            raise RuntimeError("deaf")

        heard = Recorder()
        executor = Executor("api", clock=clock.clock, events=Events(broken, heard))
        assert executor.run_sync(READ, Attempts(ConnectionError())) == "ok"
        assert len(heard.events) == 1
        assert "An observer of 'api' failed" in caplog.text

    def test_knows_the_executors_alive_by_name(self, clock: ManualClock, events: Events) -> None:
        kept = [Executor(name, clock=clock.clock, events=events) for name in ("b", "a")]
        Executor("gone", clock=clock.clock, events=events)
        gc.collect()
        assert [source.name for source in events.sources()] == ["a", "b"]
        assert events.sources()[1] is kept[0]

    def test_facts_leave_out_what_says_nothing(self) -> None:
        event = Event(EventKind.RETRY, "a", 0.0, "read", 2, 3, 2.0, "x", "ConnectionError")
        assert event.facts() == {
            "kind": "retry",
            "name": "a",
            "operation": "read",
            "attempt": 2,
            "max_attempts": 3,
            "wait_s": 2.0,
            "error": "x",
            "error_type": "ConnectionError",
        }
        assert Event(EventKind.CLOSED, "a", 0.0).facts() == {"kind": "closed", "name": "a"}

    def test_times_are_wall_times(self, clock: ManualClock, events: Events, heard: Recorder) -> None:
        clock.advance(90)
        busy_executor(clock, events)
        assert [event.at for event in heard.events] == [START + 90, START + 91]


class TestLogging:
    def test_by_default_the_guides_lines_go_to_the_library_logger(
        self, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        executor = Executor(
            "pfsense_api", Policy(circuit_breaker_fail_max=2, circuit_breaker_streak=0), clock=clock.clock
        )
        for _ in range(2):
            with pytest.raises(ConnectionError):
                executor.run_sync(READ, always(lambda: ConnectionError("Connection error")))
        clock.advance(60)
        executor.run_sync(READ, Attempts())
        lines = [(record.levelname, record.getMessage()) for record in caplog.records]
        assert {record.name for record in caplog.records} == {"holdfast.resilience"}
        retries = [
            ("WARNING", "Retry attempt 1/3 failed: Connection error, retrying in 1s..."),
            ("WARNING", "Retry attempt 2/3 failed: Connection error, retrying in 2s..."),
        ]
        assert lines == [
            *retries,
            *retries,
            ("WARNING", "Circuit breaker 'pfsense_api' opened after 2 failures"),
            ("INFO", "Circuit breaker 'pfsense_api' half-open, testing connection"),
            ("INFO", "Circuit breaker 'pfsense_api' closed"),
        ]

    @pytest.mark.parametrize(
        ("setup", "shown"),
        [
            ("", ["WARNING: Circuit breaker 'a' opened after 0 failures", "INFO: Circuit breaker 'a' closed"]),
            ("logging.getLogger('holdfast.resilience').setLevel(logging.ERROR)", []),
            (
                "logging.basicConfig(format='%(name)s|%(message)s')",
                [
                    "holdfast.resilience|Circuit breaker 'a' opened after 0 failures",
                    "holdfast.resilience|Circuit breaker 'a' closed",
                ],
            ),
            (
                "logging.getLogger('holdfast').addHandler(logging.StreamHandler())",
                ["Circuit breaker 'a' opened after 0 failures", "Circuit breaker 'a' closed"],
            ),
            (
                "logging.getLogger('holdfast.resilience').propagate = False; logging.basicConfig()",
                ["WARNING: Circuit breaker 'a' opened after 0 failures", "INFO: Circuit breaker 'a' closed"],
            ),
        ],
        ids=["nothing configured", "level chosen", "root configured", "parent configured", "not propagated"],
    )
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_lines_are_shown_once_and_as_the_program_wants(self, setup: str, shown: list[str], when: str) -> None:
        """In a fresh interpreter, because pytest has handlers of its own."""
        order = (setup, "import holdfast.resilience.logs")
        program = "\n".join(
            [
                "import logging",
                *(order if when == "before" else reversed(order)),
                "from holdfast.resilience import Breaker",
                "breaker = Breaker(name='a')",
                "breaker.open()",
                "breaker.close()",
            ]
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr.splitlines() == shown
        assert done.stdout == ""


def test_structlog_gets_the_sentence_and_the_facts(clock: ManualClock) -> None:
    with structlog.testing.capture_logs() as captured:
        busy_executor(clock, Events(structlog_sink("my.logger")))
    assert captured[0] == {
        "event": "Retry attempt 1/3 failed: Connection error, retrying in 1s...",
        "log_level": "warning",
        "logger": "my.logger",
        "kind": "retry",
        "name": "pfsense_api",
        "operation": "read",
        "attempt": 1,
        "max_attempts": 3,
        "wait_s": 1.0,
        "error": "Connection error",
        "error_type": "ConnectionError",
    }
    assert captured[1]["event"] == "Circuit breaker 'pfsense_api' opened after 1 failures"


class TestPrometheus:
    def test_counts_are_read_when_scraped(self, clock: ManualClock, events: Events) -> None:
        executor = busy_executor(clock, events)
        registry = CollectorRegistry()
        ResilienceCollector(events).register(registry)

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(name, {"name": "pfsense_api", **labels})

        assert value("holdfast_calls_total", outcome="successes") == 2
        assert value("holdfast_calls_total", outcome="failures") == 1
        assert value("holdfast_calls_total", outcome="rejected") == 1
        assert value("holdfast_attempt_failures_total") == 2
        assert value("holdfast_retries_total") == 1
        assert value("holdfast_circuit_state", state="open") == 1
        assert value("holdfast_circuit_state", state="closed") == 0
        assert value("holdfast_circuit_opens_total") == 1
        assert value("holdfast_circuit_failures") == 1
        assert value("holdfast_reads_total", way="stale") == 0
        assert value("holdfast_probes_total", result="ok") == 0
        assert value("holdfast_in_flight") == 0
        assert value("holdfast_waiting") == 0
        assert value("holdfast_retry_budget") == executor.retry_budget
        assert value("holdfast_call_duration_seconds_count") == 2
        assert value("holdfast_call_duration_seconds_sum") == pytest.approx(1)
        assert value("holdfast_call_duration_seconds_bucket", le="0.005") == 1
        assert value("holdfast_call_duration_seconds_bucket", le="0.5") == 1
        assert value("holdfast_call_duration_seconds_bucket", le="1.0") == 2
        assert value("holdfast_call_duration_seconds_bucket", le="+Inf") == 2
        executor.run_sync  # noqa: B018 - keeps the executor alive until here
        assert b"# HELP holdfast_calls_total Logical calls by how they ended." in generate_latest(registry)

    def test_a_client_without_a_breaker_has_no_state(self, clock: ManualClock, events: Events) -> None:
        executor = Executor("bare", Policy(circuit_breaker_enabled=False), clock=clock.clock, events=events)
        registry = CollectorRegistry()
        ResilienceCollector(events, prefix="rack").register(registry)
        assert registry.get_sample_value("rack_circuit_state", {"name": executor.name, "state": "closed"}) is None
        assert registry.get_sample_value("rack_retries_total", {"name": "bare"}) == 0


class TestOpenTelemetry:
    def test_instruments_are_read_when_the_meter_asks(self, clock: ManualClock, events: Events) -> None:
        executors = [busy_executor(clock, events)]
        executors.append(Executor("bare", Policy(circuit_breaker_enabled=False), clock=clock.clock, events=events))
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader])
        observe(events, provider)
        data = reader.get_metrics_data()
        assert data is not None
        seen: dict[tuple[str, ...], float] = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points:
                assert isinstance(point, NumberDataPoint)
                labels = dict(point.attributes or {})
                seen[(metric.name, *(str(label) for label in labels.values()))] = point.value
        assert seen["holdfast.calls", "pfsense_api", "successes"] == 2
        assert seen["holdfast.calls", "pfsense_api", "rejected"] == 1
        assert seen["holdfast.retries", "pfsense_api"] == 1
        assert seen["holdfast.circuit.opens", "pfsense_api"] == 1
        assert seen["holdfast.circuit.state", "pfsense_api"] == 2
        assert seen["holdfast.in_flight", "pfsense_api"] == 0
        assert seen["holdfast.waiting", "bare"] == 0
        assert ("holdfast.circuit.state", "bare") not in seen
        provider.shutdown()
        assert len(executors) == 2

    def test_events_appear_on_the_span_of_the_call(self, clock: ManualClock) -> None:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        sink: Sink = span_event_sink()
        with provider.get_tracer("test").start_as_current_span("tool call"):
            busy_executor(clock, Events(sink))
        sink(Event(EventKind.CLOSED, "a", 0.0))  # no span: nothing happens
        (span,) = exporter.get_finished_spans()
        assert [event.name for event in span.events] == ["holdfast.retry", "holdfast.opened"]
        attributes = span.events[0].attributes
        assert attributes is not None
        assert attributes["error"] == "Connection error"
        assert attributes["attempt"] == 1
        provider.shutdown()
