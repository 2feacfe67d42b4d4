"""Nodes leaving and joining the cluster, and what that does to their guests."""

from __future__ import annotations

from holdfast.simulators.proxmox import ha, runstate
from holdfast.simulators.proxmox.cluster import Cluster


def stop_guests(cluster: Cluster, node: str) -> None:
    """Everything that runs on a node ends at once."""
    for guest in cluster.guests.values():
        if guest.node == node and guest.running:
            runstate.stopped(cluster, guest)


def take_offline(cluster: Cluster, name: str) -> None:
    """The node is gone: membership knows at once, statistics only after five minutes, HA after fencing."""
    node = cluster.nodes[name]
    if not node.online:
        return
    node.online = False
    node.offline_since_s = cluster.now()
    cluster.tasks.kill_node(name)
    ha.node_lost(cluster, name)


def bring_online(cluster: Cluster, name: str) -> None:
    """The node is back after a boot: its guests are stopped, those marked `onboot` start."""
    node = cluster.nodes[name]
    if node.online:
        return
    node.online = True
    node.booted_s = cluster.now()
    stop_guests(cluster, name)
    for guest in cluster.guests.values():
        if guest.node != name:
            continue
        cluster.touch(guest)
        if guest.config.get("onboot") == "1" and not guest.template and not guest.lock:
            runstate.started(cluster, guest)


def reconnect(cluster: Cluster, name: str) -> None:
    """The network to the node is back: it had gone on working all the time."""
    node = cluster.nodes[name]
    node.online = True
    for guest in cluster.guests.values():
        if guest.node == name:
            cluster.touch(guest)
