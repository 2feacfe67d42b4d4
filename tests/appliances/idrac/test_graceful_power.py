"""A shutdown by the operating system takes its time: what is under way is not called failed, nor sent again (12.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room

PERSONAS = ("7", "8", "9", "10")
every_generation = pytest.mark.parametrize("persona", PERSONAS)


async def switched_on(lab: Room) -> None:
    await lab.call("idrac_set_power", action="on")
    lab.clock.advance(60)


def kinds(lab: Room) -> list[str]:
    return [one.body.decode().split('"')[3] for one in lab.writes() if one.path.endswith("ComputerSystem.Reset")]


@every_generation
@pytest.mark.parametrize("seconds", [20.0, 70.0, 90.0, 240.0])
async def test_a_shutdown_is_waited_for_up_to_five_minutes(persona: str, seconds: float, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        bmc_of(lab).host.pace.graceful_s = seconds
        lab.slept.clear()
        answer = await lab.call("idrac_set_power", action="off_graceful")
        assert (answer["outcome"], answer["verified"]) == ("applied", True), answer
        assert answer["after"] == {"power_state": "Off"}
        assert seconds - 20 <= sum(lab.slept) <= seconds + 40


@every_generation
async def test_a_shutdown_that_lasts_longer_is_under_way_and_not_called_failed(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        bmc_of(lab).host.pace.graceful_s = 600.0
        lab.slept.clear()
        answer = await lab.call("idrac_set_power", action="off_graceful")
        assert (answer["outcome"], answer["verified"]) == ("unknown", False), answer
        assert "PoweringOff" in str(answer["warnings"])
        assert "idrac_get_power" in str(answer["warnings"])
        assert 300 <= sum(lab.slept) <= 330
        assert kinds(lab).count("GracefulShutdown") == 1


@every_generation
async def test_a_system_that_ignores_the_request_is_asked_about_after_five_minutes(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        lab.simulator.set_fault("acpi-ignored")
        lab.slept.clear()
        answer = await lab.call("idrac_set_power", action="off_graceful")
        assert answer["outcome"] == "not_applied", answer
        assert sum(lab.slept) >= 300
        assert "off_force" in str(answer["warnings"])
        assert kinds(lab)[-1] == "GracefulShutdown"


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_a_restart_that_the_system_ignores_is_told_and_not_forced(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        lab.simulator.set_fault("acpi-ignored")
        answer = await lab.call("idrac_set_power", action="restart_graceful")
        assert answer["outcome"] == "not_applied", answer
        assert "may still follow later" in str(answer["warnings"])
        assert kinds(lab)[-1] == "GracefulRestart"


@every_generation
async def test_a_shutdown_is_polled_as_the_contract_says(persona: str, tmp_path: Path) -> None:
    """Every five seconds for a minute, then every fifteen, give or take a fifth (contract 8.5)."""
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        bmc_of(lab).host.pace.graceful_s = 290.0
        lab.slept.clear()
        await lab.call("idrac_set_power", action="off_graceful")
        assert 20 <= len(lab.slept) <= 40
        assert all(4.0 <= pause <= 6.0 for pause in lab.slept[:9])
        assert all(12.0 <= pause <= 18.0 for pause in lab.slept[16:-1])


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_a_restart_by_shutdown_and_start_waits_for_a_slow_system(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        bmc_of(lab).host.pace.graceful_s = 200.0
        answer = await lab.call("idrac_set_power", action="restart_graceful")
        assert answer["outcome"] == "applied", answer
        assert kinds(lab)[-2:] == ["GracefulShutdown", "On"]


@every_generation
@pytest.mark.parametrize("action", ["on", "off_graceful", "restart_graceful", "restart_force", "power_cycle", "nmi"])
async def test_while_the_server_shuts_down_nothing_more_is_sent(persona: str, action: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        bmc_of(lab).host.pace.graceful_s = 1000.0
        await lab.call("idrac_set_power", action="off_graceful")
        before = sent(lab)
        error = await lab.fails("idrac_set_power", action=action)
        assert (error.code, error.executed.value) in (("conflict", "no"), ("unsupported", "no")), error
        assert "PoweringOff" in error.message or error.code == "unsupported"
        assert sent(lab) == before


@every_generation
async def test_a_shutdown_that_hangs_can_be_forced_by_the_one_who_asks_for_it(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        bmc_of(lab).host.pace.graceful_s = 1000.0
        await lab.call("idrac_set_power", action="off_graceful")
        assert (await lab.call("idrac_set_power", action="off_force"))["outcome"] == "applied"


@every_generation
@pytest.mark.parametrize("action", ["on", "off_graceful"])
async def test_while_the_server_comes_up_nothing_more_is_sent(persona: str, action: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="off_force")
        lab.clock.advance(60)
        bmc_of(lab).host.pace.power_on_s = 1000.0
        await lab.call("idrac_set_power", action="on")
        before = sent(lab)
        error = await lab.fails("idrac_set_power", action=action)
        assert (error.code, error.executed.value) == ("conflict", "no"), error
        assert sent(lab) == before


@every_generation
async def test_a_start_that_takes_long_is_under_way_and_not_called_failed(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="off_force")
        lab.clock.advance(60)
        bmc_of(lab).host.pace.power_on_s = 1000.0
        answer = await lab.call("idrac_set_power", action="on")
        assert answer["outcome"] == "unknown", answer
        assert "PoweringOn" in str(answer["warnings"])


@REAL_TIME
@pytest.mark.parametrize("persona", ["7", "8"])
async def test_old_restarts_that_leave_the_newest_page_of_the_log_are_no_new_one(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        for action in ("off_force", "on"):
            await lab.call("idrac_set_power", action=action)
            lab.clock.advance(300)
        lab.running.fault("drop-before", method="POST", times=1)
        before = len(sent(lab))
        call = asyncio.create_task(lab.call("idrac_set_power", action="restart_force"))
        for _ in range(1000):
            await asyncio.sleep(0.002)
            if len(sent(lab)) > before:
                break
        for _ in range(60):
            bmc_of(lab).record("USR0030", "somebody", "10.0.0.1", "REDFISH", category="Audit")
        answer = await call
        assert answer["outcome"] == "not_applied", answer


@REAL_TIME
@every_generation
@pytest.mark.parametrize("action", ["on", "off_force"])
async def test_a_server_that_somebody_else_has_switched_meanwhile_is_as_wanted(
    persona: str, action: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="off_force" if action == "on" else "on")
        lab.clock.advance(300)
        before = len(sent(lab))
        lab.simulator.set_fault("slow", path="Reset", method="POST", seconds=0.2, count=1)
        call = asyncio.create_task(lab.call("idrac_set_power", action=action))
        for _ in range(1000):
            await asyncio.sleep(0.002)
            if len(sent(lab)) > before:
                break
        host = bmc_of(lab).host
        (host.ensure_on if action == "on" else host.ensure_off)()
        answer = await call
        assert (answer["outcome"], len(sent(lab)) - before) == ("applied", 1), answer
        assert "so already" in str(answer["details"])
