"""The iDRAC client: one BMC. Ids are discovered, never assumed (contract 2)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from holdfast.appliances.idrac.collections import Collections
from holdfast.appliances.idrac.errors import NotReadyError, body_of, error_of, hidden_failure
from holdfast.appliances.idrac.places import Places
from holdfast.appliances.idrac.reading import action_of, text
from holdfast.appliances.idrac.session import PREFIX, Session
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.appliances.lifetime import GuardedClient
from holdfast.appliances.wiring import policy_of, settings_of, transport_of
from holdfast.errors import (
    AuthenticationError,
    ConflictError,
    HoldfastError,
    NotFoundError,
    RefusedError,
    UnsupportedError,
)
from holdfast.resilience import Operation
from holdfast.transport import ConnectionPool, Guard, Part, Query, Reply, Request, path, same_origin_path
from holdfast.transport.values import JsonObject, JsonValue, get_str, opt_object, opt_str

MAX_IN_FLIGHT: Final = 4
"""Most requests at once at an iDRAC 9 or 10 (contract 9)."""
FIRST_IN_FLIGHT: Final = 2
"""Most at once at an iDRAC 7 or 8, and while the generation is not known."""
WRITE_TIMEOUT_S: Final = 120.0
"""A reset of the system may take more than half a minute to be answered (contract 9)."""
DOWNLOAD_S: Final = 900.0
"""Longest time for a file of the iDRAC: a support collection has hundreds of megabytes (contract 12.18)."""
UPLOAD_TIMEOUT_S: Final = 3600.0
"""An image may take an hour on a slow line (contract 9)."""
KEEPALIVE_S: Final = 30.0
"""The iDRAC closes idle connections after 60 s (contract 3)."""

ROOT: Final = path("redfish", "v1")
_JOB: Final = re.compile(r"(?:JID|RID)_[0-9]{1,20}")
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "OData-Version": "4.0"}


@dataclass(frozen=True)
class Answered:
    """What a write was answered.

    Attributes:
        status: HTTP status.
        body: JSON object of the body; empty without one.
        location: Path that `Location` names, if any.
        job: Id of the job that goes on with the work, if one was named.
    """

    status: int
    body: JsonObject
    location: str | None
    job: str | None


class IDracClient(GuardedClient[IDracSettings], Collections):
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
        super().__init__(settings, pool)
        self._on_secret = on_secret
        self._http = transport_of(settings, self._pool, keepalive_s=KEEPALIVE_S)
        self._session = Session(
            settings,
            self._http.send,
            origin=self._http.origin,
            find_sessions=self._sessions_link,
            on_secret=on_secret,
        )
        self._guard = Guard(
            name=settings.circuit_name,
            policy=policy_of(settings, max_in_flight=MAX_IN_FLIGHT),
            probe=self._probe,
            target=settings.label,
        )
        self._root: JsonObject | None = None
        self._slots = asyncio.Semaphore(FIRST_IN_FLIGHT)
        self._allowed = FIRST_IN_FLIGHT
        self._writer = asyncio.Lock()
        self._plain = set()
        self.places = Places(self)

    @property
    def by_basic(self) -> bool:
        """Whether requests log in one by one because all sessions are taken, or none are offered."""
        return self._session.by_basic

    @property
    def pool_full(self) -> bool:
        """Whether requests log in one by one because others have taken all sessions."""
        return self._session.by_basic and self._session.offered

    async def close(self) -> None:
        """Delete our session and release connections."""
        await self._session.close()
        await super().close()

    async def get(self, link: str, *, query: Query | None = None, authenticated: bool = True) -> JsonObject:
        """GET a resource by its path or by a link that the iDRAC gave; links are kept on its origin."""
        request = self._request(self._own(link), query)
        operation = Operation("GET", retry_safe=True)
        return body_of(await self._guard.run(operation, lambda: self._attempt(request, authenticated)))

    async def look(self, link: str) -> JsonObject:
        """GET once and past the circuit: for waiting, where the next look is the retry and an outage is no failure."""
        return body_of(await self._attempt(self._request(self._own(link))))

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
            return await self._http.download(one, destination, max_bytes=max_bytes)

        async def attempt() -> Reply:
            async with self._slots:
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

    async def _attempt(self, request: Request, authenticated: bool = True) -> Reply:
        async with self._slots:
            reply = await (self._session.send(request) if authenticated else self._http.send(request))
        if reply.status >= 400:
            raise error_of(reply)
        return reply

    def allow_for(self, generation: int) -> None:
        """Allow as many requests at once as this generation takes (contract 9)."""
        if generation >= 9 and self._allowed < MAX_IN_FLIGHT:
            for _ in range(MAX_IN_FLIGHT - self._allowed):
                self._slots.release()
            self._allowed = MAX_IN_FLIGHT

    async def _probe(self) -> None:
        request = Request("GET", ROOT, headers=_HEADERS, attempt_timeout_s=5)
        await self._attempt(request, authenticated=False)

    async def answers(self) -> bool:
        """Whether it answers with a login now. Asked past the circuit: an outage that was expected is no failure."""
        try:
            await self._attempt(self._request(self._own(text(await self.root(), "Systems/@odata.id") or ROOT)))
        except HoldfastError:
            return False
        return True

    async def write(self, method: str, link: str, body: JsonObject | None = None) -> Answered:
        """POST, PATCH or DELETE, sent once; one writer at a time for each iDRAC.

        A PATCH carries the entity tag that the resource has now. When the tag has moved meanwhile (412) or was needed
        (428) nothing was executed: if what would be changed has not moved, it is sent again, once. Actions carry none:
        iDRAC10 refuses it there (contract 7).

        Raises:
            HiddenFailureError: Success by its status, an error in its body.
        """
        target = self._own(link)
        async with self._writer:
            try:
                if method == "PATCH":
                    return await self._patch(target, body or {})
                return await self._send(method, target, body)
            except NotFoundError:
                self.places.forget()
                raise

    async def upload(self, link: str, parts: Sequence[Part], *, tagged: bool = False) -> Answered:
        """POST a multipart body, sent once, streamed from disk.

        Args:
            link: Where to.
            parts: The body.
            tagged: Whether the address wants its own entity tag back (the old push of firmware, contract 7).
        """
        target = self._own(link)
        async with self._writer:
            etag = (await self._entity(target))[1] if tagged else None
            request = self._request(target, method="POST", etag=etag)
            request = replace(request, json=None, multipart=tuple(parts), attempt_timeout_s=UPLOAD_TIMEOUT_S)
            return await self._once("POST", request, total_s=UPLOAD_TIMEOUT_S)

    async def _patch(self, target: str, body: JsonObject) -> Answered:
        before, etag = await self._entity(target)
        try:
            return await self._send("PATCH", target, body, etag)
        except ConflictError as error:
            if error.status not in (412, 428):
                raise
            now, etag = await self._entity(target)
            if any(now.get(name) != before.get(name) for name in body):
                raise
            return await self._send("PATCH", target, body, etag)

    async def _entity(self, target: str) -> tuple[JsonObject, str | None]:
        request = self._request(target)
        reply = await self._guard.run(Operation("GET", retry_safe=True), lambda: self._attempt(request))
        body = body_of(reply)
        return body, reply.headers.get("ETag") or text(body, "@odata.etag")

    async def _send(self, method: str, target: str, body: JsonObject | None, etag: str | None = None) -> Answered:
        return await self._once(method, self._request(target, method=method, json=body, etag=etag))

    async def _once(self, method: str, request: Request, total_s: float | None = None) -> Answered:
        limit = request.attempt_timeout_s
        operation = Operation(method, retry_safe=False, attempt_timeout_s=limit, total_timeout_s=total_s)
        reply = await self._guard.run(operation, lambda: self._attempt(request))
        answered = body_of(reply)
        failure = hidden_failure(answered)
        if failure is not None:
            raise failure
        location = reply.headers.get("Location")
        place = self._own(location) if location else None
        return Answered(reply.status, answered, place, _job_of(place, answered))

    async def action(self, resource: JsonObject, name: str, body: JsonObject) -> Answered:
        """Carry out an action that the resource offers.

        Raises:
            UnsupportedError: It does not offer it.
        """
        return await self.write("POST", self.target_of(resource, name), body)

    @staticmethod
    def target_of(resource: JsonObject, name: str) -> str:
        """Address of an action that a resource offers; a capability is an action that exists."""
        found = action_of(resource, name)
        if found is None:
            raise UnsupportedError(f"This iDRAC does not offer {name} here: firmware, licence or hardware lack it.")
        return get_str(found, "target")

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


def _job_of(location: str | None, body: JsonObject) -> str | None:
    for source in (location, text(body, "@odata.id"), text(body, "ReturnValue"), text(body, "Id")):
        if source is not None and (found := _JOB.search(source)):
            return found[0]
    return None


def open_client(
    settings: IDracSettings, *, pool: ConnectionPool, on_secret: Callable[[str], None] | None = None
) -> IDracClient:
    """The client that the server uses; nothing is sent before its first call."""
    return IDracClient(settings, pool=pool, on_secret=on_secret)
