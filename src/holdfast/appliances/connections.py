"""The clients of a configuration: opened when first needed, shared from then on, closed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from holdfast.config import Config, TargetSettings

if TYPE_CHECKING:
    from holdfast.resilience import Breaker
    from holdfast.transport import ConnectionPool

_log = logging.getLogger("holdfast.appliances")


OnSecret = Callable[[str], object]


class Client(Protocol):
    """What every appliance's client offers to the floors above."""

    @property
    def circuit_breaker(self) -> Breaker | None:
        """The client's circuit breaker; None when switched off in the configuration."""

    def circuits(self) -> Mapping[str, Breaker]:
        """All circuit breakers by name: the client's own, and those of its parts where it has any (nodes, say)."""

    async def close(self) -> None:
        """End the session and release connections; never raises because the appliance is away."""


class _Opener(Protocol):
    def __call__(self, settings: TargetSettings, *, pool: ConnectionPool, on_secret: OnSecret) -> Client: ...


class OpenConnections:
    """One client per configured target.

    Nothing is imported, connected or logged in before a target is first used. Targets with equal limits share one pool.

    Args:
        config: The targets.
        on_secret: Told every secret that a login brings (tokens, tickets), for redaction.
    """

    def __init__(self, config: Config, on_secret: OnSecret = lambda secret: None) -> None:
        self._config = config
        self._on_secret = on_secret
        self._clients: dict[str, Client] = {}
        self._pools: dict[tuple[int, int], ConnectionPool] = {}
        self._closed = False

    def targets(self, kind: str | None = None) -> Sequence[TargetSettings]:
        """Configured targets, of one kind or of all."""
        return self._config.targets if kind is None else self._config.of_kind(kind)

    def target(self, kind: str, name: str | None) -> TargetSettings:
        """The target of this kind and name; without a name the only one.

        Raises:
            UnknownTargetError: There is none, or the name is needed.
        """
        return self._config.target(kind, name)

    async def client(self, target: TargetSettings) -> Client:
        """The client of a target, opened now if it is not yet."""
        if self._closed:
            raise RuntimeError("the connections are closed")
        known = self._clients.get(target.label)
        if known is None:
            room = import_module(f"holdfast.appliances.{target.kind}")
            known = cast("_Opener", room.open_client)(target, pool=self._pool(target), on_secret=self._on_secret)
            self._clients[target.label] = known
        return known

    def _pool(self, target: TargetSettings) -> ConnectionPool:
        from holdfast.transport import ConnectionPool

        limits = (target.connector_limit, target.connector_limit_per_host)
        if limits not in self._pools:
            self._pools[limits] = ConnectionPool(limit=limits[0], limit_per_host=limits[1])
        return self._pools[limits]

    def breakers(self) -> Sequence[tuple[TargetSettings, str, Breaker]]:
        """Circuit breakers of the clients opened so far: target, name of the circuit, breaker."""
        found: list[tuple[TargetSettings, str, Breaker]] = []
        for target in self._config.targets:
            if (client := self._clients.get(target.label)) is not None:
                found += [(target, name, breaker) for name, breaker in client.circuits().items()]
        return found

    async def close(self) -> None:
        """Close every client (logging out where there is a session), then the pools."""
        self._closed = True
        clients = list(self._clients.items())
        self._clients.clear()
        results = await asyncio.gather(*(client.close() for _, client in clients), return_exceptions=True)
        for (label, _), result in zip(clients, results, strict=True):
            if isinstance(result, Exception):
                _log.warning("closing %s: %s", label, type(result).__name__)
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()
