"""Sleds, iDRACs whose ids are not Dell's and another vendor's servers: found by links, used as far as they go."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ConflictError, Executed, HoldfastError
from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.table import CASES, WRITES, Case, with_ids
from tests.appliances.idrac.test_reads import items
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room

OTHERS = ("9-modular", "other")
every_other = pytest.mark.parametrize("persona", OTHERS)
EVERYWHERE = ("9-renamed", *OTHERS)
READS = [case for case in CASES if case not in WRITES and not case.before and not case.local]


@every_other
async def test_system_manager_and_chassis_are_found(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        info: Any = await lab.call("idrac_system_info")
        assert info["service_tag"] == bmc_of(lab).server.service_tag
        assert info["model"] == bmc_of(lab).server.model
        health: Any = await lab.call("idrac_get_health")
        assert health["health"] == "OK"
        assert health.get("idrac_generation") == (9 if persona == "9-modular" else None)
        manager: Any = await lab.call("idrac_get_manager")
        assert manager["firmware"] == bmc_of(lab).persona.firmware
        assert (await lab.call("idrac_get_power"))["consumed_watts"] is not None
        assert items(await lab.call("idrac_list_inventory", section="memory"))


async def end_of(lab: Room, case: Case) -> str:
    """The outcome of a call, or the code of its error."""
    for tool, arguments in case.before:
        with contextlib.suppress(ConflictError):  # an earlier case has left it so
            await lab.call(tool, **arguments)
    try:
        answer = await lab.call(case.tool, **with_ids(lab, case))
    except HoldfastError as error:
        return error.code if error.executed is Executed.NO else f"{error.code}, executed: {error.executed}"
    return str(answer.get("outcome"))


@pytest.mark.parametrize("persona", EVERYWHERE)
async def test_every_read_answers_or_says_what_is_lacking(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        for case in READS:
            if case.world is not None:
                case.world(lab)
        ends = {case.id: await end_of(lab, case) for case in READS}
        assert set(ends.values()) <= ({"None", "unsupported"} if persona == "other" else {"None"}), ends
        assert sent(lab) == []


CHANGED = (
    *("idrac_set_led", "idrac_set_boot", "idrac_insert_media", "idrac_eject_media", "idrac_create_account"),
    *("idrac_update_account", "idrac_delete_account", "idrac_set_network", "idrac_set_power_cap", "idrac_set_lockdown"),
    *("idrac_create_volume", "idrac_locate_drive", "idrac_set_bios"),
    *("idrac_export_profile", "idrac_set_attributes", "idrac_create_csr", "idrac_clear_jobs"),
)
DELLS = ("lockdown", "profile", "attributes", "clear_jobs")
"""What only Dell has."""


@pytest.mark.parametrize("persona", EVERYWHERE)
async def test_what_can_be_changed_is_and_the_rest_is_refused_unsent(persona: str, tmp_path: Path) -> None:
    cases = {case.tool: case for case in reversed(WRITES)}
    async with lab_room(tmp_path, persona) as lab:
        for tool in CHANGED:
            case, before = cases[tool], len(sent(lab))
            if case.world is not None:
                case.world(lab)
            end = await end_of(lab, case)
            lacking = persona == "other" and any(name in tool for name in DELLS)
            if lacking or (persona == "9-modular" and tool == "idrac_set_power_cap"):
                assert (end, len(sent(lab))) == ("unsupported", before), tool
            else:
                assert end in ("applied", "started", "nothing_to_do"), (tool, end)
            bmc_of(lab).attributes.set("Lockdown.1.SystemLockdown", "Disabled")
            lab.clock.advance(60)


async def test_another_vendors_task_is_waited_for_by_its_own_id(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "other") as lab:
        begun = await lab.call("idrac_set_bios", attributes={"LogicalProc": "Disabled"})
        assert (begun["outcome"], str(begun["task"])[:5]) == ("started", "task-")
        for action in ("off_force", "on"):
            await lab.call("idrac_set_power", action=action)
            lab.clock.advance(600)
        done: Any = await lab.call("idrac_wait_job", job=begun["task"])
        assert done["job"]["phase"] == "done", done


@every_other
async def test_power_is_switched_and_seen(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        for action, state in (("off_force", "Off"), ("on", "On"), ("off_graceful", "Off")):
            answer: Any = await lab.call("idrac_set_power", action=action)
            assert (answer["outcome"], answer["verified"]) == ("applied", True), answer
            assert answer["after"]["power_state"] == state
            lab.clock.advance(60)


@every_other
async def test_boot_and_media_are_changed(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        assert (await lab.call("idrac_set_boot", source="Pxe"))["outcome"] == "applied"
        image = "https://mirror.example/a.iso"
        assert (await lab.call("idrac_insert_media", image=image))["outcome"] == "applied"
        assert (await lab.call("idrac_eject_media"))["outcome"] == "applied"


async def test_a_sleds_power_cap_is_its_chassis_managers(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "9-modular") as lab:
        error = await lab.fails("idrac_set_power_cap", watts=400)
        assert error.code == "unsupported"
        assert sent(lab) == []
        assert items(await lab.call("idrac_list_inventory", section="power_supplies")) == []
        assert (await lab.call("idrac_get_thermals"))["temperatures"]


@every_other
async def test_what_needs_dells_services_is_unsupported_elsewhere(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("idrac_set_lockdown", {"enabled": True}),
            ("idrac_clear_jobs", {}),
            ("idrac_list_attributes", {}),
        )
        for tool, arguments in calls:
            if persona == "other":
                assert (await lab.fails(tool, **arguments)).code == "unsupported", tool
            else:
                await lab.call(tool, **arguments)
