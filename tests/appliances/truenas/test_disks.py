"""Health of disks, the topology of pools, and disks that are about to be overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.answers import JsonObject
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.transport.values import as_objects
from tests.appliances.truenas.harness import box, calls_of, ended, nas, raw
from tests.support.rooms import Room


async def health(made: Room, **arguments: object) -> dict[str, JsonObject]:
    answer = await made.call("truenas_disk_health", **arguments)
    return {str(row["name"]): row for row in as_objects(answer["items"], "items")}


async def spare(made: Room) -> str:
    rows = as_objects((await made.call("truenas_list_disks"))["items"], "items")
    return str(next(row["identifier"] for row in rows if row["name"] == "sdh"))


async def test_a_disk_that_an_alert_names_is_failing_and_comes_first(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        answer = await made.call("truenas_disk_health")
        first = as_objects(answer["items"], "items")[0]
        assert (first["name"], first["verdict"]) == ("sdh", "failing")
        assert "Offline uncorrectable" in str(first["reasons"])
        assert all(first[name] for name in ("temperature_c", "limit_c", "min_c", "mean_c", "max_c"))


async def test_a_disk_of_which_nothing_is_known_is_not_called_well(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        rows = await health(made)
        assert rows["sdg"]["verdict"] == "unknown"
        assert rows["sda"]["verdict"] == "ok"
        assert (rows["nvme0n1"]["pool"], rows["nvme0n1"]["verdict"]) == ("boot-pool", "ok")


async def test_self_tests_are_told_where_the_release_has_them_and_said_to_be_missing_where_not(tmp_path: Path) -> None:
    for persona, told in (("25.04", True), ("25.10", False), ("26", False)):
        folder = tmp_path / persona
        folder.mkdir()
        async with nas(folder, persona) as made:
            answer = await made.call("truenas_disk_health")
            rows = as_objects(answer["items"], "items")
            assert ("smart" in rows[-1]) is told
            assert ("only by its alerts" in str(answer.get("notes"))) is not told
            assert calls_of(made, "smart.test.results") == int(told)


async def test_errors_in_the_pool_and_a_lost_disk_lower_the_verdict(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("pool-degraded", disk="sdb")
        pool = box(made).box.get(Storage).store.pool_named("tank")
        assert pool is not None
        leaf = next(leaf for leaf in pool.leaves() if leaf.disk is not None and leaf.disk.name == "sdc")
        leaf.errors["checksum_errors"] = 7
        rows = await health(made, pool="tank")
        assert rows["sdc"]["verdict"] == "warning"
        assert "7 checksum errors" in str(rows["sdc"]["reasons"])
        assert rows["sdb"]["verdict"] in ("failing", "unknown")


async def test_temperatures_that_cannot_be_read_are_a_note_and_not_an_error(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("call-fails", method="disk.temperature*", errno=14, reason="no sensor", count=0)
        answer = await made.call("truenas_disk_health")
        assert "Temperatures are missing" in str(answer["notes"])
        assert as_objects(answer["items"], "items")


async def test_the_topology_tells_vdevs_and_how_far_resilvering_is(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("pool-degraded", disk="sda")
        await made.call("truenas_replace_disk", pool="tank", member="sda", disk=await spare(made))
        answer = await made.call("truenas_get_pool", pool="tank")
        assert (answer["scan"], answer["scan_state"]) == ("RESILVER", "SCANNING")
        assert answer["scan_left_s"] is not None
        assert 0 <= float(str(answer["scan_percent"])) < 100
        members = as_objects(answer["members"], "members")
        assert {row["vdev_type"] for row in members} == {"RAIDZ2"}
        assert len({row["vdev_guid"] for row in members}) == 1
        assert all(row["size_bytes"] for row in members)


async def test_a_raidz_is_widened_and_how_far_it_is_is_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        before = len(as_objects((await made.call("truenas_get_pool", pool="tank"))["members"], "members"))
        done = await made.call("truenas_attach_disk", pool="tank", vdev="sda", disk=await spare(made))
        assert "cannot be made narrower" in str(done["cannot_undo"])
        if done["outcome"] == "started":
            await ended(made, int(str(done["task"])))
        after = await made.call("truenas_get_pool", pool="tank")
        assert len(as_objects(after["members"], "members")) == before + 1
        assert after["expand_state"] == "FINISHED"


@pytest.mark.parametrize("tool", ["truenas_attach_disk", "truenas_add_vdev", "truenas_replace_disk"])
async def test_a_disk_of_a_pool_is_never_overwritten(tool: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        rows = as_objects((await made.call("truenas_list_disks", pool="tank"))["items"], "items")
        used = rows[1]["identifier"]
        calls: dict[str, dict[str, object]] = {
            "truenas_attach_disk": {"pool": "tank", "vdev": "sda", "disk": used},
            "truenas_add_vdev": {"pool": "tank", "group": "cache", "layout": "STRIPE", "disks": [used]},
            "truenas_replace_disk": {"pool": "tank", "member": "sda", "disk": used},
        }
        error = await made.fails(tool, **calls[tool])
        assert error.code == "conflict"
        assert all(calls_of(made, method) == 0 for method in ("pool.attach", "pool.update", "pool.replace"))


async def test_layouts_are_not_mixed_and_a_pool_without_redundancy_is_warned_of(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        disk = await spare(made)
        error = await made.fails("truenas_add_vdev", pool="tank", group="data", layout="STRIPE", disks=[disk])
        assert error.code == "conflict"
        planned = await made.call(
            "truenas_add_vdev", pool="tank", group="special", layout="STRIPE", disks=[disk], dry_run=True
        )
        assert "the loss of the pool" in str(planned["warnings"])


async def test_a_disk_with_an_exported_pool_is_told_before_it_is_overwritten(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        number = await raw(
            made, "pool.create", {"name": "old", "topology": {"data": [{"type": "STRIPE", "disks": ["sdh"]}]}}
        )
        await ended(made, int(str(number)))
        pools = as_objects((await made.call("truenas_list_pools"))["items"], "items")
        old = next(row["id"] for row in pools if row["name"] == "old")
        number = await raw(made, "pool.export", old, {})
        await ended(made, int(str(number)))
        planned = await made.call("truenas_attach_disk", pool="tank", vdev="sda", disk=await spare(made), dry_run=True)
        assert "exported pool old" in str(planned["warnings"])
