"""What every HTTP request passes before anything else looks at it: size of headers, target form, Host, Origin, token.

Whatever is refused also ends its connection, so that nothing more of it has to be read.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.config import ServerSettings
from holdfast.errors import ConfigError
from holdfast.server.discovery import Discovery

_log = logging.getLogger("holdfast.server.http")
MIN_TOKEN_BYTES: Final = 32
MAX_HEADER_BYTES: Final = 32 * 1024
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
_EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::", "[::]"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

PRINCIPAL_STATE: Final = "holdfast_principal"

Verify = Callable[[str], Awaitable[str | None]]
"""Gives the principal that a bearer token stands for, or None when it is not valid."""


def is_loopback(host: str) -> bool:
    """Whether an address to bind is reachable from this machine only."""
    return host.strip("[]") in _LOOPBACK


def check_bind(settings: ServerSettings) -> None:
    """Refuse a public address in plain text, and one that has no name.

    Raises:
        ConfigError: The address is not loopback, and there is neither TLS nor a declared proxy. Or it stands for every
            address of the machine, and `allowed_hosts` does not say by which names it is reached.
    """
    if not (is_loopback(settings.host) or settings.tls_cert_file is not None or settings.behind_proxy):
        raise ConfigError(
            f"server.host = {settings.host} is not loopback, and tokens would cross the network in plain text.",
            next_step="Set tls_cert_file and tls_key_file, or behind_proxy = true if a TLS proxy stands in front.",
        )
    if settings.host in _EVERY_ADDRESS and not settings.allowed_hosts:
        raise ConfigError(
            f"server.host = {settings.host} stands for every address, and allowed_hosts is empty.",
            next_step="Name under allowed_hosts the hosts (with port) by which clients reach it; no other is served.",
        )


def check_token(token: str) -> str:
    """The token, if it is long enough.

    Raises:
        ConfigError: It has fewer than 32 bytes.
    """
    if len(token.encode()) < MIN_TOKEN_BYTES:
        raise ConfigError(
            f"server.token has fewer than {MIN_TOKEN_BYTES} bytes.",
            next_step="Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
        )
    return token


def static_tokens(tokens: Mapping[str, str]) -> Verify:
    """A verifier for static bearer tokens by principal, each compared in constant time.

    Raises:
        ConfigError: A token is too short, or stands for two principals.
    """
    expected: dict[str, bytes] = {}
    for principal, token in tokens.items():
        encoded = check_token(token).encode()
        twin = next((name for name, other in expected.items() if other == encoded), None)
        if twin is not None:
            raise ConfigError(
                f"The principals {twin} and {principal} under [server] have the same token.",
                next_step="Give each its own; the policy and the ledger could not tell them apart.",
            )
        expected[principal] = encoded

    async def verify(presented: str) -> str | None:
        found: str | None = None
        for principal, token in expected.items():
            if hmac.compare_digest(presented.encode(), token):
                found = principal
        return found

    return verify


def any_of(*verifiers: Verify) -> Verify:
    """A verifier that accepts what one of these accepts, asked in turn."""

    async def verify(presented: str) -> str | None:
        for one in verifiers:
            if (principal := await one(presented)) is not None:
                return principal
        return None

    return verify


@dataclass(frozen=True)
class AllowedOrigins:
    """Host and Origin header values that are accepted, compared as they are."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: ServerSettings, port: int) -> AllowedOrigins:
        """Those of the address bound, and those that the settings add."""
        scheme = "https" if settings.tls_cert_file is not None else "http"
        names = _names(settings.host)
        hosts = {f"{name}:{port}" for name in names} | set(settings.allowed_hosts)
        if port == (443 if scheme == "https" else 80):
            hosts |= set(names)
        origins = {f"{scheme}://{host}" for host in hosts if host not in settings.allowed_hosts}
        return cls(frozenset(hosts), frozenset(origins | set(settings.allowed_origins)))


def _names(host: str) -> tuple[str, ...]:
    """How a client writes the address bound, in a Host header without the port."""
    if is_loopback(host):
        return ("127.0.0.1", "localhost", "[::1]")
    if host in _EVERY_ADDRESS:
        return ()
    bare = host.strip("[]")
    return (f"[{bare}]" if ":" in bare else bare,)


class HttpGuard:
    """ASGI middleware around the whole application.

    Args:
        app: What stands behind it.
        allowed: Hosts and origins.
        verify: Gives principals for tokens.
        discovery: Where tokens come from, if from a provider.
    """

    def __init__(
        self, app: ASGIApp, *, allowed: AllowedOrigins, verify: Verify, discovery: Discovery | None = None
    ) -> None:
        self._app = app
        self._allowed = allowed
        self._verify = verify
        self._discovery = discovery
        self._open = OPEN_PATHS if discovery is None else OPEN_PATHS | {discovery.location}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is None and scope["path"] not in self._open:
            principal = await self._principal(scope)
            if principal is None:
                refusal = _refused(
                    401,
                    "A valid bearer token is needed: Authorization: Bearer TOKEN.",
                    {"WWW-Authenticate": self._challenge(scope)},
                )
            else:
                scope.setdefault("state", {})[PRINCIPAL_STATE] = principal
                # The MCP server binds each session to the user that opened it: to others it does not exist.
                scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=principal, scopes=[]))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
            return _refused(431, "The request headers are too large.")
        if not scope["raw_path"].startswith(b"/"):
            return _refused(400, "The request target must be a path.")
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._allowed.hosts:
            shown = ascii(hosts[0])[:120] if hosts else "none"
            _log.warning("refused Host %s; if it is yours, add it to allowed_hosts under [server]", shown)
            return _refused(
                421, "This Host is not served here. The operator can add it to allowed_hosts under [server]."
            )
        origins = _values(scope, b"origin")
        if len(origins) > 1 or (origins and origins[0] not in self._allowed.origins):
            _log.warning("refused Origin %s; if it is yours, add it to allowed_origins", ascii(origins[0])[:120])
            return _refused(403, "This Origin is not allowed here.")
        return None

    def _challenge(self, scope: Scope) -> str:
        return "Bearer" if self._discovery is None else self._discovery.challenge(_values(scope, b"host")[0])

    async def _principal(self, scope: Scope) -> str | None:
        values = _values(scope, b"authorization")
        if len(values) != 1:
            return None
        scheme, _, token = values[0].partition(" ")
        return await self._verify(token) if scheme.lower() == "bearer" else None


def _refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> PlainTextResponse:
    return PlainTextResponse(f"{why}\n", status_code=status, headers={"Connection": "close", **(headers or {})})


def _values(scope: Scope, name: bytes) -> Sequence[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def principal_of(request: Request | None) -> str:
    """The principal that the guard found for this request."""
    if request is None:
        return "local"
    return str(request.scope.get("state", {}).get(PRINCIPAL_STATE, "unknown"))
