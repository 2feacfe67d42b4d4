"""The pfSense client: one firewall through the REST API package version 2."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar, cast

from holdfast.appliances.lifetime import GuardedClient
from holdfast.appliances.pfsense.errors import classify, envelope_of, executed_by, locked_out
from holdfast.appliances.pfsense.facts import Model, model_named
from holdfast.appliances.pfsense.session import Session
from holdfast.appliances.pfsense.settings import PfSenseSettings
from holdfast.appliances.pfsense.versions import Versions
from holdfast.appliances.wiring import policy_of, settings_of, transport_of
from holdfast.errors import (
    ApplianceError,
    AttemptTimeoutError,
    Executed,
    HoldfastError,
    NotSentError,
    PermissionDeniedError,
)
from holdfast.resilience import Operation
from holdfast.transport import ConnectionPool, Guard, Query, Request, path
from holdfast.transport.values import (
    JsonObject,
    JsonValue,
    as_object,
    as_objects,
    get,
    get_object,
    get_str,
    opt_str,
)

T = TypeVar("T")

MAX_IN_FLIGHT: Final = 4
"""php-fpm has 8 workers at most, shared with the web interface (contract 2)."""

KEEPALIVE_S: Final = 55.0
"""nginx closes idle connections after 70 s (contract 2)."""

WRITE_ATTEMPT_S: Final = 75.0
"""A write waits up to 61 s for the configuration's lock (contract 9.2): giving up first would hide the outcome."""

WRITE_TOTAL_S: Final = 85.0

SLOW_ATTEMPT_S: Final = 175.0
"""nginx itself gives up after 180 s (contract 2): for what is synchronous and slow, such as packages."""


