"""Writers at once, the write lock, and failures before or after the commit (contract §9)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.simulators.pfsense.caller import Caller
from tests.support.realtime import REAL_TIME


def alias(name: str) -> dict[str, object]:
    return {"name": name, "type": "host"}


async def names(fw: Caller) -> set[str]:
    return {row["name"] for row in await fw.get("/firewall/aliases", headers={"Connection": "close"})}


async def test_parallel_creates_all_succeed_and_most_are_lost(fw: Caller) -> None:
    replies = await asyncio.gather(*(fw("POST", "/firewall/alias", alias(f"par{n}")) for n in range(8)))
    assert [reply.error for reply in replies] == [(200, "SUCCESS")] * 8
    stored = {name for name in await names(fw) if name.startswith("par")}
    assert 1 <= len(stored) < 8


async def test_creates_one_after_the_other_are_all_stored(fw: Caller) -> None:
    for number in range(8):
        await fw.post("/firewall/alias", alias(f"seq{number}"))
    assert len({name for name in await names(fw) if name.startswith("seq")}) == 8


@REAL_TIME
async def test_the_lock_is_waited_for(fw: Caller) -> None:
    fw.sim.set_fault("write-lock", seconds=20)
    waiting = asyncio.create_task(fw("POST", "/firewall/alias", alias("late")))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    fw.clock.advance(21)
    assert (await waiting).status == 200
    assert "late" in await names(fw)


@REAL_TIME
async def test_a_lock_that_stays_is_503_after_61_seconds(fw: Caller) -> None:
    fw.sim.set_fault("config-locked")
    waiting = asyncio.create_task(fw("POST", "/firewall/alias", alias("never")))
    await asyncio.sleep(0.05)
    fw.clock.advance(60)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    fw.clock.advance(1.1)
    reply = await waiting
    assert reply.error == (503, "MODEL_WRITE_CONFIG_LOCKED")
    assert reply.headers["Retry-After"] == "5"
    assert "never" not in await names(fw)


@REAL_TIME
async def test_reads_do_not_need_the_lock_but_waiting_writes_hold_workers(fw: Caller) -> None:
    fw.sim.set_fault("config-locked")
    writers = [asyncio.create_task(fw("POST", "/firewall/alias", alias(f"w{n}"))) for n in range(7)]
    await asyncio.sleep(0.05)
    assert (await fw("GET", "/system/version")).status == 200
    writers.append(asyncio.create_task(fw("POST", "/firewall/alias", alias("w7"))))
    await asyncio.sleep(0.05)
    with pytest.raises(asyncio.TimeoutError):
        await fw("GET", "/system/version", timeout_s=0.1)
    fw.clock.advance(62)
    assert {(await writer).error[0] for writer in writers} == {503}


async def test_a_locked_configuration_can_answer_at_once(fw: Caller) -> None:
    fw.sim.set_fault("config-locked", immediate=True, times=1)
    assert (await fw("POST", "/firewall/alias", alias("a"))).error == (503, "MODEL_WRITE_CONFIG_LOCKED")
    assert (await fw("POST", "/firewall/alias", alias("a"))).status == 200


@pytest.mark.parametrize(("point", "stored"), [("before-commit", False), ("after-commit", True)])
async def test_a_worker_dies_before_or_after_the_commit(fw: Caller, point: str, stored: bool) -> None:
    fw.sim.set_fault(point, times=1)
    with pytest.raises(aiohttp.ClientError):
        await fw("POST", "/firewall/alias", alias("ghost"))
    assert ("ghost" in await names(fw)) is stored


@pytest.mark.parametrize("status", ["502", "504"])
async def test_a_dead_worker_may_also_be_an_html_error(fw: Caller, status: str) -> None:
    fw.sim.set_fault("after-commit", times=1, how=status)
    reply = await fw("DELETE", "/firewall/alias?id=0")
    assert reply.status == int(status)
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "nas_hosts" not in await names(fw)


@REAL_TIME
async def test_a_worker_may_hang_after_the_commit(fw: Caller) -> None:
    fw.sim.set_fault("after-commit", times=1, how="hang")
    with pytest.raises(asyncio.TimeoutError):
        await fw("POST", "/firewall/alias", alias("ghost"), timeout_s=0.2)
    assert "ghost" in await names(fw)


@pytest.mark.parametrize(("point", "stopped"), [("before-commit", False), ("after-commit", True)])
async def test_actions_have_a_commit_point_too(fw: Caller, point: str, stopped: bool) -> None:
    fw.sim.set_fault(point, times=1)
    with pytest.raises(aiohttp.ClientError):
        await fw("POST", "/status/service", {"id": 0, "action": "stop"})
    service = (await fw.get("/status/services"))[0]
    assert service["enabled"] is False or service["status"] is not stopped


async def test_a_deny_write_user_gets_200_and_the_flag_and_nothing_is_saved(fw: Caller) -> None:
    made = await fw.post("/firewall/alias", alias("denied"), user="clerk")
    assert made["name"] == "denied"
    assert "denied" not in await names(fw)
    assert await fw.get("/firewall/apply") == {"applied": False, "pending_subsystems": ["aliases"]}
    revisions = await fw.get("/diagnostics/config_history/revisions")
    assert not any("clerk" in row["description"] for row in revisions)


@pytest.mark.parametrize("fault", ["deny-write", "lose-writes"])
async def test_every_account_can_be_made_to_lose_its_writes(fw: Caller, fault: str) -> None:
    fw.sim.set_fault(fault, times=1)
    assert (await fw("POST", "/firewall/alias", alias("lost"))).status == 200
    assert "lost" not in await names(fw)
    assert (await fw("POST", "/firewall/alias", alias("kept"))).status == 200
    assert "kept" in await names(fw)
