"""Authenticate to pfSense with exactly one scheme (contract 3): key, Basic or JWT; never a second try after a 401."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from holdfast.appliances.pfsense.errors import LOGIN, envelope_of
from holdfast.appliances.pfsense.settings import PfSenseSettings
from holdfast.errors import AuthenticationError, ConfigError, Executed, HoldfastError
from holdfast.transport import CredentialLatch, Reply, Request, path
from holdfast.transport.values import get_object, get_str

_log = logging.getLogger("holdfast.pfsense")
EXPIRY_MARGIN_S: Final = 30.0
_DEFAULT_LIFE_S: Final = 3600.0
_CREDENTIALS: Final = {
    "key": "the API key",
    "basic": "the user name and password",
    "jwt": "the user name and password, or the token that was given for them,",
}

Send = Callable[[Request], Awaitable[Reply]]


class Session:
    """Sends requests with the target's credential."""

    def __init__(
        self,
        settings: PfSenseSettings,
        send: Send,
        *,
        now: Callable[[], float] = time.time,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._send = send
        self._now = now
        self._on_secret = on_secret
        self.scheme = _scheme(settings)
        self._latch = CredentialLatch(_CREDENTIALS[self.scheme])
        self._token: str | None = None
        self._token_until = 0.0
        self._fetching = asyncio.Lock()
        if settings.api_secret is not None:
            _log.warning(
                "%s: api_secret is not sent: version 2 of the REST API has one key and no secret", settings.label
            )

    @property
    def refused(self) -> bool:
        """Whether the credential was refused."""
        return self._latch.refused

    async def send(self, request: Request) -> Reply:
        """Send a request.

        Raises:
            QuarantinedError: The credential was refused before; nothing was sent.
            AuthenticationError: It is refused now. Not tried again: three refusals block this address (contract 3.6).
        """
        headers = await self._before(self._headers())
        async with self._latch.use():
            reply = await self._send(replace(request, headers=headers))
            if reply.status == 401 and self.scheme != "jwt":
                envelope_of(reply)
        return reply if reply.status != 401 else await self._once_more(request, headers)

    async def _once_more(self, request: Request, refused: dict[str, str]) -> Reply:
        """Send a request whose token was refused, with a new one: it may have ended, or the firewall's name or key has
        changed (contract 3.3). A 401 proves that nothing was executed. No third time: three block this address.
        """
        async with self._fetching:
            if refused == {"Authorization": f"Bearer {self._token}"}:  # else another call has fetched one meanwhile
                self._token = None
        headers = await self._before(self._headers())
        async with self._latch.use():
            reply = await self._send(replace(request, headers=headers))
            if reply.status == 401:
                raise AuthenticationError(
                    "pfSense took user and password and refuses the token that it gave for them (401).",
                    status=401,
                    next_step="The password is right: the operator looks at the firewall's clock, or takes an API key, "
                    "and restarts the server. It is not tried again: three refusals block this address.",
                )
            return reply

    @staticmethod
    async def _before(login: Awaitable[dict[str, str]]) -> dict[str, str]:
        """Log in; whatever becomes of that, the call itself was not sent."""
        try:
            return await login
        except HoldfastError as error:
            error.executed = Executed.NO
            error.details[LOGIN] = True
            raise

    async def _headers(self) -> dict[str, str]:
        if self.scheme == "key":
            assert self._settings.api_key is not None
            return {"X-API-Key": self._settings.api_key.reveal()}
        if self.scheme == "basic":
            return self._basic()
        async with self._fetching:
            if self._token is None or self._now() > self._token_until - EXPIRY_MARGIN_S:
                await self._fetch_token()
            return {"Authorization": f"Bearer {self._token}"}

    def _basic(self) -> dict[str, str]:
        user, password = self._settings.username, self._settings.password
        assert user is not None
        assert password is not None
        pair = base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    async def _fetch_token(self) -> None:
        request = Request("POST", path("api", "v2", "auth", "jwt"), headers=self._basic(), fresh_connection=True)
        async with self._latch.use():
            envelope = envelope_of(await self._send(request))
        token = get_str(get_object(envelope, "data"), "token")
        self._token, self._token_until = token, _expiry(token, self._now())
        if self._on_secret is not None:
            self._on_secret(token)


def _scheme(settings: PfSenseSettings) -> str:
    chosen = settings.auth if settings.auth != "auto" else ("key" if settings.api_key is not None else "basic")
    if chosen == "key" and settings.api_key is None:
        raise ConfigError(f'{settings.label}: auth = "key" needs api_key.')
    if chosen != "key" and (settings.username is None or settings.password is None):
        raise ConfigError(f'{settings.label}: auth = "{chosen}" needs username and password.')
    return chosen


def _expiry(token: str, now: float) -> float:
    """When a JWT that was just given ends, seconds since the epoch by this machine's clock.

    The answer does not tell it; the claims do, by the firewall's clock, which may be wrong (contract 3.3): from `nbf`,
    its moment of issue, to `exp`.
    """
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return now + float(claims["exp"]) - float(claims.get("nbf", now))
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return now + _DEFAULT_LIFE_S
