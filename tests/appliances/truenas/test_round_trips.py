"""Create, list, change, delete: at the end the configuration is what it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.control.answers import JsonObject
from holdfast.transport.values import as_objects
from tests.appliances.truenas.case import Call
from tests.appliances.truenas.harness import ask, calls_of, nas, raw
from tests.support.rooms import Room

QUERIES = (
    "pool.dataset.query",
    "pool.snapshottask.query",
    "replication.query",
    "cloudsync.query",
    "rsynctask.query",
    "sharing.smb.query",
    "sharing.nfs.query",
    "iscsi.portal.query",
    "iscsi.initiator.query",
    "iscsi.auth.query",
    "iscsi.target.query",
    "iscsi.extent.query",
    "iscsi.targetextent.query",
)
MOVING = frozenset({"used", "available", "job", "state", "usedbysnapshots", "usedbydataset", "usedbychildren"})


@dataclass(frozen=True)
class Trip:
    """The calls of a round trip; `shown`: the list that must show the object in between, and what of it."""

    create: Call
    shown: tuple[str, str]
    update: Call
    delete: Call


TRIPS = (
    Trip(
        ("create_dataset", {"dataset": "tank/trip"}),
        ("list_datasets", "tank/trip"),
        ("update_dataset", {"dataset": "tank/trip", "compression": "ZSTD", "comments": "x"}),
        ("delete_dataset", {"dataset": "tank/trip"}),
    ),
    Trip(
        ("create_snapshot_task", {"dataset": "tank/home", "schedule": "0 * * * *"}),
        ("list_protection_tasks", "0 * * * *"),
        ("update_snapshot_task", {"task": "2", "keep": 5}),
        ("delete_snapshot_task", {"task": "2"}),
    ),
    Trip(
        (
            "create_replication",
            {
                "name": "trip",
                "source_datasets": ["tank/home"],
                "target_dataset": "tank/copy",
                "naming_schemas": ["auto-%Y-%m-%d_%H-%M"],
                "schedule": "0 5 * * *",
            },
        ),
        ("list_protection_tasks", "trip"),
        ("update_replication", {"task": "trip", "enabled": False, "readonly": "IGNORE"}),
        ("delete_replication", {"task": "trip"}),
    ),
    Trip(
        (
            "create_cloud_sync",
            {"description": "trip", "path": "/mnt/tank/home", "account": 1, "bucket": "rack-archive"},
        ),
        ("list_protection_tasks", "trip"),
        ("update_cloud_sync", {"task": "trip", "transfer_mode": "SYNC", "exclude": ["*.tmp"]}),
        ("delete_cloud_sync", {"task": "trip"}),
    ),
    Trip(
        (
            "create_rsync",
            {"description": "trip", "path": "/mnt/tank/home", "user": "root", "host": "a@b.example"},
        ),
        ("list_protection_tasks", "trip"),
        ("update_rsync", {"task": "trip", "direction": "PULL", "archive": True}),
        ("delete_rsync", {"task": "trip"}),
    ),
    Trip(
        ("create_smb_share", {"name": "trip", "path": "/mnt/tank/home"}),
        ("list_shares", "trip"),
        ("update_smb_share", {"share": "trip", "comment": "c", "readonly": True}),
        ("delete_smb_share", {"share": "trip"}),
    ),
    Trip(
        ("create_nfs_export", {"path": "/mnt/tank/home", "networks": ["10.9.0.0/16"]}),
        ("list_shares", "10.9.0.0/16"),
        ("update_nfs_export", {"export": "/mnt/tank/home", "comment": "c"}),
        ("delete_nfs_export", {"export": "/mnt/tank/home"}),
    ),
    Trip(
        ("create_iscsi_portal", {"comment": "trip", "listen": ["10.20.0.14"]}),
        ("list_iscsi", "trip"),
        ("update_iscsi_portal", {"ref": "trip", "listen": ["::"]}),
        ("delete_iscsi_object", {"kind": "portal", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_initiators", {"comment": "trip", "initiators": ["iqn.2026-01.example:a"]}),
        ("list_iscsi", "iqn.2026-01.example:a"),
        ("update_iscsi_initiators", {"ref": "trip", "initiators": ["iqn.2026-01.example:b"]}),
        ("delete_iscsi_object", {"kind": "initiator", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_auth", {"tag": 3, "user": "trip", "secret": "thirteen-char"}),
        ("list_iscsi", "trip"),
        ("update_iscsi_auth", {"ref": "trip", "secret": "another-13-ch"}),
        ("delete_iscsi_object", {"kind": "auth", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_target", {"name": "trip", "portal": 1}),
        ("list_iscsi", "trip"),
        ("update_iscsi_target", {"ref": "trip", "initiator": 1, "alias": "t"}),
        ("delete_iscsi_object", {"kind": "target", "ref": "trip"}),
    ),
)


async def configuration(made: Room) -> dict[str, list[JsonObject]]:
    """All objects, without what moves by itself."""
    found: dict[str, list[JsonObject]] = {}
    for method in QUERIES:
        rows = as_objects(await raw(made, method, [], {}), method)  # type: ignore[arg-type]  # JSON
        found[method] = [{key: value for key, value in row.items() if key not in MOVING} for row in rows]
    return found


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
@pytest.mark.parametrize("trip", TRIPS, ids=lambda trip: trip.create[0].removeprefix("create_"))
async def test_a_round_trip_leaves_the_configuration_as_it_was(trip: Trip, persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        before = await configuration(made)
        assert (await ask(made, trip.create))["outcome"] == "applied"
        made_now = await configuration(made)
        assert made_now != before
        assert trip.shown[1] in str(await made.call(f"truenas_{trip.shown[0]}", limit=200))
        assert (await ask(made, trip.update))["outcome"] == "applied"
        if trip.create[0] != "create_iscsi_auth":
            assert await configuration(made) != made_now
        assert (await ask(made, trip.delete))["outcome"] == "applied"
        assert await configuration(made) == before


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
        before = await configuration(made)
        custom = {"retention": "CUSTOM", "keep": 3, "keep_unit": "WEEK"}
        done = await made.call("truenas_update_replication", task="1", **custom)
        assert done["outcome"] == "applied"
        back = done["undo"]
        assert isinstance(back, dict)
        arguments = back["arguments"]
        assert isinstance(arguments, dict)
        again = await made.call(str(back["tool"]), **arguments)
        assert again["outcome"] == "applied"
        assert await configuration(made) == before


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
