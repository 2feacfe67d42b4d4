"""One scheme, chosen by what is configured; a refused credential is sent once; a token is fetched, kept, replaced."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.errors import LOGIN
from holdfast.appliances.pfsense.facts import model_named
from holdfast.appliances.pfsense.session import EXPIRY_MARGIN_S, Session
from holdfast.appliances.pfsense.settings import PfSenseSettings
from holdfast.errors import AuthenticationError, ConfigError, Executed, HoldfastError, QuarantinedError
from holdfast.simulators.base import Arrival
from holdfast.simulators.pfsense.simulator import PfSenseSimulator
from holdfast.simulators.rack import RunningSimulator
from holdfast.transport import Reply, Request
from holdfast.transport.messages import Headers
from tests.support import running
from tests.support.racks import shared_authority

USER = "holdfast"
ALIASES = model_named("FirewallAlias")


@dataclass
class Firewall:
    """A client of a simulated firewall, and what it told the redaction."""

    client: HTTPPfSenseClient
    running: RunningSimulator
    secrets: list[str]

    @property
    def simulator(self) -> PfSenseSimulator:
        assert isinstance(self.running.simulator, PfSenseSimulator)
        return self.running.simulator

    @property
    def tokens(self) -> list[Arrival]:
        return [arrival for arrival in self.running.state.arrivals if arrival.path.endswith("/auth/jwt")]

    @property
    def calls(self) -> list[Arrival]:
        return [arrival for arrival in self.running.state.arrivals if not arrival.path.endswith("/auth/jwt")]

    async def read(self) -> None:
        await self.client.rows(ALIASES)


@asynccontextmanager
async def firewall(folder: Path, given: Mapping[str, object], *, told: bool = True) -> AsyncIterator[Firewall]:
    """With these credentials; "right" stands for the right one."""
    async with running("pfsense") as sim:
        assert isinstance(sim.simulator, PfSenseSimulator)
        right = {"api_key": sim.credentials["api_key"], "password": sim.simulator.password(USER)}
        settings = {name: right[name] if value == "right" else value for name, value in given.items()}
        ca_file = folder / "ca.pem"
        ca_file.write_text(shared_authority().ca_pem)
        secrets: list[str] = []
        where = {"name": "fw", "host": "127.0.0.1", "port": sim.port, "ca_file": str(ca_file)}
        client = HTTPPfSenseClient({**where, **settings}, on_secret=secrets.append if told else None)
        client._session._now = sim.simulator.clock.now
        async with client:
            yield Firewall(client, sim, secrets)


def scheme_of(arrival: Arrival) -> tuple[str, ...]:
    """Which credentials a request carries."""
    headers = {name.lower(): value for name, value in arrival.headers.items()}
    found = ["key"] if "x-api-key" in headers else []
    return (*found, *([headers["authorization"].partition(" ")[0]] if "authorization" in headers else []))


KEY: dict[str, object] = {"api_key": "right"}
PAIR: dict[str, object] = {"username": USER, "password": "right"}
JWT: dict[str, object] = {**PAIR, "auth": "jwt"}


@pytest.mark.parametrize(
    ("given", "scheme"),
    [
        (KEY, "key"),
        (PAIR, "Basic"),
        ({**KEY, **PAIR}, "key"),
        ({**KEY, **PAIR, "auth": "key"}, "key"),
        ({**KEY, **PAIR, "auth": "basic"}, "Basic"),
        ({**KEY, **PAIR, "auth": "jwt"}, "Bearer"),
        ({**PAIR, "auth": "jwt"}, "Bearer"),
    ],
    ids=["key", "pair", "both", "both, key", "both, basic", "both, jwt", "jwt"],
)
async def test_every_request_carries_the_one_credential_that_is_configured(
    given: dict[str, object], scheme: str, tmp_path: Path
) -> None:
    async with firewall(tmp_path, given) as fw:
        await fw.read()
        assert {scheme_of(arrival) for arrival in fw.calls} == {(scheme,)}
        assert {scheme_of(arrival) for arrival in fw.tokens} == ({("Basic",)} if scheme == "Bearer" else set())
        assert not fw.client._session.refused


@pytest.mark.parametrize("given", [KEY, PAIR, JWT], ids=["key", "pair", "jwt"])
async def test_what_is_not_a_refusal_is_handed_back(given: dict[str, object], tmp_path: Path) -> None:
    async with firewall(tmp_path, given) as fw:
        assert (await fw.client._session.send(Request("GET", "/api/v2/no/such"))).status == 404
        assert not fw.client._session.refused


WRONG: dict[str, dict[str, object]] = {
    "key": {"api_key": "0123456789abcdef0123456789abcdef0123456789abcdef"},
    "basic": {"username": USER, "password": "wrong"},
    "jwt": {"username": USER, "password": "wrong", "auth": "jwt"},
}


@pytest.mark.parametrize("scheme", WRONG)
async def test_a_wrong_credential_is_sent_once_by_whatever_scheme(scheme: str, tmp_path: Path) -> None:
    async with firewall(tmp_path, WRONG[scheme]) as fw:
        errors = await asyncio.gather(*(fw.read() for _ in range(5)), return_exceptions=True)
        assert all(isinstance(error, AuthenticationError) for error in errors), errors
        assert all(isinstance(error, HoldfastError) and error.executed is Executed.NO for error in errors)
        with pytest.raises(QuarantinedError):
            await fw.read()
        assert fw.client._session.refused
        assert [arrival.status for arrival in fw.running.state.arrivals] == [401]
        assert fw.secrets == []


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"username": USER, "password": "x", "auth": "key"}, 'auth = "key" needs api_key'),
        ({"api_key": "x", "auth": "basic"}, 'auth = "basic" needs username and password'),
        ({"api_key": "x", "username": USER, "auth": "basic"}, 'auth = "basic" needs username and password'),
        ({"api_key": "x", "password": "x", "auth": "jwt"}, 'auth = "jwt" needs username and password'),
    ],
)
def test_a_scheme_without_its_credential_is_refused_before_anything_is_sent(
    given: dict[str, object], missing: str
) -> None:
    with pytest.raises(ConfigError, match=missing):
        HTTPPfSenseClient({"host": "127.0.0.1", "port": 9, **given})


async def test_the_secret_of_the_guide_is_told_about_and_not_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "holdfast.pfsense"):
        async with firewall(tmp_path, KEY) as fw:
            await fw.read()
        assert "api_secret" not in caplog.text
        async with firewall(tmp_path, {**KEY, "api_secret": "not-to-be-sent"}) as fw:
            await fw.read()
            sent = [f"{arrival.headers} {arrival.path} {arrival.body!r}" for arrival in fw.running.state.arrivals]
        assert "api_secret is not sent" in caplog.text
    assert not any("not-to-be-sent" in text for text in sent)


async def test_a_token_is_told_to_the_redaction_before_it_is_used(tmp_path: Path) -> None:
    async with firewall(tmp_path, JWT) as fw:
        await fw.read()
        [token] = fw.secrets
        assert {arrival.headers["Authorization"] for arrival in fw.calls} == {f"Bearer {token}"}
    async with firewall(tmp_path, JWT, told=False) as fw:
        await fw.read()


async def test_a_token_is_used_until_half_a_minute_before_its_end(tmp_path: Path) -> None:
    async with firewall(tmp_path, JWT) as fw:
        await fw.read()
        until = fw.client._session._token_until
        now = [until - EXPIRY_MARGIN_S]
        fw.client._session._now = lambda: now[0]
        await fw.read()
        assert len(fw.tokens) == 1
        now[0] += 0.5
        await fw.read()
        assert len(fw.tokens) == 2
        await fw.read()
        assert len(fw.tokens) == 2, "the new one has a life of its own"


async def test_calls_that_begin_together_fetch_one_token(tmp_path: Path) -> None:
    async with firewall(tmp_path, JWT) as fw:
        await asyncio.gather(*(fw.read() for _ in range(4)))
        assert len(fw.tokens) == 1


async def test_a_refused_token_is_replaced_once_for_all_that_used_it(tmp_path: Path) -> None:
    async with firewall(tmp_path, JWT) as fw:
        await fw.read()
        fw.simulator.machine.auth._server_key = b"another key"
        await asyncio.gather(fw.read(), fw.read())
        assert len(fw.tokens) == 2
        assert [arrival.status for arrival in fw.calls].count(401) == 2
        assert not fw.client._session.refused


async def test_a_new_token_that_is_refused_as_well_is_the_end(tmp_path: Path) -> None:
    async with firewall(tmp_path, JWT) as fw:
        fw.running.simulator.set_fault("key-rejected", path="/api/v2/firewall")
        with pytest.raises(AuthenticationError, match="refuses the token"):
            await fw.read()
        assert fw.client._session.refused
        with pytest.raises(QuarantinedError):
            await fw.read()
        assert [arrival.status for arrival in fw.calls] == [401, 401]


async def test_a_login_that_fails_says_that_it_was_the_login_and_that_nothing_was_sent(tmp_path: Path) -> None:
    async with firewall(tmp_path, JWT) as fw:
        fw.running.simulator.set_fault("html-error", path="/auth/jwt", status=502)
        with pytest.raises(HoldfastError) as told:
            await fw.client.write("POST", ALIASES, {"name": "printers", "type": "host", "address": []})
        assert told.value.executed is Executed.NO
        assert told.value.details[LOGIN] is True
        assert fw.calls == []
        assert not fw.client._session.refused


def jwt(body: str) -> str:
    return f"head.{base64.urlsafe_b64encode(body.encode()).decode().rstrip('=')}.signature"


@pytest.mark.parametrize(
    ("token", "life_s"),
    [
        (jwt('{"nbf": 5000, "exp": 5600}'), 600.0),
        (jwt('{"exp": 1600}'), 600.0),
        (jwt('{"nbf": 5000}'), 3600.0),
        (jwt('{"nbf": 5000, "exp": "never"}'), 3600.0),
        (jwt('{"nbf": 5000, "exp": null}'), 3600.0),
        (jwt("[]"), 3600.0),
        (jwt("no json"), 3600.0),
        ("without points", 3600.0),
        ("a.!.b", 3600.0),
    ],
)
async def test_how_long_a_token_lives_is_taken_from_it_or_an_hour(token: str, life_s: float) -> None:
    now = [1000.0]
    envelope = {"code": 200, "status": "ok", "response_id": "SUCCESS", "message": "", "data": {"token": token}}

    async def send(request: Request) -> Reply:
        return Reply(200, headers=Headers({"Content-Type": "application/json"}), body=json.dumps(envelope).encode())

    settings = PfSenseSettings.model_validate(
        {"name": "fw", "host": "fw", "username": USER, "password": "x", "auth": "jwt"}
    )
    session = Session(settings, send, now=lambda: now[0])
    await session.send(Request("GET", "/api/v2/system/version"))
    assert session._token_until == 1000.0 + life_s
