"""What differs between versions (contract §15)."""

from __future__ import annotations

import pytest

from tests.simulators.pfsense.conftest import Start

RULE = {"type": "pass", "interface": ["lan"], "ipprotocol": "inet", "source": "any", "destination": "any"}


@pytest.mark.parametrize(
    ("persona", "response_id"),
    [("2.9", "INVALID_FIREWALL_ALIAS_NAME"), ("2.10", "FILTER_NAME_VALIDATOR_INVALID_CHARACTERS")],
)
async def test_errors_of_alias_names_changed_with_2_10(start: Start, persona: str, response_id: str) -> None:
    fw = await start(persona)
    reply = await fw("POST", "/firewall/alias", {"name": "not-a-name", "type": "host"})
    assert reply.error == (400, response_id)


@pytest.mark.parametrize(("persona", "shown"), [("2.9", True), ("2.10", False)])
async def test_shared_secrets_are_hidden_since_2_10(start: Start, persona: str, shown: bool) -> None:
    fw = await start(persona)
    assert ("pre_shared_key" in (await fw.get("/vpn/ipsec/phase1s"))[0]) is shown
    assert ("password" in (await fw.get("/firewall/virtual_ip?id=0"))) is shown


@pytest.mark.parametrize(("persona", "known"), [("2.8", False), ("2.9", True)])
async def test_a_field_that_came_later_is_an_unknown_field_before(start: Start, persona: str, known: bool) -> None:
    fw = await start(persona)
    made = await fw.post("/firewall/rule", RULE | {"dscp": "af11"})
    assert ("dscp" in made) is known


@pytest.mark.parametrize(
    ("persona", "path", "status"),
    [
        ("2.8", "/status/wireguard/tunnels", 404),
        ("2.9", "/status/wireguard/tunnels", 200),
        ("2.7", "/system/timezone", 200),
        ("2.5", "/system/timezone", 404),
        ("2.6", "/vpn/wireguard/tunnel/addresses", 404),
        ("2.7", "/vpn/wireguard/tunnel/addresses", 200),
        ("2.4", "/status/logs/auth", 404),
        ("2.5", "/status/logs/auth", 200),
    ],
)
async def test_an_endpoint_is_a_404_of_nginx_before_its_version(
    start: Start, persona: str, path: str, status: int
) -> None:
    fw = await start(persona)
    reply = await fw("GET", path)
    assert reply.status == status
    assert ("html" in reply.headers["Content-Type"]) is (status == 404)


async def test_a_method_that_came_later_is_405_before(start: Start) -> None:
    older = await start("2.6")
    assert (await older("POST", "/services/dhcp_server", {"interface": "wan"})).error == (
        405,
        "ENDPOINT_METHOD_NOT_ALLOWED",
    )
    newer = await start("2.7")
    assert (await newer("POST", "/services/dhcp_server", {"interface": "wan"})).status == 200
