"""The Proxmox VE client: one cluster (or a single node), many concurrent callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from holdfast.appliances.lifetime import ApplianceClient
from holdfast.appliances.proxmox.addresses import MAX_IN_FLIGHT, Addresses
from holdfast.appliances.proxmox.circuits import Circuits
from holdfast.appliances.proxmox.here import Here, detect
from holdfast.appliances.proxmox.inventory import Inventory
from holdfast.appliances.proxmox.settings import ProxmoxSettings
from holdfast.appliances.proxmox.upids import KnownTasks
from holdfast.appliances.wiring import policy_of, settings_of
from holdfast.errors import PermissionDeniedError, ProtocolError
from holdfast.resilience import Breaker, Operation
from holdfast.transport import ConnectionPool, Part, Query, Request, path
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects, get, get_str

SERVER_VERDICT_S: Final = 35.0
"""Attempts outlast the proxy's own verdict at 30 s (596): giving up first would only hide the outcome."""


UPLOAD_TIMEOUT_S: Final = 1800.0
"""Longest upload, seconds."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS: Final = _words(
    """access acl agent aliases apt backup backup-info ceph certificates cloudinit cluster config content current disks
    domains download-url exec exec-status firewall flags groups ha info interfaces ipset list log lxc migrate
    move_disk move_volume network nextid not-backed-up options osd pending permissions pool pools prunebackups qemu
    reboot replication reset resize resources resume roles rollback rrddata rules schedule_now sdn services shutdown
    snapshot start state status stop storage subscription suspend tasks template token update upload users vnets vzdump
    zones"""
)


class AsyncProxmoxClient(ApplianceClient[ProxmoxSettings]):
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
        super().__init__(settings, pool)
        self._addresses = Addresses(settings, self._pool, on_secret=on_secret)
        policy = policy_of(settings, max_in_flight=MAX_IN_FLIGHT)
        self._circuits = Circuits(self._addresses, policy, settings.label, settings.circuit_name)
        self._attempt_timeout_s = max(settings.timeout, SERVER_VERDICT_S)
        self._version: JsonObject | None = None
        self.inventory = Inventory(self._resources)
        self.known_tasks = KnownTasks()
        self._here: Here | None = None

    @property
    def circuit_breaker(self) -> Breaker | None:
        """The circuit of the address that the target names; None when switched off."""
        return self._addresses.first.guard.breaker

    def circuits(self) -> Mapping[str, Breaker]:
        """All circuits by name, those of fallbacks and of nodes included."""
        return self._circuits.breakers()

    async def close(self) -> None:
        """Release connections. API tokens and tickets need no log-out (contract 2)."""
        await self.inventory.close()
        await self._addresses.aclose()
        await super().close()

    async def get(self, *segments: str | int, query: Query | None = None, name: str | None = None) -> JsonValue:
        """GET `/api2/json/SEGMENTS`; the `data` of the answer.

        Args:
            segments: Path below `/api2/json`, each quoted. A path below `nodes/NODE` consults that node's circuit too.
            query: Parameters; booleans as 0 or 1.
            name: Name of the operation in logs and metrics; made from the path when omitted.
        """
        return get(await self.envelope(*segments, query=query, name=name), "data")

    async def envelope(self, *segments: str | int, query: Query | None = None, name: str | None = None) -> JsonObject:
        """As `get`, with what stands beside `data`: `total` of tasks and logs, `changes` of a node's network."""
        operation = Operation(f"GET {name or _name(segments)}", retry_safe=True)
        request = Request(
            "GET", path("api2", "json", *segments), query=query, attempt_timeout_s=self._attempt_timeout_s
        )
        return await self._circuits.run(operation, _node(segments), request)

    async def rows(self, *segments: str | int, query: Query | None = None) -> list[JsonObject]:
        """GET of a list of objects."""
        return as_objects(await self.get(*segments, query=query), _name(segments))

    async def object(self, *segments: str | int, query: Query | None = None) -> JsonObject:
        """GET of one object."""
        return as_object(await self.get(*segments, query=query), _name(segments))

    async def write(
        self,
        method: str,
        *segments: str | int,
        form: Query | None = None,
        query: Query | None = None,
        retry_safe: bool = False,
    ) -> JsonValue:
        """POST, PUT or DELETE; the `data` of the answer. Sent at most once unless `retry_safe`.

        DELETE takes its parameters in the query, the others as a form (contract 4).
        """
        request = Request(
            method,
            path("api2", "json", *segments),
            query=query,
            form=form,
            attempt_timeout_s=self._attempt_timeout_s,
            fresh_connection=True,
        )
        return await self._change(method, segments, request, retry_safe)

    async def upload(self, *segments: str | int, fields: Mapping[str, str], file: Path, filename: str) -> JsonValue:
        """POST a file as multipart/form-data, streamed from disk; its part is the last (contract 15.8)."""
        parts = [Part(name, value) for name, value in fields.items()]
        request = Request(
            "POST",
            path("api2", "json", *segments),
            multipart=[*parts, Part("filename", file, filename, "application/octet-stream")],
            attempt_timeout_s=UPLOAD_TIMEOUT_S,
            fresh_connection=True,
        )
        return await self._change("POST", segments, request, retry_safe=False)

    async def _change(
        self, method: str, segments: tuple[str | int, ...], request: Request, retry_safe: bool
    ) -> JsonValue:
        bound = request.attempt_timeout_s + self._addresses.detour_s
        operation = Operation(
            f"{method} {_name(segments)}",
            retry_safe=retry_safe,
            attempt_timeout_s=bound,
            total_timeout_s=max(bound, self.settings.total_timeout),
        )
        try:
            return get(await self._circuits.run(operation, _node(segments), request), "data")
        finally:
            self.inventory.forget()

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
        """Who answers: the cluster, the node where there is no cluster, or the nodes' names for who may see no more."""
        try:
            entries = await self.rows("cluster", "status")
        except PermissionDeniedError:
            # Everybody may list nodes: an account for a few guests needs no privilege on the whole cluster.
            return f"nodes {', '.join(sorted(get_str(row, 'node') for row in await self.rows('nodes')))}"
        for kind in ("cluster", "node"):
            for entry in entries:
                if entry.get("type") == kind:
                    return f"{kind} {get_str(entry, 'name')}"
        raise ProtocolError("Proxmox names neither a cluster nor a node.")

    async def cluster_resources(self) -> list[JsonObject]:
        """GET /cluster/resources: nodes, guests, storages, pools in one call (contract 8), sorted by id, asked anew."""
        return await self.inventory.rows(fresh=True)

    async def _resources(self) -> list[JsonObject]:
        return as_objects(await self.get("cluster", "resources"), "resources")

    @property
    def here(self) -> Here:
        """This machine, to recognise the guest or node that Holdfast runs on; tests set another."""
        return self._here if self._here is not None else detect()

    @here.setter
    def here(self, here: Here) -> None:
        self._here = here

    @property
    def principal(self) -> str:
        """The account as it stands in the ids of its tasks: `user@realm`, or `user@realm!token`."""
        settings = self.settings
        if settings.token_id is not None and settings.token_secret is not None:
            return settings.token_id
        user = settings.username or ""
        return user if "@" in user else f"{user}@pam"


def _node(segments: tuple[str | int, ...]) -> str | None:
    """The node that a path is answered by, if it is one of a node."""
    return str(segments[1]) if len(segments) > 1 and segments[0] == "nodes" else None


def _name(segments: tuple[str | int, ...]) -> str:
    """The path without names and ids, so that there are few different operations in metrics."""
    words = [str(part) for part in segments]
    if words[0] == "nodes":
        kept = ["nodes", *(word for word in words[2:] if word in _WORDS)]
    else:
        kept = [words[0], *(word for word in words[1:] if word in _WORDS)]
    return "/".join(kept)


def open_client(
    settings: ProxmoxSettings, *, pool: ConnectionPool, on_secret: Callable[[str], None] | None = None
) -> AsyncProxmoxClient:
    """The client that the server uses; nothing is sent before its first call."""
    return AsyncProxmoxClient(settings, pool=pool, on_secret=on_secret)
