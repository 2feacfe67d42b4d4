"""All sessions taken, as each firmware says it: no wrong password, asked again, then read by Basic and not changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room

PERSONAS = ("7", "8", "9-14g", "9", "10")
every_persona = pytest.mark.parametrize("persona", PERSONAS)
every_status = pytest.mark.parametrize("status", [400, 401, 500, 503])


def logins(lab: Room) -> int:
    return sum(one.method == "POST" and one.path.endswith("/Sessions") for one in lab.arrivals)


async def session_of(lab: Room) -> Any:
    client: Any = await lab.application.connections.client(lab.application.config.targets[0])
    return client._session


@every_persona
@every_status
async def test_a_full_pool_is_no_wrong_password_whatever_its_status(persona: str, status: int, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("sessions-full", status=status)
        answer = await lab.call("idrac_get_health")
        assert "All sessions" in str(answer["notes"])
        assert logins(lab) == 3
        assert (await lab.call("idrac_get_power"))["power_state"]
        assert logins(lab) == 3
        bmc_of(lab).sessions.close_all()
        (await session_of(lab))._basic_until = 0.0
        assert "All sessions" not in str((await lab.call("idrac_get_health")).get("notes"))


@every_persona
@every_status
async def test_a_place_that_comes_free_while_it_is_asked_again_is_taken(
    persona: str, status: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("sessions-full", status=status)
        sessions = bmc_of(lab).sessions
        opening, asked = sessions.open, []

        def freed_at_the_second(*args: Any, **more: Any) -> Any:
            asked.append(1)
            if len(asked) == 2:
                sessions.close_all()
            return opening(*args, **more)

        sessions.open = freed_at_the_second
        assert "All sessions" not in str((await lab.call("idrac_get_health")).get("notes"))
        assert logins(lab) == 2


@every_persona
async def test_nothing_is_changed_without_a_session_while_the_pool_is_full(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        lab.simulator.set_fault("sessions-full")
        error = await lab.fails("idrac_set_led", identify=True)
        assert (error.code, error.executed.value) == ("sessions_full", "no"), error
        assert "session" in str(error.next_step)
        assert sent(lab) == []
        bmc_of(lab).sessions.close_all()
        assert (await lab.call("idrac_set_led", identify=True))["outcome"] == "applied"


@pytest.mark.parametrize("persona", ["9-14g", "9", "10"])
@pytest.mark.parametrize(
    ("timeout_s", "idle_s", "opened"), [(300, 250, 2), (300, 200, 1), (7200, 1700, 1), (1800, 40, 1)]
)
async def test_a_session_is_replaced_before_the_idle_time_that_the_idrac_tells(
    persona: str, timeout_s: int, idle_s: int, opened: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        bmc_of(lab).attributes.set("WebServer.1.Timeout", timeout_s)
        await lab.call("idrac_get_health")
        (await session_of(lab))._used_at -= idle_s
        await lab.call("idrac_get_health")
        assert bmc_of(lab).sessions.opened == opened
        assert len(bmc_of(lab).sessions.members) == 1
        asked = [one for one in lab.arrivals if one.method == "GET" and one.path.endswith("/SessionService")]
        assert len(asked) == (0 if idle_s < 48 else 1)


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_firmware_that_does_not_tell_its_idle_time_is_taken_to_have_the_default(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_get_health")
        (await session_of(lab))._used_at -= 1400
        await lab.call("idrac_get_health")
        assert bmc_of(lab).sessions.opened == 1
        (await session_of(lab))._used_at -= 1500
        await lab.call("idrac_get_health")
        assert bmc_of(lab).sessions.opened == 2
