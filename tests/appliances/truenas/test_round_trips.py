"""Create, list, change, delete: at the end everything that the simulator keeps is what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.inventory import load_catalogue
from tests.appliances.truenas.case import PERSONAS, Call, Case
from tests.appliances.truenas.harness import ask, calls_of, ended, forgive, nas, prepare, raw
from tests.appliances.truenas.table import WRITES
from tests.appliances.truenas.trips import MAKES, TRIPS, Trip
from tests.appliances.truenas.whole_state import difference, whole_state
from tests.support.rooms import Room

READS = {entry.name.removeprefix("truenas_") for entry in load_catalogue(("truenas",)).entries if not entry.writes}


def test_everything_that_a_tool_makes_has_a_round_trip() -> None:
    makes = [case.tool for case in WRITES if case.tool.startswith(MAKES)]
    assert sorted(makes) == sorted(trip.create[0] for trip in TRIPS)
    assert {trip.shown[0] for trip in TRIPS} <= READS


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("trip", TRIPS, ids=lambda trip: trip.create[0])
async def test_a_round_trip_leaves_everything_as_it_was(trip: Trip, persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        await prepare(made, Case(trip.create[0], before=trip.before))
        before = whole_state(made)
        await done(made, trip.create)
        assert whole_state(made) != before
        reading, arguments, text = trip.shown
        assert text in str(await made.call(f"truenas_{reading}", **arguments))
        for call in trip.update:
            made_now = whole_state(made)
            await done(made, call)
            assert whole_state(made) != made_now
        for call in trip.first:
            assert (await ask(made, call))["outcome"] in ("applied", "nothing_to_do")
        await done(made, trip.delete)
        left = difference(before, whole_state(made))
        assert {where: what for where, what in left.items() if not where.endswith(trip.stays)} == {}


async def done(made: Room, call: Call) -> None:
    """Make a change, and see its job to the end."""
    await forgive(made)
    answer = await ask(made, call)
    assert answer["outcome"] in ("applied", "started"), answer
    if answer["outcome"] == "started":
        await ended(made, int(str(answer["task"])))


async def test_a_test_run_of_a_cloud_sync_shows_what_it_would_do_and_files_left_out_are_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        tried = await made.call("truenas_run_cloud_sync", task="1", test_only=True)
        assert "would copy" in str(tried["details"])
        assert "warnings" not in tried or "ERROR" not in str(tried["warnings"])
        made.running.fault("job-partial", method="cloudsync.sync")
        done = await made.call("truenas_run_cloud_sync", task="1")
        assert done["outcome"] == "applied"
        assert "permission denied" in str(done["warnings"])


async def test_a_replication_says_what_the_target_would_lose_before_it_is_made(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_create_dataset", dataset="tank/copy")
        await made.call("truenas_create_snapshot", dataset="tank/copy", name="precious")
        arguments: dict[str, object] = {
            "name": "risky",
            "source_datasets": ["tank/home"],
            "target_dataset": "tank/copy",
            "naming_schemas": ["auto-%Y-%m-%d_%H-%M"],
            "allow_from_scratch": True,
            "auto": False,
        }
        planned = await made.call("truenas_create_replication", **arguments, dry_run=True)
        assert "precious" in str(planned["warnings"])
        assert "destroys them" in str(planned["warnings"])


async def test_a_task_with_settings_that_the_create_tool_does_not_take_is_not_said_to_be_undoable(
    tmp_path: Path,
) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "cloudsync.update", 1, {"pre_script": "echo"})
        planned = await made.call("truenas_delete_cloud_sync", task="1", dry_run=True)
        assert planned.get("undo") is None
        assert "pre_script" in str(planned["cannot_undo"])


async def test_secrets_of_logins_and_credentials_are_in_no_answer(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        secret = "never-shown-12"
        said = [await ask(made, ("create_iscsi_auth", {"tag": 2, "user": "chap", "secret": secret}))]
        said += [await made.call(f"truenas_list_{name}") for name in ("iscsi", "credentials", "protection_tasks")]
        text = str(said)
        for hidden in (secret, "s3-secret-tide", "PRIVATE KEY", "AKIAEXAMPLE"):
            assert hidden not in text
        ledger = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
        assert secret.encode() not in ledger


async def test_another_retention_of_a_replication_is_taken_with_its_lifetime_and_taken_back(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        before = whole_state(made)
        custom = {"retention": "CUSTOM", "keep": 3, "keep_unit": "WEEK"}
        done = await made.call("truenas_update_replication", task="1", **custom)
        assert done["outcome"] == "applied"
        back = done["undo"]
        assert isinstance(back, dict)
        arguments = back["arguments"]
        assert isinstance(arguments, dict)
        again = await made.call(str(back["tool"]), **arguments)
        assert again["outcome"] == "applied"
        assert difference(before, whole_state(made)) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"auto": True},
        {"schedule": "0 1 * * *", "retention": "CUSTOM"},
        {"schedule": "0 1 * * *", "keep": 3, "keep_unit": "DAY"},
        {"schedule": "0 1 * * *", "transport": "SSH"},
        {"schedule": "0 1 * * *", "direction": "PULL"},
        {"schedule": "0 1 * * *", "naming_schemas": None},
    ],
)
async def test_what_no_replication_can_be_is_refused_before_anything_is_sent(
    wrong: dict[str, object], tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        arguments: dict[str, object] = {
            "name": "x",
            "source_datasets": ["tank/home"],
            "target_dataset": "tank/copy",
            "naming_schemas": ["auto-%Y"],
            **wrong,
        }
        error = await made.fails("truenas_create_replication", **arguments)
        assert error.code == "invalid_argument"
        assert calls_of(made, "replication.create") == 0


@pytest.mark.parametrize("there", [False, True])
async def test_the_undo_of_a_new_user_takes_back_its_group_only_where_that_was_made_with_it(
    there: bool, tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        if there:
            await ask(made, ("create_group", {"name": "carol"}))
        before = whole_state(made)
        created = await ask(made, ("create_user", {"username": "carol", "full_name": "Carol"}))
        undo = created["undo"]
        assert isinstance(undo, dict)
        arguments = undo["arguments"]
        assert isinstance(arguments, dict)
        await done(made, (str(undo["tool"]).removeprefix("truenas_"), arguments))
        assert difference(before, whole_state(made)) == {}
