"""`disk.*` and `device.*` (contract sections 15.1 and 15.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EBUSY, ENOENT, CallError, InstanceNotFoundError, Json, Row
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.disks import Disk

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

WIPE_STEPS = {"QUICK": 2, "FULL": 20, "FULL_RANDOM": 20}


class Disks(Namespace):
    """Disks by identifier or device name."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store

    def row(self, disk: Disk, *, pools: bool, passwords: bool) -> Row:
        """A disk as `disk.query` shows it."""
        pool = self.store.pool_of_disk(disk)
        leaf = next((v for v in pool.leaves() if v.disk is disk), None) if pool is not None else None
        row: Row = {
            "identifier": disk.identifier,
            "name": disk.name,
            "subsystem": "nvme" if disk.bus == "NVME" else "scsi",
            "number": 2048 + (disk.slot or 0) * 16,
            "serial": disk.serial,
            "lunid": disk.lunid,
            "size": disk.size,
            "description": disk.description,
            "transfermode": "Auto",
            "hddstandby": disk.hddstandby,
            "advpowermgmt": disk.advpowermgmt,
            "expiretime": None,
            "model": disk.model,
            "rotationrate": disk.rotationrate,
            "type": disk.kind,
            "zfs_guid": leaf.guid if leaf is not None else None,
            "bus": disk.bus,
            "devname": disk.name,
            "enclosure": {"number": 0, "slot": disk.slot + 1} if disk.slot is not None else None,
            "pool": pool.name if pools and pool is not None else None,
            "sed": False,
            "sed_status": "UNSUPPORTED",
        }
        if passwords:
            row |= {"passwd": disk.passwd, "kmip_uid": None}
        return row

    @method("disk.query")
    def query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Disks; pool names only with `extra.pools`, passwords only with `extra.passwords`."""
        extra = options.get("extra", {})
        rows = [
            self.row(disk, pools=bool(extra.get("pools")), passwords=bool(extra.get("passwords")))
            for disk in self.store.disks.values()
        ]
        return call.query(rows, filters, options)

    def _by_identifier(self, identifier: str) -> Disk:
        for disk in self.store.disks.values():
            if disk.identifier == identifier:
                return disk
        raise InstanceNotFoundError(f"Disk {identifier} does not exist")

    @method("disk.get_instance")
    def get_instance(self, call: Call, identifier: str, options: Row) -> Row:
        """One disk."""
        extra = options.get("extra", {})
        disk = self._by_identifier(identifier)
        return self.row(disk, pools=bool(extra.get("pools")), passwords=bool(extra.get("passwords")))

    @method("disk.update")
    def update(self, call: Call, identifier: str, data: Row) -> Row:
        """Change what may be changed of a disk."""
        disk = self._by_identifier(identifier)
        for name in ("description", "hddstandby", "advpowermgmt", "passwd"):
            if name in data:
                setattr(disk, name, data[name])
        row = self.row(disk, pools=False, passwords=True)
        self.box.events.emit("disk.query", "changed", key=identifier, fields=row)
        return row

    def _detail(self, disk: Disk) -> Row:
        pool = self.store.pool_of_disk(disk)
        return {
            **self.row(disk, pools=True, passwords=False),
            "sectorsize": 4096,
            "blocks": disk.size // 512,
            "imported_zpool": pool.name if pool is not None else None,
            "exported_zpool": disk.exported_pool,
            "duplicate_serial": [],
            "unsupported_md_devices": None,
            "partitions": [],
        }

    @method("disk.details")
    def details(self, call: Call, data: Row) -> Json:
        """Used and unused disks."""
        rows = [self._detail(disk) for disk in self.store.disks.values()]
        used = [row for row in rows if row["imported_zpool"] is not None]
        unused = [row for row in rows if row["imported_zpool"] is None]
        return {"USED": used, "UNUSED": unused}.get(data["type"], {"used": used, "unused": unused})

    @method("disk.get_used")
    def get_used(self, call: Call, join_partitions: bool) -> list[Row]:
        """Disks in pools."""
        used = (disk for disk in self.store.disks.values() if self.store.pool_of_disk(disk) is not None)
        return [self._detail(disk) for disk in used]

    @method("disk.temperatures")
    def temperatures(self, call: Call, names: list[str] | None, include_thresholds: bool) -> Row:
        """°C by disk name, null when unknown; with thresholds as pairs."""
        chosen = names or list(self.store.disks)
        found: Row = {}
        for name in chosen:
            disk = self.store.disks.get(name)
            if disk is not None:
                limit = 60 if disk.kind == "HDD" else 70
                found[name] = [disk.temperature, limit] if include_thresholds else disk.temperature
        return found

    @method("disk.temperature_agg")
    def temperature_agg(self, call: Call, names: list[str], days: int) -> Row:
        """Least, most and mean °C of some days."""
        found: Row = {}
        for name in names:
            disk = self.store.disks.get(name)
            degrees = disk.temperature if disk is not None else None
            if degrees is not None:
                found[name] = {"min": degrees - 3, "max": degrees + 4, "avg": degrees + 0.4}
            else:
                found[name] = {"min": None, "max": None, "avg": None}
        return found

    @method("disk.temperature_alerts")
    def temperature_alerts(self, call: Call, names: list[str]) -> list[Row]:
        """Alerts about temperatures of these disks."""
        alerts = self.box.get(Alerts).alerts.values()
        return [row for row in alerts if row["klass"] == "DiskTemperatureTooHot" and row["args"] in names]

    # 25.04 only ----------------------------------------------------------------------------------------------

    @method("disk.temperature", until="25.10")
    def temperature(self, call: Call, name: str, options: Row) -> int | None:
        """°C of one disk."""
        disk = self.store.disks.get(name)
        return disk.temperature if disk is not None else None

    @method("disk.smart_attributes", until="25.10")
    def smart_attributes(self, call: Call, name: str) -> list[Row]:
        """S.M.A.R.T. attributes of an ATA disk."""
        disk = self.store.disks.get(name)
        if disk is None or disk.kind != "HDD":
            raise CallError(f"{name}: S.M.A.R.T. attributes are not available", ENOENT)
        sick = any(
            row["klass"] == "SMART" and row["args"] == disk.serial for row in self.box.get(Alerts).alerts.values()
        )
        values = (
            (5, "Reallocated_Sector_Ct", 0),
            (194, "Temperature_Celsius", disk.temperature or 0),
            (198, "Offline_Uncorrectable", 8 if sick else 0),
        )
        return [
            {
                "id": number,
                "name": label,
                "value": 100,
                "worst": 100,
                "thresh": 0,
                "raw": {"value": raw, "string": str(raw)},
            }
            for number, label, raw in values
        ]

    @method("smart.test.results", until="25.10")
    def smart_results(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Results of self-tests."""
        rows: list[Row] = []
        for disk in self.store.disks.values():
            test = {
                "num": 1,
                "description": "Short offline",
                "status": "SUCCESS",
                "status_verbose": "Completed without error",
                "segment_number": None,
                "remaining": 0,
                "lifetime": 21_040,
                "lba_of_first_error": None,
            }
            rows.append({"disk": disk.name, "tests": [test], "current_test": None})
        return call.query(rows, filters, options)

    @method("smart.config", until="25.10")
    def smart_config(self, call: Call) -> Row:
        """Settings of the S.M.A.R.T. daemon."""
        return {"id": 1, "interval": 30, "powermode": "NEVER", "difference": 0, "informational": 0, "critical": 0}

    @method("disk.wipe", lock=lambda arguments: f"{arguments[0]}")
    def wipe(self, call: Call, name: str, mode: str, synccache: bool) -> Steps:
        """Erase a disk that no pool uses; abortable."""
        disk = self.store.disks.get(name)
        if disk is None:
            raise CallError(f"{name} not found on the system", ENOENT)
        if self.store.pool_of_disk(disk) is not None:
            raise CallError(f"{name} is in use by a pool", EBUSY)
        steps = WIPE_STEPS[mode]
        for number in range(steps):
            yield Step(100 * number // steps, f"Wiping {name}")
        disk.exported_pool = None

    @method("device.get_info")
    def get_info(self, call: Call, data: Row) -> Json:
        """Inventory by kind."""
        kind = data["type"]
        if kind == "DISK" and data["serials_only"]:
            return {disk.name: disk.serial for disk in self.store.disks.values()}
        if kind == "DISK":
            return {disk.name: self._device(disk) for disk in self.store.disks.values()}
        return []

    @staticmethod
    def _device(disk: Disk) -> Row:
        return {
            "name": disk.name,
            "serial": disk.serial,
            "size": disk.size,
            "model": disk.model,
            "type": disk.kind,
            "bus": disk.bus,
            "rotationrate": disk.rotationrate,
            "lunid": disk.lunid,
            "devname": disk.name,
            "identifier": disk.identifier,
            "mediasize": disk.size,
            "sectorsize": 4096,
            "subsystem": "nvme" if disk.bus == "NVME" else "scsi",
        }
