"""Storages as a node sees them, and their volumes (contract section 15.8)."""

from __future__ import annotations

import re
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.disks import destroy_volume
from holdfast.simulators.proxmox.errors import ApiError, EmptyError, TaskError, bad_parameter
from holdfast.simulators.proxmox.guests import parse_size
from holdfast.simulators.proxmox.handlers.inventory import shuffled_content
from holdfast.simulators.proxmox.retention import marks, parse_policy
from holdfast.simulators.proxmox.status import storage_numbers
from holdfast.simulators.proxmox.storages import FILE_TYPES, Storage, Volume
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

PLACE: Final = "/nodes/{node}/storage/{storage}"
_PATHS: Final = {"iso": "template/iso", "vztmpl": "template/cache", "backup": "dump", "snippets": "snippets"}


def hang(call: Call, storage: str) -> None:
    """596 while the fault `storage-hangs` is on: the daemon's worker waits for the storage."""
    fault = call.cluster.faults.strike("storage-hangs", storage=storage, node=call.node)
    if fault is not None:
        raise EmptyError(596, "Connection timed out", delay_s=fault.number("delay_s", 30))


def _status(call: Call, storage: Storage) -> Row:
    active = call.cluster.storage_active(storage, call.node)
    row: Row = {
        "storage": storage.name,
        "type": storage.type,
        "content": shuffled_content(call, storage.content),
        "shared": int(storage.shared),
        "enabled": int(storage.enabled),
        "active": int(active),
        "total": 0,
        "used": 0,
        "avail": 0,
    }
    if active:
        total, used = storage_numbers(call.cluster, storage, call.node)
        row |= {"total": total, "used": used, "avail": total - used}
    return row


