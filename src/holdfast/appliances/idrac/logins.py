"""Logins at one iDRAC: few at once, a refused credential is not sent again, however late it is refused (4.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from holdfast.appliances.idrac.errors import NotReadyError, SessionPoolFullError, body_of, error_of
from holdfast.appliances.idrac.outage import PATIENCE_S, Outage
from holdfast.errors import AuthenticationError, HoldfastError, LostReplyError, NotSentError, QuarantinedError
from holdfast.transport import CredentialLatch, Reply, Request, path

ROOT: Final = path("redfish", "v1")
LOGINS_AT_ONCE: Final = 2
"""An iDRAC blocks an address after three refused logins: so many may be refused before the first refusal is known."""

Send = Callable[[Request], Awaitable[Reply]]
T = TypeVar("T")

_late: ContextVar[list[asyncio.Future[Reply | None]] | None] = ContextVar("idrac_login_answered_late", default=None)


def answered_late(answer: asyncio.Future[Reply | None]) -> None:
    """Have a login wait for the answer of its request, which was given up."""
    late = _late.get()
    if late is not None:
        late.append(answer)


class Logins:
    """Sends the credential of one iDRAC.

    Args:
        send: Sends a request.
        outage: What is known of an iDRAC that is away.
    """

    def __init__(self, send: Send, outage: Outage) -> None:
        self._send = send
        self._outage = outage
        self._latch = CredentialLatch("the user name and password")
        self._places = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def under_way(self) -> int:
        """How many have not been answered yet, those included that nobody waits for any more."""
        return len(self._under_way)

    async def watched(self, request: Request, send: Send) -> Reply:
        """Send, and notice an iDRAC that is away."""
        try:
            reply = await send(request)
        except (NotSentError, LostReplyError):
            self._outage.away()
            raise
        if reply.status in (502, 503, 504) and not isinstance(error_of(reply), SessionPoolFullError):
            self._outage.away()
        return reply

    @asynccontextmanager
    async def _login(self) -> AsyncIterator[None]:
        """Send the credential; a refusal ends its use unless a restart excuses it."""
        async with self._places:
            await self._wait_for_readiness()
            sent_at = self._outage.monotonic()
            async with self._latch.use(), self._excused(sent_at):
                yield
        self._outage.accepted()

    @asynccontextmanager
    async def _excused(self, sent_at: float) -> AsyncIterator[None]:
        try:
            yield
        except QuarantinedError:
            raise
        except AuthenticationError as error:
            if not self._outage.excuses(sent_at):
                raise
            raise self._not_yet(self._outage.wait_s) from error

    async def _wait_for_readiness(self) -> None:
        """After an excused refusal no login is sent before its time, nor before the service root answers."""
        if not self._outage.doubtful:
            return
        if (left := self._outage.wait_s) > 0:
            raise self._not_yet(left)
        reply = await self.watched(Request("GET", ROOT, headers={"Accept": "application/json"}), self._send)
        if reply.status != 200 or not body_of(reply):
            raise self._not_yet(PATIENCE_S / 4)

    @staticmethod
    def _not_yet(after_s: float) -> NotReadyError:
        return NotReadyError(
            "The iDRAC restarts, and refused a login meanwhile that it accepted before. Nothing was executed.",
            retry_after_s=round(after_s, 1),
            next_step="Repeat then: the login is sent once more, and not again if it is refused.",
        )

    async def log_in(
        self, request: Request, send: Send, judge: Callable[[Reply], T], late: Callable[[T], None] | None = None
    ) -> T:
        """Send the credential and judge the answer.

        Who gives it up, or runs out of time, goes at once; the login is under way until it is answered, and refused
        when the answer, however late, says so.

        Args:
            request: With the credential.
            send: Sends it.
            judge: Reads the answer; an `AuthenticationError` is a refusal.
            late: Told what it read when the caller has gone.
        """
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        login = asyncio.create_task(self._to_its_answer(request, send, judge, told))
        self._under_way.add(login)

        def ended(done: asyncio.Task[T]) -> None:
            self._under_way.discard(done)
            failed = done.cancelled() or done.exception() is not None
            if not told.done():
                _tell(told, done)
            elif not failed and late is not None:
                late(done.result())

        login.add_done_callback(ended)
        try:
            return await asyncio.shield(told)
        except asyncio.CancelledError:
            if not told.done():
                login.cancel()
                await asyncio.wait({told})
            if not told.cancelled():
                told.exception()  # there is nobody left to tell
            raise

    async def _to_its_answer(
        self, request: Request, send: Send, judge: Callable[[Reply], T], told: asyncio.Future[T]
    ) -> T:
        late: list[asyncio.Future[Reply | None]] = []
        _late.set(late)
        async with self._login():
            try:
                return judge(await self.watched(request, send))
            except (asyncio.CancelledError, HoldfastError) as error:
                if not late:
                    raise
                if isinstance(error, HoldfastError):
                    told.set_exception(error)
                else:
                    told.cancel()
                await asyncio.wait(late)
                if (reply := late[0].result()) is None:
                    raise
                return judge(reply)


def _tell(told: asyncio.Future[T], done: asyncio.Task[T]) -> None:
    if done.cancelled():
        told.cancel()
    elif (error := done.exception()) is not None:
        told.set_exception(error)
    else:
        told.set_result(done.result())
