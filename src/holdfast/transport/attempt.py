"""One HTTP attempt as aiohttp sees it: no hidden resend, no redirect, and every failure told by how far it came."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from holdfast.errors import (
    AttemptTimeoutError,
    Executed,
    HoldfastError,
    LostReplyError,
    NotSentError,
    OverloadedError,
    ProtocolError,
    RedirectError,
)
from holdfast.transport import tls
from holdfast.transport.http import OnSend, SendEvent
from holdfast.transport.lastlook import ask_before_sending
from holdfast.transport.urls import Origin

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientResponse
    from aiohttp.connector import Connection

Handler: TypeAlias = "Callable[[ClientRequest], Awaitable[ClientResponse]]"

REDIRECTS = frozenset({300, 301, 302, 303, 305, 306, 307, 308})
_RETRY_NEXT = "Read the state back before repeating it: it may have been executed."


class AskingRequest(aiohttp.ClientRequest):
    """A request that asks, with its connection in hand, whether it may still be sent."""

    async def send(self, conn: Connection) -> ClientResponse:
        """Write the request; a refusal closes the connection unused."""
        if self.method not in ("GET", "HEAD"):
            ask_before_sending()
        return await super().send(conn)


class StopError(Exception):
    """Carries a typed error out of aiohttp, which would turn anything that is also an OSError into its own."""

    def __init__(self, error: HoldfastError) -> None:
        self.error = error


class Attempt:
    """State of one call of `HttpTransport.send`; an aiohttp client middleware and the pool's `Progress`.

    aiohttp resends GET, HEAD, PUT, DELETE and others by itself when a kept connection turns out to be dead. Here only
    a GET or HEAD is resent, once, and only when the connection had been used before; it is counted in `sends`.
    """

    def __init__(self, *, safe: bool, label: str, origin: Origin, target: str | None, on_send: OnSend | None) -> None:
        self.safe = safe
        self.label = label
        self.origin = origin
        self.target = target
        self.on_send = on_send
        self.waiting = True
        self.on_connection = False
        self.reused = False
        self.whole = True
        self.sends = 0

    @property
    def at_appliance(self) -> bool:
        """Whether the request may be there, whole; one whose body is cut off is not begun there."""
        return self.on_connection and self.whole

    @property
    def executed(self) -> Executed:
        """What is known about the operation when the answer is unusable: a GET or HEAD changes nothing."""
        return Executed.NO if self.safe else Executed.UNKNOWN

    def connected(self, reused: bool) -> None:
        """A connection was obtained: from here on bytes may have left."""
        self.on_connection = True
        self.reused = reused
        self.sends += 1
        if self.on_send is not None:
            self.on_send(SendEvent(self.label, self.sends, reused, self.target))

    async def __call__(self, request: ClientRequest, handler: Handler) -> ClientResponse:
        """Run one pass of aiohttp's request loop."""
        self.on_connection = False
        try:
            response = await handler(request)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if self.safe and self.reused and self.sends == 1:
                raise  # aiohttp opens another connection and comes back here
            raise StopError(self.failure(error)) from error
        if response.status in REDIRECTS and "Location" in response.headers:
            location = response.headers.getall("Location")[0]
            response.close()
            raise StopError(self.redirect(response.status, location))
        return response

    def redirect(self, status: int, location: str) -> RedirectError:
        """The error for a redirect. Only whether it leads away is told: the rest is the peer's text."""
        try:
            parts = urlsplit(location)
            where = "to another address" if parts.netloc else "to another path"
            if (parts.hostname or "").lower() == self.origin.host.lower():
                where = f"to {parts.scheme} on the same host" if parts.scheme in ("http", "https") else where
        except ValueError:
            where = "to an unreadable address"
        todo = "Check the target's URL: scheme, port, and that nothing in front of the appliance redirects."
        if where == "to https on the same host" and not self.origin.tls:
            todo = "Use https:// in the target's URL."
        return RedirectError(
            f"The appliance answered with a redirect (HTTP {status}) {where}; it was not followed.",
            next_step=todo,
            executed=self.executed,
            target=self.target,
            details={"status": status},
        )

    def failure(self, error: BaseException) -> HoldfastError:
        """The typed error for an exception of aiohttp, told by whether bytes may have left."""
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self._not_sent(f"the proxy refused the connection (HTTP {error.status})", "proxy")
        if isinstance(error, aiohttp.ClientResponseError):  # aiohttp's own status 400: the framing was malformed
            return self.protocol("The appliance's answer is not valid HTTP.")
        if not self.on_connection:
            return self._not_connected(error)
        what = "was cut off" if isinstance(error, aiohttp.ClientPayloadError) else "did not come: the connection broke"
        return LostReplyError(
            f"The appliance's answer to {self.label} {what}.",
            next_step=None if self.safe else _RETRY_NEXT,
            executed=self.executed,
            target=self.target,
            details={"sends": self.sends},
        )

    def _not_connected(self, error: BaseException) -> HoldfastError:
        cause = tls.find_tls_cause(error)
        if cause is not None:
            return tls.explain(cause, target=self.target)
        os_error = getattr(error, "os_error", error)
        number = os_error.errno if isinstance(os_error, OSError) else None
        if number in (errno.EMFILE, errno.ENFILE):
            return OverloadedError(
                "This machine has no free file handle for another connection.",
                next_step="Raise the limit of open files (ulimit -n) or lower the number of parallel calls.",
                target=self.target,
            )
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._not_sent("its name cannot be resolved", "dns")
        if isinstance(error, TimeoutError):
            return self._not_sent("no connection in time", "connect_timeout")
        known: dict[int | None, tuple[str, str]] = {
            errno.ECONNREFUSED: ("it refused the connection", "refused"),
            errno.EHOSTUNREACH: ("there is no route to it", "no_route"),
            errno.ENETUNREACH: ("there is no route to it", "no_route"),
            errno.ECONNRESET: ("it broke the connection while it was being set up", "reset"),
        }
        if isinstance(os_error, ConnectionResetError):  # in the handshake, without a number
            number = errno.ECONNRESET
        what, reason = known.get(number, ("the connection could not be set up", "connect"))
        return self._not_sent(what, reason)

    def _not_sent(self, what: str, reason: str) -> NotSentError:
        return NotSentError(
            f"{self.origin.netloc} cannot be reached: {what}. Nothing was sent.",
            target=self.target,
            details={"reason": reason},
        )

    def protocol(self, message: str) -> ProtocolError:
        """An answer that is not the protocol's."""
        return ProtocolError(message, executed=self.executed, target=self.target, details={"sends": self.sends})

    def timed_out(self, seconds: float) -> HoldfastError:
        """The attempt's absolute bound has passed."""
        if self.waiting:
            return OverloadedError(
                f"No connection became free within {seconds:.1f} s: too many calls are in flight.", target=self.target
            )
        if not self.on_connection:
            return self._not_sent(f"no connection within {seconds:.1f} s", "connect_timeout")
        return AttemptTimeoutError(
            f"No complete answer to {self.label} came within {seconds:.1f} s.",
            next_step=None if self.safe else _RETRY_NEXT,
            executed=self.executed,
            target=self.target,
            details={"sends": self.sends, "timeout_s": round(seconds, 3)},
        )
