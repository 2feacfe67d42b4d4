"""The cluster, its inventory, its tasks."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class NodeState(Row):
    """A node of the cluster as membership sees it."""

    name: Untrusted
    online: bool
    address: Annotated[Untrusted | None, Key("ip")] = None


class SystemInfo(Answer):
    """The cluster (or the single node) that answers.

    quorate: whether the cluster has a majority; absent for a single node.
    """

    version: Untrusted
    release: Untrusted | None = None
    cluster: Untrusted | None = None
    quorate: bool | None = None
    nodes: list[NodeState]


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
    cpus: Annotated[int | None, Key("maxcpu")] = None
    mem_bytes: Annotated[int | None, Key("mem")] = None
    max_mem_bytes: Annotated[int | None, Key("maxmem")] = None
    disk_bytes: Annotated[int | None, Key("disk")] = None
    max_disk_bytes: Annotated[int | None, Key("maxdisk")] = None
    uptime_s: Annotated[int | None, Key("uptime")] = None
    tags: Untrusted | None = None
    pool: Untrusted | None = None
    lock: Untrusted | None = None
    template: bool | None = None
    ha_state: Annotated[Untrusted | None, Key("hastate")] = None


class ResourcePage(Page[Resource]):
    """The inventory."""


class TaskRow(Row):
    """A task. status is running, or how it ended: OK, WARNINGS: n, or the error."""

    identified_by = ("upid",)

    upid: Untrusted
    type: Untrusted
    about: Annotated[Untrusted | None, Key("id")] = None
    node: Untrusted
    user: Untrusted
    started_at: Annotated[int, Key("starttime")]
    ended_at: Annotated[int | None, Key("endtime")] = None
    status: Untrusted


class TaskPage(Page[TaskRow]):
    """Tasks, newest first."""


class TaskEnd(Answer):
    """A task as it is now. succeeded is absent while it runs; warnings are a success."""

    upid: Untrusted
    type: Untrusted
    status: Untrusted
    succeeded: bool | None = None
    waited_s: float
    log: list[Untrusted]


class LogLines(Answer):
    """The last lines of a log, and how many there are in all."""

    lines: list[Untrusted]
    total: int
