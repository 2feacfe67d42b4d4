"""The disguises of "not ready", and the iDRAC's own restart."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.simulators.idrac import MORE_DISGUISES, NOT_READY_DISGUISES
from holdfast.simulators.idrac.bmc import PASSWORD, USERNAME
from tests.simulators.idrac.bench import ALL, GONE, MGR, OEM_M, ROOT, SYS, Bench, bench
from tests.support.realtime import REAL_TIME

RESTART = f"{MGR}/Actions/Manager.Reset"
STATUS = f"{OEM_M}/DellLCService/Actions/DellLCService.GetRemoteServicesAPIStatus"


def test_there_are_four_disguises_and_some_more() -> None:
    assert len(NOT_READY_DISGUISES) == 4
    assert not set(NOT_READY_DISGUISES) & set(MORE_DISGUISES)


@pytest.mark.parametrize(
    ("disguise", "status", "ids"),
    [
        ("sys518", 503, ["SYS518", "ServiceTemporarilyUnavailable"]),
        ("swc0700", 400, ["SWC0700"]),
        ("sys518-400", 400, ["SYS518"]),
        ("rac964", 500, ["RAC964"]),
        ("busy-503", 503, ["ServiceTemporarilyUnavailable"]),
        ("late-404", 404, ["SYS403", "ResourceMissingAtURI"]),
    ],
)
async def test_a_disguise_with_a_body_passes(disguise: str, status: int, ids: list[str]) -> None:
    async with bench("9") as at:
        at.fault("not-ready", disguise=disguise, count=2)
        for _ in range(2):
            answer = await at.get(f"{SYS}/Storage")
            assert (answer.status, answer.ids) == (status, ids)
        assert (await at.get(f"{SYS}/Storage")).status == 200


async def test_not_ready_says_when_to_come_again() -> None:
    async with bench("9") as at:
        at.fault("not-ready", retry_after_s=12, count=1)
        answer = await at.get(SYS)
        assert answer.headers["Retry-After"] == "12"
        assert answer.infos[1]["MessageArgs"] == ["12"]


async def test_a_disguise_without_a_body_is_a_bare_503() -> None:
    async with bench("9") as at:
        at.fault("not-ready", disguise="empty-503", count=1)
        answer = await at.get(SYS)
        assert (answer.status, answer.raw) == (503, b"")


async def test_the_fourth_disguise_is_a_server_without_systems() -> None:
    async with bench("9") as at:
        at.fault("not-ready", disguise="empty-systems")
        listed = await at.get(f"{ROOT}/Systems")
        assert (listed.status, listed.members) == (200, [])
        assert (await at.get(SYS)).status == 404
        assert (await at.get(MGR)).status == 200
        at.running.heal()
        assert len((await at.get(f"{ROOT}/Systems")).members) == 1


async def test_the_root_answers_whatever_the_disguise() -> None:
    async with bench("9") as at:
        for disguise in (*NOT_READY_DISGUISES, *MORE_DISGUISES):
            at.fault("not-ready", disguise=disguise)
            assert (await at.get(ROOT, auth=None)).status == 200
            at.running.heal()


async def test_a_write_that_meets_a_disguise_is_not_carried_out() -> None:
    async with bench("9") as at:
        at.fault("not-ready", count=1)
        assert (await at.patch(SYS, {"AssetTag": "A1"})).status == 503
        assert at.simulator.bmc.asset_tag == ""


@pytest.mark.parametrize("persona", ALL)
async def test_a_restart_goes_through_all_its_stages(persona: str) -> None:
    async with bench(persona) as at:
        path = f"{ROOT}/SessionService/Sessions" if at.generation >= 9 else f"{ROOT}/Sessions"
        login = await at.post(path, {"UserName": USERNAME, "Password": PASSWORD}, auth=None)
        token = {"X-Auth-Token": login.headers["X-Auth-Token"]}
        born = (await at.get(MGR)).body.get("LastResetTime")
        assert (await at.post(RESTART, {"ResetType": "GracefulRestart"})).status == 204
        # It still answers for a moment, and its readiness is a stale word.
        if at.generation >= 9:
            assert (await at.post(STATUS)).body["LCStatus"] == "Ready"
        at.wait(10)
        with pytest.raises(GONE):
            await at.get(MGR)
        await _refused(at)
        at.wait(115)
        await at.listening()
        starting = await at.get(MGR)
        assert (starting.status, starting.raw) == (503, b"")
        at.wait(30)
        waking = await at.get(MGR)
        assert (waking.status, waking.ids[0]) == (503, "SYS518")
        assert (await at.get(MGR, headers=token, auth=None)).status == 401
        assert (await at.get(f"{ROOT}/Systems")).members == []
        if at.generation >= 9:
            assert (await at.post(STATUS)).body["LCStatus"] == "NotInitialized"
        at.wait(60)
        manager = await at.get(MGR)
        assert manager.status == 200
        assert at.generation < 9 or manager.body["LastResetTime"] != born
        assert (await at.get(SYS)).body["PowerState"] == "On"
        assert at.simulator.bmc.lclog.own[-1].message_id in ("RAC0182", "USR0030")
        assert at.simulator.bmc.sessions.members == {}


async def _refused(at: Bench) -> None:
    """Connections come to be refused once the first of them has found the iDRAC down."""
    for _ in range(50):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", at.running.port)
        except ConnectionRefusedError:
            return
        writer.close()
        del reader
        await asyncio.sleep(0.01)
    raise AssertionError("the port still takes connections")


async def test_a_restart_nobody_looked_at_is_over_when_somebody_does() -> None:
    async with bench("9") as at:
        at.fault("bmc-reset", seconds=120.0)
        at.wait(600)
        assert (await at.get(MGR)).status == 200
        assert at.simulator.bmc.life.restarts == 1


async def test_ordering_a_restart_twice_restarts_once() -> None:
    async with bench("9") as at:
        for _ in range(2):
            assert (await at.post(RESTART, {"ResetType": "GracefulRestart"})).status == 204
        at.wait(600)
        await at.get(MGR)
        assert at.simulator.bmc.life.restarts == 1


async def test_the_host_keeps_running_through_a_restart_of_the_idrac() -> None:
    async with bench("9") as at:
        await at.post(f"{SYS}/Actions/ComputerSystem.Reset", {"ResetType": "GracefulShutdown"})
        await at.post(RESTART, {"ResetType": "GracefulRestart"})
        at.wait(600)
        assert (await at.get(SYS)).body["PowerState"] == "Off"


async def test_a_simulator_can_be_stopped_while_its_idrac_is_down() -> None:
    async with bench("9") as at:
        at.fault("bmc-reset")
        at.wait(10)
        with pytest.raises(GONE):
            await at.get(MGR)


async def test_factory_defaults_keep_or_forget_users_and_network() -> None:
    async with bench("9") as at:
        defaults = f"{MGR}/Actions/Manager.ResetToDefaults"
        attributes = f"{OEM_M}/DellAttributes/iDRAC.Embedded.1"
        await at.patch(attributes, {"Attributes": {"IPv4.1.Address": "10.20.9.99", "SSH.1.Enable": "Disabled"}})
        assert (await at.post(defaults, {"ResetType": "PreserveNetworkAndUsers"})).status == 204
        at.wait(600)
        kept = (await at.get(attributes)).body["Attributes"]
        assert isinstance(kept, dict)
        assert (kept["IPv4.1.Address"], kept["SSH.1.Enable"]) == ("10.20.9.99", "Enabled")
        assert (await at.post(defaults, {"ResetType": "ResetAll"})).status == 204
        at.wait(600)
        assert (await at.get(MGR)).status == 401
        # The vendor's published default.
        assert (await at.get(MGR, auth=(USERNAME, "calvin"))).status == 200


@REAL_TIME
async def test_a_slow_answer_is_slow_and_storage_can_be_slow_alone() -> None:
    async with bench("9") as at:
        loop = asyncio.get_running_loop()
        at.fault("storage-slow", seconds=0.5)
        begun = loop.time()
        await at.get(SYS)
        assert loop.time() - begun < 0.5
        begun = loop.time()
        await at.get(f"{SYS}/Storage")
        assert loop.time() - begun >= 0.5
