"""Routed fabrics of the software defined network, since release 9 (contract section 15.12)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.handlers.sdn import check_token, running, staged_rows
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.values import Row

_BASE: Final = "/cluster/sdn/fabrics"
_FABRICS: Final = Sections("sdn-fabrics", "id", "sdn/fabrics.cfg", f"POST {_BASE}/fabric", "fabric")
_NODES: Final = Sections(
    "sdn-fabric-nodes", "node_id", "sdn/fabrics.cfg", f"POST {_BASE}/node/{{fabric_id}}", "fabric node"
)


def _fabric_rows(call: Call) -> list[Row]:
    return [
        row
        for row in staged_rows(call, _FABRICS)
        if call.allowed(f"/sdn/fabrics/{row['id']}", "SDN.Audit", "SDN.Allocate", any_of=True)
    ]


def _node_rows(call: Call) -> list[Row]:
    rows: list[Row] = []
    wanted = call.params.maybe("fabric_id")
    for row in staged_rows(call, _NODES):
        fabric, _, node = str(row["node_id"]).partition("_")
        if wanted in (None, fabric):
            row |= {"fabric_id": fabric, "node_id": node}
            row.setdefault("interfaces", [])
            rows.append(row)
    return rows


@answers(f"GET {_BASE}/fabric")
def list_fabrics(call: Call) -> Answer:
    """All fabrics."""
    return _fabric_rows(call)


@answers(f"GET {_BASE}/all")
def list_all(call: Call) -> Answer:
    """Fabrics and their nodes."""
    return {"fabrics": _fabric_rows(call), "nodes": _node_rows(call)}


def _fabric(call: Call, key: str) -> str:
    name = call.params.text(key)
    if name not in _FABRICS.all(call):
        raise ApiError(f"fabric '{name}' does not exist")
    return name


@answers(f"GET {_BASE}/fabric/{{id}}")
def get_fabric(call: Call) -> Answer:
    """One fabric."""
    return _FABRICS.row(call, _fabric(call, "id"))


@answers(f"POST {_BASE}/fabric")
def add_fabric(call: Call) -> Answer:
    """A new fabric."""
    check_token(call)
    if call.params.text("id") in _FABRICS.all(call):
        raise ApiError(f"fabric '{call.params.text('id')}' already exists")
    if "ip_prefix" not in call.params and "ip6_prefix" not in call.params:
        raise ApiError("section error: either an ip_prefix or ip6_prefix is required")
    _FABRICS.add(call)
    return None


@answers(f"PUT {_BASE}/fabric/{{id}}")
def change_fabric(call: Call) -> Answer:
    """Change a fabric."""
    check_token(call)
    _fabric(call, "id")
    _FABRICS.change(call)
    return None


@answers(f"DELETE {_BASE}/fabric/{{id}}")
def delete_fabric(call: Call) -> Answer:
    """Delete a fabric without nodes."""
    name = _fabric(call, "id")
    check_token(call)
    if any(key.startswith(f"{name}_") for key in _NODES.all(call)):
        raise ApiError(f"fabric '{name}' still has nodes")
    _FABRICS.remove(call)
    return None


@answers(f"GET {_BASE}/node")
def list_nodes(call: Call) -> Answer:
    """Nodes of all fabrics."""
    return _node_rows(call)


@answers(f"GET {_BASE}/node/{{fabric_id}}")
def list_fabric_nodes(call: Call) -> Answer:
    """Nodes of one fabric."""
    _fabric(call, "fabric_id")
    return _node_rows(call)


def _key(call: Call, *, present: bool) -> str:
    key = f"{_fabric(call, 'fabric_id')}_{call.params.text('node_id')}"
    if (key in _NODES.all(call)) != present:
        raise ApiError(
            f"node '{call.params.text('node_id')}' {'does not exist' if present else 'already exists'} in fabric"
        )
    return key


@answers(f"GET {_BASE}/node/{{fabric_id}}/{{node_id}}")
def get_node(call: Call) -> Answer:
    """One node of a fabric."""
    _key(call, present=True)
    return next(row for row in _node_rows(call) if row["node_id"] == call.params.text("node_id"))


@answers(f"POST {_BASE}/node/{{fabric_id}}")
def add_node(call: Call) -> Answer:
    """A node joins a fabric."""
    check_token(call)
    key = _key(call, present=False)
    call.cluster.require_node(call.params.text("node_id"))
    _NODES.all(call)[key] = _NODES.given(call, ("fabric_id",))
    return None


@answers(f"PUT {_BASE}/node/{{fabric_id}}/{{node_id}}")
def change_node(call: Call) -> Answer:
    """Change a node of a fabric."""
    check_token(call)
    section = _NODES.all(call)[_key(call, present=True)]
    for name in call.params.words("delete"):
        section.pop(name, None)
    section.update(_NODES.given(call, ("fabric_id",)))
    return None


@answers(f"DELETE {_BASE}/node/{{fabric_id}}/{{node_id}}")
def delete_node(call: Call) -> Answer:
    """A node leaves a fabric."""
    key = _key(call, present=True)
    check_token(call)
    del _NODES.all(call)[key]
    return None


@answers(*(f"GET /nodes/{{node}}/sdn/fabrics/{{fabric}}/{word}" for word in ("routes", "neighbors", "interfaces")))
def look(call: Call) -> Answer:
    """What routing has found: the simulated fabric has no neighbours, only its own interfaces."""
    fabric = call.params.text("fabric")
    section = running(call.cluster, "sdn-fabrics").get(fabric)
    if section is None:
        raise ApiError(f"fabric '{fabric}' does not exist")
    if not call.method.template.endswith("interfaces"):
        return []
    return [{"name": f"dummy_{fabric}", "state": "up", "type": "loopback"}]
