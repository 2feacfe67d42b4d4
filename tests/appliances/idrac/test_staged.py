"""What waits for a restart says so in its next step, with the job and the tools to go on with (contract 8.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.idrac.test_writes import lab_room

PERSONAS = ("7", "8", "9-14g", "9", "10")
CHANGES = (
    ("idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}}),
    ("idrac_update_firmware", {"image": "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"}),
)


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize(("tool", "arguments"), CHANGES)
async def test_what_waits_for_a_restart_tells_how_it_goes_on(
    persona: str, tool: str, arguments: dict[str, object], tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        answer = await lab.call(tool, **arguments)
        step = str(answer["next_step"])
        assert "next restart" in step
        assert "idrac_set_power" in step
        assert "idrac_wait_job" in step
        assert str(answer["task"]) in step


@pytest.mark.parametrize("persona", PERSONAS)
async def test_what_needs_an_operator_says_what_to_ask_for(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        lab.simulator.set_fault("job-user-intervention")
        image = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"
        answer = await lab.call("idrac_update_firmware", image=image, when="Immediate")
        assert (answer["outcome"], answer["verified"]) == ("unknown", False)
        assert "operator" in str(answer["next_step"])
        assert "task" not in answer
