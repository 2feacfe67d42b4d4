"""Who may do what: API keys, local passwords, tokens, privileges and the access list (contract §3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense.answers import ApiError, forbidden
from holdfast.simulators.pfsense.config import Stored, Tree
from holdfast.simulators.pfsense.work import Client

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine
    from holdfast.simulators.pfsense.schema import Endpoint

REALM = 'Basic realm="Login for pfSense REST API"'


def hash_password(password: str, salt: str) -> str:
    """A salted hash, in place of the firewall's bcrypt, which would cost each request a quarter of a second."""
    return salt + "$" + hashlib.sha256((salt + password).encode()).hexdigest()


def hash_key(key: str, algorithm: str) -> str:
    """The hash under which an API key is stored."""
    return hashlib.new(algorithm, key.encode()).hexdigest()


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsegment(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Auth:
    """Checks credentials against the users, keys and settings of the stored configuration."""

    def __init__(self, machine: Machine, server_key: bytes) -> None:
        self._machine = machine
        self._server_key = server_key

    def _rows(self, tree: Tree, model: str) -> list[Stored]:
        return list(tree.rows(tree.schema.models[model]).values())

    def _settings(self, tree: Tree) -> Stored:
        return tree.one(tree.schema.models["RESTAPISettings"])

    def user(self, tree: Tree, username: str) -> Stored | None:
        """The local account of this name if it may log in."""
        for row in self._rows(tree, "User"):
            if row.get("name") == username and not row.get("disabled"):
                return None if self._expired(row) else row
        return None

    def _expired(self, row: Stored) -> bool:
        text = row.get("expires") or ""
        if not text:
            return False
        return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC).timestamp() < self._machine.clock.now()

    def by_password(self, tree: Tree, header: str) -> str | None:
        """The user whose name and password the Basic header carries."""
        pair = self._basic_pair(header)
        row = self.user(tree, pair[0]) if pair else None
        if pair is None or row is None:
            return None
        held = str(row.get("_hash", ""))
        return pair[0] if hmac.compare_digest(held, hash_password(pair[1], held.partition("$")[0])) else None

    @staticmethod
    def _basic_pair(header: str) -> tuple[str, str] | None:
        scheme, _, value = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            username, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (username, password) if separator and username and password else None

    def by_key(self, tree: Tree, key: str) -> str | None:
        """The user who created this API key."""
        for row in self._rows(tree, "RESTAPIKey"):
            if hmac.compare_digest(str(row.get("hash", "")), hash_key(key, row.get("hash_algo", "sha256"))):
                name = str(row.get("username"))
                return name if self.user(tree, name) is not None else None
        return None

    def by_token(self, tree: Tree, token: str) -> str | None:
        """The user of a token that is genuine and neither early nor expired."""
        try:
            head, body, signature = token.split(".")
            good = hmac.compare_digest(_unsegment(signature), self._sign(f"{head}.{body}"))
            claims: dict[str, Any] = json.loads(_unsegment(body))
        except (ValueError, binascii.Error):
            return None
        now = self._machine.clock.now()
        if not good or not float(claims.get("nbf", 0)) <= now < float(claims.get("exp", 0)):
            return None
        name = str(claims.get("data"))
        return name if self.user(tree, name) is not None else None

    def issue_token(self, tree: Tree, username: str) -> str:
        """A new token for this user (contract §3.3)."""
        now = int(self._machine.clock.now())
        system = tree.nodes.get("system", {})
        host = f"{system.get('hostname')}.{system.get('domain')}"
        claims = {"iss": host, "aud": host, "nbf": now, "exp": now + int(self._settings(tree).get("jwt_exp") or 3600)}
        head = _segment(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        body = _segment(json.dumps({**claims, "data": username}).encode())
        return f"{head}.{body}.{_segment(self._sign(f'{head}.{body}'))}"

    def _sign(self, text: str) -> bytes:
        return hmac.new(self._server_key, text.encode(), hashlib.sha256).digest()

    def privileges(self, tree: Tree, username: str) -> set[str]:
        """Privileges that a user has directly and through groups; the groups `all` and `admins` are system groups."""
        row = self.user(tree, username)
        held = set(row.get("priv") or []) if row else set()
        for group in self._rows(tree, "UserGroup"):
            if username in (group.get("member") or []):
                held |= set(group.get("priv") or [])
        return held

    def authenticate(
        self, tree: Tree, endpoint: Endpoint, method: str, headers: Mapping[str, str], address: str
    ) -> Client:
        """The client that a request's headers name, if it may use this method here.

        Raises:
            ApiError: 401 when the credential is missing or wrong; 403 when the user lacks the privilege.
        """
        enabled = endpoint.auth_methods or tuple(self._settings(tree).get("auth_methods") or ("BasicAuth",))
        header, key = headers.get("Authorization", ""), headers.get("X-API-Key", "")
        tried: list[tuple[str, str | None]] = []
        for name in enabled:
            if name == "KeyAuth" and key:
                tried.append((name, self.by_key(tree, key)))
            elif name == "BasicAuth" and self._basic_pair(header):
                tried.append((name, self.by_password(tree, header)))
            elif name == "JWTAuth" and header.lower().startswith("bearer "):
                tried.append((name, self.by_token(tree, header[7:].strip())))
        if not self._machine.persona.chooses_auth_by_header:
            tried.sort(key=lambda pair: pair[1] is None)
        chosen, username = tried[0] if tried else ("", None)
        if username is None or self._machine.faults.hit("key-rejected", method, endpoint.url):
            self._machine.protection.failed(address)
            self._machine.log("auth", f"php-fpm[413]: /index.php: webConfigurator authentication error from: {address}")
            error = ApiError(401, "AUTH_AUTHENTICATION_FAILED", "Authentication failed.")
            if chosen == "BasicAuth":
                error.headers["WWW-Authenticate"] = REALM
            raise error
        held = self.privileges(tree, username)
        if not held.intersection(endpoint.required_privileges(method)):
            raise forbidden("AUTH_AUTHORIZATION_FAILED", "The user lacks the privilege for this.")
        return Client(username, address, deny_write="user-config-readonly" in held)

    def check_access_list(self, tree: Tree, client: Client) -> None:
        """403 unless the first matching entry of the access list allows the client (contract §3.5)."""
        address = ipaddress.ip_address(client.address)
        entries = sorted(self._rows(tree, "RESTAPIAccessListEntry"), key=lambda row: int(row.get("weight", 1)))
        for row in entries:
            network = ipaddress.ip_network(row["network"], strict=False)
            users = row.get("users") or []
            if address.version == network.version and address in network and (not users or client.username in users):
                if row.get("type", "allow") == "allow":
                    return
                break
        raise forbidden("ENDPOINT_CLIENT_NOT_ALLOWED_BY_ACL", "The access list does not allow this client.")


def new_key(length_bytes: int) -> str:
    """A random API key in hexadecimal."""
    return secrets.token_hex(length_bytes)
