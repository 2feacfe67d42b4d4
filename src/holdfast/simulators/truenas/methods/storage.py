"""The box's storage as its world describes it, shared by all namespaces that touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import ENOENT, InstanceNotFoundError, Row, invalid
from holdfast.simulators.truenas.registry import Namespace
from holdfast.simulators.truenas.storage.datasets import Dataset
from holdfast.simulators.truenas.storage.disks import disks_of
from holdfast.simulators.truenas.storage.pools import Pool, Scan
from holdfast.simulators.truenas.storage.store import Store

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

GIB = 1024**3
TIB = 1024**4
DAY = 86400
SPARE_DISKS = 2
HISTORY_DAYS = 60
GROWTH_PER_DAY = 30 * GIB
# Bytes that the rack's shares hold, by the last part of their path.
_FILLED = {"vms": 9 * TIB, "backup": 14 * TIB, "home": 2 * TIB}


class Storage(Namespace):
    """No methods of its own: builds the `Store` and answers questions about it."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        now = box.clock.now()
        self.store = Store(disks_of(box.server), box.random, now)
        self._populate(now)

    def _populate(self, now: float) -> None:
        """One RAIDZ2 pool over all data disks but two, with a dataset for each share."""
        store, world = self.store, self.box.world
        data = [disk for disk in store.disks.values() if disk.slot is not None]
        used = data[: max(len(data) - SPARE_DISKS, 1)]
        layout = "RAIDZ2" if len(used) >= 4 else "MIRROR" if len(used) >= 2 else "STRIPE"
        created = now - 400 * DAY
        pool = store.add_pool(world.nas_pool, {"data": store.make_vdev(layout, used)}, created)
        root = store.add_dataset(pool.name, "FILESYSTEM", created, own_bytes=262_144)
        root.local |= {"compression": "lz4", "atime": "off", "acltype": "posix"}
        for path in dict.fromkeys(share.path for share in world.shares):
            self._dataset_for(path, created)
        volumes = store.add_dataset(f"{pool.name}/volumes", "FILESYSTEM", created)
        volume = store.add_dataset(f"{volumes.name}/vm-store", "VOLUME", created, own_bytes=180 * GIB)
        volume.volsize, volume.sparse = 512 * GIB, True
        apps = store.add_dataset(f"{pool.name}/ix-apps", "FILESYSTEM", created, own_bytes=14 * GIB)
        apps.internal = True
        pool.scan = Scan("SCRUB", "FINISHED", now - 12 * DAY, now - 12 * DAY + 31_000, store.allocated(pool), 1.0)
        total = store.allocated(pool)
        pool.history = [(now - day * DAY, total - day * GROWTH_PER_DAY) for day in range(HISTORY_DAYS, -1, -1)]
        for path in dict.fromkeys(share.path for share in world.shares):
            dataset = store.dataset_at(path)
            if dataset is not None:
                for days in range(7, 0, -1):
                    stamp = (now // DAY - days + 1) * DAY  # midnight, as the task's schedule says
                    snapshot = store.take_snapshot(dataset, _auto_name(stamp), stamp, task=1)
                    snapshot.used = 3 * GIB
                    snapshot.referenced = dataset.own_bytes - days * GROWTH_PER_DAY // 3

    def _dataset_for(self, path: str, created: float) -> None:
        name = path.removeprefix("/mnt/").strip("/")
        parts = name.split("/")
        for depth in range(2, len(parts) + 1):
            part = "/".join(parts[:depth])
            if part not in self.store.datasets:
                leaf = depth == len(parts)
                size = _FILLED.get(parts[-1], TIB) if leaf else 98_304
                dataset = self.store.add_dataset(part, "FILESYSTEM", created, own_bytes=size)
                dataset.compress_ratio = 1.35 if leaf else 1.0

    def pool(self, number: int) -> Pool:
        """An imported pool by id. InstanceNotFoundError when there is none."""
        if number not in self.store.pools:
            raise InstanceNotFoundError(f"Pool {number} does not exist")
        return self.store.pools[number]

    def pool_row(self, pool: Pool) -> Row:
        """A pool as `pool.query` shows it."""
        return pool.row(self.store.allocated(pool), self.box.clock.now())

    def dataset(self, name: str) -> Dataset:
        """A dataset by name. InstanceNotFoundError when there is none."""
        if name not in self.store.datasets:
            raise InstanceNotFoundError(f"Pool Dataset {name} does not exist")
        return self.store.datasets[name]

    def check_path(self, path: str, attribute: str) -> Dataset:
        """The dataset that holds a path under a pool; a validation failure when it is outside of all pools."""
        dataset = self.store.dataset_at(path)
        if dataset is None:
            raise invalid(attribute, "The path must reside within a pool mount point")
        if path != f"/mnt/{dataset.name}" and not self.box_has_path(path):
            raise invalid(attribute, "This path does not exist.", ENOENT)
        return dataset

    def box_has_path(self, path: str) -> bool:
        """Whether a directory or file exists at this path."""
        from holdfast.simulators.truenas.methods.filesystem import Filesystem

        return self.box.get(Filesystem).exists(path)

    def pool_changed(self, pool: Pool) -> None:
        """Announce a pool's new state."""
        self.box.events.emit("pool.query", "changed", key=pool.number, fields=self.pool_row(pool))

    def dataset_changed(self, dataset: Dataset, msg: str = "changed") -> None:
        """Announce a dataset's new state."""
        row = self.store.dataset_row(dataset, children=False) if msg != "removed" else None
        self.box.events.emit("pool.dataset.query", msg, key=dataset.name, fields=row)


def _auto_name(moment: float) -> str:
    from holdfast.simulators.truenas.wire import from_epoch

    return from_epoch(moment).strftime("auto-%Y-%m-%d_%H-%M")
