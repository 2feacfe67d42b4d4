"""Storages, volumes, uploads, backups, restores, retention (contract 15.8, 15.9)."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import aiohttp
import pytest

from holdfast.simulators.proxmox.calendars import CalendarEvent, next_event
from holdfast.simulators.proxmox.retention import marks, parse_policy
from holdfast.simulators.proxmox.storages import Volume
from tests.simulators.proxmox.bench import START, VM, Answer, Bench, bench

LOCAL = "/nodes/pve2/storage/local"
NAS = "/nodes/pve2/storage/nas-backup"


async def _upload(one: Bench, name: str, content: bytes, **fields: str) -> Answer:
    form = aiohttp.FormData()
    for key, value in {"content": "iso", **fields}.items():
        form.add_field(key, value)
    form.add_field("filename", content, filename=name, content_type="application/octet-stream")
    return await one.call("POST", f"{LOCAL}/upload", data=form)


async def test_an_upload_becomes_a_volume() -> None:
    async with bench() as one:
        answer = await _upload(one, "small.iso", b"0" * 2048)
        assert await one.finished(answer.data) == "OK"
        volumes = {row["volid"]: row for row in await one.get(f"{LOCAL}/content", content="iso")}
        assert volumes["local:iso/small.iso"]["size"] == 2048


async def test_an_upload_is_held_against_its_checksum() -> None:
    async with bench() as one:
        right = hashlib.sha256(b"abc").hexdigest()
        answer = await _upload(one, "a.iso", b"abc", **{"checksum": right, "checksum-algorithm": "sha256"})
        assert await one.finished(answer.data) == "OK"
        answer = await _upload(one, "b.iso", b"abd", **{"checksum": right, "checksum-algorithm": "sha256"})
        assert (await one.finished(answer.data)).startswith("checksum mismatch: got")
        assert (await _upload(one, "c.iso", b"abd", **{"checksum-algorithm": "sha256"})).status == 400


async def test_an_upload_needs_the_right_name_storage_and_encoding() -> None:
    async with bench() as one:
        assert (await _upload(one, "small.exe", b"x")).reason == "wrong file extension"
        plain = await one.call("POST", f"{LOCAL}/upload", {"content": "iso", "filename": "x.iso"})
        assert plain.status == 506
        answer = await one.call("POST", f"{LOCAL}/upload", {})
        assert answer.status == 400


async def test_a_download_is_held_against_its_checksum() -> None:
    async with bench() as one:
        url = "https://images.example/n.iso"
        right = hashlib.sha512(f"content of {url}\n".encode()).hexdigest()
        form = {"content": "iso", "url": url, "checksum-algorithm": "sha512"}
        assert await one.run("POST", f"{LOCAL}/download-url", {**form, "filename": "n.iso", "checksum": right}) == "OK"
        wrong = await one.run("POST", f"{LOCAL}/download-url", {**form, "filename": "m.iso", "checksum": "00"})
        assert wrong.startswith("checksum mismatch")
        assert (await one.get("/nodes/pve2/query-url-metadata", url=url))["filename"] == "n.iso"


async def test_local_volumes_belong_to_their_node_and_shared_ones_to_all() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"}) == "OK"
        assert await one.run("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "local"}) == "OK"
        assert len(await one.get("/nodes/pve1/storage/nas-backup/content")) == 1
        assert len(await one.get(f"{LOCAL}/content", content="backup")) == 1
        assert await one.get("/nodes/pve1/storage/local/content", content="backup") == []


async def test_a_backup_addressed_to_the_wrong_node_is_ok_and_nothing() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/nodes/pve1/vzdump", {"vmid": "110", "storage": "nas-backup"})
        assert answer.document == {"data": "OK"}
        assert await one.get("/nodes/pve1/tasks", source="all") == []
        assert await one.get(f"{NAS}/content") == []


async def test_a_backup_locks_its_guest_and_ends_with_job_errors_when_one_fails() -> None:
    async with bench() as one:
        one.sim.task_seconds = 40
        upid = await one.do("POST", "/nodes/pve2/vzdump", {"vmid": "110,111", "storage": "nas-backup"})
        assert upid.split(":")[6] == ""
        assert (await one.get(f"{VM}/config"))["lock"] == "backup"
        assert await one.finished(upid) == "job errors"
        assert "lock" not in await one.get(f"{VM}/config")
        log = await one.get(f"/nodes/pve2/tasks/{upid}/log", limit=0)
        assert "ERROR: Backup of VM 111 failed - VM is locked (backup)" in [line["t"] for line in log]


async def test_one_backup_at_a_time_runs_on_a_node() -> None:
    async with bench() as one:
        one.sim.task_seconds = 40
        await one.do("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"})
        second = await one.do("POST", "/nodes/pve2/vzdump", {"vmid": "112", "storage": "nas-backup"})
        one.clock.advance(41)
        assert (await one.get(f"/nodes/pve2/tasks/{second}/status"))["status"] == "running"
        assert await one.finished(second) == "OK"


async def test_a_machine_comes_back_from_its_backup() -> None:
    async with bench() as one:
        before = await one.get(f"{VM}/config")
        form = {"vmid": "110", "storage": "nas-backup", "notes-template": "{{guestname}} on {{node}}", "protected": 1}
        assert await one.run("POST", "/nodes/pve2/vzdump", form) == "OK"
        [backup] = await one.get(f"{NAS}/content")
        assert (backup["notes"], backup["protected"], backup["vmid"]) == ("build on pve2", 1, 110)
        text = await one.get("/nodes/pve2/vzdump/extractconfig", volume=backup["volid"])
        assert "name: build" in text
        restore = {"vmid": 110, "archive": backup["volid"]}
        answer = await one.refused("POST", "/nodes/pve2/qemu", restore)
        assert answer.reason == "unable to restore VM 110 - VM 110 already exists on node 'pve2'"
        await one.do("PUT", f"{VM}/config", {"memory": 512})
        assert await one.run("POST", "/nodes/pve2/qemu", {**restore, "force": 1}) == "OK"
        assert await one.get(f"{VM}/config") == before
        assert (
            await one.run("POST", "/nodes/pve2/qemu", {**restore, "vmid": 170, "unique": 1, "storage": "local-lvm"})
            == "OK"
        )
        copy = await one.get("/nodes/pve2/qemu/170/config")
        assert copy["scsi0"].startswith("local-lvm:vm-170-disk-0")
        assert copy["net0"] != before["net0"]
        assert await one.run("DELETE", f"{NAS}/content/{backup['volid']}") == (
            f"cannot remove protected volume '{backup['volid']}' on 'nas-backup'"
        )


async def test_a_container_comes_back_from_its_backup() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve2/vzdump", {"vmid": "112", "storage": "nas-backup"}) == "OK"
        [backup] = await one.get(f"{NAS}/content")
        form = {"vmid": 171, "ostemplate": backup["volid"], "restore": 1}
        assert await one.run("POST", "/nodes/pve2/lxc", form) == "OK"
        assert (await one.get("/nodes/pve2/lxc/171/config"))["hostname"] == "wiki"
        answer = await one.refused("POST", "/nodes/pve2/qemu", {"vmid": 172, "archive": backup["volid"]})
        assert "another guest type" in answer.reason


async def test_retention_is_previewed_and_then_applied() -> None:
    async with bench() as one:
        for _ in range(4):
            assert await one.run("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"}) == "OK"
            one.clock.advance(86_400)
        query = {"prune-backups": "keep-last=1,keep-daily=1"}
        rows = (await one.call("GET", f"{NAS}/prunebackups", query=query)).data
        assert sorted(row["mark"] for row in rows) == ["keep", "keep", "remove", "remove"]
        assert len(await one.get(f"{NAS}/content")) == 4
        assert await one.run("DELETE", f"{NAS}/prunebackups", query) == "OK"
        assert len(await one.get(f"{NAS}/content")) == 2


async def test_a_run_prunes_what_its_storage_does_not_keep() -> None:
    async with bench() as one:
        await one.do("PUT", "/storage/nas-backup", {"prune-backups": "keep-last=1"})
        for _ in range(3):
            assert await one.run("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"}) == "OK"
        assert len(await one.get(f"{NAS}/content")) == 1


async def test_guests_that_no_job_covers_are_told() -> None:
    async with bench() as one:
        assert {row["vmid"] for row in await one.get("/cluster/backup-info/not-backed-up")} == {
            101,
            102,
            103,
            110,
            111,
            112,
            120,
        }
        form = {"id": "some", "schedule": "sat 03:00", "storage": "nas-backup", "vmid": "101,102"}
        await one.do("POST", "/cluster/backup", form)
        await one.do("POST", "/pools", {"poolid": "core"})
        await one.do("PUT", "/pools", {"poolid": "core", "vms": "110"})
        await one.do(
            "POST", "/cluster/backup", {"id": "pool", "schedule": "daily", "storage": "nas-backup", "pool": "core"}
        )
        assert {row["vmid"] for row in await one.get("/cluster/backup-info/not-backed-up")} == {103, 111, 112, 120}
        [job] = [row for row in await one.get("/cluster/backup") if row["id"] == "some"]
        assert job["next-run"] > one.clock.now()
        included = await one.get("/cluster/backup/some/included_volumes")
        assert [child["id"] for child in included["children"]] == [101, 102]


async def test_a_disabled_or_foreign_storage_is_not_used() -> None:
    async with bench() as one:
        await one.do("PUT", "/storage/nas-backup", {"nodes": "pve1"})
        answer = await one.refused("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"})
        assert answer.reason == "storage 'nas-backup' is not available on node 'pve2'"
        await one.do("PUT", "/storage/nas-backup", {"disable": 1, "delete": "nodes"})
        answer = await one.refused("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"})
        assert answer.reason == "storage 'nas-backup' is disabled"


async def test_a_definition_carries_a_digest_that_must_fit() -> None:
    async with bench() as one:
        digest = (await one.get("/storage/local"))["digest"]
        await one.do("PUT", "/storage/local", {"content": "iso", "digest": digest})
        answer = await one.refused("PUT", "/storage/local", {"content": "vztmpl", "digest": digest})
        assert answer.reason == "detected modified configuration - file changed by other user? Try again."


async def test_secrets_of_storages_are_not_shown() -> None:
    async with bench() as one:
        form: dict[str, Any] = {"storage": "pbs1", "type": "pbs", "server": "10.20.0.20", "datastore": "main"}
        form |= {"username": "a@pbs", "password": "very-secret"}
        await one.do("POST", "/storage", form)
        assert "password" not in await one.get("/storage/pbs1")
        assert (await one.refused("POST", "/storage", {"storage": "dir1", "type": "dir"})).errors == {
            "path": "missing value for required option 'path'"
        }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily", ["2026-11-19 00:00", "2026-11-20 00:00"]),
        ("*/15", ["2026-11-18 11:15", "2026-11-18 11:30"]),
        ("mon..fri 02:30", ["2026-11-19 02:30", "2026-11-20 02:30"]),
        ("sat 03:00", ["2026-11-21 03:00", "2026-11-28 03:00"]),
        ("*-*-1 0:0", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("2:0/30", ["2026-11-19 02:00", "2026-11-19 02:30"]),
    ],
)
def test_schedules_are_understood(text: str, expected: list[str]) -> None:

    coming = CalendarEvent(text).after(START)
    moments = [datetime.datetime.fromtimestamp(next(coming), datetime.UTC) for _ in expected]
    assert [moment.strftime("%Y-%m-%d %H:%M") for moment in moments] == expected


def test_what_is_no_schedule_never_comes() -> None:
    assert next_event("whenever", START) is None
    assert next_event("2001-01-01 0:0", START) is not None


def test_each_period_keeps_its_newest_backup() -> None:
    day = 86_400
    volumes = [
        Volume("s", f"backup/vzdump-qemu-1-{age}", "backup", "vma", 1, int(START) - age * day, vmid=1)
        for age in range(40)
    ]
    found = marks(volumes, parse_policy("keep-last=1,keep-daily=3,keep-weekly=2,keep-monthly=1"))
    kept = [volume.name.rpartition("-")[2] for volume in volumes if found[volume.volid] == "keep"]
    assert kept == ["0", "1", "2", "3", "10", "17", "18"]
