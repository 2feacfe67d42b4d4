"""What the four clients have in common: their settings, their connections, and that both end with them."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Self, TypeVar

from holdfast.appliances.wiring import pool_of
from holdfast.config import TargetSettings
from holdfast.resilience import Breaker
from holdfast.transport import ConnectionPool, Guard

SettingsT = TypeVar("SettingsT", bound=TargetSettings)


class ApplianceClient(Generic[SettingsT]):
    """A client with connections, which `async with` closes.

    Args:
        settings: Of the target.
        pool: Shared connections; a pool of the client's own when omitted.
    """

    def __init__(self, settings: SettingsT, pool: ConnectionPool | None) -> None:
        self.settings = settings
        self._own_pool = pool is None
        self._pool = pool if pool is not None else pool_of(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the connections, unless they are shared. What logs out does so before."""
        if self._own_pool:
            await self._pool.close()


class GuardedClient(ApplianceClient[SettingsT]):
    """A client with one circuit, that of its `_guard`."""

    _guard: Guard

    @property
    def circuit_breaker(self) -> Breaker | None:
        """The client's circuit; None when switched off."""
        return self._guard.breaker

    def circuits(self) -> Mapping[str, Breaker]:
        """All circuits by name."""
        return {} if self._guard.breaker is None else {self.settings.circuit_name: self._guard.breaker}
