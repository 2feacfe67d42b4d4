"""DHCP servers, static mappings and leases (contract §13.7)."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.work import Obj, Work


def interface_network(work: Work, interface: Ident | None) -> str | None:
    """The network of a statically addressed interface, or None."""
    row = work.tree.rows(work.schema.models["NetworkInterface"]).get(str(interface), {})
    address = str(row.get("ipaddr"))
    return syntax.network_of(address, row["subnet"]) if syntax.is_ipv4(address) else None


def _check_range(work: Work, interface: Ident | None, low: str, high: str) -> None:
    network = interface_network(work, interface)
    if not low and not high:
        return
    for name, address in (("range_from", low), ("range_to", high)):
        if network is None or not syntax.in_network(address, network):
            raise invalid(
                "DHCP_SERVER_RANGE_OUTSIDE_OF_INTERFACE_SUBNET", f"Field `{name}` must be in the subnet {network}."
            )
    if syntax.address_number(low) > syntax.address_number(high):
        raise invalid("DHCP_SERVER_RANGE_FROM_EXCEEDS_RANGE_TO", "Field `range_from` cannot exceed `range_to`.")


@behaves("DHCPServer")
class DhcpServer(Behaviour):
    """One server an interface, its id is the interface's."""

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        obj.values["interface"] = work.show_interfaces(obj.id)

    def prepare(self, work: Work, obj: Obj) -> None:
        ident = work.store_interfaces(obj.values.get("interface"))
        if isinstance(ident, str):
            obj.id = ident
            if ident in work.tree.rows(obj.model) and work.tree.rows(obj.model)[ident]:
                raise invalid("DHCP_SERVER_ALREADY_EXISTS", f"A DHCP server already exists for interface `{ident}`.")

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        if values.get("enable") and interface_network(work, obj.id) is None:
            raise invalid(
                "DHCP_SERVER_CANNOT_ENABLE_WITHOUT_STATIC_IPV4",
                "A DHCP server cannot be enabled on an interface without a static IPv4 address.",
            )
        relay = work.tree.one(work.schema.models["DHCPRelay"])
        if values.get("enable") and relay.get("enable"):
            raise conflict("DHCP_SERVER_CANNOT_BE_ENABLED_WHILE_DHCP_RELAY_IS_ENABLED", "The DHCP relay is enabled.")
        _check_range(work, obj.id, str(values.get("range_from") or ""), str(values.get("range_to") or ""))


@behaves("DHCPServerAddressPool")
class AddressPool(Behaviour):
    """Further ranges of a server."""

    def check(self, work: Work, obj: Obj) -> None:
        low, high = str(obj.values["range_from"]), str(obj.values["range_to"])
        _check_range(work, obj.parent_id, low, high)
        server = work.parent_values(obj.model, obj.parent_id)
        ranges = [(server.get("range_from"), server.get("range_to"))]
        ranges += [
            (row.get("range_from"), row.get("range_to"))
            for ident, row in work.tree.rows(obj.model, obj.parent_id).items()
            if ident != obj.id
        ]
        for begins, ends in ranges:
            if begins and ends and _overlap(low, high, str(begins), str(ends)):
                raise conflict(
                    "DHCP_SERVER_ADDRESS_POOL_OVERLAPS_EXISTING_OBJECT", "The pool overlaps an existing range."
                )
        for row in server.get("staticmap") or []:
            if row.get("ipaddr") and _overlap(low, high, row["ipaddr"], row["ipaddr"]):
                raise conflict(
                    "DHCP_SERVER_ADDRESS_POOL_OVERLAPS_EXISTING_OBJECT", "The pool contains a static mapping."
                )


def _overlap(low: str, high: str, other_low: str, other_high: str) -> bool:
    numbers = [syntax.address_number(text) for text in (low, high, other_low, other_high)]
    return numbers[0] <= numbers[3] and numbers[2] <= numbers[1]


