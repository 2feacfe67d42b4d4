"""Over HTTP: nobody without the token, no foreign Host or Origin, no secret on open pages, no slow client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from holdfast.config import ServerSettings
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
    "127.0.0.1:{port} ",
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


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/metrics"])
async def test_no_request_with_a_foreign_host_is_served_on_any_path(served: Served, path: str) -> None:
    for hostile in HOSTILE_HOSTS:
        host = hostile.format(port=served.port)
        if host.strip() == f"127.0.0.1:{served.port}":
            continue  # a blank after the value is no part of it
        status, _ = await served.get(path, host=host)
        assert status in (400, 421), f"Host {host!r} was answered with {status}"


async def test_no_request_with_a_foreign_origin_is_served(served: Served) -> None:
    for hostile in HOSTILE_ORIGINS:
        origin = hostile.format(port=served.port)
        status, _ = await served.get("/healthz", headers=f"Origin: {origin}\n")
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
