"""What Proxmox tools return. Sizes in bytes, times in seconds, fractions from 0 to 1."""

from __future__ import annotations

from typing import Literal

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class NodeState(Row):
    """A node of the cluster as membership sees it."""

    name: Untrusted
    online: bool
    address: Untrusted | None = None


class SystemInfo(Answer):
    """The cluster (or the single node) that answers.

    quorate: whether the cluster has a majority; absent for a single node.
    """

    version: Untrusted
    release: Untrusted | None = None
    cluster: Untrusted | None = None
    quorate: bool | None = None
    nodes: list[NodeState]


ResourceKind = Literal["node", "qemu", "lxc", "storage", "pool", "sdn", "network"]


class Resource(Row):
    """One line of the inventory.

    cpu: fraction of the guest's or node's CPUs in use. status of guests on an offline node is "unknown".
    """

    id: Untrusted
    type: Untrusted
    name: Untrusted | None = None
    vmid: int | None = None
    node: Untrusted | None = None
    status: Untrusted | None = None
    cpu: float | None = None
    cpus: int | None = None
    mem_bytes: int | None = None
    max_mem_bytes: int | None = None
    disk_bytes: int | None = None
    max_disk_bytes: int | None = None
    uptime_s: int | None = None
    tags: Untrusted | None = None
    pool: Untrusted | None = None
    lock: Untrusted | None = None
    template: bool | None = None
    ha_state: Untrusted | None = None


class ResourcePage(Page[Resource]):
    """The inventory."""
