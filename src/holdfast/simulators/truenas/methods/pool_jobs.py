"""`pool.*` operations that are jobs: creating, growing, repairing, exporting (contract section 15.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import (
    EBUSY,
    EEXIST,
    ENOENT,
    EZFS_BUSY,
    CallError,
    Row,
    ValidationFailedError,
    invalid,
)
from holdfast.simulators.truenas.methods.attachments import attachments_of, delete_attachments
from holdfast.simulators.truenas.methods.pools import Pools, check_pool_name
from holdfast.simulators.truenas.methods.scrubs import Scrubs
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.datasets import Dataset, Encryption
from holdfast.simulators.truenas.storage.disks import Disk
from holdfast.simulators.truenas.storage.pools import MIN_DISKS, Pool, Vdev

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

# The names of device classes in `topology` arguments, and in `Pool.vdevs`.
CLASS_NAMES = {"data": "data", "special": "special", "dedup": "dedup", "cache": "cache", "log": "log"}


class PoolJobs(Namespace):
    """Pools come, change and go."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store
        self.pools = box.get(Pools)

    # Disks for devices ---------------------------------------------------------------------------------------

    def unused_disk(self, name: str, attribute: str) -> Disk:
        """A disk by name that no pool uses. A validation failure otherwise."""
        disk = self.store.disks.get(name)
        if disk is None:
            disk = next((d for d in self.store.disks.values() if d.identifier == name), None)
        if disk is None:
            raise invalid(attribute, f"The following disks were not found in system: {name}.", ENOENT)
        if self.store.pool_of_disk(disk) is not None:
            raise invalid(attribute, f"The following disks are already in use: {name}.")
        return disk

    def _layout(self, topology: Row, attribute: str) -> dict[str, list[Vdev]]:
        """Devices for a `topology` argument, every disk checked and used once."""
        problems: list[tuple[str | None, str, int]] = []
        taken: set[str] = set()
        vdevs: dict[str, list[Vdev]] = {}
        for class_name, target in CLASS_NAMES.items():
            for index, spec in enumerate(topology.get(class_name) or []):
                path = f"{attribute}.topology.{class_name}.{index}.disks"
                kind, names = spec.get("type", "STRIPE"), spec["disks"]
                if len(names) < MIN_DISKS[kind]:
                    problems.append((path, f"You need at least {MIN_DISKS[kind]} disk(s) for this vdev type.", 22))
                    continue
                disks = self._take(names, taken, path, problems)
                vdevs.setdefault(target, []).extend(self.store.make_vdev(kind, disks))
        spares = self._take(topology.get("spares") or [], taken, f"{attribute}.topology.spares", problems)
        if spares:
            vdevs["spare"] = self.store.make_vdev("STRIPE", spares)
        if problems:
            raise ValidationFailedError(problems)
        return vdevs

    def _take(
        self, names: list[str], taken: set[str], path: str, problems: list[tuple[str | None, str, int]]
    ) -> list[Disk]:
        disks: list[Disk] = []
        for name in names:
            if name in taken:
                problems.append((path, f"Disk {name} is used more than once.", 22))
                continue
            taken.add(name)
            try:
                disks.append(self.unused_disk(name, path))
            except ValidationFailedError as error:
                problems += error.problems
        return disks

    # Creating and growing ------------------------------------------------------------------------------------

    @method("pool.create")
    def create(self, call: Call, data: Row) -> Steps:
        """Create a pool; its disks are wiped."""
        name = data["name"]
        check_pool_name(name, "pool_create.name")
        if self.store.pool_named(name) is not None:
            raise invalid("pool_create.name", "A pool with this name already exists.", EEXIST)
        vdevs = self._layout(data["topology"], "pool_create")
        yield Step(25, "Formatting disks")
        yield Step(75, "Creating pool")
        now = self.box.clock.now()
        pool = self.store.add_pool(name, vdevs, now)
        pool.checksum = data.get("checksum")
        root = self.store.add_dataset(name, "FILESYSTEM", now)
        root.local |= {"compression": "lz4", "atime": "off"}
        if data.get("deduplication"):
            root.local["deduplication"] = data["deduplication"].lower()
        if data.get("encryption"):
            root.encryption = encryption_from(data.get("encryption_options") or {}, self.store.random.getrandbits(256))
        self.box.get(Scrubs).schedules.add({"pool": pool.number, "pool_name": name, "threshold": 35})
        row = self.storage.pool_row(pool)
        self.box.events.emit("pool.query", "added", key=pool.number, fields=row)
        self.storage.dataset_changed(root, "added")
        return row

    @method("pool.update")
    def update(self, call: Call, number: int, data: Row) -> Steps:
        """Add devices, or change autotrim and the dedup quota."""
        pool = self.storage.pool(number)
        vdevs = self._layout(data.get("topology") or {}, "pool_update")
        current = {vdev.kind for vdev in pool.vdevs.get("data", [])}
        for vdev in vdevs.get("data", []):
            if vdev.kind not in current:
                raise invalid("pool_update.topology.data.0.type", "You are not allowed to mix vdev types.")
        yield Step(50, "Extending pool" if vdevs else "Updating pool")
        for class_name, members in vdevs.items():
            pool.vdevs.setdefault(class_name, []).extend(members)
        pool.autotrim = data.get("autotrim") or pool.autotrim
        if data.get("dedup_table_quota") is not None:
            custom = data["dedup_table_quota"] == "CUSTOM"
            pool.dedup_quota = str(data.get("dedup_table_quota_value")) if custom else data["dedup_table_quota"].lower()
        self.storage.pool_changed(pool)
        return self.storage.pool_row(pool)

    @method("pool.expand")
    def expand(self, call: Call, number: int) -> Steps:
        """Use space that disks have gained."""
        pool = self.storage.pool(number)
        yield Step(50, "Expanding")
        self.storage.pool_changed(pool)

    @method("pool.attach", lock=lambda arguments: f"pool_attach_{arguments[0]}")
    def attach(self, call: Call, number: int, options: Row) -> Steps:
        """Add a disk to a mirror, make a mirror of a disk, or widen a RAIDZ."""
        pool = self.storage.pool(number)
        found = pool.find(options["target_vdev"])
        if found is None:
            raise invalid("pool_attach.target_vdev", "Unable to locate VDEV", ENOENT)
        target, parent = found
        disk = self.unused_disk(options["new_disk"], "pool_attach.new_disk")
        leaf = Vdev("DISK", self.store.new_guid(), disk)
        yield Step(3, "Formatting disk")
        if target.kind.startswith("RAIDZ"):
            yield from self._widen(pool, target, leaf)
            return
        if target.kind == "MIRROR":
            target.children.append(leaf)
        elif parent is not None and parent.kind == "MIRROR":
            parent.children.append(leaf)
        elif parent is None and target.disk is not None:
            mirror = Vdev("MIRROR", self.store.new_guid(), None, [target, leaf])
            for vdevs in pool.vdevs.values():
                if target in vdevs:
                    vdevs[vdevs.index(target)] = mirror
        else:
            raise invalid("pool_attach.target_vdev", f"Attaching disks to {target.kind} vdev is not allowed.")
        self.pools.changed(pool)
        yield from self.box.get(Scrubs).resilver(pool)

    def _widen(self, pool: Pool, target: Vdev, leaf: Vdev) -> Steps:
        started = self.box.clock.now()
        steps = 4
        for number in range(1, steps + 1):
            pool.expand = {
                "state": "SCANNING",
                "expanding_vdev": 0,
                "start_time": int(started),
                "end_time": None,
                "bytes_to_reflow": self.store.allocated(pool),
                "bytes_reflowed": self.store.allocated(pool) * number // steps,
                "waiting_for_resilver": 0,
                "total_secs_left": steps - number,
                "percentage": 100.0 * number / steps,
            }
            yield Step(100 * number // (steps + 1), "Expanding")
        target.children.append(leaf)
        pool.expand = {**(pool.expand or {}), "state": "FINISHED", "end_time": int(self.box.clock.now())}
        self.pools.changed(pool)

    # Repairing and shrinking ---------------------------------------------------------------------------------

    @method("pool.replace")
    def replace(self, call: Call, number: int, options: Row) -> Steps:
        """Put another disk in a disk's place and resilver."""
        pool = self.storage.pool(number)
        found = pool.find(options["label"])
        if found is None or found[0].children:
            raise invalid("options.label", f"Label {options['label']} not found.", ENOENT)
        disk = self.unused_disk(options["disk"], "options.disk")
        leaf, _ = found
        if leaf.disk is not None and disk.size < leaf.disk.size:
            raise invalid("options.disk", f"Disk {disk.name} is too small to replace {leaf.disk.name}.")
        if disk.exported_pool is not None and not options.get("force"):
            raise invalid("options.force", "Disk is not clean, partitions were found.")
        yield Step(10, "Formatting disk")
        old = leaf.disk
        if old is not None and options.get("preserve_description", True):
            disk.description = old.description
        leaf.disk, leaf.guid, leaf.state, leaf.label = disk, self.store.new_guid(), "ONLINE", ""
        leaf.errors = dict.fromkeys(leaf.errors, 0)
        self.pools.changed(pool)
        yield from self.box.get(Scrubs).resilver(pool)
        self.pools.changed(pool)
        return True

    @method("pool.remove", lock=lambda arguments: f"pool_remove_{arguments[0]}")
    def remove(self, call: Call, number: int, options: Row) -> Steps:
        """Evacuate and remove a top-level device."""
        pool = self.storage.pool(number)
        found = pool.find(options["label"])
        if found is None:
            raise invalid("options.label", f"Label {options['label']} not found.", ENOENT)
        vdev, parent = found
        class_name = next((name for name, member in pool.all_vdevs() if member is vdev), None)
        raidz = any(member.kind.startswith("RAIDZ") for member in pool.vdevs.get("data", []))
        if parent is not None or class_name is None or (class_name == "data" and raidz):
            raise CallError("cannot remove: invalid config; all top-level vdevs must have the same sector size", 22)
        if class_name == "data" and len(pool.vdevs["data"]) == 1:
            raise CallError("cannot remove: out of space", EZFS_BUSY)
        yield Step(50, "Evacuating")
        pool.vdevs[class_name].remove(vdev)
        self.pools.changed(pool)

    @method("pool.ddt_prune", lock=lambda arguments: "ddt")
    @method("pool.ddt_prefetch", lock=lambda arguments: "ddt", until="26")
    def dedup_table(self, call: Call, what: Row | str) -> Steps:
        """Prune or preload the dedup table."""
        name = what if isinstance(what, str) else what["pool_name"]
        if self.store.pool_named(name) is None:
            raise CallError(f"cannot open '{name}': no such pool", ENOENT)
        yield Step(50, "Working")

    @method("pool.prefetch", lock=lambda arguments: f"prefetch_{arguments[0]}", since="26")
    def prefetch(self, call: Call, name: str) -> Steps:
        """Preload a pool's metadata (26)."""
        yield from self.dedup_table(call, name)

    # Going and coming ----------------------------------------------------------------------------------------

    @method("pool.export")
    def export(self, call: Call, number: int, options: Row) -> Steps:
        """Export a pool, or destroy it; `cascade` deletes what uses it."""
        pool = self.storage.pool(number)
        in_use = [entry for entry in attachments_of(self.box, pool.name) if entry["attachments"]]
        yield Step(10, "Stopping services")
        if options.get("cascade"):
            delete_attachments(self.box, pool.name)
        elif in_use and not options.get("restart_services") and options.get("destroy"):
            raise CallError("Pool is in use by shares or tasks", EBUSY, in_use)
        yield Step(60, "Destroying pool" if options.get("destroy") else "Exporting pool")
        names = [name for name in self.store.datasets if name == pool.name or name.startswith(f"{pool.name}/")]
        datasets: list[Dataset] = []
        kept = []
        for name in names:
            kept += list(self.store.snapshots.pop(name, {}).values())
            datasets.append(self.store.datasets.pop(name))
        del self.store.pools[pool.number]
        for disk in pool.disks():
            disk.exported_pool = None if options.get("destroy") else pool.name
        if not options.get("destroy"):
            self.store.exported[pool.guid] = (pool, datasets, kept)
        self.box.events.emit("pool.query", "removed", key=pool.number)

    @method("pool.import_find")
    def import_find(self, call: Call) -> Steps:
        """Pools on disks that are not imported."""
        yield Step(50, "Searching")
        return [
            {"name": pool.name, "guid": guid, "status": pool.status, "hostname": self.box.hostname}
            for guid, (pool, _, _) in self.store.exported.items()
        ]

    @method("pool.import_pool")
    def import_pool(self, call: Call, data: Row) -> Steps:
        """Import a pool found by `pool.import_find`."""
        if data["guid"] not in self.store.exported:
            raise CallError(f'Pool with guid "{data["guid"]}" not found', ENOENT)
        name = data.get("name")
        pool, datasets, snapshots = self.store.exported[data["guid"]]
        if self.store.pool_named(name or pool.name) is not None:
            raise CallError(f"cannot import '{name or pool.name}': a pool with that name already exists", EEXIST)
        yield Step(50, "Importing")
        del self.store.exported[data["guid"]]
        self.store.pools[pool.number] = pool
        for dataset in datasets:
            self.store.datasets[dataset.name] = dataset
        for snapshot in snapshots:
            self.store.snapshots.setdefault(snapshot.dataset, {})[snapshot.name] = snapshot
        if name is not None and name != pool.name:
            self.store.rename_dataset(pool.name, name)
            pool.name = name
        for disk in pool.disks():
            disk.exported_pool = None
        self.box.events.emit("pool.query", "added", key=pool.number, fields=self.storage.pool_row(pool))
        return True

    @method("pool.reimport", since="26")
    def reimport(self, call: Call, number: int) -> Steps:
        """Export and import again (26)."""
        pool = self.storage.pool(number)
        yield Step(50, "Importing")
        self.storage.pool_changed(pool)
        return True


def encryption_from(options: Row, random_bits: int) -> Encryption:
    """Encryption by the options of a create call; a generated key when there is neither key nor passphrase."""
    algorithm = options.get("algorithm", "AES-256-GCM")
    if options.get("passphrase") is not None:
        return Encryption(algorithm, "PASSPHRASE", options["passphrase"], options.get("pbkdf2iters", 350_000))
    if options.get("key") is not None:
        return Encryption(algorithm, "HEX", options["key"], 0)
    return Encryption(algorithm, "HEX", f"{random_bits:064x}", 0)
