"""An update is told as done by what it has moved: a new boot environment that is booted next. One of the same version
that was there before proves nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import Executed
from holdfast.simulators.truenas.methods.updates import BootEnvironments, Updates
from tests.appliances.truenas.harness import box, calls_of, nas, raw
from tests.support.rooms import Room

every_release = pytest.mark.parametrize("persona", ["25.10", "26"])


def _kept(made: Room, *suffixes: str) -> str:
    """Boot environments of the version that is offered, as left by an earlier installation; the version."""
    version = box(made).box.get(Updates).newer
    for suffix in ("", *suffixes):
        box(made).box.get(BootEnvironments).new(version + suffix, age_s=86_400)
    return version


@every_release
async def test_an_update_that_fails_is_not_proved_by_an_older_environment_of_its_version(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        _kept(made)
        made.running.fault("job-fails", method="update.run", reason="No space left on the boot pool")
        failed = await made.call("truenas_run_update")
        assert failed["outcome"] == "not_applied", failed
        assert "No space left" in str(failed["warnings"])


@every_release
async def test_an_update_that_was_lost_before_it_was_carried_out_is_not_proved_either(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        _kept(made)
        made.running.fault("cut-after-send", method="update.run")
        lost = await made.call("truenas_run_update")
        assert lost["outcome"] == "not_applied", lost
        assert calls_of(made, "update.run") == 1


@every_release
@pytest.mark.parametrize("suffixes", [(), ("-1", "-2")], ids=["one", "several"])
async def test_an_update_makes_another_environment_beside_those_of_its_version_and_that_one_is_told(
    persona: str, suffixes: tuple[str, ...], tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        version = _kept(made, *suffixes)
        done = await made.call("truenas_run_update")
        assert (done["outcome"], done["verified"]) == ("applied", True)
        made_now = f"{version}-{len(suffixes) + 1}"
        assert done["after"] == {"new_boot_environment": made_now, "next_boot": made_now}
        rows = (await made.call("truenas_list_boot_envs"))["items"]
        assert isinstance(rows, list)
        assert [row["id"] for row in rows if isinstance(row, dict) and row["activated"]] == [made_now]


@every_release
async def test_an_update_that_made_its_environment_but_does_not_boot_it_is_perhaps_done_in_part(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        environments = box(made).box.get(BootEnvironments)
        box(made).box.on_answer = lambda method, frame: (
            environments.activate_by_name(box(made).box.persona.version) if method == "core.get_jobs" else None
        )
        made.running.fault("job-fails", method="update.run", after_work=True, reason="It went wrong at the end")
        failed = await made.call("truenas_run_update")
        assert failed["outcome"] == "unknown", failed
        assert "part may have been done" in str(failed["warnings"])


@every_release
async def test_an_update_that_waits_for_its_reboot_is_told_as_such_and_no_other_is_installed(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        await made.call("truenas_run_update")
        state = await made.call("truenas_check_update")
        assert state.get("available") is None
        assert "reboot is required" in str(state["problem"])
        error = await made.fails("truenas_run_update")
        assert (error.code, error.executed) == ("conflict", Executed.NO)
        assert "truenas_reboot" in str(error.next_step)
        assert calls_of(made, "update.run") == 1


async def test_on_25_04_an_update_that_waits_for_its_reboot_is_told_too(tmp_path: Path) -> None:
    async with nas(tmp_path, "25.04") as made:
        job = await raw(made, "update.update", {})
        assert (await made.call("truenas_wait_job", job=job))["succeeded"] is True
        state = await made.call("truenas_check_update")
        assert state.get("available") is None
        assert "rebooted" in str(state["problem"])
