"""Requests to one iDRAC: as many at once as it takes, with its session, through its circuit (contract 3, 9)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from holdfast.appliances.idrac.errors import body_of, error_of, verdict_of
from holdfast.appliances.idrac.inflight import LISTEN_S, InFlight, alone, keep_for_request
from holdfast.appliances.idrac.logins import ROOT, answered_late
from holdfast.appliances.idrac.session import LOGOUT_WAIT_S, PREFIX, Session
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.appliances.idrac.unfinished import Unfinished
from holdfast.appliances.lifetime import GuardedClient
from holdfast.appliances.wiring import policy_of, settings_of, transport_of
from holdfast.errors import AuthenticationError, OverloadedError
from holdfast.resilience import Operation
from holdfast.transport import ConnectionPool, GivenUp, Guard, Query, Reply, Request, same_origin_path
from holdfast.transport.values import JsonObject, JsonValue, opt_object, opt_str

MAX_IN_FLIGHT: Final = 4
"""Most requests at once at an iDRAC 9 or 10 (contract 9)."""
FIRST_IN_FLIGHT: Final = 2
"""Most at once at an iDRAC 7 or 8, and while the generation is not known."""
WRITE_TIMEOUT_S: Final = 120.0
"""A reset of the system may take more than half a minute to be answered (contract 9)."""
DOWNLOAD_S: Final = 900.0
"""Longest time for a file of the iDRAC: a support collection has hundreds of megabytes (contract 12.18)."""
KEEPALIVE_S: Final = 30.0
"""The iDRAC closes idle connections after 60 s (contract 3)."""

_log = logging.getLogger("holdfast.idrac")
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "OData-Version": "4.0"}


class Requests(GuardedClient[IDracSettings]):
    """Sends what reads, and what others of the client need to send.

    Args:
        config: `IDracSettings`, or a mapping with the same keys.
        pool: Shared connections; a pool of its own when omitted.
        on_secret: Told every secret that a login brings, for redaction.
    """

    def __init__(
        self,
        config: IDracSettings | Mapping[str, object],
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        settings = settings_of(IDracSettings, config)
        super().__init__(settings, pool)
        self._on_secret = on_secret
        given_up = GivenUp[Reply](LISTEN_S, _go_on_listening)
        self._http = transport_of(settings, self._pool, keepalive_s=KEEPALIVE_S, given_up=given_up)
        self._session = Session(
            settings,
            self._send_alone,
            origin=self._http.origin,
            find_sessions=self._sessions_link,
            on_secret=on_secret,
        )
        self._guard = Guard(
            name=settings.circuit_name,
            policy=policy_of(settings, max_in_flight=MAX_IN_FLIGHT),
            classify=verdict_of,
            probe=self._probe,
            target=settings.label,
        )
        self._root: JsonObject | None = None
        self._in_flight = InFlight(FIRST_IN_FLIGHT)
        self._allowed = FIRST_IN_FLIGHT
        self.unfinished = Unfinished()

    @property
    def by_basic(self) -> bool:
        """Whether requests log in one by one because all sessions are taken, or none are offered."""
        return self._session.by_basic

    @property
    def pool_full(self) -> bool:
        """Whether requests log in one by one because others have taken all sessions."""
        return self._session.full

    @property
    def session_lost(self) -> bool:
        """Whether requests log in one by one because the answer to the opening of a session was lost."""
        return self._session.lost

    def take_over(self, other: Requests) -> None:
        """Delete the sessions of another client with our own: it no longer reaches the iDRAC, which has moved."""
        self._session.take_over(other._session)

    def expect_restart(self) -> None:
        """The iDRAC goes away on our order: that it refuses a login meanwhile proves nothing."""
        self._session.outage.away()

    async def close(self) -> None:
        """Finish what must not be left half done, delete our session and release connections."""
        await self.unfinished.wait()
        try:
            async with self._in_flight.place(LOGOUT_WAIT_S):
                await self._session.close()
        except OverloadedError:
            # One more would be more than it takes; a session that stays ends with its idle time-out.
            _log.warning("%s: the iDRAC answers nothing; its session could not be deleted", self.settings.label)
        await super().close()

    async def get(self, link: str, *, query: Query | None = None, authenticated: bool = True) -> JsonObject:
        """GET a resource by its path or by a link that the iDRAC gave; links are kept on its origin."""
        request = self._request(self._own(link), query)
        operation = Operation("GET", retry_safe=True)
        return body_of(await self._guard.run(operation, lambda: self._attempt(request, authenticated)))

    async def look(self, link: str, *, authenticated: bool = True) -> JsonObject:
        """GET once and past the circuit: for waiting, where the next look is the retry and an outage is no failure."""
        return body_of(await self._attempt(self._request(self._own(link)), authenticated))

    async def ask(self, link: str, body: JsonObject | None = None) -> JsonObject:
        """POST to an action that only reads, such as the readiness of the Lifecycle Controller; may be repeated."""
        request = self._request(self._own(link), method="POST", json=body or {})
        operation = Operation("POST (reads)", retry_safe=True)
        return body_of(await self._guard.run(operation, lambda: self._attempt(request)))

    async def document(self, link: str) -> Reply:
        """GET something that need not be JSON: an exported profile, a file."""
        request = self._request(self._own(link), accept="*/*")
        return await self._guard.run(Operation("GET", retry_safe=True), lambda: self._attempt(request))

    async def download(self, link: str, destination: Path, *, max_bytes: int) -> None:
        """GET a file that the iDRAC made into a new file; it appears only when it is complete."""
        request = replace(self._request(self._own(link), accept="*/*"), attempt_timeout_s=DOWNLOAD_S)

        async def into_file(one: Request) -> Reply:
            await alone(one.attempt_timeout_s)
            return await self._http.download(one, destination, max_bytes=max_bytes)

        async def attempt() -> Reply:
            async with self._in_flight.place(request.attempt_timeout_s):
                reply = await self._session.send(request, by=into_file)
            if reply.status >= 400:
                raise error_of(reply)
            return reply

        operation = Operation("GET file", attempt_timeout_s=DOWNLOAD_S, total_timeout_s=DOWNLOAD_S)
        await self._guard.run(operation, attempt)

    def keep_secret(self, value: str) -> None:
        """Have a secret that goes to the iDRAC redacted from everything that Holdfast says."""
        if self._on_secret is not None:
            self._on_secret(value)

    def _own(self, link: str) -> str:
        return same_origin_path(link, PREFIX, origin=self._http.origin)

    def _request(
        self,
        target: str,
        query: Query | None = None,
        *,
        method: str = "GET",
        json: JsonValue = None,
        accept: str | None = None,
        etag: str | None = None,
    ) -> Request:
        writes = method != "GET"
        headers = {**_HEADERS, **({"Accept": accept} if accept else {}), **({"If-Match": etag} if etag else {})}
        return Request(
            method,
            target,
            query=query,
            json=json,
            headers=headers,
            attempt_timeout_s=max(self.settings.timeout, WRITE_TIMEOUT_S) if writes else self.settings.timeout,
            connect_timeout_s=self.settings.connect_timeout,
            fresh_connection=writes,
        )

    async def _send_alone(self, request: Request) -> Reply:
        """Send from a place that is held, when nothing that was given up is under way from it any more."""
        await alone(request.attempt_timeout_s)
        return await self._http.send(request)

    async def _attempt(self, request: Request, authenticated: bool = True, *, changes: bool = False) -> Reply:
        async with self._in_flight.place(request.attempt_timeout_s):
            session = self._session
            reply = await (session.send(request, changes=changes) if authenticated else self._send_alone(request))
        if reply.status >= 400:
            raise error_of(reply)
        return reply

    def allow_for(self, generation: int) -> None:
        """Allow as many requests at once as this generation takes (contract 9)."""
        if generation >= 9 and self._allowed < MAX_IN_FLIGHT:
            self._in_flight.add(MAX_IN_FLIGHT - self._allowed)
            self._allowed = MAX_IN_FLIGHT

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
            # Within an attempt that holds a slot already.
            reply = await self._send_alone(self._request(ROOT))
            if reply.status in (401, 403):
                return None
            if reply.status >= 400:
                raise error_of(reply)
            self._root = body_of(reply)
        links = opt_object(self._root, "Links")
        sessions = opt_object(links, "Sessions") if links is not None else None
        link = opt_str(sessions, "@odata.id") if sessions is not None else None
        return None if link is None else same_origin_path(link, PREFIX, origin=self._http.origin)


def _go_on_listening(answer: asyncio.Future[Reply | None]) -> None:
    keep_for_request(answer)
    answered_late(answer)
