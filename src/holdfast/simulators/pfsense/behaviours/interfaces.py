"""Interfaces, their live counters, and the devices they are made of (contract §13.2)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import ApiError, conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work

PORTS = ("igb0", "igb1", "igb2", "igb3")
PORT_DESCRIPTION = "Intel(R) I211 (Copper)"


def port_mac(work: Work, port: str) -> str:
    """The address burnt into a port: the world's two, then further ones of the same card."""
    macs = work.machine.world.firewall_macs
    base = port.partition(".")[0]
    number = PORTS.index(base) if base in PORTS else 0
    if number < len(macs):
        return macs[number]
    head, _, last = macs[-1].rpartition(":")
    return f"{head}:{(int(last, 16) + number - 1) % 256:02x}"


def devices(work: Work) -> Iterator[tuple[str, str]]:
    """Every device that an interface can be assigned to, with what it is."""
    for port in PORTS:
        yield port, PORT_DESCRIPTION
    for model, name, what in (
        ("InterfaceVLAN", "vlanif", "VLAN"),
        ("InterfaceLAGG", "laggif", "LAGG"),
        ("InterfaceBridge", "bridgeif", "bridge"),
        ("InterfaceGRE", "greif", "GRE tunnel"),
        ("OpenVPNServer", "vpnif", "OpenVPN server"),
        ("OpenVPNClient", "vpnif", "OpenVPN client"),
        ("WireGuardTunnel", "name", "WireGuard tunnel"),
    ):
        for row in work.tree.rows(work.schema.models[model]).values():
            yield str(row.get(name)), f"{what} {row.get('descr') or row.get('description') or ''}".strip()


def assigned(work: Work) -> dict[str, str]:
    """Interface ids by the device that each is assigned to."""
    rows = work.tree.rows(work.schema.models["NetworkInterface"])
    return {str(row.get("if")): str(ident) for ident, row in rows.items()}


