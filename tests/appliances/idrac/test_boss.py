"""A BOSS: two M.2 drives and a mirror of both. What it does not do is told, and nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.appliances.idrac.whole_state import difference, whole_state
from tests.support.rooms import Room

CARDS = {"9-14g": "AHCI.Slot.2-1", "9": "AHCI.Slot.2-1", "10": "BOSS.SL.12-1"}
on_every_card = pytest.mark.parametrize("persona", CARDS)
STAGED = ("9-14g", "9")
"""Personas whose BOSS changes at the next restart of the server only."""


def drives(boss: str) -> list[str]:
    return [f"Disk.Direct.{slot}-{slot}:{boss}" for slot in (0, 1)]


async def parts(lab: Room) -> dict[str, dict[str, Any]]:
    answer: dict[str, Any] = await lab.call("idrac_list_inventory", section="storage", limit=200)
    return {part["id"]: part for part in answer["items"]}


async def done(lab: Room, persona: str, tool: str, **arguments: Any) -> None:
    """One change, with the restart that it waits for."""
    answer: dict[str, Any] = await lab.call(tool, **arguments)
    if persona in STAGED:
        assert answer["outcome"] in ("unknown", "started"), answer
        assert "restart of the host" in str(answer), answer
        await lab.call("idrac_set_power", action="restart_force")
        waited: dict[str, Any] = await lab.call("idrac_wait_job", job=str(answer["task"]), wait_s=590)
        assert waited["job"]["phase"] == "done", waited
    else:
        assert (answer["outcome"], answer["verified"]) == ("applied", True), answer
    lab.clock.advance(120)


@on_every_card
async def test_it_is_listed_with_its_mirror_and_both_drives(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        boss = CARDS[persona]
        before = len(lab.arrivals)
        found = await parts(lab)
        assert len(lab.arrivals) - before <= 12
        assert found[boss]["model"].startswith("BOSS-")
        mirror = found[f"Disk.Virtual.0:{boss}"]
        assert (mirror["raid_type"], mirror["controller"], mirror["drives"]) == ("RAID1", boss, drives(boss))
        for name in drives(boss):
            drive = found[name]
            assert (drive["controller"], drive["raid_status"], drive["media"]) == (boss, "Online", "SSD")
            assert drive["health"] == "OK"
            assert drive["capacity_bytes"] == 480_103_981_056


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_older_generations_have_none(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        assert not [name for name in await parts(lab) if "BOSS" in name or "AHCI.Slot" in name]


@on_every_card
async def test_its_mirror_is_deleted_and_made_again_and_the_server_is_as_it_was(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        boss = CARDS[persona]
        bmc_of(lab).host.ensure_on()
        lab.clock.advance(120)
        before = whole_state(lab)
        await done(lab, persona, "idrac_delete_volume", controller=boss, volume=f"Disk.Virtual.0:{boss}")
        assert {(await parts(lab))[name]["raid_status"] for name in drives(boss)} == {"Ready"}
        mirror = {"controller": boss, "raid_type": "RAID1", "drives": drives(boss), "name": "boot"}
        await done(lab, persona, "idrac_create_volume", **mirror)
        assert difference(before, whole_state(lab)) == {}


@on_every_card
async def test_it_is_reset_alone_and_the_other_controller_keeps_its_volumes(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        bmc_of(lab).host.ensure_on()
        lab.clock.advance(120)
        await done(lab, persona, "idrac_reset_controller", controller=CARDS[persona])
        assert [one.name for one in bmc_of(lab).raid.volumes.values()] == ["os"]


@on_every_card
async def test_its_mirror_is_initialised_fast(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        boss = CARDS[persona]
        volume = f"Disk.Virtual.0:{boss}"
        error = await lab.fails("idrac_initialize_volume", controller=boss, volume=volume, kind="Slow")
        assert (error.code, error.executed) == ("unsupported", "no")
        assert "Fast only" in str(error)
        assert sent(lab) == []
        answer = await lab.call("idrac_initialize_volume", controller=boss, volume=volume)
        assert answer["outcome"] in ("applied", "started", "unknown"), answer


@on_every_card
@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("idrac_set_hot_spare", {"drive": "@drive", "spare": "global"}, "keeps no hot spares"),
        ("idrac_convert_drives", {"drives": ["@drive"], "mode": "NonRAID"}, "does not convert"),
        ("idrac_set_volume_cache", {"volume": "@volume", "read": "ReadAhead"}, "caches of this volume cannot"),
        ("idrac_check_volume", {"volume": "@volume"}, "does not offer Volume.CheckConsistency"),
        ("idrac_locate_drive", {"drive": "@drive", "identify": True}, "light of this drive cannot"),
        ("idrac_erase_drive", {"drive": "@drive"}, "does not offer Drive.SecureErase"),
        ("idrac_create_volume", {"drives": ["@drive"], "raid_type": "RAID0", "name": "x"}, "makes RAID1"),
        ("idrac_create_volume", {"drives": ["@drive"] * 2, "raid_type": "RAID5", "name": "x"}, "makes RAID1"),
    ],
)
async def test_what_it_does_not_do_is_told_and_nothing_is_sent(
    tool: str, arguments: dict[str, Any], told: str, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        boss = CARDS[persona]
        bmc_of(lab).raid.remove(f"Disk.Virtual.0:{boss}" if "@volume" not in str(arguments) else "none")
        names = {"@drive": drives(boss)[0], "@volume": f"Disk.Virtual.0:{boss}"}

        def filled(value: Any) -> Any:
            return [names[one] for one in value] if isinstance(value, list) else names.get(value, value)

        before = whole_state(lab)
        given = {name: filled(value) for name, value in arguments.items()}
        error = await lab.fails(tool, controller=boss, **given)
        assert error.code in ("unsupported", "invalid_argument"), error
        assert error.executed == "no"
        assert told in str(error), str(error)
        assert sent(lab) == []
        assert difference(before, whole_state(lab)) == {}


@on_every_card
async def test_what_its_drives_bring_along_is_taken_over_or_cleared(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        boss = CARDS[persona]
        bmc_of(lab).host.ensure_on()
        lab.clock.advance(120)
        before = whole_state(lab)
        bmc_of(lab).raid.remove(f"Disk.Virtual.0:{boss}")
        bmc_of(lab).raid.bring("boot", "RAID1", drives(boss))
        await done(lab, persona, "idrac_import_foreign", controller=boss)
        assert bmc_of(lab).raid.volumes.keys() == {"Disk.Virtual.0:RAID.Integrated.1-1", f"Disk.Virtual.0:{boss}"}
        assert before["raid"]["states"] == whole_state(lab)["raid"]["states"]
