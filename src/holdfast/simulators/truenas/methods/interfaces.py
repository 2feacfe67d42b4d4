"""`interface.*`: what is configured, what is applied, and changes that are staged (contract section 15.9).

What is staged lives in the configuration, what is applied in the (simulated) kernel. The configuration from before the
first staged change lives in the middleware's memory only: a restart forgets it and leaves the new configuration.
"""

from __future__ import annotations

import copy
import ipaddress
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EEXIST, CallError, InstanceNotFoundError, Json, Row, invalid
from holdfast.simulators.truenas.methods.network import Network
from holdfast.simulators.truenas.registry import Namespace, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

PHYSICAL = ("eno1", "eno2")
PREFIXES = {"BRIDGE": "br", "LINK_AGGREGATION": "bond", "VLAN": "vlan"}


class Interfaces(Namespace):
    """Network interfaces: configuration, what is applied, and the change in between."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.network = box.get(Network)
        self.macs = dict(zip(PHYSICAL, box.server.host_macs, strict=False))
        prefix = int(box.world.lan_network.rpartition("/")[2])
        first = {"type": "INET", "address": box.server.host_ip, "netmask": prefix}
        self.configured: dict[str, Row] = {
            name: _blank("PHYSICAL", name, [first] if index == 0 else []) for index, name in enumerate(self.macs)
        }
        self.applied = copy.deepcopy(self.configured)
        self.before: tuple[dict[str, Row], Row] | None = None
        self.choices("interface.lacpdu_rate_choices", {"SLOW": "SLOW", "FAST": "FAST"})
        policies = ("LAYER2", "LAYER2+3", "LAYER3+4")
        self.choices("interface.xmit_hash_policy_choices", {name: name for name in policies})

    def restarted(self) -> None:
        """The state to go back to is forgotten; the configuration stays as it is."""
        self.before = None

    def rebooted(self) -> None:
        self.applied = copy.deepcopy(self.configured)

    # Reading -------------------------------------------------------------------------------------------------

    def _state(self, name: str, row: Row) -> Row:
        live = self.applied.get(name)
        aliases = [dict(alias) for alias in live["aliases"]] if live is not None else []
        for alias in aliases:
            if alias["type"] == "INET":
                network = ipaddress.ip_interface(f"{alias['address']}/{alias['netmask']}").network
                alias["broadcast"] = str(network.broadcast_address)
        mac = self._mac(name)
        if live is not None:
            aliases.append({"type": "LINK", "address": mac})
        up = live is not None and (name == PHYSICAL[0] or live["type"] != "PHYSICAL")
        state: Row = {
            "name": name,
            "orig_name": name,
            "description": row["description"],
            "mtu": (live or row)["mtu"] or 1500,
            "cloned": row["type"] != "PHYSICAL",
            "flags": ["UP", "BROADCAST", "RUNNING", "MULTICAST", "LOWER_UP"] if up else ["BROADCAST", "MULTICAST"],
            "nd6_flags": [],
            "capabilities": [],
            "link_state": "LINK_STATE_UP" if up else "LINK_STATE_DOWN",
            "media_type": "Ethernet",
            "media_subtype": "autoselect",
            "active_media_type": "Ethernet",
            "active_media_subtype": "25000Mb/s Twisted Pair" if up else "",
            "supported_media": [],
            "media_options": None,
            "link_address": mac,
            "permanent_link_address": mac if row["type"] == "PHYSICAL" else None,
            "hardware_link_address": mac,
            "aliases": aliases,
            "vrrp_config": None,
            "rx_queues": 8,
            "tx_queues": 8,
        }
        if row["type"] == "VLAN":
            state |= {"parent": row["vlan_parent_interface"], "tag": row["vlan_tag"], "pcp": row["vlan_pcp"]}
        if row["type"] == "LINK_AGGREGATION":
            ports = [{"name": port, "flags": []} for port in row["lag_ports"]]
            state |= {
                "protocol": row["lag_protocol"],
                "ports": ports,
                "xmit_hash_policy": row["xmit_hash_policy"],
                "lacpdu_rate": row["lacpdu_rate"],
            }
        return state

    def _mac(self, name: str) -> str:
        if name in self.macs:
            return self.macs[name]
        members = self.configured.get(name, {}).get("lag_ports") or self.configured.get(name, {}).get("bridge_members")
        parent = self.configured.get(name, {}).get("vlan_parent_interface")
        return self._mac((members or [parent or PHYSICAL[0]])[0])

    def row(self, name: str) -> Row:
        """An interface as `interface.query` shows it."""
        config = self.configured[name]
        common = ("type", "aliases", "ipv4_dhcp", "ipv6_auto", "description", "mtu")
        row: Row = {"id": name, "name": name, "fake": False, **{key: copy.deepcopy(config[key]) for key in common}}
        row["state"] = self._state(name, config)
        kinds = {
            "VLAN": ("vlan_parent_interface", "vlan_tag", "vlan_pcp"),
            "LINK_AGGREGATION": ("lag_protocol", "lag_ports"),
            "BRIDGE": ("bridge_members", "enable_learning"),
        }
        return {**row, **{key: copy.deepcopy(config[key]) for key in kinds.get(config["type"], ())}}

    @method("interface.query")
    def query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Interfaces: staged configuration, applied state."""
        return call.query([self.row(name) for name in self.configured], filters, options)

    def _known(self, name: str) -> Row:
        if name not in self.configured:
            raise InstanceNotFoundError(f"Interface {name} does not exist")
        return self.configured[name]

    @method("interface.get_instance")
    def get_instance(self, call: Call, name: str, options: Row) -> Row:
        """One interface."""
        self._known(name)
        return self.row(name)

    @method("interface.choices")
    def interface_choices(self, call: Call, options: Row) -> Row:
        """Names of interfaces."""
        skipped = set(options["exclude_types"])
        return {name: name for name, row in self.configured.items() if row["type"] not in skipped}

    def _free(self, own: str | None) -> dict[str, str]:
        used = {port for name, row in self.configured.items() if name != own for port in (row.get("lag_ports") or [])}
        used |= {
            member
            for name, row in self.configured.items()
            if name != own
            for member in (row.get("bridge_members") or [])
        }
        return {name: name for name, row in self.configured.items() if row["type"] == "PHYSICAL" and name not in used}

    @method("interface.lag_ports_choices", "interface.bridge_members_choices")
    def member_choices(self, call: Call, name: str | None) -> Row:
        """Interfaces that may become members."""
        return dict(self._free(name))

    @method("interface.vlan_parent_interface_choices")
    def parent_choices(self, call: Call) -> Row:
        """Interfaces that may carry VLANs."""
        return {name: name for name, row in self.configured.items() if row["type"] in ("PHYSICAL", "LINK_AGGREGATION")}

    @method("interface.ip_in_use")
    def ip_in_use(self, call: Call, options: Row) -> list[Row]:
        """Applied addresses."""
        found: list[Row] = []
        for name, row in self.applied.items():
            if options.get("interfaces") and name not in options["interfaces"]:
                continue
            found += [dict(a) for a in row["aliases"] if options["ipv4" if a["type"] == "INET" else "ipv6"]]
        return found

    # Staging -------------------------------------------------------------------------------------------------

    def _stage(self) -> None:
        """Remember what is configured, before the first staged change."""
        if self.before is None:
            self.before = (copy.deepcopy(self.configured), copy.deepcopy(self.network.settings.row))

    def _check(self, row: Row, own: str | None, prefix: str) -> None:
        networks: dict[str, str] = {}
        for name, other in self.configured.items():
            if name != own:
                for alias in other["aliases"]:
                    networks[str(ipaddress.ip_interface(f"{alias['address']}/{alias['netmask']}").network)] = name
        for index, alias in enumerate(row["aliases"]):
            path = f"{prefix}.aliases.{index}"
            try:
                interface = ipaddress.ip_interface(f"{alias['address']}/{alias['netmask']}")
            except ValueError as error:
                raise invalid(path, f"Not a valid address: {error}") from error
            taken = networks.get(str(interface.network))
            if taken is not None:
                raise invalid(path, f"The network {interface.network} is already in use by another interface: {taken}")
        dhcp = [name for name, other in self.configured.items() if other["ipv4_dhcp"] and name != own]
        if row["ipv4_dhcp"] and dhcp:
            raise invalid(f"{prefix}.ipv4_dhcp", f"Only one interface can be used for DHCP: {dhcp[0]}")
        if row["ipv4_dhcp"] and any(alias["type"] == "INET" for alias in row["aliases"]):
            raise invalid(f"{prefix}.aliases", "DHCP and static addresses exclude each other")
        kind = row["type"]
        if kind == "VLAN":
            if row["vlan_parent_interface"] not in self.configured:
                raise invalid(f"{prefix}.vlan_parent_interface", "VLAN parent interface does not exist")
            if not 1 <= (row["vlan_tag"] or 0) <= 4094:
                raise invalid(f"{prefix}.vlan_tag", "VLAN tag must be between 1 and 4094")
        members = {"LINK_AGGREGATION": "lag_ports", "BRIDGE": "bridge_members"}.get(kind)
        if members is not None:
            free = self._free(own)
            for index, name in enumerate(row[members]):
                if name not in free:
                    raise invalid(f"{prefix}.{members}.{index}", f"Interface {name} does not exist or is in use")
            if kind == "LINK_AGGREGATION" and not row[members]:
                raise invalid(f"{prefix}.lag_ports", "This field cannot be empty")

    @method("interface.create")
    def create(self, call: Call, data: Row) -> Row:
        """Stage a new bridge, aggregate or VLAN."""
        prefix, kind = "interface_create", data["type"]
        name = data.get("name")
        if name is None:
            taken = set(self.configured)
            name = next(f"{PREFIXES[kind]}{n}" for n in range(10_000) if f"{PREFIXES[kind]}{n}" not in taken)
        if name in self.configured:
            raise invalid(f"{prefix}.name", "Interface name is already in use.", EEXIST)
        if not name.startswith(PREFIXES[kind]):
            raise invalid(f"{prefix}.name", f"Interface name must start with {PREFIXES[kind]}")
        row = {**_blank(kind, name, []), **{key: value for key, value in data.items() if key != "name"}}
        self._check(row, None, prefix)
        self._stage()
        self.configured[name] = row
        return self.row(name)

    @method("interface.update")
    def update(self, call: Call, name: str, data: Row) -> Row:
        """Stage a change."""
        old = self._known(name)
        row = {**copy.deepcopy(old), **{key: value for key, value in data.items() if key != "name"}}
        self._check(row, name, "interface_update")
        self._stage()
        self.configured[name] = row
        return self.row(name)

    @method("interface.delete")
    def delete(self, call: Call, name: str) -> str:
        """Stage a removal; a physical interface only loses its configuration."""
        row = self._known(name)
        for other_name, other in self.configured.items():
            if other.get("vlan_parent_interface") == name:
                raise CallError(f"The following interfaces depend on {name}: {other_name}")
        self._stage()
        if row["type"] == "PHYSICAL":
            self.configured[name] = _blank("PHYSICAL", name, [])
        else:
            del self.configured[name]
        return name

    @method("interface.has_pending_changes")
    def has_pending_changes(self, call: Call) -> bool:
        """Whether something is staged, or committed and not checked in."""
        return self.before is not None

    def _removed_by_static(self) -> list[str]:
        """What DHCP provides now and nothing would provide after the change."""
        had = any(row["ipv4_dhcp"] for row in self.applied.values())
        keeps = any(row["ipv4_dhcp"] for row in self.configured.values())
        if not had or keeps:
            return []
        settings = self.network.settings.row
        return [name for name in ("ipv4gateway", "nameserver1") if not settings[name]]

    @method("interface.network_config_to_be_removed")
    def network_config_to_be_removed(self, call: Call) -> list[str]:
        """Settings that a commit would take away."""
        return self._removed_by_static()

    @method("interface.default_route_will_be_removed", until="25.10")
    def default_route_will_be_removed(self, call: Call) -> bool:
        """Whether a commit would take the default route away (25.04)."""
        return "ipv4gateway" in self._removed_by_static()

    @method("interface.save_network_config")
    def save_network_config(self, call: Call, config: Row) -> None:
        """Set gateway and name servers together with the staged change; rolled back with it."""
        if self.before is None:
            raise CallError("There are no pending network interface changes to be applied.")
        self.network.settings.row.update({key: value for key, value in config.items() if value is not None})

    @method("interface.save_default_route", until="25.10")
    def save_default_route(self, call: Call, gateway: str) -> None:
        """Set the gateway together with the staged change (25.04)."""
        self.save_network_config(call, {"ipv4gateway": gateway})

    @method("interface.services_restarted_on_sync")
    def services_restarted_on_sync(self, call: Call) -> list[Row]:
        """Services bound to an address that goes away."""
        gone = self.addresses(self.applied) - self.addresses(self.configured)
        found: list[Row] = []
        for title, namespace in (("SMB", "smb"), ("NFS", "nfs")):
            settings = self.box.settings.get(namespace)
            bound = set(settings.row.get("bindip") or []) & gone if settings is not None else set()
            if bound:
                found.append({"type": "SYSTEM_SERVICE", "service": title, "ips": sorted(bound)})
        return found

    @staticmethod
    def addresses(rows: dict[str, Row]) -> set[str]:
        """All addresses of some interfaces."""
        return {alias["address"] for row in rows.values() for alias in row["aliases"]}

    # This session --------------------------------------------------------------------------------------------

    @method("interface.websocket_local_ip")
    def websocket_local_ip(self, call: Call) -> str | None:
        """The address this session came in on: the first applied one."""
        for row in self.applied.values():
            for alias in row["aliases"]:
                return str(alias["address"])
        return None

    @method("interface.websocket_interface")
    def websocket_interface(self, call: Call) -> Row | None:
        """The interface this session came in on."""
        for name, row in self.applied.items():
            if row["aliases"] and name in self.configured:
                return self.row(name)
        return None


def _blank(kind: str, name: str, aliases: list[Row]) -> Row:
    return {
        "type": kind,
        "description": "",
        "mtu": None,
        "ipv4_dhcp": False,
        "ipv6_auto": False,
        "aliases": aliases,
        "vlan_parent_interface": None,
        "vlan_tag": None,
        "vlan_pcp": None,
        "lag_protocol": "LACP",
        "lag_ports": [],
        "xmit_hash_policy": None,
        "lacpdu_rate": None,
        "bridge_members": [],
        "enable_learning": True,
    }
