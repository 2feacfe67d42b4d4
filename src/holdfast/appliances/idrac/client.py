"""The iDRAC client: one BMC. Ids are discovered, never assumed (contract 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from holdfast.appliances.idrac.errors import body_of, error_of
from holdfast.appliances.idrac.session import PREFIX, Session
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.appliances.wiring import policy_of, pool_of, settings_of, transport_of
from holdfast.errors import AuthenticationError, ProtocolError
from holdfast.resilience import Breaker, Operation
from holdfast.transport import ConnectionPool, Guard, Query, Request, path, same_origin_path
from holdfast.transport.values import JsonObject, get_object, get_objects, get_str, opt_object, opt_str

MAX_IN_FLIGHT: Final = 2
"""Two on iDRAC 7 and 8; 4 are allowed on 9 and 10 once the generation is known (contract 9)."""

KEEPALIVE_S: Final = 30.0
"""The iDRAC closes idle connections after 60 s (contract 3)."""

ROOT: Final = path("redfish", "v1")
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "OData-Version": "4.0"}


class IDracClient:
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
        settings = settings_of(IDracSettings, config)
        self.settings = settings
        self._own_pool = pool is None
        self._pool = pool if pool is not None else pool_of(settings)
        self._http = transport_of(settings, self._pool, keepalive_s=KEEPALIVE_S)
        self._session = Session(
            settings,
            self._http.send,
            origin=self._http.origin,
            find_sessions=self._sessions_link,
            on_secret=on_secret,
        )
        self._guard = Guard(
            name="idrac_api",
            policy=policy_of(settings, max_in_flight=MAX_IN_FLIGHT),
            probe=self._probe,
            target=settings.label,
        )
        self._root: JsonObject | None = None

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
        return {} if self._guard.breaker is None else {"idrac_api": self._guard.breaker}

    async def close(self) -> None:
        """Delete our session and release connections."""
        await self._session.close()
        if self._own_pool:
            await self._pool.close()

    async def get(self, link: str, *, query: Query | None = None, authenticated: bool = True) -> JsonObject:
        """GET a resource by its path or by a link that the iDRAC gave; links are kept on its origin."""
        request = self._request(same_origin_path(link, PREFIX, origin=self._http.origin), query)
        operation = Operation("GET", retry_safe=True)
        return await self._guard.run(operation, lambda: self._attempt(request, authenticated))

    def _request(self, target: str, query: Query | None = None) -> Request:
        return Request(
            "GET",
            target,
            query=query,
            headers=_HEADERS,
            attempt_timeout_s=self.settings.timeout,
            connect_timeout_s=self.settings.connect_timeout,
        )

    async def _attempt(self, request: Request, authenticated: bool) -> JsonObject:
        reply = await (self._session.send(request) if authenticated else self._http.send(request))
        if reply.status >= 400:
            raise error_of(reply)
        return body_of(reply)

    async def _probe(self) -> None:
        request = Request("GET", ROOT, headers=_HEADERS, attempt_timeout_s=5)
        await self._attempt(request, authenticated=False)

    async def root(self) -> JsonObject:
        """The service root, read once. It answers without a login and proves nothing about the password."""
        if self._root is None:
            try:
                self._root = await self.get(ROOT, authenticated=False)
            except AuthenticationError:
                # Not an iDRAC: others ask for a login here already.
                self._root = await self.get(ROOT)
        return self._root

    async def _sessions_link(self) -> str | None:
        """Where sessions are opened, as the root says; None when it names no place (then Basic is used)."""
        if self._root is None:
            reply = await self._http.send(self._request(ROOT))
            if reply.status in (401, 403):
                return None
            if reply.status >= 400:
                raise error_of(reply)
            self._root = body_of(reply)
        links = opt_object(self._root, "Links")
        sessions = opt_object(links, "Sessions") if links is not None else None
        link = opt_str(sessions, "@odata.id") if sessions is not None else None
        return None if link is None else same_origin_path(link, PREFIX, origin=self._http.origin)

    async def members(self, link: str) -> list[str]:
        """Links of a collection's members, all pages."""
        links: list[str] = []
        following: str | None = link
        while following is not None and len(links) < 10_000:
            page = await self.get(following)
            links += [get_str(member, "@odata.id") for member in get_objects(page, "Members", "collection")]
            after = page.get("Members@odata.nextLink") or page.get("@odata.nextLink")
            following = after if isinstance(after, str) and after != following else None
        return links

    async def collection(self, name: str) -> list[JsonObject]:
        """All members of a collection that the service root names (Systems, Chassis, Managers)."""
        link = get_str(get_object(await self.root(), name, "root"), "@odata.id", name)
        return [await self.get(member) for member in await self.members(link)]

    async def systems(self) -> list[JsonObject]:
        """The ComputerSystem resources; one on a rack server."""
        return await self.collection("Systems")

    async def get_system_info(self) -> JsonObject:
        """`{"root": {...}, "system": {...}, "manager": {...}}`: service root, system and manager resources.

        Raises:
            ProtocolError: The collections are empty: the iDRAC is not ready yet (contract 2).
        """
        root = await self.root()
        systems, managers = await self.systems(), await self.collection("Managers")
        if not systems or not managers:
            raise ProtocolError(
                "The iDRAC lists no system yet: it is starting or collecting its inventory.",
                next_step="Repeat in two minutes.",
            )
        return {"root": root, "system": systems[0], "manager": managers[0]}


def open_client(
    settings: IDracSettings, *, pool: ConnectionPool, on_secret: Callable[[str], None] | None = None
) -> IDracClient:
    """The client that the server uses; nothing is sent before its first call."""
    return IDracClient(settings, pool=pool, on_secret=on_secret)
