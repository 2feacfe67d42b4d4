"""The iDRAC client: one BMC. Ids are discovered, never assumed (contract 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.appliances.idrac.collections import Collections
from holdfast.appliances.idrac.errors import NotReadyError
from holdfast.appliances.idrac.logins import ROOT
from holdfast.appliances.idrac.places import Places
from holdfast.appliances.idrac.reading import text
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.appliances.idrac.writing import Answered, Writing
from holdfast.errors import HoldfastError, RefusedError
from holdfast.transport import ConnectionPool
from holdfast.transport.values import JsonObject

__all__ = ["Answered", "IDracClient", "open_client"]


class IDracClient(Writing, Collections):
    """Client of one iDRAC.

    Args:
        config: `IDracSettings`, or a mapping with the same keys (the resilience guide's).
        pool: Shared connections; a pool of its own when omitted.
        on_secret: Told every secret that a login brings, for redaction.

    Methods raise `holdfast.errors.HoldfastError`; while the circuit is open that error also is a
    `pybreaker.CircuitBreakerError`.
    """

    def __init__(
        self,
        config: IDracSettings | Mapping[str, object],
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(config, pool=pool, on_secret=on_secret)
        self._plain = set()
        self.places = Places(self)

    def gone(self) -> None:
        """Look for everything anew."""
        self.places.forget()

    def elsewhere(self, host: str) -> IDracClient:
        """A client for the same iDRAC at another address: same credentials, its certificate held to the same name."""
        name = self.settings.tls_server_name or self.settings.host
        settings = self.settings.model_copy(update={"host": host, "tls_server_name": name})
        return IDracClient(settings, pool=self._pool, on_secret=self._on_secret)

    async def answers(self) -> bool:
        """Whether it answers with a login now. Asked past the circuit: an outage that was expected is no failure."""
        try:
            await self._attempt(self._request(self._own(text(await self.root(), "Systems/@odata.id") or ROOT)))
        except HoldfastError:
            return False
        return True

    async def get_system_info(self) -> JsonObject:
        """`{"root": {...}, "system": {...}, "manager": {...}}`: service root, system and manager resources.

        Raises:
            NotReadyError: The collections are empty: the iDRAC is not ready yet (contract 2).
        """
        root = await self.root()
        systems, managers = await self.systems(), await self.collection("Managers")
        if not systems or not managers:
            raise NotReadyError(
                "The iDRAC lists no system yet: it is starting or collecting its inventory.",
                retry_after_s=30,
            )
        return {"root": root, "system": systems[0], "manager": managers[0]}

    async def identity(self) -> str:
        """Service tag of the server behind this iDRAC, asked now: addresses of iDRACs get reused.

        Raises:
            RefusedError: The configuration names another one.
        """
        system = await self.places.system()
        tag = text(system, "SKU", "Oem/Dell/DellSystem/ChassisServiceTag", "SerialNumber", "UUID") or ""
        wanted = self.settings.service_tag
        if wanted is not None and wanted.upper() != tag.upper():
            raise RefusedError(
                f"The server here has the service tag {tag}, not {wanted}. Nothing was executed.",
                next_step="Check the target's address: it may have been given to another iDRAC.",
            )
        return tag


def open_client(
    settings: IDracSettings, *, pool: ConnectionPool, on_secret: Callable[[str], None] | None = None
) -> IDracClient:
    """The client that the server uses; nothing is sent before its first call."""
    return IDracClient(settings, pool=pool, on_secret=on_secret)
