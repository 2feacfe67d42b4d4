"""Log in to TrueNAS: by `auth.login_ex`, with the name of the user, never over plain text (contract 5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from holdfast.appliances.truenas.pace import LoginPace
from holdfast.appliances.truenas.scram import ScramLogin
from holdfast.appliances.truenas.settings import TrueNASSettings
from holdfast.appliances.wiring import settings_of
from holdfast.config import Mode
from holdfast.cutting import cut
from holdfast.errors import (
    AuthenticationError,
    ConfigError,
    PermissionDeniedError,
    ProtocolError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.resilience import Clock
from holdfast.resilience.clock import SYSTEM_CLOCK
from holdfast.transport import CredentialLatch
from holdfast.transport.values import JsonObject, JsonValue, as_object, get_str

Call = Callable[[str, Sequence[JsonValue]], Awaitable[JsonValue]]

_REFUSED = {
    "AUTH_ERR": "TrueNAS refused the user or the credential.",
    "EXPIRED": "The credential has expired, or was revoked because it once crossed the network in plain text.",
    "DENIED": "This account may not use the API.",
}


class StandbyError(UnavailableError):
    """This is the standby controller of a pair; `urls` lead to the active one (contract 12)."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(
            "This is the standby controller.",
            vendor_code="REDIRECT",
            next_step="Point the target at the active controller or its virtual address.",
        )
        self.urls = tuple(urls)


