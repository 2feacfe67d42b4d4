"""The guide's metrics dictionary (guide, "Metrics")."""

from __future__ import annotations

from typing import TypedDict

import pybreaker

from holdfast.resilience.breaker import Breaker
from holdfast.resilience.clock import guide_time


class BreakerMetrics(TypedDict, total=False):
    """The guide's six fields, and more under other names.

    Attributes:
        name: Name of the breaker.
        state: ``closed``, ``open`` or ``half-open``, as of now.
        fail_counter: Failed calls in a row.
        success_counter: Successful calls since the breaker was made.
        last_failure: UTC time of the last counted failure, ``2024-01-01 12:00:00``, or None.
        opened_at: UTC time at which the circuit opened while it is not closed, else None.
        retry_after_s: Seconds until a call may be let through; None while held open.
        rejected: Calls refused since the breaker was made.
        opens: Times it opened.
        reopened: Failed tests in a row since it was last closed.
        failure_counter: Failed calls since the breaker was made.
        stale_results: Results of calls that began in an earlier state, and were ignored.
        isolated: Why an operator holds it open, or None.
        last_error: Type and text of the last counted failure, or None.
        window_calls, window_failure_rate, window_slow_rate: The sliding window, when there is one.
    """

    name: str | None
    state: str
    fail_counter: int
    success_counter: int
    last_failure: str | None
    opened_at: str | None
    retry_after_s: float | None
    rejected: int
    opens: int
    reopened: int
    failure_counter: int
    stale_results: int
    isolated: str | None
    last_error: str | None
    window_calls: int
    window_failure_rate: float
    window_slow_rate: float


def get_circuit_breaker_metrics(circuit_breaker: pybreaker.CircuitBreaker | None) -> BreakerMetrics:
    """Metrics of a breaker in the guide's format (guide, "Metrics"); empty for None (a client whose breaker is turned
    off).

    A stock `pybreaker.CircuitBreaker` gives what it knows: no times, and its own meaning of `success_counter`.
    """
    if circuit_breaker is None:
        return {}
    if not isinstance(circuit_breaker, Breaker):
        return {
            "name": circuit_breaker.name,
            "state": circuit_breaker.current_state,
            "fail_counter": circuit_breaker.fail_counter,
            "success_counter": int(getattr(circuit_breaker, "success_counter", 0)),
            "last_failure": None,
            "opened_at": None,
        }
    machine = circuit_breaker.machine
    state = machine.state
    metrics: BreakerMetrics = {
        "name": machine.name,
        "state": state,
        "fail_counter": machine.failures,
        "success_counter": machine.successes,
        "last_failure": guide_time(machine.last_failure_s),
        "opened_at": guide_time(machine.opened_at_s),
        "retry_after_s": machine.retry_after_s(),
        "rejected": machine.rejected,
        "opens": machine.opens,
        "reopened": machine.reopened,
        "failure_counter": machine.total_failures,
        "stale_results": machine.stale,
        "isolated": machine.isolated,
        "last_error": machine.last_error,
    }
    rates = machine.rates()
    if rates is not None:
        metrics["window_calls"], metrics["window_failure_rate"], metrics["window_slow_rate"] = rates
    return metrics
