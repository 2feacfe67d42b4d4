"""Guests coming up, going down and changing nodes."""

from __future__ import annotations

from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.configuration import apply_pending
from holdfast.simulators.proxmox.guests import Guest


def started(cluster: Cluster, guest: Guest) -> None:
    """The guest runs from now on, with its pending changes applied."""
    apply_pending(cluster, guest)
    guest.running, guest.paused, guest.frozen = True, False, False
    guest.started_s = cluster.now()
    guest.pid = 1000 + cluster.rng.randrange(60_000)
    guest.live = dict(guest.config)
    cluster.touch(guest)


def stopped(cluster: Cluster, guest: Guest) -> None:
    """The guest does not run any more; pending changes become current."""
    guest.running, guest.paused, guest.frozen = False, False, False
    guest.pid = 0
    guest.commands.clear()
    apply_pending(cluster, guest)
    guest.live = dict(guest.config)
    cluster.touch(guest)


def moved(cluster: Cluster, guest: Guest, target: str, *, restarted: bool = False) -> None:
    """The guest's configuration lies on another node now, with its local volumes."""
    for volume in cluster.volumes.of_guest(guest.vmid):
        if volume.node == guest.node and volume.content in ("images", "rootdir"):
            cluster.volumes.remove(volume)
            volume.node = target
            cluster.volumes.add(volume)
    guest.node = target
    if restarted and guest.running:
        guest.started_s = cluster.now()
    cluster.touch(guest)
