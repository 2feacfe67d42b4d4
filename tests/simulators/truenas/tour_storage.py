"""Calls of every storage method, with arguments that work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulators.truenas.test_every_method import Guide


async def pools(guide: Guide) -> None:
    """Pools from creation to export and back."""
    await guide.do("pool.validate_name", "fast")
    pool = await guide.do("pool.create", {"name": "fast", "topology": {"data": [{"type": "STRIPE", "disks": ["sdg"]}]}})
    number = pool["id"]
    await guide.do("pool.attach", number, {"target_vdev": pool["topology"]["data"][0]["guid"], "new_disk": "sdh"})
    pool = await guide.do("pool.get_instance", number)
    label = pool["topology"]["data"][0]["children"][1]["guid"]
    await guide.do("pool.offline", number, {"label": label})
    await guide.do("pool.online", number, {"label": label})
    await guide.do("pool.detach", number, {"label": label})
    await guide.do(
        "pool.update", number, {"topology": {"data": [{"type": "STRIPE", "disks": ["sdh"]}]}, "autotrim": "ON"}
    )
    pool = await guide.do("pool.get_instance", number)
    await guide.do("pool.remove", number, {"label": pool["topology"]["data"][1]["guid"]})
    await guide.do("pool.replace", number, {"label": pool["topology"]["data"][0]["guid"], "disk": "sdh"})
    await guide.do("pool.expand", number)
    await guide.do("pool.upgrade", number)
    await guide.do("pool.is_upgraded", number)
    await guide.do("pool.attachments", 1)
    await guide.do("pool.processes", 1)
    for method in ("pool.ddt_prefetch", "pool.prefetch"):
        await guide.do(method, "fast")
    await guide.do("pool.ddt_prune", {"pool_name": "fast", "percentage": 10})
    await guide.do("pool.scrub.scrub", "fast", "START")
    await guide.do("pool.scrub", number, "START")
    await guide.do("zpool.scrub.run", {"pool_name": "fast", "threshold": 0})
    await guide.do("pool.scrub.run", "fast", 35)
    schedule = (await guide.do("pool.scrub.query", [["pool", "=", number]]))[0]
    await guide.do("pool.scrub.update", schedule["id"], {"threshold": 7})
    await guide.do("pool.scrub.delete", schedule["id"])
    await guide.do("pool.scrub.create", {"pool": number})
    await guide.do("pool.resilver.update", {"enabled": False})
    await guide.do("pool.reimport", number)
    await guide.do("docker.backup_to_pool", "fast")
    await guide.do("pool.export", number)
    found = await guide.do("pool.import_find")
    await guide.do("pool.import_pool", {"guid": found[0]["guid"]})
    await guide.do("zpool.query", {"properties": ["size"], "topology": True, "scan": True})
    await guide.do("boot.set_scrub_interval", 14)
    await guide.do("boot.scrub")
    await guide.do("boot.attach", "sdg")
    await guide.do("boot.detach", "sdg")
    await guide.do("boot.replace", "nvme0n1p3", "sdg")
    await guide.do("boot.replace", "sdg1", "nvme0n1")
    await guide.do("pool.get_disks", number)


async def datasets(guide: Guide) -> None:
    """Datasets, quotas and keys."""
    await guide.do("pool.dataset.create", {"name": "tank/t", "comments": "tour", "quota": 2 * 1024**3})
    await guide.do("pool.dataset.create", {"name": "tank/t/v", "type": "VOLUME", "volsize": 1024**3, "sparse": True})
    await guide.do("pool.dataset.update", "tank/t", {"compression": "ZSTD", "quota": None})
    await guide.do("pool.dataset.set_quota", "tank/t", [{"quota_type": "USER", "id": "alice", "quota_value": 1024**3}])
    for kind in ("USER", "GROUP", "DATASET", "PROJECT"):
        await guide.do("pool.dataset.get_quota", "tank/t", kind)
    for method in ("attachments", "processes", "snapshot_count"):
        await guide.do(f"pool.dataset.{method}", "tank/t")
    await guide.do("pool.dataset.recommended_zvol_blocksize", "tank")
    secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "a-passphrase"}}
    await guide.do("pool.dataset.create", {"name": "tank/safe", **secret})
    await guide.do("pool.dataset.lock", "tank/safe")
    keys = {"datasets": [{"name": "tank/safe", "passphrase": "a-passphrase"}]}
    await guide.do("pool.dataset.encryption_summary", "tank/safe", keys)
    assert (await guide.do("pool.dataset.unlock", "tank/safe", keys))["unlocked"] == ["tank/safe"]
    await guide.do("pool.dataset.change_key", "tank/safe", {"generate_key": True})
    await guide.do("pool.dataset.export_key", "tank/safe")
    assert json.loads(await guide.download("pool.dataset.export_keys", "tank/safe")).keys() == {"tank/safe"}
    inner = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    await guide.do("pool.dataset.create", {"name": "tank/safe/inner", **inner})
    await guide.do("pool.dataset.inherit_parent_encryption_properties", "tank/safe/inner")
    await guide.do("pool.dataset.rename", "tank/safe/inner", {"new_name": "tank/safe/renamed", "force": True})
    await guide.do("pool.dataset.delete", "tank/safe", {"recursive": True})
    await guide.do("zfs.resource.query", {"paths": ["tank/t"], "get_children": True, "nest_results": True})


async def snapshots(guide: Guide) -> None:
    """Snapshots under whichever names the release has, and their tasks."""
    name = "pool.snapshot" if guide.has("pool.snapshot.query") else "zfs.snapshot"
    await guide.do(f"{name}.create", {"dataset": "tank/t", "name": "one", "recursive": True})
    await guide.do(f"{name}.get_instance", "tank/t@one", {"extra": {"holds": True, "retention": True}})
    extra = {"extra": {"holds": True, "retention": True, "properties": ["used"]}}
    await guide.do(f"{name}.query", [["dataset", "^", "tank"]], extra)
    await guide.do(f"{name}.update", "tank/t@one", {"user_properties_update": [{"key": "a:b", "value": "c"}]})
    await guide.do(f"{name}.hold", "tank/t@one")
    await guide.do(f"{name}.release", "tank/t@one")
    await guide.do(f"{name}.clone", {"snapshot": "tank/t@one", "dataset_dst": "tank/copy"})
    await guide.do("pool.dataset.promote", "tank/copy")
    await guide.do(f"{name}.create", {"dataset": "tank/copy", "name": "two"})
    await guide.do(f"{name}.rollback", "tank/copy@two")
    await guide.do(f"{name}.rename", "tank/copy@two", {"new_name": "tank/copy@three", "force": True})
    await guide.do(f"{name}.create", {"dataset": "tank/copy", "name": "last"})
    await guide.do(f"{name}.delete", "tank/copy@last")
    await guide.do("pool.dataset.destroy_snapshots", "tank/copy", {"snapshots": ["three"]})
    made = await guide.do("pool.snapshottask.create", {"dataset": "tank/t", "recursive": False, "lifetime_value": 1})
    await guide.do("pool.snapshottask.update", made["id"], {"lifetime_value": 2, "fixate_removal_date": True})
    await guide.do("pool.snapshottask.update_will_change_retention_for", 1, {"lifetime_value": 1})
    await guide.do("pool.snapshottask.delete_will_change_retention_for", 1)
    await guide.do("pool.snapshottask.run", made["id"])
    await guide.do("pool.snapshottask.delete", made["id"])
    new = "zfs.resource.snapshot"
    await guide.do(f"{new}.create", {"dataset": "tank/t", "name": "four"})
    await guide.do(f"{new}.query", {"paths": ["tank/t"], "get_holds": True, "get_source": True})
    await guide.do(f"{new}.count", {"paths": ["tank/t"]})
    await guide.do(f"{new}.hold", {"path": "tank/t@four", "tag": "mine"})
    await guide.do(f"{new}.holds", {"path": "tank/t@four"})
    await guide.do(f"{new}.release", {"path": "tank/t@four", "tag": "mine"})
    await guide.do(f"{new}.rollback", {"path": "tank/t@four"})
    await guide.do(f"{new}.clone", {"snapshot": "tank/t@four", "dataset": "tank/five"})
    if guide.has(f"{new}.clone"):
        await guide.do("pool.dataset.delete", "tank/five")
    await guide.do(f"{new}.rename", {"current_name": "tank/t@four", "new_name": "tank/t@six"})
    await guide.do(f"{new}.destroy", {"path": "tank/t@six"})


async def files(guide: Guide) -> None:
    """Directories, permissions, files, disks."""
    await guide.do("filesystem.mkdir", {"path": "/mnt/tank/t/dir"})
    for method in ("stat", "statfs", "getacl"):
        await guide.do(f"filesystem.{method}", "/mnt/tank/t/dir")
    await guide.do("filesystem.listdir", "/mnt/tank/t")
    await guide.do("filesystem.setperm", {"path": "/mnt/tank/t/dir", "mode": "770", "user": "alice"})
    await guide.do("filesystem.chown", {"path": "/mnt/tank/t/dir", "uid": 3001, "options": {"recursive": True}})
    entries = [
        {"tag": t, "perms": {"READ": True, "WRITE": True, "EXECUTE": True}, "default": False}
        for t in ("USER_OBJ", "GROUP_OBJ", "OTHER")
    ]
    await guide.do("filesystem.setacl", {"path": "/mnt/tank/t/dir", "dacl": entries})
    assert (await guide.upload("filesystem.put", ["/mnt/tank/t/new/file.txt"], b"one\ntwo\n"))["state"] == "SUCCESS"
    assert await guide.download("filesystem.get", "/mnt/tank/t/new/file.txt") == b"one\ntwo\n"
    await guide.do("disk.details", {"type": "UNUSED"})
    await guide.do("disk.temperatures", ["sda"], True)
    await guide.do("disk.temperature_agg", ["sda", "gone"])
    await guide.do("disk.temperature_alerts", ["sda"])
    row = (await guide.do("disk.query", [["name", "=", "sda"]], {"extra": {"pools": True, "passwords": True}}))[0]
    await guide.do("disk.update", row["identifier"], {"description": "front"})
    await guide.do("disk.temperature", "sda")
    await guide.do("disk.smart_attributes", "sda")
    await guide.do("disk.wipe", "sdg", "QUICK")
    for arguments in ({"type": "DISK"}, {"type": "DISK", "serials_only": True}, {"type": "GPU"}, {"type": "SERIAL"}):
        await guide.do("device.get_info", arguments)
