"""Who somebody is, by a password, a key or a token, and the credential that it gives (contract section 5)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.credentials import Credential, expand_roles
from holdfast.simulators.truenas.crud import Settings
from holdfast.simulators.truenas.errors import ENOENT, CallError, Json, Row
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.scram import StoredKey, stored_key
from holdfast.simulators.truenas.totp import accepts

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

LIFETIME_S = 30 * 86400
STIG_LIFETIME_S = 12 * 3600


@dataclass
class _Token:
    credential: Credential
    ttl: float
    origin: str | None
    single_use: bool
    used_at: float


class Identities(Namespace):
    """Proofs of identity, and what is kept of them."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.accounts = box.get(Accounts)
        self.stig = False
        self._tokens: dict[str, _Token] = {}
        self._one_time: dict[str, str] = {}
        self._scram_keys: dict[tuple[int, str], StoredKey] = {}
        self.twofactor = Settings(
            self, "auth.twofactor", {"enabled": False, "services": {"ssh": False}, "window": 0, "id": 1}
        )

    def restarted(self) -> None:
        self._tokens.clear()

    def credential(self, user: Row, kind: str, **more: Json) -> Credential:
        """The credential of a user who has proved to be one, by this kind of proof."""
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
            return self.credential(user, "LOGIN_ONETIME_PASSWORD")
        if user["password_disabled"] or not password or self.accounts.passwords.get(username) != password:
            return None
        return self.credential(user, "LOGIN_PASSWORD")

    def two_factor_enabled(self, username: str) -> bool:
        """Whether this user must give a one-time code."""
        return bool(self.twofactor.row["enabled"]) and username in self.accounts.otp_secrets

    def accepts_code(self, username: str, code: str) -> bool:
        """Whether this is a one-time code of the user's now."""
        secret, window = self.accounts.otp_secrets.get(username), int(self.twofactor.row["window"])
        return secret is not None and accepts(secret, code, self.box.clock.now(), window=window)

    def find_key(self, raw: str) -> Row | None:
        """The row of a raw key `<id>-<secret>`, whatever its state."""
        number, _, secret = raw.partition("-")
        if not number.isdigit() or self.accounts.raw_keys.get(int(number)) != secret:
            return None
        return self.accounts.keys.rows.get(int(number))

    def key_credential(self, username: str | None, raw: str, *, secure: bool) -> Credential | None:
        """The credential of a raw key; None when refused. On a plain connection a valid key is revoked for ever."""
        row = self.find_key(raw)
        if row is None or (username is not None and row["username"] != username) or self.is_dead(row):
            return None
        if not secure:
            self.revoke(row, "Attempt to use over an insecure transport")
            return None
        user = self.accounts.users.first(username=row["username"])
        if user is None or user["locked"]:
            return None
        return self.credential(user, "API_KEY", api_key=(row["id"], row["name"]))

    def is_dead(self, row: Row) -> bool:
        """Whether a key has expired or was revoked."""
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
        return self.credential(user, "TOKEN", parent=found.credential) if user is not None else None

    def scram_key(self, number: int) -> StoredKey:
        """What the server keeps of a key; derived when first needed."""
        secret = self.accounts.raw_keys[number]
        if (number, secret) not in self._scram_keys:
            salt = hashlib.sha256(f"{self.box.server.service_tag}/{number}/{secret}".encode()).digest()[:16]
            self._scram_keys[number, secret] = stored_key(secret, salt)
        return self._scram_keys[number, secret]

    def new_token(self, credential: Credential, ttl: float, origin: str | None, *, single_use: bool) -> str:
        """A token that stands for a credential; `ttl` counts seconds without use."""
        token = "".join(
            self.box.random.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(64)
        )
        self._tokens[token] = _Token(credential, ttl, origin, single_use, self.box.clock.now())
        return token

    @method("auth.generate_onetime_password")
    def generate_onetime_password(self, call: Call, data: Row) -> str:
        """A password that works once."""
        if self.accounts.users.first(username=data["username"]) is None:
            raise CallError(f"{data['username']}: user does not exist.", ENOENT)
        password = f"{self.box.random.getrandbits(96):024x}"
        self._one_time[data["username"]] = password
        return password
