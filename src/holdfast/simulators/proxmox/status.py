"""Numbers that listings and status calls show: usage of guests, nodes and storages (contract section 12)."""

from __future__ import annotations

import math
from typing import Final

from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.guests import Guest
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.storages import Storage
from holdfast.simulators.proxmox.values import Row

_NODE_OWN_MEMORY: Final = 5 * 1024**3


def wave(seed: int, moment: float, period_s: float = 3600.0) -> float:
    """A slow, repeatable number between 0 and 1 that differs from object to object."""
    return 0.5 + 0.5 * math.sin(2 * math.pi * (moment / period_s + (seed * 0.6180339887) % 1))


def guest_load(guest: Guest, moment: float) -> float:
    """Share of the guest's processors in use, 0 to 1."""
    return round(0.01 + 0.4 * wave(guest.vmid, moment) ** 3, 6)


def guest_memory(guest: Guest, moment: float) -> int:
    """Bytes of memory in use inside the guest."""
    return int(guest.memory_bytes() * (0.35 + 0.3 * wave(guest.vmid * 7, moment, 7200)))


def usage(guest: Guest, moment: float, started_s: float) -> Row:
    """Usage of a running guest; traffic counters grow from the start of the guest."""
    uptime = max(0, int(moment - started_s))
    base = 500 + guest.vmid % 911
    memory = guest_memory(guest, moment)
    row: Row = {
        "uptime": uptime,
        "cpu": guest_load(guest, moment),
        "mem": memory,
        "disk": guest.disk_bytes() * 2 // 5 if guest.kind == "lxc" else 0,
        "netin": uptime * base * 3,
        "netout": uptime * base * 2,
        "diskread": uptime * base * 5,
        "diskwrite": uptime * base * 7,
    }
    if guest.kind == "qemu":
        row["memhost"] = memory + 96 * 1024**2
    return row


_IDLE: Final[Row] = {
    "uptime": 0,
    "cpu": 0,
    "mem": 0,
    "disk": 0,
    "netin": 0,
    "netout": 0,
    "diskread": 0,
    "diskwrite": 0,
}


def marks(guest: Guest) -> Row:
    """Lock and tags, which come straight from the configuration."""
    row: Row = {}
    if guest.lock:
        row["lock"] = guest.lock
    if guest.config.get("tags"):
        row["tags"] = guest.config["tags"]
    return row


def guest_numbers(cluster: Cluster, guest: Guest, *, running: bool, started_s: float, moment: float) -> Row:
    """Limits and usage of a guest."""
    row: Row = {"maxmem": guest.memory_bytes(), "maxdisk": guest.disk_bytes()}
    row.update(usage(guest, moment, started_s) if running else _IDLE)
    if cluster.release.startswith("8"):
        row.pop("memhost", None)
    return row


def current(cluster: Cluster, guest: Guest) -> Row:
    """What the node itself says about a guest now."""
    moment = cluster.now()
    row: Row = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": "running" if guest.running else "stopped",
        "cpus": _whole(guest.cpus()),
        **guest_numbers(cluster, guest, running=guest.running, started_s=guest.started_s, moment=moment),
        **marks(guest),
    }
    if guest.template:
        row["template"] = 1
    if guest.running:
        row["pid"] = guest.pid
    if guest.kind == "lxc":
        row["type"] = "lxc"
        row["swap"] = 0
        row["maxswap"] = int(guest.config.get("swap", "512")) * 1024**2
    if guest.running and not cluster.release.startswith("8"):
        for name in ("pressurecpusome", "pressureiofull", "pressureiosome", "pressurememoryfull", "pressurememorysome"):
            row[name] = 0
        if guest.kind == "qemu":
            row["pressurecpufull"] = 0
    return row


def qmp_status(guest: Guest) -> str:
    """The finer state of a virtual machine."""
    if not guest.running:
        return "stopped"
    return "paused" if guest.paused else "running"


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


def node_memory(cluster: Cluster, moment: float) -> dict[str, int]:
    """Bytes of memory in use on every node, by one pass over the guests."""
    used = dict.fromkeys(cluster.nodes, _NODE_OWN_MEMORY)
    for guest in cluster.guests.values():
        if guest.running:
            used[guest.node] += guest_memory(guest, moment)
    return used


def node_load(node: Node, moment: float) -> float:
    """Share of the node's processors in use, 0 to 1."""
    return round(0.03 + 0.25 * wave(node.number * 13, moment) ** 2, 6)


def node_numbers(cluster: Cluster, node: Node, memory: dict[str, int], moment: float) -> Row:
    """Usage of a node that is online."""
    return {
        "cpu": node_load(node, moment),
        "maxcpu": node.threads,
        "mem": min(memory[node.name], node.server.memory_bytes),
        "maxmem": node.server.memory_bytes,
        "disk": cluster.volumes.used_bytes(_root_storage(cluster), node.name),
        "maxdisk": node.root_bytes(),
        "uptime": max(0, int(moment - node.booted_s)),
    }


def _root_storage(cluster: Cluster) -> Storage:
    return cluster.storages.get("local") or Storage("local", "dir")


def storage_numbers(cluster: Cluster, storage: Storage, node: str) -> tuple[int, int]:
    """Capacity and use in bytes, as a node sees them."""
    total = storage.total_bytes()
    return total, min(total, cluster.volumes.used_bytes(storage, node))
