"""`pool.dataset.*`: reading, creating, changing and deleting datasets (contract section 15.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import (
    EBUSY,
    EEXIST,
    ENOENT,
    ENOSPC,
    EZFS_BUSY,
    CallError,
    Json,
    Row,
    ValidationFailedError,
    invalid,
)
from holdfast.simulators.truenas.methods.attachments import attachments_of, delete_attachments, processes_of
from holdfast.simulators.truenas.methods.pool_jobs import encryption_from
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.datasets import PROPERTIES, USER_NAMES, Dataset, parse_size
from holdfast.simulators.truenas.storage.pools import PARITY

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

COMPRESSIONS = ("on", "off", "lz4", "gzip", "gzip-1", "gzip-9", "zstd", "zstd-fast", "zle", "lzjb")
CHECKSUMS = ("ON", "FLETCHER2", "FLETCHER4", "SHA256", "SHA512", "SKEIN", "EDONR", "BLAKE3")
ALGORITHMS = tuple(f"AES-{bits}-{mode}" for mode in ("CCM", "GCM") for bits in (128, 192, 256))
RECORD_SIZES = (
    "512",
    "512B",
    "1K",
    "2K",
    "4K",
    "8K",
    "16K",
    "32K",
    "64K",
    "128K",
    "256K",
    "512K",
    "1M",
    "2M",
    "4M",
    "8M",
    "16M",
)
SHARE_TYPES: dict[str, dict[str, str]] = {
    "SMB": {"acltype": "nfsv4", "aclmode": "restricted", "casesensitivity": "insensitive"},
    "MULTIPROTOCOL": {"acltype": "nfsv4", "aclmode": "passthrough"},
    "NFS": {"acltype": "posix"},
    "APPS": {"acltype": "nfsv4", "aclmode": "passthrough"},
}


class Datasets(Namespace):
    """Datasets by name."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store
        self.choices("pool.dataset.checksum_choices", {name: name for name in CHECKSUMS})
        self.choices("pool.dataset.compression_choices", {name.upper(): name.upper() for name in COMPRESSIONS})
        self.choices("pool.dataset.encryption_algorithm_choices", {name: name for name in ALGORITHMS})
        self.add("pool.dataset.recordsize_choices", lambda call, pool: list(RECORD_SIZES))

    # Reading -------------------------------------------------------------------------------------------------

    @method("pool.dataset.query")
    def query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Datasets, flat unless `extra.flat` is false; internal ones are left out."""
        extra = options.get("extra", {})
        children, snapshots = extra.get("retrieve_children", True), bool(extra.get("snapshots"))
        shown = [
            d
            for d in self.store.datasets.values()
            if not d.internal or not extra.get("exclude_internal_datasets", True)
        ]
        if extra.get("flat", True) is False:
            shown = [dataset for dataset in shown if dataset.parent is None]
        rows = [self.store.dataset_row(dataset, children=children, snapshots=snapshots) for dataset in shown]
        if extra.get("properties") is not None:
            wanted = set(extra["properties"])
            rows = [{k: v for k, v in row.items() if k not in PROPERTIES or k in wanted} for row in rows]
        return call.query(rows, filters, options)

    @method("pool.dataset.get_instance")
    def get_instance(self, call: Call, name: str, options: Row) -> Row:
        """One dataset."""
        extra = options.get("extra", {})
        children, snapshots = extra.get("retrieve_children", True), bool(extra.get("snapshots"))
        return self.store.dataset_row(self.storage.dataset(name), children=children, snapshots=snapshots)

    @method("pool.dataset.details")
    def details(self, call: Call) -> list[Row]:
        """The tree with what uses each dataset."""
        return [self._detail(d) for d in self.store.datasets.values() if d.parent is None]

    def _detail(self, dataset: Dataset) -> Row:
        row = self.store.dataset_row(dataset, children=False)
        row["children"] = [self._detail(child) for child in self.store.children(dataset.name) if not child.internal]
        row["snapshot_count"] = len(self.store.snapshots.get(dataset.name, {}))
        row["atime"] = self.store.effective(dataset, "atime")[0] == "on"
        row["casesensitive"] = self.store.effective(dataset, "casesensitivity")[0] == "sensitive"
        row["readonly"] = self.store.effective(dataset, "readonly")[0] == "on"
        row["thick_provisioned"] = dataset.is_volume and not dataset.sparse
        for key, namespace, column in (
            ("smb_shares", "sharing.smb", "path"),
            ("nfs_shares", "sharing.nfs", "path"),
            ("iscsi_shares", "iscsi.extent", "path"),
            ("snapshot_tasks", "pool.snapshottask", "dataset"),
        ):
            table = self.box.tables.get(namespace)
            wanted = dataset.name if column == "dataset" else row["mountpoint"]
            row[key] = [r for r in table.shown() if r.get(column) == wanted] if table is not None and wanted else []
        row |= {
            "vms": [],
            "apps": [],
            "virt_instances": [],
            "replication_tasks_count": 0,
            "cloudsync_tasks_count": 0,
            "rsync_tasks_count": 0,
        }
        return row

    @method("pool.dataset.attachments")
    def attachments(self, call: Call, name: str) -> list[Row]:
        """What uses a dataset."""
        return attachments_of(self.box, self.storage.dataset(name).name)

    @method("pool.dataset.processes")
    def processes(self, call: Call, name: str) -> list[Row]:
        """Processes with open files."""
        return processes_of(self.box, self.storage.dataset(name).name)

    @method("pool.dataset.snapshot_count")
    def snapshot_count(self, call: Call, name: str) -> int:
        """Number of its snapshots."""
        return len(self.store.snapshots.get(self.storage.dataset(name).name, {}))

    @method("pool.dataset.recommended_zvol_blocksize")
    def recommended_zvol_blocksize(self, call: Call, pool_name: str) -> str:
        """The smallest block size that wastes no parity."""
        pool = self.store.pool_named(pool_name)
        if pool is None:
            raise CallError(f"Pool {pool_name} not found", ENOENT)
        widest = max((len(vdev.children) - PARITY.get(vdev.kind, 0) for vdev in pool.vdevs["data"]), default=1)
        return "16K" if widest <= 4 else "32K" if widest <= 8 else "64K"

    # Writing -------------------------------------------------------------------------------------------------

    @method("pool.dataset.create")
    def create(self, call: Call, data: Row) -> Row:
        """Create a file system or volume."""
        name = data["name"]
        problems = self._create_problems(data)
        if problems:
            raise ValidationFailedError(problems)
        now = self.box.clock.now()
        ancestors = [name.rsplit("/", depth)[0] for depth in range(name.count("/"), 0, -1)]
        for ancestor in ancestors:
            if ancestor not in self.store.datasets:
                self.storage.dataset_changed(self.store.add_dataset(ancestor, "FILESYSTEM", now), "added")
        dataset = self.store.add_dataset(name, data.get("type", "FILESYSTEM"), now)
        if dataset.is_volume:
            dataset.own_bytes = 57_344
            dataset.volsize, dataset.sparse = data["volsize"], bool(data.get("sparse"))
            dataset.volblocksize = parse_size(data.get("volblocksize") or "16K")
        else:
            dataset.local |= SHARE_TYPES.get(data.get("share_type", "GENERIC"), {})
        self._set_properties(dataset, data)
        for entry in data.get("user_properties") or []:
            dataset.user[entry["key"]] = entry["value"]
        if data.get("encryption") and not data.get("inherit_encryption", True):
            dataset.encryption = encryption_from(
                data.get("encryption_options") or {}, self.store.random.getrandbits(256)
            )
        self.storage.dataset_changed(dataset, "added")
        return self.store.dataset_row(dataset)

    def _create_problems(self, data: Row) -> list[tuple[str | None, str, int]]:
        name, prefix = data["name"], "pool_dataset_create"
        if "/" not in name:
            return [(f"{prefix}.name", "You need a full name, e.g. pool/newdataset", 22)]
        if name in self.store.datasets:
            return [(f"{prefix}.name", f"Path {name} already exists", EEXIST)]
        if any(not part or part != part.strip() or "@" in part for part in name.split("/")):
            return [(f"{prefix}.name", "Invalid dataset name", 22)]
        if self.store.pool_named(name.partition("/")[0]) is None:
            return [(f"{prefix}.name", f"Pool {name.partition('/')[0]} does not exist", ENOENT)]
        problems: list[tuple[str | None, str, int]] = []
        parent = self.store.datasets.get(name.rpartition("/")[0])
        if parent is None and not data.get("create_ancestors"):
            problems.append((f"{prefix}.name", "Parent dataset does not exist for specified name", ENOENT))
        if parent is not None and parent.is_volume:
            problems.append((f"{prefix}.name", f"{parent.name}: parent is not a filesystem", 22))
        if parent is not None and self.store.locked(parent):
            problems.append((f"{prefix}.name", f"{parent.name} must be unlocked to create {name}.", 22))
        if parent is not None and self.store.effective(parent, "readonly")[0] == "on":
            problems.append((f"{prefix}.readonly", f"Turn off readonly mode on {parent.name} to create {name}.", 22))
        if data.get("encryption") and data.get("inherit_encryption", True):
            problems.append((f"{prefix}.inherit_encryption", "Must be disabled when encryption is enabled.", 22))
        if data.get("type") == "VOLUME":
            problems += self._volume_problems(data, prefix, parent)
        if data.get("recordsize") not in (None, "INHERIT") and data["recordsize"] not in RECORD_SIZES:
            problems.append((f"{prefix}.recordsize", f"'{data['recordsize']}' is an invalid recordsize.", 22))
        return problems

    def _volume_problems(self, data: Row, prefix: str, parent: Dataset | None) -> list[tuple[str | None, str, int]]:
        problems: list[tuple[str | None, str, int]] = []
        block = parse_size(data.get("volblocksize") or "16K")
        if data["volsize"] <= 0 or data["volsize"] % block:
            problems.append((f"{prefix}.volsize", "Volume size should be a multiple of volume block size", 22))
        if parent is not None and not data.get("force_size") and data["volsize"] > self.store.available(parent) * 0.8:
            text = "It is not recommended to use more than 80% of your available space for VOLUME"
            problems.append((f"{prefix}.volsize", text, 22))
        return problems

    def _set_properties(self, dataset: Dataset, data: Row) -> None:
        for name in PROPERTIES:
            if data.get(name) is None and not (name in ("quota", "refquota") and name in data):
                continue
            value = data[name]
            if value == "INHERIT" or value is None or (value == 0 and PROPERTIES[name][1] == "size"):
                dataset.local.pop(name, None)
            elif PROPERTIES[name][1] == "size":
                dataset.local[name] = str(parse_size(str(value)))
            else:
                dataset.local[name] = str(value).lower()
        for name, user_name in USER_NAMES.items():
            if data.get(name) == "INHERIT":
                dataset.user.pop(user_name, None)
            elif data.get(name) is not None:
                dataset.user[user_name] = str(data[name])

    @method("pool.dataset.update")
    def update(self, call: Call, name: str, data: Row) -> Row:
        """Change properties; a volume grows, and shrinks only with `force_size`."""
        dataset = self.storage.dataset(name)
        prefix = "pool_dataset_update"
        if data.get("volsize") is not None:
            if not dataset.is_volume:
                raise invalid(f"{prefix}.volsize", "This field is not valid for FILESYSTEM")
            if data["volsize"] % dataset.volblocksize:
                raise invalid(f"{prefix}.volsize", "Volume size should be a multiple of volume block size")
            if data["volsize"] < dataset.volsize:
                raise invalid(f"{prefix}.volsize", "You cannot shrink a zvol from GUI, this may lead to data loss.")
            dataset.volsize = data["volsize"]
        if dataset.is_volume and any(data.get(key) is not None for key in ("quota", "refquota", "atime", "recordsize")):
            raise invalid(prefix, "This field is not valid for VOLUME")
        for limit in ("quota", "refquota"):
            used = self.store.used(dataset) if limit == "quota" else dataset.own_bytes
            if data.get(limit) and data[limit] < used:
                raise CallError(
                    f"cannot set property for '{name}': size is less than current used or reserved space", ENOSPC
                )
        self._set_properties(dataset, data)
        if "user_properties" in data:
            kept = {key: value for key, value in dataset.user.items() if key in USER_NAMES.values()}
            dataset.user = kept | {entry["key"]: entry["value"] for entry in data["user_properties"]}
        for entry in data.get("user_properties_update") or []:
            if entry.get("remove"):
                dataset.user.pop(entry["key"], None)
            elif "value" in entry:
                dataset.user[entry["key"]] = entry["value"]
        self.storage.dataset_changed(dataset)
        return self.store.dataset_row(dataset)

    @method("pool.dataset.delete")
    def delete(self, call: Call, name: str, options: Row) -> bool:
        """Destroy a dataset, its snapshots, and with `recursive` everything below."""
        dataset = self.storage.dataset(name)
        if dataset.parent is None:
            raise CallError("Root dataset of a pool cannot be deleted", EZFS_BUSY)
        below = self.store.descendants(name)
        if below and not options.get("recursive"):
            text = f"Failed to delete dataset: cannot destroy '{name}': filesystem has children"
            raise CallError(text, 39, [child.name for child in below])
        family = [dataset, *below]
        members = {member.name for member in family}
        for member in family:
            for snapshot in self.store.snapshots.get(member.name, {}).values():
                outside = [clone for clone in self.store.clones(snapshot) if clone.name not in members]
                if snapshot.holds or outside:
                    why = "snapshot is held" if snapshot.holds else f"it has dependent clones: {outside[0].name}"
                    raise CallError(f"Failed to delete dataset: cannot destroy '{snapshot.path}': {why}", EBUSY)
        delete_attachments(self.box, name)
        for member in reversed(family):
            self.store.drop_dataset(member)
            self.storage.dataset_changed(member, "removed")
        return True

    @method("pool.dataset.rename")
    def rename(self, call: Call, name: str, data: Row) -> None:
        """Rename, with everything below; only with `force`, because shares and tasks are not told."""
        if not data.get("force"):
            text = "No safety checks are performed when renaming ZFS resources; set force to proceed"
            raise invalid("pool.dataset.rename.force", text)
        self.storage.dataset(name)
        new = data["new_name"]
        if new in self.store.datasets:
            raise CallError(f"cannot rename '{name}': dataset already exists", EEXIST)
        if new.partition("/")[0] != name.partition("/")[0] or new.rpartition("/")[0] not in self.store.datasets:
            raise CallError(f"cannot rename '{name}': parent does not exist", ENOENT)
        self.store.rename_dataset(name, new)
        self.storage.dataset_changed(self.store.datasets[new])

    @method("pool.dataset.promote")
    def promote(self, call: Call, name: str) -> None:
        """Make a clone independent: its origin's snapshots, up to the one it came from, become its own."""
        dataset = self.storage.dataset(name)
        if not dataset.origin:
            raise invalid("dataset.promote", "Only cloned datasets can be promoted.")
        snapshot = self.store.snapshot(dataset.origin)
        if snapshot is None:
            raise CallError(f"cannot promote '{name}': origin is gone", ENOENT)
        source = self.store.get_dataset(snapshot.dataset)
        moved = [s for s in self.store.snapshots[source.name].values() if s.txg <= snapshot.txg]
        for other in moved:
            del self.store.snapshots[source.name][other.name]
            old_path = other.path
            other.dataset = dataset.name
            self.store.snapshots.setdefault(dataset.name, {})[other.name] = other
            for clone in self.store.datasets.values():
                if clone.origin == old_path:
                    clone.origin = other.path
        dataset.origin, source.origin = "", snapshot.path

    @method("pool.dataset.destroy_snapshots", until="26", lock=lambda arguments: f"{arguments[0]}")
    def destroy_snapshots(self, call: Call, name: str, what: Row) -> Steps:
        """Destroy all or a range of a dataset's snapshots (up to 25.10)."""
        self.storage.dataset(name)
        yield Step(10, "Destroying")
        own = list(self.store.snapshots.get(name, {}).values())
        chosen = own if what.get("all") else []
        for entry in what.get("snapshots") or []:
            if isinstance(entry, str):
                chosen += [s for s in own if s.name == entry]
                continue
            names = [s.name for s in own]
            first = names.index(entry["start"]) if entry.get("start") in names else 0
            last = names.index(entry["end"]) if entry.get("end") in names else len(names) - 1
            chosen += own[first : last + 1]
        destroyed: list[str] = []
        for snapshot in chosen:
            self.store.drop_snapshot(snapshot)
            destroyed.append(snapshot.name)
        return destroyed
