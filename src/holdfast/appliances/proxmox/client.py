"""The Proxmox VE client: one cluster (or a single node), many concurrent callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from holdfast.appliances.proxmox.circuits import Circuits
from holdfast.appliances.proxmox.errors import error_of
from holdfast.appliances.proxmox.session import Session
from holdfast.appliances.proxmox.settings import ProxmoxSettings
from holdfast.appliances.wiring import policy_of, pool_of, settings_of, transport_of
from holdfast.errors import ProtocolError
from holdfast.resilience import Breaker, Operation
from holdfast.transport import ConnectionPool, Query, Request, path
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects, get, get_str

MAX_IN_FLIGHT: Final = 4
"""Three workers answer on each node, one call at a time each (contract 1): more in flight only wait there."""

KEEPALIVE_S: Final = 4.0
"""pveproxy closes idle connections after 5.0 s (contract 1)."""

SERVER_VERDICT_S: Final = 35.0
"""Attempts outlast the proxy's own verdict at 30 s (596): giving up first would only hide the outcome."""


class AsyncProxmoxClient:
    """Client of the Proxmox VE API.

    Args:
        config: `ProxmoxSettings`, or a mapping with the same keys (the resilience guide's).
        pool: Shared connections; a pool of its own when omitted.
        on_secret: Told every secret that a login brings, for redaction.

    Methods raise `holdfast.errors.HoldfastError`; while the circuit is open that error also is a
    `pybreaker.CircuitBreakerError`.
    """

    def __init__(
        self,
        config: ProxmoxSettings | Mapping[str, object],
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        settings = settings_of(ProxmoxSettings, config)
        self.settings = settings
        self._own_pool = pool is None
        self._pool = pool if pool is not None else pool_of(settings)
        self._http = transport_of(settings, self._pool, keepalive_s=KEEPALIVE_S)
        policy = policy_of(settings, max_in_flight=MAX_IN_FLIGHT)
        self._attempt_timeout_s = max(settings.timeout, SERVER_VERDICT_S)
        self._session = Session(settings, self._http.send, on_secret=on_secret)
        self._circuits = Circuits(policy, settings.label, probe=self._probe)
        self._version: JsonObject | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def circuit_breaker(self) -> Breaker | None:
        """The circuit of the cluster's address; None when switched off."""
        return self._circuits.address.breaker

    def circuits(self) -> Mapping[str, Breaker]:
        """All circuits by name, those of nodes included."""
        return self._circuits.breakers()

    async def close(self) -> None:
        """Release connections. API tokens and tickets need no log-out (contract 2)."""
        if self._own_pool:
            await self._pool.close()

    async def get(
        self, *segments: str | int, query: Query | None = None, node: str | None = None, name: str | None = None
    ) -> JsonValue:
        """GET `/api2/json/SEGMENTS`; the `data` of the answer.

        Args:
            segments: Path below `/api2/json`, each quoted.
            query: Parameters; booleans as 0 or 1.
            node: The node that answers, when the path is one of a node: its circuit is consulted too.
            name: Name of the operation in logs and metrics; the first segment when omitted.
        """
        operation = Operation(f"GET {name or segments[0]}", retry_safe=True)
        request = Request(
            "GET", path("api2", "json", *segments), query=query, attempt_timeout_s=self._attempt_timeout_s
        )
        return await self._run(operation, node, request)

    async def write(
        self,
        method: str,
        *segments: str | int,
        form: Query | None = None,
        query: Query | None = None,
        node: str | None = None,
        retry_safe: bool = False,
    ) -> JsonValue:
        """POST, PUT or DELETE; the `data` of the answer. Sent at most once unless `retry_safe`.

        DELETE takes its parameters in the query, the others as a form (contract 4).
        """
        operation = Operation(f"{method} {segments[0]}", retry_safe=retry_safe)
        request = Request(
            method,
            path("api2", "json", *segments),
            query=query,
            form=form,
            attempt_timeout_s=self._attempt_timeout_s,
            fresh_connection=True,
        )
        return await self._run(operation, node, request)

    async def _run(self, operation: Operation, node: str | None, request: Request) -> JsonValue:
        async def attempt() -> JsonValue:
            return await self._send(request)

        return await self._circuits.run(operation, node, attempt)

    async def _send(self, request: Request) -> JsonValue:
        reply = await self._session.send(request)
        if reply.status != 200:
            raise error_of(reply)
        return get(as_object(reply.json()), "data")

    async def _probe(self) -> None:
        await self._send(Request("GET", path("api2", "json", "version"), attempt_timeout_s=5))

    async def version(self) -> JsonObject:
        """`{version, release, repoid}` of the answering node, asked once."""
        if self._version is None:
            self._version = as_object(await self.get("version"), "version")
        return self._version

    async def get_system_info(self) -> JsonObject:
        """Version of the answering node, name and quorum of the cluster, and its nodes.

        Returns:
            `{"version": {...}, "cluster": {...} | None, "nodes": [{...}, …]}` with the fields of GET /version and
            GET /cluster/status (contract 15.1, 15.4). A single node has no cluster entry.
        """
        version = await self.version()
        rows = as_objects(await self.get("cluster", "status"), "cluster status")
        cluster = next((row for row in rows if row.get("type") == "cluster"), None)
        nodes: list[JsonValue] = [row for row in rows if row.get("type") == "node"]
        return {"version": version, "cluster": cluster, "nodes": nodes}

    async def identity(self) -> str:
        """Who answers: the cluster's name, or the node's where there is no cluster."""
        entries = as_objects(await self.get("cluster", "status", name="cluster/status"), "cluster status")
        for kind in ("cluster", "node"):
            for entry in entries:
                if entry.get("type") == kind:
                    return f"{kind} {get_str(entry, 'name')}"
        raise ProtocolError("Proxmox names neither a cluster nor a node.")

    async def cluster_resources(self) -> list[JsonObject]:
        """GET /cluster/resources: nodes, guests, storages, pools in one call (contract 8), sorted by id."""
        rows = as_objects(await self.get("cluster", "resources", name="cluster/resources"), "resources")
        return sorted(rows, key=lambda row: str(row.get("id", "")))


def open_client(settings: ProxmoxSettings, *, pool: ConnectionPool) -> AsyncProxmoxClient:
    """The client that the server uses; nothing is sent before its first call."""
    return AsyncProxmoxClient(settings, pool=pool)
