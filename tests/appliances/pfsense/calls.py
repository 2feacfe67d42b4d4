"""One working call of every tool, so that no tool can be left out of the tests that hold for all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.support.rooms import Room

Arguments = dict[str, Any]
Prepare = Callable[[Room], Awaitable[Arguments]]
ADDRESS = "10.20.0.77"
WIREGUARD_KEY = base64.b64encode(hashlib.sha256(b"holdfast").digest()).decode()


@dataclass(frozen=True)
class Call:
    """A call of a tool on the simulator as it starts.

    Attributes:
        prepare: Arguments that depend on what is there, looked up by other tools.
        requests: Most requests that the call may send when nothing is remembered yet.
        once_sent: Whether a write is exactly one request that is executed (an apply may be repeated).
        settles: Whether a lost answer can always be settled by reading back.
    """

    tool: str
    arguments: Arguments
    prepare: Prepare | None = None
    requests: int = 3
    once_sent: bool = True
    settles: bool = True

    async def made(self, fw: Room) -> Arguments:
        """The arguments for this room."""
        return {**self.arguments, **(await self.prepare(fw) if self.prepare else {})}


def first_ref(tool: str, **arguments: Any) -> Prepare:
    """The reference of the first row that a tool lists."""

    async def look(fw: Room) -> Arguments:
        items = (await fw.call(tool, **arguments))["items"]
        assert isinstance(items, list)
        row = items[0]
        assert isinstance(row, dict)
        return {"ref": row["ref"]}

    return look


def ref_of(text: str, tool: str, **arguments: Any) -> Prepare:
    """The reference of the first row with a text in it."""

    async def look(fw: Room) -> Arguments:
        items = (await fw.call(tool, **arguments))["items"]
        assert isinstance(items, list)
        row = next(item for item in items if text in str(item))
        assert isinstance(row, dict)
        return {"ref": row["ref"]}

    return look


async def spare_alias(fw: Room) -> Arguments:
    """An alias that nothing uses."""
    await fw.call("pfsense_create_alias", name="spare", type="host", entries=[ADDRESS])
    return {"ref": "spare"}


async def spare_vlan(fw: Room) -> Arguments:
    """A VLAN that is not assigned."""
    await fw.call("pfsense_create_vlan", parent_device="igb1", tag=77)
    return {"ref": "igb1.77"}


async def spare_mapping(fw: Room) -> Arguments:
    """A 1:1 mapping."""
    answer = await fw.call("pfsense_create_one_to_one_nat", external="198.51.100.9", source="10.20.0.101")
    after = answer["after"]
    assert isinstance(after, dict)
    return {"ref": after["ref"]}


READS = (
    Call("pfsense_system_info", {}, requests=4),
    Call("pfsense_list_interfaces", {}, requests=1),
    Call("pfsense_pending_changes", {}, requests=10),
    Call("pfsense_list_rules", {}, requests=2),
    Call(
        "pfsense_explain_traffic",
        {"interface": "lan", "source": "10.20.0.50", "destination": "192.0.2.1", "destination_port": 443},
        requests=6,
    ),
    Call("pfsense_list_aliases", {}, requests=2),
    Call("pfsense_list_schedules", {}, requests=2),
    Call("pfsense_list_port_forwards", {}, requests=2),
    Call("pfsense_list_outbound_nat", {}, requests=3),
    Call("pfsense_list_one_to_one_nat", {}, requests=2),
    Call("pfsense_list_vlans", {}, requests=3),
    Call("pfsense_list_gateways", {}, requests=4),
    Call("pfsense_list_static_routes", {}, requests=2),
    Call("pfsense_list_dhcp_leases", {}, requests=2),
    Call("pfsense_list_dhcp_servers", {}, requests=2),
    Call("pfsense_list_static_mappings", {}, requests=2),
    Call("pfsense_dns_settings", {}, requests=3),
    Call("pfsense_list_host_overrides", {}, requests=2),
    Call("pfsense_list_services", {}, requests=2),
    Call("pfsense_vpn_status", {}, requests=5),
    Call("pfsense_firewall_log", {"action": "block", "interface": "wan"}, requests=9),
    Call("pfsense_read_log", {"log": "system"}, requests=2),
    Call("pfsense_list_states", {}, requests=3),
    Call("pfsense_arp_table", {}, requests=2),
    Call("pfsense_table", {"name": "bogons"}, requests=2),
    Call("pfsense_ping", {"host": "10.20.0.1"}, requests=2),
    Call("pfsense_test_connection", {}, requests=2),
    Call("pfsense_health", {}, requests=6),
    Call("pfsense_list_packages", {"available": True}, requests=3),
    Call("pfsense_list_certificates", {}, requests=3),
    Call("pfsense_list_revisions", {}, requests=2),
    Call("pfsense_list_users", {}, requests=3),
    Call("pfsense_describe_object", {"kind": "gateway"}, requests=1),
    Call("pfsense_list_objects", {"kind": "ipsec_phase1"}, requests=2),
    Call("pfsense_get_settings", {"kind": "ntp"}, requests=2),
)

_RULE = {
    "action": "pass",
    "interface": ["lan"],
    "source": "lan",
    "destination": "nas_hosts",
    "protocol": "tcp",
    "destination_port": "443",
    "description": "to the NAS",
    "position": "first",
}
_LISTED_RULE = ref_of("fencing", "pfsense_list_rules")

# Cold, a write discovers the release (1), probes for the dry run (1) and learns the interfaces' names (3).
WRITES = (
    Call("pfsense_apply_changes", {"subsystem": "firewall"}, requests=6, once_sent=False, settles=False),
    Call("pfsense_create_rule", _RULE, requests=14),
    Call("pfsense_update_rule", {"changes": {"log": True}}, _LISTED_RULE, requests=12),
    Call("pfsense_delete_rule", {}, _LISTED_RULE, requests=11),
    Call("pfsense_move_rule", {"position": "first"}, _LISTED_RULE, requests=10),
    Call("pfsense_enable_rule", {"enabled": True}, _LISTED_RULE, requests=12),
    Call("pfsense_create_alias", {"name": "printers", "type": "host", "entries": [ADDRESS]}, requests=13),
    Call("pfsense_update_alias", {"ref": "nas_hosts", "add": [ADDRESS]}, requests=13),
    Call("pfsense_delete_alias", {}, spare_alias, requests=17),
    Call(
        "pfsense_create_schedule",
        {"name": "night", "ranges": [{"position": [6, 7], "hour": "0:00-6:00"}]},
        requests=8,
    ),
    Call("pfsense_update_schedule", {"ref": "workhours", "changes": {"descr": "office"}}, requests=8),
    Call("pfsense_delete_schedule", {"ref": "workhours"}, requests=8),
    Call(
        "pfsense_create_port_forward",
        {"forward_to": "10.20.0.50", "protocol": "tcp", "destination_port": "8443", "local_port": "443"},
        requests=14,
    ),
    Call(
        "pfsense_update_port_forward",
        {"changes": {"descr": "web"}},
        first_ref("pfsense_list_port_forwards"),
        requests=12,
    ),
    Call("pfsense_delete_port_forward", {}, first_ref("pfsense_list_port_forwards"), requests=11),
    Call("pfsense_create_outbound_nat", {"source": "10.20.9.0/24"}, requests=11),
    Call(
        "pfsense_update_outbound_nat", {"changes": {"descr": "all"}}, first_ref("pfsense_list_outbound_nat"), requests=8
    ),
    Call("pfsense_delete_outbound_nat", {}, first_ref("pfsense_list_outbound_nat"), requests=8),
    Call("pfsense_create_one_to_one_nat", {"external": "198.51.100.9", "source": "10.20.0.101"}, requests=14),
    Call("pfsense_update_one_to_one_nat", {"changes": {"descr": "m"}}, spare_mapping, requests=12),
    Call("pfsense_delete_one_to_one_nat", {}, spare_mapping, requests=12),
    Call("pfsense_create_vlan", {"parent_device": "igb1", "tag": 42, "description": "lab"}, requests=9),
    Call("pfsense_update_vlan", {"changes": {"descr": "lab"}}, spare_vlan, requests=9),
    Call("pfsense_delete_vlan", {}, spare_vlan, requests=12),
    Call("pfsense_create_static_route", {"network": "10.77.0.0/16", "gateway": "LAB_GW"}, requests=12),
    Call(
        "pfsense_update_static_route",
        {"changes": {"descr": "the lab"}},
        first_ref("pfsense_list_static_routes"),
        requests=12,
    ),
    Call("pfsense_delete_static_route", {}, first_ref("pfsense_list_static_routes"), requests=12),
    Call(
        "pfsense_create_static_mapping",
        {"mac": "00:1b:21:0a:0b:0c", "address": "10.20.0.60", "hostname": "printer"},
        requests=8,
    ),
    Call(
        "pfsense_update_static_mapping",
        {"changes": {"descr": "moved"}},
        first_ref("pfsense_list_static_mappings"),
        requests=8,
    ),
    Call("pfsense_delete_static_mapping", {}, first_ref("pfsense_list_static_mappings"), requests=8),
    Call("pfsense_set_dns_servers", {"servers": ["192.0.2.53"]}, requests=8),
    Call(
        "pfsense_create_host_override",
        {"host": "printer", "domain": "rack.example", "addresses": ["10.20.0.60"]},
        requests=8,
    ),
    Call(
        "pfsense_update_host_override",
        {"changes": {"descr": "x"}},
        first_ref("pfsense_list_host_overrides"),
        requests=8,
    ),
    Call("pfsense_delete_host_override", {}, first_ref("pfsense_list_host_overrides"), requests=8),
    Call("pfsense_start_service", {"service": "haproxy"}, requests=6, settles=False),
    Call("pfsense_stop_service", {"service": "ntpd"}, requests=6),
    Call("pfsense_restart_service", {"service": "unbound"}, requests=6, settles=False),
    Call("pfsense_install_package", {"package": "pfSense-pkg-nmap"}, requests=8, settles=False),
    Call("pfsense_remove_package", {"package": "pfSense-pkg-acme"}, requests=8, settles=False),
    Call(
        "pfsense_create_object",
        {
            "kind": "gateway",
            "fields": {"name": "OTHER_GW", "ipprotocol": "inet", "interface": "lan", "gateway": "10.20.0.253"},
        },
        requests=11,
    ),
    Call(
        "pfsense_update_object",
        {"kind": "gateway", "ref": "LAB_GW", "changes": {"descr": "the lab's router"}},
        requests=8,
    ),
    Call("pfsense_delete_object", {"kind": "domain_override", "ref": "lab.example via 10.99.0.53"}, requests=8),
    Call("pfsense_update_settings", {"kind": "ntp", "changes": {"ntpmaxpeers": 6}}, requests=8),
)
