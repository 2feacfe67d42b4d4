"""Sessions, counted at the simulator: one for each iDRAC, only ever our own deleted, none left behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.cases import Call, bmc_of
from tests.appliances.idrac.test_reads import PERSONAS, every_persona
from tests.appliances.idrac.test_writes import lab_room
from tests.cli.test_serve import HELLO, rpc
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room, room


def opened(lab: Room) -> int:
    return int(lab.simulator.sessions_open)  # type: ignore[attr-defined]


def ever_opened(lab: Room) -> int:
    return int(lab.simulator.sessions_opened)  # type: ignore[attr-defined]


async def arrived(lab: Room, at: str) -> None:
    for _ in range(400):
        await asyncio.sleep(0.005)
        if any(at in one.path for one in lab.arrivals):
            return
    raise AssertionError(f"nothing arrived at {at}")


@every_persona
async def test_many_calls_share_one_session_and_closing_deletes_it(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        calls = [lab.call("idrac_get_health"), lab.call("idrac_get_power"), lab.call("idrac_list_jobs")]
        await asyncio.gather(*calls)
        assert (opened(lab), ever_opened(lab)) == (1, 1)
        await lab.application.connections.close()
        assert opened(lab) == 0


@every_persona
async def test_sessions_of_others_are_left_alone(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        lab.simulator.set_fault("sessions-full", leave=1)
        others = opened(lab)
        await lab.call("idrac_get_health")
        assert opened(lab) == others + 1
        await lab.application.connections.close()
        assert opened(lab) == others


@every_persona
async def test_a_full_pool_means_basic_and_no_session_is_taken_from_anybody(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        lab.simulator.set_fault("sessions-full")
        others = opened(lab)
        answer = await lab.call("idrac_get_health")
        assert "All sessions" in str(answer["notes"])
        assert opened(lab) == others
        await lab.call("idrac_get_power")
        logins = [one for one in lab.arrivals if one.method == "POST" and one.path.endswith("/Sessions")]
        assert len(logins) == 3
        assert all(
            one.headers.get("Authorization", "").startswith("Basic ") for one in lab.arrivals if "/Systems/" in one.path
        )


async def test_a_session_is_tried_again_two_minutes_after_the_pool_was_full(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        lab.simulator.set_fault("sessions-full")
        await lab.call("idrac_get_health")
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        bmc_of(lab).sessions.close_all()
        client._session._basic_until = 0.0
        await lab.call("idrac_get_health")
        assert opened(lab) == 1


@REAL_TIME
@every_persona
@pytest.mark.parametrize("at", ["Sessions", "Systems"])
async def test_a_call_that_is_given_up_leaves_no_session(persona: str, at: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        lab.simulator.set_fault("slow", path=f"/{at}", seconds=0.3)
        call = asyncio.create_task(lab.call("idrac_get_health"))
        await arrived(lab, at)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await lab.application.connections.close()
        await asyncio.sleep(0.35)
        assert opened(lab) == 0
        assert ever_opened(lab) <= 1


@REAL_TIME
async def test_a_session_that_was_opening_when_its_call_was_given_up_serves_the_next(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        lab.simulator.set_fault("slow", path="/Sessions", seconds=0.2)
        call = asyncio.create_task(lab.call("idrac_get_health"))
        await arrived(lab, "Sessions")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await lab.call("idrac_get_health")
        assert (opened(lab), ever_opened(lab)) == (1, 1)


async def test_a_refused_token_whose_session_lives_on_is_deleted_in_the_end(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("html-401", path="/Systems", count=1)
        await lab.call("idrac_get_health")
        assert opened(lab) == 2
        await lab.application.connections.close()
        assert opened(lab) == 0


@every_persona
async def test_an_expired_token_is_replaced_once_and_the_call_goes_on(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("expired-token", count=1)
        assert (await lab.call("idrac_get_health"))["health"] == "OK"
        assert ever_opened(lab) == 2
        await lab.application.connections.close()
        assert opened(lab) == 0


@every_persona
async def test_an_answer_of_the_root_is_no_proof_of_the_password(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona, without=("password",), settings='password = "wrong"') as lab:
        assert (await lab.fails("idrac_system_info")).code == "authentication"
        assert any(one.path.rstrip("/") == "/redfish/v1" and one.status == 200 for one in lab.arrivals)
        for _ in range(5):
            assert (await lab.fails("idrac_get_health")).code == "quarantined"
        logins = [one for one in lab.arrivals if one.method == "POST"]
        assert len(logins) == 1


@pytest.mark.parametrize(
    ("persona", "way"), [*((persona, signal.SIGTERM) for persona in PERSONAS), ("9", signal.SIGINT)]
)
async def test_a_server_that_is_told_to_end_leaves_no_session(
    persona: str, way: signal.Signals, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in lab.running.credentials.items())
        place = f'host = "127.0.0.1"\nport = {lab.running.port}\nca_file = "{tmp_path / "ca.pem"}"'
        config = tmp_path / "served.toml"
        config.write_text(f'[targets.idrac.lab]\n{place}\n{keys}\n[control]\nstate_dir = "{tmp_path / "other"}"\n')
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "holdfast", "serve", "--config", str(config)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await rpc(process, 1, "initialize", HELLO)
        await rpc(process, 2, "tools/call", {"name": "idrac_system_info", "arguments": {}})
        assert opened(lab) == 1
        process.send_signal(way)
        async with asyncio.timeout(20):
            await process.wait()
        assert opened(lab) == 0


READS: tuple[Call, ...] = (
    ("idrac_get_health", {}),
    ("idrac_get_power", {}),
    ("idrac_get_thermals", {}),
    ("idrac_list_jobs", {}),
    ("idrac_list_inventory", {"section": "memory"}),
)
CHANGES: tuple[Call, ...] = (
    ("idrac_set_led", {"identify": True}),
    ("idrac_set_boot", {"source": "Pxe"}),
    ("idrac_set_network", {"host_name": "bmc-7"}),
    ("idrac_create_account", {"user": "watcher", "role": "ReadOnly"}),
)


@REAL_TIME
@pytest.mark.parametrize(("persona", "most"), [("7", 2), ("8", 2), ("9-14g", 4), ("9", 4), ("10", 4)])
async def test_under_load_no_more_is_under_way_than_the_generation_takes_and_one_change_at_a_time(
    persona: str, most: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("slow", seconds=0.01)
        calls = [*(READS[number % len(READS)] for number in range(40)), *CHANGES]
        answers = await asyncio.gather(*(lab.call(tool, **arguments) for tool, arguments in calls))
        assert [answer["outcome"] for answer in answers[40:]] == ["applied"] * len(CHANGES)
        assert 1 < lab.running.state.max_in_flight <= most
        assert lab.running.state.max_writes_in_flight == 1


@REAL_TIME
@pytest.mark.parametrize("persona", ["8", "9", "10"])
async def test_a_password_that_was_changed_meanwhile_is_refused_twice_at_most_however_many_log_in(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("sessions-full")
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("slow", seconds=0.03)
        lab.simulator.set_fault("password-locked")
        ends = await asyncio.gather(*(lab.fails("idrac_get_manager") for _ in range(6)))
        assert {end.code for end in ends} == {"authentication", "quarantined"}
        assert sum(one.status == 401 for one in lab.arrivals) <= 2
