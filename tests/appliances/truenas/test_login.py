"""The key goes nowhere it should not, and what the appliance says is understood."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from holdfast.appliances.truenas import links as links_module
from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.appliances.truenas.errors import NotLoggedInError, error_of, lacks_method
from holdfast.appliances.truenas.scram import MAX_ITERATIONS, MIN_ITERATIONS, ScramLogin
from holdfast.errors import (
    ApplianceFaultError,
    AuthenticationError,
    BusyError,
    ConfigError,
    ConflictError,
    Executed,
    HoldfastError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
    ValidationError,
)
from holdfast.transport import JsonRpcError
from tests.appliances.truenas.harness import box, calls_of, nas, raw, sent
from tests.support.realtime import REAL_TIME

SECRET = "s" * 64
SALT = base64.b64encode(b"salt-of-16-bytes").decode()


@pytest.mark.parametrize("protocol", ["ws", "http"])
async def test_a_target_without_tls_gets_no_connection_at_all(protocol: str) -> None:
    config = {"name": "nas", "host": "127.0.0.1", "port": 9, "protocol": protocol, "api_key": f"1-{SECRET}"}
    client = TrueNASClient(config)
    with pytest.raises(ConfigError) as caught:
        await client.get_system_info()
    assert "Nothing was sent" in caught.value.message
    assert SECRET not in str(caught.value)
    await client.close()


async def test_what_offered_scram_once_is_not_given_the_key_when_it_offers_it_no_more(tmp_path: Path) -> None:
    async with nas(tmp_path, "26") as made:
        await made.call("truenas_list_pools")
        inner = box(made).box
        inner.persona = dataclasses.replace(inner.persona, has_scram=False)
        made.running.fault("drop-sockets")
        error = await made.fails("truenas_list_pools")
        assert "SCRAM" in error.message
        secret = made.running.credentials["api_key"].partition("-")[2]
        assert all(secret.encode() not in arrival.body for arrival in made.arrivals)
        mechanisms = {params[0]["mechanism"] for method, params in sent(made) if method == "auth.login_ex"}  # type: ignore[index]
        assert mechanisms == {"SCRAM"}


def challenge(login: ScramLogin, *, nonce: str | None = None, rounds: int = MIN_ITERATIONS) -> str:
    own = login.first.partition("r=")[2]
    return f"r={own}server-part,s={SALT},i={rounds}" if nonce is None else f"r={nonce},s={SALT},i={rounds}"


@pytest.mark.parametrize(
    ("nonce", "rounds"),
    [("foreign", MIN_ITERATIONS), ("", MIN_ITERATIONS), (None, MIN_ITERATIONS - 1), (None, MAX_ITERATIONS + 1)],
)
def test_a_challenge_of_another_login_or_with_too_few_or_too_many_rounds_is_not_answered(
    nonce: str | None, rounds: int
) -> None:
    login = ScramLogin("mcp", f"1-{SECRET}", None)
    with pytest.raises(ProtocolError):
        login.final(challenge(login, nonce=nonce, rounds=rounds))


def test_a_challenge_that_only_repeats_the_own_nonce_is_not_answered() -> None:
    login = ScramLogin("mcp", f"1-{SECRET}", None, nonce="mine")
    with pytest.raises(ProtocolError):
        login.final(challenge(login, nonce="mine"))


def test_a_server_that_does_not_know_the_key_is_not_believed_and_never_sees_it() -> None:
    login = ScramLogin("mcp", f"1-{SECRET}", None)
    with pytest.raises(AuthenticationError):
        login.verify("v=" + base64.b64encode(bytes(64)).decode())  # before anything was asked
    first = challenge(login)
    final = login.final(first)
    assert SECRET not in login.first + final
    with pytest.raises(AuthenticationError):
        login.verify("v=" + base64.b64encode(bytes(64)).decode())
    with pytest.raises(ProtocolError):
        login.verify("v=not base64")
    # What RFC 5802 says that the right server answers.
    salted = hashlib.pbkdf2_hmac("sha512", SECRET.encode(), base64.b64decode(SALT), MIN_ITERATIONS)
    message = f"{login.first.removeprefix('n,,')},{first},{final.rpartition(',p=')[0]}".encode()
    proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha512"), message, "sha512")
    login.verify("v=" + base64.b64encode(proof).decode())


@pytest.mark.parametrize("key", ["nodash", "x-secret", "1-", "-secret"])
def test_what_is_no_key_of_truenas_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ScramLogin("mcp", key, None)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("not-allowed", PermissionDeniedError), ("standby", UnavailableError), ("rate-limited", RateLimitedError)],
)
async def test_an_appliance_that_lets_nobody_log_in_is_understood(
    fault: str, kind: type[HoldfastError], tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        made.running.fault(fault, **({"url": "https://127.0.0.1:1"} if fault == "standby" else {}))
        error = await made.fails("truenas_list_pools")
        assert isinstance(error, kind), error
        assert calls_of(made, "auth.login_ex") <= 3
        secret = made.running.credentials["api_key"].partition("-")[2]
        assert secret not in json.dumps([error.message, error.next_step])


@REAL_TIME
async def test_an_idle_connection_is_kept_open_by_pings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert links_module.PING_INTERVAL_S <= 20
    monkeypatch.setattr(links_module, "PING_INTERVAL_S", 0.15)
    async with nas(tmp_path) as made:
        made.running.fault("idle-close", seconds=0.6)
        await made.call("truenas_list_pools")
        await asyncio.sleep(1.5)
        await made.call("truenas_list_pools")
        assert calls_of(made, "auth.login_ex") == 1


async def test_keys_that_the_real_models_do_not_know_are_refused_and_named(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        for method, params in (
            ("pool.dataset.create", [{"name": "tank/x", "nosuch": 1}]),
            ("staticroute.create", [{"destination": "10.0.0.0/8", "gateway": "10.20.0.1", "metric": 1}]),
            ("vm.create", [{"name": "x", "memory": 512, "cpus": 2}]),
        ):
            with pytest.raises(ValidationError) as caught:
                await raw(made, method, *params)
            assert caught.value.executed is Executed.NO
            assert (
                "nosuch" in caught.value.message or "metric" in caught.value.message or "cpus" in caught.value.message
            )


def frame(code: int, **data: object) -> JsonRpcError:
    return JsonRpcError("pool.query", code, "x", data or None, "nas")  # type: ignore[arg-type]  # JSON objects


@pytest.mark.parametrize(
    ("code", "data", "kind"),
    [
        (-32700, {}, ApplianceFaultError),
        (-32600, {}, ApplianceFaultError),
        (-32601, {}, UnsupportedError),
        (-32603, {}, ApplianceFaultError),
        (-32000, {}, OverloadedError),
        (
            -32602,
            {"error": 22, "extra": [["data.FILESYSTEM.quota", "Input should be a valid integer", 22]]},
            ValidationError,
        ),
        (-32602, {"error": 22, "extra": [[None, "Pool 9 does not exist", 2]]}, NotFoundError),
        (-32001, {"error": 22, "reason": "MatchNotFound()"}, NotFoundError),
        (-32001, {"error": 1}, PermissionDeniedError),
        (-32001, {"error": 2}, NotFoundError),
        (-32001, {"error": 11}, BusyError),
        (-32001, {"error": 13, "reason": "[EACCES] Not authorized"}, PermissionDeniedError),
        (-32001, {"error": 13, "reason": "[EACCES] Session is expired"}, NotLoggedInError),
        (-32001, {"error": 14}, ApplianceFaultError),
        (-32001, {"error": 17}, ConflictError),
        (-32001, {"error": 28}, ConflictError),
        (-32001, {"error": 64}, UnsupportedError),
        (-32001, {"error": 95}, UnsupportedError),
        (-32001, {"error": 110}, UnavailableError),
        (-32001, {"error": 201}, UnsupportedError),
        (-32001, {"error": 205}, ConflictError),
        (-32001, {"error": 207}, NotLoggedInError),
        (-32001, {"error": 209}, ConflictError),
        (-32001, {"error": 210}, UnavailableError),
        (-32001, {"error": 2051}, ApplianceFaultError),
        (-32001, {"error": 16, "reason": "[EBUSY] Rate Limit Exceeded"}, RateLimitedError),
        (-32001, {"error": 16, "reason": "[EBUSY] This job is already being performed"}, BusyError),
        (-32001, {"error": 16, "reason": "[EBUSY] … by another user"}, BusyError),
        (-32001, {"error": 16, "reason": "[EBUSY] has dependents", "extra": {"dependencies": [1]}}, ConflictError),
        (-32001, {"error": 16, "reason": "[EBUSY] Device busy"}, BusyError),
    ],
)
def test_every_error_frame_has_its_meaning(code: int, data: dict[str, object], kind: type[HoldfastError]) -> None:
    error = error_of(frame(code, **data, trace={"formatted": "/usr/lib/python3/secret-path"}), "pool.query")
    assert type(error) is kind
    assert "secret-path" not in f"{error.message} {error.next_step} {error.details}"


def test_a_missing_method_alone_lets_another_way_be_tried() -> None:
    missing = [error_of(frame(-32601), "x"), error_of(frame(-32001, error=201), "x")]
    forbidden = error_of(frame(-32001, error=95), "x")
    assert isinstance(forbidden, UnsupportedError)
    assert [lacks_method(one) for one in missing if isinstance(one, UnsupportedError)] == [True, True]
    assert not lacks_method(forbidden)
