"""Log in to Proxmox VE: by API token, or by ticket that is renewed before it ends (contract 2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from holdfast.appliances.proxmox.errors import error_of
from holdfast.appliances.proxmox.secondfactor import SecondFactor
from holdfast.appliances.proxmox.settings import ProxmoxSettings
from holdfast.errors import ApplianceError, AuthenticationError, Executed, HoldfastError, TransportError
from holdfast.transport import CredentialLatch, Reply, Request, path
from holdfast.transport.values import JsonObject, as_object, get_object, get_str, opt_int

RENEW_AFTER_S: Final = 3600.0
"""A ticket lives two hours; it is renewed after one, with itself as the password."""
_USED_UP_S: Final = 7100.0
_TOKEN_STEP: Final = (
    "The operator checks token_id and token_secret. Proxmox answers the same when the token was deleted or expired, or "
    "its user is disabled or expired; it is not tried again until the server is restarted."
)

Send = Callable[[Request], Awaitable[Reply]]


class Session:
    """Authenticates requests. Never sends a refused credential a second time."""

    def __init__(
        self,
        settings: ProxmoxSettings,
        send: Send,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._send = send
        self._monotonic = monotonic
        self._now = now
        self._on_secret = on_secret
        self._ticket: str | None = None
        self._csrf = ""
        self._since = 0.0
        self._renewing = asyncio.Lock()
        self._factor = SecondFactor(settings.totp_secret.reveal() if settings.totp_secret is not None else None)
        self._latch = CredentialLatch("the API token" if self.by_token else "the user name and password")

    @property
    def by_token(self) -> bool:
        """Whether an API token is used: then there is nothing to log in or renew."""
        return self._settings.token_secret is not None and self._settings.token_id is not None

    async def send(self, request: Request) -> Reply:
        """Send a request with the session's credential.

        A ticket that was refused (it expired, or the node lost its keys) is replaced by one more login: a 401 proves
        that nothing was executed.

        Raises:
            QuarantinedError: The credential was refused before; nothing was sent.
            AuthenticationError: It is refused now.
        """
        if self.by_token:
            async with self._latch.use():
                try:
                    return _accepted(await self._send(self._with(request, self._token_headers())))
                except AuthenticationError as error:
                    error.next_step = _TOKEN_STEP
                    raise
        ticket = await self._current()
        reply = await self._send(self._with(request, self._ticket_headers(ticket, request.method)))
        if reply.status == 401:
            if self._ticket == ticket:  # else another call has replaced it meanwhile
                self._ticket = None
            ticket = await self._current()
            reply = await self._send(self._with(request, self._ticket_headers(ticket, request.method)))
            if reply.status == 401:
                raise _refused_session(reply)
        return _accepted(reply)

    def _with(self, request: Request, headers: dict[str, str]) -> Request:
        return replace(request, headers=headers, connect_timeout_s=self._settings.connect_timeout)

    def _token_headers(self) -> dict[str, str]:
        secret = self._settings.token_secret
        assert secret is not None
        return {"Authorization": f"PVEAPIToken={self._settings.token_id}={secret.reveal()}"}

    def _ticket_headers(self, ticket: str, method: str) -> dict[str, str]:
        headers = {"Cookie": f"PVEAuthCookie={quote(ticket, safe='')}"}
        return headers if method == "GET" else {**headers, "CSRFPreventionToken": self._csrf}

    async def _current(self) -> str:
        """The ticket, fetched or renewed if need be, by one of many who ask at once."""
        async with self._renewing:
            try:
                if self._ticket is not None and self._monotonic() - self._since > RENEW_AFTER_S:
                    await self._renew(self._ticket)
                if self._ticket is None:
                    await self._enter()
            except HoldfastError as error:
                error.executed = Executed.NO  # whatever became of the login, the call was not sent
                raise
            assert self._ticket is not None
            return self._ticket

    async def _renew(self, ticket: str) -> None:
        """Renew a ticket that still holds: when that fails in any way, it is used until it is refused."""
        try:
            self._take(await self._log_in({"username": self._user, "password": ticket}))
        except AuthenticationError:
            self._ticket = None
        except (TransportError, ApplianceError):
            if self._monotonic() - self._since > _USED_UP_S:
                self._ticket = None

    async def _enter(self) -> None:
        """Log in by password and, where one is asked for, second factor.

        The latch is about the password alone: that a second factor is missing or refused says that the password is
        right, and a factor of time may be right in the next half minute.
        """
        password = self._settings.password
        assert password is not None
        self._factor.check(self._now())
        form = {"username": self._user, "password": password.reveal()}
        async with self._latch.use():
            try:
                data = await self._log_in(form)
            except AuthenticationError as error:
                error.next_step = self._what_to_correct()
                raise
        if opt_int(data, "NeedTFA", lenient=True):
            data = await self._answer(form, get_str(data, "ticket"))
        self._take(data)

    async def _answer(self, form: dict[str, str], challenge: str) -> JsonObject:
        code = self._factor.code(challenge, self._now())
        try:
            data = await self._log_in({**form, "tfa-challenge": challenge, "password": f"totp:{code}"})
        except AuthenticationError as error:
            raise self._factor.refused() from error
        self._factor.accepted()
        return data

    @property
    def _user(self) -> str:
        user = self._settings.username or ""
        return user if "@" in user else f"{user}@pam"

    def _what_to_correct(self) -> str:
        named = "" if "@" in (self._settings.username or "") else " username names no realm, so pam was taken."
        return (
            f"The operator checks user and password of {self._user}.{named} Proxmox answers the same when the user is "
            "disabled or expired, or when its realm (LDAP, AD) cannot be reached; it is not tried again until the "
            "server is restarted."
        )

    def _take(self, data: JsonObject) -> None:
        self._ticket = get_str(data, "ticket")
        self._csrf = get_str(data, "CSRFPreventionToken")
        self._since = self._monotonic()
        if self._on_secret is not None:
            self._on_secret(self._ticket)
            self._on_secret(self._csrf)

    async def _log_in(self, form: dict[str, str]) -> JsonObject:
        login = Request("POST", path("api2", "json", "access", "ticket"), form=form, fresh_connection=True)
        reply = _accepted(await self._send(self._with(login, {})))
        if not reply.ok:
            raise error_of(reply)
        return get_object(as_object(reply.json()), "data")


def _refused_session(reply: Reply) -> AuthenticationError:
    """A ticket of this moment is refused: the credential is right, and it is not that which is wrong."""
    return AuthenticationError(
        "Proxmox took the login and refuses the ticket that it gave for it (401). Nothing was executed.",
        status=reply.status,
        next_step="The credential is right. The clocks of the cluster's nodes differ, the nodes do not share their "
        "keys (no quorum?), or something in between changes cookies and headers: the operator looks there.",
    )


def _accepted(reply: Reply) -> Reply:
    if reply.status == 401:
        raise error_of(reply)
    return reply
