"""Destroying guests (contract section 11)."""

from __future__ import annotations

from holdfast.simulators.proxmox import ha, runstate
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster, ha_sid
from holdfast.simulators.proxmox.disks import owned_volumes
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.guests import Guest
from holdfast.simulators.proxmox.power import acquire
from holdfast.simulators.proxmox.tasks import Pause, Warn, Work
from holdfast.simulators.proxmox.values import split_list


def replication_jobs(cluster: Cluster, vmid: int) -> list[str]:
    """Ids of the replication jobs of a guest."""
    return [name for name in cluster.sections.get("replication", {}) if name.partition("-")[0] == str(vmid)]


@answers("DELETE /nodes/{node}/qemu/{vmid}", "DELETE /nodes/{node}/lxc/{vmid}")
def destroy(call: Call) -> Answer:
    """Destroy a stopped guest with its disks."""
    call.root_only("skiplock")
    cluster, guest = call.cluster, call.guest()
    purge, force = call.params.flag("purge"), call.params.flag("force")
    if guest.protected:
        raise ApiError(f"can't remove {guest.word} {guest.vmid} - protection mode enabled")
    if ha_sid(guest) in ha.resources(cluster) and not purge:
        raise ApiError(
            f"unable to remove {guest.word} {guest.vmid} - used in HA resources and purge parameter not set."
        )
    jobs = replication_jobs(cluster, guest.vmid)
    if jobs and not purge:
        raise ApiError(f"There is a replication job '{jobs[0]}' for guest '{guest.vmid}' - Please remove that first.")
    if guest.running and not force:
        if guest.kind == "qemu":
            raise ApiError(f"VM {guest.vmid} is running - destroy failed")
        raise ApiError(f"unable to destroy CT {guest.vmid} - container is running")
    cluster.require_writable(guest.config_path)
    kind = "qmdestroy" if guest.kind == "qemu" else "vzdestroy"
    orphans = call.params.flag("destroy-unreferenced-disks")
    return call.fork(kind, guest.vmid, _work(cluster, guest, purge, orphans, call.params.flag("skiplock")))


def _work(cluster: Cluster, guest: Guest, purge: bool, orphans: bool, skiplock: bool) -> Work:
    yield acquire(cluster, guest.kind, guest.vmid)
    cluster.guest(guest.node, guest.kind, guest.vmid)
    if not skiplock:
        cluster.check_lock(guest)
    if guest.running:
        yield Warn(f"forced to stop CT {guest.vmid} before destroying!")
        runstate.stopped(cluster, guest)
    bases = {volume.parent for volume in cluster.volumes if volume.parent}
    volumes = owned_volumes(cluster, guest)
    for volume in volumes:
        if volume.volid in bases:
            raise TaskError(f"base volume '{volume.volid}' is still in use by linked cloned")
    yield Pause()
    for volume in volumes:
        cluster.volumes.remove(volume)
        yield f'  Logical volume "{volume.name}" successfully removed.'
    if orphans:
        for volume in cluster.volumes.of_guest(guest.vmid):
            if volume.content in ("images", "rootdir") and volume.node in (None, guest.node):
                cluster.volumes.remove(volume)
    if purge:
        yield f"purging {guest.word} {guest.vmid} from related configurations.."
        ha.resources(cluster).pop(ha_sid(guest), None)
        for job in replication_jobs(cluster, guest.vmid):
            del cluster.sections["replication"][job]
        for section in cluster.sections.get("backup", {}).values():
            if "vmid" in section:
                section["vmid"] = ",".join(word for word in split_list(section["vmid"]) if word != str(guest.vmid))
    cluster.forget_guest(guest)
