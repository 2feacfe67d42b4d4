"""DHCP, DNS, time, cron and package services at the start."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense.config import Stored

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine


def seed(machine: Machine, nodes: dict[str, Any]) -> None:
    """A DHCP server with the rack's machines as static mappings, a resolver that knows them, NTP and the rest."""
    world = machine.world
    network = ipaddress.ip_network(world.lan_network)
    static: list[Stored] = [
        {"mac": server.host_macs[0], "ipaddr": server.host_ip, "hostname": server.hostname, "descr": server.model}
        for server in world.servers
        if ipaddress.ip_address(server.host_ip) in network
    ]
    static += [
        {"mac": guest.mac, "ipaddr": guest.ip, "hostname": guest.name, "descr": f"guest {guest.vmid}"}
        for guest in world.guests
        if guest.ip and "prod" in guest.tags
    ]
    static.sort(key=lambda row: str(row["ipaddr"]))
    nodes["dhcpd"] = {
        "lan": {
            "enable": True,
            "range_from": str(network[200]),
            "range_to": str(network[249]),
            "domain": world.domain,
            "defaultleasetime": 7200,
            "maxleasetime": 86400,
            "dnsserver": [world.firewall_lan_ip],
            "staticmap": static,
            "pool": [],
            "numberoptions": [],
        },
        "opt1": {"enable": False, "staticmap": [], "pool": [], "numberoptions": []},
    }
    nodes["dhcrelay"] = {"enable": False, "carpstatusvip": "none"}
    nodes["/"] = {"dhcpbackend": "kea"}
    nodes["unbound"] = {
        "enable": True,
        "port": "53",
        "active_interface": ["all"],
        "outgoing_interface": ["all"],
        "system_domain_local_zone_type": "transparent",
        "dnssec": True,
        "regdhcp": True,
        "regdhcpstatic": True,
    }
    hosts: list[Stored] = [
        {"host": server.hostname, "domain": world.domain, "ip": [server.host_ip], "descr": server.model, "aliases": []}
        for server in world.servers
        if server.role != "bare"
    ]
    hosts += [
        {
            "host": f"{server.hostname}-bmc",
            "domain": world.domain,
            "ip": [server.bmc_ip],
            "descr": "iDRAC",
            "aliases": [],
        }
        for server in world.servers
        if server.role != "bare"
    ]
    for row in hosts:
        if row["host"] == "nas1":
            row["aliases"] = [{"host": "nas", "domain": world.domain, "descr": "the name that shares use"}]
    nodes["unbound/hosts"] = sorted(hosts, key=lambda row: str(row["host"]))
    nodes["unbound/domainoverrides"] = [
        {"domain": "lab.example", "ip": "10.99.0.53", "descr": "the lab answers itself"}
    ]
    nodes["unbound/acls"] = [
        {"name": "lab", "action": "allow", "description": "", "networks": [
            {"network": "10.99.0.0", "mask": 16, "description": "lab"}]},
    ]  # fmt: skip
    nodes["dnsmasq/hosts"] = []
    nodes["ntpd"] = {"enable": True, "interface": ["lan", "opt1"], "ntpmaxpeers": 5, "orphan": 12, "dnsresolv": "auto"}
    nodes["ntpd/timeservers"] = [{"timeserver": "0.pool.ntp.example", "type": "pool"}]
    nodes["cron/item"] = [
        {"minute": "*/60", "hour": "*", "mday": "*", "month": "*", "wday": "*", "who": "root",
         "command": "/usr/bin/nice -n20 /usr/local/sbin/expiretable -v -t 3600 virusprot"},
        {"minute": "30", "hour": "12", "mday": "*", "month": "*", "wday": "*", "who": "root",
         "command": "/usr/bin/nice -n20 /etc/rc.update_urltables"},
    ]  # fmt: skip
    nodes["installedpackages/servicewatchdog/item"] = [{"name": "unbound", "notify": True}]
    nodes["installedpackages/haproxy"] = {"enable": False, "dns_resolvers": [], "email_mailers": []}
    nodes["installedpackages/acme"] = {}
