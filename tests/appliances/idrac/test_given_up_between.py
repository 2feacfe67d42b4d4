"""Changes of two writes whose call is given up between them: finished within a bound, and told on the ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac import steps
from tests.appliances.idrac.cases import Case, bmc_of
from tests.appliances.idrac.table import prepare
from tests.appliances.idrac.test_graceful_power import kinds, switched_on
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room

CREATED = ("idrac_create_account", {"user": "watcher", "role": "Operator"})
ON = ("idrac_set_power", {"action": "on"})
STEPS = (
    Case("idrac_delete_account", {"user": "watcher"}, (CREATED,)),
    Case("idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}}),
    Case("idrac_set_boot_order", {"first": ["Boot0005"]}),
    Case("idrac_set_power", {"action": "power_cycle"}, (ON,)),
    Case("idrac_set_power", {"action": "restart_graceful"}, (ON,)),
)
every_old_one = pytest.mark.parametrize("persona", ["7", "8"])


def ledger(tmp_path: Path) -> list[dict[str, Any]]:
    file = tmp_path / "state" / "ledger" / "ledger.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def last_outcome(tmp_path: Path) -> dict[str, Any]:
    body: dict[str, Any] = [one for one in ledger(tmp_path) if one["kind"] == "outcome"][-1]["body"]
    return body


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if happened():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not happen")


async def given_up(call: asyncio.Task[Any]) -> None:
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def off_and_on(lab: Room, action: str = "power_cycle") -> asyncio.Task[Any]:
    """A call whose first step, and no more, has arrived."""
    await switched_on(lab)
    before = len(kinds(lab))
    call = asyncio.create_task(lab.call("idrac_set_power", action=action))
    await until(lambda: len(kinds(lab)) > before)
    assert len(kinds(lab)) == before + 1
    return call


@every_old_one
@pytest.mark.parametrize("case", STEPS, ids=lambda case: case.id)
async def test_what_was_begun_is_finished_before_the_cancellation_goes_on(
    persona: str, case: Case, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        before = len(sent(lab))
        call = asyncio.create_task(lab.call(case.tool, **arguments))
        await until(lambda: len(sent(lab)) > before)
        await given_up(call)
        assert len(sent(lab)) == before + 2
        outcome = last_outcome(tmp_path)
        assert (outcome["result"], outcome["error"]) == ("unknown", "cancelled")
        assert "the second was carried out, too" in outcome["note"]


@REAL_TIME
@every_old_one
@pytest.mark.parametrize("action", ["power_cycle", "restart_graceful"])
async def test_a_server_that_was_switched_off_is_on_again_though_nobody_waits(
    persona: str, action: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        call = await off_and_on(lab, action)
        for _ in range(3):  # whoever cancels may do so more than once
            call.cancel()
            await asyncio.sleep(0.005)
        await given_up(call)
        assert kinds(lab)[-1] == "On"
        lab.clock.advance(60)
        assert (await lab.call("idrac_get_power"))["power_state"] == "On"


@every_old_one
async def test_a_lost_answer_to_the_first_does_not_leave_the_server_off_either(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.running.fault("lost-reply", method="POST", times=1)
        call = await off_and_on(lab)
        await given_up(call)
        assert kinds(lab)[-2:] == ["ForceOff", "On"]


@REAL_TIME
@every_old_one
async def test_what_was_not_sent_yet_is_not_sent_any_more(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        before, intents = len(kinds(lab)), len(ledger(tmp_path))
        async with client._writer.place(1):
            call = asyncio.create_task(lab.call("idrac_set_power", action="power_cycle"))
            await until(lambda: len(ledger(tmp_path)) > intents)
            await asyncio.sleep(0.05)
            await given_up(call)
        await asyncio.sleep(0.05)
        assert (len(kinds(lab)), bmc_of(lab).host.on) == (before, True)
        assert "note" not in last_outcome(tmp_path)


@REAL_TIME
@every_old_one
async def test_closing_waits_for_the_server_to_be_on_again(persona: str, tmp_path: Path) -> None:
    """As on SIGTERM, which ends the process when the clients are closed."""
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("slow", path="/Systems", method="GET", seconds=0.05)
        call = await off_and_on(lab)
        await lab.application.connections.close()
        assert kinds(lab)[-1] == "On"
        await asyncio.gather(call, return_exceptions=True)


@every_old_one
async def test_a_second_write_that_is_refused_is_told_on_the_ledger_with_the_way_on(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        call = await off_and_on(lab)
        lab.simulator.set_fault("busy", method="POST", count=5)
        await given_up(call)
        note = last_outcome(tmp_path)["note"]
        assert "It was not finished" in note
        assert "idrac_set_power with action on" in note


@every_old_one
async def test_an_idrac_that_does_not_answer_holds_the_cancellation_up_for_so_long_only(
    persona: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "FINISH_S", 0.3)
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("slow", path="Reset", method="POST", seconds=2)
        call = await off_and_on(lab)
        async with asyncio.timeout(20):
            await given_up(call)
        note = last_outcome(tmp_path)["note"]
        assert "not finished within 0.3 s" in note
        assert "idrac_set_power with action on" in note
