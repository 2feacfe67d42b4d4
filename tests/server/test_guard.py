"""The guard of HTTP: who is let in, from where, under which name."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from holdfast.config import ServerSettings
from holdfast.errors import ConfigError
from holdfast.server.guard import (
    MAX_HEADER_BYTES,
    AllowedOrigins,
    HttpGuard,
    any_of,
    check_bind,
    check_token,
    is_loopback,
    principal_of,
    static_tokens,
)

TOKEN = "a-token-of-more-than-thirty-two-bytes-000"
OWN = "127.0.0.1:8700"


class Behind:
    """What stands behind the guard: keeps the scopes that came through."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})


def request(path: str = "/mcp", *, host: str | None = OWN, token: str | None = TOKEN, **headers: str) -> Scope:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    if host is not None:
        sent.append((b"host", host.encode("latin-1")))
    if token is not None:
        sent.append((b"authorization", f"Bearer {token}".encode("latin-1")))
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": sent,
    }


async def passed(scope: Scope, settings: ServerSettings | None = None) -> tuple[int, Behind, dict[bytes, bytes]]:
    """Status, what came through, and the headers of the answer."""
    behind, answers = Behind(), list[MutableMapping[str, Any]]()
    guard = HttpGuard(
        behind,
        allowed=AllowedOrigins.of(settings or ServerSettings(), 8700),
        verify=static_tokens({"alice": TOKEN, "bob": TOKEN[::-1]}),
    )

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    await guard(scope, receive, send)
    for answer in answers:
        if answer["type"] == "http.response.start":
            return answer["status"], behind, dict(answer["headers"])
    return 0, behind, {}


@pytest.mark.parametrize("token", [TOKEN, TOKEN[::-1]])
async def test_a_valid_token_is_let_in_as_its_principal(token: str) -> None:
    status, behind, _ = await passed(request(token=token))
    assert status == 200
    assert principal_of(Request(behind.scopes[0])) == ("alice" if token == TOKEN else "bob")


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f" {TOKEN}", "é" * 40])
@pytest.mark.parametrize("path", ["/mcp", "/metrics", "/", "/healthz/", "//healthz", "/HEALTHZ", "/readyz/x"])
async def test_without_a_valid_token_nothing_comes_through(path: str, token: str | None) -> None:
    status, behind, headers = await passed(request(path, token=token))
    assert (status, behind.scopes) == (401, [])
    assert headers[b"www-authenticate"] == b"Bearer"
    assert headers[b"connection"] == b"close"


@pytest.mark.parametrize("value", [TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Token {TOKEN}", f"Bearer\t{TOKEN}"])
async def test_only_a_bearer_token_counts(value: str) -> None:
    status, behind, _ = await passed(request(token=None, authorization=value))
    assert (status, behind.scopes) == (401, [])


async def test_the_word_bearer_may_be_written_in_any_case() -> None:
    assert (await passed(request(token=None, authorization=f"bEARER {TOKEN}")))[0] == 200


async def test_of_two_credentials_none_counts() -> None:
    scope = request()
    scope["headers"].append((b"authorization", f"Bearer {TOKEN}".encode()))
    assert (await passed(scope))[0] == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_and_readiness_are_open_but_not_to_a_foreign_host_or_origin(path: str) -> None:
    assert (await passed(request(path, token=None)))[0] == 200
    assert (await passed(request(path, token=None, host="evil.example")))[0] == 421
    assert (await passed(request(path, token=None, origin="https://evil.example")))[0] == 403


@pytest.mark.parametrize("host", [None, "evil.example", "127.0.0.1", "127.0.0.1:8701", "LOCALHOST:8700", ""])
async def test_a_host_that_is_not_its_own_is_refused(host: str | None) -> None:
    status, behind, headers = await passed(request(host=host))
    assert (status, behind.scopes) == (421, [])
    assert headers[b"connection"] == b"close"


async def test_a_foreign_host_learns_nothing_about_tokens() -> None:
    assert (await passed(request(host="evil.example", token=None)))[0] == 421
    assert (await passed(request(host="evil.example", token="wrong")))[0] == 421


async def test_two_hosts_are_refused_even_when_both_are_its_own() -> None:
    scope = request()
    scope["headers"].append((b"host", OWN.encode()))
    assert (await passed(scope))[0] == 421


async def test_two_origins_are_refused_even_when_both_are_its_own() -> None:
    scope = request(origin=f"http://{OWN}")
    assert (await passed(scope))[0] == 200
    scope["headers"].append((b"origin", f"http://{OWN}".encode()))
    assert (await passed(scope))[0] == 403


async def test_a_target_that_is_no_path_is_refused() -> None:
    for target in (b"http://127.0.0.1:8700/mcp", b"*", b""):
        status, behind, _ = await passed({**request(), "raw_path": target})
        assert (status, behind.scopes) == (400, [])


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
async def test_headers_have_a_largest_size_in_all(more: int, status: int) -> None:
    scope = request()
    rest = MAX_HEADER_BYTES - sum(len(name) + len(value) for name, value in scope["headers"]) - len(b"x")
    scope["headers"].append((b"x", b"y" * (rest + more)))
    assert (await passed(scope))[0] == status


async def test_the_life_of_the_server_passes_and_other_protocols_do_not() -> None:
    _, behind, _ = await passed({"type": "lifespan"})
    assert [scope["type"] for scope in behind.scopes] == ["lifespan"]
    _, behind, _ = await passed({**request(), "type": "websocket"})
    assert behind.scopes == []


async def test_what_is_refused_is_logged_without_what_a_terminal_would_act_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await passed(request(host="evil\x1b[2J" + "x" * 500))
    await passed(request(host=None))
    await passed(request(origin="https://evil\x1b[2J" + "x" * 500))
    host, none, origin = [record.getMessage() for record in caplog.records]
    for line in (host, origin):
        assert "evil" in line
        assert "\x1b" not in line
        assert len(line) < 250
    assert "refused Host none" in none


def test_a_request_that_passed_no_guard_has_no_name() -> None:
    assert principal_of(None) == "local"
    assert principal_of(Request(request())) == "unknown"


# -- tokens


@pytest.mark.parametrize("token", ["", "x" * 31, "é" * 15])
def test_a_token_of_fewer_than_32_bytes_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="fewer than 32 bytes"):
        static_tokens({"alice": TOKEN, "bob": token})


@pytest.mark.parametrize("token", ["x" * 32, "é" * 16])
def test_a_token_of_32_bytes_is_enough(token: str) -> None:
    assert check_token(token) == token


async def test_the_first_verifier_that_knows_a_token_names_it_and_the_others_are_not_asked() -> None:
    asked: list[str] = []

    def named(name: str, token: str) -> Any:
        async def verify(presented: str) -> str | None:
            asked.append(name)
            await asyncio.sleep(0)
            return name if presented == token else None

        return verify

    verify = any_of(named("one", "1"), named("two", "2"))
    assert await verify("1") == "one"
    assert await verify("2") == "two"
    assert await verify("3") is None
    assert asked == ["one", "one", "two", "one", "two"]
    assert await any_of()("1") is None


# -- where it listens


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_neither_tls_nor_a_proxy(host: str) -> None:
    assert is_loopback(host)
    check_bind(ServerSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "127.0.0.1.evil.example", "localhost.example"])
