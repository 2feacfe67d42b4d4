"""One Redfish session for each iDRAC: opened late, renewed, deleted at the end; only ever our own (contract 4)."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from holdfast.appliances.idrac.errors import SessionPoolFullError, body_of, error_of
from holdfast.appliances.idrac.inflight import keep_place
from holdfast.appliances.idrac.logins import ROOT, Logins, Send
from holdfast.appliances.idrac.outage import Outage
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.errors import (
    Executed,
    HoldfastError,
    LostReplyError,
    NotFoundError,
    ProtocolError,
    UnsupportedError,
)
from holdfast.transport import Origin, Reply, Request, path, same_origin_path
from holdfast.transport.values import JsonValue

_log = logging.getLogger("holdfast.idrac")
PREFIX: Final = "/redfish/"
LEGACY_SESSIONS: Final = path("redfish", "v1", "Sessions")
RENEW_AT: Final = 0.8
"""Part of the idle time-out after which a session is replaced before it is used (contract 4.1)."""
IDLE_S: Final = 1800.0
"""Default idle time-out of a session; the iDRAC tells its own as `SessionTimeout`."""
SHORTEST_IDLE_S: Final = 60.0
"""Shortest idle time-out that an iDRAC can be set to."""
POOL_WAITS_S: Final = (1.0, 2.0)
"""Waits before a full pool is asked again, before Basic is used (contract 4.1)."""
BASIC_FOR_S: Final = 120.0
"""How long Basic authentication is used after the session pool was full."""
LOST_FOR_S: Final = 1800.0
"""Default idle time-out of a session: so long one whose opening was answered into the void may stay."""
LOGOUT_BUDGET_S: Final = 2.0
LOGOUT_WAIT_S: Final = 5.0
"""How long the logout waits for its turn at an iDRAC that is at as many requests as it takes."""


@dataclass(frozen=True)
class _Token:
    value: str
    location: str


class Session:
    """Sends requests with a session token; with Basic while the iDRAC's session pool is full."""

    def __init__(
        self,
        settings: IDracSettings,
        send: Send,
        *,
        origin: Origin,
        find_sessions: Callable[[], Awaitable[str | None]],
        monotonic: Callable[[], float] = time.monotonic,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._send = send
        self._origin = origin
        self._find_sessions = find_sessions
        self._monotonic = monotonic
        self._on_secret = on_secret
        self._token: _Token | None = None
        self._used_at = 0.0
        self._idle_s: float | None = None
        self._basic_until = 0.0
        self._opening = asyncio.Lock()
        self._pending: asyncio.Task[None] | None = None
        self._left: list[_Token] = []
        self._lost = False
        self.outage = Outage(monotonic)
        self._logins = Logins(send, self.outage)

    @property
    def by_basic(self) -> bool:
        """Whether Basic authentication is used now because the session pool was full or sessions are not offered."""
        return self._monotonic() < self._basic_until

    @property
    def offered(self) -> bool:
        """Whether the server offers sessions at all; true while nobody has asked."""
        return self._basic_until != float("inf")

    @property
    def full(self) -> bool:
        """Whether requests log in one by one because others have taken all sessions."""
        return self.by_basic and self.offered and not self._lost

    @property
    def lost(self) -> bool:
        """Whether requests log in one by one because an opened session was never heard of."""
        return self.by_basic and self._lost

    async def send(self, request: Request, by: Send | None = None, *, changes: bool = False) -> Reply:
        """Send a request; a session that has ended is replaced once, since a 401 proves that nothing was executed.

        Args:
            request: What is sent, without credentials.
            by: Another way to send it than the usual one, such as into a file.
            changes: Whether it changes something: then it is not sent without a session while the pool is full.

        Raises:
            SessionPoolFullError: It changes something, and no session is to be had; nothing was sent.
            QuarantinedError: The credential was refused before; nothing was sent.
            NotReadyError: The login is refused while the iDRAC restarts: see `Outage`.
            AuthenticationError: It is refused now; not tried again, the iDRAC blocks an address after three.
        """
        send = by or self._send
        token = await self._current(changes=changes)
        if token is None:
            return await self._send_basic(request, send)
        reply = await self._logins.watched(_with_token(request, token), send)
        if reply.status == 401:
            self._forget(token)
            token = await self._current(changes=changes)
            if token is None:
                return await self._send_basic(request, send)
            reply = await self._logins.watched(_with_token(request, token), send)
        self._used_at = self._monotonic()
        return _not_refused(reply)

    async def _send_basic(self, request: Request, send: Send) -> Reply:
        known = replace(request, headers={**request.headers, **self._basic()})
        return await self._logins.log_in(known, send, _not_refused)

    def _basic(self) -> dict[str, str]:
        pair = f"{self._settings.username}:{self._settings.password.reveal()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _forget(self, token: _Token) -> None:
        """Use this token no more. That it was refused need not mean that its session has ended: see `close`."""
        if self._token is token:
            self._token = None
            self._left = [*self._left[-7:], token]

    async def _current(self, *, changes: bool) -> _Token | None:
        async with self._opening:
            if self._token is not None and await self._idle_too_long(self._token):
                await self._delete(self._token)
            if self._token is None and (not self.by_basic or (changes and self.full)):
                try:
                    await self._open_to_the_end()
                except HoldfastError as error:
                    # Whatever became of the login: the request that needs it was not sent.
                    error.executed = Executed.NO
                    raise
            if self._token is None and changes and self.full:
                raise SessionPoolFullError(
                    "All sessions of the iDRAC are taken (RAC0218): it is read without one, not changed. "
                    "Nothing was executed.",
                    executed=Executed.NO,
                    next_step="End a session that nobody needs at the iDRAC, or wait half an hour for one to time out.",
                )
            return self._token

    async def _idle_too_long(self, token: _Token) -> bool:
        """Whether a session was unused for most of its idle time-out, which the iDRAC is asked for when it matters."""
        idle = self._monotonic() - self._used_at
        if idle <= RENEW_AT * SHORTEST_IDLE_S:
            return False
        if self._idle_s is None:
            self._idle_s = await self._told_idle_s(token)
        return idle > RENEW_AT * self._idle_s

    async def _told_idle_s(self, token: _Token) -> float:
        """`SessionTimeout` of the service that the session belongs to; the default where it is not told."""
        service = token.location.rpartition("/Sessions/")[0]
        if service in ("", ROOT):
            return IDLE_S
        try:
            reply = await self._logins.watched(_with_token(Request("GET", service), token), self._send)
            told = body_of(reply).get("SessionTimeout") if reply.ok else None
        except HoldfastError:
            return IDLE_S
        return float(told) if isinstance(told, int) and told >= SHORTEST_IDLE_S else IDLE_S

    async def _open_to_the_end(self) -> None:
        """Open a session even when the call that needs it is given up meanwhile.

        A session whose token nobody heard would stay taken until its idle time-out.
        """
        if self._pending is None or self._pending.done():
            self._pending = asyncio.create_task(self._open())
            self._pending.add_done_callback(_heard)
        try:
            await asyncio.shield(self._pending)
        except asyncio.CancelledError:
            keep_place(self._pending)
            raise

    async def _open(self) -> None:
        sessions = await self._find_sessions()
        if sessions is None:
            self._basic_until = float("inf")
            return
        try:
            self._token = await self._create_when_free(sessions)
            self._idle_s = None
        except LostReplyError:
            # It may be open, and nobody knows its token: no other is opened while it may be.
            _log.warning("%s: the answer to a login was lost; using Basic authentication", self._settings.label)
            self._lost = True
            self._basic_until = self._monotonic() + LOST_FOR_S
        except SessionPoolFullError:
            _log.warning("%s: all sessions are taken (RAC0218); using Basic authentication", self._settings.label)
            self._lost = False
            self._basic_until = self._monotonic() + BASIC_FOR_S
        except (NotFoundError, UnsupportedError):
            self._basic_until = float("inf")
        self._used_at = self._monotonic()

    async def _create_when_free(self, sessions: str) -> _Token:
        """A session; a full pool is asked again twice."""
        for pause in POOL_WAITS_S:
            try:
                return await self._create(sessions)
            except SessionPoolFullError:
                await asyncio.sleep(min(pause, self._settings.retry_max_wait))
        return await self._create(sessions)

    async def _create(self, sessions: str) -> _Token:
        body: JsonValue = {"UserName": self._settings.username, "Password": self._settings.password.reveal()}
        request = Request("POST", sessions, json=body, fresh_connection=True)
        try:
            return await self._logins.log_in(request, self._send, self._opened, self._adopt)
        except (NotFoundError, UnsupportedError) as error:
            if error.status not in (404, 405) or sessions == LEGACY_SESSIONS:
                raise
            return await self._create(LEGACY_SESSIONS)

    def _adopt(self, token: _Token) -> None:
        """Use a session whose opening was answered when nobody waited for it any more."""
        if self._token is not None:
            self._left.append(token)
            return
        self._token, self._idle_s, self._used_at = token, None, self._monotonic()
        self._lost, self._basic_until = False, 0.0

    def _opened(self, reply: Reply) -> _Token:
        """The session that was opened."""
        if reply.status >= 400:
            raise error_of(reply)
        value = reply.headers.get("X-Auth-Token")
        location = reply.headers.get("Location") or body_of(reply).get("@odata.id")
        if value is None or not isinstance(location, str):
            raise ProtocolError("The iDRAC opened a session without telling its token or its address.")
        if self._on_secret is not None:
            self._on_secret(value)
        return _Token(value, same_origin_path(location, PREFIX, origin=self._origin))

    async def _delete(self, token: _Token) -> None:
        self._token = None
        request = Request(
            "DELETE", token.location, attempt_timeout_s=LOGOUT_BUDGET_S, connect_timeout_s=LOGOUT_BUDGET_S
        )
        try:
            await self._send(_with_token(request, token))
        except HoldfastError as error:
            _log.info("%s: the session could not be deleted (%s)", self._settings.label, error.code)

    def take_over(self, other: Session) -> None:
        """Have the sessions of another, at the same iDRAC, deleted by this one's `close`."""
        self._left += [*other._left, *([other._token] if other._token is not None else [])]
        other._left, other._token = [], None

    async def close(self) -> None:
        """Delete our sessions, within two seconds each; an iDRAC that is away keeps them until their idle time-out."""
        if self._pending is not None and not self._pending.done():
            await asyncio.wait({self._pending}, timeout=LOGOUT_BUDGET_S)
            self._pending.cancel()
        tokens = [*self._left, *([self._token] if self._token is not None else [])]
        self._left = []
        for token in tokens:
            await self._delete(token)


def _heard(task: asyncio.Task[None]) -> None:
    """Its error went to the callers that waited, or to nobody."""
    if not task.cancelled():
        task.exception()


def _with_token(request: Request, token: _Token) -> Request:
    return replace(request, headers={**request.headers, "X-Auth-Token": token.value})


def _not_refused(reply: Reply) -> Reply:
    if reply.status == 401:
        raise error_of(reply)
    return reply
