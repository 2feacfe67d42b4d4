"""Interfaces, VLANs, gateways and routes at the start."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense.config import Tree

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine


def prefix_length(network: str) -> int:
    """The prefix length of a network in text."""
    return ipaddress.ip_network(network).prefixlen


def add_dynamic_gateways(tree: Tree) -> None:
    """Gateways that interfaces get by DHCP join the loaded collection, and its ids, as they do on the real one.

    Reading shows them; the next write of anything stores them (contract §13.6).
    """
    model = tree.schema.models["RoutingGateway"]
    known = {row.get("name") for row in tree.rows(model).values()}
    for ident, row in tree.rows(tree.schema.models["NetworkInterface"]).items():
        for field, word, family in (("ipaddr", "dhcp", "inet"), ("ipaddrv6", "dhcp6", "inet6")):
            name = f"{row.get('descr') or str(ident).upper()}_{word.upper()}"
            if row.get(field) == word and name not in known:
                gateway = {
                    "name": name,
                    "ipprotocol": family,
                    "interface": ident,
                    "gateway": "dynamic",
                    "weight": 1,
                    "nonlocalgateway": True,
                    "descr": f"Interface {row.get('descr')} {word.upper()} Gateway",
                }
                tree.put(model, len(tree.rows(model)), gateway)


def seed(machine: Machine, nodes: dict[str, Any]) -> None:
    """Three interfaces (WAN, LAN, the BMCs' VLAN), a gateway, a gateway group and a static route."""
    world = machine.world
    nodes["interfaces"] = {
        "wan": {
            "if": "igb0",
            "enable": True,
            "descr": "WAN",
            "typev4": "static",
            "ipaddr": world.firewall_wan_ip,
            "subnet": 24,
            "gateway": "WANGW",
            "typev6": "none",
            "blockpriv": True,
            "blockbogons": True,
        },
        "lan": {
            "if": "igb1",
            "enable": True,
            "descr": "LAN",
            "typev4": "static",
            "ipaddr": world.firewall_lan_ip,
            "subnet": prefix_length(world.lan_network),
            "typev6": "none",
        },
        "opt1": {
            "if": f"igb1.{world.bmc_vlan_tag}",
            "enable": True,
            "descr": "BMC",
            "typev4": "static",
            "ipaddr": world.firewall_bmc_ip,
            "subnet": prefix_length(world.bmc_network),
            "typev6": "none",
        },
    }
    nodes["vlans/vlan"] = [
        {"if": "igb1", "tag": vlan.tag, "vlanif": f"igb1.{vlan.tag}", "descr": vlan.name} for vlan in world.vlans
    ]
    nodes["bridges/bridged"] = []
    nodes["laggs/lagg"] = []
    nodes["gres/gre"] = []
    nodes["ifgroups/ifgroupentry"] = [{"ifname": "INSIDE", "members": ["lan", "opt1"], "descr": "trusted networks"}]
    nodes["gateways/gateway_item"] = [
        {"name": "WANGW", "ipprotocol": "inet", "interface": "wan", "gateway": world.firewall_wan_gateway, "weight": 1,
         "nonlocalgateway": True, "descr": "Interface WAN static gateway"},
        {"name": "LAB_GW", "ipprotocol": "inet", "interface": "lan", "gateway": _host(world.lan_network, 254),
         "weight": 1, "nonlocalgateway": True, "descr": "router of the lab"},
    ]  # fmt: skip
    nodes["gateways/gateway_group"] = [
        {"name": "UPLINKS", "trigger": "downloss", "descr": "", "ipprotocol": "inet",
         "priorities": [{"gateway": "WANGW", "tier": 1, "virtual_ip": "address"}]},
    ]  # fmt: skip
    nodes["gateways"] = {"defaultgw4": "WANGW", "defaultgw6": ""}
    nodes["staticroutes/route"] = [
        {"network": "10.99.0.0/16", "gateway": "LAB_GW", "descr": "lab", "disabled": False},
    ]


def _host(network: str, number: int) -> str:
    return str(ipaddress.ip_network(network)[number])
