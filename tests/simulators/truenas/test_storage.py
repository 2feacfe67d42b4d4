"""Pools, datasets, snapshots and disks really change (contract sections 12 and 15.4 to 15.6)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.simulators.truenas.peer import Peer, standing

GIB = 1024**3


async def names(peer: Peer, dataset: str) -> list[str]:
    """Snapshot names of a dataset, oldest first."""
    rows = await peer.call(
        "pool.snapshot.query", [["dataset", "=", dataset]], {"select": ["snapshot_name"], "order_by": ["createtxg"]}
    )
    return [row["snapshot_name"] for row in rows]


async def test_a_rollback_destroys_newer_snapshots_only_when_told_to() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("pool.dataset.create", {"name": "tank/r"})
        for name in ("one", "two", "three"):
            await peer.call("pool.snapshot.create", {"dataset": "tank/r", "name": name})
        error = await peer.refused("pool.snapshot.rollback", "tank/r@one")
        assert error.errno == 17
        assert await names(peer, "tank/r") == ["one", "two", "three"]
        await peer.call("pool.snapshot.rollback", "tank/r@one", {"recursive": True})
        assert await names(peer, "tank/r") == ["one"]


async def test_a_clone_keeps_its_origin_from_being_destroyed() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("pool.snapshot.create", {"dataset": "tank/home", "name": "base"})
        await peer.call("pool.snapshot.clone", {"snapshot": "tank/home@base", "dataset_dst": "tank/copy"})
        assert (await peer.refused("pool.snapshot.delete", "tank/home@base")).errno == 2010
        row = await peer.call("pool.dataset.get_instance", "tank/copy")
        assert row["origin"]["parsed"] == "tank/home@base"
        await peer.call("pool.dataset.promote", "tank/copy")
        assert "base" in await names(peer, "tank/copy")
        assert (await peer.call("pool.dataset.get_instance", "tank/home"))["origin"]["parsed"] == "tank/copy@base"


async def test_a_recursive_snapshot_covers_what_is_below_and_exclude_leaves_out() -> None:
    async with standing() as stand:
        peer = await stand.login()
        for name in ("tank/a", "tank/a/b", "tank/a/c"):
            await peer.call("pool.dataset.create", {"name": name})
        await peer.call(
            "pool.snapshot.create", {"dataset": "tank/a", "name": "s", "recursive": True, "exclude": ["tank/a/c"]}
        )
        assert [await names(peer, name) for name in ("tank/a", "tank/a/b", "tank/a/c")] == [["s"], ["s"], []]
        error = await peer.refused("pool.snapshot.create", {"dataset": "tank/a", "name": "s"})
        assert error.errno == 17


async def test_a_naming_schema_names_the_snapshot_by_the_clock() -> None:
    async with standing() as stand:
        peer = await stand.login()
        made = await peer.call("pool.snapshot.create", {"dataset": "tank/home", "naming_schema": "m-%Y-%m-%d_%H-%M"})
        assert made["snapshot_name"] == time.strftime("m-%Y-%m-%d_%H-%M", time.gmtime(stand.clock.now()))


async def test_ten_thousand_snapshots_are_paged() -> None:
    async with standing() as stand:
        stand.simulator.fill_snapshots(10_000, "tank/home")
        peer = await stand.login()
        wanted: list[Any] = [["dataset", "=", "tank/home"]]
        assert await peer.call("pool.snapshot.query", wanted, {"count": True}) == 10_007
        options = {"select": ["id", "createtxg"], "order_by": ["-createtxg"], "limit": 50}
        seen: set[str] = set()
        for page in range(5):
            rows = await peer.call("pool.snapshot.query", wanted, {**options, "offset": page * 50})
            assert len(rows) == 50
            seen |= {row["id"] for row in rows}
        assert len(seen) == 250
        full = await peer.call("pool.snapshot.query", wanted, {"limit": 3})
        assert full[0]["properties"]["creation"]["parsed"]["$date"] > 0
        assert await peer.call("pool.dataset.snapshot_count", "tank/home") == 10_007


async def test_holds_and_retention_come_only_when_asked() -> None:
    async with standing() as stand:
        peer = await stand.login()
        name = (await names(peer, "tank/home"))[0]
        await peer.call("pool.snapshot.hold", f"tank/home@{name}")
        plain = await peer.call("pool.snapshot.get_instance", f"tank/home@{name}")
        assert not {"holds", "retention"} & set(plain)
        extra = {"extra": {"holds": True, "retention": True}}
        row = await peer.call("pool.snapshot.get_instance", f"tank/home@{name}", extra)
        assert "truenas" in row["holds"]
        assert row["retention"]["periodic_snapshot_task_id"] == 1


async def test_a_shorter_lifetime_tells_beforehand_what_it_would_prune() -> None:
    async with standing() as stand:
        peer = await stand.login()
        changed = await peer.call("pool.snapshottask.update_will_change_retention_for", 1, {"lifetime_value": 1})
        assert set(changed) == {"tank/home", "tank/vms", "tank/backup"}
        assert len(changed["tank/home"]) == 7
        assert await peer.call("pool.snapshottask.update_will_change_retention_for", 1, {"enabled": True}) == {}
        await peer.call("pool.snapshottask.update", 1, {"lifetime_value": 3, "lifetime_unit": "DAY"})
        await peer.call("pool.snapshottask.run", 1)
        assert len(await names(peer, "tank/home")) < 7


async def test_a_task_state_tells_its_last_snapshot() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert (await peer.call("pool.snapshottask.get_instance", 1))["state"]["state"] == "PENDING"
        await peer.call("pool.snapshottask.run", 1)
        state = (await peer.call("pool.snapshottask.get_instance", 1))["state"]
        assert state["state"] == "FINISHED"
        assert state["last_snapshot"].startswith("tank@auto-")


async def test_a_young_scrub_is_silently_not_repeated_but_scrub_scrub_runs() -> None:
    async with standing() as stand:
        peer = await stand.login()
        before = (await peer.call("pool.get_instance", 1))["scan"]["end_time"]
        await peer.call("pool.scrub.run", "tank")
        assert (await peer.call("pool.get_instance", 1))["scan"]["end_time"] == before
        assert await peer.call("core.get_jobs", [["method", "=", "pool.scrub.scrub"]]) == []
        await peer.done("pool.scrub.scrub", "tank", "START")
        assert (await peer.call("pool.get_instance", 1))["scan"]["end_time"] != before
        assert any(row["klass"] == "ScrubFinished" for row in await peer.call("alert.list"))


async def test_a_scrub_can_be_paused_resumed_and_stopped() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.timing.scrub_s = 1000
        first = await peer.call("pool.scrub.scrub", "tank", "START")
        await peer.done("pool.scrub.scrub", "tank", "PAUSE")
        assert (await peer.call("pool.get_instance", 1))["scan"]["pause"] is not None
        stand.clock.advance(51)
        assert (await peer.wait_job(first))["state"] == "SUCCESS", "the job has nothing left to watch"
        await peer.call("pool.scrub.scrub", "tank", "START")
        scan = (await peer.call("pool.get_instance", 1))["scan"]
        assert (scan["pause"], scan["state"]) == (None, "SCANNING")
        await peer.done("pool.scrub.scrub", "tank", "STOP")
        assert (await peer.call("pool.get_instance", 1))["scan"]["state"] == "CANCELED"
        row = await peer.job("pool.scrub.scrub", "tank", "STOP")
        assert (row["state"], row["exc_info"]["errno"]) == ("FAILED", 2)


async def test_starting_a_running_scrub_is_refused_not_doubled() -> None:
    async with standing("26") as stand:
        peer = await stand.login()
        stand.simulator.timing.scrub_s = 1000
        await peer.call("pool.scrub.scrub", "tank", "START")
        row = await peer.job("zpool.scrub.run", {"pool_name": "tank", "threshold": 0})
        assert (row["state"], row["exc_info"]["errno"]) == ("FAILED", 16)


async def test_a_failed_disk_degrades_the_pool_and_a_replacement_heals_it() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("pool-degraded", disk="sdb")
        pool = await peer.call("pool.get_instance", 1)
        assert (pool["status"], pool["healthy"]) == ("DEGRADED", False)
        assert any(row["klass"] == "VolumeStatus" for row in await peer.call("alert.list"))
        bad = next(leaf for leaf in pool["topology"]["data"][0]["children"] if leaf["disk"] == "sdb")
        assert (bad["status"], bad["stats"]["read_errors"]) == ("FAULTED", 37)
        assert await peer.done("pool.replace", 1, {"label": bad["guid"], "disk": "sdg"}) is True
        pool = await peer.call("pool.get_instance", 1)
        assert (pool["status"], pool["scan"]["function"]) == ("ONLINE", "RESILVER")
        assert not any(row["klass"] == "VolumeStatus" for row in await peer.call("alert.list"))


async def test_too_many_lost_disks_are_refused() -> None:
    async with standing() as stand:
        peer = await stand.login()
        guids = [leaf["guid"] for leaf in (await peer.call("pool.get_instance", 1))["topology"]["data"][0]["children"]]
        for guid in guids[:2]:
            await peer.call("pool.offline", 1, {"label": guid})
        assert (await peer.refused("pool.offline", 1, {"label": guids[2]})).errno == 2010
        assert (await peer.call("pool.get_instance", 1))["status"] == "DEGRADED"


async def test_a_dataset_with_children_is_deleted_only_recursively() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("pool.dataset.create", {"name": "tank/a/b", "create_ancestors": True})
        assert (await peer.refused("pool.dataset.delete", "tank/a")).errno == 39
        await peer.call("pool.dataset.delete", "tank/a", {"recursive": True})
        assert await peer.call("pool.dataset.query", [["id", "^", "tank/a"]]) == []


async def test_properties_are_inherited_with_their_source() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("pool.dataset.create", {"name": "tank/a/b", "create_ancestors": True})
        await peer.call("pool.dataset.update", "tank/a", {"compression": "ZSTD", "recordsize": "1M"})
        row = await peer.call("pool.dataset.get_instance", "tank/a/b")
        assert row["compression"] == {
            "parsed": "zstd",
            "rawvalue": "zstd",
            "value": "ZSTD",
            "source": "INHERITED",
            "source_info": "tank/a",
        }
        assert (row["recordsize"]["parsed"], row["recordsize"]["value"]) == (1024**2, "1M")
        await peer.call("pool.dataset.update", "tank/a/b", {"compression": "LZ4"})
        await peer.call("pool.dataset.update", "tank/a/b", {"compression": "INHERIT"})
        assert (await peer.call("pool.dataset.get_instance", "tank/a/b"))["compression"]["parsed"] == "zstd"


async def test_space_adds_up_from_datasets_to_the_pool() -> None:
    async with standing() as stand:
        peer = await stand.login()
        before = (await peer.call("pool.get_instance", 1))["allocated"]
        await peer.call("pool.dataset.create", {"name": "tank/thick", "type": "VOLUME", "volsize": 100 * GIB})
        pool = await peer.call("pool.get_instance", 1)
        assert pool["allocated"] - before == 100 * GIB
        assert pool["size"] == pool["allocated"] + pool["free"]
        root = await peer.call("pool.dataset.get_instance", "tank")
        assert root["used"]["parsed"] == pool["allocated"]
        thick = await peer.call("pool.dataset.get_instance", "tank/thick")
        assert thick["usedbyrefreservation"]["parsed"] + thick["usedbydataset"]["parsed"] == 100 * GIB


async def test_a_quota_bounds_what_is_available() -> None:
    async with standing() as stand:
        peer = await stand.login()
        row = await peer.call("pool.dataset.create", {"name": "tank/q", "quota": 2 * GIB})
        assert row["available"]["parsed"] < 2 * GIB
        assert (await peer.refused("pool.dataset.update", "tank/home", {"quota": GIB})).errno == 28


async def test_unlocking_succeeds_although_a_part_failed() -> None:
    async with standing() as stand:
        peer = await stand.login()
        for name in ("tank/one", "tank/one/two"):
            options = {
                "encryption": True,
                "inherit_encryption": False,
                "encryption_options": {"passphrase": f"phrase {name}"},
            }
            await peer.call("pool.dataset.create", {"name": name, **options})
        for name in ("tank/one/two", "tank/one"):
            await peer.done("pool.dataset.lock", name)
        assert (await peer.call("pool.dataset.get_instance", "tank/one"))["locked"] is True
        keys = [{"name": "tank/one", "passphrase": "phrase tank/one"}, {"name": "tank/one/two", "passphrase": "wrong"}]
        row = await peer.job("pool.dataset.unlock", "tank/one", {"datasets": keys, "recursive": True})
        assert row["state"] == "SUCCESS"
        assert row["result"]["unlocked"] == ["tank/one"]
        assert row["result"]["failed"]["tank/one/two"]["error"] == "Invalid Key"


async def test_a_share_on_a_locked_dataset_says_so() -> None:
    async with standing() as stand:
        peer = await stand.login()
        options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "a phrase"}}
        await peer.call("pool.dataset.create", {"name": "tank/safe", **options})
        share = await peer.call("sharing.smb.create", {"name": "safe", "path": "/mnt/tank/safe"})
        assert share["locked"] is False
        await peer.done("pool.dataset.lock", "tank/safe")
        assert (await peer.call("sharing.smb.get_instance", share["id"]))["locked"] is True
        row = await peer.job("filesystem.setperm", {"path": "/mnt/tank/safe", "mode": "770"})
        assert row["exc_info"]["errno"] == 205


async def test_deleting_a_dataset_takes_its_shares_along() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert (await peer.call("pool.dataset.attachments", "tank/home"))[0]["type"] == "SMB Share"
        await peer.call("pool.dataset.delete", "tank/home")
        assert await peer.call("sharing.smb.query") == []


@pytest.mark.parametrize("method", ["pool.dataset.rename", "pool.snapshot.rename"])
async def test_renaming_needs_force(method: str) -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("pool.snapshot.create", {"dataset": "tank/home", "name": "x"})
        old, new = ("tank/home", "tank/house") if "dataset" in method else ("tank/home@x", "tank/home@y")
        assert (await peer.refused(method, old, {"new_name": new})).code == -32602
        assert await peer.call(method, old, {"new_name": new, "force": True}) is None


async def test_an_acl_must_be_stripped_before_a_mode_is_set() -> None:
    async with standing() as stand:
        peer = await stand.login()
        entry = {"READ": True, "WRITE": False, "EXECUTE": False}
        dacl = [{"tag": tag, "perms": entry, "default": False} for tag in ("USER_OBJ", "GROUP_OBJ", "OTHER")]
        await peer.done("filesystem.setacl", {"path": "/mnt/tank/home/alice", "dacl": dacl})
        assert (await peer.call("filesystem.getacl", "/mnt/tank/home/alice"))["trivial"] is False
        row = await peer.job("filesystem.setperm", {"path": "/mnt/tank/home/alice", "mode": "700"})
        assert row["exc_info"]["type"] == "VALIDATION"
        options = {"stripacl": True}
        await peer.done("filesystem.setperm", {"path": "/mnt/tank/home/alice", "mode": "700", "options": options})
        assert (await peer.call("filesystem.stat", "/mnt/tank/home/alice"))["mode"] & 0o777 == 0o700


async def test_a_local_replication_copies_snapshots() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.done("replication.run", 1)
        row = await peer.call("replication.get_instance", 1)
        assert (row["state"]["state"], row["job"]["state"]) == ("FINISHED", "SUCCESS")
        assert await names(peer, "tank/archive/vms") == await names(peer, "tank/vms")
        made = await peer.call("pool.dataset.get_instance", "tank/archive/vms")
        assert made["readonly"]["parsed"] is True
