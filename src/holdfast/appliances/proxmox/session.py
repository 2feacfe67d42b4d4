"""Log in to Proxmox VE: by API token, or by ticket that is renewed before it ends (contract 2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from holdfast.appliances.proxmox.errors import error_of
from holdfast.appliances.proxmox.secondfactor import totp_code
from holdfast.appliances.proxmox.settings import ProxmoxSettings
from holdfast.errors import AuthenticationError
from holdfast.transport import CredentialLatch, Reply, Request, path
from holdfast.transport.values import JsonObject, as_object, get_object, get_str, opt_int

RENEW_AFTER_S: Final = 3600.0
"""A ticket lives two hours; it is renewed after one, with itself as the password."""

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
                return _accepted(await self._send(self._with(request, self._token_headers())))
        ticket = await self._current()
        reply = await self._send(self._with(request, self._ticket_headers(ticket, request.method)))
        if reply.status == 401:
            if self._ticket == ticket:  # else another call has replaced it meanwhile
                self._ticket = None
            ticket = await self._current()
            reply = await self._send(self._with(request, self._ticket_headers(ticket, request.method)))
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
            if self._ticket is not None and self._monotonic() - self._since > RENEW_AFTER_S:
                await self._renew(self._ticket)
            if self._ticket is None:
                password = self._settings.password
                assert password is not None
                async with self._latch.use():
                    await self._fetch(password.reveal())
            assert self._ticket is not None
            return self._ticket

    async def _renew(self, ticket: str) -> None:
        try:
            await self._fetch(ticket)
        except AuthenticationError:
            self._ticket = None

    async def _fetch(self, password: str) -> None:
        user = self._settings.username or ""
        form = {"username": user if "@" in user else f"{user}@pam", "password": password}
        data = await self._log_in(form)
        if opt_int(data, "NeedTFA", lenient=True):
            data = await self._log_in({**form, **self._second_factor(get_str(data, "ticket"))})
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

    def _second_factor(self, challenge: str) -> dict[str, str]:
        """The answer to a challenge (contract 2.3)."""
        secret = self._settings.totp_secret
        if secret is None:
            raise AuthenticationError(
                "This user needs a second factor.",
                next_step="Make an API token for this user and set token_id and token_secret (better), or set "
                "totp_secret.",
            )
        return {"tfa-challenge": challenge, "password": f"totp:{totp_code(secret.reveal(), self._now())}"}


def _accepted(reply: Reply) -> Reply:
    if reply.status == 401:
        raise error_of(reply)
    return reply
