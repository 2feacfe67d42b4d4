"""The light ZFS methods: `zfs.resource.*` (25.10; snapshots since 26) and `zpool.query` (26)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.methods.snapshots import Snapshots
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.storage.datasets import Dataset
from holdfast.simulators.truenas.storage.pools import Pool, Vdev
from holdfast.simulators.truenas.storage.store import Snapshot

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

DEFAULT_PROPERTIES = (
    "used",
    "available",
    "referenced",
    "mountpoint",
    "compression",
    "compressratio",
    "creation",
    "quota",
    "recordsize",
    "volsize",
)
SNAPSHOT_PROPERTIES = ("creation", "used", "referenced")


class Zfs(Namespace):
    """ZFS by its own names."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store
        self.snapshots = box.get(Snapshots)

    # Datasets ------------------------------------------------------------------------------------------------

    def _value(self, dataset: Dataset, name: str, *, source: bool) -> Row | None:
        row = self.store.dataset_row(dataset, children=False)
        name_in_row = {"dedup": "deduplication", "special_small_blocks": "special_small_block_size"}.get(name, name)
        if name == "mountpoint":
            text = row["mountpoint"] or "none"
            return {
                "raw": text,
                "source": {"type": "DEFAULT", "value": None} if source else None,
                "value": row["mountpoint"],
            }
        if name == "referenced":
            return {"raw": str(dataset.own_bytes), "source": None, "value": dataset.own_bytes}
        if name == "written":
            size = self.store.written(dataset)
            return {"raw": str(size), "source": None, "value": size}
        shown = row.get(name_in_row)
        if not isinstance(shown, dict):
            return None
        raw, parsed = shown["rawvalue"], shown["parsed"]
        value = int(raw) if str(raw).isdigit() else parsed if isinstance(parsed, str | int | float | bool) else raw
        told = {"type": shown["source"], "value": shown["source_info"]} if source else None
        return {"raw": str(raw), "source": told, "value": value}

    def _resource(self, dataset: Dataset, data: Row, *, nested: bool) -> Row:
        wanted = data.get("properties")
        names = () if wanted is None else wanted or DEFAULT_PROPERTIES
        found = {name: self._value(dataset, name, source=data.get("get_source", True)) for name in names}
        children = (
            [self._resource(child, data, nested=True) for child in self.store.children(dataset.name)]
            if nested
            else None
        )
        return {
            "createtxg": dataset.txg,
            "guid": int(self._guid(dataset.name)),
            "name": dataset.name,
            "pool": dataset.pool,
            "properties": {name: value for name, value in found.items() if value is not None}
            if wanted is not None
            else None,
            "type": dataset.kind,
            "user_properties": dict(dataset.user) if data.get("get_user_properties") else None,
            "children": children,
        }

    @staticmethod
    def _guid(name: str) -> str:
        import hashlib

        return str(int(hashlib.sha256(name.encode()).hexdigest()[:15], 16))

    @method("zfs.resource.query")
    def resource_query(self, call: Call, data: Row) -> list[Row]:
        """Datasets by path, with chosen properties."""
        paths = data.get("paths") or sorted(d.name for d in self.store.datasets.values() if d.parent is None)
        for path in paths:
            if path not in self.store.datasets:
                raise invalid("zfs.resource.query.paths", f"{path!r} does not exist", ENOENT)
        nested = bool(data.get("nest_results")) and bool(data.get("get_children"))
        chosen: dict[str, Dataset] = {}
        for path in paths:
            chosen[path] = self.store.datasets[path]
            if (data.get("get_children") or not data.get("paths")) and not nested:
                chosen |= {child.name: child for child in self.store.descendants(path)}
        return [self._resource(dataset, data, nested=nested) for dataset in chosen.values()]

    # Pools (26) ----------------------------------------------------------------------------------------------

    def _vdev(self, vdev: Vdev, index: int, top: int | None = None) -> Row:
        guid = int(vdev.guid)
        return {
            "name": vdev.name(index),
            "vdev_type": "disk" if vdev.disk is not None else vdev.kind.lower(),
            "guid": guid,
            "state": vdev.status,
            "stats": {
                **dict.fromkeys(_STATS, 0),
                **vdev.errors,
                "space": vdev.size,
                "slow_ios": None,
                "configured_ashift": 12,
                "logical_ashift": 12,
                "physical_ashift": 12,
            },
            "children": [self._vdev(child, number, top or guid) for number, child in enumerate(vdev.children)],
            "top_guid": top or guid,
        }

    def _pool(self, pool: Pool, data: Row) -> Row:
        row = self.storage.pool_row(pool)
        names = {
            "data": "data",
            "log": "log",
            "cache": "cache",
            "spares": "spare",
            "special": "special",
            "dedup": "dedup",
        }
        topology: Row = {
            shown: [self._vdev(vdev, number) for number, vdev in enumerate(pool.vdevs.get(own, []))]
            for shown, own in names.items()
        }
        topology["stripe"] = [vdev for vdev in topology["data"] if vdev["vdev_type"] == "disk"]
        topology["data"] = [vdev for vdev in topology["data"] if vdev["vdev_type"] != "disk"]
        scan = None
        if row["scan"] is not None:
            times = ("start_time", "end_time", "pause")
            scan = {k: int(v.timestamp()) if k in times and v is not None else v for k, v in row["scan"].items()}
        properties: Row = {}
        for name in data.get("properties") or []:
            if row.get(name) is not None and not isinstance(row[name], dict | list):
                properties[name] = {"raw": str(row[name]), "source": "NONE", "value": row[name]}
        return {
            "id": pool.number or None,
            "name": pool.name,
            "guid": int(pool.guid),
            **{
                key: row[key] for key in ("status", "healthy", "warning", "status_code", "status_detail", "is_upgraded")
            },
            "properties": properties if data.get("properties") is not None else None,
            "topology": topology if data.get("topology") else None,
            "scan": scan if data.get("scan") else None,
            "expand": row["expand"] if data.get("expand") else None,
            "features": [] if data.get("features") else None,
        }

    @method("zpool.query", since="26")
    def zpool_query(self, call: Call, data: Row) -> list[Row]:
        """Pools, the boot pool too, with chosen sections."""
        pools = [self.store.boot, *self.store.pools.values()]
        wanted = data.get("pool_names")
        return [self._pool(pool, data) for pool in pools if wanted is None or pool.name in wanted]

    # Snapshots (26) ------------------------------------------------------------------------------------------

    def _snapshot(self, snapshot: Snapshot, data: Row) -> Row:
        wanted = data.get("properties", [])
        shown = self.snapshots.row(snapshot)["properties"] if wanted is not None else {}
        properties: Row = {}
        for name in wanted or SNAPSHOT_PROPERTIES:
            if name in shown:
                raw = shown[name]["rawvalue"]
                source = {"type": shown[name]["source"], "value": None} if data.get("get_source") else None
                properties[name] = {"raw": raw, "source": source, "value": int(raw) if raw.isdigit() else raw}
        return {
            "createtxg": snapshot.txg,
            "guid": snapshot.guid,
            "name": snapshot.path,
            "pool": snapshot.dataset.partition("/")[0],
            "dataset": snapshot.dataset,
            "snapshot_name": snapshot.name,
            "type": "SNAPSHOT",
            "holds": sorted(snapshot.holds) if data.get("get_holds") else None,
            "properties": properties if wanted is not None else None,
            "user_properties": dict(snapshot.user) if data.get("get_user_properties") else None,
        }

    def _chosen(self, data: Row) -> list[Snapshot]:
        paths, recursive = data.get("paths") or [], data.get("recursive")
        if not paths:
            return list(self.store.all_snapshots())
        found: list[Snapshot] = []
        for path in paths:
            if "@" in path:
                snapshot = self.store.snapshot(path)
                found += [snapshot] if snapshot is not None else []
                continue
            names = [path, *(d.name for d in self.store.descendants(path))] if recursive else [path]
            found += [s for name in names for s in self.store.snapshots.get(name, {}).values()]
        return found

    @method("zfs.resource.snapshot.query", since="26")
    def snapshot_query(self, call: Call, data: Row) -> list[Row]:
        """Snapshots of datasets."""
        low, high = data.get("min_txg", 0), data.get("max_txg", 0)
        chosen = [s for s in self._chosen(data) if s.txg >= low and (not high or s.txg <= high)]
        return [self._snapshot(snapshot, data) for snapshot in chosen]

    @method("zfs.resource.snapshot.count", since="26")
    def snapshot_count(self, call: Call, data: Row) -> Row:
        """Number of snapshots by dataset."""
        counts: dict[str, int] = {}
        for snapshot in self._chosen(data):
            counts[snapshot.dataset] = counts.get(snapshot.dataset, 0) + 1
        return dict(counts)

    @method("zfs.resource.snapshot.create", since="26")
    def snapshot_create(self, call: Call, data: Row) -> Row:
        """Take a snapshot."""
        made = self.snapshots.create(
            call,
            {
                "dataset": data["dataset"],
                "name": data["name"],
                "recursive": data["recursive"],
                "exclude": data["exclude"],
                "properties": data["user_properties"],
            },
        )
        return self._snapshot(self.snapshots.find(made["id"]), {"get_user_properties": True})

    @method("zfs.resource.snapshot.destroy", since="26")
    def snapshot_destroy(self, call: Call, data: Row) -> None:
        """Destroy one snapshot, or with `all_snapshots` all of a dataset."""
        if not data["all_snapshots"]:
            self.snapshots.delete(call, data["path"], data)
            return
        if data["path"] not in self.store.datasets:
            raise CallError(f"{data['path']}: dataset does not exist", ENOENT)
        for snapshot in self._chosen({"paths": [data["path"]], "recursive": data["recursive"]}):
            self.store.drop_snapshot(snapshot)

    @method("zfs.resource.snapshot.rollback", since="26")
    def snapshot_rollback(self, call: Call, data: Row) -> None:
        """Roll back."""
        self.snapshots.rollback(call, data["path"], data)

    @method("zfs.resource.snapshot.clone", since="26")
    def snapshot_clone(self, call: Call, data: Row) -> None:
        """Clone."""
        self.snapshots.clone(
            call,
            {"snapshot": data["snapshot"], "dataset_dst": data["dataset"], "dataset_properties": data["properties"]},
        )

    @method("zfs.resource.snapshot.hold", since="26")
    def snapshot_hold(self, call: Call, data: Row) -> None:
        """Hold under a tag."""
        for snapshot in self.snapshots.family(self.snapshots.find(data["path"]), recursive=data["recursive"]):
            if data["tag"] in snapshot.holds:
                raise CallError(f"cannot hold snapshot '{snapshot.path}': tag already exists on this dataset", EEXIST)
            snapshot.holds[data["tag"]] = int(self.box.clock.now())

    @method("zfs.resource.snapshot.holds", since="26")
    def snapshot_holds(self, call: Call, data: Row) -> list[str]:
        """Tags that hold a snapshot."""
        return sorted(self.snapshots.find(data["path"]).holds)

    @method("zfs.resource.snapshot.release", since="26")
    def snapshot_release(self, call: Call, data: Row) -> None:
        """Release one tag or all."""
        for snapshot in self.snapshots.family(self.snapshots.find(data["path"]), recursive=data["recursive"]):
            if data["tag"] is None:
                snapshot.holds.clear()
            elif snapshot.holds.pop(data["tag"], None) is None:
                raise CallError(f"cannot release '{snapshot.path}': no such tag on this dataset", ENOENT)

    @method("zfs.resource.snapshot.rename", since="26")
    def snapshot_rename(self, call: Call, data: Row) -> None:
        """Rename."""
        options = {"new_name": data["new_name"], "force": True, "recursive": data["recursive"]}
        self.snapshots.rename(call, data["current_name"], options)


_STATS = (
    "timestamp",
    "allocated",
    "space",
    "dspace",
    "pspace",
    "rsize",
    "esize",
    "read_errors",
    "write_errors",
    "checksum_errors",
    "initialize_errors",
    "dio_verify_errors",
    "self_healed_bytes",
    "fragmentation",
    "scan_processed",
    "scan_removing",
    "rebuild_processed",
    "noalloc",
    "ops_read",
    "ops_write",
    "bytes_read",
    "bytes_write",
)
