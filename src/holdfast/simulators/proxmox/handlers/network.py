"""Network of a node in two phases: stage, then apply or discard (contract section 15.3)."""

from __future__ import annotations

import copy

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.interfaces import check, difference, normalise, shown
from holdfast.simulators.proxmox.nodes import Interfaces, Node
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row, as_text

_FAMILIES = (
    ("cidr", "address", ("address", "netmask", "cidr", "gateway")),
    ("cidr6", "address6", ("address6", "netmask6", "cidr6", "gateway6")),
)


def _wanted(node: Node) -> Interfaces:
    return node.staged if node.staged is not None else node.interfaces


def _stage(node: Node) -> Interfaces:
    if node.staged is None:
        node.staged = copy.deepcopy(node.interfaces)
    return node.staged


def _fits(kind: str, wanted: str) -> bool:
    if wanted in ("any_bridge", "any_local_bridge", "include_sdn"):
        return kind in ("bridge", "OVSBridge") or (wanted == "include_sdn" and kind == "vnet")
    return kind == wanted


@answers("GET /nodes/{node}/network")
def list_interfaces(call: Call) -> Answer:
    """Interfaces as they will be after applying; the difference stands beside them."""
    node, wanted = call.member(), call.params.maybe("type")
    rows: list[Row] = []
    for number, (name, entry) in enumerate(_wanted(node).items(), start=2):
        if name == "lo" or (wanted and not _fits(entry["type"], wanted)):
            continue
        if wanted in ("any_bridge", "any_local_bridge", "include_sdn") and not call.allowed(
            f"/sdn/zones/localnetwork/{name}", "SDN.Audit", "SDN.Use", any_of=True
        ):
            continue
        rows.append(shown(node, name, entry, number))
    if wanted in ("include_sdn", "any_bridge"):
        for name in call.cluster.sections.get("sdn-vnets.running", {}):
            rows.append({"iface": name, "type": "vnet", "active": 1, "method": "manual", "method6": "manual"})
    changes = difference(node)
    if changes:
        call.beside["changes"] = changes
    call.cluster.rng.shuffle(rows)
    return rows


@answers("GET /nodes/{node}/network/{iface}")
def get_interface(call: Call) -> Answer:
    """One interface."""
    node, name = call.member(), call.params.text("iface")
    interfaces = _wanted(node)
    if name not in interfaces:
        raise ApiError("interface does not exist")
    row = shown(node, name, interfaces[name], 1 + list(interfaces).index(name))
    row.pop("iface")
    return row


def _given(call: Call) -> dict[str, str]:
    skipped = ("node", "iface", "delete")
    return {name: as_text(value) for name, value in call.params.raw().items() if name not in skipped}


@answers("POST /nodes/{node}/network")
def create(call: Call) -> Answer:
    """Stage a new interface."""
    node, name = call.member(), call.params.text("iface")
    if name in _wanted(node):
        raise ApiError("interface already exists")
    entry = normalise(_given(call))
    check(node, _wanted(node), name, entry)
    if entry["type"] == "bridge":
        entry.setdefault("bridge_ports", "")
        entry.setdefault("bridge_stp", "off")
        entry.setdefault("bridge_fd", "0")
    _stage(node)[name] = entry
    return None


@answers("PUT /nodes/{node}/network/{iface}")
def update(call: Call) -> Answer:
    """Stage a change; an address family that is not given again is dropped."""
    node, name = call.member(), call.params.text("iface")
    if name not in _wanted(node):
        raise ApiError("interface does not exist")
    entry = dict(_wanted(node)[name])
    given = _given(call)
    for cidr, address, keys in _FAMILIES:
        for key in keys:
            if cidr in given or address in given or key in entry:
                entry.pop(key, None)
    for key in ("method", "method6"):
        entry.pop(key, None)
    for option in call.params.words("delete"):
        entry.pop(option, None)
    entry.update(given)
    entry = normalise(entry)
    check(node, _wanted(node), name, entry)
    _stage(node)[name] = entry
    return None


@answers("DELETE /nodes/{node}/network/{iface}")
def delete(call: Call) -> Answer:
    """Stage a removal."""
    node, name = call.member(), call.params.text("iface")
    if name not in _wanted(node):
        raise ApiError("interface does not exist")
    staged = _stage(node)
    if staged[name]["type"] == "eth":
        staged[name] = {"type": "eth", "method": "manual"}
    else:
        del staged[name]
    return None


@answers("DELETE /nodes/{node}/network")
def discard(call: Call) -> Answer:
    """Forget what is staged."""
    call.member().staged = None
    return None


@answers("PUT /nodes/{node}/network")
def apply(call: Call) -> Answer:
    """Make what is staged live."""
    node = call.member()

    def work() -> Work:
        yield Pause()
        if node.staged is not None:
            node.interfaces, node.staged = node.staged, None

    return call.fork("srvreload", "networking", work(), 0.5)
