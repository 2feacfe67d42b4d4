"""What runs on the firewall and is not configuration: packages, services, leases, states, downtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

# What the package repository offers: full name -> (version, description).
REPOSITORY: dict[str, tuple[str, str]] = {
    "pfSense-pkg-acme": ("1.0", "Automated certificates from ACME certificate authorities."),
    "pfSense-pkg-apcupsd": ("0.3.92_2", "Monitors and controls APC uninterruptible power supplies."),
    "pfSense-pkg-bind": ("9.20", "An authoritative and recursive name server."),
    "pfSense-pkg-Cron": ("0.3.9", "Manages scheduled commands."),
    "pfSense-pkg-freeradius3": ("0.15.14", "A RADIUS server."),
    "pfSense-pkg-haproxy": ("0.63_11", "A TCP and HTTP load balancer."),
    "pfSense-pkg-iperf": ("3.0.5", "Measures network throughput."),
    "pfSense-pkg-nmap": ("1.4.4_10", "Scans networks."),
    "pfSense-pkg-openvpn-client-export": ("1.9.5", "Exports OpenVPN client configurations."),
    "pfSense-pkg-RESTAPI": ("2.10.0", "A REST API for pfSense."),
    "pfSense-pkg-Service_Watchdog": ("1.8.7_4", "Restarts services that stopped."),
    "pfSense-pkg-WireGuard": ("0.2.9_4", "WireGuard tunnels."),
}
INSTALLED = (
    "pfSense-pkg-acme",
    "pfSense-pkg-Cron",
    "pfSense-pkg-haproxy",
    "pfSense-pkg-openvpn-client-export",
    "pfSense-pkg-RESTAPI",
    "pfSense-pkg-Service_Watchdog",
    "pfSense-pkg-WireGuard",
)


class Packages:
    """Installed packages by full name, with the installed version; two start one version behind the repository."""

    def __init__(self) -> None:
        self.installed: dict[str, str] = {name: REPOSITORY[name][0] for name in INSTALLED}
        self.installed["pfSense-pkg-haproxy"] = "0.63_10"
        self.installed["pfSense-pkg-acme"] = "0.9_1"


@dataclass
class Runtime:
    """State that a reboot clears or that services keep for themselves."""

    booted_at: float
    stopped: set[str] = field(default_factory=set)
    dropped_leases: set[str] = field(default_factory=set)
    dropped_arp: set[str] = field(default_factory=set)
    killed_states: set[str] = field(default_factory=set)
    flushed_tables: set[str] = field(default_factory=set)
    disconnected: set[str] = field(default_factory=set)
    states_reset_at: float | None = None
    carp_enabled: bool = True
    carp_maintenance: bool = False
    woken: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    log_lines: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    past_logs: dict[str, list[str]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    up_at: dict[str, float] = field(default_factory=dict)
    acme_issues: list[tuple[str, float]] = field(default_factory=list)
    acme_renewals: list[tuple[str, float]] = field(default_factory=list)
    acme_registrations: list[tuple[str, float]] = field(default_factory=list)


@dataclass
class Downtime:
    """When the machine, or only its web server, is away: spans of the appliance's time."""

    now: Callable[[], float]
    reboot_s: float = 90.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    package_gone_from: float | None = None
    package_busy: tuple[float, float] = (0.0, 0.0)
    booted_at: float | None = None

    def away(self, begins_in_s: float, lasts_s: float) -> None:
        """Be away from some seconds on, for some seconds."""
        begins = self.now() + begins_in_s
        self.spans.append((begins, begins + lasts_s))

    def reboot(self, begins_in_s: float) -> None:
        """Reboot some seconds from now."""
        self.away(begins_in_s, self.reboot_s)
        self.booted_at = self.now() + begins_in_s + self.reboot_s

    @property
    def is_away(self) -> bool:
        """Whether nothing answers now."""
        now = self.now()
        return any(begins <= now < ends for begins, ends in self.spans)

    @property
    def restarted(self) -> bool:
        """Whether no restart is still to come: what was changed for it holds now."""
        return all(begins <= self.now() for begins, _ in self.spans)

    @property
    def package_gone(self) -> bool:
        """Whether an upgrade has removed the API package (contract §1)."""
        return self.package_gone_from is not None and self.now() >= self.package_gone_from

    @property
    def package_replaced(self) -> bool:
        """Whether the API package is being replaced right now."""
        begins, ends = self.package_busy
        return begins <= self.now() < ends
