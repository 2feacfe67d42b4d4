"""Nodes of the cluster: hardware facts, membership and their own configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from holdfast.simulators.proxmox.certificates import Certificate
from holdfast.simulators.proxmox.firewall import FirewallScope
from holdfast.simulators.world import Server

SERVICES: Final = (
    "chrony",
    "corosync",
    "cron",
    "ksmtuned",
    "lxcfs",
    "postfix",
    "proxmox-firewall",
    "pve-cluster",
    "pve-firewall",
    "pve-ha-crm",
    "pve-ha-lrm",
    "pvedaemon",
    "pvefw-logger",
    "pveproxy",
    "pvescheduler",
    "pvestatd",
    "qmeventd",
    "spiceproxy",
    "sshd",
    "syslog",
    "systemd-journald",
    "systemd-timesyncd",
)
ABSENT_SERVICES: Final = frozenset({"ksmtuned", "syslog", "systemd-timesyncd"})

Interfaces = dict[str, dict[str, str]]


@dataclass(eq=False)
class Node:
    """One server of the cluster."""

    name: str
    number: int
    ip: str
    server: Server
    domain: str
    booted_s: float
    online: bool = True
    offline_since_s: float = 0.0
    interfaces: Interfaces = field(default_factory=dict)
    staged: Interfaces | None = None
    options: dict[str, str] = field(default_factory=dict)
    timezone: str = "Etc/UTC"
    dns: dict[str, str] = field(default_factory=dict)
    hosts: str = ""
    stopped_services: set[str] = field(default_factory=lambda: set(ABSENT_SERVICES))
    subscription_key: str | None = None
    updates: list[tuple[str, str, str]] = field(default_factory=list)
    index_fetched_s: float = 0.0
    disabled_repositories: set[str] = field(default_factory=set)
    added_repositories: list[str] = field(default_factory=list)
    custom_certificate: Certificate | None = None
    pools: dict[str, dict[str, str]] = field(default_factory=dict)
    firewall: FirewallScope = field(default_factory=FirewallScope)

    @property
    def threads(self) -> int:
        """Logical processors."""
        return self.server.cpu_sockets * self.server.cpu_cores_per_socket * 2

    @property
    def fqdn(self) -> str:
        """Full name: the common name of its certificate."""
        return f"{self.name}.{self.domain}"

    def root_bytes(self) -> int:
        """Size of the root file system."""
        return 94 * 1024**3
