"""The same events as structured logs, for programs that use structlog."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.resilience.events import Event, Sink


def structlog_sink(name: str = "holdfast.resilience") -> Sink:
    """A sink that logs every event with structlog: the guide's sentence as event, the facts as fields.

    Args:
        name: The field ``logger`` of every record.

    Raises:
        ImportError: structlog is not installed.
    """
    import structlog

    def sink(event: Event) -> None:
        log: Callable[..., object] = structlog.get_logger().log
        log(event.level, event.message, logger=name, **event.facts())

    return sink