class HTTPPfSenseClient(GuardedClient[PfSenseSettings]):
    """Client of a pfSense firewall.

    Args:
        config: `PfSenseSettings`, or a mapping with the same keys (the resilience guide's).
        pool: Shared connections; a pool of its own when omitted.
        on_secret: Told every secret that a login brings, for redaction.

    There is no session to end (contract 3). Methods raise `holdfast.errors.HoldfastError`; while the circuit is open
    that error also is a `pybreaker.CircuitBreakerError`.

    Attributes:
        versions: The release of the REST API package, and what it can.
        waiting: Subsystems that Holdfast changed and that were not applied since, as far as this process knows.
        last_creation_at: When an object with a time for its identity was created last, seconds since the epoch.
    """

    def __init__(
        self,
        config: PfSenseSettings | Mapping[str, object],
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        settings = settings_of(PfSenseSettings, config)
        super().__init__(settings, pool)
        self._http = transport_of(settings, self._pool, keepalive_s=KEEPALIVE_S)
        self._session = Session(settings, self._http.send, on_secret=on_secret)
        self._guard = Guard(
            name=settings.circuit_name,
            policy=policy_of(settings, max_in_flight=MAX_IN_FLIGHT),
            classify=classify,
            probe=self._probe,
            target=settings.label,
        )
        self.versions = Versions(self)
        self.waiting: set[str] = set()
        self.last_creation_at = 0.0
        self._writer = asyncio.Lock()
        self._memory: dict[str, tuple[object, float]] = {}

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

    async def rows(self, model: Model, query: Query | None = None) -> list[JsonObject]:
        """Every object of a collection, in its order. For nested models the children of all parents (contract 6)."""
        segments = model.path("GET", plural=True)
        return as_objects(await self.get(*segments, query=query), model.name)

    async def single(self, model: Model) -> JsonObject:
        """The one object of a model that is not a collection."""
        return as_object(await self.get(*model.path("GET")), model.name)

    async def validate(self, method: str, model: Model, body: JsonObject) -> JsonValue:
        """Dry run of one POST, PATCH or DELETE: the object as pfSense would take it. Stores nothing.

        Only to be called when `versions.has_dry_run()` said so: on older releases the write really happens.
        """
        return await self._send(method, model, {**body, "dry_run": True}, self.settings.timeout, None)

    async def write(
        self, method: str, model: Model, body: JsonObject, *, attempt_s: float = WRITE_ATTEMPT_S
    ) -> JsonValue:
        """POST, PATCH or DELETE one object; sent once, on a fresh connection. Call it inside `writing()`.

        There is no way to send a bulk DELETE or a PUT: pfSense ignores a misspelt query and deletes everything
        (contract 10.1), and PUT replaces whole collections.
        """
        return await self._send(method, model, body, attempt_s, attempt_s + (WRITE_TOTAL_S - WRITE_ATTEMPT_S))

    async def act(self, model: Model, body: JsonObject) -> JsonValue:
        """POST what changes nothing and may be repeated: a ping."""
        return await self._send("POST", model, body, self.settings.timeout, None, retry_safe=True)

    async def start_apply(self, model: Model, body: JsonObject, *, attempt_s: float) -> JsonValue:
        """POST an apply endpoint, which is safe to repeat (contract 8)."""
        return await self._send("POST", model, body, attempt_s, attempt_s + 15, retry_safe=True)

    async def _send(
        self,
        method: str,
        model: Model,
        body: JsonObject,
        attempt_s: float,
        total_s: float | None,
        *,
        retry_safe: bool = False,
    ) -> JsonValue:
        segments = model.path(method)
        if method == "DELETE" and "id" not in body:
            raise ValueError("a deletion names its object")
        # A JSON body on DELETE keeps the types: in a query, digits become numbers (contract 4).
        request = Request(
            method,
            path("api", "v2", *segments),
            json=body,
            attempt_timeout_s=attempt_s,
            connect_timeout_s=self.settings.connect_timeout,
            fresh_connection=True,
        )
        operation = Operation(f"{method} {'/'.join(segments)}", retry_safe=retry_safe, total_timeout_s=total_s)
        unsure = False

        async def attempt() -> JsonValue:
            nonlocal unsure
            try:
                return await self._attempt(request)
            except HoldfastError as error:
                unsure = unsure or error.executed is not Executed.NO
                raise

        try:
            return await self._guard.run(operation, attempt)
        except HoldfastError as error:
            if unsure and error.executed is Executed.NO:
                error.executed = Executed.UNKNOWN  # the last attempt was not, one before it may have been
            raise

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Be the only writer: pfSense loses one of two concurrent writes and answers both with success (contract 9)."""
        async with self._writer:
            yield

    async def remembered(self, what: str, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        """What was asked before, if that is no longer ago than `seconds`."""
        known = self._memory.get(what)
        if known is None or time.monotonic() > known[1]:
            known = (await ask(), time.monotonic() + seconds)
            self._memory[what] = known
        return cast("T", known[0])

    def forget(self) -> None:
        """Ask again for everything that is remembered."""
        self._memory.clear()

    async def _attempt(self, request: Request) -> JsonValue:
        try:
            return get(envelope_of(await self._session.send(request)), "data")
        except (NotSentError, AttemptTimeoutError) as error:
            if self._session.refused:
                raise locked_out(error) from error
            raise
        except ApplianceError as error:
            if not request.safe:
                error.executed = executed_by(error)
            raise

    async def _probe(self) -> None:
        await self._attempt(Request("GET", path("api", "v2", "system", "version"), attempt_timeout_s=5))

    async def public_version(self) -> str:
        """The package's version from its public description, without a credential (contract 3.7).

        Raises:
            NotSentError: Nothing answers; after a refused credential that looks like login protection.
        """
        request = Request(
            "GET",
            path("api", "v2", "schema", "openapi"),
            attempt_timeout_s=self.settings.timeout,
            connect_timeout_s=self.settings.connect_timeout,
        )
        try:
            reply = await self._http.send(request)
        except (NotSentError, AttemptTimeoutError) as error:
            if self._session.refused:
                raise locked_out(error) from error
            raise
        if reply.status != 200 or reply.is_html:
            envelope_of(reply)
        return get_str(get_object(as_object(reply.json()), "info"), "version")

    @property
    def auth_scheme(self) -> str:
        """key, basic or jwt."""
        return self._session.scheme

    async def identity(self) -> str:
        """Who answers: host and domain name of the firewall; its address where the account may not read them."""
        try:
            said = await self.single(model_named("SystemHostname"))
        except PermissionDeniedError:
            return f"pfSense at {self.settings.origin}"
        return ".".join(part for part in (get_str(said, "hostname"), opt_str(said, "domain")) if part)

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


def open_client(
    settings: PfSenseSettings, *, pool: ConnectionPool, on_secret: Callable[[str], None] | None = None
) -> HTTPPfSenseClient:
    """The client that the server uses; nothing is sent before its first call."""
    return HTTPPfSenseClient(settings, pool=pool, on_secret=on_secret)
