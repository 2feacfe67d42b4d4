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
from holdfast.appliances.truenas.errors import NotLoggedInError, error_of, lacks_method
from holdfast.appliances.truenas.feeds import Feed, Feeds
from holdfast.appliances.truenas.masking import secrets_in
from holdfast.appliances.truenas.releases import Release, Way, none_of, parse_release
from holdfast.appliances.truenas.settings import TrueNASSettings
from holdfast.appliances.truenas.verdicts import begun, verdict
from holdfast.appliances.wiring import policy_of, settings_of, tls_of
from holdfast.errors import Executed, HoldfastError, UnsupportedError
from holdfast.resilience import Clock, Operation
from holdfast.resilience.clock import SYSTEM_CLOCK
from holdfast.transport import (
    ConnectionPool,
    Guard,
    JsonRpcError,
    JsonRpcSocket,
)
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects, as_str

MAX_IN_FLIGHT: Final = 8
"""TrueNAS runs 10 calls at a time on a socket; two places are left for pings and job polls (contract 6)."""

PING_INTERVAL_S: Final = 20.0
"""nginx closes the socket after 60 s without a byte from the server (contract 2)."""

LOGIN_TIMEOUT_S: Final = 20.0


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
        self._socket: JsonRpcSocket | None = None
        self._feeds = Feeds()
        self.downloads = Downloads(settings, self._pool, self.hide)
        self._connecting = asyncio.Lock()
        self._identity: str | None = None
        self._release: Release | None = None
        self._missing: set[str] = set()
        self.known_jobs: dict[int, KnownJob] = {}
        """Jobs that this process has heard of, by id; so that ids used anew are recognised."""

    async def close(self) -> None:
        """Log out by closing the socket, and release connections."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await super().close()

    async def call(self, method: str, *params: JsonValue) -> JsonValue:
        """Call a method that only reads; repeated after a transient failure."""
        operation = Operation(method, retry_safe=True)
        return await self._guard.run(operation, lambda: self._attempt(method, params, None))

    async def write(self, method: str, *params: JsonValue, request_id: str | None = None) -> JsonValue:
        """Call a method that changes something: sent at most once, with a unique id by which its job can be found
        again after the connection was lost (contract 7.1). What an answer repeats of its secrets is not shown."""
        for secret in secrets_in(params):
            self.hide(secret)
        key = request_id or str(uuid.uuid4())
        return await self._guard.run(Operation(method), lambda: self._attempt(method, params, key))

    async def first(self, methods: Sequence[str], *params: JsonValue) -> JsonValue:
        """Call the first of these methods that this release has; what a release lacks is remembered.

        Raises:
            UnsupportedError: It has none of them.
        """
        for method in self._known(methods):
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
        for way in ways:
            if way.method in self._missing:
                continue
            try:
                return await self.write(way.method, *way.params, request_id=request_id), way
            except UnsupportedError as error:
                self._forget_method(error, way.method)
        raise none_of([way.method for way in ways])

    def _known(self, methods: Sequence[str]) -> list[str]:
        return [method for method in methods if method not in self._missing]

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
        """The release, (25, 10) for 25.10.7; asked once a connection."""
        if self._release is None:
            self._release = parse_release(as_str(await self.call("system.version_short"), "system.version_short"))
        return self._release

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
        if self._socket is not None:
            await self._drop(self._socket)

    async def unguarded(self, method: str, *params: JsonValue, changes: bool = False) -> JsonValue:
        """Call a method once, past the circuit: for waits in which the appliance is expected to be away, where refused
        connections say nothing about its health and an open circuit would miss its return.
        """
        return await self._attempt(method, params, str(uuid.uuid4()) if changes else None)

    @asynccontextmanager
    async def subscribed(self, name: str, *, only: Callable[[JsonObject], bool] | None = None) -> AsyncIterator[Feed]:
        """What TrueNAS tells about a collection while the block runs. The feed ends with the socket.

        Args:
            name: Of the collection; of an event source with its argument.
            only: Which notifications are wanted.

        Raises:
            HoldfastError: The subscription was refused.
        """

        async def attempt() -> tuple[JsonRpcSocket, Feeds, Feed, JsonValue]:
            socket = await self._connected()
            feeds = self._feeds
            feed = feeds.add(name, only)
            try:
                return socket, feeds, feed, await self._on(socket, "core.subscribe", (name,), None)
            except BaseException:
                feeds.remove(name, feed)
                raise

        operation = Operation("core.subscribe", retry_safe=True)
        socket, feeds, feed, number = await self._guard.run(operation, attempt)
        try:
            yield feed
        finally:
            feeds.remove(name, feed)
            if not socket.closed:
                with suppress(HoldfastError):
                    await self._on(socket, "core.unsubscribe", (number,), None)

    async def query(
        self, method: str, filters: Sequence[JsonValue] = (), options: Mapping[str, JsonValue] | None = None
    ) -> list[JsonObject]:
        """Call a `*.query` method with filters and options, evaluated by the appliance (contract 8)."""
        return as_objects(await self.call(method, list(filters), dict(options or {})), method)

    async def _attempt(self, method: str, params: Sequence[JsonValue], request_id: str | None) -> JsonValue:
        socket = await self._connected()
        try:
            return await self._on(socket, method, params, request_id)
        except NotLoggedInError:
            # The session ended on the appliance; the call was not executed, so one new login and one more try are safe.
            await self._drop(socket)
            return await self._on(await self._connected(), method, params, request_id)

    async def _on(
        self, socket: JsonRpcSocket, method: str, params: Sequence[JsonValue], request_id: str | None
    ) -> JsonValue:
        try:
            return await socket.call(
                method,
                params,
                timeout_s=self.settings.timeout,
                request_id=request_id if request_id is not None else str(uuid.uuid4()),
                safe=request_id is None,
            )
        except JsonRpcError as error:
            told = error_of(error, method)
            told.executed = Executed.UNKNOWN if request_id is not None and begun(error) else Executed.NO
            raise told from None

    async def _connected(self) -> JsonRpcSocket:
        if self._socket is not None and not self._socket.closed:
            return self._socket
        async with self._connecting:
            if self._socket is None or self._socket.closed:
                self._socket = await self._connect()
                # Another system, or another release of it, may answer behind a new connection.
                self._identity = None
                self._release = None
                self._missing.clear()
            return self._socket

    async def _connect(self) -> JsonRpcSocket:
        settings = self.settings
        self._auth.check_transport()
        await self._auth.wait_for_turn()
        feeds = Feeds()
        socket = await JsonRpcSocket.connect(
            f"wss{settings.origin.removeprefix('https')}/api/current",
            pool=self._pool,
            tls=tls_of(settings),
            proxy=settings.proxy,
            target=settings.label,
            open_timeout_s=settings.connect_timeout * 2,
            connect_timeout_s=settings.connect_timeout,
            ping_interval_s=PING_INTERVAL_S,
            on_notification=feeds.notified,
            on_close=lambda code, reason: feeds.lost(),
        )

        async def call(method: str, params: Sequence[JsonValue]) -> JsonValue:
            try:
                return await socket.call(method, params, timeout_s=LOGIN_TIMEOUT_S, safe=True)
            except JsonRpcError as error:
                told = error_of(error, method)
                told.executed = Executed.NO  # of what the caller wanted, nothing was sent yet
                raise told from None

        try:
            await self._auth.log_in(call, certificate=socket.peer_certificate)
        except BaseException:
            # After a failed login the same socket may answer wrongly (contract 5.2).
            await socket.close()
            raise
        self._feeds = feeds
        return socket

    async def _drop(self, socket: JsonRpcSocket) -> None:
        if self._socket is socket:
            self._socket = None
        await socket.close()

    async def _probe(self) -> None:
        socket = await self._connected()
        await self._on(socket, "core.ping", (), None)

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