@behaves("AvailableInterface")
class AvailableInterfaces(Behaviour):
    """Devices, and the interface that uses each."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        users = assigned(work)
        return dict(
            enumerate(
                {"if": name, "mac": port_mac(work, name), "dmesg": what, "in_use_by": users.get(name)}
                for name, what in devices(work)
            )
        )


@behaves("NetworkInterface")
class NetworkInterface(Behaviour):
    """Assigned interfaces, by string id."""

    def prepare(self, work: Work, obj: Obj) -> None:
        taken = work.tree.rows(obj.model)
        number = 1
        while f"opt{number}" in taken:
            number += 1
        obj.id = f"opt{number}"

    def complete(self, work: Work, stored: Stored) -> Stored:
        """The kinds of address are not stored: they follow from the addresses."""
        four, six = str(stored.get("ipaddr")), str(stored.get("ipaddrv6"))
        typev4 = "static" if syntax.is_ipv4(four) else four if four == "dhcp" else "none"
        words = ("dhcp6", "slaac", "6rd", "track6", "6to4")
        typev6 = "staticv6" if syntax.is_ipv6(six) else six if six in words else "none"
        return {**stored, "typev4": typev4, "typev6": typev6}

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Value] | None:
        if field.name == "if":
            return [name for name, _ in devices(work)]
        return list(field.choices) if field.choices else None

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        if values.get("typev4") == "dhcp":
            values["ipaddr"] = "dhcp"
        elif values.get("typev4") == "static":
            self._check_static(work, obj)
        dhcp = work.tree.rows(work.schema.models["DHCPServer"]).get(obj.id or "", {})
        if dhcp.get("enable") and values.get("typev4") != "static":
            raise invalid(
                "NETWORK_INTERFACE_CANNOT_CHANGE_TYPEV4_WHILE_DHCP_SERVER_ENABLED",
                "A DHCP server runs on this interface: `typev4` must stay `static`.",
            )
        if dhcp.get("enable") and int(values.get("subnet") or 0) > 30:
            raise invalid(
                "NETWORK_INTERFACE_SUBNET_MAXIMUM_EXCEEDED_WHILE_DHCP_SERVER_ENABLED",
                "A DHCP server runs on this interface: `subnet` must be 30 or less.",
            )

    def _check_static(self, work: Work, obj: Obj) -> None:
        address, bits = str(obj.values["ipaddr"]), int(obj.values["subnet"])
        if not syntax.is_ipv4(address):
            raise invalid(
                "INTERFACE_IPADDR_NOT_IPV4_WHEN_STATIC",
                "A static `ipaddr` must be an IPv4 address.",
            )
        vips = work.tree.rows(work.schema.models["VirtualIP"]).values()
        others = (r for i, r in work.tree.rows(obj.model).items() if i != obj.id)
        if address in {row.get("ipaddr") for row in others} | {row.get("subnet") for row in vips}:
            raise invalid(
                "INTERFACE_IPADDR_ALREADY_IN_USE",
                f"`{address}` is in use already.",
            )
        network = ipaddress.ip_interface(f"{address}/{bits}").network
        if bits < 31 and address == str(network.network_address):
            raise invalid(
                "NETWORK_INTERFACE_IPADDR_CANNOT_USE_NETWORK_ADDRESS",
                f"`{address}` is the address of the network itself.",
            )
        if bits < 31 and address == str(network.broadcast_address):
            raise invalid(
                "NETWORK_INTERFACE_IPADDR_CANNOT_USE_BROADCAST_ADDRESS",
                f"`{address}` is the broadcast address.",
            )
        for ident, route in work.tree.rows(work.schema.models["StaticRoute"]).items():
            if route.get("network") == str(network):
                raise invalid(
                    "NETWORK_INTERFACE_IPADDR_CONFLICTS_WITH_STATIC_ROUTE",
                    f"The network has a static route already, with ID `{ident}`.",
                )

    def check_delete(self, work: Work, obj: Obj) -> None:
        users = {
            "interface group": ("InterfaceGroup", "members"),
            "bridge": ("InterfaceBridge", "members"),
            "GRE tunnel": ("InterfaceGRE", "if"),
            "traffic shaper": ("TrafficShaper", "interface"),
        }
        for what, (model, name) in users.items():
            for row in work.tree.rows(work.schema.models[model]).values():
                if obj.id == row.get(name) or obj.id in (row.get(name) or []):
                    raise conflict(
                        "NETWORK_INTERFACE_CANNOT_BE_DELETED_WHILE_IN_USE",
                        f"Interface with ID `{obj.id}` cannot be deleted because it is part of a {what}.",
                    )

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        pending = work.machine.store.pending_interfaces
        if obj.id is not None and str(obj.id) not in pending:
            pending.append(str(obj.id))

    async def apply(self, work: Work, obj: Obj, verb: str) -> None:
        await super().apply(work, obj, verb)
        work.machine.store.pending_interfaces.clear()


class Device(Behaviour):
    """A device built from others: it gets the next free name, and stays while an interface is assigned to it."""

    name_field = ""
    prefix = ""

    def prepare(self, work: Work, obj: Obj) -> None:
        taken = {row.get(self.name_field) for row in work.tree.rows(obj.model).values()}
        number = 0
        while f"{self.prefix}{number}" in taken:
            number += 1
        obj.values[self.name_field] = f"{self.prefix}{number}"

    def check_delete(self, work: Work, obj: Obj) -> None:
        user = assigned(work).get(str(obj.values.get(self.name_field)))
        if user is not None:
            raise conflict(
                f"{self._id_prefix(obj)}_CANNOT_BE_DELETED_WHILE_IN_USE",
                f"Object cannot be deleted because it is in use by interface with ID `{user}`.",
            )

    @staticmethod
    def _id_prefix(obj: Obj) -> str:
        return {
            "InterfaceVLAN": "INTERFACE_VLAN",
            "InterfaceBridge": "INTERFACE_BRIDGE",
            "InterfaceLAGG": "INTERFACE_LAGG",
            "InterfaceGRE": "INTERFACE_GRE",
        }[obj.model.name]


@behaves("InterfaceVLAN")
class Vlan(Device):
    """VLANs: named after the parent device and the tag."""

    name_field = "vlanif"

    def prepare(self, work: Work, obj: Obj) -> None:
        """The name follows from the values; see check."""

    def check(self, work: Work, obj: Obj) -> None:
        parents = [*PORTS, *(str(row.get("laggif")) for row in _rows(work, "InterfaceLAGG"))]
        if obj.values["if"] not in parents:
            raise ApiError(
                404, "INTERFACE_VLAN_PARENT_NOT_FOUND", f"Parent interface `{obj.values['if']}` does not exist."
            )
        renamed = f"{obj.values['if']}.{obj.values['tag']}"
        before = (obj.initial or {}).get("vlanif")
        if before and before != renamed and before in assigned(work):
            raise conflict(
                "INTERFACE_VLAN_CANNOT_CHANGE_TAG_WHILE_IN_USE",
                f"The tag cannot change while `{before}` is assigned to an interface.",
            )
        obj.values["vlanif"] = renamed


@behaves("InterfaceBridge")
class Bridge(Device):
    """Bridges of assigned interfaces."""

    name_field, prefix = "bridgeif", "bridge"


@behaves("InterfaceLAGG")
class Lagg(Device):
    """Link aggregations of unassigned ports."""

    name_field, prefix = "laggif", "lagg"

    def check(self, work: Work, obj: Obj) -> None:
        for member in obj.values["members"]:
            if member not in PORTS:
                raise invalid("INTERFACE_LAGG_MEMBER_NOT_FOUND", f"Interface `{member}` does not exist.")
            if member in assigned(work):
                raise conflict("INTERFACE_LAGG_MEMBER_IN_USE", f"Interface `{member}` is assigned to an interface.")


@behaves("InterfaceGRE")
class Gre(Device):
    """GRE tunnels."""

    name_field, prefix = "greif", "gre"


def _rows(work: Work, model: str) -> list[Stored]:
    return list(work.tree.rows(work.schema.models[model]).values())


@behaves("InterfaceStats")
class InterfaceStats(Behaviour):
    """What each interface looks like now: link, addresses, counters since boot."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        live = work.machine.jobs.live["if"].rows(work.schema.models["NetworkInterface"])
        rows = work.tree.rows(work.schema.models["NetworkInterface"])
        up = max(1.0, work.now - work.machine.runtime.booted_at)
        answer: list[Stored] = []
        for number, (ident, row) in enumerate(rows.items()):
            running = live.get(ident, row)
            packets = int(up * (340 - 90 * number))
            gateway = self._gateway(work, running)
            answer.append(
                {
                    "name": str(ident),
                    "descr": row.get("descr"),
                    "hwif": running.get("if"),
                    "macaddr": running.get("spoofmac") or port_mac(work, str(running.get("if"))),
                    "mtu": str(running.get("mtu") or 1500),
                    "enable": bool(running.get("enable")),
                    "status": "up" if running.get("enable") else "down",
                    "ipaddr": running.get("ipaddr"),
                    "subnet": str(running.get("subnet") or ""),
                    "linklocal": self._link_local(work, str(running.get("if"))),
                    "ipaddrv6": running.get("ipaddrv6"),
                    "subnetv6": running.get("subnetv6"),
                    "inerrs": 0,
                    "outerrs": 0,
                    "collisions": 0,
                    "inbytes": packets * 820,
                    "inbytespass": packets * 815,
                    "outbytes": packets * 610,
                    "outbytespass": packets * 610,
                    "inpkts": packets,
                    "inpktspass": packets - packets // 400,
                    "outpkts": packets * 9 // 10,
                    "outpktspass": packets * 9 // 10,
                    "dhcplink": "up" if running.get("typev4") == "dhcp" else None,
                    "media": "1000baseT <full-duplex>",
                    "gateway": gateway,
                    "gatewayv6": None,
                }
            )
        return dict(enumerate(answer))

    @staticmethod
    def _gateway(work: Work, row: Stored) -> str | None:
        for gateway in work.tree.rows(work.schema.models["RoutingGateway"]).values():
            if gateway.get("name") == row.get("gateway"):
                return str(gateway.get("gateway"))
        return None

    @staticmethod
    def _link_local(work: Work, device: str) -> str:
        parts = [int(part, 16) for part in port_mac(work, device).split(":")]
        bytes_ = [parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]
        groups = [f"{bytes_[i] << 8 | bytes_[i + 1]:x}" for i in range(0, 8, 2)]
        return f"fe80::{':'.join(groups)}%{device}"
