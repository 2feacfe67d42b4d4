"""Over HTTP: nobody without the token, no foreign Host or Origin, no secret on open pages, no slow client."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from holdfast.config import ServerSettings
from holdfast.control.caller import Caller
from holdfast.errors import ConfigError
from holdfast.server.guard import static_tokens
from holdfast.server.http import bound_socket, http_principal
from tests.server.serving import TOKEN, Served, serving
from tests.support.rooms import room


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with room("proxmox", tmp_path) as pve, serving(pve.application, ServerSettings(port=0)) as made:
        yield made


HOSTILE_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:{port}.evil.example",
    "127.0.0.1:{port}@evil.example",
    "localhost.:{port}",
    "LOCALHOST:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1.nip.io:{port}",
    "127-0-0-1.nip.io:{port}",
    "0.0.0.0:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "0x7f.1:{port}",
    "[::1%25lo]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "127.0.0.1 :{port}",
    "127.0.0.1:{port},evil.example",
    "",
]
HOSTILE_ORIGINS = [
    "https://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:{port}",
    "http://localhost.evil.example:{port}",
    "http://LOCALHOST:{port}",
    "null",
    "file://",
    "chrome-extension://abcdefghijklmnop",
]


PATHS = ("/mcp", "/healthz", "/metrics")


@pytest.mark.parametrize("path", PATHS)
async def test_no_request_with_a_foreign_host_is_served_on_any_path(served: Served, path: str) -> None:
    for hostile in HOSTILE_HOSTS:
        host = hostile.format(port=served.port)
        status, _ = await served.get(path, host=host)
        assert status in (400, 421), f"Host {host!r} was answered with {status}"


@pytest.mark.parametrize("path", PATHS)
async def test_no_request_with_a_foreign_origin_is_served_on_any_path(served: Served, path: str) -> None:
    for hostile in HOSTILE_ORIGINS:
        origin = hostile.format(port=served.port)
        status, _ = await served.get(path, headers=f"Origin: {origin}\n")
        assert status == 403, f"Origin {origin!r} was answered with {status}"


async def test_a_doubled_host_an_absolute_target_and_a_doubled_origin_are_refused(served: Served) -> None:
    own = f"127.0.0.1:{served.port}"
    doubled, _ = await served.get("/healthz", headers="Host: evil.example\n")
    assert doubled in (400, 421)
    absolute, _ = await served.raw(
        f"GET http://evil.example/healthz HTTP/1.1\nHost: {own}\nConnection: close\nAuthorization: Bearer {TOKEN}\n"
    )
    assert absolute in (400, 404, 421)
    origins, _ = await served.get("/healthz", headers=f"Origin: http://{own}\nOrigin: https://evil.example\n")
    assert origins == 403


async def test_its_own_origin_is_served(served: Served) -> None:
    status, _ = await served.get("/healthz", headers=f"Origin: http://127.0.0.1:{served.port}\n")
    assert status == 200


@pytest.mark.parametrize("token", [None, "wrong", TOKEN[:-1], TOKEN + "x", "é" * 40])
async def test_nothing_but_health_is_answered_without_the_token(served: Served, token: str | None) -> None:
    for path in ("/mcp", "/metrics", "/", "/anything"):
        status, text = await served.get(path, token=token)
        assert status == 401
        assert "WWW-Authenticate: Bearer".lower() in text.lower()
        assert "resource_metadata" not in text


async def test_health_and_readiness_name_no_target_and_no_secret(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        status, text = await served.get(path, token=None)
        assert status == 200
        assert "lab" not in text
        assert TOKEN not in text
        assert "127.0.0.1" not in text.partition("\r\n\r\n")[2]


async def test_metrics_are_prometheus_text(served: Served) -> None:
    status, text = await served.get("/metrics")
    assert status == 200
    assert "# TYPE holdfast_circuit_state gauge" in text
    assert "# TYPE holdfast_tool_calls_total counter" in text


POLICY = """
[[rules]]
principals = ["alice"]
risks = ["read", "write", "destructive"]
[[rules]]
principals = ["bob"]
targets = ["elsewhere"]
risks = ["read"]
"""


async def test_metrics_name_targets_to_those_only_whom_the_policy_lets_know_all_of_them(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    policy.chmod(0o600)
    tokens = {"alice": "a" * 40, "bob": "b" * 40, "carol": "c" * 40}
    async with (
        room("proxmox", tmp_path, control=f'policy_file = "{policy}"') as pve,
        serving(pve.application, verify=static_tokens(tokens)) as served,
    ):
        await pve.application.dispatcher.call("proxmox_system_info", {}, Caller(principal="alice"))
        answers = {name: await served.get("/metrics", token=token) for name, token in tokens.items()}
    assert {name: status for name, (status, _) in answers.items()} == {"alice": 200, "bob": 403, "carol": 403}
    assert "lab" in answers["alice"][1]
    for name in ("bob", "carol"):
        assert "The policy does not allow circuits_list here" in answers[name][1]
        assert "lab" not in answers[name][1]


async def test_every_connection_gets_the_same_list_whoever_asks_in_whichever_era(tmp_path: Path) -> None:
    import httpx2

    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    policy.chmod(0o600)
    tokens = {"alice": "a" * 40, "bob": "b" * 40}
    lists: set[str] = set()
    async with (
        room("proxmox", tmp_path, control=f'policy_file = "{policy}"') as pve,
        serving(pve.application, verify=static_tokens(tokens)) as served,
    ):
        for token, mode in [(token, mode) for token in tokens.values() for mode in ("legacy", "2026-07-28")]:
            async with (
                httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
                Client(streamable_http_client(served.url, http_client=http), mode=mode) as client,
            ):
                for _ in range(2):
                    listed = await client.list_tools()
                    lists.add(json.dumps([tool.model_dump(mode="json") for tool in listed.tools], sort_keys=True))
                    await client.call_tool("proxmox_system_info", {})
    assert len(lists) == 1


async def test_over_tls_the_same_guard_stands(tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    settings = ServerSettings(port=0, tls_cert_file=tmp_path / "cert.pem", tls_key_file=tmp_path / "key.pem")
    async with room("proxmox", tmp_path) as pve, serving(pve.application, settings) as served:

        async def status(*headers: str, token: str = TOKEN) -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
            lines = ["GET /metrics HTTP/1.1", f"Authorization: Bearer {token}", "Connection: close", *headers, "", ""]
            writer.write("\r\n".join(lines).encode())
            answer = await reader.read()
            writer.close()
            return int(answer.split(b" ", 2)[1])

        own = f"127.0.0.1:{served.port}"
        assert await status(f"Host: {own}") == 200
        assert await status(f"Host: {own}", f"Origin: https://{own}") == 200
        assert await status(f"Host: {own}", f"Origin: http://{own}") == 403
        assert await status("Host: evil.example") == 421
        assert await status(f"Host: {own}", token="wrong") == 401
        plain, _ = await served.get("/healthz")
        assert plain == 0


async def test_an_address_that_is_taken_is_told_with_the_next_step() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match=r"Cannot listen on 127\.0\.0\.1 port"):
            bound_socket(ServerSettings(port=taken.getsockname()[1]))


def test_a_public_address_in_plain_text_is_not_bound() -> None:
    with pytest.raises(ConfigError, match="plain text"):
        bound_socket(ServerSettings(host="0.0.0.0", port=0, allowed_hosts=("rack.example",)))


def test_the_socket_is_of_the_addresss_family_and_not_inherited_by_children() -> None:
    for host, family in [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("[::1]", socket.AF_INET6)]:
        with bound_socket(ServerSettings(host=host, port=0)) as sock:
            assert sock.family == family
            assert not sock.get_inheritable()
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@pytest.mark.parametrize("fine", [True, False])
async def test_readiness_says_so_by_its_status(tmp_path: Path, fine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with room("proxmox", tmp_path) as pve:
        monkeypatch.setattr(pve.application, "ready", lambda: (fine, {"targets": 1}))
        async with serving(pve.application) as served:
            status, text = await served.get("/readyz", token=None)
    assert status == (200 if fine else 503)
    assert f'"ready":{str(fine).lower()}' in text


async def test_a_server_that_cannot_write_its_ledger_is_not_ready_and_says_so_in_numbers(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path) as pve, serving(pve.application) as served:

        async def answer() -> tuple[int, object]:
            status, text = await served.get("/readyz", token=None)
            return status, json.loads(text.partition("\r\n\r\n")[2])

        facts = {"ready": True, "targets": 1, "circuits_open": 0, "ledger_writable": 1, "ledger_whole": 1}
        facts["writes_stopped"] = 0
        assert await answer() == (200, facts)
        pve.application.room.parts().kill_switch.engage(reason="drill", who="operator")
        assert await answer() == (200, {**facts, "writes_stopped": 1})
        pve.application.room.parts().kill_switch.release()
        (tmp_path / "state").rename(tmp_path / "aside")
        gone = {"ready": False, "ledger_writable": 0, "writes_stopped": 1}
        assert await answer() == (503, {**facts, **gone})
        (tmp_path / "aside").rename(tmp_path / "state")


def test_a_request_that_did_not_come_over_http_has_the_local_principal() -> None:
    for request in (None, object()):
        ctx: Any = SimpleNamespace(request=request)
        assert http_principal(ctx) == "local"


async def test_a_request_carries_its_principal_to_the_ledger(tmp_path: Path) -> None:
    import httpx2

    tokens = {"alice": "a" * 40, "bob": "b" * 40}
    async with (
        room("proxmox", tmp_path) as pve,
        serving(pve.application, verify=static_tokens(tokens)) as served,
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {tokens['bob']}"}) as http,
        Client(streamable_http_client(served.url, http_client=http)) as client,
    ):
        await client.call_tool("proxmox_start_guest", {"guest": "build"})
        records = pve.application.room.parts().ledger.reader.records()
        assert [record.body["principal"] for record in records if record.kind == "intent"] == ["bob"]


async def test_a_client_of_either_era_lists_and_calls_tools_with_the_token(served: Served) -> None:
    import httpx2

    headers = {"Authorization": f"Bearer {TOKEN}"}
    for mode in ("legacy", "2026-07-28"):
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(served.url, http_client=http), mode=mode) as client,
        ):
            tools = await client.list_tools()
            assert "proxmox_system_info" in [tool.name for tool in tools.tools]
            result = await client.call_tool("proxmox_system_info", {})
            assert not result.is_error
            assert result.structured_content is not None
            assert result.structured_content["cluster"] == "rack"
