"""Directory listings: the names of what lies below a path."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.facts import method_table
from holdfast.simulators.proxmox.values import Row

_GUEST = ("/nodes/{node}/qemu/{vmid}", "/nodes/{node}/lxc/{vmid}")
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "name": (
        "/cluster",
        "/cluster/acme",
        "/cluster/bulk-action",
        "/cluster/bulk-action/guest",
        "/cluster/ceph",
        "/cluster/config",
        "/cluster/firewall",
        "/cluster/ha/status",
        "/cluster/mapping",
        "/cluster/metrics",
        "/cluster/notifications",
        "/cluster/notifications/endpoints",
        "/cluster/sdn/vnets/{vnet}/firewall",
        "/nodes/{node}",
        "/nodes/{node}/capabilities",
        "/nodes/{node}/capabilities/qemu",
        "/nodes/{node}/ceph",
        "/nodes/{node}/ceph/cfg",
        "/nodes/{node}/certificates",
        "/nodes/{node}/certificates/acme",
        "/nodes/{node}/disks",
        "/nodes/{node}/firewall",
        "/nodes/{node}/qemu/{vmid}/agent",
        "/nodes/{node}/replication/{id}",
        "/nodes/{node}/sdn",
        "/nodes/{node}/tasks/{upid}",
        *(f"{guest}/firewall" for guest in _GUEST),
    ),
    "subdir": (
        "/access",
        "/access/openid",
        "/cluster/backup-info",
        "/cluster/jobs",
        "/cluster/sdn/fabrics",
        "/nodes/{node}/sdn/fabrics/{fabric}",
        "/nodes/{node}/sdn/vnets/{vnet}",
        "/nodes/{node}/sdn/zones/{zone}",
        "/nodes/{node}/services/{service}",
        "/nodes/{node}/storage/{storage}",
        *_GUEST,
        *(f"{guest}/status" for guest in _GUEST),
    ),
    "id": ("/cluster/ha", "/cluster/sdn", "/nodes/{node}/apt"),
    "method": ("/nodes/{node}/scan", "/nodes/{node}/hardware/pci/{pci-id-or-mapping}"),
    "type": ("/nodes/{node}/hardware",),
    "cmd": tuple(f"{guest}/snapshot/{{snapname}}" for guest in _GUEST),
}
_KEY_OF: Final = {f"GET {path}": key for key, paths in _KEYS.items() for path in paths}


@answers(*_KEY_OF)
def list_directory(call: Call) -> Answer:
    """The literal names one level below."""
    prefix = f"{call.method.template}/"
    names = {
        method.template.removeprefix(prefix).partition("/")[0]
        for method in method_table(call.cluster.release).methods.values()
        if method.template.startswith(prefix)
    }
    key = _KEY_OF[call.method.endpoint]
    rows: list[Row] = [{key: name} for name in sorted(names) if not name.startswith("{")]
    return rows
