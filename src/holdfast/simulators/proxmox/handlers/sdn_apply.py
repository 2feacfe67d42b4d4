"""Applying the software defined network, and what nodes see of it (contract section 15.12)."""

from __future__ import annotations

import copy
import difflib
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster, Section
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.handlers.sdn import STAGED, check_token, running, zone_visible
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_BASE: Final = "/cluster/sdn"


# -- apply, roll back, lock -------------------------------------------------------------------------------------------


def apply_staged(cluster: Cluster) -> None:
    """Make what is staged the running configuration."""
    for store in STAGED:
        cluster.sections[f"{store}.running"] = copy.deepcopy(cluster.sections.get(store, {}))


@answers(f"PUT {_BASE}")
def apply(call: Call) -> Answer:
    """Apply on all nodes: one reload task per node that is online."""
    check_token(call)
    cluster = call.cluster
    cluster.require_writable("sdn/.running-config")
    if call.params.flag("release-lock", True):
        cluster.options_hidden.pop("sdn-lock", None)
    apply_staged(cluster)

    def work() -> Work:
        for node in cluster.nodes.values():
            if not node.online:
                yield f"{node.name}: reloading network config skipped - node is offline"
                continue
            yield f"{node.name}: reloading network config"
            yield Pause(1 / len(cluster.nodes))

    return call.fork("reloadnetworkall", "", work(), 0.4)


@answers(f"POST {_BASE}/rollback")
def roll_back(call: Call) -> Answer:
    """Forget what is staged."""
    check_token(call)
    call.cluster.require_writable("sdn/zones.cfg")
    for store in STAGED:
        call.cluster.sections[store] = copy.deepcopy(running(call.cluster, store))
    if call.params.flag("release-lock", True):
        call.cluster.options_hidden.pop("sdn-lock", None)
    return None


def _pending(cluster: Cluster) -> bool:
    return any(cluster.sections.get(store, {}) != running(cluster, store) for store in STAGED)


@answers(f"POST {_BASE}/lock")
def lock(call: Call) -> Answer:
    """Take the lock; its token is needed for every change from then on."""
    hidden = call.cluster.options_hidden
    if "sdn-lock" in hidden:
        raise ApiError("configuration is already locked!")
    if _pending(call.cluster) and not call.params.flag("allow-pending"):
        raise ApiError("configuration has pending changes!")
    text = f"{call.cluster.rng.getrandbits(128):032x}"
    hidden["sdn-lock"] = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return hidden["sdn-lock"]


@answers(f"DELETE {_BASE}/lock")
def unlock(call: Call) -> Answer:
    """Give the lock back, or break it with `force`."""
    if not call.params.flag("force"):
        check_token(call)
    call.cluster.options_hidden.pop("sdn-lock", None)
    return None


@answers(f"GET {_BASE}/dry-run")
def dry_run(call: Call) -> Answer:
    """What applying would change on a node, as a diff."""
    cluster = call.cluster
    cluster.require_node(call.params.text("node"))

    def text(stores: dict[str, Section]) -> list[str]:
        lines: list[str] = []
        for store in ("sdn-vnets", "sdn-subnets"):
            for name, section in sorted(stores[store].items()):
                lines += [
                    f"auto {name}",
                    f"iface {name}",
                    *(f"\t{key} {value}" for key, value in sorted(section.items())),
                ]
        return lines

    old = text({store: running(cluster, store) for store in STAGED})
    new = text({store: cluster.sections.get(store, {}) for store in STAGED})
    names = ("/etc/network/interfaces.d/sdn", "/etc/network/interfaces.d/sdn.new")
    difference = "\n".join(difflib.unified_diff(old, new, *names, lineterm=""))
    row: Row = {"frr-diff": "", "interfaces-diff": f"{difference}\n" if difference else ""}
    return row


# -- as a node sees it ------------------------------------------------------------------------------------------------


def _on_node(call: Call, section: dict[str, str]) -> bool:
    nodes = section.get("nodes")
    return not nodes or call.node in nodes.replace(",", " ").split()


@answers("GET /nodes/{node}/sdn/zones")
def list_node_zones(call: Call) -> Answer:
    """Applied zones of a node and whether they work."""
    rows: list[Row] = []
    for zone, section in {"localnetwork": dict[str, str](), **running(call.cluster, "sdn-zones")}.items():
        if _on_node(call, section) and zone_visible(call, zone):
            rows.append({"zone": zone, "status": "available"})
    return rows


@answers("GET /nodes/{node}/sdn/zones/{zone}/content")
def list_zone_content(call: Call) -> Answer:
    """Networks of a zone on a node."""
    zone = call.params.text("zone")
    if zone == "localnetwork":
        names = [name for name, entry in call.member().interfaces.items() if entry["type"] in ("bridge", "OVSBridge")]
        return [{"vnet": name, "status": "available"} for name in names]
    return [
        {"vnet": vnet, "status": "available", "statusmsg": ""}
        for vnet, section in running(call.cluster, "sdn-vnets").items()
        if section.get("zone") == zone
    ]


@answers("GET /nodes/{node}/sdn/zones/{zone}/bridges")
def list_zone_bridges(call: Call) -> Answer:
    """Bridges of a zone on a node."""
    zone = call.params.text("zone")
    if zone == "localnetwork":
        names = [name for name, entry in call.member().interfaces.items() if entry["type"] == "bridge"]
    else:
        vnets = running(call.cluster, "sdn-vnets")
        names = [vnet for vnet, section in vnets.items() if section.get("zone") == zone]
    rows: list[Row] = []
    for name in names:
        ports: list[Row] = [
            {"name": f"tap{guest.vmid}i0", "vmid": guest.vmid, "index": "net0"}
            for guest in call.cluster.guests.values()
            if guest.node == call.node and guest.running and f"bridge={name}" in guest.live.get("net0", "").split(",")
        ]
        rows.append({"name": name, "vlan_filtering": "0", "ports": ports})
    return rows


@answers("GET /nodes/{node}/sdn/zones/{zone}/ip-vrf", "GET /nodes/{node}/sdn/vnets/{vnet}/mac-vrf")
def list_routes(call: Call) -> Answer:
    """Routes of an EVPN zone: other zones have none."""
    zone = call.params.maybe("zone")
    if zone is None:
        vnet = running(call.cluster, "sdn-vnets").get(call.params.text("vnet"))
        if vnet is None:
            raise ApiError(f"vnet '{call.params.text('vnet')}' does not exist")
        zone = vnet["zone"]
    section = running(call.cluster, "sdn-zones").get(zone)
    if section is None or section["type"] != "evpn":
        raise ApiError(f"zone '{zone}' is not an EVPN zone")
    return []
