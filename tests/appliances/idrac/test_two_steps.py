"""Changes that take two writes on old generations: never left half done without saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.idrac.cases import Case, bmc_of
from tests.appliances.idrac.table import prepare
from tests.appliances.idrac.test_writes import lab_room, sent

CREATED = ("idrac_create_account", {"user": "watcher", "role": "Operator"})
ON = ("idrac_set_power", {"action": "on"})
STEPS = (
    (Case("idrac_delete_account", {"user": "watcher"}, (CREATED,)), "disabled, but not deleted"),
    (Case("idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}}), "without a job"),
    (Case("idrac_set_boot_order", {"first": ["Boot0005"]}), "without a job"),
    (Case("idrac_set_power", {"action": "power_cycle"}, (ON,)), "not on again"),
)
each = pytest.mark.parametrize(("case", "said"), STEPS, ids=lambda value: getattr(value, "id", ""))


@each
async def test_a_second_write_that_is_refused_is_not_told_as_nothing_done(
    case: Case, said: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, "8") as lab:
        arguments = await prepare(lab, case)
        refuse = lab.simulator.set_fault
        arrived = len(sent(lab))
        write = bmc_of(lab).faults.take

        def after_the_first(name: str, **more: object) -> object:
            if name == "busy" and len(sent(lab)) - arrived >= 2 and more.get("method") != "GET":
                refuse("busy", method=str(more["method"]), count=1)
            return write(name, **more)

        bmc_of(lab).faults.take = after_the_first
        answer = await lab.call(case.tool, **arguments)
        assert answer["outcome"] == "unknown", answer
        assert said in str(answer["warnings"])
        assert len(sent(lab)) - arrived == 2
        if case.tool == "idrac_set_power":
            assert "idrac_set_power with action on" in str(answer["next_step"])


@each
async def test_a_lost_answer_to_the_first_is_followed_by_the_second_where_it_was_done(
    case: Case, said: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, "8") as lab:
        arguments = await prepare(lab, case)
        arrived = len(sent(lab))
        lab.running.fault("lost-reply", method="write", times=1)
        answer = await lab.call(case.tool, **arguments)
        assert answer["outcome"] == "applied", answer
        assert len(sent(lab)) - arrived == 2


@pytest.mark.parametrize("status", [400, 503])
async def test_an_image_that_was_stored_and_not_installed_is_not_told_as_nothing_done(
    status: int, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, "8") as lab:
        message = "RED014" if status == 400 else "SYS518"
        lab.simulator.set_fault("internal-error", path="Install", method="POST", status=status, message_id=message)
        answer = await lab.call("idrac_upload_firmware", file="BIOS_7XK1N_WN64_2.22.1.EXE")
        assert answer["outcome"] == "not_applied", answer
        assert "Stored on the iDRAC and not installed" in str(answer["warnings"])
        assert "device already exists" in str(answer) or status == 503
        assert len(sent(lab)) == 2
