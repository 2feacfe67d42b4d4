"""One connection pool for many targets. aiohttp is imported when the first request is sent, not before."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import aiohttp

# aiohttp rounds long timeouts up to whole seconds unless they are below this threshold; deadlines here are exact.
_NO_CEILING = float("inf")


class Progress(Protocol):
    """Told by the pool how far a request has come; passed as `trace_request_ctx`."""

    def connected(self, reused: bool) -> None:
        """A connection was obtained; from now on bytes may have been sent."""


class HostSlots:
    """Slots of one host, and how many requests hold or await one."""

    __slots__ = ("semaphore", "users")

    def __init__(self, size: int) -> None:
        self.semaphore = asyncio.Semaphore(size)
        self.users = 0


class Slot:
    """Leave to have one request in flight."""

    __slots__ = ("_host", "_key", "_pool")

    def __init__(self, pool: ConnectionPool, key: tuple[str, int], host: HostSlots) -> None:
        self._pool = pool
        self._key = key
        self._host = host

    async def __aenter__(self) -> None:
        self._host.users += 1
        try:
            await self._host.semaphore.acquire()
            try:
                await self._pool.slots.acquire()
            except BaseException:
                self._host.semaphore.release()
                raise
        except BaseException:
            self._leave()
            raise
        self._pool.in_flight += 1

    async def __aexit__(self, *_: object) -> None:
        self._pool.in_flight -= 1
        self._pool.slots.release()
        self._host.semaphore.release()
        self._leave()

    def _leave(self) -> None:
        self._host.users -= 1
        if not self._host.users:
            self._pool.forget(self._key, self._host)


class ConnectionPool:
    """Connections shared by all targets that it is given to.

    May be created outside of an event loop; it belongs to the loop in which it is first used, and must be closed
    there.

    Args:
        limit: Requests in flight over all targets.
        limit_per_host: Requests in flight per host and port.
        dns_ttl_s: Seconds for which a resolved name is kept.

    Attributes:
        in_flight: Requests that hold a slot now.
        slots: The pool's slots; used by `Slot`.
    """

    def __init__(self, *, limit: int = 100, limit_per_host: int = 30, dns_ttl_s: int = 300) -> None:
        if limit < 1 or limit_per_host < 1 or dns_ttl_s < 0:
            raise ValueError("limit and limit_per_host must be at least 1, dns_ttl_s at least 0")
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.dns_ttl_s = dns_ttl_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: dict[float | None, aiohttp.ClientSession] = {}
        self.slots = asyncio.Semaphore(limit)
        self._hosts: dict[tuple[str, int], HostSlots] = {}
        self.in_flight = 0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None:
            raise RuntimeError("this ConnectionPool belongs to another event loop")
        self._loop = loop

    def slot(self, host: str, port: int) -> Slot:
        """``async with pool.slot(host, port):`` holds one of the pool's and one of the host's slots."""
        self._bind()
        key = (host, port)
        slots = self._hosts.get(key)
        if slots is None:
            slots = self._hosts[key] = HostSlots(self.limit_per_host)
        return Slot(self, key, slots)

    def forget(self, key: tuple[str, int], host: HostSlots) -> None:
        """Drop a host that nothing is in flight to (there may be thousands of them)."""
        if self._hosts.get(key) is host:
            del self._hosts[key]

    def session(self, keepalive_s: float | None) -> aiohttp.ClientSession:
        """The shared session whose idle connections live for `keepalive_s`; None: one connection per request.

        Raises:
            RuntimeError: The pool is closed or belongs to another event loop.
        """
        if self._closed:
            raise RuntimeError("this ConnectionPool is closed")
        self._bind()
        session = self._sessions.get(keepalive_s)
        if session is None:
            session = self._sessions[keepalive_s] = self._open(keepalive_s)
        return session

    def _open(self, keepalive_s: float | None) -> aiohttp.ClientSession:
        import aiohttp

        from holdfast.transport.attempt import AskingRequest

        # The limits are held by slot(): they count over all sessions of this pool.
        if keepalive_s is None:
            connector = aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=self.dns_ttl_s, force_close=True, timeout_ceil_threshold=_NO_CEILING
            )
        else:
            connector = aiohttp.TCPConnector(
                limit=0,
                ttl_dns_cache=self.dns_ttl_s,
                keepalive_timeout=keepalive_s,
                timeout_ceil_threshold=_NO_CEILING,
            )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_read=None),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            trace_configs=[trace_config()],
            request_class=AskingRequest,
        )

    async def close(self) -> None:
        """Close all connections; later requests are refused. May be called twice."""
        self._closed = True
        sessions, self._sessions = self._sessions, {}
        if self._loop is None or self._loop.is_closed():
            return
        for session in sessions.values():
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def trace_config(progress: Progress | None = None) -> aiohttp.TraceConfig:
    """Tells the `Progress` of a request when it has a connection: the given one, or that in its trace context."""
    import aiohttp

    trace = aiohttp.TraceConfig()

    async def created(_session: object, context: SimpleNamespace, _params: object) -> None:
        _tell(progress or context.trace_request_ctx, reused=False)

    async def reused(_session: object, context: SimpleNamespace, _params: object) -> None:
        _tell(progress or context.trace_request_ctx, reused=True)

    trace.on_connection_create_end.append(created)
    trace.on_connection_reuseconn.append(reused)
    return trace


def _tell(progress: Progress | None, *, reused: bool) -> None:
    if progress is not None:
        progress.connected(reused)
