"""Who calls: static tokens by name, tokens of an OpenID provider, and what the policy makes of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from holdfast.control.caller import Caller
from holdfast.errors import ConfigError, PolicyError
from holdfast.server.guard import any_of, static_tokens
from holdfast.server.oidc import OidcVerifier
from holdfast.transport import TlsSettings
from tests.support.racks import shared_authority
from tests.support.rooms import room

AUDIENCE = "holdfast"


class Provider:
    """An OpenID provider on loopback: discovery and keys."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.kid = "one"
        self.fetches = 0
        self.url = ""

    def token(self, **changes: object) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "user-7", "email": "a@b.example", "exp": now + 300}
        return jwt.encode({**claims, **changes}, self.key, algorithm="ES256", headers={"kid": self.kid})

    async def discovery(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def keys(self, request: web.Request) -> web.Response:
        self.fetches += 1
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return web.json_response({"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]})


@asynccontextmanager
async def provider(tmp_path: Path) -> AsyncIterator[tuple[Provider, OidcVerifier, list[float]]]:
    made = Provider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", made.discovery)
    app.router.add_get("/keys", made.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=shared_authority().server_context())
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"https://{host}:{port}"
    (tmp_path / "ca.pem").write_text(shared_authority().ca_pem)
    clock = [1000.0]
    verifier = OidcVerifier(made.url, AUDIENCE, tls=TlsSettings(ca_file=tmp_path / "ca.pem"), now=lambda: clock[0])
    try:
        yield made, verifier, clock
    finally:
        await verifier.close()
        await runner.cleanup()


async def test_a_valid_token_gives_its_principal_and_keys_are_fetched_once(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        assert await verify(made.token()) == "a@b.example"
        assert await verify(made.token(preferred_username="alice")) == "alice"
        assert made.fetches == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"aud": None},
        {"exp": None},
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    async with provider(tmp_path) as (made, verify, _):
        claims = {name: value for name, value in changes.items() if value is not None}
        token = made.token(**claims)
        if None in changes.values():
            plain = jwt.decode(token, options={"verify_signature": False})
            plain.pop(next(iter(changes)))
            token = jwt.encode(plain, made.key, algorithm="ES256", headers={"kid": made.kid})
        assert await verify(token) is None


async def test_forged_unsigned_and_foreign_tokens_are_refused(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        good = made.token()
        claims = jwt.decode(good, options={"verify_signature": False})
        other = ec.generate_private_key(ec.SECP256R1())
        forged = jwt.encode(claims, other, algorithm="ES256", headers={"kid": made.kid})
        unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": made.kid})
        symmetric = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": made.kid})
        for token in (forged, unsigned, symmetric, good[:-4] + "AAAA", "", "a.b.c", "x" * 20_000):
            assert await verify(token) is None


async def test_unknown_key_ids_fetch_keys_at_most_once_a_minute(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        for number in range(50):
            made.kid = f"unknown-{number}"
            token = made.token()
            made.kid = "one"
            assert await verify(token) is None
        assert made.fetches == 1
        clock[0] += 61
        made.kid = "two"
        assert await verify(made.token()) == "a@b.example"
        assert made.fetches == 2


def test_an_issuer_without_tls_is_refused() -> None:
    with pytest.raises(ConfigError):
        OidcVerifier("http://issuer.example", AUDIENCE)


async def test_static_tokens_stand_for_principals_by_name() -> None:
    verify = any_of(static_tokens({"alice": "a" * 40, "bob": "b" * 40}))
    assert await verify("a" * 40) == "alice"
    assert await verify("b" * 40) == "bob"
    assert await verify("c" * 40) is None


async def test_with_a_policy_file_each_principal_may_do_what_a_rule_allows_and_nothing_else(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        """
[[rules]]
principals = ["alice"]
risks = ["read", "write"]

[[rules]]
principals = ["bob"]
targets = ["proxmox.*"]
risks = ["read"]

[[tests]]
principal = "bob"
target = "proxmox.lab"
kind = "proxmox"
toolset = "proxmox:guests"
risk = "write"
tool = "proxmox_start_guest"
expect = "deny"
"""
    )
    policy.chmod(0o600)
    async with room("proxmox", tmp_path, control=f'policy_file = "{policy}"') as pve:
        call = pve.application.dispatcher.call
        for principal, tool, arguments, allowed in [
            ("alice", "proxmox_system_info", {}, True),
            ("alice", "proxmox_start_guest", {"guest": "build"}, True),
            ("alice", "proxmox_stop_guest", {"guest": "build"}, False),
            ("bob", "proxmox_system_info", {}, True),
            ("bob", "proxmox_start_guest", {"guest": "build"}, False),
            ("carol", "proxmox_system_info", {}, False),
        ]:
            sent = len(pve.arrivals)
            if allowed:
                await call(tool, dict(arguments), Caller(principal=principal))
            else:
                with pytest.raises(PolicyError, match="Nothing was executed"):
                    await call(tool, dict(arguments), Caller(principal=principal))
                assert len(pve.arrivals) == sent
