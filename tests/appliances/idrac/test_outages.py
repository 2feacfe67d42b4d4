"""The iDRAC goes away and comes back: what a refused login means then, and what goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac.errors import NotReadyError
from holdfast.errors import HoldfastError
from tests.appliances.idrac.cases import DISK, RAID, bmc_of
from tests.appliances.idrac.test_reads import every_persona
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room, room

RESTART_S = 180.0


async def client_of(lab: Room) -> Any:
    """The client behind the tools; its idea of outages goes by the simulator's clock."""
    client: Any = await lab.application.connections.client(lab.application.config.targets[0])
    client._session.outage.monotonic = lab.clock.now
    return client


def logins(lab: Room) -> list[int | None]:
    """What logins were answered."""
    return [one.status for one in lab.arrivals if one.method == "POST" and one.path.endswith("/Sessions")]


@every_persona
async def test_a_login_that_is_refused_while_the_idrac_restarts_is_tried_once_more_when_it_is_ready(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await client_of(lab)
        lab.simulator.set_fault("late-logins", seconds=50)
        answer = await lab.call("idrac_restart_manager")
        assert answer["outcome"] == "applied", answer
        assert logins(lab).count(401) == 1
        assert (await lab.call("idrac_get_health"))["health"] == "OK"
        assert logins(lab).count(201) == 2


@every_persona
async def test_a_restart_that_others_ordered_is_known_by_its_refused_connections(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        client = await client_of(lab)
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("late-logins", seconds=50)
        lab.simulator.set_fault("bmc-reset", seconds=RESTART_S)
        lab.clock.advance(4)
        codes = []
        for _ in range(30):
            lab.clock.advance(10)
            try:
                await client.look("/redfish/v1/Managers")
            except HoldfastError as error:
                codes.append(error.code)
            else:
                break
        assert "not_ready" in codes
        assert {"authentication", "quarantined"} & set(codes) == set()
        assert logins(lab).count(401) == 1


async def test_a_refused_login_is_not_repeated_before_its_time_nor_before_the_root_answers(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        client = await client_of(lab)
        await lab.call("idrac_list_jobs")
        client.expect_restart()
        bmc_of(lab).sessions.close_all()
        lab.simulator.set_fault("password-locked")
        first = await lab.fails("idrac_list_jobs")
        assert (first.code, first.executed) == ("not_ready", "no")
        assert first.retry_after_s == 60
        sent = len(lab.arrivals)
        lab.clock.advance(40)
        again = await lab.fails("idrac_list_jobs")
        assert 0 < float(again.retry_after_s or 0) <= 20
        assert len(lab.arrivals) == sent
        lab.clock.advance(30)
        lab.simulator.set_fault("busy", path="/redfish/v1", count=50)
        assert (await lab.fails("idrac_list_jobs")).code == "not_ready"
        assert logins(lab).count(401) == 1


async def test_a_password_that_is_wrong_after_a_restart_is_sent_twice_a_minute_apart_and_then_never_again(
    tmp_path: Path,
) -> None:
    async with lab_room(tmp_path, more="total_timeout = 5") as lab:
        client = await client_of(lab)
        await lab.call("idrac_list_jobs")
        client.expect_restart()
        bmc_of(lab).sessions.close_all()
        bmc_of(lab).accounts.named("root").password = "Somebody-changed-it-1"
        seen = []
        for _ in range(40):
            lab.clock.advance(10)
            seen.append((await lab.fails("idrac_list_jobs")).code)
        assert seen[:2] == ["not_ready", "not_ready"]
        assert "authentication" in seen
        assert seen[-1] == "quarantined"
        assert logins(lab).count(401) == 2
        assert not bmc_of(lab).guard.blocked("127.0.0.1")


@every_persona
async def test_a_password_that_never_worked_is_sent_once_also_after_refused_connections(
    persona: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona, without=("password",), settings='password = "wrong"') as lab:
        await client_of(lab)
        lab.running.fault("refuse")
        assert (await lab.fails("idrac_list_jobs")).code == "unreachable"
        lab.running.heal("refuse")
        codes = []
        for _ in range(20):
            lab.clock.advance(30)
            codes.append((await lab.fails("idrac_list_jobs")).code)
        assert codes == ["authentication", *["quarantined"] * 19]
        assert logins(lab) == [401]


async def test_a_refusal_long_after_an_outage_is_one(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        client = await client_of(lab)
        await lab.call("idrac_list_jobs")
        client.expect_restart()
        lab.clock.advance(601)
        bmc_of(lab).sessions.close_all()
        lab.simulator.set_fault("password-locked")
        assert (await lab.fails("idrac_list_jobs")).code == "authentication"


@REAL_TIME
async def test_requests_that_logged_in_one_by_one_and_were_refused_together_are_one_refusal(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("sessions-full")
        client = await client_of(lab)
        await lab.call("idrac_list_jobs")
        client.expect_restart()
        lab.simulator.set_fault("slow", seconds=0.05)
        lab.simulator.set_fault("password-locked")
        found = await asyncio.gather(*(client.get("/redfish/v1/Systems") for _ in range(2)), return_exceptions=True)
        assert all(isinstance(one, NotReadyError) for one in found), found


@every_persona
@pytest.mark.parametrize("cuts", [1, 2, 3])
async def test_a_login_whose_answer_is_lost_leaves_one_session_at_most_however_often(
    cuts: int, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.running.fault("lost-reply", method="POST", path=bmc_sessions(lab), times=cuts)
        answer = await lab.call("idrac_get_health")
        assert "login was lost" in str(answer["notes"])
        for _ in range(3):
            await lab.call("idrac_get_power")
        assert len(logins(lab)) == 1
        await lab.application.connections.close()
        assert lab.simulator.sessions_open == 1
        lab.clock.advance(1801)
        assert lab.simulator.sessions_open == 0


def bmc_sessions(lab: Room) -> str:
    """Where sessions are opened."""
    return "/redfish/v1/SessionService/Sessions" if bmc_of(lab).persona.new_sessions_uri else "/redfish/v1/Sessions"


async def test_after_the_lost_session_has_ended_one_is_opened_again(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.running.fault("lost-reply", method="POST", path=bmc_sessions(lab), times=1)
        client = await client_of(lab)
        client._session._monotonic = lab.clock.now
        await lab.call("idrac_get_health")
        lab.clock.advance(1801)
        assert (await lab.call("idrac_get_health")).get("notes") is None
        assert logins(lab)[1:] == [201]


async def test_an_idrac_that_is_not_ready_for_long_does_not_open_the_circuit(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("not-ready", disguise="sys518", path="/Systems/", retry_after_s=45)
        for _ in range(12):
            assert (await lab.fails("idrac_get_health")).code == "not_ready"
        assert lab.application.connections.breakers()[0][2].current_state == "closed"


async def cut(lab: Room, at: str, tool: str, **arguments: Any) -> None:
    """Call a tool and give the call up while it waits: its requests at this address take real time."""
    seen = sum(at in one.path for one in lab.arrivals)
    lab.simulator.set_fault("slow", path=at, seconds=0.3)
    call = asyncio.create_task(lab.call(tool, **arguments))
    for _ in range(2000):
        await asyncio.sleep(0.005)
        if sum(at in one.path for one in lab.arrivals) > seen:
            break
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    lab.simulator.clear_faults()


def not_ready_for(lab: Room, seconds: float) -> None:
    """Jobs cannot be read for so long: data sources are unavailable (SYS518)."""
    for path in ("/Jobs/", "/Tasks/"):
        lab.simulator.set_fault("not-ready", disguise="sys518", path=path, for_s=seconds, retry_after_s=30)


@every_persona
async def test_a_wait_that_was_cut_is_picked_up_again_and_waits_through_minutes_of_not_ready(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        started = await lab.call("idrac_export_profile", wait_s=0)
        job = str(started["task"])
        await cut(lab, job, "idrac_wait_job", job=job, wait_s=590)
        not_ready_for(lab, 400)
        early = await lab.fails("idrac_wait_job", job=job, wait_s=60)
        assert early.code == "unavailable"
        assert "Ask again" in str(early.next_step)
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["finished"] is True, done
        assert sum(lab.slept) >= 360
        assert lab.application.connections.breakers()[0][2].current_state == "closed"


@pytest.mark.parametrize("persona", ["9-14g", "9", "10"])
async def test_a_change_that_was_cut_while_its_job_ran_goes_on_and_is_picked_up_by_its_job(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        bmc_of(lab).raid.remove("Disk.Virtual.0:RAID.Integrated.1-1")
        await lab.call("idrac_list_jobs")
        lab.simulator.scale_time(30)
        volume = {"controller": RAID, "raid_type": "RAID0", "drives": [DISK], "name": "scratch"}
        await cut(lab, "JID_", "idrac_create_volume", **volume)
        listed: dict[str, Any] = await lab.call("idrac_list_jobs")
        (job,) = listed["items"]
        assert job["phase"] == "running", job
        not_ready_for(lab, 120)
        done: dict[str, Any] = await lab.call("idrac_wait_job", job=job["id"], wait_s=590)
        assert done["job"]["phase"] == "done", done
        assert [one.name for one in bmc_of(lab).raid.volumes.values() if one.controller == RAID] == ["scratch"]
        assert len([one for one in sent(lab) if one.endswith("/Volumes")]) == 1


@every_persona
async def test_the_idrac_restarts_under_a_wait_and_a_second_wait_finds_the_end(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        client = await client_of(lab)
        started = await lab.call("idrac_export_profile", wait_s=0)
        job = str(started["task"])
        lab.simulator.set_fault("bmc-reset", seconds=300)
        lab.simulator.set_fault("late-logins", seconds=30)
        lab.clock.advance(4)
        assert (await lab.fails("idrac_wait_job", job=job, wait_s=100)).code == "unavailable"
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["finished"] is True, done
        assert client._session.outage.doubtful is False


@every_persona
async def test_changes_go_on_without_a_session_when_the_answer_to_a_login_was_lost(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.running.fault("lost-reply", method="POST", path=bmc_sessions(lab), times=1)
        answer = await lab.call("idrac_set_led", identify=True)
        assert (answer["outcome"], len(logins(lab))) == ("applied", 1)
        assert len(sent(lab)) == 1
