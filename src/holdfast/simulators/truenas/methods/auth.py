"""Logging in, sessions and tokens (contract section 5)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.credentials import Credential, expand_roles
from holdfast.simulators.truenas.crud import Settings
from holdfast.simulators.truenas.errors import (
    ENOENT,
    EOPNOTSUPP,
    CallError,
    InvalidValueError,
    Json,
    Row,
    invalid,
)
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.scram import Exchange, StoredKey, parse_client_first, stored_key
from holdfast.simulators.truenas.totp import accepts
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call
    from holdfast.simulators.truenas.session import Session

LIFETIME_S = 30 * 86400
STIG_LIFETIME_S = 12 * 3600
SELF_CHECK_S = 5.0
BROKEN = "unexpected authenticator run state"


@dataclass
class _Token:
    credential: Credential
    ttl: float
    origin: str | None
    single_use: bool
    used_at: float


@dataclass
class _AwaitsOtp:
    username: str


class Auth(Namespace):
    """`auth.*`: every way in, and who is in."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.accounts = box.get(Accounts)
        self.stig = False
        self._tokens: dict[str, _Token] = {}
        self._one_time: dict[str, str] = {}
        self._scram_keys: dict[tuple[int, str], StoredKey] = {}
        self._certificates: dict[tuple[str, int], bytes] = {}
        self._attributes: dict[str, Row] = {}
        self.twofactor = Settings(
            self, "auth.twofactor", {"enabled": False, "services": {"ssh": False}, "window": 0, "id": 1}
        )

    def restarted(self) -> None:
        self._tokens.clear()

    # Credentials ---------------------------------------------------------------------------------------------

    def _credential(self, user: Row, kind: str, **more: Json) -> Credential:
        now = self.box.clock.now()
        roles = expand_roles(self.accounts.roles_of(user))
        return Credential(
            kind=kind,
            username=user["username"],
            uid=user["uid"],
            roles=roles,
            login_id=self.box.new_uuid(),
            login_at=now,
            expires_at=now + (STIG_LIFETIME_S if self.stig else LIFETIME_S),
            web_shell=any(privilege["web_shell"] for privilege in self.accounts.privileges_of(user)),
            attributes=(
                "LOCAL",
                kind,
                *(("SYS_ADMIN",) if "FULL_ADMIN" in roles else ()),
            ),
            **more,
        )

    def password_credential(self, username: str, password: str) -> Credential | None:
        """The credential of a user with this password (or an unused one-time password)."""
        user = self.accounts.users.first(username=username)
        if user is None or user["locked"]:
            return None
        if self._one_time.get(username) == password:
            del self._one_time[username]
            return self._credential(user, "LOGIN_ONETIME_PASSWORD")
        if user["password_disabled"] or not password or self.accounts.passwords.get(username) != password:
            return None
        return self._credential(user, "LOGIN_PASSWORD")

    def two_factor_enabled(self, username: str) -> bool:
        """Whether this user must give a one-time code."""
        return bool(self.twofactor.row["enabled"]) and username in self.accounts.otp_secrets

    def find_key(self, raw: str) -> Row | None:
        """The row of a raw key `<id>-<secret>`, whatever its state."""
        number, _, secret = raw.partition("-")
        if not number.isdigit() or self.accounts.raw_keys.get(int(number)) != secret:
            return None
        return self.accounts.keys.rows.get(int(number))

    def key_credential(self, username: str | None, raw: str, *, secure: bool) -> Credential | None:
        """The credential of a raw key; None when refused. On a plain connection a valid key is revoked for ever."""
        row = self.find_key(raw)
        if row is None or (username is not None and row["username"] != username) or self._key_dead(row):
            return None
        if not secure:
            self.revoke(row, "Attempt to use over an insecure transport")
            return None
        user = self.accounts.users.first(username=row["username"])
        if user is None or user["locked"]:
            return None
        return self._credential(user, "API_KEY", api_key=(row["id"], row["name"]))

    def _key_dead(self, row: Row) -> bool:
        expires = row["expires_at"]
        return bool(row["revoked"]) or (expires is not None and expires.timestamp() <= self.box.clock.now())

    def revoke(self, row: Row, reason: str) -> None:
        """Revoke a key for ever and raise the alert."""
        self.accounts.keys.change(row["id"], {"revoked": True, "revoked_reason": reason})
        text = f"API key {row['name']} for user {row['username']} has been revoked: {reason}."
        self.box.get(Alerts).raise_alert("ApiKeyRevoked", "WARNING", text, {"key_name": row["name"]})

    def token_credential(self, token: str, origin: str) -> Credential | None:
        """The credential behind a token; a single-use one is used up."""
        found = self._tokens.get(token)
        now = self.box.clock.now()
        if found is None or (found.origin is not None and found.origin != origin):
            return None
        if now - found.used_at > found.ttl:
            del self._tokens[token]
            return None
        found.used_at = now
        if found.single_use:
            del self._tokens[token]
        user = self.accounts.users.first(username=found.credential.username)
        return self._credential(user, "TOKEN", parent=found.credential) if user is not None else None

    # Logging in ----------------------------------------------------------------------------------------------

    @method("auth.mechanism_choices")
    def mechanism_choices(self, call: Call) -> list[str]:
        """Mechanisms that are allowed now."""
        if self.stig:
            return ["PASSWORD_PLAIN"]
        return ["API_KEY_PLAIN", "TOKEN_PLAIN", "PASSWORD_PLAIN", *(["SCRAM"] if self.box.persona.has_scram else [])]

    @method("auth.login_ex")
    async def login_ex(self, call: Call, data: Row) -> Row:
        """Log in; a failure is a successful answer of another `response_type`."""
        session = self._session(call)
        redirect = self.box.faults.take("standby")
        if redirect is not None:
            return {"response_type": "REDIRECT", "urls": [redirect.text("url")]}
        if session.login_state == BROKEN:
            raise InvalidValueError(BROKEN)
        mechanism = data["mechanism"]
        if self.stig and mechanism in ("API_KEY_PLAIN", "SCRAM", "TOKEN_PLAIN"):
            raise CallError(f"{mechanism}: mechanism is not supported at this authenticator level", EOPNOTSUPP)
        if mechanism == "OTP_TOKEN":
            return await self._one_time_code(session, data)
        if mechanism == "SCRAM":
            return await self._scram(session, data)
        if mechanism == "PASSWORD_PLAIN":
            credential = self.password_credential(data["username"], data["password"])
            if credential is not None and self.two_factor_enabled(data["username"]):
                session.login_state = _AwaitsOtp(data["username"])
                return {"response_type": "OTP_REQUIRED", "username": data["username"]}
            return await self._conclude(session, credential, data)
        if mechanism == "TOKEN_PLAIN":
            return await self._conclude(session, self.token_credential(data["token"], session.origin), data)
        row = self.find_key(data["api_key"])
        if row is not None and row["username"] == data["username"]:
            credential = self.key_credential(data["username"], data["api_key"], secure=session.secure)
            if credential is None and self._key_dead(row):
                await self._slow_down(session)
                return {"response_type": "EXPIRED"}
            return await self._conclude(session, credential, data)
        return await self._conclude(session, None, data)

    @method("auth.login_ex_continue")
    async def login_ex_continue(self, call: Call, data: Row) -> Row:
        """Give the one-time code that `login_ex` asked for."""
        return await self._one_time_code(self._session(call), data)

    async def _one_time_code(self, session: Session, data: Row) -> Row:
        state = session.login_state
        if not isinstance(state, _AwaitsOtp):
            raise CallError("OTP token is only valid after an OTP_REQUIRED response")
        secret = self.accounts.otp_secrets.get(state.username)
        window = int(self.twofactor.row["window"])
        user = self.accounts.users.first(username=state.username)
        session.login_state = None
        good = secret is not None and accepts(secret, data["otp_token"], self.box.clock.now(), window=window)
        credential = self._credential(user, "LOGIN_TWOFACTOR") if good and user is not None else None
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
            "user_info": self._user_info(credential) if options.get("user_info", True) else None,
            "authenticator": "LEVEL_2" if self.stig else "LEVEL_1",
        }
        if self.box.persona.has_scram:
            wanted = options.get("reconnect_token") and credential.kind != "LOGIN_ONETIME_PASSWORD"
            answer["reconnect_token"] = (
                self._token(credential, 600, session.origin, single_use=True) if wanted else None
            )
        return answer

    def _record(self, session: Session, data: Row, credential: Credential | None) -> None:
        from holdfast.simulators.truenas.methods.config import Audit

        name = credential.username if credential is not None else str(data.get("username") or "")
        self.box.get(Audit).login(session.origin, name, success=credential is not None)

    async def _slow_down(self, session: Session) -> None:
        """Failures are slowed; up to 25.10 the socket's authenticator is useless afterwards."""
        timing = self.box.timing
        await self.box.linger(timing.failed_login_stig_s if self.stig else timing.failed_login_s)
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
        if self._key_dead(row):
            return {"response_type": "EXPIRED"}
        credential = self._credential(user, "API_KEY", api_key=(row["id"], row["name"]))
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
        exchange = Exchange.begin(first, self.scram_key(row["id"]), nonce)
        session.login_state = exchange
        return {
            "response_type": "SCRAM_RESPONSE",
            "scram_type": "SERVER_FIRST_RESPONSE",
            "rfc_str": exchange.server_first,
            "user_info": None,
        }

    def scram_key(self, number: int) -> StoredKey:
        """What the server keeps of a key; derived when first needed."""
        secret = self.accounts.raw_keys[number]
        if (number, secret) not in self._scram_keys:
            salt = hashlib.sha256(f"{self.box.server.service_tag}/{number}/{secret}".encode()).digest()[:16]
            self._scram_keys[number, secret] = stored_key(secret, salt)
        return self._scram_keys[number, secret]

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
        session = self._session(call)
        credential = self.password_credential(username, password)
        if credential is not None and self.two_factor_enabled(username):
            secret = self.accounts.otp_secrets[username]
            if not accepts(secret, otp_token or "", self.box.clock.now(), window=int(self.twofactor.row["window"])):
                credential = None
        return await self._succeeds(session, credential)

    @method("auth.login_with_api_key")
    async def login_with_api_key(self, call: Call, api_key: str) -> bool:
        """The old login by key: true or false."""
        session = self._session(call)
        if self.stig:
            raise CallError("API_KEY_PLAIN: mechanism is not supported at this authenticator level", EOPNOTSUPP)
        credential = self.key_credential(None, api_key, secure=session.secure)
        return await self._succeeds(session, credential)

    @method("auth.login_with_token")
    async def login_with_token(self, call: Call, token: str) -> bool:
        """Login by a generated token: true or false."""
        session = self._session(call)
        return await self._succeeds(session, self.token_credential(token, session.origin))

    async def _succeeds(self, session: Session, credential: Credential | None) -> bool:
        return bool((await self._conclude(session, credential, {}))["response_type"] == "SUCCESS")

    @method("auth.logout")
    def logout(self, call: Call) -> bool:
        """Forget who this session is, and its subscriptions."""
        self._session(call).log_out()
        return True

    # Tokens and sessions -------------------------------------------------------------------------------------

    def _token(self, credential: Credential, ttl: float, origin: str | None, *, single_use: bool) -> str:
        token = "".join(
            self.box.random.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(64)
        )
        self._tokens[token] = _Token(credential, ttl, origin, single_use, self.box.clock.now())
        return token

    @method("auth.generate_token")
    def generate_token(self, call: Call, ttl: int | None, attrs: Row, match_origin: bool, single_use: bool) -> str:
        """A token that stands for this session's credential; `ttl` counts seconds without use."""
        session = self._session(call)
        if session.credential is None:
            raise CallError("Not authenticated", 207)
        lifetime = float("inf") if ttl is None else float(ttl)
        return self._token(
            session.credential, lifetime, session.origin if match_origin else None, single_use=single_use
        )

    @method("auth.generate_onetime_password")
    def generate_onetime_password(self, call: Call, data: Row) -> str:
        """A password that works once."""
        if self.accounts.users.first(username=data["username"]) is None:
            raise CallError(f"{data['username']}: user does not exist.", ENOENT)
        password = f"{self.box.random.getrandbits(96):024x}"
        self._one_time[data["username"]] = password
        return password

    @method("auth.me")
    def me(self, call: Call) -> Row:
        """Who this session is and what it may do."""
        credential = self._session(call).credential
        if credential is None:
            raise CallError("Not authenticated", 207)
        return self._user_info(credential)

    def _user_info(self, credential: Credential) -> Row:
        user = self.accounts.users.first(username=credential.username)
        if user is None:
            raise CallError(f"{credential.username}: user does not exist", ENOENT)
        everything = [{"method": "*", "resource": "*"}] if credential.full_admin else []
        shown = set(credential.roles) & {role for row in self.accounts.privileges for role in row["roles"]}
        return {
            **self.accounts.passwd_entry(user, groups=True),
            "attributes": self._attributes.get(credential.username, {}),
            "two_factor_config": {
                "provisioning_uri": None,
                "secret_configured": credential.username in self.accounts.otp_secrets,
                "interval": 30,
                "otp_digits": 6,
            },
            "privilege": {
                "roles": {"$set": sorted(shown or credential.roles)},
                "allowlist": everything,
                "web_shell": credential.web_shell,
                "webui_access": True,
            },
            "account_attributes": list(credential.attributes),
        }

    @method("auth.set_attribute")
    def set_attribute(self, call: Call, key: str, value: object) -> None:
        """Keep a value for this user (the web UI's preferences)."""
        if call.credential is not None:
            self._attributes.setdefault(call.credential.username, {})[key] = value

    def session_row(self, session: Session, current: Session | None) -> Row:
        """A row of `auth.sessions`."""
        credential = session.credential
        return {
            "id": session.id,
            "current": session is current,
            "internal": False,
            "origin": session.origin,
            "credentials": credential.kind if credential is not None else "LOGIN_PASSWORD",
            "credentials_data": credential.session_data() if credential is not None else {},
            "created_at": from_epoch(session.created),
            "secure_transport": session.secure,
        }

    @method("auth.sessions")
    def sessions(self, call: Call, filters: list[Any], options: Row) -> Json:
        """Logged-in sessions."""
        rows = [self.session_row(session, call.session) for session in self.box.sessions if session.credential]
        return call.query(rows, filters, options)

    @method("auth.terminate_session")
    async def terminate_session(self, call: Call, number: str) -> bool:
        """Close another session's socket in good order."""
        for session in list(self.box.sessions):
            if session.id == number:
                session.log_out()
                self.box.background(session.close(1000, ""))
                return True
        return False

    @method("auth.terminate_other_sessions")
    async def terminate_other_sessions(self, call: Call) -> bool:
        """Close every other session's socket."""
        for session in list(self.box.sessions):
            if session is not call.session:
                session.log_out()
                self.box.background(session.close(1000, ""))
        return True

    @staticmethod
    def _session(call: Call) -> Session:
        if call.session is None:
            raise CallError("This method needs a session")
        return call.session
