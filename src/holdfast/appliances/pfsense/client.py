"""The pfSense client: one firewall through the REST API package version 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from holdfast.appliances.pfsense.errors import envelope_of
from holdfast.appliances.pfsense.session import Session
from holdfast.appliances.pfsense.settings import PfSenseSettings
from holdfast.appliances.wiring import policy_of, pool_of, settings_of, transport_of
from holdfast.resilience import Breaker, Operation
from holdfast.transport import ConnectionPool, Guard, Query, Request, path
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects, get

MAX_IN_FLIGHT: Final = 4
"""php-fpm has 8 workers at most, shared with the web interface (contract 2)."""

KEEPALIVE_S: Final = 55.0
"""nginx closes idle connections after 70 s (contract 2)."""


class HTTPPfSenseClient:
    """Client of a pfSense firewall.

    Args:
        config: `PfSenseSettings`, or a mapping with the same keys (the resilience guide's).
        pool: Shared connections; a pool of its own when omitted.
        on_secret: Told every secret that a login brings, for redaction.

    Methods raise `holdfast.errors.HoldfastError`; while the circuit is open that error also is a
    `pybreaker.CircuitBreakerError`.
    """

    def __init__(
        self,
        config: PfSenseSettings | Mapping[str, object],
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        settings = settings_of(PfSenseSettings, config)
        self.settings = settings
        self._own_pool = pool is None
        self._pool = pool if pool is not None else pool_of(settings)
        self._http = transport_of(settings, self._pool, keepalive_s=KEEPALIVE_S)
        self._session = Session(settings, self._http.send, on_secret=on_secret)
        self._guard = Guard(
            name="pfsense_api",
            policy=policy_of(settings, max_in_flight=MAX_IN_FLIGHT),
            probe=self._probe,
            target=settings.label,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def circuit_breaker(self) -> Breaker | None:
        """The client's circuit; None when switched off."""
        return self._guard.breaker

    def circuits(self) -> Mapping[str, Breaker]:
        """All circuits by name."""
        return {} if self._guard.breaker is None else {"pfsense_api": self._guard.breaker}

    async def close(self) -> None:
        """Release connections; there is no session to end (contract 3)."""
        if self._own_pool:
            await self._pool.close()

    async def get(self, *segments: str, query: Query | None = None) -> JsonValue:
        """GET `/api/v2/SEGMENTS`; the `data` of the envelope.

        No Content-Type is sent: with one, pfSense ignores the query and lists everything (contract 4).
        """
        request = Request(
            "GET",
            path("api", "v2", *segments),
            query=query,
            attempt_timeout_s=self.settings.timeout,
            connect_timeout_s=self.settings.connect_timeout,
        )
        operation = Operation(f"GET {'/'.join(segments)}", retry_safe=True)
        return await self._guard.run(operation, lambda: self._attempt(request))

    async def _attempt(self, request: Request) -> JsonValue:
        return get(envelope_of(await self._session.send(request)), "data")

    async def _probe(self) -> None:
        await self._attempt(Request("GET", path("api", "v2", "system", "version"), attempt_timeout_s=5))

    async def get_system_info(self) -> JsonObject:
        """Version, host name and status: `{"version": {...}, "hostname": {...}, "status": {...}}` (contract 13.1)."""
        return {
            "version": as_object(await self.get("system", "version"), "version"),
            "hostname": as_object(await self.get("system", "hostname"), "hostname"),
            "status": as_object(await self.get("status", "system"), "status"),
        }

    async def interfaces(self) -> list[JsonObject]:
        """GET /status/interfaces: state, addresses and counters since boot (contract 13.2)."""
        return as_objects(await self.get("status", "interfaces"), "interfaces")


def open_client(settings: PfSenseSettings, *, pool: ConnectionPool) -> HTTPPfSenseClient:
    """The client that the server uses; nothing is sent before its first call."""
    return HTTPPfSenseClient(settings, pool=pool)
