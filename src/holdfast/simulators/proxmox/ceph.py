"""Ceph as it would be installed on the cluster: a monitor and manager per node, OSDs, pools, flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from holdfast.simulators.proxmox.nodes import Node

FLAGS: Final = {
    "nobackfill": "Backfilling of PGs is suspended.",
    "nodeep-scrub": "Deep Scrubbing is disabled.",
    "nodown": "OSD failure reports are being ignored.",
    "noin": "OSDs that were previously marked out will not be marked back in when they start.",
    "noout": "OSDs will not automatically be marked out after the configured interval.",
    "norebalance": "Rebalancing of PGs is suspended.",
    "norecover": "Recovery of PGs is suspended.",
    "noscrub": "Scrubbing is disabled.",
    "notieragent": "Cache tiering activity is suspended.",
    "noup": "OSDs are not allowed to start.",
    "pause": "Pauses read and writes.",
}
OSD_BYTES: Final = 960 * 10**9


@dataclass
class Osd:
    """One object storage daemon."""

    number: int
    node: str
    taken_in: bool = True
    stopped: bool = False


@dataclass
class CephPool:
    """One pool."""

    name: str
    number: int
    size: int = 3
    min_size: int = 2
    pg_num: int = 128
    autoscale: str = "on"
    application: str = "rbd"
    used: int = 42 * 1024**3
    rule: str = "replicated_rule"


@dataclass
class Ceph:
    """State of the storage cluster."""

    fsid: str
    osds: dict[int, Osd] = field(default_factory=dict)
    pools: dict[str, CephPool] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    monitors: list[str] = field(default_factory=list)
    managers: list[str] = field(default_factory=list)
    metadata_servers: dict[str, str] = field(default_factory=dict)
    filesystems: dict[str, tuple[str, str]] = field(default_factory=dict)
    stopped: set[tuple[str, str]] = field(default_factory=set)


def install(nodes: list[Node]) -> Ceph:
    """Two OSDs, a monitor and a manager on each node, pools `.mgr` and `rbd`."""
    ceph = Ceph(fsid="2f3a1c7e-5d0b-4c0e-9c55-7b1f6f9d3c21")
    for number, node in enumerate(nodes):
        ceph.monitors.append(node.name)
        ceph.managers.append(node.name)
        for slot in range(2):
            ceph.osds[2 * number + slot] = Osd(2 * number + slot, node.name)
    ceph.pools[".mgr"] = CephPool(".mgr", 1, pg_num=1, application="mgr", used=1_500_000)
    ceph.pools["rbd"] = CephPool("rbd", 2)
    return ceph
