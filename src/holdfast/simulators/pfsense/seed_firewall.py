"""Aliases, rules, NAT, schedules, virtual addresses and shaping at the start."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.values import Value

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine

WEB_RULE = "nat_66f0a1b2c3d500.10000001"


def rule(created: int, author: str, **values: Value) -> Stored:
    """A rule as the web GUI stores it: texts empty, not absent."""
    base: Stored = {"type": "pass", "ipprotocol": "inet", "descr": "", "tag": "", "statetype": "keep state"}
    stamp = {
        "tracker": created,
        "created_time": created,
        "created_by": author,
        "updated_time": created,
        "updated_by": author,
    }
    return base | values | stamp


def seed(machine: Machine, nodes: dict[str, Any]) -> None:
    """What lets the rack work: LAN out, the web server in, management controllers shut off from the rest."""
    world = machine.world
    nas = [server.host_ip for server in world.servers if server.role == "truenas"]
    nodes_ = [server.host_ip for server in world.servers if server.role == "proxmox"]
    web = next((guest.ip for guest in world.guests if guest.name == "web" and guest.ip), None)
    nodes["aliases/alias"] = [
        {"name": "nas_hosts", "type": "host", "descr": "storage", "address": nas, "detail": ["TrueNAS"] * len(nas)},
        {"name": "pve_nodes", "type": "host", "descr": "hypervisors", "address": nodes_, "detail": [""] * len(nodes_)},
        {"name": "rack_hosts", "type": "host", "descr": "", "address": ["nas_hosts", "pve_nodes"], "detail": ["", ""]},
        {
            "name": "bmc_net",
            "type": "network",
            "descr": "management",
            "address": [world.bmc_network],
            "detail": ["BMCs"],
        },
        {
            "name": "web_ports",
            "type": "port",
            "descr": "",
            "address": ["80", "443", "8000:8100"],
            "detail": ["", "", ""],
        },
    ]
    start = int(machine.clock.now()) - 90 * 86400
    author = f"admin@{_host(world.lan_network, 50)} (Local Database)"
    rules = [
        rule(start, author, type="block", interface=["wan"], source="any", destination="bmc_net", log=True,
             descr="nothing from outside reaches the BMCs"),
        rule(start + 60, author, interface=["lan"], source="lan", destination="any",
             descr="Default allow LAN to any rule"),
        rule(start + 120, author, interface=["lan"], ipprotocol="inet6", source="lan", destination="any",
             descr="Default allow LAN IPv6 to any rule"),
        rule(start + 180, author, interface=["opt1"], protocol="udp", source="opt1", destination="opt1:ip",
             destination_port="123", descr="BMCs may ask the time"),
        rule(start + 240, author, type="block", interface=["opt1"], source="opt1", destination="any", log=True,
             descr="BMCs reach nothing else"),
        rule(start + 300, author, interface=["lan"], protocol="tcp", source="pve_nodes", destination="bmc_net",
             destination_port="443", descr="fencing over Redfish", disabled=True),
    ]  # fmt: skip
    nodes["nat/rule"] = []
    if web:
        rules.append(
            rule(start + 360, author, interface=["wan"], protocol="tcp", source="any", destination=web,
                 destination_port="443", descr="Associated rule for port forward rule " + WEB_RULE,
                 associated_rule_id=WEB_RULE)
        )  # fmt: skip
        nodes["nat/rule"] = [
            {"interface": "wan", "ipprotocol": "inet", "protocol": "tcp", "source": "any", "destination": "wan:ip",
             "destination_port": "443", "target": web, "local_port": "443", "descr": "web server",
             "associated_rule_id": WEB_RULE, "created_time": start + 360, "created_by": author,
             "updated_time": start + 360, "updated_by": author},
        ]  # fmt: skip
    nodes["filter/rule"] = rules
    nodes["nat/outbound"] = {"mode": "hybrid"}
    nodes["nat/outbound/rule"] = [
        {"interface": "wan", "protocol": None, "source": world.lan_network, "destination": "any", "target": "wan:ip",
         "target_subnet": 32, "descr": "LAN to the world"},
    ]  # fmt: skip
    nodes["nat/onetoone"] = []
    nodes["schedules/schedule"] = [
        {"name": "workhours", "schedlabel": "66f0a1b2c3e00", "descr": "office time",
         "timerange": [{"position": [1, 2, 3, 4, 5], "hour": "8:00-17:30", "rangedescr": ""}]},
    ]  # fmt: skip
    nodes["virtualip/vip"] = [
        {"uniqid": "66f0a1b2c3f00", "mode": "carp", "interface": "lan", "type": "single",
         "subnet": _host(world.lan_network, 3), "subnet_bits": 24, "descr": "shared gateway", "vhid": 1, "advbase": 1,
         "advskew": 0, "password": "carp-secret", "carp_mode": "mcast"},
        {"uniqid": "66f0a1b2c3f01", "mode": "ipalias", "interface": "wan", "type": "single", "subnet": "198.51.100.8",
         "subnet_bits": 24, "descr": "second public address"},
    ]  # fmt: skip
    nodes["shaper/queue"] = [
        {"enabled": True, "interface": "wan", "name": "wan", "scheduler": "PRIQ", "bandwidthtype": "Mb",
         "bandwidth": 500, "qlimit": 50, "queue": [
             {"interface": "wan", "enabled": True, "name": "qDefault", "priority": 1, "qlimit": 50, "default": True},
             {"interface": "wan", "enabled": True, "name": "qVoice", "priority": 7, "qlimit": 50},
         ]},
    ]  # fmt: skip
    nodes["dnshaper/queue"] = [
        {"name": "guests_down", "number": 1, "enabled": True, "mask": "none", "aqm": "droptail", "sched": "wf2q+",
         "bandwidth": [{"bw": 50, "bwscale": "Mb", "bwsched": "none"}], "queue": []},
    ]  # fmt: skip


def _host(network: str, number: int) -> str:
    return str(ipaddress.ip_network(network)[number])
