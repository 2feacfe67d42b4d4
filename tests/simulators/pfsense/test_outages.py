"""Reboots, restarts and other absences; errors of nginx; faults that are switched on (contract §2, §9.5)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from holdfast.simulators.pfsense.faults import Faults
from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import Start
from tests.support.realtime import REAL_TIME

FRESH = {"Connection": "close"}


async def test_a_reboot_begins_fifteen_seconds_after_its_200(fw: Caller) -> None:
    before = (await fw.get("/status/system"))["uptime"]
    assert before.startswith("12 Days 04 Hours")
    assert (await fw("POST", "/diagnostics/reboot", {})).data == []
    fw.clock.advance(14)
    assert (await fw("GET", "/system/version", headers=FRESH)).status == 200
    fw.clock.advance(2)
    assert not fw.sim.accepts_connection()
    with pytest.raises(aiohttp.ClientError):
        await fw("GET", "/system/version")
    fw.clock.advance(95)
    assert fw.sim.accepts_connection()
    assert (await fw.get("/status/system"))["uptime"] == "00 Minutes 06 Seconds"


async def test_a_halt_is_for_good(fw: Caller) -> None:
    await fw("POST", "/diagnostics/halt_system", {})
    fw.clock.advance(86400)
    assert not fw.sim.accepts_connection()


async def test_changing_the_web_server_restarts_it_after_three_seconds(fw: Caller) -> None:
    assert (await fw("PATCH", "/system/webgui/settings", {"sslcertref": "66f0a1b2c3d42"})).status == 200
    assert fw.sim.accepts_connection()
    fw.clock.advance(4)
    assert not fw.sim.accepts_connection()
    fw.clock.advance(8)
    assert fw.sim.accepts_connection()


@REAL_TIME
@pytest.mark.parametrize(
    ("path", "body", "apply"),
    [
        ("/system/webgui/settings", {"port": "8443"}, None),
        ("/interface", {"id": "lan", "enable": False}, "/interface/apply"),
        ("/interface", {"id": "lan", "ipaddr": "10.20.0.2"}, "/interface/apply"),
    ],
)
async def test_a_change_of_the_management_path_cuts_the_caller_off(
    fw: Caller, path: str, body: dict[str, object], apply: str | None
) -> None:
    assert (await fw("PATCH", path, body)).status == 200
    assert (await fw("GET", "/system/version")).status == 200
    if apply:
        assert (await fw("POST", apply, {})).status == 200
    fw.clock.advance(30)
    assert not fw.sim.accepts_connection()
    with pytest.raises(asyncio.TimeoutError):
        await fw("GET", "/system/version", timeout_s=0.1)
    fw.sim.rescue()
    assert (await fw("GET", "/system/version", headers=FRESH)).status == 200


async def test_a_rule_does_not_cut_the_caller_off_because_of_the_anti_lockout_rule(fw: Caller) -> None:
    rule = {"type": "block", "interface": ["lan"], "ipprotocol": "inet", "source": "any", "destination": "any"}
    await fw.post("/firewall/rule", rule | {"placement": 0, "apply": True})
    fw.clock.advance(5)
    assert (await fw("GET", "/system/version")).status == 200


async def test_an_upgrade_takes_the_package_with_it(fw: Caller) -> None:
    await fw("POST", "/system/update", {})
    fw.clock.advance(61)
    reply = await fw("GET", "/system/version", headers=FRESH)
    assert reply.status == 404
    assert reply.headers["Content-Type"].startswith("text/html")
    assert (await fw("GET", "/schema/openapi", headers=FRESH)).status == 404


async def test_replacing_the_package_is_503_for_a_while_and_then_another_version(start: Start) -> None:
    fw = await start("2.8")
    assert (await fw("PATCH", "/system/restapi/version", {"install_version": "v2.10"})).status == 200
    reply = await fw("GET", "/system/version")
    assert reply.error == (503, "ENDPOINT_UNAVAILABLE")
    assert "Retry-After" not in reply.headers
    fw.clock.advance(21)
    assert (await fw.get("/system/restapi/version"))["current_version"] == "v2.10"


async def test_removing_the_package_removes_the_api(fw: Caller) -> None:
    packages = {row["name"]: row["id"] for row in await fw.get("/system/packages")}
    assert (await fw("DELETE", f"/system/package?id={packages['pfSense-pkg-RESTAPI']}")).status == 200
    assert (await fw("GET", "/system/version")).status == 404


async def test_a_connection_that_idled_for_seventy_seconds_meets_a_reset(fw: Caller) -> None:
    assert (await fw("POST", "/firewall/apply", {})).status == 200
    fw.clock.advance(71)
    with pytest.raises(aiohttp.ClientError):
        await fw("POST", "/firewall/apply", {})
    assert (await fw("GET", "/system/version")).status == 200


async def test_resetting_all_states_cuts_the_callers_connection_too(fw: Caller) -> None:
    await fw("DELETE", "/firewall/states?all=true")
    fw.clock.advance(6)
    with pytest.raises(aiohttp.ClientError):
        await fw("POST", "/firewall/apply", {})


async def test_php_fpm_restarting_is_502_in_html_until_it_is_back(fw: Caller) -> None:
    fw.sim.set_fault("php-restart", seconds=5)
    reply = await fw("GET", "/system/version")
    assert reply.status == 502
    assert b"50x Error" in reply.body
    fw.clock.advance(6)
    assert (await fw("GET", "/system/version")).status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_nginx_may_answer_itself(fw: Caller, status: int) -> None:
    fw.sim.set_fault("html-error", status=status, times=1)
    reply = await fw("GET", "/system/version")
    assert reply.status == status
    assert reply.headers["Content-Type"].startswith("text/html")
    assert (await fw("GET", "/system/version")).status == 200


async def test_the_login_page_may_come_instead_of_the_api(fw: Caller) -> None:
    fw.sim.set_fault("login-page")
    reply = await fw("GET", "/system/version")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert b"usernamefld" in reply.body


async def test_a_key_may_be_rejected(fw: Caller) -> None:
    fw.sim.set_fault("key-rejected", times=1)
    assert (await fw("GET", "/system/version")).error == (401, "AUTH_AUTHENTICATION_FAILED")
    assert (await fw("GET", "/system/version")).status == 200


async def test_the_package_may_be_missing_busy_or_switched_off(fw: Caller) -> None:
    for fault, expected in (("unavailable", "ENDPOINT_UNAVAILABLE"), ("disabled", "ENDPOINT_REST_API_IS_NOT_ENABLED")):
        fw.sim.set_fault(fault, times=1)
        assert (await fw("GET", "/system/version")).error == (503, expected)
    fw.sim.set_fault("package-missing", times=1)
    assert (await fw("GET", "/system/version")).status == 404


@REAL_TIME
async def test_a_slow_answer_takes_the_appliances_time(fw: Caller) -> None:
    fw.sim.set_fault("slow", seconds=30, times=1)
    waiting = asyncio.create_task(fw("GET", "/system/version"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    fw.clock.advance(31)
    assert (await waiting).status == 200


async def test_a_lockout_and_a_reboot_can_be_switched_on_without_a_cause(fw: Caller) -> None:
    for fault in ("lockout", "reboot"):
        fw.sim.set_fault(fault)
        assert not fw.sim.accepts_connection()
        fw.sim.clear_faults()
        assert fw.sim.accepts_connection()


async def test_faults_hit_only_the_method_and_path_they_are_told(fw: Caller) -> None:
    fw.sim.set_fault("html-error", method="POST", path="/firewall/alias")
    assert (await fw("GET", "/firewall/aliases")).status == 200
    assert (await fw("POST", "/firewall/apply", {})).status == 200
    assert (await fw("POST", "/firewall/alias", {"name": "x", "type": "host"})).status == 502


async def test_gateway_monitors_can_see_trouble(fw: Caller) -> None:
    assert {row["status"] for row in await fw.get("/status/gateways")} == {"online"}
    fw.sim.set_fault("gateway-trouble", gateway="WANGW", loss=30, delay=250)
    rows = {row["name"]: row for row in await fw.get("/status/gateways")}
    assert (rows["WANGW"]["loss"], rows["WANGW"]["status"], rows["WANGW"]["substatus"]) == (30, "down", "highloss")
    assert rows["LAB_GW"]["status"] == "online"


async def test_an_unknown_fault_is_refused_and_every_known_one_can_be_set(fw: Caller) -> None:
    with pytest.raises(LookupError, match="no fault 'fire'"):
        fw.sim.set_fault("fire")
    for name in fw.sim.fault_names:
        fw.sim.set_fault(name)
    assert set(fw.sim.fault_names) == set(Faults.KNOWN)
    fw.sim.clear_faults()
    assert (await fw("GET", "/system/version")).status == 200
