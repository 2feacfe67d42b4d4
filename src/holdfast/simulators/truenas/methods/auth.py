"""Logging in and out (contract section 5)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.credentials import Credential
from holdfast.simulators.truenas.errors import (
    EOPNOTSUPP,
    CallError,
    InvalidValueError,
    Row,
    invalid,
)
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.identities import Identities
from holdfast.simulators.truenas.methods.sessions import Sessions, session_of
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.scram import Exchange, parse_client_first

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call
    from holdfast.simulators.truenas.session import Session

SELF_CHECK_S = 5.0
BROKEN = "unexpected authenticator run state"


@dataclass
class _AwaitsOtp:
    username: str


class Auth(Namespace):
    """`auth.*`: every way in."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.accounts = box.get(Accounts)
        self.identities = box.get(Identities)
        self.sessions = box.get(Sessions)
        self._certificates: dict[tuple[str, int], bytes] = {}

    @method("auth.mechanism_choices")
    def mechanism_choices(self, call: Call) -> list[str]:
        """Mechanisms that are allowed now."""
        if self.identities.stig:
            return ["PASSWORD_PLAIN"]
        return ["API_KEY_PLAIN", "TOKEN_PLAIN", "PASSWORD_PLAIN", *(["SCRAM"] if self.box.persona.has_scram else [])]

    @method("auth.login_ex")
    async def login_ex(self, call: Call, data: Row) -> Row:
        """Log in; a failure is a successful answer of another `response_type`."""
        session = session_of(call)
        redirect = self.box.faults.take("standby")
        if redirect is not None:
            return {"response_type": "REDIRECT", "urls": [redirect.text("url")]}
        if session.login_state == BROKEN:
            raise InvalidValueError(BROKEN)
        mechanism = data["mechanism"]
        if self.identities.stig and mechanism in ("API_KEY_PLAIN", "SCRAM", "TOKEN_PLAIN"):
            raise CallError(f"{mechanism}: mechanism is not supported at this authenticator level", EOPNOTSUPP)
        if mechanism == "OTP_TOKEN":
            return await self._one_time_code(session, data)
        if mechanism == "SCRAM":
            return await self._scram(session, data)
        if mechanism == "PASSWORD_PLAIN":
            credential = self.identities.password_credential(data["username"], data["password"])
            if credential is not None and self.identities.two_factor_enabled(data["username"]):
                session.login_state = _AwaitsOtp(data["username"])
                return {"response_type": "OTP_REQUIRED", "username": data["username"]}
            return await self._conclude(session, credential, data)
        if mechanism == "TOKEN_PLAIN":
            return await self._conclude(session, self.identities.token_credential(data["token"], session.origin), data)
        row = self.identities.find_key(data["api_key"])
        if row is not None and row["username"] == data["username"]:
            credential = self.identities.key_credential(data["username"], data["api_key"], secure=session.secure)
            if credential is None and self.identities.is_dead(row):
                await self._slow_down(session)
                return {"response_type": "EXPIRED"}
            return await self._conclude(session, credential, data)
        return await self._conclude(session, None, data)

    @method("auth.login_ex_continue")
    async def login_ex_continue(self, call: Call, data: Row) -> Row:
        """Give the one-time code that `login_ex` asked for."""
        return await self._one_time_code(session_of(call), data)

    async def _one_time_code(self, session: Session, data: Row) -> Row:
        state = session.login_state
        if not isinstance(state, _AwaitsOtp):
            raise CallError("OTP token is only valid after an OTP_REQUIRED response")
        user = self.accounts.users.first(username=state.username)
        session.login_state = None
        good = self.identities.accepts_code(state.username, data["otp_token"])
        credential = self.identities.credential(user, "LOGIN_TWOFACTOR") if good and user is not None else None
        return await self._conclude(session, credential, data)

    async def _conclude(self, session: Session, credential: Credential | None, data: Row) -> Row:
        self._record(session, data, credential)
        if credential is None:
            await self._slow_down(session)
            return {"response_type": "AUTH_ERR"}
        if not credential.roles:
            await self._slow_down(session)
            return {"response_type": "DENIED" if self.box.persona.tells_denied else "AUTH_ERR"}
        session.login_state = None
        session.log_in(credential)
        options = data.get("login_options") or {}
        answer: Row = {
            "response_type": "SUCCESS",
            "user_info": self.sessions.user_info(credential) if options.get("user_info", True) else None,
            "authenticator": "LEVEL_2" if self.identities.stig else "LEVEL_1",
        }
        if self.box.persona.has_scram:
            wanted = options.get("reconnect_token") and credential.kind != "LOGIN_ONETIME_PASSWORD"
            answer["reconnect_token"] = (
                self.identities.new_token(credential, 600, session.origin, single_use=True) if wanted else None
            )
        return answer

    def _record(self, session: Session, data: Row, credential: Credential | None) -> None:
        from holdfast.simulators.truenas.methods.config import Audit

        name = credential.username if credential is not None else str(data.get("username") or "")
        self.box.get(Audit).login(session.origin, name, success=credential is not None)

    async def _slow_down(self, session: Session) -> None:
        """Failures are slowed; up to 25.10 the socket's authenticator is useless afterwards."""
        timing = self.box.timing
        await self.box.linger(timing.failed_login_stig_s if self.identities.stig else timing.failed_login_s)
        if self.box.persona.release < (26, 0):
            session.login_state = BROKEN

    async def _scram(self, session: Session, data: Row) -> Row:
        if data["scram_type"] == "CLIENT_FIRST_MESSAGE":
            return await self._scram_first(session, data)
        exchange = session.login_state
        session.login_state = None
        if not isinstance(exchange, Exchange):
            raise CallError("SCRAM: a client-first-message must come first")
        binding = await self._channel_binding(session) if exchange.first.binding is not None else b""
        final = exchange.finish(data["rfc_str"], binding)
        row = self.accounts.keys.rows.get(exchange.first.key_id)
        user = self.accounts.users.first(username=exchange.first.username)
        if final is None or row is None or user is None:
            await self._slow_down(session)
            return {"response_type": "AUTH_ERR"}
        if self.identities.is_dead(row):
            return {"response_type": "EXPIRED"}
        credential = self.identities.credential(user, "API_KEY", api_key=(row["id"], row["name"]))
        answer = await self._conclude(session, credential, {})
        if answer["response_type"] != "SUCCESS":
            return answer
        return {
            "response_type": "SCRAM_RESPONSE",
            "scram_type": "SERVER_FINAL_RESPONSE",
            "rfc_str": final,
            "user_info": answer["user_info"],
        }

    async def _scram_first(self, session: Session, data: Row) -> Row:
        try:
            first = parse_client_first(data["rfc_str"])
        except (ValueError, LookupError) as error:
            raise invalid("login_data.SCRAM.rfc_str", str(error)) from error
        row = self.accounts.keys.rows.get(first.key_id)
        bindable = first.binding is None or (session.secure and first.binding == "tls-server-end-point")
        if row is None or row["username"] != first.username or not bindable:
            await self._slow_down(session)
            return {"response_type": "AUTH_ERR"}
        nonce = f"{self.box.random.getrandbits(144):036x}"
        exchange = Exchange.begin(first, self.identities.scram_key(row["id"]), nonce)
        session.login_state = exchange
        return {
            "response_type": "SCRAM_RESPONSE",
            "scram_type": "SERVER_FIRST_RESPONSE",
            "rfc_str": exchange.server_first,
            "user_info": None,
        }

    async def _channel_binding(self, session: Session) -> bytes:
        """The tls-server-end-point data (RFC 5929): SHA-256 of the certificate this listener shows.

        The server side of a TLS connection cannot read its own certificate, so the listener is asked once.
        """
        address = (session.local_ip, session.local_port)
        if address not in self._certificates:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            async with asyncio.timeout(SELF_CHECK_S):
                _, writer = await asyncio.open_connection(*address, ssl=context)
            connection = writer.get_extra_info("ssl_object")
            self._certificates[address] = hashlib.sha256(connection.getpeercert(binary_form=True)).digest()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return self._certificates[address]

    @method("auth.login")
    async def login(self, call: Call, username: str, password: str, otp_token: str | None) -> bool:
        """The old login by password: true or false."""
        session = session_of(call)
        credential = self.identities.password_credential(username, password)
        twofold = credential is not None and self.identities.two_factor_enabled(username)
        if twofold and not self.identities.accepts_code(username, otp_token or ""):
            credential = None
        return await self._succeeds(session, credential)

    @method("auth.login_with_api_key")
    async def login_with_api_key(self, call: Call, api_key: str) -> bool:
        """The old login by key: true or false."""
        session = session_of(call)
        if self.identities.stig:
            raise CallError("API_KEY_PLAIN: mechanism is not supported at this authenticator level", EOPNOTSUPP)
        credential = self.identities.key_credential(None, api_key, secure=session.secure)
        return await self._succeeds(session, credential)

    @method("auth.login_with_token")
    async def login_with_token(self, call: Call, token: str) -> bool:
        """Login by a generated token: true or false."""
        session = session_of(call)
        return await self._succeeds(session, self.identities.token_credential(token, session.origin))

    async def _succeeds(self, session: Session, credential: Credential | None) -> bool:
        return bool((await self._conclude(session, credential, {}))["response_type"] == "SUCCESS")

    @method("auth.logout")
    def logout(self, call: Call) -> bool:
        """Forget who this session is, and its subscriptions."""
        session_of(call).log_out()
        return True

    @method("auth.generate_token")
    def generate_token(self, call: Call, ttl: int | None, attrs: Row, match_origin: bool, single_use: bool) -> str:
        """A token that stands for this session's credential; `ttl` counts seconds without use."""
        session = session_of(call)
        if session.credential is None:
            raise CallError("Not authenticated", 207)
        lifetime = float("inf") if ttl is None else float(ttl)
        return self.identities.new_token(
            session.credential, lifetime, session.origin if match_origin else None, single_use=single_use
        )
