"""The state of every circuit, as tool, resource, status page and `holdfast status` show it."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.control.answers import JsonObject, Page, Row
from holdfast.control.cleaning import HouseText
from holdfast.control.context import Connections
from holdfast.resilience import get_circuit_breaker_metrics


class Circuit(Row):
    """One circuit breaker: the guide's fields, and whose it is.

    state: "closed", "open" or "half-open"; a target that was not called yet is closed; "disabled" where the
        configuration switches the breaker off.
    fail_counter: failures in a row. success_counter: successes since the start of the server.
    last_failure, opened_at: UTC, YYYY-MM-DD HH:MM:SS.
    retry_after_s: seconds until an open circuit is tested again.
    """

    identified_by = ("target", "name")

    target: HouseText
    name: HouseText
    state: HouseText
    fail_counter: int = 0
    success_counter: int = 0
    last_failure: HouseText | None = None
    opened_at: HouseText | None = None
    retry_after_s: float | None = None
    tls_verified: bool = True


class CircuitPage(Page[Circuit]):
    """All circuits."""


def circuits(connections: Connections) -> Sequence[Circuit]:
    """Every circuit, those of targets that were not called yet included."""
    found: list[Circuit] = []
    opened = connections.breakers()
    for target in connections.targets():
        own = [(name, breaker) for owner, name, breaker in opened if owner.label == target.label]
        for name, breaker in own:
            metrics = get_circuit_breaker_metrics(breaker)
            retry_after = metrics.get("retry_after_s")
            found.append(
                Circuit(
                    target=target.label,
                    name=name,
                    state=str(metrics["state"]),
                    fail_counter=int(metrics["fail_counter"]),
                    success_counter=int(metrics["success_counter"]),
                    last_failure=metrics["last_failure"],
                    opened_at=metrics["opened_at"],
                    retry_after_s=round(retry_after, 1) if retry_after is not None else None,
                    tls_verified=target.verify,
                )
            )
        if not own:
            state = "closed" if target.circuit_breaker_enabled else "disabled"
            found.append(
                Circuit(target=target.label, name=target.circuit_name, state=state, tls_verified=target.verify)
            )
    return found


def circuit_rows(connections: Connections) -> list[JsonObject]:
    """The same as JSON."""
    return [circuit.model_dump(mode="json", exclude_none=True) for circuit in circuits(connections)]
