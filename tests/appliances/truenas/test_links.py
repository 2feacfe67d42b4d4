"""A connection is made, and taken away: by nobody's name, at a standby controller, while the system boots, after an
administrator has ended the session.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from holdfast.appliances.truenas.links import STAY_OUT_S
from holdfast.appliances.truenas.pace import JITTER_S, LOGINS, WINDOW_S, LoginPace
from holdfast.appliances.truenas.releases import _LEDGER, offered, parse_release
from holdfast.errors import HoldfastError
from holdfast.resilience.testing import ManualClock
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.releases import facts_of
from holdfast.simulators.truenas.simulator import TrueNASSimulator
from tests.appliances.truenas.harness import box, calls_of, client_of, nas, sent
from tests.appliances.truenas.test_connection import Time, client
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room

RELEASES = ("25.04", "25.10", "26", "27")
every_release = pytest.mark.parametrize("persona", RELEASES)


# A key without the name of its owner -----------------------------------------------------------------------------


@pytest.mark.parametrize("persona", ["25.04", "25.10"])
async def test_a_key_without_a_username_logs_in_as_its_owner_and_nobody_is_guessed(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona, without=("username",)) as made:  # type: ignore[arg-type]  # the room's own option
        test = await made.call("truenas_connection_test")
        assert (test["login"], test["user"]) == (True, "mcp")
        assert "root" not in json.dumps([params for method, params in sent(made) if method.startswith("auth.")])


@pytest.mark.parametrize(("persona", "settings"), [("26", ""), ("27", ""), ("27", 'login = "plain"')])
async def test_where_a_username_is_needed_its_absence_is_named_and_the_key_is_not_sent(
    persona: str, settings: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona, settings=settings, without=("username",)) as made:  # type: ignore[arg-type]
        for _ in range(2):
            error = await made.fails("truenas_list_pools")
            assert error.code == "config"
            assert "no username" in error.message
            assert 'username = "..."' in str(error.next_step)
        test = await made.call("truenas_connection_test")
        assert "username" in str(test["next_step"])
        assert calls_of(made, "auth.login_ex") == 0


async def test_a_wrong_key_without_a_username_is_refused_once(tmp_path: Path) -> None:
    settings = 'api_key = "1-wrongwrongwrong"'
    async with nas(tmp_path, settings=settings, without=("username", "api_key")) as made:  # type: ignore[arg-type]
        codes = [(await made.fails("truenas_list_pools")).code for _ in range(3)]
        assert codes == ["authentication", "quarantined", "quarantined"]
        assert calls_of(made, "auth.login_with_api_key") == 1


# Methods by release ----------------------------------------------------------------------------------------------


@every_release
async def test_every_way_is_chosen_when_the_connection_is_made_and_none_is_tried_in_vain(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        unknown: list[str] = []

        def heard(method: str, frame: dict[str, object]) -> None:
            error = frame.get("error")
            if isinstance(error, dict) and error.get("code") == -32601:
                unknown.append(method)

        box(made).box.on_answer = heard
        calls: list[tuple[str, dict[str, object]]] = [
            ("list_snapshots", {}),
            ("create_snapshot", {"dataset": "tank/vms", "name": "s9"}),
            ("delete_snapshot", {"snapshot": "tank/vms@s9"}),
            ("control_service", {"service": "ftp", "action": "START"}),
            ("control_service", {"service": "ftp", "action": "STOP"}),
            ("check_update", {}),
            ("list_guests", {}),
            ("list_container_images", {"search": "debian"}),
            ("disk_health", {}),
            ("health", {}),
            ("update_interface", {"interface": "eno2", "description": "x"}),
        ]
        for tool, arguments in calls:
            await made.call(f"truenas_{tool}", **arguments)
        assert unknown == []


@every_release
async def test_the_ledger_says_what_the_releases_have(persona: str) -> None:
    facts = facts_of(persona)
    release = parse_release({"26": "26.0.0", "27": "27.0.0"}.get(persona, persona))
    for name, _, _ in _LEDGER:
        there = any(method == name or (name.endswith(".") and method.startswith(name)) for method in facts)
        assert offered(name + ("query" if name.endswith(".") else ""), release) == there, name


async def test_what_no_ledger_knows_is_tried(tmp_path: Path) -> None:
    async with nas(tmp_path, "26") as made:
        opened = await client_of(made)
        await opened.call("core.ping")
        assert await opened.first(["no.such_method", "core.ping"]) == "pong"
        before = calls_of(made, "no.such_method")
        assert await opened.first(["no.such_method", "core.ping"]) == "pong"
        assert calls_of(made, "no.such_method") == before == 1


# While the system boots ------------------------------------------------------------------------------------------


@every_release
async def test_while_the_system_boots_reads_work_and_changes_are_held_back(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("booting")
        assert (await made.call("truenas_list_pools"))["total"] == 1
        for _ in range(2):
            error = await made.fails("truenas_create_snapshot", dataset="tank/vms", name="s1")
            assert (error.code, error.executed) == ("busy", "no")
            assert "not ready (BOOTING)" in error.message
            assert error.retry_after_s
            assert "ready" in str(error.next_step)
        assert (await made.call("truenas_connection_test"))["ready"] is False
        box(made).clear_faults()
        assert (await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1"))["outcome"] == "applied"
        creates = [method for method, _ in sent(made) if method.endswith("snapshot.create")]
        assert len(creates) == 1


async def test_after_a_reboot_changes_wait_for_the_system(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        assert (await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1"))["outcome"] == "applied"
        box(made).box.timing.boot_s = 500.0
        made.running.fault("reboot")
        made.clock.advance(1)
        await made.call("truenas_list_pools")
        assert (await made.fails("truenas_create_snapshot", dataset="tank/vms", name="s2")).code == "busy"
        made.clock.advance(500)
        await made.call("truenas_list_pools")
        assert (await made.call("truenas_create_snapshot", dataset="tank/vms", name="s2"))["outcome"] == "applied"


async def test_an_account_that_may_not_ask_for_the_state_is_not_held_up(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("call-fails", method="system.state", errno=13, reason="Not authorized", count=0)
        assert (await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1"))["outcome"] == "applied"


async def test_a_change_is_not_sent_while_whether_the_system_is_ready_cannot_be_found_out(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("call-fails", method="system.state", errno=14, reason="starting", count=0)
        error = await made.fails("truenas_create_snapshot", dataset="tank/vms", name="s1")
        assert error.executed == "no"
        assert not [method for method, _ in sent(made) if method.endswith("snapshot.create")]
        box(made).clear_faults()
        assert (await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1"))["outcome"] == "applied"


# After an administrator has ended the session ----------------------------------------------------------------------


@REAL_TIME
async def test_a_session_that_was_ended_is_told_and_not_silently_opened_again(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        time = Time(made)
        async with client(made, time) as opened:
            await opened.call("core.ping")
            for round_ in range(1, 4):
                box(made).set_fault("terminate-sessions")
                for _ in range(3):
                    await asyncio.sleep(0.05)
                    error = await refused(opened.call("core.ping"))
                    assert (error.code, error.executed) == ("session_terminated", "no")
                    assert "ended" in error.message
                    assert "Tell the user" in str(error.next_step)
                assert calls_of(made, "auth.login_ex") == round_
                time.advance(STAY_OUT_S + 1)
                assert await opened.call("core.ping") == "pong"
            assert opened.circuit_breaker is not None
            assert opened.circuit_breaker.fail_counter == 0


@REAL_TIME
async def test_a_read_under_way_when_the_session_is_ended_is_not_repeated_behind_the_administrators_back(
    tmp_path: Path,
) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_list_pools")
        made.running.fault("slow-call", method="pool.query", delay_s=0.3)
        reading = asyncio.create_task(made.fails("truenas_list_pools"))
        await asyncio.sleep(0.1)
        made.running.fault("terminate-sessions")
        assert (await reading).code == "session_terminated"
        test = await made.call("truenas_connection_test")
        assert test["login"] is False
        assert "Tell the user" in str(test["next_step"])
        assert calls_of(made, "auth.login_ex") == 1


async def refused(call: object) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        await call  # type: ignore[misc]  # a coroutine
    return caught.value


# At a standby controller -------------------------------------------------------------------------------------------


async def pair(made: Room) -> tuple[TrueNASSimulator, str]:
    """Another controller, and the URL that leads to it."""
    other = await made.rack.add("truenas", persona="25.10")
    assert isinstance(other.simulator, TrueNASSimulator)
    keys = other.simulator.box.get(Accounts).raw_keys
    keys |= box(made).box.get(Accounts).raw_keys  # a pair has one configuration
    return other.simulator, f"https://127.0.0.1:{other.port}"


async def test_a_standby_controller_is_left_for_the_active_one_that_it_names(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        active, url = await pair(made)
        made.running.fault("standby", url=url)
        done = await made.call("truenas_create_snapshot", dataset="tank/vms", name="there")
        assert done["outcome"] == "applied"
        assert [one.method for one in active.state.arrivals].count("pool.snapshot.create") == 1
        assert calls_of(made, "pool.snapshot.create") == 0
        assert calls_of(made, "auth.login_ex") == 1
        saved = await made.call("truenas_save_config")
        assert saved["outcome"] == "applied"


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "not a url", "https://", "https://[::1"])
async def test_only_an_encrypted_address_is_followed(url: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        active, whole = await pair(made)
        made.running.fault("standby", url=url.format(port=whole.rpartition(":")[2]))
        error = await made.fails("truenas_list_pools")
        assert (error.code, error.executed) == ("unavailable", "no")
        assert "standby" in error.message
        assert "active controller" in str(error.next_step)
        assert active.state.arrivals == []


async def test_a_standby_that_names_another_standby_is_not_followed_for_ever(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        active, url = await pair(made)
        made.running.fault("standby", url=url)
        active.set_fault("standby", url=f"https://127.0.0.1:{made.running.port}")
        assert (await made.fails("truenas_list_pools")).code == "unavailable"
        assert calls_of(made, "auth.login_ex") == 1


# The pace of logins -------------------------------------------------------------------------------------------------


async def test_at_most_three_logins_a_minute_and_those_that_wait_come_at_different_moments() -> None:
    manual = ManualClock()
    chance = iter([0.0, 0.25, 0.5, 0.75, 0.999] * 10)
    pace = LoginPace(dataclasses.replace(manual.clock, random=lambda: next(chance)))
    moments: list[float] = []
    for _ in range(30):
        await pace.wait()
        pace.take()
        moments.append(manual.now)
    for start in moments:
        assert sum(start <= moment < start + WINDOW_S for moment in moments) <= LOGINS
    waits = {round(later - earlier, 3) for earlier, later in zip(moments[2::3], moments[3::3], strict=False)}
    assert len(waits) > 3
    assert max(waits) <= WINDOW_S + JITTER_S
