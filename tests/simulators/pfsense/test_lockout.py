"""Login protection: three failures block the address, silently (contract §3.6)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.pfsense import create
from holdfast.simulators.pfsense.work import Client
from holdfast.simulators.world import default_world
from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import START
from tests.support import running
from tests.support.realtime import REAL_TIME


async def _fail(fw: Caller, times: int) -> None:
    for _ in range(times):
        assert (await fw("GET", "/system/version", headers={"X-API-Key": "bad"})).status == 401


@REAL_TIME
async def test_three_failures_block_the_address_and_no_answer_comes(fw: Caller) -> None:
    await _fail(fw, 2)
    assert (await fw("GET", "/system/version")).status == 200
    await _fail(fw, 1)
    with pytest.raises(asyncio.TimeoutError):
        await fw("GET", "/system/version", timeout_s=0.1)
    assert not fw.sim.accepts_connection()


async def test_a_request_without_any_credential_counts_too(fw: Caller) -> None:
    for _ in range(3):
        await fw("GET", "/system/version", headers={"X-API-Key": ""})
    assert not fw.sim.accepts_connection()


async def test_a_missing_privilege_does_not_count(fw: Caller) -> None:
    for _ in range(5):
        await fw("GET", "/system/version", user="visitor")
    assert fw.sim.accepts_connection()


async def test_the_first_block_lasts_two_minutes_and_the_next_longer_by_half(fw: Caller) -> None:
    await _fail(fw, 3)
    fw.clock.advance(119)
    assert not fw.sim.accepts_connection()
    fw.clock.advance(2)
    assert fw.sim.accepts_connection()
    for _ in range(3):
        await fw("GET", "/system/version", headers={"X-API-Key": "bad", "Connection": "close"})
    fw.clock.advance(179)
    assert not fw.sim.accepts_connection()
    fw.clock.advance(2)
    assert fw.sim.accepts_connection()


async def test_failures_half_an_hour_apart_are_forgotten(fw: Caller) -> None:
    for _ in range(4):
        await fw("GET", "/system/version", headers={"X-API-Key": "bad", "Connection": "close"})
        fw.clock.advance(1801)
    assert fw.sim.accepts_connection()


async def test_blocked_addresses_are_in_the_table_sshguard(fw: Caller) -> None:
    await _fail(fw, 3)
    blocked = fw.sim.machine.behaviour("Table").source(fw.sim.machine.begin(Client()))
    assert blocked["sshguard"]["entries"] == ["127.0.0.1"]


async def test_clearing_faults_lifts_the_block(fw: Caller) -> None:
    await _fail(fw, 3)
    fw.sim.clear_faults()
    assert (await fw("GET", "/system/version", headers={"Connection": "close"})).status == 200


async def test_protection_that_is_switched_off_blocks_nobody(fw: Caller) -> None:
    await fw("PATCH", "/system/restapi/settings", {"login_protection": False})
    await _fail(fw, 6)
    assert fw.sim.accepts_connection()


async def test_in_a_rack_a_blocked_client_sees_connections_that_never_come_to_be() -> None:
    simulator = create(default_world(), SimulatedClock(lambda: START), "gate")
    async with running(simulator) as sim:
        context = sim.authority.client_context()

        async def get(key: str) -> int:
            limit = aiohttp.ClientTimeout(total=0.3)
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.get(f"{sim.url}/api/v2/system/version", headers={"X-API-Key": key}, ssl=context) as answer,
            ):
                return answer.status

        assert await get(simulator.credentials["api_key"]) == 200
        for _ in range(3):
            assert await get("bad") == 401
        with pytest.raises(asyncio.TimeoutError):
            await get(simulator.credentials["api_key"])
        assert [a.authorised for a in sim.state.arrivals] == [True, False, False, False]
        simulator.clock.advance(121)
        assert await get(simulator.credentials["api_key"]) == 200
