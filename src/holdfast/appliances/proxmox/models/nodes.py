"""Nodes: state, services, updates, disks, network, certificates."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson, UntrustedText


class NodeRow(Row):
    """A node. status is online, offline or unknown; usage is absent while it is offline."""

    identified_by = ("node",)

    node: Untrusted
    status: Untrusted
    cpu: float | None = None
    cpus: Annotated[int | None, Key("maxcpu")] = None
    mem_bytes: Annotated[int | None, Key("mem")] = None
    max_mem_bytes: Annotated[int | None, Key("maxmem")] = None
    root_used_bytes: Annotated[int | None, Key("disk")] = None
    root_bytes: Annotated[int | None, Key("maxdisk")] = None
    uptime_s: Annotated[int | None, Key("uptime")] = None
    certificate_sha256: Annotated[Untrusted | None, Key("ssl_fingerprint")] = None


class NodePage(Page[NodeRow]):
    """Nodes."""


class NodeStatus(Answer):
    """A node now. loadavg over 1, 5 and 15 minutes; iowait a fraction of CPU time."""

    node: Untrusted
    version: Untrusted | None = None
    kernel: Untrusted | None = None
    cpu_model: Untrusted | None = None
    sockets: int | None = None
    cpus: int | None = None
    cpu: float | None = None
    iowait: Annotated[float | None, Key("wait")] = None
    loadavg: list[float] | None = None
    uptime_s: Annotated[int | None, Key("uptime")] = None
    mem_total_bytes: int | None = None
    mem_used_bytes: int | None = None
    swap_total_bytes: int | None = None
    swap_used_bytes: int | None = None
    root_total_bytes: int | None = None
    root_used_bytes: int | None = None
    boot_mode: Untrusted | None = None
    secure_boot: bool | None = None


class Service(Row):
    """A service of a node. state: running or dead; enabled: what its unit says."""

    identified_by = ("service",)

    service: Untrusted
    state: Untrusted
    active: Annotated[Untrusted | None, Key("active-state")] = None
    enabled: Annotated[Untrusted | None, Key("unit-state")] = None
    description: Annotated[Untrusted | None, Key("desc")] = None


class ServicePage(Page[Service]):
    """Services."""


class Update(Row):
    """A package that can be upgraded; only a shell on the node installs it."""

    identified_by = ("package",)

    package: Annotated[Untrusted, Key("Package")]
    installed: Annotated[Untrusted | None, Key("OldVersion")] = None
    available: Annotated[Untrusted | None, Key("Version")] = None
    title: Annotated[Untrusted | None, Key("Title")] = None
    origin: Annotated[Untrusted | None, Key("Origin")] = None


class UpdatePage(Page[Update]):
    """Pending updates."""


class DiskRow(Row):
    """A disk of a node. wearout_left_percent: 100 is new. used: what it is part of."""

    identified_by = ("device",)

    device: Annotated[Untrusted, Key("devpath")]
    model: Untrusted | None = None
    serial: Untrusted | None = None
    type: Untrusted | None = None
    size_bytes: Annotated[int | None, Key("size")] = None
    health: Untrusted | None = None
    wearout_left_percent: int | None = None
    used: Untrusted | None = None
    wwn: Untrusted | None = None


class DiskPage(Page[DiskRow]):
    """Disks."""


class Smart(Answer):
    """SMART of a disk: attributes (ATA) or text (NVMe, SAS)."""

    device: Untrusted
    health: Untrusted | None = None
    type: Untrusted | None = None
    attributes: UntrustedJson | None = None
    text: UntrustedText | None = None


class Interface(Row):
    """A network interface as it will be after applying."""

    identified_by = ("iface",)

    iface: Untrusted
    type: Untrusted | None = None
    active: bool | None = None
    autostart: bool | None = None
    method: Untrusted | None = None
    cidr: Untrusted | None = None
    gateway: Untrusted | None = None
    cidr6: Untrusted | None = None
    gateway6: Untrusted | None = None
    bridge_ports: Untrusted | None = None
    vlan_aware: Annotated[bool | None, Key("bridge_vlan_aware")] = None
    slaves: Untrusted | None = None
    bond_mode: Untrusted | None = None
    vlan_raw_device: Annotated[Untrusted | None, Key("vlan-raw-device")] = None
    vlan_id: Annotated[int | None, Key("vlan-id")] = None
    mtu: int | None = None
    comments: Untrusted | None = None


class InterfacePage(Page[Interface]):
    """Interfaces of a node. staged: the difference that waits to be applied; absent when there is none."""

    staged: UntrustedText | None = None


class Certificate(Row):
    """A certificate of a node; times in epoch seconds."""

    identified_by = ("filename",)

    filename: Untrusted
    subject: Untrusted | None = None
    issuer: Untrusted | None = None
    names: Annotated[list[Untrusted] | None, Key("san")] = None
    not_before: Annotated[int | None, Key("notbefore")] = None
    not_after: Annotated[int | None, Key("notafter")] = None
    days_left: float | None = None
    sha256: Annotated[Untrusted | None, Key("fingerprint")] = None


class CertificatePage(Page[Certificate]):
    """Certificates."""


class Subscription(Answer):
    """Subscription of a node. status: new, notfound, active, invalid, expired, suspended."""

    node: Untrusted
    status: Untrusted
    level: Untrusted | None = None
    product: Annotated[Untrusted | None, Key("productname")] = None
    next_due: Annotated[Untrusted | None, Key("nextduedate")] = None
    sockets: int | None = None
    message: Untrusted | None = None
