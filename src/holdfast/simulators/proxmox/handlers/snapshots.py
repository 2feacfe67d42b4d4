"""Snapshots: take, list, roll back, delete (contract sections 7 and 11)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox import power, runstate
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.disks import drive_volume
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.guests import Guest, Snapshot, is_cdrom
from holdfast.simulators.proxmox.handlers.guest_configs import shown_config
from holdfast.simulators.proxmox.hibernation import save_state, state_storage
from holdfast.simulators.proxmox.power import acquire
from holdfast.simulators.proxmox.tasks import InterruptedWork, Pause, Work
from holdfast.simulators.proxmox.values import Row

_SUPPORTS: Final = frozenset({"lvmthin", "zfspool", "rbd", "btrfs", "cephfs"})


def can_snapshot(cluster: Cluster, guest: Guest) -> bool:
    """Whether every disk lies on a storage and in a format that has snapshots."""
    for key in guest.drive_keys():
        value = guest.config[key]
        if guest.kind == "qemu" and is_cdrom(value):
            continue
        volid = drive_volume(guest.kind, value)
        volume = cluster.volume(guest.node, volid) if volid else None
        if volume is None:
            return False
        if cluster.storage(volume.storage).type not in _SUPPORTS and volume.format != "qcow2":
            return False
    return True


@answers("GET /nodes/{node}/qemu/{vmid}/snapshot", "GET /nodes/{node}/lxc/{vmid}/snapshot")
def list_snapshots(call: Call) -> Answer:
    """All snapshots and the pseudo entry `current`."""
    guest = call.guest()
    rows: list[Row] = []
    for snapshot in guest.snapshots.values():
        row: Row = {"name": snapshot.name, "description": snapshot.description, "snaptime": snapshot.snaptime}
        if snapshot.parent:
            row["parent"] = snapshot.parent
        if guest.kind == "qemu":
            row["vmstate"] = int(snapshot.vmstate is not None)
        rows.append(row)
    current: Row = {
        "name": "current",
        "description": "You are here!",
        "running": int(guest.running),
        "digest": guest.digest(),
    }
    if guest.parent:
        current["parent"] = guest.parent
    rows.append(current)
    return rows


@answers("POST /nodes/{node}/qemu/{vmid}/snapshot", "POST /nodes/{node}/lxc/{vmid}/snapshot")
def take(call: Call) -> Answer:
    """Take a snapshot; a lock or a used name shows in the task."""
    name = call.params.text("snapname")
    if name == "current" or name.lower() == "pending":
        raise ApiError(f"unable to use snapshot name '{name}' (reserved name)")
    guest = call.guest()
    kind = "qmsnapshot" if guest.kind == "qemu" else "vzsnapshot"
    memory = call.params.flag("vmstate")
    return call.fork(kind, guest.vmid, _take(call.cluster, guest, name, call.params.text("description"), memory), 0.3)


def _take(cluster: Cluster, guest: Guest, name: str, description: str, memory: bool) -> Work:
    yield acquire(cluster, guest.kind, guest.vmid)
    cluster.require_writable(guest.config_path)
    if guest.template:
        raise TaskError("you can't take a snapshot if it's a template")
    cluster.check_lock(guest)
    if name in guest.snapshots:
        raise TaskError(f"snapshot name '{name}' already used")
    if not can_snapshot(cluster, guest):
        raise TaskError("snapshot feature is not available")
    guest.config["lock"] = "snapshot"
    vmstate: str | None = None
    try:
        yield Pause(0.5)
        if memory and guest.running:
            yield "saving VM state and RAM using storage"
            vmstate = save_state(cluster, guest, state_storage(guest, None), name).volid
        yield Pause(0.5)
    except (InterruptedWork, ApiError):
        guest.config.pop("lock", None)
        raise
    guest.config.pop("lock", None)
    config = dict(guest.config)
    guest.snapshots[name] = Snapshot(name, config, int(cluster.now()), description, guest.parent, vmstate)
    guest.parent = name
    for key in guest.drive_keys():
        volid = drive_volume(guest.kind, guest.config[key])
        if volid and not (guest.kind == "qemu" and is_cdrom(guest.config[key])):
            yield f"snapshotting '{key}' ({volid})"


def _snapshot(call: Call) -> tuple[Guest, Snapshot]:
    guest = call.guest()
    snapshot = guest.snapshots.get(call.params.text("snapname"))
    if snapshot is None:
        raise ApiError(f"snapshot '{call.params.text('snapname')}' does not exist")
    return guest, snapshot


@answers(
    "GET /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    "GET /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
)
def get_snapshot_config(call: Call) -> Answer:
    """The configuration as it was."""
    guest, snapshot = _snapshot(call)
    row = shown_config(call.cluster, guest, snapshot.config)
    row["snaptime"] = snapshot.snaptime
    row["description"] = snapshot.description
    if snapshot.vmstate:
        row["vmstate"] = snapshot.vmstate
    row.pop("parent", None)
    if snapshot.parent:
        row["parent"] = snapshot.parent
    return row


@answers(
    "PUT /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    "PUT /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
)
def set_snapshot_config(call: Call) -> Answer:
    """Change the description."""
    if "description" not in call.params:
        return None
    guest = call.guest()
    call.config_lock(guest)
    call.cluster.check_lock(guest)
    _, snapshot = _snapshot(call)
    snapshot.description = call.params.text("description")
    return None


@answers(
    "POST /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
    "POST /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback",
)
def roll_back(call: Call) -> Answer:
    """Go back to a snapshot; one that is missing shows in the task."""
    prefix, kind, vmid = _subject(call)
    if call.params.flag("start"):
        call.require(f"/vms/{vmid}", "VM.PowerMgmt")
    work = _roll_back(call.cluster, call.node, kind, vmid, call.params.text("snapname"), call.params.flag("start"))
    return call.fork(f"{prefix}rollback", vmid, work, 0.4)


def _subject(call: Call) -> tuple[str, str, int]:
    """Task prefix, kind and id of a guest that only the worker looks for."""
    kind = "qemu" if "/qemu/" in call.method.template else "lxc"
    return "qm" if kind == "qemu" else "vz", kind, call.params.number("vmid")


def _roll_back(cluster: Cluster, node: str, kind: str, vmid: int, name: str, start: bool) -> Work:
    yield acquire(cluster, kind, vmid)
    guest = cluster.guest(node, kind, vmid)
    snapshot = guest.snapshots.get(name)
    if snapshot is None:
        raise TaskError(f"snapshot '{name}' does not exist")
    if guest.template:
        raise TaskError("unable to rollback a template")
    cluster.check_lock(guest)
    if guest.running:
        runstate.stopped(cluster, guest)
    guest.config["lock"] = "rollback"
    yield Pause()
    for key, value in snapshot.config.items():
        volid = (
            drive_volume(guest.kind, value) if key in Guest(0, guest.kind, "", snapshot.config).drive_keys() else None
        )
        if volid and cluster.volume(guest.node, volid) is None and not is_cdrom(value):
            guest.config.pop("lock", None)
            raise TaskError(f"unable to activate volume '{volid}' - no such volume")
    guest.config = dict(snapshot.config)
    guest.pending.clear()
    guest.pending_delete.clear()
    guest.parent = name
    guest.live = dict(guest.config)
    cluster.touch(guest)
    if snapshot.vmstate:
        runstate.started(cluster, guest)
    elif start:
        yield from power.start(cluster, guest.node, guest.kind, guest.vmid)


@answers("DELETE /nodes/{node}/qemu/{vmid}/snapshot/{snapname}", "DELETE /nodes/{node}/lxc/{vmid}/snapshot/{snapname}")
def delete(call: Call) -> Answer:
    """Delete a snapshot; its children get its parent."""
    prefix, kind, vmid = _subject(call)
    work = _delete(call.cluster, call.node, kind, vmid, call.params.text("snapname"))
    return call.fork(f"{prefix}delsnapshot", vmid, work, 0.3)


def _delete(cluster: Cluster, node: str, kind: str, vmid: int, name: str) -> Work:
    yield acquire(cluster, kind, vmid)
    guest = cluster.guest(node, kind, vmid)
    snapshot = guest.snapshots.get(name)
    if snapshot is None:
        raise TaskError(f"snapshot '{name}' does not exist")
    cluster.check_lock(guest)
    guest.config["lock"] = "snapshot-delete"
    # Stopped here, the volumes are half removed: the lock stays until somebody has looked.
    yield Pause()
    guest.config.pop("lock", None)
    if snapshot.vmstate:
        volume = cluster.volume(guest.node, snapshot.vmstate)
        if volume is not None:
            cluster.volumes.remove(volume)
    del guest.snapshots[name]
    for other in guest.snapshots.values():
        if other.parent == name:
            other.parent = snapshot.parent
    if guest.parent == name:
        guest.parent = snapshot.parent


@answers("GET /nodes/{node}/qemu/{vmid}/feature", "GET /nodes/{node}/lxc/{vmid}/feature")
def has_feature(call: Call) -> Answer:
    """Whether snapshot, clone or copy is possible."""
    cluster, guest, feature = call.cluster, call.guest(), call.params.text("feature")
    if "snapname" in call.params and call.params.text("snapname") not in guest.snapshots:
        raise ApiError(f"snapshot '{call.params.text('snapname')}' does not exist")
    found = {"snapshot": can_snapshot(cluster, guest), "clone": guest.template, "copy": True}[feature]
    row: Row = {"hasFeature": int(found)}
    if guest.kind == "qemu":
        volids = [drive_volume("qemu", guest.config[key]) for key in guest.drive_keys()]
        shared = all(cluster.storage(volid.partition(":")[0]).shared for volid in volids if volid)
        row["nodes"] = sorted(cluster.nodes) if shared else [guest.node]
    return row
