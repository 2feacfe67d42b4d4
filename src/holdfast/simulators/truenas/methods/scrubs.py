"""Scrubs and resilvers: now, by schedule, and their window (contract sections 12 and 15.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Settings, Table
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, ENOENT, CallError, InstanceNotFoundError, Row, invalid
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.pools import Pool, Scan

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

DAY = 86400
SCAN_STEPS = 20
MAX_SCRUBS = 10


class Scrubs(Namespace):
    """Scans of pools."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.schedules = Table(box, "pool.scrub", "Pool Scrub")
        self.schedules.present = self._present
        Crud(self, self.schedules, check=self._check, merge=("schedule",))
        Settings(self, "pool.resilver", {"id": 1}, check=self._check_window)
        for pool in self.storage.store.pools.values():
            self.schedules.add({"pool": pool.number, "pool_name": pool.name})

    def _present(self, row: Row) -> Row:
        pool = self.storage.store.pools.get(row["pool"])
        return {**row, "pool_name": pool.name if pool is not None else row["pool_name"]}

    def _check(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        pool = self.storage.store.pools.get(row["pool"])
        if pool is None:
            raise invalid(f"{prefix}.pool", "The specified volume does not exist", ENOENT)
        same = self.schedules.first(pool=row["pool"])
        if same is not None and (old is None or same["id"] != old["id"]):
            raise invalid(f"{prefix}.pool", "A scrub with this pool already exists", EEXIST)
        row["pool_name"] = pool.name

    @staticmethod
    def _check_window(call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if not row["weekday"]:
            raise invalid(f"{prefix}.weekday", "At least one weekday should be selected")

    # Scanning ------------------------------------------------------------------------------------------------

    def _announce(self, pool: Pool) -> None:
        now = self.box.clock.now()
        name = "pool.scan" if self.box.persona.release >= (26, 0) else "zfs.pool.scan"
        scan = pool.scan.row(now) if pool.scan is not None else None
        self.box.events.emit(name, "changed", fields={"name": pool.name, "scan": scan})

    def _scan(self, pool: Pool, function: str) -> Steps:
        """Scan from where it stands to the end, or until somebody stops it."""
        duration = self.box.timing.scrub_s
        scan = pool.scan
        if scan is None or scan.state != "SCANNING" or scan.function != function:
            total = self.storage.store.allocated(pool)
            scan = Scan(function, "SCANNING", self.box.clock.now(), None, total, 0.0, duration=duration)
            pool.scan = scan
        scan.paused = None
        description = "Scrubbing" if function == "SCRUB" else "Resilvering"
        self._announce(pool)
        while scan.done < 1.0:
            yield Step(int(scan.done * 100), description, duration / SCAN_STEPS)
            if scan.halted:
                return  # somebody paused or stopped it; this job has nothing left to watch
            scan.done = min(round(scan.done + 1 / SCAN_STEPS, 6), 1.0)
            self._announce(pool)
        scan.state, scan.ended = "FINISHED", self.box.clock.now()
        self._finished(pool, function)
        self._announce(pool)

    def _finished(self, pool: Pool, function: str) -> None:
        if function == "SCRUB":
            text = f"Scrub of pool '{pool.name}' finished."
            self.box.get(Alerts).raise_alert("ScrubFinished", "INFO", text, pool.name)
        self.storage.pool_changed(pool)

    def resilver(self, pool: Pool) -> Steps:
        """Rebuild redundancy; a scrub that runs gives way."""
        yield from self._scan(pool, "RESILVER")

    def _pool(self, name: str) -> Pool:
        pool = self.storage.store.pool_named(name)
        if pool is None:
            raise CallError(f"cannot open '{name}': no such pool", ENOENT)
        return pool

    def _act(self, pool: Pool, action: str) -> Steps:
        scan = pool.scan
        running = scan is not None and scan.state == "SCANNING"
        if action == "START":
            if scan is not None and running and scan.paused is None:
                raise CallError(
                    "Scrub is already in progress" if scan.function == "SCRUB" else "Pool is resilvering", EBUSY
                )
            yield from self._scan(pool, "SCRUB")
            return
        if scan is None or not running:
            raise CallError(f"There is no active scrub on {pool.name}", ENOENT)
        if action == "PAUSE":
            scan.paused = self.box.clock.now()
        else:
            scan.state, scan.ended = "CANCELED", self.box.clock.now()
        self._announce(pool)
        yield Step(100, "", 0)

    @method("pool.scrub.scrub", lock=lambda arguments: f"{arguments[0]}:{arguments[1]}")
    def scrub(self, call: Call, name: str, action: str) -> Steps:
        """Start, stop or pause; a started scrub is the whole job's length."""
        yield from self._act(self._pool(name), action)

    @method("pool.scrub")
    def scrub_by_id(self, call: Call, number: int, action: str) -> Steps:
        """The same by pool id."""
        yield from self._act(self.storage.pool(number), action)

    def _due(self, pool: Pool, threshold: int) -> bool:
        scan = pool.scan
        if scan is None or scan.function != "SCRUB" or scan.state != "FINISHED" or not threshold:
            return True
        return self.box.clock.now() - scan.started >= (threshold - 1) * DAY

    @method("pool.scrub.run")
    def run(self, call: Call, name: str, threshold: int) -> None:
        """Scrub if the last one is older than `threshold` days; otherwise do nothing, and say nothing."""
        pool = self._pool(name)
        if not self._due(pool, threshold):
            return
        if pool.scan is not None and pool.scan.state == "SCANNING":
            return
        self.start_by_itself(pool)

    def start_by_itself(self, pool: Pool) -> None:
        """A scrub that no caller waits for."""
        from holdfast.simulators.truenas.facts import JobFacts

        arguments = [pool.name, "START"]
        self.box.jobs.submit("pool.scrub.scrub", arguments, JobFacts(), lambda job: self._act(pool, "START"), lock=None)

    @method(
        "zpool.scrub.run", since="26", lock=lambda arguments: f"{arguments[0]['pool_name']}:{arguments[0]['action']}"
    )
    def zpool_scrub(self, call: Call, data: Row) -> Steps:
        """26: scrub unless the last one is younger than the threshold."""
        pool = self._pool(data["pool_name"])
        action = "STOP" if data["action"] == "CANCEL" else str(data["action"])
        if action == "START":
            if not self._due(pool, data["threshold"]):
                return
            scanning = [p for p in self.storage.store.pools.values() if p.scan and p.scan.state == "SCANNING"]
            if len(scanning) >= MAX_SCRUBS:
                raise CallError(f"{MAX_SCRUBS} scrubs are running already", EBUSY)
        yield from self._act(pool, action)

    @method("boot.scrub")
    def boot_scrub(self, call: Call) -> Steps:
        """Scrub the boot pool."""
        yield from self._act(self.storage.store.boot, "START")

    @method("boot.get_state")
    def boot_state(self, call: Call) -> Row:
        """The boot pool."""
        row = self.storage.pool_row(self.storage.store.boot)
        del row["id"], row["guid"]
        return row

    @method("boot.get_disks")
    def boot_disks(self, call: Call) -> list[str]:
        """Disks of the boot pool."""
        return [disk.name for disk in self.storage.store.boot.disks()]

    @method("boot.set_scrub_interval")
    def set_scrub_interval(self, call: Call, days: int) -> int:
        """Days between scrubs of the boot pool."""
        return days

    @method("boot.attach")
    def boot_attach(self, call: Call, name: str, options: Row) -> Steps:
        """Mirror the boot disk."""
        from holdfast.simulators.truenas.methods.pool_jobs import PoolJobs

        boot = self.storage.store.boot
        disk = self.box.get(PoolJobs).unused_disk(name, "dev")
        yield Step(20, "Formatting")
        leaves = [leaf for leaf in boot.leaves() if leaf.disk is not None]
        made = self.storage.store.make_vdev("STRIPE", [disk])
        kind = type(leaves[0])
        boot.vdevs["data"] = [kind("MIRROR", self.storage.store.new_guid(), None, [*leaves, *made])]
        yield from self.resilver(boot)

    @method("boot.detach")
    def boot_detach(self, call: Call, name: str) -> None:
        """Take a disk out of the boot mirror."""
        boot = self.storage.store.boot
        found = boot.find(name)
        if found is None:
            raise InstanceNotFoundError(f"Disk {name} does not exist")
        leaf, parent = found
        if parent is None:
            raise CallError("cannot detach: only applicable to mirror and replacing vdevs", 22)
        parent.children.remove(leaf)
        if len(parent.children) == 1:
            boot.vdevs["data"] = parent.children

    @method("boot.replace")
    def boot_replace(self, call: Call, label: str, name: str) -> Steps:
        """Put another disk in the boot disk's place."""
        from holdfast.simulators.truenas.methods.pool_jobs import PoolJobs

        boot = self.storage.store.boot
        found = boot.find(label)
        if found is None:
            raise InstanceNotFoundError(f"Label {label} does not exist")
        disk = self.box.get(PoolJobs).unused_disk(name, "dev")
        yield Step(20, "Formatting")
        found[0].disk, found[0].label = disk, ""
        yield from self.resilver(boot)
