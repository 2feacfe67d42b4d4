"""Disks of a node and what is built on them (contract section 15.13)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.status import storage_numbers
from holdfast.simulators.proxmox.storages import Storage
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Json, Row

_DISK_BYTES: Final = 960_197_124_096
_BASE: Final = "/nodes/{node}/disks"
_LEAST: Final = {
    "single": 1,
    "mirror": 2,
    "raid10": 4,
    "raidz": 3,
    "raidz2": 4,
    "raidz3": 5,
    "draid": 3,
    "draid2": 4,
    "draid3": 5,
}


def _devices(node: Node) -> dict[str, str]:
    """Device path and serial number of every disk; the first carries the system."""
    return {f"/dev/sd{chr(ord('a') + number)}": serial for number, serial in enumerate(node.server.disk_serials)}


def _used_by(node: Node, device: str) -> str | None:
    if device == next(iter(_devices(node)), None):
        return "LVM"
    for pool in node.pools.values():
        if device in pool["devices"].split(","):
            return {"zfs": "ZFS", "lvm": "LVM", "lvmthin": "LVM", "directory": "mounted"}[pool["kind"]]
    return None


def _disk_row(node: Node, device: str, serial: str) -> Row:
    used = _used_by(node, device)
    row: Row = {
        "devpath": device,
        "by_id_link": f"/dev/disk/by-id/ata-{serial}",
        "model": "SAMSUNG_MZ7LH960HAJR",
        "serial": serial,
        "vendor": "ATA",
        "wwn": f"0x5002538e{sum(serial.encode()) * 7919 % 0xFFFFFFFF:08x}",
        "size": _DISK_BYTES,
        "type": "ssd",
        "rpm": 0,
        "health": "PASSED",
        "wearout": 97,
        "gpt": int(used is not None),
        "mounted": int(used == "mounted"),
        "osdid": -1,
        "osdid-list": [],
    }
    if used is not None:
        row["used"] = used
    return row


@answers(f"GET {_BASE}/list")
def list_disks(call: Call) -> Answer:
    """Physical disks."""
    node, wanted = call.member(), call.params.maybe("type")
    rows: list[Row] = []
    for device, serial in _devices(node).items():
        row = _disk_row(node, device, serial)
        if call.params.flag("skipsmart"):
            row["health"] = "UNKNOWN"
            row["wearout"] = "N/A"
        if wanted is None or "used" not in row:
            rows.append(row)
        if call.params.flag("include-partitions") and device == "/dev/sda":
            for number, (used, size) in enumerate(
                (("BIOS boot", 1_031_168), ("EFI", 1_073_741_824), ("LVM", 959_120_000_000)), 1
            ):
                part = _disk_row(node, device, serial)
                part |= {"devpath": f"{device}{number}", "parent": device, "size": size, "used": used}
                rows.append(part)
    return rows


def _device(call: Call, name: str) -> str:
    device = call.params.text(name)
    if device.rstrip("0123456789") not in _devices(call.member()):
        raise ApiError(f"unable to get device info for '{device}'")
    return device


@answers(f"GET {_BASE}/smart")
def get_smart(call: Call) -> Answer:
    """Self-monitoring of one disk."""
    _device(call, "disk")
    row: Row = {"health": "PASSED", "type": "ata"}
    if not call.params.flag("healthonly"):
        values = ((5, "Reallocated_Sector_Ct", "0"), (9, "Power_On_Hours", "21344"), (177, "Wear_Leveling_Count", "41"))
        attributes: list[Json] = [
            {
                "id": f"{number:3d}",
                "name": name,
                "value": 99,
                "worst": 99,
                "threshold": 10,
                "fail": "-",
                "raw": raw,
                "flags": "PO--CK",
                "normalized": 99,
            }
            for number, name, raw in values
        ]
        row["attributes"] = attributes
    return row


@answers(f"GET {_BASE}/zfs")
def list_zfs(call: Call) -> Answer:
    """ZFS pools."""
    node = call.member()
    rows: list[Row] = []
    for name, pool in {**_world_pools(call), **node.pools}.items():
        if pool["kind"] != "zfs":
            continue
        size = _DISK_BYTES * max(1, len(pool["devices"].split(",")) - 1)
        used = _pool_use(call, name)
        rows.append(
            {
                "name": name,
                "size": size,
                "alloc": used,
                "free": size - used,
                "frag": 3,
                "dedup": 1.0,
                "health": "ONLINE",
            }
        )
    return rows


def _world_pools(call: Call) -> dict[str, dict[str, str]]:
    """Pools that storages of the world stand for."""
    return {
        storage.options["pool"]: {"kind": "zfs", "devices": "/dev/sdb,/dev/sdc"}
        for storage in call.cluster.storages.values()
        if storage.type == "zfspool" and "pool" in storage.options
    }


def _pool_use(call: Call, name: str) -> int:
    for storage in call.cluster.storages.values():
        if storage.type == "zfspool" and storage.options.get("pool") == name:
            return storage_numbers(call.cluster, storage, call.node)[1]
    return 0


@answers(f"GET {_BASE}/zfs/{{name}}")
def get_zfs(call: Call) -> Answer:
    """Devices and state of a pool."""
    name = call.params.text("name")
    pool = {**_world_pools(call), **call.member().pools}.get(name)
    if pool is None or pool["kind"] != "zfs":
        raise ApiError(f"command 'zpool status -P {name}' failed: exit code 1")
    zero: Row = {"state": "ONLINE", "read": 0, "write": 0, "cksum": 0, "msg": ""}
    leaves: list[Row] = [{"name": device, "leaf": 1, **zero} for device in pool["devices"].split(",")]
    return {
        "name": name,
        "state": "ONLINE",
        "scan": "scrub repaired 0B in 00:12:44 with 0 errors",
        "errors": "No known data errors",
        "leaf": 0,
        "children": [{"name": name, "leaf": 0, **zero, "children": leaves}],
    }


@answers(f"GET {_BASE}/lvm")
def list_lvm(call: Call) -> Answer:
    """Volume groups and their devices."""
    node = call.member()
    groups: list[Row] = [_volume_group("pve", ["/dev/sda3"], 959_120_000_000, 16 * 1024**3)]
    groups += [
        _volume_group(name, pool["devices"].split(","), _DISK_BYTES, _DISK_BYTES)
        for name, pool in node.pools.items()
        if pool["kind"] in ("lvm", "lvmthin")
    ]
    return {"leaf": 0, "children": groups}


def _volume_group(name: str, devices: list[str], size: int, free: int) -> Row:
    children: list[Row] = [{"name": device, "leaf": 1, "size": size, "free": free} for device in devices]
    return {"name": name, "leaf": 0, "size": size, "free": free, "children": children}


@answers(f"GET {_BASE}/lvmthin")
def list_thin(call: Call) -> Answer:
    """Thin pools."""
    cluster, node = call.cluster, call.member()
    local = cluster.storages.get("local-lvm")
    size, used = storage_numbers(cluster, local, node.name) if local else (0, 0)
    rows: list[Row] = [_thin_row("data", "pve", size, used)] if local else []
    rows += [_thin_row(name, name, _DISK_BYTES, 0) for name, pool in node.pools.items() if pool["kind"] == "lvmthin"]
    return rows


def _thin_row(name: str, group: str, size: int, used: int) -> Row:
    meta = 8 * 1024**3
    return {"lv": name, "vg": group, "lv_size": size, "used": used, "metadata_size": meta, "metadata_used": meta // 60}


@answers(f"GET {_BASE}/directory")
def list_directories(call: Call) -> Answer:
    """Mounted disks."""
    return [
        {
            "device": pool["devices"],
            "path": f"/mnt/pve/{name}",
            "type": pool.get("filesystem", "ext4"),
            "options": "defaults",
            "unitfile": f"/etc/systemd/system/mnt-pve-{name}.mount",
        }
        for name, pool in call.member().pools.items()
        if pool["kind"] == "directory"
    ]


def _free_devices(call: Call) -> list[str]:
    node = call.member()
    words = call.params.words("devices") or [call.params.text("device")]
    for device in words:
        if device not in _devices(node):
            raise ApiError(f"unable to get device info for '{device}'")
        if _used_by(node, device):
            raise ApiError(f"device '{device}' is already in use")
    return words


@answers(f"POST {_BASE}/zfs", f"POST {_BASE}/lvm", f"POST {_BASE}/lvmthin", f"POST {_BASE}/directory")
def create(call: Call) -> Answer:
    """Build something on unused disks."""
    cluster, node = call.cluster, call.member()
    kind, name = call.method.template.rpartition("/")[2], call.params.text("name")
    devices = _free_devices(call)
    if name in node.pools or name == "pve":
        raise ApiError(f"pool '{name}' already exists on node '{node.name}'")
    level = call.params.text("raidlevel")
    if kind == "zfs" and len(devices) < _LEAST[level]:
        raise ApiError(f"{level} needs {_LEAST[level]} disks")
    add = call.params.flag("add_storage")
    if add:
        call.require("/storage", "Datastore.Allocate")
        if name in cluster.storages:
            raise ApiError(f"storage ID '{name}' already defined")

    def work() -> Work:
        yield f"# create {kind} '{name}' on {' '.join(devices)}"
        yield Pause()
        if any(_used_by(node, device) for device in devices):
            raise TaskError(f"device '{devices[0]}' is already in use")
        node.pools[name] = {"kind": kind, "devices": ",".join(devices), "raidlevel": level}
        if "filesystem" in call.params:
            node.pools[name]["filesystem"] = call.params.text("filesystem")
        if add:
            cluster.storages[name] = _storage(kind, name, node.name)

    return call.fork(f"{'dir' if kind == 'directory' else kind}create", name, work(), 0.4)


def _storage(kind: str, name: str, node: str) -> Storage:
    options = {
        "zfs": {"pool": name, "content": "images,rootdir"},
        "lvm": {"vgname": name, "content": "images,rootdir"},
        "lvmthin": {"vgname": name, "thinpool": name, "content": "images,rootdir"},
        "directory": {"path": f"/mnt/pve/{name}", "content": "images,rootdir,vztmpl,iso,backup,snippets"},
    }[kind]
    sort = {"zfs": "zfspool", "directory": "dir"}.get(kind, kind)
    return Storage(name, sort, {**options, "nodes": node})


@answers(*(f"DELETE {_BASE}/{kind}/{{name}}" for kind in ("zfs", "lvm", "lvmthin", "directory")))
def destroy(call: Call) -> Answer:
    """Take it apart again."""
    cluster, node, name = call.cluster, call.member(), call.params.text("name")
    kind = call.method.template.split("/")[4]
    if node.pools.get(name, {}).get("kind") != kind:
        raise ApiError(f"{kind} '{name}' does not exist on node '{node.name}'")
    config = call.params.flag("cleanup-config")
    if config:
        call.require("/storage", "Datastore.Allocate")

    def work() -> Work:
        yield Pause()
        node.pools.pop(name, None)
        if config:
            cluster.storages.pop(name, None)

    return call.fork(f"{'dir' if kind == 'directory' else kind}remove", name, work(), 0.3)


@answers(f"POST {_BASE}/initgpt", f"PUT {_BASE}/wipedisk")
def prepare(call: Call) -> Answer:
    """Write an empty partition table, or wipe an unused disk."""
    node, device = call.member(), _device(call, "disk")
    wipe = call.method.template.endswith("wipedisk")
    if _used_by(node, device.rstrip("0123456789")):
        raise ApiError(f"disk/partition '{device}' {'has a holder' if wipe else 'is already in use'}")

    def work() -> Work:
        yield Pause()

    return call.fork("wipedisk" if wipe else "diskinit", device.rpartition("/")[2], work(), 0.2)
