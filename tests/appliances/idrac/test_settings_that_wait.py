"""BIOS settings, boot order and power cap: staged, taken back, carried out, compared, within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.control.caller import Caller
from holdfast.errors import HoldfastError
from tests.appliances.idrac.cases import GENERATIONS, bmc_of
from tests.appliances.idrac.test_fleet import fleet
from tests.appliances.idrac.test_writes import lab_room, sent

every_generation = pytest.mark.parametrize("persona", GENERATIONS)


@every_generation
async def test_settings_that_wait_are_carried_out_by_their_job_at_the_next_restart(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        bmc_of(lab).bios.stage({"LogicalProc": "Disabled"})
        answer = await lab.call("idrac_apply_bios")
        assert answer["outcome"] == "applied"
        assert answer["undo"]["tool"] == "idrac_delete_job"
        assert "restart" in str(answer["warnings"])
        for tool in ("idrac_reset_bios", "idrac_set_boot_order"):
            more = {"first": ["Boot0005"]} if tool == "idrac_set_boot_order" else {}
            error = await lab.fails(tool, **more)
            assert error.code == "conflict"
            assert "idrac_delete_job" in str(error.next_step)
        await lab.call("idrac_set_power", action="restart_force")
        lab.clock.advance(1200)
        await lab.call("idrac_list_jobs")
        assert bmc_of(lab).bios.get("LogicalProc") == "Disabled"


async def test_settings_with_a_job_are_not_discarded_behind_its_back(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        staged = await lab.call("idrac_set_bios", attributes={"LogicalProc": "Disabled"})
        error = await lab.fails("idrac_discard_bios")
        assert error.code == "conflict"
        assert (await lab.fails("idrac_apply_bios")).code == "conflict"
        back = await lab.call(str(staged["undo"]["tool"]), **staged["undo"]["arguments"])
        assert back["outcome"] == "applied"
        assert (await lab.call("idrac_discard_bios"))["outcome"] == "nothing_to_do"
        assert (await lab.call("idrac_apply_bios"))["outcome"] == "nothing_to_do"


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_a_maintenance_window_is_sent_as_it_is_asked_for(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        answer = await lab.call(
            "idrac_set_bios",
            attributes={"LogicalProc": "Disabled"},
            when="AtMaintenanceWindowStart",
            window_start="2027-01-01T02:00:00-06:00",
            window_s=7200,
        )
        assert answer["outcome"] == "applied", answer
        body = lab.writes()[-1].body.decode()
        assert '"MaintenanceWindowStartTime":"2027-01-01T02:00:00-06:00"' in body.replace(" ", "")
        assert "7200" in body
        assert "window begins" in str(answer["blast_radius"])


@pytest.mark.parametrize(
    ("persona", "more", "code"),
    [
        ("9", {"when": "AtMaintenanceWindowStart"}, "invalid_argument"),
        ("9", {"window_start": "2027-01-01T02:00:00-06:00"}, "invalid_argument"),
        ("8", {"when": "AtMaintenanceWindowStart", "window_start": "2027-01-01T02:00:00Z"}, "unsupported"),
    ],
)
async def test_a_window_that_is_none_is_refused_before_anything_is_sent(
    persona: str, more: dict[str, Any], code: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        error = await lab.fails("idrac_set_bios", attributes={"LogicalProc": "Disabled"}, **more)
        assert error.code == code
        assert sent(lab) == []


@every_generation
async def test_the_boot_order_is_changed_at_the_restart_with_the_rest_kept(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        before = [one["id"] for one in (await lab.call("idrac_get_boot"))["order"]]
        assert len(before) == 3
        answer = await lab.call("idrac_set_boot_order", first=[before[2]])
        assert answer["outcome"] == "applied", answer
        await lab.call("idrac_set_power", action="restart_force")
        lab.clock.advance(1200)
        await lab.call("idrac_list_jobs")
        now = await lab.call("idrac_get_boot")
        assert [one["id"] for one in now["order"]] == [before[2], before[0], before[1]]
        assert all(one["name"] for one in now["order"])


@every_generation
async def test_a_power_cap_is_set_lifted_and_undone(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        answer = await lab.call("idrac_set_power_cap", watts=400)
        assert answer["outcome"] == "applied"
        power = await lab.call("idrac_get_power")
        assert power["cap_watts"] == 400
        assert power["redundancy"][0]["health"] == "OK"
        changed = await lab.call("idrac_set_power_cap", watts=500)
        assert changed["undo"]["arguments"] == {"watts": 400}
        lifted = await lab.call("idrac_set_power_cap")
        assert lifted["outcome"] == "applied"
        assert (await lab.call("idrac_set_power_cap"))["outcome"] == "nothing_to_do"


@pytest.mark.parametrize("persona", ["9", "10"])
@pytest.mark.parametrize("watts", [10, 5000])
async def test_a_cap_that_the_server_cannot_hold_is_refused(persona: str, watts: int, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        error = await lab.fails("idrac_set_power_cap", watts=watts)
        assert error.code == "invalid_argument"
        assert "250 to 1100" in str(error)
        assert sent(lab) == []


async def test_a_missing_licence_is_told_as_such(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("licence", tier="Express")
        error = await lab.fails("idrac_set_power_cap", watts=400)
        assert error.code == "unsupported", error
        assert "licen" in str(error).lower()
        assert error.executed == "no"


async def test_two_servers_are_compared_attribute_by_attribute(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        caller = Caller("tester")
        rack["pve1"].simulator.bmc.bios.changed["LogicalProc"] = "Disabled"  # type: ignore[attr-defined]
        call = application.dispatcher.call
        found: dict[str, Any] = await call("idrac_diff_bios", {"target": "pve1", "other": "pve2", "limit": 200}, caller)
        rows = {row["name"]: (row.get("value"), row.get("other")) for row in found["items"]}
        assert rows["LogicalProc"] == ("Disabled", "Enabled")
        assert len(rows) == found["total"] < 20
        with pytest.raises(HoldfastError) as same:
            await call("idrac_diff_bios", {"target": "pve1", "other": "pve1"}, caller)
        assert same.value.code == "invalid_argument"
        with pytest.raises(HoldfastError) as unknown:
            await call("idrac_diff_bios", {"target": "pve1", "other": "nowhere"}, caller)
        assert unknown.value.code == "unknown_target"
        rack.fault("pve2", "refuse")
        with pytest.raises(HoldfastError) as silent:
            await call("idrac_diff_bios", {"target": "pve1", "other": "pve2"}, caller)
        assert silent.value.executed == "no"
