"""Firmware counts as installed when its own component shows its version, and health is no worse (contract 12.7, 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac.verifying import version_in
from holdfast.control.answers import JsonObject
from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_reads import items
from tests.appliances.idrac.test_writes import lab_room
from tests.support.rooms import Room

BIOS = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"
NIC = "https://mirror.example/Network_Firmware_ABCDE_WN64_23.0.0.EXE"
IDRAC = "https://mirror.example/iDRAC-with-Lifecycle-Controller_Firmware_7XK1N_WN64_9.99.99.99_A00.EXE"
PERSONAS = ("7", "8", "9-14g", "9", "10")
every_persona = pytest.mark.parametrize("persona", PERSONAS)


async def switched_on(lab: Room) -> None:
    await lab.call("idrac_set_power", action="on")
    lab.clock.advance(120)


def job_of(answer: JsonObject) -> str:
    details: Any = answer["details"]
    return str(details["job"])


async def update(lab: Room, image: str, when: str = "OnReset") -> JsonObject:
    return await lab.call("idrac_update_firmware", image=image, when=when)


@every_persona
async def test_another_component_that_is_installed_first_is_no_proof(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        await update(lab, NIC)
        bmc_of(lab).jobs.pace.firmware_s = 10.0
        answer = await update(lab, BIOS, "Immediate")
        assert (answer["outcome"], answer["verified"]) == ("applied", True), answer
        assert "BIOS 2.22.1" in str(answer["after"])
        assert "23.0.0" not in str(answer["after"])
        assert sum(lab.slept) >= 10


@every_persona
async def test_an_update_that_restarts_the_server_by_itself_is_waited_for_and_nobody_is_told_to_restart_it(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        await update(lab, NIC)
        bmc_of(lab).jobs.pace.firmware_s = 120.0
        answer = await update(lab, BIOS, "Immediate")
        assert answer["outcome"] == "started", answer
        assert "idrac_set_power" not in str(answer)
        assert "idrac_wait_job" in str(answer["next_step"])
        done = await lab.call("idrac_wait_job", job=answer["task"], wait_s=500)
        assert (done["job"]["phase"], done["verified"]) == ("done", True), done


@every_persona
async def test_a_failed_update_is_not_proved_by_another_that_went_well(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        nic = job_of(await update(lab, NIC))
        bmc_of(lab).jobs.jobs[nic].device = None
        faults = bmc_of(lab).faults
        take, seen = faults.take_for_type, []

        def only_the_second(name: str, kind: str, now: float) -> Any:
            if name == "job-fails" and kind == "FirmwareUpdate":
                seen.append(kind)
                return take(name, kind, now) if len(seen) > 1 else None
            return take(name, kind, now)

        faults.take_for_type = only_the_second
        lab.simulator.set_fault("job-fails")
        bmc_of(lab).jobs.pace.firmware_s = 2.0
        answer = await update(lab, BIOS, "Immediate")
        if answer["outcome"] == "started":
            done = await lab.call("idrac_wait_job", job=answer["task"], wait_s=500)
            assert done["job"]["phase"] == "failed"
            assert done.get("verified") is None
        else:
            assert answer["outcome"] == "not_applied", answer


@every_persona
@pytest.mark.parametrize("image", [BIOS, NIC])
async def test_a_staged_update_is_verified_by_the_one_who_waits_for_its_job(
    persona: str, image: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        answer = await update(lab, image)
        assert answer["outcome"] == "started", answer
        assert "idrac_wait_job" in str(answer["next_step"])
        assert str(answer["task"]) in str(answer["next_step"])
        job = str(answer["task"])
        waiting = await lab.call("idrac_wait_job", job=job)
        assert (waiting["finished"], waiting.get("verified")) == (False, None)
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert (done["job"]["phase"], done["verified"]) == ("done", True), done
        assert (version_in(image) or "?") in str(done["notes"])


@every_persona
async def test_a_job_that_ended_without_its_version_in_the_inventory_is_not_verified(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        job = str((await update(lab, BIOS))["task"])
        bmc_of(lab).jobs.jobs[job].effect = lambda: None
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert (done["job"]["phase"], done["verified"]) == ("done", False), done
        assert "idrac_list_inventory" in str(done["notes"])


@every_persona
async def test_a_version_other_than_the_images_is_not_verified(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        job = str((await update(lab, BIOS))["task"])
        key = next(key for key, one in bmc_of(lab).firmware.components.items() if one.kind == "bios")
        bmc_of(lab).jobs.jobs[job].effect = lambda: bmc_of(lab).updates.install(key, "2.20.0")
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["verified"] is False, done
        assert "2.20.0" in str(done["notes"])


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_health_that_is_worse_after_it_is_told_and_is_no_success(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        job = str((await update(lab, BIOS))["task"])
        await lab.call("idrac_set_power", action="restart_force")
        lab.simulator.set_fault("component", id="PSU.Slot.2", health="Critical")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["verified"] is False, done
        assert "worse" in str(done["notes"])


@every_persona
async def test_health_that_was_bad_before_is_not_laid_to_the_update(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        lab.simulator.set_fault("component", id="PSU.Slot.2", health="Critical")
        job = str((await update(lab, BIOS))["task"])
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["verified"] is True, done


@every_persona
async def test_whoever_did_not_begin_it_is_told_what_is_installed_and_where_to_look(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        job = bmc_of(lab).updates.from_uri(BIOS, "OnReset").id
        lab.clock.advance(60)
        await lab.call("idrac_set_power", action="restart_force")
        done = await lab.call("idrac_wait_job", job=job, wait_s=590)
        assert done["job"]["phase"] == "done"
        assert done.get("verified") is None
        assert "BIOS 2.22.1" in str(done["notes"])
        assert "idrac_list_inventory section=firmware" in str(done["notes"])


@every_persona
async def test_the_way_back_is_verified_by_component_and_version(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        parts = items(await lab.call("idrac_list_inventory", section="firmware", limit=200))
        previous = next(part for part in parts if part["type"] == "previous" and part["name"] == "BIOS")
        await update(lab, NIC)
        answer = await lab.call("idrac_update_firmware", rollback=previous["id"], when="Immediate")
        if answer["outcome"] == "started":
            done = await lab.call("idrac_wait_job", job=answer["task"], wait_s=590)
            assert done["verified"] is True, done
        else:
            assert answer["outcome"] == "applied", answer
            assert previous["version"] in str(answer["after"])
            assert "23.0.0" not in str(answer["after"])


async def test_the_idracs_own_update_is_verified_after_its_restart(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        bmc_of(lab).jobs.pace.firmware_s = 60.0
        answer = await update(lab, IDRAC, "Immediate")
        assert answer["outcome"] == "started", answer
        done = await lab.call("idrac_wait_job", job=answer["task"], wait_s=590)
        assert done["job"]["phase"] == "done"
        if done.get("verified") is None:
            assert "idrac_list_inventory" in str(done["notes"])
            lab.clock.advance(600)
            done = await lab.call("idrac_wait_job", job=answer["task"], wait_s=590)
        assert done["verified"] is True, done


@every_persona
async def test_the_same_version_again_is_not_claimed_to_be_seen(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await switched_on(lab)
        version = next(one.version for one in bmc_of(lab).firmware.components.values() if one.kind == "bios")
        answer = await update(lab, f"https://mirror.example/BIOS_7XK1N_WN64_{version}.EXE", "Immediate")
        if answer["outcome"] == "started":
            done = await lab.call("idrac_wait_job", job=answer["task"], wait_s=590)
            assert done.get("verified") is None, done
            assert "same version" in str(done["notes"])
        else:
            assert answer["verified"] is False, answer


async def test_the_plan_does_not_repeat_the_inventory_and_is_bound_to_it(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        plan = await lab.call("idrac_update_firmware", image=BIOS, dry_run=True)
        assert len(str(plan["before"])) < 200
        key = next(key for key, one in bmc_of(lab).firmware.components.items() if one.kind == "nic")
        bmc_of(lab).updates.install(key, "9.9.9")
        error = await lab.fails("idrac_update_firmware", image=BIOS, plan_id=plan["plan_id"])
        assert error.code == "plan_refused"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        (BIOS, "2.22.1"),
        (IDRAC, "9.99.99.99"),
        ("SAS-RAID_Firmware_2H7K0_WN64_51.16.0-4296_A13_01.EXE", "51.16.0-4296"),
        ("Diagnostics_Application_WXYZ1_WN64_4301A75_A00.EXE", "4301A75"),
        ("firmimgFIT.d9", None),
        ("iDRAC_7.10.50.00.d9", "7.10.50.00"),
        ("Power_PSU_A00.pm", None),
        ("x.EXE", None),
    ],
)
def test_the_version_is_read_from_the_names_that_dell_gives(image: str, version: str | None) -> None:
    assert version_in(image) == version
