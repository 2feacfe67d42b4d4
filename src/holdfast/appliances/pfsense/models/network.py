"""What tools on interfaces, routing, DHCP, DNS and VPN return."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson, UntrustedText


class Interface(Row):
    """A network interface; counters since boot."""

    name: Untrusted
    description: Untrusted | None = None
    device: Untrusted | None = None
    status: Untrusted | None = None
    mac: Untrusted | None = None
    ipv4: Untrusted | None = None
    ipv4_prefix: Untrusted | None = None
    ipv6: Untrusted | None = None
    gateway: Untrusted | None = None
    media: Untrusted | None = None
    in_bytes: int | None = None
    out_bytes: int | None = None
    in_errors: int | None = None
    out_errors: int | None = None


class InterfacePage(Page[Interface]):
    """Interfaces."""


class Vlan(Row):
    """A VLAN."""

    ref: Untrusted
    device: Untrusted | None = None
    parent_device: Untrusted
    tag: int
    priority: int | None = None
    description: Untrusted | None = None
    assigned_to: Untrusted | None = None


class VlanPage(Page[Vlan]):
    """VLANs."""


class Gateway(Row):
    """A gateway with what its monitor sees: delay and deviation in milliseconds, loss in percent."""

    name: Untrusted
    interface: Untrusted | None = None
    gateway: Untrusted | None = None
    monitor: Untrusted | None = None
    status: Untrusted | None = None
    substatus: Untrusted | None = None
    delay_ms: float | None = None
    stddev_ms: float | None = None
    loss_percent: float | None = None
    default: bool | None = None
    disabled: bool | None = None
    description: Untrusted | None = None


class GatewayPage(Page[Gateway]):
    """Gateways."""


class StaticRoute(Row):
    """A static route."""

    ref: Untrusted
    network: Untrusted
    gateway: Untrusted
    description: Untrusted | None = None
    disabled: bool | None = None


class StaticRoutePage(Page[StaticRoute]):
    """Static routes."""


class Lease(Row):
    """A DHCP lease; starts and ends in the firewall's own format."""

    identified_by = ("ip", "mac")

    ip: Untrusted
    mac: Untrusted | None = None
    hostname: Untrusted | None = None
    interface: Untrusted | None = None
    state: Untrusted | None = None
    online: Untrusted | None = None
    starts: Untrusted | None = None
    ends: Untrusted | None = None
    description: Untrusted | None = None


class LeasePage(Page[Lease]):
    """Leases."""


class DhcpServer(Row):
    """A DHCP server; lease times in seconds."""

    identified_by = ("interface",)

    interface: Untrusted
    enabled: bool
    range_from: Untrusted | None = None
    range_to: Untrusted | None = None
    domain: Untrusted | None = None
    gateway: Untrusted | None = None
    dns_servers: list[Untrusted] | None = None
    default_lease_s: int | None = None
    max_lease_s: int | None = None
    static_mappings: int


class DhcpServerPage(Page[DhcpServer]):
    """DHCP servers."""


class StaticMapping(Row):
    """A static DHCP mapping."""

    ref: Untrusted
    interface: Untrusted
    mac: Untrusted
    address: Untrusted | None = None
    hostname: Untrusted | None = None
    description: Untrusted | None = None


class StaticMappingPage(Page[StaticMapping]):
    """Static mappings."""


class DnsSettings(Answer):
    """Name service: what the firewall itself asks, and the resolver."""

    servers: list[Untrusted]
    allow_dhcp_override: bool | None = None
    local_first: Untrusted | None = None
    resolver_enabled: bool | None = None
    resolver: UntrustedJson | None = None


class HostOverride(Row):
    """A name that the resolver answers itself."""

    ref: Untrusted
    host: Untrusted
    domain: Untrusted
    addresses: list[Untrusted]
    aliases: list[Untrusted] | None = None
    description: Untrusted | None = None


class HostOverridePage(Page[HostOverride]):
    """Host overrides."""


class ArpEntry(Row):
    """A neighbour; `expires_s` in seconds."""

    identified_by = ("ip", "mac", "interface")

    ip: Untrusted
    mac: Untrusted | None = None
    interface: Untrusted | None = None
    hostname: Untrusted | None = None
    permanent: bool | None = None
    expires: Untrusted | None = None


class ArpPage(Page[ArpEntry]):
    """The ARP table."""


class Ping(Answer):
    """Result of a ping from the firewall."""

    host: Untrusted
    answered: bool
    sent: int
    received: int | None = None
    loss_percent: float | None = None
    output: UntrustedText


class Tunnel(Row):
    """A VPN tunnel or a connection to a server."""

    identified_by = ("kind", "name", "remote")

    kind: Untrusted
    name: Untrusted
    status: Untrusted | None = None
    remote: Untrusted | None = None
    local: Untrusted | None = None
    in_bytes: int | None = None
    out_bytes: int | None = None
    since: Untrusted | None = None
    details: UntrustedJson | None = None


class VpnPage(Page[Tunnel]):
    """VPN tunnels and connections; a kind that is not installed is named in `notes`."""