@answers("GET /nodes/{node}/storage")
def list_storages(call: Call) -> Answer:
    """Storages of a node with their use; activates each of them."""
    params, rows = call.params, list[Row]()
    wanted = set(params.words("content"))
    for storage in call.cluster.storages.values():
        if not storage.on_node(call.node) or params.maybe("storage") not in (None, storage.name):
            continue
        if not call.allowed(f"/storage/{storage.name}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True):
            continue
        if params.flag("enabled") and not storage.enabled:
            continue
        if wanted and not wanted & set(storage.content):
            continue
        target = params.maybe("target")
        if target is not None and (not storage.on_node(target) or not storage.shared):
            continue
        hang(call, storage.name)
        row = _status(call, storage)
        if row["total"]:
            row["used_fraction"] = int(str(row["used"])) / int(str(row["total"]))
        if params.flag("format"):
            formats = ["raw", "qcow2", "vmdk", "subvol"] if storage.type in FILE_TYPES else ["raw"]
            if call.cluster.release.startswith("8"):
                row["format"] = [dict.fromkeys(formats, 1), storage.image_format()]
            else:
                row["formats"] = {"default": storage.image_format(), "supported": formats}
        rows.append(row)
    call.cluster.rng.shuffle(rows)
    return rows


@answers(f"GET {PLACE}/status")
def get_status(call: Call) -> Answer:
    """One storage; an unknown one is a bad parameter."""
    storage = call.cluster.storages.get(call.params.text("storage"))
    if storage is None or not storage.on_node(call.node):
        raise bad_parameter("storage", "No such storage.")
    hang(call, storage.name)
    row = _status(call, storage)
    row.pop("storage")
    return row


def _usable(call: Call) -> Storage:
    name = call.params.text("storage")
    hang(call, name)
    return call.cluster.usable_storage(name, call.node)


def may_see(call: Call, volume: Volume) -> bool:
    """Whether the caller may use this volume."""
    where = f"/storage/{volume.storage}"
    if call.allowed(where, "Datastore.Allocate"):
        return True
    if volume.content in ("iso", "vztmpl", "import"):
        return call.allowed(where, "Datastore.AllocateSpace", "Datastore.Audit", any_of=True)
    if volume.vmid is not None and volume.content == "backup":
        return call.allowed(where, "Datastore.AllocateSpace") and call.allowed(f"/vms/{volume.vmid}", "VM.Backup")
    if volume.vmid is not None and volume.content in ("images", "rootdir"):
        return call.allowed(where, "Datastore.Audit") and call.allowed(f"/vms/{volume.vmid}", "VM.Config.Disk")
    return False


def _require_volume(call: Call, volume: Volume) -> None:
    if not may_see(call, volume):
        raise ApiError(f"Permission check failed (/storage/{volume.storage}, Datastore.Allocate)", 403)


@answers(f"GET {PLACE}/content")
def list_content(call: Call) -> Answer:
    """Volumes the caller may use."""
    storage = _usable(call)
    wanted, vmid = call.params.maybe("content"), call.params.maybe("vmid")
    rows: list[Row] = []
    for volume in call.cluster.volumes.listed(storage, call.node):
        if wanted not in (None, volume.content) or vmid not in (None, str(volume.vmid)) or not may_see(call, volume):
            continue
        row: Row = {
            "volid": volume.volid,
            "content": volume.content,
            "format": volume.format,
            "size": volume.size,
            "ctime": volume.ctime,
        }
        for name in ("vmid", "used", "parent", "notes"):
            value = getattr(volume, name)
            if value is not None:
                row[name] = value
        if volume.content == "backup":
            row["protected"] = int(volume.protected)
            row["subtype"] = "qemu" if "qemu" in volume.name else "lxc"
        rows.append(row)
    call.cluster.rng.shuffle(rows)
    return rows


def _volume(call: Call) -> Volume:
    """The volume of the path; a bare name belongs to the storage of the path."""
    storage, name = _usable(call), call.params.text("volume")
    volid = name if name.startswith(f"{storage.name}:") else f"{storage.name}:{name}"
    volume = call.cluster.volumes.find(storage, call.node, volid)
    if volume is None:
        raise ApiError(f"volume '{volid}' does not exist")
    return volume


@answers(f"GET {PLACE}/content/{{volume}}")
def get_volume(call: Call) -> Answer:
    """Attributes of one volume."""
    volume = _volume(call)
    _require_volume(call, volume)
    base = call.cluster.storage(volume.storage).options.get("path", f"/dev/{volume.storage}")
    row: Row = {
        "path": f"{base}/{_PATHS.get(volume.content, 'images')}/{volume.name.rpartition('/')[2]}",
        "size": volume.size,
        "used": volume.occupied,
        "format": volume.format,
    }
    if volume.notes is not None:
        row["notes"] = volume.notes
    if volume.content == "backup":
        row["protected"] = int(volume.protected)
    return row


@answers(f"PUT {PLACE}/content/{{volume}}")
def set_volume(call: Call) -> Answer:
    """Notes and protection of a backup."""
    volume = _volume(call)
    _require_volume(call, volume)
    if volume.content != "backup":
        raise ApiError("setting notes and protection is only possible for backups")
    if "notes" in call.params:
        volume.notes = call.params.text("notes") or None
    if "protected" in call.params:
        volume.protected = call.params.flag("protected")
    return None


@answers(f"POST {PLACE}/content")
def allocate(call: Call) -> Answer:
    """An empty disk image."""
    storage, vmid, name = _usable(call), call.params.number("vmid"), call.params.text("filename")
    found = re.fullmatch(r"(?:vm|base|subvol)-(\d+)-\S+", name)
    if found is None or int(found[1]) != vmid:
        raise ApiError(f"illegal name '{name}' - should be 'vm-{vmid}-*'")
    if "images" not in storage.content and "rootdir" not in storage.content:
        raise ApiError(f"storage '{storage.name}' does not support vm images")
    text = call.params.text("size")
    if re.fullmatch(r"\d+(\.\d+)?[KMGT]?", text) is None:
        raise bad_parameter("size", "unable to parse size")
    size = parse_size(text) if text[-1:] in "KMGT" else int(float(text) * 1024)
    shape = call.params.text("format", "raw")
    if storage.type in FILE_TYPES:
        name = f"{vmid}/{name if '.' in name else f'{name}.{shape}'}"
    volume = Volume(
        storage.name, name, "images", shape, size, int(call.now()), None if storage.shared else call.node, vmid, used=0
    )
    if call.cluster.volumes.find(storage, call.node, volume.volid) is not None:
        raise ApiError(f"disk image '{volume.volid}' already exists")
    return call.cluster.volumes.add(volume).volid


@answers(f"DELETE {PLACE}/content/{{volume}}")
def delete(call: Call) -> Answer:
    """Destroy a volume in a worker; with `delay` the caller waits for it."""
    cluster, storage, name = call.cluster, _usable(call), call.params.text("volume")
    volid = name if name.startswith(f"{storage.name}:") else f"{storage.name}:{name}"
    volume = cluster.volumes.find(storage, call.node, volid)
    if volume is not None:
        _require_delete(call, volume)
    delayed = "delay" in call.params

    def work() -> Work:
        if not delayed:
            yield Pause()
        there = cluster.volumes.find(storage, call.node, volid)
        if there is None:
            raise TaskError(f"volume '{volid}' does not exist")
        if there.protected:
            raise TaskError(f"cannot remove protected volume '{volid}' on '{storage.name}'")
        destroy_volume(cluster, call.node, volid)
        yield f"Removed volume '{volid}'"

    # A worker that ends within the delay, whatever its end, is answered with null.
    upid = call.fork(
        "imgdel", f"{call.params.maybe('vmid') or ''}{volid.replace(':', '@')}".replace("/", "-"), work(), 0.2
    )
    return None if delayed else upid


def _require_delete(call: Call, volume: Volume) -> None:
    where = f"/storage/{volume.storage}"
    if volume.content in ("images", "rootdir") and volume.vmid in call.cluster.guests:
        raise ApiError(
            f"Cannot remove image, a guest with VMID '{volume.vmid}' exists!\n"
            "You can delete the image from the guest's hardware pane"
        )
    if volume.content == "backup" and volume.vmid is not None and call.allowed(f"/vms/{volume.vmid}", "VM.Backup"):
        call.require(where, "Datastore.AllocateSpace")
    else:
        call.require(where, "Datastore.Allocate")


@answers(f"POST {PLACE}/content/{{volume}}")
def copy(call: Call) -> Answer:
    """Copy a volume under another name (for root alone)."""
    cluster, volume, target = call.cluster, _volume(call), call.params.text("target")
    storage = cluster.storage(target.partition(":")[0]) if ":" in target else cluster.storage(volume.storage)
    name = target.partition(":")[2] or target
    node = call.params.text("target_node", call.node)
    cluster.require_node(node)

    def work() -> Work:
        yield Pause()
        owner = re.search(r"(?:vm|base)-(\d+)-", name)
        cluster.volumes.add(
            Volume(
                storage.name,
                name,
                volume.content,
                volume.format,
                volume.size,
                int(cluster.now()),
                None if storage.shared else node,
                int(owner[1]) if owner else None,
            )
        )

    return call.fork("imgcopy", "", work(), 0.4)


def _backups(call: Call) -> tuple[list[Volume], dict[str, str]]:
    """Backups that a policy is applied to, and their marks."""
    storage = _usable(call)
    kind, vmid = call.params.maybe("type"), call.params.maybe("vmid")
    found = [
        volume
        for volume in call.cluster.volumes.listed(storage, call.node)
        if volume.content == "backup"
        and vmid in (None, str(volume.vmid))
        and kind in (None, "qemu" if "qemu" in volume.name else "lxc")
    ]
    policy = call.params.maybe("prune-backups") or storage.options.get("prune-backups", "keep-all=1")
    return found, marks(found, parse_policy(policy))


@answers(f"GET {PLACE}/prunebackups")
def preview_prune(call: Call) -> Answer:
    """What a retention policy would remove."""
    volumes, marked = _backups(call)
    rows: list[Row] = []
    for volume in volumes:
        kind = "qemu" if "qemu" in volume.name else "lxc"
        row: Row = {"volid": volume.volid, "ctime": volume.ctime, "mark": marked[volume.volid], "type": kind}
        if volume.vmid is not None:
            row["vmid"] = volume.vmid
        rows.append(row)
    return rows


@answers(f"DELETE {PLACE}/prunebackups")
def prune(call: Call) -> Answer:
    """Remove what a retention policy does not keep."""
    vmid = call.params.maybe("vmid")
    if vmid is not None:
        call.require(f"/storage/{call.params.text('storage')}", "Datastore.AllocateSpace")
        call.require(f"/vms/{vmid}", "VM.Backup")
    else:
        call.require(f"/storage/{call.params.text('storage')}", "Datastore.Allocate")
    cluster = call.cluster
    volumes, marked = _backups(call)

    def work() -> Work:
        yield Pause()
        for volume in volumes:
            if marked[volume.volid] == "remove":
                cluster.volumes.remove(volume)
                yield f"removing backup '{volume.volid}'"

    return call.fork("prunebackups", vmid or "", work(), 0.3)
