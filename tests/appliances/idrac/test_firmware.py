"""Firmware: pushed from the operator's folder only, staged, verified in the inventory, compared with a catalogue."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from holdfast.appliances.idrac.comparing import parse_updates
from holdfast.errors import ProtocolError
from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.table import CATALOGUE, FILE
from tests.appliances.idrac.test_reads import items
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room, room

every_way = pytest.mark.parametrize("persona", ["7", "8", "9-14g", "9", "10"])


async def installed(lab: Room, component: str) -> set[str]:
    found: set[str] = set()
    cursor: object = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = await lab.call("idrac_list_inventory", section="firmware", **more)
        found |= {
            part["version"] for part in items(answer) if part["type"] == "installed" and part["name"] == component
        }
        cursor = answer.get("next_cursor")
        if cursor is None:
            return found


@every_way
async def test_an_image_is_pushed_staged_and_installed_at_the_next_start(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        assert await installed(lab, "BIOS") != {"2.22.1"}
        answer = await lab.call("idrac_upload_firmware", file=FILE)
        assert answer["outcome"] == "started", answer
        assert "restart of the host" in str(answer), answer
        (image,) = bmc_of(lab).updates.received
        content = (tmp_path / "firmware_dir" / FILE).read_bytes()
        assert (image.filename, image.sha256) == (FILE, hashlib.sha256(content).hexdigest())
        job = str(answer["task"])
        await lab.call("idrac_set_power", action="restart_force")
        assert (await lab.call("idrac_wait_job", job=job, wait_s=590))["job"]["phase"] == "done"
        assert await installed(lab, "BIOS") == {"2.22.1"}


@every_way
async def test_an_update_that_is_applied_at_once_is_verified_in_the_inventory(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        answer = await lab.call("idrac_upload_firmware", file=FILE, when="Immediate")
        if answer["outcome"] != "applied":
            done = await lab.call("idrac_wait_job", job=str(answer["task"]), wait_s=590)
            assert done["job"]["phase"] == "done"
        else:
            assert answer["verified"] is True
            assert "2.22.1" in str(answer)
        assert await installed(lab, "BIOS") == {"2.22.1"}


@pytest.mark.parametrize("persona", ["8", "9", "10"])
async def test_firmware_goes_back_to_the_version_before(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        before = await installed(lab, "BIOS")
        parts = items(await lab.call("idrac_list_inventory", section="firmware", limit=200))
        previous = next(part for part in parts if part["type"] == "previous" and part["name"] == "BIOS")
        answer = await lab.call("idrac_update_firmware", rollback=previous["id"], when="Immediate")
        if answer["outcome"] != "applied":
            await lab.call("idrac_wait_job", job=str(answer["task"]), wait_s=590)
        assert await installed(lab, "BIOS") == {previous["version"]} != before


async def test_an_image_larger_than_the_idrac_takes_is_not_sent(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        bmc_of(lab).max_image_bytes = 4095
        error = await lab.fails("idrac_upload_firmware", file=FILE)
        assert error.code == "invalid_argument"
        assert "4095" in str(error)
        assert sent(lab) == []


async def test_an_empty_file_a_link_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        folder = tmp_path / "firmware_dir"
        (tmp_path / "secret.EXE").write_bytes(b"MZ secret")
        (folder / "link.EXE").symlink_to(tmp_path / "secret.EXE")
        (folder / "empty.EXE").touch()
        assert (await lab.fails("idrac_upload_firmware", file="link.EXE")).code == "not_found"
        assert (await lab.fails("idrac_upload_firmware", file="empty.EXE")).code == "refused"
        assert (await lab.fails("idrac_upload_firmware", file="missing.EXE")).code == "not_found"
        for name in ("../secret.EXE", "/etc/passwd", "a/b.EXE", "notes.txt", ".EXE"):
            assert (await lab.fails("idrac_upload_firmware", file=name)).code == "invalid_argument", name
        assert sent(lab) == []


async def test_without_a_folder_nothing_can_be_pushed(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        error = await lab.fails("idrac_upload_firmware", file=FILE)
        assert error.code == "refused"
        assert "firmware_dir" in str(error.next_step)


async def test_a_plan_is_bound_to_the_content_of_the_file(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        plan = await lab.call("idrac_upload_firmware", file=FILE, dry_run=True)
        digest = hashlib.sha256((tmp_path / "firmware_dir" / FILE).read_bytes()).hexdigest()
        assert digest in str(plan)
        (tmp_path / "firmware_dir" / FILE).write_bytes(b"MZ something else")
        error = await lab.fails("idrac_upload_firmware", file=FILE, plan_id=plan["plan_id"])
        assert error.code == "plan_refused"
        assert sent(lab) == []


async def test_an_image_that_was_stored_and_not_installed_is_told(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "8") as lab:
        await lab.call("idrac_list_jobs")
        lab.running.fault("lost-reply", method="write", times=1)
        answer = await lab.call("idrac_upload_firmware", file=FILE)
        assert answer["outcome"] == "not_applied"
        assert "Available-" in str(answer)
        assert len(sent(lab)) == 1


async def test_an_image_that_is_not_genuine_fails_and_is_not_called_applied(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        (tmp_path / "firmware_dir" / FILE).write_bytes(b"<html>not found</html>")
        answer = await lab.call("idrac_upload_firmware", file=FILE, when="Immediate")
        assert answer["outcome"] == "not_applied", answer
        assert "RED007" in str(answer) or "signature" in str(answer)


@pytest.mark.parametrize("persona", ["9-14g", "9", "10"])
async def test_a_comparison_lists_what_is_newer_and_installs_nothing(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        nothing = await lab.call("idrac_list_updates")
        assert items(nothing) == []
        assert nothing["notes"]
        before = await installed(lab, "BIOS")
        answer = await lab.call("idrac_compare_firmware", catalogue=CATALOGUE)
        assert answer["outcome"] == "applied", answer
        (request,) = [one for one in lab.writes() if one.path.endswith("InstallFromRepository")]
        assert b'"ApplyUpdate":"False"' in request.body.replace(b" ", b"")
        newer = items(await lab.call("idrac_list_updates"))
        bios = next(one for one in newer if one["component"] == "BIOS")
        assert {bios["installed"]} == before
        assert bios["available"] != bios["installed"]
        lab.clock.advance(3600)
        assert await installed(lab, "BIOS") == before


async def test_a_catalogue_that_cannot_be_reached_or_is_not_allowed_is_told(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        refused = await lab.fails("idrac_compare_firmware", catalogue="https://elsewhere.example/Catalog.xml")
        assert refused.code == "refused"
        assert sent(lab) == []
        lab.simulator.set_fault("share-unreachable")
        answer = await lab.call("idrac_compare_firmware", catalogue=CATALOGUE)
        assert answer["outcome"] == "not_applied"
        assert "mount" in str(answer) or "RED016" in str(answer)


def test_an_update_list_that_declares_entities_or_is_no_xml_is_not_read() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><CIM>&b;</CIM>'
    for document in (bomb, "<CIM>", "not xml"):
        with pytest.raises(ProtocolError):
            parse_updates(document)
    assert parse_updates("") == []
