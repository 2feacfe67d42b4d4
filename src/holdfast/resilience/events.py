"""What happened, told once to whoever wants to know.

An `Event` knows its own sentence (the guide's, character for character, where the guide has one) and its level, so
that every sink says the same. Nothing here runs when a call simply succeeds: counts and latencies of successes are
kept by the executor and read by whoever exports them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet

from holdfast.resilience.errors import describe

if TYPE_CHECKING:
    from holdfast.resilience.breaker import Breaker
    from holdfast.resilience.stats import Stats

_log = logging.getLogger("holdfast.resilience")


class EventKind(StrEnum):
    """Kinds of events; the values are stable names for metrics and structured logs."""

    RETRY = "retry"
    GAVE_UP = "gave_up"
    OPENED = "opened"
    HALF_OPEN = "half_open"
    CLOSED = "closed"
    ISOLATED = "isolated"
    RELEASED = "released"
    REJECTED = "rejected"
    PROBE_OK = "probe_ok"
    PROBE_FAILED = "probe_failed"
    OVERLOADED = "overloaded"
    DEADLINE = "deadline"
    STALE = "stale"
    HEDGED = "hedged"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened (guide, "Logging").

    Attributes:
        kind: What.
        name: The breaker or executor concerned.
        at: When, in seconds since 1970.
        operation: Name of the operation, where one is concerned.
        attempt: Number of the attempt that failed, from 1.
        max_attempts: Attempts allowed.
        wait_s: Seconds until the next attempt, or until a call may be let through.
        error: Text of the error concerned, redacted by the hub.
        error_type: Type of that error.
        count: How many: failures that opened the circuit, calls rejected since the last summary.
        reason: Why: of giving up, of isolating.
        age_s: Age of a stale answer in seconds.
    """

    kind: EventKind
    name: str
    at: float
    operation: str | None = None
    attempt: int = 0
    max_attempts: int = 0
    wait_s: float = 0.0
    error: str | None = None
    error_type: str | None = None
    count: int = 0
    reason: str | None = None
    age_s: float = 0.0

    @property
    def level(self) -> int:
        """The level the event is logged at (`logging.WARNING`, …)."""
        return _LEVELS[self.kind]

    @property
    def message(self) -> str:
        """The event as a sentence."""
        return _SENTENCES[self.kind](self)

    def facts(self) -> dict[str, str | int | float | None]:
        """The event's facts by name, without those that say nothing for this kind; for structured logs."""
        facts: dict[str, str | int | float | None] = {"kind": str(self.kind), "name": self.name}
        for name in _FACTS:
            value = getattr(self, name)
            if value:
                facts[name] = value
        return facts


_FACTS: Final = ("operation", "attempt", "max_attempts", "wait_s", "error", "error_type", "count", "reason", "age_s")

_LEVELS: Final[dict[EventKind, int]] = {
    EventKind.RETRY: logging.WARNING,
    EventKind.GAVE_UP: logging.WARNING,
    EventKind.OPENED: logging.WARNING,
    EventKind.HALF_OPEN: logging.INFO,
    EventKind.CLOSED: logging.INFO,
    EventKind.ISOLATED: logging.WARNING,
    EventKind.RELEASED: logging.INFO,
    EventKind.REJECTED: logging.WARNING,
    EventKind.PROBE_OK: logging.DEBUG,
    EventKind.PROBE_FAILED: logging.DEBUG,
    EventKind.OVERLOADED: logging.WARNING,
    EventKind.DEADLINE: logging.WARNING,
    EventKind.STALE: logging.INFO,
    EventKind.HEDGED: logging.DEBUG,
}