class AuthManager:
    """Keeps the credential of one TrueNAS system, and logs sockets in with it.

    Args:
        config: `TrueNASSettings`, or a mapping with the same keys (the resilience guide's).
        clock: Time.
    """

    def __init__(self, config: TrueNASSettings | Mapping[str, object], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.settings = settings_of(TrueNASSettings, config)
        what = "the API key" if self.settings.api_key is not None else "the user name and password"
        self._latch = CredentialLatch(what)
        self._knows_scram = False
        self._pace = LoginPace(clock)
        self.user: JsonObject = {}

    def check_transport(self) -> None:
        """Refuse to send a key in plain text: TrueNAS would revoke it for good (contract 5.3).

        Raises:
            ConfigError: The target's protocol is not encrypted.
        """
        if not self.settings.origin.startswith("https://"):
            raise ConfigError(
                f"{self.settings.label}: TrueNAS is reached over TLS only; it revokes an API key that arrives in plain "
                "text. Nothing was sent.",
                next_step='Remove protocol = "ws" (or "http") from the target.',
            )

    async def wait_for_turn(self) -> None:
        """Wait until another login is in order: before a connection is opened for it.

        Raises:
            RateLimitedError: That takes longer than the call has time. Nothing was sent.
        """
        await self._pace.wait()

    async def log_in(self, call: Call, *, certificate: bytes | None = None) -> None:
        """Log in on a fresh socket: by SCRAM where it is offered, so that the key is not sent. Where the target is
        read-only and the release can, give up all rights to change anything in this session.

        Args:
            call: Calls a method on that socket.
            certificate: The certificate that the appliance showed, DER: SCRAM is bound to it.

        Raises:
            QuarantinedError: The credential was refused before; nothing was sent.
            AuthenticationError: It is refused now.
        """
        self.check_transport()
        async with self._latch.use():
            scram = await self._by_scram(call)
            self._pace.take()
            if scram:
                answer = await self._scram(call, certificate)
            elif self.settings.api_key is not None and self.settings.username is None:
                answer = await self._by_key_alone(call)
            else:
                answer = as_object(await call("auth.login_ex", [self._credential()]), "auth.login_ex")
                self._judge(answer)
        user = answer.get("user_info")
        self.user = user if isinstance(user, dict) else {}
        if self.settings.mode is Mode.READ_ONLY:
            await self._become_read_only(call)

    async def _by_scram(self, call: Call) -> bool:
        """Whether to log in by SCRAM. What offered it once is not trusted with the key itself afterwards."""
        settings = self.settings
        if settings.api_key is None or settings.login == "plain":
            return False
        offered = await call("auth.mechanism_choices", [])
        if isinstance(offered, list) and "SCRAM" in offered:
            self._knows_scram = True
            if settings.username is None:
                raise self._nameless("It logs in by SCRAM")
            return True
        if settings.login == "scram" or self._knows_scram:
            raise UnavailableError(
                f"{settings.label}: the appliance does not offer SCRAM. The key was not sent.",
                next_step='If it was downgraded on purpose, set login = "plain" for the target and restart.',
            )
        return False

    def _nameless(self, why: str) -> ConfigError:
        return ConfigError(
            f"{self.settings.label}: {why}, which needs the name of the user that owns the API key; the target has no "
            "username. The key was not sent.",
            next_step='Set username = "..." for the target: the owner is shown beside the key in TrueNAS.',
        )

    async def _by_key_alone(self, call: Call) -> JsonObject:
        """Without a user's name TrueNAS looks it up itself, up to 26 (contract 5.2); none is guessed."""
        assert self.settings.api_key is not None
        try:
            accepted = await call("auth.login_with_api_key", [self.settings.api_key.reveal()])
        except UnsupportedError:
            raise self._nameless("This release takes an API key by auth.login_ex only") from None
        if accepted is not True:
            raise AuthenticationError(
                "TrueNAS refused the API key: it is wrong, expired or revoked, or its owner may not use the API."
            )
        return {}

    async def _scram(self, call: Call, certificate: bytes | None) -> JsonObject:
        assert self.settings.api_key is not None
        assert self.settings.username is not None
        exchange = ScramLogin(self.settings.username, self.settings.api_key.reveal(), certificate)
        challenge = await self._say(call, "CLIENT_FIRST_MESSAGE", exchange.first)
        final = await asyncio.to_thread(exchange.final, get_str(challenge, "rfc_str", "auth.login_ex"))
        answer = await self._say(call, "CLIENT_FINAL_MESSAGE", final)
        exchange.verify(get_str(answer, "rfc_str", "auth.login_ex"))
        return answer

    async def _say(self, call: Call, kind: str, text: str) -> JsonObject:
        message: JsonObject = {"mechanism": "SCRAM", "scram_type": kind, "rfc_str": text}
        answer = as_object(await call("auth.login_ex", [message]), "auth.login_ex")
        if get_str(answer, "response_type", "auth.login_ex") != "SCRAM_RESPONSE":
            self._judge(answer)
            raise ProtocolError("TrueNAS ended a SCRAM login without proving that it knows the key.")
        return answer

    async def _become_read_only(self, call: Call) -> None:
        """From 26 on the server itself then refuses changes in this session, whatever the account may do."""
        try:
            await call("privilege.become_readonly", [])
        except UnsupportedError:
            return

    def _credential(self) -> JsonObject:
        settings = self.settings
        assert settings.username is not None
        if settings.api_key is not None:
            return {
                "mechanism": "API_KEY_PLAIN",
                "username": settings.username,
                "api_key": settings.api_key.reveal(),
            }
        assert settings.password is not None
        return {
            "mechanism": "PASSWORD_PLAIN",
            "username": settings.username,
            "password": settings.password.reveal(),
        }

    def _judge(self, answer: JsonObject) -> None:
        kind = get_str(answer, "response_type", "auth.login_ex")
        if kind == "SUCCESS":
            return
        if kind == "OTP_REQUIRED":
            raise AuthenticationError(
                "This account needs a one-time password, which a server cannot give.",
                next_step="Use an API key of a user with the needed roles.",
            )
        if kind == "REDIRECT":
            urls = answer.get("urls")
            raise StandbyError([cut(str(url), 200) for url in urls] if isinstance(urls, list) else [])
        if kind == "DENIED":
            raise PermissionDeniedError(_REFUSED[kind])
        raise AuthenticationError(_REFUSED.get(kind, f"TrueNAS answered the login with {cut(kind, 40)}."))
