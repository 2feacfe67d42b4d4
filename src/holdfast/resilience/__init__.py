"""Retry, breaker, deadline, queue and their telemetry; usable alone, for coroutines and threads.

::

    executor = Executor("pfsense_api", Policy.from_config(config))
    answer = await executor.run(Operation("get_status", retry_safe=True), attempt)

A page for users: ``docs/resilience.md``.
"""

from __future__ import annotations

from holdfast.resilience.breaker import Breaker
from holdfast.resilience.classify import default_classify, verdict_for_status
from holdfast.resilience.clock import Clock
from holdfast.resilience.deadline import deadline_scope, remaining_s
from holdfast.resilience.errors import BulkheadFullError, CircuitOpenError, DeadlineExceededError, PolicyError
from holdfast.resilience.events import Event, EventKind, Events
from holdfast.resilience.executor import Executor
from holdfast.resilience.guide import (
    _call_with_circuit_breaker_async,
    call_with_circuit_breaker_async,
    create_circuit_breaker,
    create_retry_decorator,
    retry_with_circuit_breaker,
)
from holdfast.resilience.metrics import BreakerMetrics, get_circuit_breaker_metrics
from holdfast.resilience.model import Classify, Operation, Outcome, Retry, Verdict
from holdfast.resilience.policy import Policy
from holdfast.resilience.retry_after import parse_retry_after
from holdfast.resilience.stale import Answer

__all__ = [
    "Answer",
    "Breaker",
    "BreakerMetrics",
    "BulkheadFullError",
    "CircuitOpenError",
    "Classify",
    "Clock",
    "DeadlineExceededError",
    "Event",
    "EventKind",
    "Events",
    "Executor",
    "Operation",
    "Outcome",
    "Policy",
    "PolicyError",
    "Retry",
    "Verdict",
    "_call_with_circuit_breaker_async",
    "call_with_circuit_breaker_async",
    "create_circuit_breaker",
    "create_retry_decorator",
    "deadline_scope",
    "default_classify",
    "get_circuit_breaker_metrics",
    "parse_retry_after",
    "remaining_s",
    "retry_with_circuit_breaker",
    "verdict_for_status",
]
