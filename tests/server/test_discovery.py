"""Clients of a server with an OpenID provider find the provider; those of one with static tokens are not led astray."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from mcp.client.auth.utils import (
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
)
from mcp.shared.auth import ProtectedResourceMetadata

from holdfast.config import ServerSettings
from holdfast.server.discovery import Discovery
from tests.server.serving import TOKEN, serving
from tests.support.rooms import room

ISSUER = "https://id.rack.example/realms/rack"


@pytest.mark.parametrize("path", ["/mcp", "/holdfast/mcp", "/"])
async def test_a_client_without_a_token_finds_the_provider_as_the_protocol_describes(tmp_path: Path, path: str) -> None:
    settings = ServerSettings(port=0, path=path, oidc_issuer=ISSUER)
    async with room("proxmox", tmp_path) as pve, serving(pve.application, settings) as served:
        own = f"http://127.0.0.1:{served.port}"
        async with httpx2.AsyncClient() as client:
            refused = await client.post(f"{own}{path}")
            assert refused.status_code == 401
            told = extract_resource_metadata_from_www_auth(refused)
            guessed = build_protected_resource_metadata_discovery_urls(None, f"{own}{path}")
            assert told is not None
            assert told.rstrip("/") in [url.rstrip("/") for url in guessed]
            answer = await client.get(told)
        found = ProtectedResourceMetadata.model_validate_json(answer.text)
        assert answer.json() == {
            "resource": f"{own}{path}",
            "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
        }
        assert str(found.authorization_servers[0]) == ISSUER
        location = told.removeprefix(own)
        for hostile in ("evil.example", f"127.0.0.1:{served.port}.evil.example", 'x"y'):
            status, text = await served.get(location, host=hostile, token=None)
            assert status in (400, 421)
            assert "evil" not in text
        origin, _ = await served.get(location, headers="Origin: https://evil.example\n", token=None)
        assert origin == 403
        # Nothing else is open: what stands below it, or beside it.
        for other in (f"{location}/x", f"{location}x", "/.well-known/openid-configuration", "/metrics"):
            status, text = await served.get(other, token=None)
            assert (status, "resource_metadata=" in text) == (401, True)


async def test_without_a_provider_there_is_nothing_to_discover(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path) as pve, serving(pve.application) as served:
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
            status, text = await served.get(path, token=None)
            assert status == 401
            assert "resource_metadata" not in text
            status, _ = await served.get(path, token=TOKEN)
            assert status == 404


@pytest.mark.parametrize(
    ("changes", "scheme"), [({}, "http"), ({"behind_proxy": True}, "https"), ({"tls_cert_file": Path("x")}, "https")]
)
def test_the_address_told_is_that_by_which_clients_come(changes: dict[str, object], scheme: str) -> None:
    found = Discovery.of(ServerSettings.model_validate({"oidc_issuer": ISSUER, **changes}))
    assert found is not None
    assert found.challenge("mcp.rack.example") == (
        f'Bearer resource_metadata="{scheme}://mcp.rack.example/.well-known/oauth-protected-resource/mcp"'
    )
    assert json.dumps(found.document("mcp.rack.example")).count(f"{scheme}://mcp.rack.example/mcp") == 1
    assert Discovery.of(ServerSettings()) is None
