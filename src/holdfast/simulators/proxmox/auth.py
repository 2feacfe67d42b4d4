"""Tickets, CSRF tokens, API tokens and second factors (contract section 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import struct
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from holdfast.simulators.proxmox.access import ROOT, Token, User
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import ApiError, EmptyError

TICKET_LIFETIME_S: Final = 7200
CLOCK_SKEW_S: Final = 300
KEY_ROTATION_S: Final = 86_400
REFUSAL_DELAY_S: Final = 3.0
MAX_FACTOR_FAILURES: Final = 8

_OPEN_PATHS: Final = {
    ("GET", "/access/domains"),
    ("GET", "/access/ticket"),
    ("POST", "/access/ticket"),
    ("POST", "/access/vncticket"),
    ("GET", "/access/openid"),
    ("POST", "/access/openid/auth-url"),
    ("POST", "/access/openid/login"),
}
_TICKET: Final = re.compile(r"PVE:(?P<user>[^:\s]+|!tfa![^:\s]+):(?P<time>[0-9A-F]{8})::(?P<signature>[A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Identity:
    """Who calls: a user or token id, or nobody on the paths that need no login."""

    who: str
    token: bool = False

    @property
    def user(self) -> str:
        """The user, also behind a token."""
        return self.who.partition("!")[0]


class Authenticator:
    """Verifies credentials of requests and issues tickets."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._keys: list[tuple[float, bytes]] = []
        self.rotate_keys()

    def rotate_keys(self) -> None:
        """Forget all keys: every ticket issued so far becomes invalid."""
        self._keys = [(self._cluster.now(), secrets.token_bytes(32))]

    def _signing_keys(self) -> list[bytes]:
        """The current key and its predecessor; a new one every 24 hours."""
        now = self._cluster.now()
        if now - self._keys[0][0] >= KEY_ROTATION_S:
            self._keys = [(now, secrets.token_bytes(32)), self._keys[0]]
        return [key for _, key in self._keys]

    def _sign(self, text: str) -> str:
        digest = hmac.new(self._signing_keys()[0], text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def _genuine(self, text: str, signature: str) -> bool:
        return any(
            hmac.compare_digest(
                base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()), signature.encode()
            )
            for key in self._signing_keys()
        )

    def _fresh(self, stamp: str) -> bool:
        return -CLOCK_SKEW_S <= self._cluster.now() - int(stamp, 16) <= TICKET_LIFETIME_S

    # -- requests -------------------------------------------------------------------------------------------------

    def identify(
        self, verb: str, path: str, cookie: str | None, authorization: str | None, csrf: str | None
    ) -> Identity:
        """Who sent a request; `EmptyError` 401 with the real delay when that cannot be established.

        A cookie makes an API token invisible; every method but GET needs the CSRF token with a ticket.
        """
        if (verb, path) in _OPEN_PATHS:
            # Nobody is asked who they are here, but a token header still counts as one where a ticket is wanted.
            return Identity("", token=not cookie and bool(authorization))
        if cookie:
            user = self.ticket_user(unquote(cookie))
            if verb != "GET" and not self._csrf_holds(csrf, user):
                raise _refused("Permission denied - invalid csrf token")
            return Identity(user)
        token = re.fullmatch(r"PVEAPIToken[= ](.+)", authorization or "")
        if token is None:
            raise _refused("No ticket")
        return Identity(self._token_owner(token[1]), token=True)

    def ticket_user(self, ticket: str) -> str:
        """The user of a valid ticket; `EmptyError` 401 otherwise."""
        found = _TICKET.fullmatch(ticket)
        if found is None or found["user"].startswith("!tfa!"):
            raise _refused("Authentication failed!")
        text = ticket.partition("::")[0]
        if not self._genuine(text, found["signature"]) or not self._fresh(found["time"]):
            raise _refused("Authentication failed!")
        if not self._alive(self._cluster.access.users.get(found["user"])):
            raise _refused("Authentication failed!")
        return found["user"]

    def _csrf_holds(self, csrf: str | None, user: str) -> bool:
        stamp, separator, signature = (csrf or "").partition(":")
        if not separator or not re.fullmatch(r"[0-9A-F]{8}", stamp):
            return False
        return self._fresh(stamp) and self._genuine(f"{stamp}:{user}", signature)

    def _token_owner(self, text: str) -> str:
        full, _, secret = text.partition("=")
        userid, separator, name = full.partition("!")
        user = self._cluster.access.users.get(userid)
        token = user.tokens.get(name) if user and separator else None
        valid = (
            self._alive(user)
            and token is not None
            and not self._expired(token.expire)
            and hmac.compare_digest(token.secret.encode(), secret.encode())
            and not self._cluster.faults.find("token-refused")
        )
        if not valid:
            raise _refused("Authentication failed!")
        return full

    def _expired(self, moment: int) -> bool:
        return bool(moment) and moment <= self._cluster.now()

    def _alive(self, user: User | None) -> bool:
        return user is not None and user.enable and not self._expired(user.expire)

    # -- login ----------------------------------------------------------------------------------------------------

    def ticket_for(self, subject: str) -> str:
        """A signed ticket of this moment."""
        text = f"PVE:{subject}:{int(self._cluster.now()):08X}"
        return f"{text}::{self._sign(text)}"

    def csrf_for(self, user: str) -> str:
        """The CSRF token that goes with a ticket of this moment."""
        stamp = f"{int(self._cluster.now()):08X}"
        return f"{stamp}:{self._sign(f'{stamp}:{user}')}"

    def password_holds(self, userid: str, password: str) -> bool:
        """Whether the password, or a still valid ticket of that user in its place, is right."""
        user = self._cluster.access.users.get(userid)
        if user is None or not self._alive(user):
            return False
        if password.startswith("PVE:"):
            try:
                return self.ticket_user(password) == userid
            except EmptyError:
                return False
        return user.password is not None and hmac.compare_digest(user.password.encode(), password.encode())

    def challenge_for(self, user: User) -> str:
        """The half-ticket that only a second factor turns into a real one."""
        recovery = user.factors_of("recovery")
        kinds = {"totp": bool(user.factors_of("totp")), "recovery": "high" if recovery else None}
        content = json.dumps({kind: value for kind, value in kinds.items() if value}, separators=(",", ":"))
        return self.ticket_for(f"!tfa!{quote(content, safe='')}")

    def answer_challenge(self, user: User, challenge: str, answer: str) -> None:
        """401 unless the answer to the challenge is right; a recovery key is used up."""
        found = _TICKET.fullmatch(challenge)
        genuine = (
            found is not None
            and found["user"].startswith("!tfa!")
            and self._genuine(challenge.partition("::")[0], found["signature"])
            and self._fresh(found["time"])
        )
        kind, _, response = answer.partition(":")
        if not genuine or not self._factor_holds(user, kind, response):
            raise login_refused()
        user.failed_factors = 0

    def _factor_holds(self, user: User, kind: str, response: str) -> bool:
        if kind == "recovery":
            for factor in user.factors_of("recovery"):
                if response in factor.secrets:
                    factor.secrets.discard(response)
                    return True
        if kind == "totp" and not user.locked_totp:
            moment = int(self._cluster.now())
            secrets_known = [secret for factor in user.factors_of("totp") for secret in factor.secrets]
            if any(response == totp(secret, moment + drift) for secret in secrets_known for drift in (0, -30)):
                return True
            user.failed_factors += 1
            user.locked_totp = user.failed_factors >= MAX_FACTOR_FAILURES
        return False


def totp(secret: str, moment: int) -> str:
    """The six digits of RFC 6238 for a base32 secret at a moment (seconds since the epoch)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", moment // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def new_token(privsep: bool, expire: int, comment: str | None) -> Token:
    """A token with a fresh secret."""
    raw = secrets.token_hex(16)
    secret = "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
    return Token(secret, privsep, expire, comment)


def _refused(reason: str) -> EmptyError:
    return EmptyError(401, reason, delay_s=REFUSAL_DELAY_S)


def login_refused() -> ApiError:
    """The answer to every failed login, whatever the cause."""
    return ApiError("authentication failure", 401)


__all__ = ["ROOT", "Authenticator", "Identity", "login_refused", "new_token", "totp"]