_SENTENCES: Final[dict[EventKind, Callable[[Event], str]]] = {
    EventKind.RETRY: lambda e: (
        f"Retry attempt {e.attempt}/{e.max_attempts} failed: {e.error}, retrying in {e.wait_s:.6g}s..."
    ),
    EventKind.GAVE_UP: lambda e: f"'{e.operation}' of '{e.name}' not repeated: {e.reason} ({e.error})",
    EventKind.OPENED: lambda e: f"Circuit breaker '{e.name}' opened after {e.count} failures",
    EventKind.HALF_OPEN: lambda e: f"Circuit breaker '{e.name}' half-open, testing connection",
    EventKind.CLOSED: lambda e: f"Circuit breaker '{e.name}' closed",
    EventKind.ISOLATED: lambda e: f"Circuit breaker '{e.name}' held open by an operator: {e.reason}",
    EventKind.RELEASED: lambda e: f"Circuit breaker '{e.name}' released by an operator",
    EventKind.REJECTED: lambda e: f"Circuit breaker '{e.name}' rejected {e.count} calls while open",
    EventKind.PROBE_OK: lambda e: f"Health probe of '{e.name}' succeeded",
    EventKind.PROBE_FAILED: lambda e: f"Health probe of '{e.name}' failed: {e.error}",
    EventKind.OVERLOADED: lambda e: f"'{e.name}' refused '{e.operation}': {e.count} calls already wait",
    EventKind.DEADLINE: lambda e: f"'{e.operation}' of '{e.name}' ran out of time after {e.wait_s:.3g}s",
    EventKind.STALE: lambda e: f"'{e.operation}' of '{e.name}' answered with data {e.age_s:.0f}s old: {e.error}",
    EventKind.HEDGED: lambda e: f"'{e.operation}' of '{e.name}' sent again after {e.wait_s:.3g}s without an answer",
}


class Source(Protocol):
    """What exporters read: an executor."""

    name: str
    stats: Stats
    breaker: Breaker | None

    @property
    def in_flight(self) -> int:
        """Calls under way."""

    @property
    def waiting(self) -> int:
        """Calls waiting for their turn."""

    @property
    def retry_budget(self) -> float:
        """Retries allowed right now."""


Sink = Callable[[Event], None]
"""Receives every event. Must be quick; what it raises is logged and goes no further."""


class Events:
    """Hub between the library and its observers.

    Args:
        sinks: First observers. None: the guide's log lines on the standard logger ``holdfast.resilience``.
        redact: Applied to every error text before any sink sees it. If it raises, the text is withheld.
    """

    __slots__ = ("_sinks", "_sources", "redact")

    def __init__(self, *sinks: Sink, redact: Callable[[str], str] | None = None) -> None:
        from holdfast.resilience.logs import log_event

        self._sinks: tuple[Sink, ...] = sinks or (log_event,)
        self._sources: WeakSet[Source] = WeakSet()
        self.redact = redact

    def attach(self, source: Source) -> None:
        """Makes an executor known to exporters, which read its counts when asked; it is not kept alive."""
        self._sources.add(source)

    def sources(self) -> list[Source]:
        """The executors alive now, by name."""
        return sorted(self._sources, key=lambda source: source.name)

    def subscribe(self, sink: Sink) -> Callable[[], None]:
        """Adds an observer; the returned function removes it again."""
        self._sinks = (*self._sinks, sink)

        def unsubscribe() -> None:
            self._sinks = tuple(other for other in self._sinks if other is not sink)

        return unsubscribe

    def text(self, error: BaseException) -> str:
        """What an error says (its type where it says nothing), redacted; its type, too, where redaction fails."""
        text = describe(error)
        if self.redact is None:
            return text
        try:
            return self.redact(text)
        except Exception as failure:  # noqa: BLE001 - the redactor's mistake must never reach the caller
            # Without the failure's own text, which may well hold what was to be hidden.
            _log.error("The function that redacts error texts failed (%s)", type(failure).__name__)
            return type(error).__name__

    def emit(self, event: Event) -> None:
        """Tells every observer; an observer that fails is logged and disturbs nobody."""
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:  # noqa: BLE001 - an observer's mistake must never reach the caller
                _log.exception("An observer of '%s' failed", event.name)
