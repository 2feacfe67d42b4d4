"""The TrueNAS client: one system, one socket, many concurrent callers (contract 2, 3, 6)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.lifetime import GuardedClient
from holdfast.appliances.truenas.auth import AuthManager
from holdfast.appliances.truenas.downloads import Downloads
from holdfast.appliances.truenas.errors import NotLoggedInError, lacks_method
from holdfast.appliances.truenas.feeds import Feed
from holdfast.appliances.truenas.links import Link, Links
from holdfast.appliances.truenas.masking import secrets_in
from holdfast.appliances.truenas.releases import Release, Way, none_of, offered, parse_release
from holdfast.appliances.truenas.settings import TrueNASSettings
from holdfast.appliances.truenas.verdicts import verdict
from holdfast.appliances.wiring import policy_of, settings_of
from holdfast.errors import HoldfastError, UnsupportedError
from holdfast.resilience import Clock, Operation
from holdfast.resilience.clock import SYSTEM_CLOCK
from holdfast.transport import (
    ConnectionPool,
    Guard,
)
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects, as_str

MAX_IN_FLIGHT: Final = 8
"""TrueNAS runs 10 calls at a time on a socket; two places are left for pings and job polls (contract 6)."""


@dataclass(frozen=True)
class KnownJob:
    """What is known of a job: its method, its start in seconds since the epoch (0: not looked at yet), the id of the
    request that began it."""

    method: str
    started_at: float = 0.0
    request_id: str | None = None


class TrueNASClient(GuardedClient[TrueNASSettings]):
    """Client of a TrueNAS system.

    Args:
        config: `TrueNASSettings`, or a mapping with the same keys (the resilience guide's).
        auth_manager: Keeps the credential; made from `config` when omitted.
        pool: Shared connections; a pool of its own when omitted.
        on_secret: Told every secret that a login brings, for redaction.
        clock: Time and sleep; replaced by tests.

    Methods raise `holdfast.errors.HoldfastError`; while the circuit is open that error also is a
    `pybreaker.CircuitBreakerError`.
    """

    def __init__(
        self,
        config: TrueNASSettings | Mapping[str, object],
        auth_manager: AuthManager | None = None,
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        settings = settings_of(TrueNASSettings, config)
        super().__init__(settings, pool)
        self._auth = auth_manager if auth_manager is not None else AuthManager(settings, clock=clock)
        self._on_secret = on_secret
        self._guard = Guard(
            name=settings.circuit_name,
            policy=policy_of(settings, max_in_flight=MAX_IN_FLIGHT),
            classify=verdict,
            probe=self._probe,
            target=settings.label,
            clock=clock,
        )
        self._links = Links(settings, self._auth, self._pool, clock)
        self._link: Link | None = None
        self.downloads = Downloads(settings, self._pool, self.hide)
        self._connecting = asyncio.Lock()
        self._identity: str | None = None
        self._missing: set[str] = set()
        self.known_jobs: dict[int, KnownJob] = {}
        """Jobs that this process has heard of, by id; so that ids used anew are recognised."""

    async def close(self) -> None:
        """Log out by closing the socket, and release connections."""
        link, self._link = self._link, None
        if link is not None:
            await link.socket.close()
        await super().close()

    async def call(self, method: str, *params: JsonValue) -> JsonValue:
        """Call a method that only reads; repeated after a transient failure."""
        operation = Operation(method, retry_safe=True)
        return await self._guard.run(operation, lambda: self._attempt(method, params, None))

    async def write(
        self, method: str, *params: JsonValue, request_id: str | None = None, urgent: bool = False
    ) -> JsonValue:
        """Call a method that changes something: sent at most once, with a unique id by which its job can be found
        again after the connection was lost (contract 7.1). Held back while the system boots, unless it is `urgent`.
        What an answer repeats of its secrets is not shown.
        """
        for secret in secrets_in(params):
            self.hide(secret)
        key = request_id or str(uuid.uuid4())
        return await self._guard.run(Operation(method), lambda: self._attempt(method, params, key, urgent=urgent))

    async def first(self, methods: Sequence[str], *params: JsonValue) -> JsonValue:
        """Call the first of these methods that this release has, as is known since the connection was made; what it
        turns out to lack all the same is remembered.

        Raises:
            UnsupportedError: It has none of them.
        """
        for method in await self._offered(methods):
            try:
                return await self.call(method, *params)
            except UnsupportedError as error:
                self._forget_method(error, method)
        raise none_of(methods)

    async def write_first(self, ways: Sequence[Way], *, request_id: str) -> tuple[JsonValue, Way]:
        """`write` by the first of these ways that this release has, and which one that was. A method that does not
        exist was not executed, so going on to the next way sends nothing twice.

        Raises:
            UnsupportedError: It has none of them.
        """
        there = await self._offered([way.method for way in ways])
        for way in ways:
            if way.method not in there:
                continue
            try:
                return await self.write(way.method, *way.params, request_id=request_id), way
            except UnsupportedError as error:
                self._forget_method(error, way.method)
        raise none_of([way.method for way in ways])

    async def _offered(self, methods: Sequence[str]) -> list[str]:
        link = self._link
        if link is None or link.socket.closed:
            link = await self._guard.run(Operation("auth.login_ex", retry_safe=True), self._connected)
        return [one for one in methods if one not in self._missing and offered(one, link.release)]

    def _forget_method(self, error: UnsupportedError, method: str) -> None:
        if not lacks_method(error):
            raise error
        self._missing.add(method)

    async def query_first(
        self, methods: Sequence[str], filters: Sequence[JsonValue] = (), options: Mapping[str, JsonValue] | None = None
    ) -> list[JsonObject]:
        """`query` by the first of these methods that this release has."""
        return as_objects(await self.first(methods, list(filters), dict(options or {})), methods[0])

    async def release(self) -> Release:
        """The release, (25, 10) for 25.10.7; learnt once a connection."""
        if self._link is None or self._link.socket.closed or self._link.release is None:
            told = parse_release(as_str(await self.call("system.version_short"), "system.version_short"))
            if self._link is None:
                return told
            self._link.release = told
        return self._link.release

    async def identity(self) -> str:
        """Who the appliance says it is: host name and host id; asked once a connection."""
        if self._identity is None:
            info = await self.get_system_info()
            number = as_str(await self.call("system.host_id"), "system.host_id")
            self._identity = f"{info.get('hostname')} ({number[:16]})"
        return self._identity

    @property
    def key_id(self) -> int | None:
        """Id of the API key that this client logs in with: the digits before its first dash (contract 5.2)."""
        key = self.settings.api_key
        number = key.reveal().partition("-")[0] if key is not None else ""
        return int(number) if number.isascii() and number.isdigit() else None

    def hide(self, secret: str) -> None:
        """Have a secret that TrueNAS told kept out of everything that is said."""
        if self._on_secret is not None and secret:
            self._on_secret(secret)

    async def reconnect(self) -> None:
        """Leave the socket; the next call opens a new one and logs in again."""
        if self._link is not None:
            await self._drop(self._link)

    async def turn_to_reconnect(self) -> None:
        """Wait until a new connection may log in at once: before what makes one urgent.

        Raises:
            RateLimitedError: That takes longer than the call has time. Nothing was sent.
        """
        await self._auth.wait_for_turn()

    async def unguarded(self, method: str, *params: JsonValue, changes: bool = False) -> JsonValue:
        """Call a method once, past the circuit: for waits in which the appliance is expected to be away, where refused
        connections say nothing about its health and an open circuit would miss its return.
        """
        return await self._attempt(method, params, str(uuid.uuid4()) if changes else None, urgent=True)

    @asynccontextmanager
    async def subscribed(self, name: str, *, only: Callable[[JsonObject], bool] | None = None) -> AsyncIterator[Feed]:
        """What TrueNAS tells about a collection while the block runs. The feed ends with the socket.

        Args:
            name: Of the collection; of an event source with its argument.
            only: Which notifications are wanted.

        Raises:
            HoldfastError: The subscription was refused.
        """

        async def attempt() -> tuple[Link, Feed, JsonValue]:
            link = await self._connected()
            feed = link.feeds.add(name, only)
            try:
                return link, feed, await link.call("core.subscribe", (name,))
            except BaseException:
                link.feeds.remove(name, feed)
                raise

        operation = Operation("core.subscribe", retry_safe=True)
        link, feed, number = await self._guard.run(operation, attempt)
        try:
            yield feed
        finally:
            link.feeds.remove(name, feed)
            if not link.socket.closed:
                over = Operation("core.unsubscribe")
                with suppress(HoldfastError):
                    await self._guard.run(over, lambda: link.call("core.unsubscribe", (number,)))

    async def query(
        self, method: str, filters: Sequence[JsonValue] = (), options: Mapping[str, JsonValue] | None = None
    ) -> list[JsonObject]:
        """Call a `*.query` method with filters and options, evaluated by the appliance (contract 8)."""
        return as_objects(await self.call(method, list(filters), dict(options or {})), method)

    async def _attempt(
        self, method: str, params: Sequence[JsonValue], request_id: str | None, *, urgent: bool = False
    ) -> JsonValue:
        link = await self._connected()
        try:
            return await self._on(link, method, params, request_id, urgent=urgent)
        except NotLoggedInError:
            # The session ended on the appliance; the call was not executed, so one new login and one more try are safe.
            await self._drop(link)
            return await self._on(await self._connected(), method, params, request_id, urgent=urgent)

    @staticmethod
    async def _on(
        link: Link, method: str, params: Sequence[JsonValue], request_id: str | None, *, urgent: bool
    ) -> JsonValue:
        if request_id is not None and not urgent:
            await link.hold_until_ready()
        return await link.call(method, params, request_id)

    async def _connected(self) -> Link:
        if self._link is not None and not self._link.socket.closed:
            return self._link
        async with self._connecting:
            if self._link is not None and self._link.socket.closed:
                self._links.ended(self._link.socket)
                self._link = None
            if self._link is None:
                self._link = await self._links.open()
                # Another system, or another release of it, may answer behind a new connection.
                self._identity = None
                self._missing.clear()
                self.downloads.settings = self._link.settings
            return self._link

    async def _drop(self, link: Link) -> None:
        if self._link is link:
            self._link = None
        await link.socket.close()

    async def _probe(self) -> None:
        await (await self._connected()).call("core.ping", ())

    async def get_system_info(self) -> JsonObject:
        """`system.info`: version, host name, hardware, uptime, serial number (contract 15.1)."""
        return as_object(await self.call("system.info"), "system.info")

    async def pools(self) -> list[JsonObject]:
        """`pool.query`: pools with their state, topology and sizes (contract 15.4)."""
        return await self.query("pool.query")


def open_client(
    settings: TrueNASSettings, *, pool: ConnectionPool, on_secret: Callable[[str], None] | None = None
) -> TrueNASClient:
    """The client that the server uses; nothing is sent before its first call."""
    return TrueNASClient(settings, pool=pool, on_secret=on_secret)
