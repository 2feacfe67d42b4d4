"""The collections that tools may change: what identifies an object, and what makes a change of it live.

Ids are array positions and move (contract 7.2), so an object is known by its natural key. A reference is that key as
one text; it is compared with the references of the objects that are there, and never taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from holdfast.appliances.pfsense.facts import Model, model_named


@dataclass(frozen=True)
class Kind:
    """A collection.

    Attributes:
        name: For tools: `port_forward`.
        label: For people.
        model: The API's model.
        key: Fields that identify an object among its siblings.
        join: What stands between them in a reference; None makes a short digest of them, for long keys.
        subsystem: What must be applied for a change to become live; None when it is live at once.
        noun: Object of the tools that create, update and delete it; None when the general ones do.
        arguments: Arguments of the creating tool by the API's field, where the names differ.
        plain: Fields that are arguments of the creating tool under their own name.
        guarded: A change can cut the way to the firewall itself.
        paced: Its identity is the second of its creation, so creations are a second apart (contract 9.1).
        parent_argument: Argument that names the parent of a nested object.
        slow: A write is synchronous and takes up to minutes, and goes on when its answer is lost (contract 9.5).
    """

    name: str
    label: str
    model_name: str
    key: tuple[str, ...]
    join: str | None = "/"
    subsystem: str | None = None
    noun: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    plain: tuple[str, ...] = ()
    guarded: bool = False
    paced: bool = False
    parent_argument: str | None = None
    slow: bool = False

    @property
    def model(self) -> Model:
        """The facts of its model."""
        return model_named(self.model_name)

    def tool(self, verb: str) -> str:
        """Name of the tool that does this to an object of the kind."""
        if self.name == "package":
            return {"create": "pfsense_install_package", "delete": "pfsense_remove_package"}[verb]
        return f"pfsense_{verb}_{self.noun or 'object'}"


_FILTER: Final = ("interface", "protocol", "source", "source_port", "destination", "destination_port")

RULE: Final = Kind(
    "rule",
    "firewall rule",
    "FirewallRule",
    ("tracker",),
    subsystem="firewall",
    noun="rule",
    arguments={"type": "action", "ipprotocol": "ip_version", "descr": "description"},
    plain=("interface", "protocol", "source", "destination", "destination_port", "disabled"),
    guarded=True,
    paced=True,
)
ALIAS: Final = Kind(
    "alias",
    "alias",
    "FirewallAlias",
    ("name",),
    subsystem="firewall",
    noun="alias",
    arguments={"address": "entries", "detail": "details", "descr": "description"},
    plain=("name", "type"),
    guarded=True,
)
SCHEDULE: Final = Kind(
    "schedule",
    "schedule",
    "FirewallSchedule",
    ("name",),
    noun="schedule",
    arguments={"timerange": "ranges", "descr": "description"},
    plain=("name",),
)
PORT_FORWARD: Final = Kind(
    "port_forward",
    "port forward",
    "PortForward",
    _FILTER,
    None,
    subsystem="firewall",
    noun="port_forward",
    arguments={"target": "forward_to", "descr": "description"},
    plain=("interface", "protocol", "source", "destination", "destination_port", "local_port", "disabled"),
    guarded=True,
)
OUTBOUND: Final = Kind(
    "outbound_nat",
    "outbound NAT mapping",
    "OutboundNATMapping",
    (*_FILTER, "target", "nonat"),
    None,
    subsystem="firewall",
    noun="outbound_nat",
    arguments={"target": "translate_to", "target_subnet": "prefix_length", "descr": "description"},
    plain=("interface", "protocol", "source", "destination", "destination_port", "disabled"),
)
ONE_TO_ONE: Final = Kind(
    "one_to_one_nat",
    "1:1 NAT mapping",
    "OneToOneNATMapping",
    ("interface", "external", "source", "destination"),
    None,
    subsystem="firewall",
    noun="one_to_one_nat",
    arguments={"descr": "description"},
    plain=("interface", "external", "source", "destination", "disabled"),
    guarded=True,
)
VLAN: Final = Kind(
    "vlan",
    "VLAN",
    "InterfaceVLAN",
    ("if", "tag"),
    ".",
    noun="vlan",
    arguments={"if": "parent_device", "descr": "description"},
    plain=("tag", "pcp"),
    guarded=True,
)
VIRTUAL_IP: Final = Kind("virtual_ip", "virtual IP", "VirtualIP", ("uniqid",), subsystem="virtual_ip", guarded=True)
GATEWAY: Final = Kind("gateway", "gateway", "RoutingGateway", ("name",), subsystem="routing")
GATEWAY_GROUP: Final = Kind("gateway_group", "gateway group", "RoutingGatewayGroup", ("name",), subsystem="routing")
STATIC_ROUTE: Final = Kind(
    "static_route",
    "static route",
    "StaticRoute",
    ("network", "gateway"),
    " via ",
    subsystem="routing",
    noun="static_route",
    arguments={"descr": "description"},
    plain=("network", "gateway", "disabled"),
    guarded=True,
)
STATIC_MAPPING: Final = Kind(
    "static_mapping",
    "static DHCP mapping",
    "DHCPServerStaticMapping",
    ("mac",),
    subsystem="dhcp",
    noun="static_mapping",
    arguments={"ipaddr": "address", "descr": "description"},
    plain=("mac", "hostname"),
    parent_argument="interface",
)
ADDRESS_POOL: Final = Kind(
    "dhcp_pool",
    "DHCP address pool",
    "DHCPServerAddressPool",
    ("range_from", "range_to"),
    "-",
    subsystem="dhcp",
    parent_argument="parent",
)
DHCP_SERVER: Final = Kind("dhcp_server", "DHCP server", "DHCPServer", ("id",), subsystem="dhcp")
HOST_OVERRIDE: Final = Kind(
    "host_override",
    "DNS resolver host override",
    "DNSResolverHostOverride",
    ("host", "domain"),
    ".",
    subsystem="dns_resolver",
    noun="host_override",
    arguments={"ip": "addresses", "descr": "description"},
    plain=("host", "domain"),
)
DOMAIN_OVERRIDE: Final = Kind(
    "domain_override",
    "DNS resolver domain override",
    "DNSResolverDomainOverride",
    ("domain", "ip"),
    " via ",
    subsystem="dns_resolver",
)
INTERFACE: Final = Kind("interface", "interface", "NetworkInterface", ("id",), subsystem="interfaces", guarded=True)

GENERAL: Final = (
    VIRTUAL_IP,
    GATEWAY,
    GATEWAY_GROUP,
    ADDRESS_POOL,
    DHCP_SERVER,
    DOMAIN_OVERRIDE,
    INTERFACE,
    Kind("bridge", "bridge", "InterfaceBridge", ("bridgeif",), guarded=True),
    Kind("interface_group", "interface group", "InterfaceGroup", ("ifname",), guarded=True),
    Kind("lagg", "link aggregation", "InterfaceLAGG", ("laggif",), guarded=True),
    Kind("gre", "GRE tunnel", "InterfaceGRE", ("greif",)),
    Kind("access_list", "DNS resolver access list", "DNSResolverAccessList", ("name",), subsystem="dns_resolver"),
    Kind(
        "forwarder_override",
        "DNS forwarder host override",
        "DNSForwarderHostOverride",
        ("host", "domain"),
        ".",
        subsystem="dns_forwarder",
    ),
    Kind("ntp_server", "time server", "NTPTimeServer", ("timeserver",)),
    Kind("cron_job", "cron job", "CronJob", ("minute", "hour", "mday", "month", "wday", "who", "command"), None),
    Kind("watchdog", "watched service", "ServiceWatchdog", ("name",)),
    Kind("ipsec_phase1", "IPsec phase 1", "IPsecPhase1", ("ikeid",), subsystem="ipsec"),
    Kind("ipsec_phase2", "IPsec phase 2", "IPsecPhase2", ("uniqid",), subsystem="ipsec"),
    Kind("openvpn_server", "OpenVPN server", "OpenVPNServer", ("vpnid",)),
    Kind("openvpn_client", "OpenVPN client", "OpenVPNClient", ("vpnid",)),
    Kind("openvpn_override", "OpenVPN client override", "OpenVPNClientSpecificOverride", ("common_name",)),
    Kind("wireguard_tunnel", "WireGuard tunnel", "WireGuardTunnel", ("name",), subsystem="wireguard"),
    Kind("wireguard_peer", "WireGuard peer", "WireGuardPeer", ("publickey",), subsystem="wireguard"),
)
"""Kinds that the general tools change."""

TYPED: Final = (
    RULE,
    ALIAS,
    SCHEDULE,
    PORT_FORWARD,
    OUTBOUND,
    ONE_TO_ONE,
    VLAN,
    STATIC_ROUTE,
    STATIC_MAPPING,
    HOST_OVERRIDE,
)
"""Kinds with tools of their own."""

PACKAGE: Final = Kind("package", "package", "Package", ("name",), noun="package", slow=True)

READ_ONLY: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("shaper", "traffic shaper", "TrafficShaper", ("interface",)),
        Kind("shaper_queue", "shaper queue", "TrafficShaperQueue", ("interface", "name")),
        Kind("limiter", "limiter", "TrafficShaperLimiter", ("name",)),
        Kind("limiter_queue", "limiter queue", "TrafficShaperLimiterQueue", ("name",)),
        Kind("tunable", "tunable", "SystemTunable", ("tunable",)),
        Kind("available_interface", "available interface", "AvailableInterface", ("if",)),
    )
}
"""Kinds that are only read."""

BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (*TYPED, *GENERAL)}
