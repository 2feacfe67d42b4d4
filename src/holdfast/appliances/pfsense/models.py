"""What pfSense tools return. Times in seconds, sizes in bytes, percentages 0 to 100; the unset is left out."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson, UntrustedText


class SystemInfo(Answer):
    """The firewall: identity, version and load."""

    version: Untrusted
    api_version: Untrusted | None = None
    hostname: Untrusted
    domain: Untrusted | None = None
    platform: Untrusted | None = None
    serial: Untrusted | None = None
    uptime: Untrusted | None = None
    cpu_percent: float | None = None
    memory_percent: float | None = None
    disk_percent: float | None = None
    load_average: list[float] | None = None
    temperature_c: float | None = None


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


class Problem(Row):
    """Something that needs a look."""

    about: Untrusted
    problem: Untrusted


class Health(Answer):
    """What is wrong; `problems` is empty when nothing was found."""

    healthy: bool
    problems: list[Problem]
    checked: list[Untrusted]


class ConnectionTest(Answer):
    """How far a connection gets."""

    reachable: bool
    authenticated: bool
    api_version: Untrusted | None = None
    auth_scheme: Untrusted
    dry_run: bool | None = None
    elapsed_ms: float | None = None
    problem: Untrusted | None = None


class PendingState(Row):
    """Whether a subsystem has changes that are not live. `changed_here`: Holdfast made some, rules included."""

    subsystem: Untrusted
    applied: bool | None = None
    pending: list[Untrusted] | None = None
    changed_here: bool | None = None
    note: Untrusted | None = None


class PendingChanges(Answer):
    """What waits for an apply."""

    subsystems: list[PendingState]


class Rule(Row):
    """A firewall rule. `ref` names it for other tools; rules of one interface are evaluated top to bottom."""

    ref: Untrusted
    action: Untrusted
    interface: list[Untrusted]
    ip_version: Untrusted | None = None
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    source_port: Untrusted | None = None
    destination: Untrusted | None = None
    destination_port: Untrusted | None = None
    description: Untrusted | None = None
    disabled: bool | None = None
    floating: bool | None = None
    log: bool | None = None
    gateway: Untrusted | None = None
    schedule: Untrusted | None = None


class RulePage(Page[Rule]):
    """Rules in their order of evaluation."""


class TrafficVerdict(Answer):
    """What the stored rules do with a packet. `certain` is false when a rule in `doubts` may decide otherwise."""

    action: Untrusted
    certain: bool
    decided_by: Rule | None = None
    forwarded_to: Untrusted | None = None
    doubts: list[Rule] | None = None


class Alias(Row):
    """An alias. `entries` is cut in lists; detail=full shows all."""

    ref: Untrusted
    type: Untrusted
    description: Untrusted | None = None
    entries: list[Untrusted]
    entry_count: int


class AliasPage(Page[Alias]):
    """Aliases."""


class Schedule(Row):
    """A schedule; `ranges` in the form that pfsense_create_schedule takes."""

    ref: Untrusted
    description: Untrusted | None = None
    active_now: bool | None = None
    ranges: list[UntrustedJson]


class SchedulePage(Page[Schedule]):
    """Schedules."""


class PortForward(Row):
    """A port forward."""

    ref: Untrusted
    interface: Untrusted
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    destination_port: Untrusted | None = None
    target: Untrusted | None = None
    local_port: Untrusted | None = None
    description: Untrusted | None = None
    disabled: bool | None = None
    linked_rule: bool | None = None


class PortForwardPage(Page[PortForward]):
    """Port forwards."""


class OutboundNat(Row):
    """A mapping of outbound NAT."""

    ref: Untrusted
    interface: Untrusted
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    destination_port: Untrusted | None = None
    target: Untrusted | None = None
    no_nat: bool | None = None
    description: Untrusted | None = None
    disabled: bool | None = None


class OutboundNatPage(Page[OutboundNat]):
    """Mappings of outbound NAT. They count in the modes hybrid and advanced (manual) only."""

    mode: Untrusted


class OneToOneNat(Row):
    """A 1:1 mapping."""

    ref: Untrusted
    interface: Untrusted
    external: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    description: Untrusted | None = None
    disabled: bool | None = None


class OneToOneNatPage(Page[OneToOneNat]):
    """1:1 mappings."""


class State(Row):
    """A connection in the state table."""

    interface: Untrusted | None = None
    protocol: Untrusted | None = None
    direction: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    state: Untrusted | None = None
    age: Untrusted | None = None
    expires_in: Untrusted | None = None
    bytes: int | None = None
    packets: int | None = None


class StatePage(Page[State]):
    """States; `current` and `maximum` count the whole table."""

    current: int | None = None
    maximum: int | None = None


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


class Service(Row):
    """A service."""

    name: Untrusted
    description: Untrusted | None = None
    enabled: bool | None = None
    running: bool


class ServicePage(Page[Service]):
    """Services."""


class FirewallLogLine(Row):
    """A packet in the firewall's log. Lines that could not be taken apart carry `text` only."""

    time: Untrusted | None = None
    action: Untrusted | None = None
    interface: Untrusted | None = None
    direction: Untrusted | None = None
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    source_port: int | None = None
    destination: Untrusted | None = None
    destination_port: int | None = None
    rule: Untrusted | None = None
    text: Untrusted | None = None