def test_any_other_address_needs_tls_or_a_declared_proxy(host: str) -> None:
    assert not is_loopback(host)
    named = ("holdfast.example",)
    with pytest.raises(ConfigError, match="plain text"):
        check_bind(ServerSettings(host=host, allowed_hosts=named))
    check_bind(ServerSettings(host=host, allowed_hosts=named, behind_proxy=True))
    check_bind(ServerSettings(host=host, allowed_hosts=named, tls_cert_file="cert.pem", tls_key_file="key.pem"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", ""])
def test_every_address_at_once_needs_the_names_it_is_reached_by(host: str) -> None:
    with pytest.raises(ConfigError, match="allowed_hosts"):
        check_bind(ServerSettings(host=host, behind_proxy=True))
    made = AllowedOrigins.of(ServerSettings(host=host, behind_proxy=True, allowed_hosts=("holdfast.example",)), 8700)
    assert made.hosts == {"holdfast.example"}
    assert made.origins == frozenset()


def test_on_loopback_its_three_names_with_the_port_are_its_own() -> None:
    made = AllowedOrigins.of(ServerSettings(), 8700)
    assert made.hosts == {"127.0.0.1:8700", "localhost:8700", "[::1]:8700"}
    assert made.origins == {f"http://{host}" for host in made.hosts}


@pytest.mark.parametrize(
    ("host", "named"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]"), ("[2001:db8::1]", "[2001:db8::1]")],
)
def test_on_an_address_that_is_its_only_name(host: str, named: str) -> None:
    assert AllowedOrigins.of(ServerSettings(host=host), 8700).hosts == {f"{named}:8700"}


@pytest.mark.parametrize(
    ("tls", "port", "bare"), [(False, 80, True), (False, 443, False), (True, 443, True), (True, 80, False)]
)
def test_on_the_schemes_own_port_the_port_may_be_left_out(tls: bool, port: int, bare: bool) -> None:
    settings = ServerSettings(
        host="192.0.2.1", tls_cert_file="c.pem" if tls else None, tls_key_file="k.pem" if tls else None
    )
    made = AllowedOrigins.of(settings, port)
    scheme = "https" if tls else "http"
    assert made.hosts == {f"192.0.2.1:{port}"} | ({"192.0.2.1"} if bare else set())
    assert made.origins == {f"{scheme}://{host}" for host in made.hosts}


def test_hosts_and_origins_of_the_settings_are_added_and_a_host_is_no_origin() -> None:
    settings = ServerSettings(allowed_hosts=("rack.example",), allowed_origins=("https://console.example",))
    made = AllowedOrigins.of(settings, 8700)
    assert "rack.example" in made.hosts
    assert "https://console.example" in made.origins
    assert not any("rack.example" in origin for origin in made.origins)
