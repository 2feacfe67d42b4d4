"""Access tokens of an OpenID provider."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from functools import cache
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from holdfast.errors import ConfigError
from holdfast.server.oidc import ALGORITHMS, KEYS_MAX_AGE_S, OidcVerifier
from holdfast.transport.values import JsonObject
from tests.server.providers import AUDIENCE, provider

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "exp", "aud", "iss", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@cache
def rsa_key(kid: str) -> dict[str, object]:
    """A key of another kind."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig"}


async def test_a_valid_token_gives_its_principal_and_keys_are_fetched_once(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        assert await verify(made.token()) == "user-7"
        clock[0] += 1000
        assert await verify(made.token(sub="user-8")) == "user-8"
        assert made.fetches == 1


async def test_a_name_that_users_choose_themselves_is_no_principal_unless_the_operator_says_so(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        assert await verify(made.token(preferred_username="alice", email="alice@b.example")) == "user-7"
    async with provider(tmp_path, principal_claim="email") as (made, verify, _):
        assert await verify(made.token()) == "a@b.example"


@pytest.mark.parametrize("claim", [None, "", 7, ["user-7"], True])
async def test_a_token_without_a_principal_is_refused(tmp_path: Path, claim: object) -> None:
    async with provider(tmp_path, principal_claim="email") as (made, verify, _):
        assert await verify(made.token(email=claim)) is None


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


def segments(*parts: bytes) -> str:
    """A token of these header, claims and signature, right or not."""
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


DEEP = b"[" * 11_000
UNUSABLE = [
    *((b'{"alg":"%s","kid":"one"}' % name.encode(), b"{}", b"x" * 64) for name in ALGORITHMS),
    (b'{"alg":"ES256","kid":"one","x":' + DEEP, b"{}", b"x" * 64),
    (b'{"alg":"ES256","kid":"one"}', DEEP, b"x" * 64),
    (b'{"alg":["ES256"],"kid":"one"}', b"{}", b"x" * 64),
    (b'{"alg":{},"kid":["one"]}', b"{}", b"x" * 64),
    (b'{"alg":null,"kid":null}', b"{}", b""),
    (b'{"alg":"ES256","kid":"one","b64":false,"crit":["b64"]}', b"{}", b"x" * 64),
    (b'{"alg":"ES256","kid":"one","crit":7}', b"{}", b"x" * 64),
    (b'{"alg":"ES256","kid":"one"}', b'{"exp":1e400}', b""),
    (b'{"alg":"ES256","kid":"one"}', b"[]", b"x" * 64),
    (b'{"alg":"ES256","kid":"one","x":' + b"9" * 9000 + b"}", b"{}", b"x" * 64),
    (b"7", b"7", b"7"),
    (b"\xff\xfe", b"\x00", b"\x00"),
]


@pytest.mark.parametrize("parts", UNUSABLE)
async def test_a_token_that_cannot_be_made_sense_of_is_refused(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    async with provider(tmp_path) as (made, verify, _):
        made.more_keys = [rsa_key("rsa")]
        assert await verify(segments(*parts)) is None
        assert await verify(segments(parts[0].replace(b'"one"', b'"rsa"'), *parts[1:])) is None
        assert await verify(made.token()) == "user-7"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.one_of(st.binary(max_size=80), JSON_VALUES), claims=st.one_of(st.binary(max_size=80), JSON_VALUES))
def test_whatever_is_sent_as_a_token_is_refused(tmp_path: Path, header: object, claims: object) -> None:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]

    async def principal() -> str | None:
        verify = OidcVerifier("https://127.0.0.1:1", AUDIENCE)
        try:
            return await verify(segments(*parts, b"x" * 64))
        finally:
            await verify.close()

    assert asyncio.run(principal()) is None


async def test_an_algorithm_that_is_not_among_ours_is_refused_although_it_goes_with_the_key(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        claims = jwt.decode(made.token(), options={"verify_signature": False})
        key = ec.generate_private_key(ec.SECP256K1())
        public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        made.more_keys = [{**public, "kid": "k1", "use": "sig"}]
        assert await verify(jwt.encode(claims, key, algorithm="ES256K", headers={"kid": "k1"})) is None
        assert await verify(made.token()) == "user-7"


async def test_a_token_signed_with_a_claim_that_is_no_number_is_refused(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        for claims in ({"exp": float("inf")}, {"nbf": float("nan")}, {"iat": "soon"}, {"exp": "never"}):
            assert await verify(made.token(**claims)) is None


async def test_a_principal_of_a_static_token_is_not_the_providers_to_give(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(tmp_path, reserved=("token", "alice")) as (made, verify, _):
        assert await verify(made.token(sub="token")) is None
        assert await verify(made.token(sub="alice")) is None
        assert await verify(made.token(sub="bob")) == "bob"
    assert "the principal it names is not the provider's to give" in caplog.text


@pytest.mark.parametrize("own", ["local", "holdfast", "unknown"])
async def test_a_principal_that_holdfast_itself_gives_is_not_the_providers_to_give(tmp_path: Path, own: str) -> None:
    """Who starts a server over stdio is `local`: no user of the provider may become that by a name."""
    async with provider(tmp_path, principal_claim="email") as (made, verify, _):
        assert await verify(made.token(email=own)) is None
        assert await verify(made.token(email=f"{own}@b.example")) == f"{own}@b.example"


async def test_unknown_key_ids_fetch_keys_at_most_once_a_minute(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        for number in range(50):
            made.kid = f"unknown-{number}"
            token = made.token()
            made.kid = "one"
            assert await verify(token) is None
        assert made.fetches == 1
        made.kid = "two"
        clock[0] += 59.9
        assert await verify(made.token()) is None
        assert made.fetches == 1
        clock[0] += 0.1
        assert await verify(made.token()) == "user-7"
        assert made.fetches == 2


async def test_who_comes_while_keys_are_fetched_waits_for_them(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        tokens = [made.token(sub=f"user-{number}") for number in range(5)]
        assert await asyncio.gather(*map(verify, tokens)) == [f"user-{number}" for number in range(5)]
        assert made.fetches == 1


async def test_who_has_a_known_key_does_not_wait_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        assert await verify(made.token()) == "user-7"
        clock[0] += 60
        asked, answered = asyncio.Event(), asyncio.Event()

        async def slow(target: str) -> JsonObject:
            asked.set()
            await answered.wait()
            raise ConfigError("The OpenID provider answered 503.")

        monkeypatch.setattr(verify, "_get", slow)
        made.kid = "unknown"
        stranger = asyncio.create_task(verify(made.token()))
        await asked.wait()
        made.kid = "one"
        async with asyncio.timeout(5):
            assert await verify(made.token()) == "user-7"
        answered.set()
        assert await stranger is None


async def test_a_key_that_the_provider_has_withdrawn_is_forgotten_within_the_hour(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        token = made.token()
        assert await verify(token) == "user-7"
        made.kid = "two"
        clock[0] += KEYS_MAX_AGE_S - 0.1
        assert await verify(token) == "user-7"
        assert made.fetches == 1
        clock[0] += 0.1
        assert await verify(token) is None
        assert made.fetches == 2


async def test_known_keys_count_on_while_the_provider_cannot_be_asked_and_it_is_asked_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        assert await verify(made.token()) == "user-7"
        asked: list[str] = []

        async def fails(target: str) -> JsonObject:
            asked.append(target)
            raise ConfigError("The OpenID provider answered 503.")

        working = verify._get
        monkeypatch.setattr(verify, "_get", fails)
        clock[0] += KEYS_MAX_AGE_S
        assert [await verify(made.token()) for _ in range(3)] == ["user-7"] * 3
        assert len(asked) == 1
        assert "keys cannot be had" in caplog.text
        clock[0] += 60
        monkeypatch.setattr(verify, "_get", working)
        assert await verify(made.token()) == "user-7"
        assert made.fetches == 2


@pytest.mark.parametrize("base", ["/realms/rack", "/realms/rack/"])
async def test_an_issuer_may_have_a_path(tmp_path: Path, base: str) -> None:
    async with provider(tmp_path, base) as (made, verify, _):
        assert await verify(made.token()) == "user-7"


async def test_a_provider_that_names_another_issuer_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(tmp_path) as (made, verify, _):
        made.issuer = "https://evil.example"
        assert await verify(made.token()) is None
        assert made.fetches == 0
    assert "the OpenID provider's keys cannot be had: The OpenID provider names another issuer" in caplog.text


async def test_keys_are_fetched_from_the_issuer_itself_only(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        made.jwks_uri = "https://evil.example/keys"
        assert await verify(made.token()) is None
        assert made.fetches == 0


@pytest.mark.parametrize("status", [201, 404, 500])
async def test_an_answer_that_is_no_success_is_not_read(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with provider(tmp_path) as (made, verify, _):
        made.status = status
        assert await verify(made.token()) is None
        assert made.fetches == 0
    assert f"answered {status}" in caplog.text


async def test_a_key_that_is_not_for_signing_or_of_an_unknown_kind_is_left_out_and_the_others_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with provider(tmp_path) as (made, verify, _):
        odd_name: dict[str, object] = {**rsa_key("odd"), "kid": [7]}
        made.more_keys = [{"kty": "new", "kid": "odd"}, {"kty": "EC", "kid": 7}, {"kty": "EC"}, odd_name]
        assert await verify(made.token()) == "user-7"
        assert "a key of a kind that is not supported" in caplog.text
    async with provider(tmp_path) as (made, verify, _):
        made.changes = {"use": "enc"}
        assert await verify(made.token()) is None
    async with provider(tmp_path) as (made, verify, _):
        made.changes = {"kid": [7]}
        assert await verify(made.token()) is None


async def test_a_refused_token_is_logged_by_its_fault_and_not_by_its_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdfast.server.http")
    async with provider(tmp_path) as (made, verify, _):
        token = made.token(exp=1)
        assert await verify(token) is None
    assert "a bearer token was refused: ExpiredSignatureError" in caplog.text
    assert token not in caplog.text


async def test_a_token_of_the_largest_size_is_looked_at_and_a_longer_one_is_not(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, _):
        pad = 16_384 - len(made.token(pad=""))
        pads = [made.token(pad="x" * (pad * 3 // 4 + more)) for more in range(-8, 9)]
        assert {len(token) <= 16_384 for token in pads} == {True, False}
        assert 16_384 in {len(token) for token in pads}
        for token in pads:
            assert (await verify(token) is not None) is (len(token) <= 16_384)


async def test_a_verifier_that_is_closed_lets_its_connections_go(tmp_path: Path) -> None:
    async with provider(tmp_path) as (made, verify, clock):
        await verify(made.token())
        await verify.close()
        clock[0] += 100
        made.kid = "two"
        assert await verify(made.token()) is None


def test_an_issuer_without_tls_is_refused() -> None:
    with pytest.raises(ConfigError):
        OidcVerifier("http://issuer.example", AUDIENCE)
