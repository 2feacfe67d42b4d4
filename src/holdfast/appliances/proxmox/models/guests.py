"""Guests: VMs and containers."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson, UntrustedText


class GuestDisk(Row):
    """A disk or mount point: where it lies and its size as configured."""

    slot: Untrusted
    volume: Untrusted
    size: Untrusted | None = None


class GuestState(Answer):
    """A guest now. status is running, stopped or paused; cpu a fraction of its CPUs.

    disk_used_bytes is known for containers only; memory_mib, cores, disks and networks are its configuration.
    """

    vmid: int
    name: Untrusted | None = None
    kind: Untrusted
    node: Untrusted
    status: Untrusted
    lock: Untrusted | None = None
    template: bool | None = None
    ha_state: Untrusted | None = None
    agent: bool | None = None
    uptime_s: Annotated[int | None, Key("uptime")] = None
    cpu: float | None = None
    mem_bytes: Annotated[int | None, Key("mem")] = None
    max_mem_bytes: Annotated[int | None, Key("maxmem")] = None
    disk_used_bytes: int | None = None
    cores: int | None = None
    memory_mib: int | None = None
    onboot: bool | None = None
    protection: bool | None = None
    tags: list[Untrusted] | None = None
    disks: list[GuestDisk] | None = None
    networks: list[Untrusted] | None = None


class GuestConfig(Answer):
    """A guest's configuration as Proxmox writes it; pending tells what only applies at the next stop and start."""

    vmid: int
    kind: Untrusted
    node: Untrusted
    options: UntrustedJson
    pending: UntrustedJson | None = None


class CloudInit(Answer):
    """Cloud-init settings, what waits to be written to the drive, and the documents made from them."""

    settings: UntrustedJson
    pending: list[Untrusted] | None = None
    document: UntrustedText | None = None


class Metric(Row):
    """One point. Rates are bytes per second, cpu a fraction; gaps lack values."""

    time: int
    cpu: float | None = None
    mem_bytes: Annotated[int | None, Key("mem", "memused")] = None
    max_mem_bytes: Annotated[int | None, Key("maxmem", "memtotal")] = None
    netin_per_s: Annotated[float | None, Key("netin")] = None
    netout_per_s: Annotated[float | None, Key("netout")] = None
    diskread_per_s: Annotated[float | None, Key("diskread")] = None
    diskwrite_per_s: Annotated[float | None, Key("diskwrite")] = None
    iowait: float | None = None
    loadavg: float | None = None
    root_used_bytes: Annotated[int | None, Key("rootused")] = None


class Metrics(Answer):
    """A time series, evenly thinned to what fits."""

    points: list[Metric]
    step_s: int | None = None


class MigrationCheck(Answer):
    """Whether a guest can move, before anything is done."""

    guest: Untrusted
    running: bool
    allowed_nodes: list[Untrusted]
    not_allowed: UntrustedJson | None = None
    local_disks: list[Untrusted] | None = None
    local_resources: list[Untrusted] | None = None
