"""Pending changes and how they become live (contract §8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulators.pfsense.caller import Caller
from tests.support.realtime import REAL_TIME

RULE = {"type": "pass", "interface": ["lan"], "ipprotocol": "inet", "source": "any", "destination": "any"}
ALIAS = {"name": "fresh", "type": "host", "address": ["10.20.0.99"], "detail": [""]}


async def test_a_change_is_pending_until_a_job_has_ended(fw: Caller) -> None:
    await fw.post("/firewall/alias", ALIAS)
    await fw("PATCH", "/firewall/nat/port_forward", {"id": 0, "descr": "x"})
    assert await fw.get("/firewall/apply") == {"applied": False, "pending_subsystems": ["aliases", "natconf"]}
    started = await fw.post("/firewall/apply", {})
    assert started == {"applied": False, "pending_subsystems": ["aliases", "natconf"]}
    fw.clock.advance(1)
    assert (await fw.get("/firewall/apply"))["applied"] is False
    fw.clock.advance(1.5)
    assert await fw.get("/firewall/apply") == {"applied": True, "pending_subsystems": []}


async def test_rule_changes_set_no_flag_so_applied_proves_nothing(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE | {"descr": "waiting"})
    assert await fw.get("/firewall/apply") == {"applied": True, "pending_subsystems": []}
    assert not any(row.get("descr") == "waiting" for row in fw.sim.live_rules())
    await fw.post("/firewall/apply", {})
    fw.clock.advance(3)
    assert (await fw.get("/firewall/apply"))["applied"] is True
    assert any(row.get("descr") == "waiting" for row in fw.sim.live_rules())
    assert made["descr"] == "waiting"


async def test_an_inline_apply_says_applied_while_the_job_still_runs(fw: Caller) -> None:
    await fw.post("/firewall/alias", ALIAS | {"apply": True})
    assert (await fw.get("/firewall/apply"))["applied"] is True
    table = await fw("GET", "/diagnostics/table?id=fresh")
    assert table.error == (404, "MODEL_OBJECT_NOT_FOUND")
    fw.clock.advance(3)
    assert (await fw.get("/diagnostics/table?id=fresh"))["entries"] == ["10.20.0.99"]


@REAL_TIME
async def test_async_false_waits_for_the_job(fw: Caller) -> None:
    await fw.post("/firewall/alias", ALIAS)
    waiting = asyncio.create_task(fw("POST", "/firewall/apply", {"async": False}))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    fw.clock.advance(3)
    assert (await waiting).data == {"applied": True, "pending_subsystems": []}


@pytest.mark.parametrize(
    ("change", "body", "apply"),
    [
        ("/firewall/virtual_ip", {"id": 1, "descr": "x"}, "/firewall/virtual_ip/apply"),
        ("/routing/static_route", {"id": 0, "descr": "x"}, "/routing/apply"),
        ("/routing/gateway", {"id": 0, "descr": "x"}, "/routing/apply"),
        ("/routing/gateway/default", {"defaultgw4": "LAB_GW"}, "/routing/apply"),
        ("/services/dhcp_server", {"id": "lan", "domain": "x.example"}, "/services/dhcp_server/apply"),
        ("/services/dns_resolver/settings", {"dnssec": False}, "/services/dns_resolver/apply"),
        ("/services/dns_resolver/host_override", {"id": 0, "descr": "x"}, "/services/dns_resolver/apply"),
        ("/vpn/ipsec/phase2", {"id": 0, "descr": "x"}, "/vpn/ipsec/apply"),
        ("/vpn/wireguard/peer", {"id": 0, "descr": "x"}, "/vpn/wireguard/apply"),
        ("/services/haproxy/settings", {"enable": True, "maxconn": 100}, "/services/haproxy/apply"),
    ],
)
async def test_each_subsystem_has_its_own_flag(fw: Caller, change: str, body: dict[str, Any], apply: str) -> None:
    assert (await fw.get(apply))["applied"] is True
    assert (await fw("PATCH", change, body)).status == 200
    assert (await fw.get(apply))["applied"] is False
    await fw.post(apply, {})
    fw.clock.advance(3)
    assert (await fw.get(apply))["applied"] is True


async def test_interface_changes_name_the_interfaces(fw: Caller) -> None:
    await fw("PATCH", "/interface", {"id": "opt1", "descr": "BMCS"})
    assert await fw.get("/interface/apply") == {"applied": False, "pending_interfaces": ["opt1"]}
    await fw.post("/interface/apply", {})
    fw.clock.advance(3)
    assert await fw.get("/interface/apply") == {"applied": True, "pending_interfaces": []}


async def test_vlans_and_bridges_apply_at_once(fw: Caller) -> None:
    await fw.post("/interface/vlan", {"if": "igb2", "tag": 77})
    await fw.post("/interface/bridge", {"members": ["lan", "opt1"]})
    assert (await fw.get("/interface/apply"))["applied"] is True


async def test_a_queue_that_is_full_refuses_the_apply_but_the_object_is_saved(fw: Caller) -> None:
    for _ in range(11):
        assert (await fw("POST", "/firewall/apply", {})).status == 200
    reply = await fw("POST", "/firewall/apply", {})
    assert reply.error == (503, "DISPATCHER_TOO_MANY_QUEUED_PROCESSES")
    assert reply.headers["Retry-After"] == "300"
    inline = await fw("POST", "/firewall/alias", ALIAS | {"apply": True})
    assert inline.error == (503, "DISPATCHER_TOO_MANY_QUEUED_PROCESSES")
    assert "fresh" in [row["name"] for row in await fw.get("/firewall/aliases")]


async def test_apply_activates_other_peoples_changes_too(fw: Caller) -> None:
    await fw.post("/firewall/rule", RULE | {"descr": "theirs"}, user="admin")
    await fw.post("/firewall/rule", RULE | {"descr": "mine", "apply": True})
    fw.clock.advance(3)
    assert {"mine", "theirs"} <= {row.get("descr") for row in fw.sim.live_rules()}


async def test_a_slow_apply_stays_pending_for_as_long_as_it_is_told(fw: Caller) -> None:
    fw.sim.set_fault("slow-apply", seconds=100)
    await fw.post("/firewall/alias", ALIAS)
    await fw.post("/firewall/apply", {})
    fw.clock.advance(99)
    assert (await fw.get("/firewall/apply", headers={"Connection": "close"}))["applied"] is False
    fw.clock.advance(2)
    assert (await fw.get("/firewall/apply"))["applied"] is True


async def test_a_reload_that_fails_leaves_the_flag_and_reports_nothing(fw: Caller) -> None:
    fw.sim.set_fault("apply-stuck")
    await fw.post("/firewall/alias", ALIAS)
    assert (await fw("POST", "/firewall/apply", {})).status == 200
    fw.clock.advance(60)
    assert (await fw.get("/firewall/apply"))["applied"] is False
    fw.sim.clear_faults()
    assert (await fw.get("/firewall/apply"))["applied"] is True