@behaves("DHCPServerStaticMapping")
class StaticMapping(Behaviour):
    """Static mappings: outside the ranges, and no address twice."""

    def check(self, work: Work, obj: Obj) -> None:
        address = str(obj.values.get("ipaddr") or "")
        if not address:
            return
        server = work.parent_values(obj.model, obj.parent_id)
        ranges = [server, *(server.get("pool") or [])]
        taken = any(
            row.get("range_from") and _overlap(address, address, row["range_from"], row["range_to"]) for row in ranges
        ) or any(
            row.get("ipaddr") == address and ident != obj.id
            for ident, row in work.tree.rows(obj.model, obj.parent_id).items()
        )
        if taken:
            raise conflict(
                "DHCP_SERVER_STATIC_MAPPING_IPADDR_OVERLAPS_EXISTING_OBJECT",
                f"Field `ipaddr` value `{address}` is in a range or in use by another static mapping.",
            )
        network = interface_network(work, obj.parent_id)
        if network is not None and not syntax.in_network(address, network):
            raise invalid(
                "DHCP_SERVER_STATIC_MAPPING_IPADDR_OUTSIDE_OF_SUBNET", f"Field `ipaddr` must be in {network}."
            )


@behaves("DHCPRelay")
class Relay(Behaviour):
    """The relay, which excludes servers."""

    def check(self, work: Work, obj: Obj) -> None:
        servers = work.tree.rows(work.schema.models["DHCPServer"]).values()
        if obj.values.get("enable") and any(row.get("enable") for row in servers):
            raise conflict("DHCP_RELAY_CANNOT_BE_ENABLED_WHILE_DHCP_SERVER_IS_ENABLED", "A DHCP server is enabled.")


@behaves("DHCPServerLease")
class Leases(Behaviour):
    """Leases: the static mappings that run, then what clients got from the range."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        world, now = work.machine.world, work.now
        model = work.schema.models["DHCPServer"]
        rows: list[Stored] = []
        mapped: set[str] = set()
        online = {neighbour.mac for neighbour in world.neighbours() if neighbour.online}
        for interface, server in work.machine.jobs.live["dhcp"].rows(model).items():
            for row in server.get("staticmap") or []:
                mapped.add(str(row["mac"]).lower())
                rows.append(
                    {
                        "ip": row.get("ipaddr"),
                        "mac": row["mac"],
                        "hostname": row.get("hostname") or "",
                        "if": interface,
                        "starts": "",
                        "ends": "",
                        "active_status": "static",
                        "online_status": "active/online" if str(row["mac"]).lower() in online else "idle/offline",
                        "descr": row.get("descr") or "",
                    }
                )
        rows += self._dynamic(work, mapped, online, now)
        shown = [row for row in rows if f"{row['ip']}/{row['mac']}" not in work.machine.runtime.dropped_leases]
        return dict(enumerate(shown))

    @staticmethod
    def _dynamic(work: Work, mapped: set[str], online: set[str], now: float) -> list[Stored]:
        world = work.machine.world
        start = int(ipaddress.ip_address(str(ipaddress.ip_network(world.lan_network)[200])))
        rows: list[Stored] = []
        clients = [(guest.mac, guest.name, guest.ip) for guest in world.guests if guest.mac not in mapped]
        clients += [("3c:22:fb:70:10:01", "alices-laptop", None), ("3c:22:fb:70:10:02", "", None)]
        for number, (mac, hostname, fixed) in enumerate(clients):
            running = mac in online or mac.startswith("3c:22:fb:70:10:01")
            began = now - 600.0 * (number + 1) if running else now - 90000.0
            rows.append(
                {
                    "ip": fixed or str(ipaddress.ip_address(start + number)),
                    "mac": mac,
                    "hostname": hostname,
                    "if": "lan",
                    "starts": _text(began),
                    "ends": _text(began + 7200),
                    "active_status": "active" if running else "expired",
                    "online_status": "active/online" if running else "idle/offline",
                    "descr": "",
                }
            )
        return rows

    async def delete(self, work: Work, obj: Obj) -> bool:
        work.machine.runtime.dropped_leases.add(f"{obj.values['ip']}/{obj.values['mac']}")
        return True


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y/%m/%d %H:%M:%S")
