"""What the iDRAC tools change: verified by reading, sent once, undone, settled when the answer is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.simulators.base import Arrival
from tests.appliances.idrac.cases import GENERATIONS, configuration
from tests.appliances.idrac.changes_table import TWO_TARGETS
from tests.appliances.idrac.redfish import hold
from tests.appliances.idrac.table import CASES, LAB, SENDERS, WRITES, Case, prepare, with_ids
from tests.support.rooms import Room, room

READING = ("GetRemoteServicesAPIStatus", "GetRepoBasedUpdateList", "SupportAssistGetEULAStatus", "ExportLicense")
"""Actions that only read."""
REQUESTS = 40
"""Most requests of one call; an expanded collection takes one, whatever it holds."""
every_write = pytest.mark.parametrize("case", SENDERS, ids=lambda case: case.id)


def _row(case: Case, persona: str) -> Any:
    return pytest.param(case, persona, id=f"{case.id}-{persona}")


ON_EVERY = [_row(case, persona) for case in SENDERS for persona in GENERATIONS if case.works(persona)]
"""Every write on every persona where it can be carried out."""
EVERY_CASE = [_row(case, persona) for case in CASES for persona in GENERATIONS if case.fits(persona)]
"""Every tool on every persona, also where the persona lacks it."""
on_every_generation = pytest.mark.parametrize(("case", "persona"), ON_EVERY)

JOB_TELLS = {
    "idrac_check_volume",
    "idrac_compare_firmware",
    "idrac_erase_drive",
    "idrac_import_profile",
    "idrac_initialize_volume",
    "idrac_run_diagnostics",
}
"""How the job ended is all that tells that they worked."""
SEEN = {"idrac_preview_profile", "idrac_restart_manager", "idrac_update_firmware"}
"""A lost answer leaves what they did unknown; with the answer, the state shows it."""


def lab_settings(tmp_path: Path) -> str:
    folders = []
    for name in ("files_dir", "secrets_dir", "firmware_dir"):
        (tmp_path / name).mkdir(exist_ok=True)
        folders.append(f'{name} = "{tmp_path / name}"')
    (tmp_path / "firmware_dir" / "BIOS_7XK1N_WN64_2.22.1.EXE").write_bytes(b"MZ" + bytes(4094))
    return "\n".join((LAB, *folders, "allow_address_change = true"))


def lab_room(tmp_path: Path, persona: str = "9", *, more: str = "", **given: Any) -> Any:
    return room("idrac", tmp_path, persona=persona, settings=f"{lab_settings(tmp_path)}\n{more}", **given)


def sent(lab: Room) -> list[str]:
    """Writes that arrived, without logins and without actions that only read."""
    return [
        f"{one.method} {one.path}"
        for one in lab.writes()
        if "/Sessions" not in one.path and not one.path.endswith(READING)
    ]


def test_the_table_has_every_tool_of_the_room(tmp_path: Path) -> None:
    from holdfast.control.inventory import load_catalogue

    assert {case.tool for case in CASES} | set(TWO_TARGETS) == {
        entry.name for entry in load_catalogue(("idrac",)).entries
    }


@pytest.mark.parametrize(("case", "persona"), EVERY_CASE)
async def test_every_tool_works_on_every_generation_or_says_what_it_lacks(
    case: Case, persona: str, tmp_path: Path
) -> None:
    """Requests are few, allowed by the standard or Dell, and without a tag where that is refused; undo undoes."""
    async with lab_room(tmp_path, persona) as lab:
        if case.lacks(persona):
            if case.world is not None:
                case.world(lab)
            error = await lab.fails(case.tool, **with_ids(lab, case))
            assert (error.code, error.executed) == ("unsupported", "no"), error
            assert sent(lab) == []
            hold(f"iDRAC {persona}", case.tool, lab.arrivals)
            return
        arguments = await prepare(lab, case)
        before, was = len(sent(lab)), configuration(lab)
        asked, waits = len(lab.arrivals), len(lab.slept)
        answer = await lab.call(case.tool, **arguments)
        assert len(lab.arrivals) - asked <= REQUESTS + 4 * (len(lab.slept) - waits)
        hold(f"iDRAC {persona}", case.tool, lab.arrivals)
        if case not in WRITES:
            assert len(sent(lab)) == before
            assert configuration(lab) == was
            return
        assert [one for one in lab.arrivals[asked:] if persona == "10" and wrongly_tagged(one)] == []
        if case.waits(persona):
            assert answer["outcome"] in ("started", "unknown"), answer
            return
        assert answer["outcome"] == "applied", answer
        unseen = (case.blind and case.tool not in SEEN) or case.tool in JOB_TELLS
        assert answer["verified"] is not unseen, answer
        assert ("Not verified" in str(answer.get("warnings"))) == unseen
        assert ("undo" in answer) != ("cannot_undo" in answer)
        assert min(1, case.sends) <= len(sent(lab)) - before <= case.sends
        undo = answer.get("undo")
        if isinstance(undo, dict) and case.undoes:
            done = len(lab.arrivals)
            back = await lab.call(str(undo["tool"]), **undo["arguments"])
            assert back["outcome"] in ("applied", "nothing_to_do"), back
            hold(f"iDRAC {persona}", str(undo["tool"]), lab.arrivals[done:])
            now = configuration(lab)
            assert {name for name in now if now[name] != was[name]} <= {case.residue}


def wrongly_tagged(one: Arrival) -> bool:
    """Whether an action carries an entity tag, which iDRAC10 refuses, or a change of settings none (contract 7)."""
    tagged = "if-match" in {name.lower() for name in one.headers}
    settings = one.method == "PATCH" and one.path.endswith("/Settings")
    return (one.method == "POST" and tagged) or (settings and not tagged)


@every_write
async def test_a_dry_run_sends_nothing(case: Case, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        before = sent(lab)
        assert (await lab.call(case.tool, dry_run=True, **arguments))["outcome"] == "planned"
        assert sent(lab) == before


@on_every_generation
async def test_what_is_cut_off_before_or_after_sending_or_carrying_out_is_settled_and_not_sent_twice(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona, more="circuit_breaker_fail_max = 50") as lab:
        arguments = await prepare(lab, case)
        before, was = len(sent(lab)), configuration(lab)
        if not case.asks_first:
            lab.running.fault("refuse")
            unsent = await lab.fails(case.tool, **arguments)
            assert (unsent.code, unsent.executed) == ("unreachable", "no"), unsent
            assert len(sent(lab)) == before
            assert configuration(lab) == was
            lab.running.heal()
        aim = {"path": case.aim} if case.aim else {}
        lab.running.fault("drop-before", method="write", times=1, **aim)
        dropped = await lab.call(case.tool, **arguments)
        assert dropped["outcome"] in (("unknown", "not_applied") if case.blind else ("not_applied",)), dropped
        assert len(sent(lab)) - before <= 1
        lab.running.heal()
        before = len(sent(lab))
        lab.running.fault("lost-reply", method="write", times=1, **aim)
        lost = await lab.call(case.tool, **arguments)
        settled: set[str] = {"unknown", "applied", "started"} if case.blind else {"applied"}
        settled |= {"started"} if case.waits(persona) else set()
        settled |= {"not_applied"} if case.ends_early(persona) else set()
        assert lost["outcome"] in settled, lost
        assert 1 <= len(sent(lab)) - before <= case.sends


@on_every_generation
async def test_a_read_only_account_is_refused_by_name_and_nothing_changes(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        lab.simulator.bmc.accounts.members["2"].role = "ReadOnly"
        error = await lab.fails(case.tool, **arguments)
        assert error.code == "permission_denied", error


@every_write
async def test_another_server_at_the_address_refuses_every_change(case: Case, tmp_path: Path) -> None:
    settings = lab_settings(tmp_path) + '\nservice_tag = "AAAAAA1"'
    async with room("idrac", tmp_path, persona="9", settings=settings) as lab:
        if case.before:
            return
        if case.world is not None:
            case.world(lab)
        error = await lab.fails(case.tool, **with_ids(lab, case))
        assert error.code in ("refused", "not_found"), error
        assert sent(lab) == []


@pytest.mark.parametrize("persona", GENERATIONS)
async def test_restart_and_power_cycle_are_mapped_to_what_the_machine_allows(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        await lab.call("idrac_set_power", action="restart_graceful")
        answer = await lab.call("idrac_set_power", action="power_cycle")
        assert answer["outcome"] == "applied"
        kinds = [one.body.decode() for one in lab.writes() if one.path.endswith("ComputerSystem.Reset")][-4:]
        if persona in ("7", "8"):
            assert [kind.split('"')[3] for kind in kinds] == ["GracefulShutdown", "On", "ForceOff", "On"]
        else:
            assert [kind.split('"')[3] for kind in kinds[-2:]] == ["GracefulRestart", "PowerCycle"]


async def test_a_graceful_shutdown_that_the_system_ignores_is_not_forced(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("acpi-ignored")
        answer = await lab.call("idrac_set_power", action="off_graceful")
        assert answer["outcome"] in ("unknown", "not_applied")
        assert "not forced" in str(answer)
        assert len(sent(lab)) == 1


async def test_success_that_hides_a_failure_is_not_believed(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("success-with-error-body", method="PATCH", executed=False)
        assert (await lab.call("idrac_set_led", identify=True))["outcome"] == "not_applied"
        lab.simulator.clear_faults()
        lab.simulator.set_fault("success-with-error-body", method="PATCH", executed=True)
        assert (await lab.call("idrac_set_led", identify=True))["outcome"] == "applied"


async def test_lockdown_refuses_a_change_and_is_not_ended_by_itself(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_set_lockdown", enabled=True)
        error = await lab.fails("idrac_set_boot", source="Pxe")
        assert error.code == "lockdown"
        assert lab.simulator.bmc.locked_down


async def test_an_image_from_elsewhere_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        error = await lab.fails("idrac_insert_media", image="https://elsewhere.example/a.iso")
        assert error.code == "refused"
        assert sent(lab) == []


async def test_a_restart_of_the_idrac_is_waited_for_and_reading_goes_on(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        answer = await lab.call("idrac_restart_manager")
        assert answer["outcome"] == "applied"
        assert sum(lab.slept) >= 60
        assert (await lab.call("idrac_get_health"))["health"] == "OK"
