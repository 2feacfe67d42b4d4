"""The way in: a socket that is logged in, and what is learnt at once of the system behind it (contract 2, 12, 16)."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from holdfast.appliances.truenas.auth import AuthManager, StandbyError
from holdfast.appliances.truenas.errors import error_of
from holdfast.appliances.truenas.feeds import Feeds
from holdfast.appliances.truenas.releases import Release, parse_release
from holdfast.appliances.truenas.settings import TrueNASSettings
from holdfast.appliances.truenas.verdicts import begun
from holdfast.appliances.wiring import tls_of
from holdfast.errors import (
    BusyError,
    ConfigError,
    Executed,
    InputError,
    PermissionDeniedError,
    TransportError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.resilience import Clock
from holdfast.transport import ConnectionPool, JsonRpcError, JsonRpcSocket
from holdfast.transport.values import JsonValue

PING_INTERVAL_S: Final = 20.0
"""nginx closes the socket after 60 s without a byte from the server (contract 2)."""
LOGIN_TIMEOUT_S: Final = 20.0
ANONYMOUS_CHARS: Final = 8192
"""Longest message before login, characters: TrueNAS cuts the connection at a longer one (contract 2)."""
MESSAGE_CHARS: Final = 65536
"""The same afterwards. The middleware counts the characters of the text, not the bytes that carry them."""
TERMINATED: Final = 1000
"""Close code of a session that an administrator has ended (contract 2)."""
STAY_OUT_S: Final = 60.0
"""How long Holdfast does not log in again after that, seconds."""
_BOOT_WAIT_S: Final = 30.0
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")


class SessionTerminatedError(PermissionDeniedError):
    """An administrator has ended the session; Holdfast does not log in again behind their back."""

    code = "session_terminated"


@dataclass
class Link:
    """A socket that is logged in.

    Attributes:
        socket: It.
        feeds: What TrueNAS tells by itself on it.
        settings: Where it leads: those of the target, or with the address of the active controller.
        release: Of the system behind it; None where it was not told.
        ready: Whether the system was seen ready since: a boot would have cut the socket.
    """

    socket: JsonRpcSocket
    feeds: Feeds
    settings: TrueNASSettings
    release: Release | None = None
    ready: bool = False

    async def call(self, method: str, params: Sequence[JsonValue], request_id: str | None = None) -> JsonValue:
        """Call a method; with a `request_id`, one that changes something. Errors tell whether it may have."""
        try:
            return await self.socket.call(
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

    async def learn(self) -> None:
        """Ask for release and state, in one go; what is not told now is asked for when it is needed."""
        version, state = await asyncio.gather(
            self.call("system.version_short", ()), self.call("system.state", ()), return_exceptions=True
        )
        if isinstance(version, str):
            self.release = parse_release(version)
        self.ready = state == "READY"

    async def hold_until_ready(self) -> None:
        """Let no change through while the system boots (contract 12).

        Raises:
            BusyError: It boots, or shuts down; nothing was sent.
        """
        if self.ready:
            return
        try:
            state = await self.call("system.state", ())
        except (PermissionDeniedError, UnsupportedError):
            return  # whoever may not ask cannot be held up by the answer
        self.ready = state == "READY"
        if not self.ready:
            raise BusyError(
                f"TrueNAS is not ready ({state}): pools may not be imported and apps not started yet. Changes are held "
                "back until it is; nothing was sent. Reads work.",
                executed=Executed.NO,
                retry_after_s=_BOOT_WAIT_S,
                next_step="Repeat when truenas_connection_test says ready.",
            )


class Links:
    """Opens sockets and logs them in.

    Args:
        settings: Of the target.
        auth: Keeps the credential.
        pool: Shared connections.
        clock: Time.
    """

    def __init__(self, settings: TrueNASSettings, auth: AuthManager, pool: ConnectionPool, clock: Clock) -> None:
        self._settings = settings
        self._auth = auth
        self._pool = pool
        self._clock = clock
        self._out_until: float | None = None

    def ended(self, socket: JsonRpcSocket) -> None:
        """Hear that a socket was found closed that Holdfast had not closed itself."""
        if socket.close_code == TERMINATED:
            self._out_until = self._clock.monotonic() + STAY_OUT_S

    async def open(self) -> Link:
        """A new socket, logged in; on a pair of controllers that of the active one (contract 12).

        Raises:
            SessionTerminatedError: An administrator has ended the last session less than `STAY_OUT_S` ago.
            HoldfastError: As `JsonRpcSocket.connect` and `AuthManager.log_in`. Nothing of the caller's was sent.
        """
        self._stay_out()
        self._auth.check_transport()
        await self._auth.wait_for_turn()
        try:
            return await self._open(self._settings)
        except StandbyError as standby:
            active = self._active(standby)
            await self._auth.wait_for_turn()
            try:
                return await self._open(active)
            except TransportError as error:
                raise UnavailableError(
                    f"{standby.message} The active one that it names cannot be reached: {error.message}",
                    vendor_code=standby.vendor_code,
                    executed=Executed.NO,
                    next_step=standby.next_step,
                ) from error

    def _stay_out(self) -> None:
        if self._out_until is None:
            return
        left = self._out_until - self._clock.monotonic()
        if left <= 0:
            self._out_until = None
            return
        raise SessionTerminatedError(
            "An administrator of TrueNAS has ended Holdfast's session (close code 1000). Nothing was sent. Holdfast "
            f"does not log in again within {left:.0f} s.",
            executed=Executed.NO,
            retry_after_s=left,
            next_step="Tell the user that somebody ended the session. Repeat after that time only if they want to go "
            "on; to keep Holdfast out, its API key is revoked on TrueNAS.",
        )

    async def _open(self, settings: TrueNASSettings) -> Link:
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
            max_request_chars=ANONYMOUS_CHARS,
            on_notification=feeds.notified,
            on_close=lambda code, reason: feeds.lost(),
        )

        async def call(method: str, params: Sequence[JsonValue]) -> JsonValue:
            try:
                return await socket.call(method, params, timeout_s=LOGIN_TIMEOUT_S, safe=True)
            except InputError as error:
                raise ConfigError(
                    f"{settings.label}: the credential makes a login that is too long: {error.message}",
                    next_step="Look whether username, api_key or password name a whole file by mistake.",
                ) from None
            except JsonRpcError as error:
                told = error_of(error, method)
                told.executed = Executed.NO  # of what the caller wanted, nothing was sent yet
                raise told from None

        link = Link(socket, feeds, settings)
        try:
            await self._auth.log_in(call, certificate=socket.peer_certificate)
            socket.max_request_chars = MESSAGE_CHARS
            await link.learn()
        except BaseException:
            # After a failed login the same socket may answer wrongly (contract 5.2).
            await socket.close()
            raise
        return link

    def _active(self, standby: StandbyError) -> TrueNASSettings:
        """The target with the address that a standby controller names. It is reached by TLS only, and proves who it is
        as the target itself does: where nothing is verified, a stranger's word would decide who gets the key.

        Raises:
            UnavailableError: It is not followed; the message tells where it leads.
        """
        url = next((url for url in standby.urls if url.startswith("https://")), None)
        host = _host_of(url) if url is not None else None
        if host is None or not self._settings.verify:
            raise UnavailableError(
                f"{standby.message} It names {', '.join(standby.urls[:3]) or 'no other'} as the active one, which is "
                f"not followed{'' if self._settings.verify else ' because verify = false'}.",
                vendor_code=standby.vendor_code,
                executed=Executed.NO,
                next_step=standby.next_step,
            )
        assert url is not None
        return self._settings.model_copy(update={"host": host, "port": _port_of(url)})


def _host_of(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host if host is not None and _HOST.fullmatch(host) else None


def _port_of(url: str) -> int:
    try:
        return urlsplit(url).port or 443
    except ValueError:
        return 443
