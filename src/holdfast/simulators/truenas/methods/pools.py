"""`pool.*`: reading pools, and operations on their devices that end at once (contract section 15.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.errors import EZFS_BUSY, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.storage.pools import Pool, Vdev

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class Pools(Namespace):
    """Pools and their devices."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store

    @method("pool.query")
    def query(self, call: Call, filters: list[Any], options: Row) -> Json:
        """Imported pools."""
        return call.query([self.storage.pool_row(pool) for pool in self.store.pools.values()], filters, options)

    @method("pool.get_instance")
    def get_instance(self, call: Call, number: int, options: Row) -> Row:
        """One pool."""
        return self.storage.pool_row(self.storage.pool(number))

    @method("pool.is_upgraded")
    def is_upgraded(self, call: Call, number: int) -> bool:
        """Whether all feature flags are on."""
        return self.storage.pool(number).upgraded

    @method("pool.upgrade")
    def upgrade(self, call: Call, number: int) -> bool:
        """Switch all feature flags on; there is no way back."""
        pool = self.storage.pool(number)
        pool.upgraded = True
        self.storage.pool_changed(pool)
        return True

    @method("pool.get_disks")
    def get_disks(self, call: Call, number: int | None) -> list[str]:
        """Names of the disks of one pool or all."""
        pools = list(self.store.pools.values()) if number is None else [self.storage.pool(number)]
        return [disk.name for pool in pools for disk in pool.disks()]

    @method("pool.filesystem_choices")
    def filesystem_choices(self, call: Call, types: list[str]) -> list[str]:
        """Names of datasets of these types."""
        return sorted(d.name for d in self.store.datasets.values() if d.kind in types and not d.internal)

    @method("pool.validate_name")
    def validate_name(self, call: Call, name: str) -> bool:
        """Refuse a name that no pool may have."""
        check_pool_name(name, "pool_name")
        return True

    @method("pool.attachments")
    def attachments(self, call: Call, number: int) -> list[Row]:
        """Shares and tasks that use the pool."""
        from holdfast.simulators.truenas.methods.attachments import attachments_of

        return attachments_of(self.box, self.storage.pool(number).name)

    @method("pool.processes")
    def processes(self, call: Call, number: int) -> list[Row]:
        """Processes that have files of the pool open."""
        from holdfast.simulators.truenas.methods.attachments import processes_of

        return processes_of(self.box, self.storage.pool(number).name)

    def find(self, pool: Pool, label: str) -> tuple[Vdev, Vdev | None]:
        """A device by label. A validation failure when the pool has none."""
        found = pool.find(label)
        if found is None:
            raise invalid("options.label", f"Label {label} not found on this pool.", 2)
        return found

    def _others_suffice(self, pool: Pool, vdev: Vdev) -> bool:
        before = vdev.state
        vdev.state = "OFFLINE"
        suffices = pool.status != "FAULTED"
        vdev.state = before
        return suffices

    @method("pool.offline")
    def offline(self, call: Call, number: int, options: Row) -> bool:
        """Take a disk out of service."""
        pool = self.storage.pool(number)
        vdev, _ = self.find(pool, options["label"])
        if not self._others_suffice(pool, vdev):
            raise CallError(f"cannot offline {options['label']}: no valid replicas", EZFS_BUSY)
        vdev.state = "OFFLINE"
        self.changed(pool)
        return True

    @method("pool.online")
    def online(self, call: Call, number: int, options: Row) -> bool:
        """Take a disk back into service."""
        pool = self.storage.pool(number)
        vdev, _ = self.find(pool, options["label"])
        vdev.state = "ONLINE"
        self.changed(pool)
        return True

    @method("pool.detach")
    def detach(self, call: Call, number: int, options: Row) -> bool:
        """Remove a disk from a mirror, or a spare."""
        pool = self.storage.pool(number)
        vdev, parent = self.find(pool, options["label"])
        if parent is None:
            spares = pool.vdevs.get("spare", [])
            if vdev not in spares:
                raise CallError("cannot detach: only applicable to mirror and replacing vdevs", 22)
            spares.remove(vdev)
        elif parent.kind not in ("MIRROR", "REPLACING", "SPARE"):
            raise CallError("cannot detach: only applicable to mirror and replacing vdevs", 22)
        else:
            parent.children.remove(vdev)
            if len(parent.children) == 1:
                _replace_vdev(pool, parent, parent.children[0])
        self.changed(pool)
        return True

    def changed(self, pool: Pool) -> None:
        """Announce a pool's new state, and raise or clear the alert about its health."""
        from holdfast.simulators.truenas.methods.alerts import Alerts

        alerts = self.box.get(Alerts)
        alerts.clear("VolumeStatus")
        for other in self.store.pools.values():
            if other.status != "ONLINE":
                text = f"Pool {other.name} state is {other.status}: one or more devices are not available."
                alerts.raise_alert("VolumeStatus", "CRITICAL", text, {"volume": other.name, "state": other.status})
        self.storage.pool_changed(pool)


def _replace_vdev(pool: Pool, old: Vdev, new: Vdev) -> None:
    for vdevs in pool.vdevs.values():
        for index, vdev in enumerate(vdevs):
            if vdev is old:
                vdevs[index] = new
            for position, child in enumerate(vdev.children):
                if child is old:
                    vdev.children[position] = new


def check_pool_name(name: str, attribute: str) -> None:
    """ZFS's rules for pool names."""
    reserved = name.startswith(("mirror", "raidz", "draid", "spare")) or name in ("log", "cache", "boot-pool")
    if reserved or not name[0].isalpha() or not all(c.isalnum() or c in "-_. :" for c in name):
        raise invalid(attribute, "Invalid pool name (please refer to https://openzfs.github.io/openzfs-docs/)")
