"""Attributes are found by links, whatever they are called; a cap is held to bounds (contract 2, 12.3, 12.13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_reads import items
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room

every_name = pytest.mark.parametrize("persona", ["9", "9-renamed", "10"])


async def values(lab: Room, group: str, contains: str) -> str:
    return str(items(await lab.call("idrac_list_attributes", group=group, contains=contains)))


@every_name
async def test_each_group_is_found_and_told_apart(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        assert "WebServer.1.HttpsPort" in await values(lab, "idrac", "HttpsPort")
        assert "ServerPwr.1.PSRedPolicy" in await values(lab, "system", "PSRedPolicy")
        assert "LCAttributes.1.AutoUpdate" in await values(lab, "lifecycle", "AutoUpdate")


@every_name
async def test_the_group_of_an_attribute_is_looked_for_once(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await values(lab, "lifecycle", "AutoUpdate")
        before = len(lab.arrivals)
        await values(lab, "lifecycle", "AutoUpdate")
        assert len(lab.arrivals) - before <= 2


@every_name
async def test_lockdown_is_read_and_set(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        info = await lab.call("idrac_get_manager")
        assert info["lockdown"] == "Disabled"
        assert "attributes" not in str(info.get("notes"))
        assert (await lab.call("idrac_set_lockdown", enabled=True))["outcome"] == "applied"
        assert bmc_of(lab).locked_down


@every_name
async def test_an_attribute_is_set_where_it_is_found(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        wanted = {"LCD.1.UserDefinedString": "rack-7"}
        answer = await lab.call("idrac_set_attributes", group="system", attributes=wanted)
        assert (answer["outcome"], answer["verified"]) == ("applied", True), answer
        assert bmc_of(lab).attributes.get("LCD.1.UserDefinedString") == "rack-7"


@every_name
@pytest.mark.parametrize("watts", [5, 249, 1101, 30_000])
async def test_a_cap_beyond_what_the_server_can_hold_is_refused(persona: str, watts: int, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        error = await lab.fails("idrac_set_power_cap", watts=watts)
        assert error.code == "invalid_argument"
        assert "250 to 1100" in error.message
        assert sent(lab) == []


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_where_no_lowest_cap_is_told_the_plan_says_so_and_the_capacity_bounds_it(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        plan = await lab.call("idrac_set_power_cap", watts=5, dry_run=True)
        assert "no lowest cap" in str(plan["warnings"])
        error = await lab.fails("idrac_set_power_cap", watts=30_000)
        assert error.code == "invalid_argument"
        assert sent(lab) == []
