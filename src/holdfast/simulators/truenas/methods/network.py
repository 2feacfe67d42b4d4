"""`network.*`, `staticroute.*`, `route.*`, `dns.*` (contract section 15.9)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Settings, Table
from holdfast.simulators.truenas.errors import Json, Row, invalid
from holdfast.simulators.truenas.query import run_query
from holdfast.simulators.truenas.registry import Namespace, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class Network(Namespace):
    """Names, gateways and routes."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        values: Row = {
            "id": 1,
            "hostname": box.hostname,
            "hostname_local": box.hostname,
            "domain": box.world.domain,
            "ipv4gateway": box.world.firewall_lan_ip,
            "ipv6gateway": "",
            "nameserver1": box.world.firewall_lan_ip,
            "nameserver2": "",
            "nameserver3": "",
            "httpproxy": "",
            "hosts": [],
            "domains": [],
            "service_announcement": {"netbios": False, "mdns": True, "wsd": True},
            "activity": {"type": "DENY", "activities": []},
        }
        name = "network.configuration"
        self.settings = Settings(self, name, values, present=self._present, check=self._check, after=self._renamed)
        self.routes = Table(box, "staticroute", "Static Route")
        Crud(self, self.routes, check=self._check_route)
        activities = (("catalog", "Catalog"), ("mail", "Mail"), ("update", "Update"), ("usage", "Usage"))
        self.choices("network.configuration.activity_choices", [list(pair) for pair in activities])

    @staticmethod
    def _present(row: Row) -> Row:
        names = ("ipv4gateway", "ipv6gateway", "nameserver1", "nameserver2", "nameserver3", "hosts")
        return {**row, "state": {name: row[name] for name in names}}

    @staticmethod
    def _check(call: Call, row: Row, old: Row | None, prefix: str) -> None:
        for name in ("ipv4gateway", "ipv6gateway", "nameserver1", "nameserver2", "nameserver3"):
            if row[name]:
                try:
                    ipaddress.ip_address(row[name])
                except ValueError as error:
                    raise invalid(f"{prefix}.{name}", f"{row[name]} is not a valid IP address") from error
        if row["ipv4gateway"] and not call.box.get(Network).reachable(row["ipv4gateway"]):
            raise invalid(f"{prefix}.ipv4gateway", f"Gateway {row['ipv4gateway']} is unreachable")

    def _renamed(self, call: Call, row: Row, old: Row | None) -> None:
        self.box.hostname = row["hostname_local"] = row["hostname"]

    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        from holdfast.simulators.truenas.methods.interfaces import Interfaces

        rows = self.box.get(Interfaces).applied.values()
        return [
            ipaddress.ip_interface(f"{a['address']}/{a['netmask']}").network for row in rows for a in row["aliases"]
        ]

    def reachable(self, address: str) -> bool:
        """Whether an address lies in a directly connected network."""
        return any(ipaddress.ip_address(address) in network for network in self._networks())

    def _check_route(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        try:
            destination = ipaddress.ip_network(row["destination"], strict=False)
            gateway = ipaddress.ip_address(row["gateway"])
        except ValueError as error:
            raise invalid(f"{prefix}.destination", f"Not a valid route: {error}") from error
        if destination.version != gateway.version:
            raise invalid(f"{prefix}.destination", "Destination and gateway address families must match")

    @method("network.general.summary")
    def summary(self, call: Call) -> Row:
        """Addresses, default routes and name servers in use."""
        from holdfast.simulators.truenas.methods.interfaces import Interfaces

        ips: Row = {}
        for name, row in self.box.get(Interfaces).applied.items():
            if row["aliases"]:
                by_kind = {"IPV4": "INET", "IPV6": "INET6"}
                ips[name] = {
                    kind: [f"{a['address']}/{a['netmask']}" for a in row["aliases"] if a["type"] == family]
                    for kind, family in by_kind.items()
                }
        row = self.settings.row
        servers = [row[name] for name in ("nameserver1", "nameserver2", "nameserver3") if row[name]]
        return {
            "ips": ips,
            "default_routes": [row["ipv4gateway"]] if row["ipv4gateway"] else [],
            "nameservers": servers,
        }

    @method("route.system_routes")
    def system_routes(self, call: Call, filters: list[Json], options: Row) -> Json:
        """The kernel's routes."""
        rows: list[Row] = []
        gateway = self.settings.row["ipv4gateway"]
        if gateway:
            rows.append(_route("0.0.0.0", "0.0.0.0", gateway, "eno1", None))
        for network in self._networks():
            rows.append(
                _route(str(network.network_address), str(network.netmask), None, "eno1", self.box.server.host_ip)
            )
        for route in self.routes:
            network = ipaddress.ip_network(route["destination"], strict=False)
            rows.append(_route(str(network.network_address), str(network.netmask), route["gateway"], "eno1", None))
        return run_query(rows, filters, options)

    @method("route.ipv4gw_reachable")
    def ipv4gw_reachable(self, call: Call, address: str) -> bool:
        """Whether a gateway lies in a connected network."""
        return self.reachable(address)

    @method("dns.query")
    def dns(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Name servers in use."""
        names = ("nameserver1", "nameserver2", "nameserver3")
        rows = [{"nameserver": self.settings.row[name]} for name in names if self.settings.row[name]]
        return run_query(rows, filters, options)


def _route(network: str, netmask: str, gateway: str | None, interface: str, source: str | None) -> Row:
    return {
        "network": network,
        "netmask": netmask,
        "gateway": gateway,
        "interface": interface,
        "flags": [],
        "table_id": 254,
        "scope": 0 if gateway else 253,
        "preferred_source": source,
    }
