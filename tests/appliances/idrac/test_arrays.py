"""Arrays: what is in use is not touched, foreign drives are told apart, what a controller cannot make is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac import changes_table as given
from tests.appliances.idrac.cases import DISK, RAID, bmc_of
from tests.appliances.idrac.test_writes import lab_room, sent

AHCI = "AHCI.Embedded.1-1"
HERE = {"controller": RAID, "drive": DISK}


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("idrac_set_hot_spare", {**HERE, "spare": "global"}, "conflict"),
        ("idrac_set_hot_spare", {**HERE, "spare": "dedicated"}, "invalid_argument"),
        ("idrac_set_hot_spare", {**HERE, "spare": "global", "volume": given.OS_VOLUME["volume"]}, "invalid_argument"),
        ("idrac_convert_drives", {"controller": RAID, "drives": [DISK], "mode": "NonRAID"}, "conflict"),
        ("idrac_set_volume_cache", given.OS_VOLUME, "invalid_argument"),
    ],
)
async def test_a_drive_in_a_volume_and_half_a_question_are_refused_before_anything_is_sent(
    tool: str, arguments: dict[str, Any], code: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        assert (await lab.fails(tool, **arguments)).code == code
        assert sent(lab) == []


async def test_a_dedicated_spare_is_made_and_can_be_taken_away(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "10") as lab:
        spare = next(
            name for name, state in bmc_of(lab).raid.states.items() if bmc_of(lab).raid.volume_of(name) is None
        )
        bmc_of(lab).raid.states[spare].raid_status = "Ready"
        here = {"controller": RAID, "drive": spare}
        made = await lab.call("idrac_set_hot_spare", spare="dedicated", volume=given.OS_VOLUME["volume"], **here)
        assert made["outcome"] == "applied", made
        assert bmc_of(lab).raid.states[spare].hotspare == "Dedicated"
        lab.clock.advance(60)
        assert (await lab.fails("idrac_set_hot_spare", spare="global", **here)).code == "conflict"
        gone = await lab.call("idrac_set_hot_spare", spare="none", **here)
        assert gone["outcome"] == "applied"
        assert "cannot_undo" in gone


@pytest.mark.parametrize("tool", ["idrac_import_foreign", "idrac_clear_foreign"])
async def test_without_foreign_drives_there_is_nothing_to_do(tool: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        assert (await lab.call(tool, controller=RAID))["outcome"] == "nothing_to_do"
        assert sent(lab) == []


async def test_an_imported_volume_is_there_and_a_cleared_one_is_lost(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        given.foreign_drives(lab)
        parts = (await lab.call("idrac_list_inventory", section="storage"))["items"]
        assert [part["raid_status"] for part in parts if part["id"] == DISK] == ["Foreign"]
        await lab.call("idrac_import_foreign", controller=RAID)
        assert sorted(volume.name for volume in bmc_of(lab).raid.volumes.values()) == ["boot", "old"]
        lab.clock.advance(60)
        given.foreign_drives(lab)
        for volume in list(bmc_of(lab).raid.volumes):
            bmc_of(lab).raid.remove(volume)
        bmc_of(lab).raid.states[DISK].raid_status = "Foreign"
        await lab.call("idrac_clear_foreign", controller=RAID)
        assert bmc_of(lab).raid.volumes == {}
        assert bmc_of(lab).raid.states[DISK].raid_status == "Ready"


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_a_controller_without_raid_makes_no_volumes_and_says_so(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        error = await lab.fails("idrac_create_volume", controller=AHCI, raid_type="RAID1", drives=[DISK], name="x")
        assert error.code == "invalid_argument"
        assert "no volumes" in str(error)
        assert sent(lab) == []


async def test_a_controller_at_work_is_told_as_busy_and_nothing_is_done(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("job-stuck")
        begun = await lab.call("idrac_check_volume", **given.OS_VOLUME)
        assert begun["outcome"] == "started"
        assert begun["task"].startswith("JID_")
        error = await lab.fails("idrac_reset_controller", controller=RAID)
        assert error.code == "busy"
        assert error.executed == "no"
        assert given.OS_VOLUME["volume"] in bmc_of(lab).raid.volumes


async def test_a_reset_that_ended_with_errors_is_not_told_as_a_success(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("job-fails")
        answer = await lab.call("idrac_reset_controller", controller=RAID)
        assert answer["outcome"] == "not_applied"
        assert "Failed" in str(answer["warnings"])
