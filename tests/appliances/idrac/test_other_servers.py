"""Sleds of a chassis and servers of another vendor: discovered by links, read as far as they go, nothing assumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import HoldfastError
from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.table import CASES, WRITES, Case, with_ids
from tests.appliances.idrac.test_reads import items
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room

OTHERS = ("9-modular", "other")
every_other = pytest.mark.parametrize("persona", OTHERS)
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


async def refusal_of(lab: Room, case: Case) -> str | None:
    """Code of the error that a call ends with; None when it works."""
    if case.world is not None:
        case.world(lab)
    try:
        await lab.call(case.tool, **with_ids(lab, case))
    except HoldfastError as error:
        return error.code
    return None


@every_other
@pytest.mark.parametrize("case", READS, ids=lambda case: case.id)
async def test_every_read_answers_or_says_what_is_lacking(case: Case, persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        refused = await refusal_of(lab, case)
        assert refused in (None, "unsupported"), refused
        assert persona == "other" or refused is None
        assert sent(lab) == []


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
