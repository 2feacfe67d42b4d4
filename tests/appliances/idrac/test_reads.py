"""What the iDRAC tools read, on every generation, at the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac import certificates, subscriptions
from tests.support.realtime import REAL_TIME
from tests.support.rooms import room

PERSONAS = ("7", "8", "9-14g", "9", "9-renamed", "10")
SECTIONS = ("processors", "memory", "storage", "nics", "adapters", "pcie", "firmware", "power_supplies")

every_persona = pytest.mark.parametrize("persona", PERSONAS)


def items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found = answer["items"]
    assert isinstance(found, list)
    return found


@every_persona
async def test_health_names_the_subsystem_that_is_not_well(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        well: dict[str, Any] = await lab.call("idrac_get_health")
        assert well["health"] == "OK"
        subsystems: dict[str, Any] = well.get("subsystems") or {}
        assert all(subsystems), "each subsystem has a name"
        assert well["idrac_generation"] == int(persona.partition("-")[0])
        lab.simulator.set_fault("component", id="PSU.Slot.2", health="Critical")
        ill: dict[str, Any] = await lab.call("idrac_get_health")
        assert ill["health"] == "Critical"
        if persona not in ("7", "8"):
            assert any(one.startswith("PS:") for one in ill["degraded"])
            assert ill["faults"]


@every_persona
@pytest.mark.parametrize("section", SECTIONS)
async def test_every_section_of_the_inventory_lists_its_parts(persona: str, section: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        found = items(await lab.call("idrac_list_inventory", section=section))
        assert found
        assert all(part["id"] for part in found)
        if section == "nics":
            assert all(len(part["mac_address"]) == 17 for part in found)
        if section == "memory":
            assert sum(part["capacity_bytes"] for part in found) == 256 * 1024**3 or persona == "10"
        if section == "storage":
            kinds = {part["type"] for part in found}
            assert kinds == {"controller", "volume", "drive"}
        if section == "firmware":
            assert {part["type"] for part in found} >= {"installed"}


@every_persona
async def test_power_and_temperatures_are_read_by_the_resources_that_the_generation_has(
    persona: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        await lab.call("idrac_get_health")
        power: dict[str, Any] = await lab.call("idrac_get_power")
        assert power["consumed_watts"] > 0 or power["power_state"] == "Off"
        assert "ForceOff" in power["allowed_actions"]
        assert len(power["supplies"]) == 2
        thermals: dict[str, Any] = await lab.call("idrac_get_thermals")
        assert any("Inlet" in one["name"] for one in thermals["temperatures"])
        assert thermals["fans"]


@every_persona
@pytest.mark.parametrize("log", ["lifecycle", "sel"])
async def test_logs_are_paged_through_without_gaps_or_doubles_past_the_pages_of_fifty(
    persona: str, log: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        seen: list[str] = []
        cursor: object = None
        for _ in range(40):
            arguments = {"cursor": cursor} if cursor else {}
            answer = await lab.call("idrac_list_logs", log=log, limit=70, **arguments)
            seen += [entry["id"] for entry in items(answer)]
            cursor = answer.get("next_cursor")
            if cursor is None:
                break
        assert cursor is None
        assert len(seen) == len(set(seen)) == answer["total"]
        assert not any("$skip=0" in str(arrival.path) or arrival.query.get("$skip") == "0" for arrival in lab.arrivals)


@every_persona
async def test_a_filter_shows_only_entries_that_fit(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        found = items(await lab.call("idrac_list_logs", severity="Warning", since="2026-01-01", limit=10))
        assert found
        assert {entry["severity"] for entry in found} == {"Warning"}
        assert items(await lab.call("idrac_list_logs", since="2030-01-01")) == []


@pytest.mark.parametrize("fault", ["expand-refused", "expand-ignored"])
async def test_an_idrac_that_does_not_expand_is_read_member_by_member_and_not_asked_again(
    fault: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        lab.simulator.set_fault(fault)
        first = await lab.call("idrac_list_inventory", section="memory")
        expanded = sum("$expand" in str(arrival.query) for arrival in lab.arrivals)
        assert items(await lab.call("idrac_list_inventory", section="memory")) == first["items"]
        assert sum("$expand" in str(arrival.query) for arrival in lab.arrivals) == expanded == 1


async def test_a_list_whose_next_link_names_itself_ends(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        lab.simulator.set_fault("next-link-loop")
        assert items(await lab.call("idrac_list_inventory", section="firmware"))
        assert len(lab.arrivals) < 20


@REAL_TIME
@pytest.mark.parametrize(("persona", "most"), [("8", 2), ("9", 4), ("10", 4)])
async def test_no_more_requests_are_under_way_than_the_generation_takes(
    persona: str, most: int, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        lab.simulator.set_fault("expand-refused")
        await lab.call("idrac_get_health")
        lab.simulator.set_fault("slow", seconds=0.02)
        await lab.call("idrac_list_inventory", section="memory")
        assert 1 < lab.running.state.max_in_flight <= most


async def test_an_empty_list_of_systems_means_not_ready(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        lab.simulator.set_fault("systems-empty")
        error = await lab.fails("idrac_get_health")
        assert error.code == "not_ready"


async def test_a_wrong_password_is_sent_once(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, without=("password",), settings='password = "wrong"') as lab:
        assert (await lab.fails("idrac_get_health")).code == "authentication"
        assert (await lab.fails("idrac_get_power")).code == "quarantined"
        assert len(lab.writes()) == 1


async def test_jobs_are_listed_and_a_job_that_nobody_knows_is_not_found(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        assert items(await lab.call("idrac_list_jobs")) == []
        assert (await lab.fails("idrac_wait_job", job="JID_123456789012")).code == "not_found"
        assert sum(lab.slept) >= 30


async def test_no_session_is_left_behind(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        await lab.call("idrac_get_health")
        assert lab.simulator.sessions_open == 1  # type: ignore[attr-defined]
        await lab.application.connections.close()
        assert lab.simulator.sessions_open == 0  # type: ignore[attr-defined]


def test_a_row_without_an_id_is_shown_all_the_same() -> None:
    assert subscriptions.facts({"Id": None})["id"] == certificates.facts({"Id": 5})["id"] == "?"
