"""Access tokens of an OpenID Connect provider: Holdfast as a resource server.

Keys are fetched from the issuer, over verified TLS and without following redirects, and kept for an hour; a token with
an unknown key id makes them be fetched again, at most once a minute.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

import jwt

from holdfast.errors import ConfigError, HoldfastError
from holdfast.transport import ConnectionPool, HttpTransport, Origin, Request, TlsSettings, same_origin_path
from holdfast.transport.values import JsonObject, as_object, get_objects, get_str

_log = logging.getLogger("holdfast.server.http")
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_KIND_OF_KEY: Final = {"RSA": _RSA, "EC": ("ES256", "ES384", "ES512"), "OKP": ("EdDSA",)}
ALGORITHMS: Final = tuple(name for names in _BY_KIND_OF_KEY.values() for name in names)
# A token is whatever somebody sends. PyJWT lets these through beside its own errors: an algorithm that does not go with
# the key, a header nested without end, a number that is none.
_UNUSABLE: Final = (jwt.PyJWTError, TypeError, ValueError, ArithmeticError, RecursionError)
LEEWAY_S: Final = 30.0
REFRESH_S: Final = 60.0
"""Keys are asked for at most so often, seconds."""
KEYS_MAX_AGE_S: Final = 3600.0
"""Keys that are older are asked for anew, so that one that the provider has withdrawn is forgotten, seconds."""
_MAX_TOKEN: Final = 16_384
_OWN_PRINCIPALS: Final = frozenset({"local", "holdfast", "unknown"})
"""Who calls over stdio, who settles at a start, and whom nobody named."""


class OidcVerifier:
    """Verifies bearer tokens: signature, issuer, audience, time.

    Args:
        issuer: The provider's issuer URL (https).
        audience: What the token must be meant for.
        principal_claim: Claim that names the principal. Only `sub` is the provider's own for certain; others may be
            chosen by the user (OpenID Connect Core 1.0, section 5.7).
        tls: How the provider's certificate is checked.
        now: Seconds since the epoch.
        reserved: Principals that no token of the provider may stand for, beside Holdfast's own: those of the static
            tokens.

    Raises:
        ConfigError: The issuer is no https URL.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        principal_claim: str = "sub",
        tls: TlsSettings | None = None,
        now: Callable[[], float] = time.time,
        reserved: Collection[str] = (),
    ) -> None:
        try:
            self._origin, self._base = Origin.parse(issuer, ("https",))
        except ConfigError as error:
            raise ConfigError(
                f"server.oidc_issuer: {error}", next_step="Give the provider's https issuer URL."
            ) from None
        self._issuer = issuer
        self._audience = audience
        self._claim = principal_claim
        self._now = now
        self._reserved = _OWN_PRINCIPALS | frozenset(reserved)
        self._pool = ConnectionPool(limit=4, limit_per_host=2)
        self._http = HttpTransport(str(self._origin), pool=self._pool, tls=tls)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def __call__(self, token: str) -> str | None:
        """The principal that a token stands for; None when it is not valid."""
        if len(token) > _MAX_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(str(header.get("kid", "")))
            if key is None or header.get("alg") not in _BY_KIND_OF_KEY.get(str(key.key_type), ()):
                return None
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[str(header["alg"])],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )
        except _UNUSABLE as error:
            _log.info("a bearer token was refused: %s", type(error).__name__)
            return None
        principal = claims.get(self._claim)
        if not isinstance(principal, str) or not principal:
            return None
        if principal in self._reserved:
            _log.warning(
                "a token of the OpenID provider was refused: the principal it names is not the provider's to give"
            )
            return None
        return principal

    async def _key(self, kid: str) -> jwt.PyJWK | None:
        if not self._knows(kid):
            async with self._fetching:
                if self._now() - self._asked_at >= REFRESH_S:
                    await self._renew()
        return self._keys.get(kid)

    def _knows(self, kid: str) -> bool:
        return kid in self._keys and self._now() - self._fetched_at < KEYS_MAX_AGE_S

    async def _renew(self) -> None:
        """Fetch the keys; where that fails, those that are known count on."""
        self._asked_at = self._now()
        try:
            await self._fetch()
        except HoldfastError as error:
            _log.warning("the OpenID provider's keys cannot be had: %s", error)

    async def _fetch(self) -> None:
        discovery = await self._get(f"{self._base.rstrip('/')}/.well-known/openid-configuration")
        if get_str(discovery, "issuer") != self._issuer:
            raise ConfigError("The OpenID provider names another issuer than server.oidc_issuer.")
        link = same_origin_path(get_str(discovery, "jwks_uri"), "/", origin=self._origin)
        keys: dict[str, jwt.PyJWK] = {}
        for entry in get_objects(await self._get(link), "keys", "jwks"):
            kid = entry.get("kid")
            if entry.get("use", "sig") != "sig" or not isinstance(kid, str):
                continue
            try:
                key = jwt.PyJWK.from_dict(entry)
            except _UNUSABLE:
                _log.info("the OpenID provider has a key of a kind that is not supported")
            else:
                keys[kid] = key
        self._keys = keys
        self._fetched_at = self._now()

    async def _get(self, target: str) -> JsonObject:
        reply = await self._http.send(Request("GET", target, attempt_timeout_s=10))
        if reply.status != 200:
            raise ConfigError(f"The OpenID provider answered {reply.status}.")
        return as_object(reply.json())

    async def close(self) -> None:
        """Release connections."""
        await self._pool.close()
