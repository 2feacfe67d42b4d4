"""Background jobs that apply pending changes (contract §8): one queue a subsystem, no job id, no error report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.simulators.pfsense.answers import ApiError
from holdfast.simulators.pfsense.config import Store, Tree
from holdfast.simulators.pfsense.faults import Faults

# Which flags each kind of apply clears when its job ends.
CLEARS: dict[str, tuple[str, ...]] = {
    "fw": ("aliases", "natconf", "filter", "shaper"),
    "vip": ("vip",),
    "if": ("interfaces",),
    "rt": ("staticroutes",),
    "dhcp": ("dhcpd",),
    "unbound": ("unbound",),
    "dnsfwd": ("hosts",),
    "ipsec": ("ipsec",),
    "wg": ("wireguard",),
    "ha": ("haproxyconf",),
    "sysctl": ("sysctl",),
}
_PREFIXES: tuple[tuple[str, str], ...] = (
    ("FirewallStates", ""),
    ("FirewallSchedule", ""),
    ("FirewallApply", "fw"),
    ("Firewall", "fw"),
    ("OneToOneNAT", "fw"),
    ("OutboundNAT", "fw"),
    ("PortForward", "fw"),
    ("TrafficShaper", "fw"),
    ("VirtualIP", "vip"),
    ("NetworkInterface", "if"),
    ("InterfaceApply", "if"),
    ("RoutingGatewayStatus", ""),
    ("Routing", "rt"),
    ("DefaultGateway", "rt"),
    ("StaticRoute", "rt"),
    ("DHCPServerBackend", ""),
    ("DHCPServerLease", ""),
    ("DHCPServer", "dhcp"),
    ("DNSResolver", "unbound"),
    ("DNSForwarder", "dnsfwd"),
    ("IPsecApply", "ipsec"),
    ("IPsecPhase", "ipsec"),
    ("WireGuardTunnelStatus", ""),
    ("WireGuardPeerStatus", ""),
    ("WireGuard", "wg"),
    ("HAProxy", "ha"),
    ("SystemTunable", "sysctl"),
)
QUEUE_LIMIT = 10


def apply_kind(model: str) -> str:
    """Which apply a model's changes need; empty when they take effect at once or never."""
    return next((kind for prefix, kind in _PREFIXES if model.startswith(prefix)), "")


@dataclass
class Job:
    """One reload: when it ends, and the configuration that it makes live."""

    ends_at: float
    tree: Tree


@dataclass
class Jobs:
    """The queues. `live` is the configuration that each subsystem really runs, which may lag behind the stored one."""

    now: Callable[[], float]
    store: Store
    faults: Faults
    seconds: float = 2.0
    queues: dict[str, list[Job]] = field(default_factory=dict)
    live: dict[str, Tree] = field(default_factory=dict)
    finished: dict[str, int] = field(default_factory=dict)

    def spawn(self, kind: str) -> float:
        """Queue a reload of this kind and return when it ends.

        Raises:
            ApiError: 503 when more than ten wait already.
        """
        self.settle()
        queue = self.queues.setdefault(kind, [])
        if len(queue) > QUEUE_LIMIT or self.faults.hit("queue-full"):
            raise ApiError(
                503,
                "DISPATCHER_TOO_MANY_QUEUED_PROCESSES",
                "Too many reloads of this kind are waiting.",
                retry_after_s=300,
            )
        slow = self.faults.hit("slow-apply")
        seconds = slow.number("seconds", 60.0) if slow else self.seconds
        starts = max([self.now(), *(job.ends_at for job in queue)])
        queue.append(Job(starts + seconds, self.store.current.copy()))
        return starts + seconds

    def settle(self) -> None:
        """Let every job whose time has come end."""
        if self.faults.look("apply-stuck"):
            return
        for kind, queue in self.queues.items():
            while queue and queue[0].ends_at <= self.now():
                job = queue.pop(0)
                self.live[kind] = job.tree
                self.finished[kind] = self.finished.get(kind, 0) + 1
                self.clear_flags(kind)

    def clear_flags(self, kind: str) -> None:
        """Mark a subsystem as having no pending changes."""
        self.store.dirty.difference_update(CLEARS[kind])
        if kind == "if":
            self.store.pending_interfaces.clear()

    def running(self, kind: str) -> bool:
        """Whether a reload of this kind is queued or at work."""
        self.settle()
        return bool(self.queues.get(kind))
