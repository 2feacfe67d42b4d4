"""`pool.snapshot.*` (up to 25.04 `zfs.snapshot.*`): see contract section 15.6."""

from __future__ import annotations

import bisect
import fnmatch
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, InstanceNotFoundError, Json, Row, invalid
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.query import mentioned_fields, run_query
from holdfast.simulators.truenas.registry import Namespace
from holdfast.simulators.truenas.storage.datasets import Dataset
from holdfast.simulators.truenas.storage.pools import human_size
from holdfast.simulators.truenas.storage.store import Snapshot
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

HOLD_TAG = "truenas"
HOUR = 3600


class Snapshots(Namespace):
    """Snapshots by dataset@name."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store
        for prefix, since, until in (("pool.snapshot", "25.10", "99"), ("zfs.snapshot", "0", "25.10")):
            for verb in ("query", "get_instance", "create", "update", "delete", "clone", "hold", "release", "rollback"):
                self.add(f"{prefix}.{verb}", getattr(self, verb), since=since, until=until)
        self.add("pool.snapshot.rename", self.rename, since="25.10")

    def fill(self, count: int, dataset: str | None) -> None:
        """Add `count` snapshots, an hour apart, the last one an hour ago."""
        name = dataset or self.box.world.shares[0].path.removeprefix("/mnt/")
        target = self.store.get_dataset(name)
        now = self.box.clock.now()
        for number in range(count):
            stamp = now - (count - number) * HOUR
            self.store.take_snapshot(target, f"fill-{number:06d}", stamp)

    # Rows ----------------------------------------------------------------------------------------------------

    def _light(self, snapshot: Snapshot) -> Row:
        return {
            "id": snapshot.path,
            "snapshot_name": snapshot.name,
            "dataset": snapshot.dataset,
            "pool": snapshot.dataset.partition("/")[0],
            "name": snapshot.path,
            "type": "SNAPSHOT",
            "createtxg": str(snapshot.txg),
        }

    def row(self, snapshot: Snapshot) -> Row:
        """The whole row."""
        return {**self._light(snapshot), "properties": self._properties(snapshot)}

    def _properties(self, snapshot: Snapshot) -> Row:
        moment = from_epoch(snapshot.created)
        sizes = {"used": snapshot.used, "referenced": snapshot.referenced, "logicalreferenced": snapshot.referenced}
        dataset = self.store.datasets.get(snapshot.dataset)
        ratio = f"{dataset.compress_ratio if dataset is not None else 1.0:.2f}"
        clones = ",".join(clone.name for clone in self.store.clones(snapshot))
        properties: Row = {name: _shown(size, str(size), human_size(size)) for name, size in sizes.items()}
        if dataset is not None and dataset.is_volume:
            properties["volsize"] = _shown(dataset.volsize, str(dataset.volsize), human_size(dataset.volsize))
        properties |= {
            "type": _shown("snapshot", "snapshot", "snapshot"),
            "creation": _shown(moment, str(int(snapshot.created)), moment.strftime("%a %b %d %H:%M %Y")),
            "createtxg": _shown(str(snapshot.txg), str(snapshot.txg), str(snapshot.txg)),
            "guid": _shown(str(snapshot.guid), str(snapshot.guid), str(snapshot.guid)),
            "compressratio": _shown(ratio, ratio, f"{ratio}x"),
            "userrefs": _shown(len(snapshot.holds), str(len(snapshot.holds)), str(len(snapshot.holds))),
            "defer_destroy": _shown(snapshot.defer_destroy, "on" if snapshot.defer_destroy else "off", "off"),
            "clones": _shown(clones, clones, clones),
        }
        properties |= {name: _shown(value, value, value, "LOCAL") for name, value in snapshot.user.items()}
        return properties

    def retention(self, snapshot: Snapshot) -> Row | None:
        """When it will be pruned, and by what."""
        if snapshot.keep_until is not None:
            return {"datetime": from_epoch(snapshot.keep_until), "source": "property"}
        from holdfast.simulators.truenas.methods.snapshot_tasks import SnapshotTasks

        found = self.box.get(SnapshotTasks).pruned_at(snapshot)
        if found is None:
            return None
        moment, task = found
        return {
            "datetime": from_epoch(moment),
            "source": "periodic_snapshot_task",
            "periodic_snapshot_task_id": task,
        }

    def query(self, call: Call, filters: list[Any], options: Row) -> Json:
        """Snapshots; properties are read only for rows and queries that need them."""
        extra = options.get("extra", {})
        needed = mentioned_fields(filters, options)
        candidates = self._candidates(filters)
        low, high = extra.get("min_txg", 0), extra.get("max_txg", 0)
        chosen = [s for s in candidates if s.txg >= low and (not high or s.txg <= high)]
        heavy = {"properties", "holds", "retention"}
        early = heavy & (needed - {"*"}) if "*" in needed else heavy & needed
        rows = [self._with(s, self._light(s), early, extra) for s in chosen]
        if "*" not in needed:
            return run_query(rows, filters, options)
        answer = run_query(rows, filters, options)
        for row in answer if isinstance(answer, list) else [answer]:
            snapshot = self.store.snapshot(row["id"])
            if snapshot is not None:
                self._with(snapshot, row, heavy - early, extra)
        return answer

    def _with(self, snapshot: Snapshot, row: Row, parts: set[str], extra: Row) -> Row:
        if "properties" in parts:
            properties, wanted = self._properties(snapshot), extra.get("properties")
            row["properties"] = properties if wanted is None else {n: properties[n] for n in wanted if n in properties}
        if "holds" in parts and extra.get("holds"):
            row["holds"] = dict(snapshot.holds)
        if "retention" in parts and extra.get("retention"):
            row["retention"] = self.retention(snapshot)
        return row

    def _candidates(self, filters: list[Any]) -> list[Snapshot]:
        """The snapshots that an equality filter on dataset, id or name leaves."""
        for entry in filters:
            if isinstance(entry, list) and len(entry) == 3 and entry[1] == "=" and isinstance(entry[2], str):
                if entry[0] == "dataset":
                    return list(self.store.snapshots.get(entry[2], {}).values())
                if entry[0] in ("id", "name"):
                    found = self.store.snapshot(entry[2])
                    return [found] if found is not None else []
        return list(self.store.all_snapshots())

    def find(self, path: str) -> Snapshot:
        """The snapshot. InstanceNotFoundError when there is none."""
        snapshot = self.store.snapshot(path)
        if snapshot is None:
            raise InstanceNotFoundError(f"Snapshot {path} not found")
        return snapshot

    def get_instance(self, call: Call, path: str, options: Row) -> Row:
        """One snapshot."""
        extra = options.get("extra", {})
        row = self.row(self.find(path))
        return self._with(self.find(path), row, {"holds", "retention"}, extra)

    # Changes -------------------------------------------------------------------------------------------------

    def create(self, call: Call, data: Row) -> Row:
        """Take a snapshot, with `recursive` of everything below too."""
        dataset = self.store.datasets.get(data["dataset"])
        if dataset is None:
            raise invalid("snapshot_create.dataset", f"Dataset not found: {data['dataset']}", ENOENT)
        now = self.box.clock.now()
        name = data.get("name") or from_epoch(now).strftime(data["naming_schema"])
        if "@" in name or "/" in name or " " in name:
            raise invalid("snapshot_create.name", f"Invalid snapshot name {name!r}")
        if data.get("exclude") and not data.get("recursive"):
            raise invalid("snapshot_create.exclude", "This option has no sense for non-recursive snapshots")
        taken = self.take(dataset, name, recursive=data.get("recursive", False), exclude=data.get("exclude", []))
        for snapshot in taken:
            snapshot.user |= {key: str(value) for key, value in data.get("properties", {}).items()}
        return self.row(taken[0])

    def take(
        self, dataset: Dataset, name: str, *, recursive: bool, exclude: list[str], task: int | None = None
    ) -> list[Snapshot]:
        """Snapshots of a dataset and, when recursive, of everything below that is not excluded."""
        below = self.store.descendants(dataset.name) if recursive else []
        targets = [dataset, *(d for d in below if not any(fnmatch.fnmatch(d.name, p) for p in exclude))]
        for target in targets:
            if name in self.store.snapshots.get(target.name, {}):
                text = f"cannot create snapshot '{target.name}@{name}': dataset already exists"
                raise CallError(f"Failed to snapshot {target.name}@{name}: {text}", EEXIST)
        now = self.box.clock.now()
        return [self.store.take_snapshot(target, name, now, task=task) for target in targets]

    def update(self, call: Call, path: str, data: Row) -> Row:
        """Set and remove user properties."""
        snapshot = self.find(path)
        for entry in data.get("user_properties_update", []):
            snapshot.user[entry["key"]] = entry["value"]
        for key in data.get("user_properties_remove", []):
            snapshot.user.pop(key, None)
        return self.row(snapshot)

    def family(self, snapshot: Snapshot, *, recursive: bool) -> list[Snapshot]:
        """The snapshot, and when recursive those of the same name below."""
        if not recursive:
            return [snapshot]
        below = (self.store.snapshot(f"{d.name}@{snapshot.name}") for d in self.store.descendants(snapshot.dataset))
        return [snapshot, *(found for found in below if found is not None)]

    def delete(self, call: Call, path: str, options: Row) -> bool:
        """Destroy; with `defer` a held or cloned one goes when it is free."""
        family = self.family(self.find(path), recursive=options.get("recursive", False))
        for snapshot in family:
            if (snapshot.holds or self.store.clones(snapshot)) and options.get("defer"):
                snapshot.defer_destroy = True
            else:
                self.store.drop_snapshot(snapshot)
        return True

    def clone(self, call: Call, data: Row) -> bool:
        """A new dataset that begins as the snapshot."""
        snapshot = self.find(data["snapshot"])
        target = data["dataset_dst"]
        if target in self.store.datasets:
            raise CallError(f"cannot create '{target}': dataset already exists", EEXIST)
        if target.rpartition("/")[0] not in self.store.datasets:
            raise CallError(f"cannot create '{target}': parent does not exist", ENOENT)
        if target.partition("/")[0] != snapshot.dataset.partition("/")[0]:
            raise CallError(f"cannot create '{target}': source and target pools differ", 18)
        source = self.store.get_dataset(snapshot.dataset)
        clone = self.store.add_dataset(target, source.kind, self.box.clock.now())
        clone.origin, clone.volsize, clone.volblocksize, clone.sparse = (
            snapshot.path,
            source.volsize,
            source.volblocksize,
            True,
        )
        clone.local |= {key: str(value).lower() for key, value in data.get("dataset_properties", {}).items()}
        self.storage.dataset_changed(clone, "added")
        return True

    def hold(self, call: Call, path: str, options: Row) -> None:
        """Keep it from being destroyed."""
        for snapshot in self.family(self.find(path), recursive=options.get("recursive", False)):
            snapshot.holds[HOLD_TAG] = int(self.box.clock.now())

    def release(self, call: Call, path: str, options: Row) -> None:
        """Let go of every hold."""
        for snapshot in self.family(self.find(path), recursive=options.get("recursive", False)):
            snapshot.holds.clear()
            if snapshot.defer_destroy and not self.store.clones(snapshot):
                self.store.drop_snapshot(snapshot)

    def rollback(self, call: Call, path: str, options: Row) -> None:
        """Make the dataset what it was; newer snapshots are destroyed with `recursive`, else they refuse it."""
        snapshot = self.find(path)
        recursive = options.get("recursive") or options.get("recursive_clones")
        targets = [snapshot]
        if options.get("recursive_rollback"):
            missing = [
                d.name
                for d in self.store.descendants(snapshot.dataset)
                if self.store.snapshot(f"{d.name}@{snapshot.name}") is None
            ]
            if missing:
                raise CallError(f"{missing[0]}: cannot roll back: snapshot {snapshot.name} does not exist", ENOENT)
            targets = self.family(snapshot, recursive=True)
        for target in targets:
            self._roll_back(target, recursive=bool(recursive), clones=bool(options.get("recursive_clones")))

    def _roll_back(self, snapshot: Snapshot, *, recursive: bool, clones: bool) -> None:
        siblings = sorted(self.store.snapshots[snapshot.dataset].values(), key=lambda s: s.txg)
        newer = siblings[bisect.bisect_right([s.txg for s in siblings], snapshot.txg) :]
        if newer and not recursive:
            raise CallError(f"cannot rollback to '{snapshot.path}': more recent snapshots or bookmarks exist", EEXIST)
        for other in newer:
            for clone in self.store.clones(other):
                if not clones:
                    raise CallError(f"cannot rollback to '{snapshot.path}': clones of previous snapshots exist", EEXIST)
                self.store.drop_dataset(clone)
            self.store.drop_snapshot(other)
        dataset = self.store.get_dataset(snapshot.dataset)
        dataset.own_bytes = snapshot.referenced
        self.storage.dataset_changed(dataset)

    def rename(self, call: Call, path: str, options: Row) -> None:
        """Rename; only with `force`, because nobody checks whether it is in use."""
        if not options.get("force"):
            text = "No safety checks are performed when renaming ZFS resources; set force to proceed"
            raise invalid("pool.snapshot.rename.force", text)
        snapshot = self.find(path)
        dataset, _, name = options["new_name"].partition("@")
        if dataset != snapshot.dataset or not name:
            raise invalid("pool.snapshot.rename.new_name", "The new name must keep the dataset")
        for member in self.family(snapshot, recursive=options.get("recursive", False)):
            siblings = self.store.snapshots[member.dataset]
            if name in siblings:
                raise CallError(f"cannot rename '{member.path}': dataset already exists", EEXIST)
            for clone in self.store.clones(member):
                clone.origin = f"{member.dataset}@{name}"
            del siblings[member.name]
            member.name = name
            siblings[name] = member


def _shown(parsed: Json, raw: str, value: str, source: str = "NONE") -> Row:
    return {"value": value, "rawvalue": raw, "source": source, "parsed": parsed}
