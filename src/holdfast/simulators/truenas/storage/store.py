"""All storage of one box: lookup, space accounting, and the operations that methods build on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.simulators.truenas.errors import ENOENT, EZFS_BUSY, CallError, Row
from holdfast.simulators.truenas.storage.datasets import (
    COMMENT,
    FILESYSTEM_ONLY,
    NOT_INHERITED,
    PROPERTIES,
    USER_NAMES,
    Dataset,
    Encryption,
    fixed,
    show,
)
from holdfast.simulators.truenas.storage.disks import Disk
from holdfast.simulators.truenas.storage.pools import Pool, Vdev, human_size
from holdfast.simulators.truenas.wire import from_epoch


@dataclass(slots=True)
class Snapshot:
    """One snapshot. `used` is what only it holds, `created` seconds since the epoch."""

    dataset: str
    name: str
    created: float
    txg: int
    guid: int
    referenced: int
    used: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    user: dict[str, str] = field(default_factory=dict)
    task: int | None = None
    keep_until: float | None = None
    defer_destroy: bool = False

    @property
    def path(self) -> str:
        """dataset@name"""
        return f"{self.dataset}@{self.name}"


class Store:
    """Disks, pools, datasets and snapshots."""

    def __init__(self, disks: dict[str, Disk], rng: random.Random, now: float) -> None:
        self.disks = disks
        self.random = rng
        self.pools: dict[int, Pool] = {}
        self.exported: dict[str, tuple[Pool, list[Dataset], list[Snapshot]]] = {}
        self.datasets: dict[str, Dataset] = {}
        self.snapshots: dict[str, dict[str, Snapshot]] = {}
        self._txg = 4_000_000
        self._last_pool = 0
        self.boot = self._boot_pool(now)

    def new_guid(self) -> str:
        """A 64-bit identifier, as text."""
        return str(self.random.getrandbits(63) | (1 << 62))

    def next_txg(self) -> int:
        """The next transaction group."""
        self._txg += 17
        return self._txg

    def _boot_pool(self, now: float) -> Pool:
        leaf = Vdev("DISK", self.new_guid(), self.disks["nvme0n1"], label="nvme0n1p3")
        return Pool(0, "boot-pool", self.new_guid(), {"data": [leaf]}, created=now)

    # Pools ---------------------------------------------------------------------------------------------------

    def make_vdev(self, kind: str, disks: list[Disk]) -> list[Vdev]:
        """The top-level devices for a layout: a stripe is one device a disk."""
        leaves = [Vdev("DISK", self.new_guid(), disk) for disk in disks]
        return leaves if kind == "STRIPE" else [Vdev(kind, self.new_guid(), None, leaves)]

    def add_pool(self, name: str, vdevs: dict[str, list[Vdev]], now: float, *, number: int | None = None) -> Pool:
        """A new, empty pool."""
        self._last_pool = max(self._last_pool + 1, number or 0)
        pool = Pool(self._last_pool, name, self.new_guid(), vdevs, created=now)
        self.pools[pool.number] = pool
        return pool

    def pool_named(self, name: str) -> Pool | None:
        """The imported pool of this name."""
        if name == self.boot.name:
            return self.boot
        return next((pool for pool in self.pools.values() if pool.name == name), None)

    def pool_of_disk(self, disk: Disk) -> Pool | None:
        """The pool that uses a disk."""
        for pool in (*self.pools.values(), self.boot):
            if any(member is disk for member in pool.disks()):
                return pool
        return None

    def allocated(self, pool: Pool) -> int:
        """Bytes in use in a pool."""
        if pool is self.boot:
            return 21 * 1024**3
        root = self.datasets.get(pool.name)
        return self.used(root) if root is not None else 0

    # Datasets ------------------------------------------------------------------------------------------------

    def add_dataset(self, name: str, kind: str, now: float, *, own_bytes: int = 98_304) -> Dataset:
        """A new dataset; its parent exists."""
        dataset = Dataset(name, kind, now, self.next_txg(), own_bytes)
        self.datasets[name] = dataset
        return dataset

    def children(self, name: str) -> list[Dataset]:
        """Direct children, by name."""
        return sorted((d for d in self.datasets.values() if d.parent == name), key=lambda d: d.name)

    def descendants(self, name: str) -> list[Dataset]:
        """All datasets below, parents first."""
        return sorted((d for d in self.datasets.values() if d.name.startswith(f"{name}/")), key=lambda d: d.name)

    def lineage(self, dataset: Dataset) -> Iterator[Dataset]:
        """The dataset and its ancestors, nearest first."""
        current: Dataset | None = dataset
        while current is not None:
            yield current
            current = self.datasets.get(current.parent) if current.parent is not None else None

    def snapshot_bytes(self, dataset: Dataset) -> int:
        """Bytes that only snapshots of this dataset hold."""
        return sum(snapshot.used for snapshot in self.snapshots.get(dataset.name, {}).values())

    def reserved(self, dataset: Dataset) -> int:
        """Bytes of its refreservation that are not in use yet."""
        reservation = int(dataset.local.get("refreservation", "0"))
        if dataset.is_volume and not dataset.sparse:
            reservation = max(reservation, dataset.volsize)
        return max(reservation - dataset.own_bytes, 0)

    def used(self, dataset: Dataset) -> int:
        """Bytes used by a dataset, its snapshots and everything below."""
        own = dataset.own_bytes + self.snapshot_bytes(dataset) + self.reserved(dataset)
        return own + sum(self.used(child) for child in self.children(dataset.name))

    def available(self, dataset: Dataset) -> int:
        """Bytes that may still be written, quotas of the dataset and its ancestors regarded."""
        pool = self.pool_named(dataset.pool)
        free = [max(int(pool.size * 0.97) - self.allocated(pool), 0)] if pool is not None else [0]
        for member in self.lineage(dataset):
            quota = int(member.local.get("quota", "0"))
            if quota:
                free.append(max(quota - self.used(member), 0))
        refquota = int(dataset.local.get("refquota", "0"))
        if refquota:
            free.append(max(refquota - dataset.own_bytes, 0))
        return min(free)

    def encryption_root(self, dataset: Dataset) -> Dataset | None:
        """The dataset whose key encrypts this one."""
        return next((member for member in self.lineage(dataset) if member.encryption is not None), None)

    def encryption(self, dataset: Dataset) -> Encryption | None:
        """The encryption in force."""
        root = self.encryption_root(dataset)
        return root.encryption if root is not None else None

    def locked(self, dataset: Dataset) -> bool:
        """Whether its key is not loaded."""
        encryption = self.encryption(dataset)
        return encryption is not None and not encryption.loaded

    def dataset_at(self, path: str) -> Dataset | None:
        """The file system that holds a path under /mnt."""
        if not path.startswith("/mnt/"):
            return None
        name = path.removeprefix("/mnt/").rstrip("/")
        while name:
            dataset = self.datasets.get(name)
            if dataset is not None and not dataset.is_volume:
                return dataset
            name = name.rpartition("/")[0]
        return None

    def path_locked(self, path: str) -> bool:
        """Whether a path lies on a locked dataset."""
        dataset = self.dataset_at(path)
        return dataset is not None and self.locked(dataset)

    def effective(self, dataset: Dataset, name: str) -> tuple[str, str, str | None]:
        """Raw value, source and where it is inherited from."""
        for member in self.lineage(dataset):
            if name in member.local:
                return member.local[name], *(("LOCAL", None) if member is dataset else ("INHERITED", member.name))
            if name in NOT_INHERITED:
                break
        return PROPERTIES[name][0], "DEFAULT", None

    def _user_properties(self, dataset: Dataset) -> dict[str, tuple[str, str, str | None]]:
        found: dict[str, tuple[str, str, str | None]] = {}
        for member in self.lineage(dataset):
            for name, value in member.user.items():
                local = member is dataset
                found.setdefault(name, (value, "LOCAL" if local else "INHERITED", None if local else member.name))
        return found

    def dataset_row(self, dataset: Dataset, *, children: bool = True, snapshots: bool = False) -> Row:
        """A dataset as `pool.dataset.query` shows it."""
        root, encryption = self.encryption_root(dataset), self.encryption(dataset)
        below = self.children(dataset.name)
        row: Row = {
            "id": dataset.name,
            "type": dataset.kind,
            "name": dataset.name,
            "pool": dataset.pool,
            "encrypted": encryption is not None,
            "encryption_root": root.name if root is not None else None,
            "key_loaded": encryption.loaded if encryption is not None else False,
            "locked": self.locked(dataset),
            "children": [self.dataset_row(child, snapshots=snapshots) for child in below] if children else [],
            "mountpoint": None if dataset.is_volume else f"/mnt/{dataset.name}",
        }
        user = self._user_properties(dataset)
        for field_name, property_name in USER_NAMES.items():
            if property_name in user and (property_name != COMMENT or user[property_name][1] == "LOCAL"):
                value, source, info = user[property_name]
                row[field_name] = {
                    "parsed": value,
                    "rawvalue": value,
                    "value": value,
                    "source": source,
                    "source_info": info,
                }
        row["user_properties"] = {
            name: {"parsed": value, "rawvalue": value, "value": value, "source": source, "source_info": info}
            for name, (value, source, info) in user.items()
            if name not in USER_NAMES.values()
        }
        for name, (_, kind) in PROPERTIES.items():
            if not (dataset.is_volume and name in FILESYSTEM_ONLY):
                row[name] = show(name, *_arguments(self.effective(dataset, name), kind))
        self._computed(row, dataset, below)
        if dataset.is_volume:
            row["volsize"] = show("volsize", str(dataset.volsize), "size", "LOCAL", None)
            row["volblocksize"] = show("volblocksize", str(dataset.volblocksize), "size", "LOCAL", None)
            row["sparse"] = fixed(dataset.sparse, str(dataset.sparse).lower(), str(dataset.sparse).lower())
        if snapshots:
            row["snapshots"] = [{"id": s.path, "name": s.path} for s in self.snapshots.get(dataset.name, {}).values()]
        return row

    def _computed(self, row: Row, dataset: Dataset, below: list[Dataset]) -> None:
        encryption = self.encryption(dataset)
        sizes = {
            "used": self.used(dataset),
            "available": self.available(dataset),
            "usedbydataset": dataset.own_bytes,
            "usedbysnapshots": self.snapshot_bytes(dataset),
            "usedbychildren": sum(self.used(child) for child in below),
            "usedbyrefreservation": self.reserved(dataset),
        }
        for name, size in sizes.items():
            row[name] = fixed(size, str(size), human_size(size))
        ratio = f"{dataset.compress_ratio:.2f}"
        row["compressratio"] = fixed(ratio, ratio, f"{ratio}x")
        row["origin"] = fixed(dataset.origin, dataset.origin, dataset.origin)
        moment = from_epoch(dataset.created)
        row["creation"] = fixed(moment, str(int(dataset.created)), moment.strftime("%a %b %d %H:%M %Y"))
        algorithm = encryption.algorithm if encryption is not None else "off"
        row["encryption_algorithm"] = fixed(algorithm, algorithm.lower(), algorithm if encryption is not None else None)
        key_format = encryption.key_format if encryption is not None else "none"
        row["key_format"] = fixed(key_format.lower(), key_format.lower(), key_format.upper() if encryption else None)
        rounds = str(encryption.iterations if encryption is not None and key_format == "PASSPHRASE" else 0)
        row["pbkdf2iters"] = fixed(rounds, rounds, rounds)

    def get_dataset(self, name: str) -> Dataset:
        """The dataset. CallError (ENOENT) when it does not exist."""
        if name not in self.datasets:
            raise CallError(f"cannot open '{name}': dataset does not exist", ENOENT)
        return self.datasets[name]

    # Snapshots -----------------------------------------------------------------------------------------------

    def take_snapshot(self, dataset: Dataset, name: str, now: float, *, task: int | None = None) -> Snapshot:
        """A snapshot of the dataset as it is now."""
        snapshot = Snapshot(
            dataset=dataset.name,
            name=name,
            created=now,
            txg=self.next_txg(),
            guid=int(self.new_guid()),
            referenced=dataset.own_bytes,
            task=task,
        )
        self.snapshots.setdefault(dataset.name, {})[name] = snapshot
        return snapshot

    def written(self, dataset: Dataset) -> int:
        """Bytes that differ from the newest snapshot; all of them where there is none."""
        newest = max(self.snapshots.get(dataset.name, {}).values(), key=lambda one: one.txg, default=None)
        return dataset.own_bytes if newest is None else abs(dataset.own_bytes - newest.referenced)

    def all_snapshots(self) -> Iterator[Snapshot]:
        """Every snapshot of imported pools."""
        for snapshots in self.snapshots.values():
            yield from snapshots.values()

    def snapshot(self, path: str) -> Snapshot | None:
        """The snapshot dataset@name."""
        dataset, _, name = path.partition("@")
        return self.snapshots.get(dataset, {}).get(name)

    def clones(self, snapshot: Snapshot) -> list[Dataset]:
        """Datasets made from a snapshot."""
        return [dataset for dataset in self.datasets.values() if dataset.origin == snapshot.path]

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """Remove a snapshot. CallError when it is held or has clones."""
        if snapshot.holds:
            raise CallError(f"cannot destroy '{snapshot.path}': snapshot is held", EZFS_BUSY)
        if self.clones(snapshot):
            raise CallError(f"cannot destroy '{snapshot.path}': snapshot has dependent clones", EZFS_BUSY)
        del self.snapshots[snapshot.dataset][snapshot.name]

    def drop_dataset(self, dataset: Dataset) -> None:
        """Remove a dataset and its snapshots, whatever depends on them."""
        self.datasets.pop(dataset.name, None)
        self.snapshots.pop(dataset.name, None)

    def rename_dataset(self, old: str, new: str) -> None:
        """Rename a dataset and everything below, with snapshots and origins."""
        for name in [name for name in self.datasets if name == old or name.startswith(f"{old}/")]:
            dataset = self.datasets.pop(name)
            dataset.name = new + name[len(old) :]
            self.datasets[dataset.name] = dataset
            snapshots = self.snapshots.pop(name, {})
            for snapshot in snapshots.values():
                snapshot.dataset = dataset.name
            if snapshots:
                self.snapshots[dataset.name] = snapshots
        for dataset in self.datasets.values():
            base, at, snapshot_name = dataset.origin.partition("@")
            if at and (base == old or base.startswith(f"{old}/")):
                dataset.origin = f"{new}{base[len(old) :]}@{snapshot_name}"


def _arguments(effective: tuple[str, str, str | None], kind: str) -> tuple[str, str, str, str | None]:
    raw, source, info = effective
    return raw, kind, source, info
