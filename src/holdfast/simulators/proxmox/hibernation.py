"""Machines written to disk: suspend and the volume that holds their memory."""

from __future__ import annotations

from holdfast.simulators.proxmox import runstate
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, parse_properties
from holdfast.simulators.proxmox.power import acquire, unlocked
from holdfast.simulators.proxmox.storages import FILE_TYPES, Volume
from holdfast.simulators.proxmox.tasks import InterruptedWork, Pause, Work


def state_storage(guest: Guest, wanted: str | None) -> str:
    """Where the memory goes: as asked, as configured, or where the first disk lies."""
    if wanted:
        return wanted
    if guest.config.get("vmstatestorage"):
        return guest.config["vmstatestorage"]
    for key in guest.drive_keys():
        value = guest.config[key]
        if not is_cdrom(value):
            return parse_properties(value, "file")["file"].partition(":")[0]
    return "local"


def save_state(cluster: Cluster, guest: Guest, storage_name: str, label: str) -> Volume:
    """A volume with the machine's memory."""
    storage = cluster.usable_storage(storage_name, guest.node)
    name = f"vm-{guest.vmid}-state-{label}"
    if storage.type in FILE_TYPES:
        name = f"{guest.vmid}/{name}.raw"
    return cluster.volumes.add(
        Volume(
            storage.name,
            name,
            "images",
            "raw",
            guest.memory_bytes() * 2 + 500 * 1024**2,
            int(cluster.now()),
            node=None if storage.shared else guest.node,
            vmid=guest.vmid,
        )
    )


def suspend(cluster: Cluster, node: str, vmid: int, storage: str) -> Work:
    """Write the memory to disk and stop the machine; the lock `suspended` stays."""
    guest = cluster.guest(node, "qemu", vmid)
    yield acquire(cluster, "qemu", vmid)
    unlocked(cluster, guest)
    guest.config["lock"] = "suspending"
    try:
        yield "State saving started"
        yield Pause()
        label = f"suspend-{int(cluster.now())}"
        volume = save_state(cluster, guest, storage, label)
    except (InterruptedWork, ApiError):
        guest.config.pop("lock", None)
        raise
    guest.config.update(vmstate=volume.volid, lock="suspended")
    runstate.stopped(cluster, guest)
