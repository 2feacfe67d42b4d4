"""An OpenID provider on loopback, and a verifier of its tokens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from holdfast.server.oidc import OidcVerifier
from holdfast.transport import TlsSettings
from tests.support.racks import shared_authority

AUDIENCE = "holdfast"


class Provider:
    """An OpenID provider on loopback: discovery and keys."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.kid = "one"
        self.fetches = 0
        self.url = ""
        self.issuer: str | None = None
        self.jwks_uri: str | None = None
        self.status = 200
        self.more_keys: list[dict[str, object]] = []
        self.changes: dict[str, object] = {}

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return "/".join(self.url.split("/")[:3])

    def token(self, **changes: object) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "user-7", "email": "a@b.example", "exp": now + 300}
        return jwt.encode({**claims, **changes}, self.key, algorithm="ES256", headers={"kid": self.kid})

    async def discovery(self, request: web.Request) -> web.Response:
        found = {"issuer": self.issuer or self.url, "jwks_uri": self.jwks_uri or f"{self.origin}/keys"}
        return web.json_response(found, status=self.status)

    async def keys(self, request: web.Request) -> web.Response:
        self.fetches += 1
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        own = {**public, "kid": self.kid, "use": "sig", "alg": "ES256", **self.changes}
        return web.json_response({"keys": [*self.more_keys, own]})


@asynccontextmanager
async def provider(
    tmp_path: Path, base: str = "", principal_claim: str = "sub", reserved: tuple[str, ...] = ()
) -> AsyncIterator[tuple[Provider, OidcVerifier, list[float]]]:
    made = Provider()
    app = web.Application()
    app.router.add_get(f"{base.rstrip('/')}/.well-known/openid-configuration", made.discovery)
    app.router.add_get("/keys", made.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=shared_authority().server_context())
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"https://{host}:{port}{base}"
    (tmp_path / "ca.pem").write_text(shared_authority().ca_pem)
    clock = [1000.0]
    verifier = OidcVerifier(
        made.url,
        AUDIENCE,
        tls=TlsSettings(ca_file=tmp_path / "ca.pem"),
        now=lambda: clock[0],
        principal_claim=principal_claim,
        reserved=reserved,
    )
    try:
        yield made, verifier, clock
    finally:
        await verifier.close()
        await runner.cleanup()