class FirewallLogPage(Page[FirewallLogLine]):
    """Lines of the firewall's log, the newest first. `scanned` counts the lines that were looked at."""

    scanned: int


class LogLine(Row):
    """A line of a log."""

    text: Untrusted


class LogPage(Page[LogLine]):
    """Lines of a log, the newest first. `scanned` counts the lines that were looked at."""

    scanned: int


class ArpEntry(Row):
    """A neighbour; `expires_s` in seconds."""

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


class Package(Row):
    """A package."""

    name: Untrusted
    description: Untrusted | None = None
    installed: Untrusted | None = None
    available: Untrusted | None = None
    update_available: bool | None = None


class PackagePage(Page[Package]):
    """Packages."""


class Certificate(Row):
    """A certificate or authority. `days_left` is negative once it has expired."""

    ref: Untrusted
    kind: Untrusted
    name: Untrusted
    issuer: Untrusted | None = None
    valid_from: Untrusted | None = None
    valid_until: Untrusted | None = None
    days_left: int | None = None


class CertificatePage(Page[Certificate]):
    """Certificates, those that expire first in front."""


class Revision(Row):
    """A revision of the configuration."""

    time: int
    description: Untrusted | None = None
    version: Untrusted | None = None
    size_bytes: int | None = None


class RevisionPage(Page[Revision]):
    """Revisions, the newest first. The API cannot show, compare or restore one."""


class User(Row):
    """A user or group. Secrets are never answered."""

    name: Untrusted
    kind: Untrusted
    id: int | None = None
    description: Untrusted | None = None
    disabled: bool | None = None
    members: list[Untrusted] | None = None
    privileges: list[Untrusted] | None = None


class UserPage(Page[User]):
    """Users and groups."""


class Facts(Row):
    """An object as the API tells it."""

    ref: Untrusted
    fields: UntrustedJson


class FactsPage(Page[Facts]):
    """Objects as the API tells them; unset fields are left out."""


class Settings(Answer):
    """Settings as the API tells them."""

    kind: Untrusted
    fields: UntrustedJson


class FieldInfo(Row):
    """A field that may be set. Types: string, boolean, integer, double, array; `many` means an array of them."""

    name: Untrusted
    type: Untrusted
    many: bool | None = None
    required: bool | None = None
    fixed: bool | None = None
    secret: bool | None = None
    choices: list[Untrusted] | None = None
    default: Untrusted | None = None
    fields: list[Untrusted] | None = None


class ObjectInfo(Answer):
    """What can be set of a kind of object."""

    kind: Untrusted
    title: Untrusted
    apply: Untrusted | None = None
    fields: list[FieldInfo]


class Tunnel(Row):
    """A VPN tunnel or a connection to a server."""

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


class Table(Answer):
    """A table of the packet filter."""

    name: Untrusted
    entries: list[Untrusted]
    total: int
