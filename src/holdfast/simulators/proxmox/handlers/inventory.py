"""Cluster-wide reads: version, status, resources, next id, log (contract sections 8, 15.1, 15.4)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import ha_sid
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.guests import Guest
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.status import guest_numbers, marks, node_memory, node_numbers, storage_numbers
from holdfast.simulators.proxmox.storages import Storage
from holdfast.simulators.proxmox.values import Row, as_text

_VERSIONS: Final = {"9.1": ("9.1.4", "9.1", "5ac30304265fbd8e"), "8.4": ("8.4.14", "8.4", "b502d23c55afcba1")}


def version_row(release: str) -> Row:
    """What `/version` says."""
    version, short, repoid = _VERSIONS[release]
    return {"version": version, "release": short, "repoid": repoid}


@answers("GET /version", "GET /nodes/{node}/version")
def get_version(call: Call) -> Answer:
    """Release of the node."""
    return version_row(call.cluster.release)


@answers("GET /cluster/status")
def get_status(call: Call) -> Answer:
    """Membership and quorum."""
    cluster = call.cluster
    rows: list[Row] = []
    if len(cluster.nodes) > 1:
        quorate = int(cluster.quorate())
        rows.append(
            {
                "type": "cluster",
                "id": "cluster",
                "name": cluster.name,
                "version": len(cluster.nodes),
                "nodes": len(cluster.nodes),
                "quorate": quorate,
            }
        )
    for node in cluster.nodes.values():
        row: Row = {
            "type": "node",
            "id": f"node/{node.name}",
            "name": node.name,
            "nodeid": node.number,
            "ip": node.ip,
            "local": int(node.name == call.local_node),
            "online": int(node.online),
        }
        if node.online:
            row["level"] = subscription_level(node)
        rows.append(row)
    return rows


def subscription_level(node: Node) -> str:
    """One letter of the subscription key, empty without one."""
    key = node.subscription_key or ""
    return key.partition("-")[0][-1:] if key else ""


@answers("GET /cluster/nextid")
def get_next_id(call: Call) -> Answer:
    """A free guest id, or whether one is free; a string on the wire."""
    cluster = call.cluster
    if "vmid" in call.params:
        vmid = call.params.number("vmid")
        if vmid in cluster.guests:
            raise bad_parameter("vmid", f"VM {vmid} already exists")
        return str(vmid)
    lower, upper = 100, 1_000_000
    for part in cluster.options.get("next-id", "").split(","):
        name, _, value = part.partition("=")
        lower = int(value) if name == "lower" else lower
        upper = int(value) if name == "upper" else upper
    free = next((vmid for vmid in range(lower, upper) if vmid not in cluster.guests), None)
    if free is None:
        raise ApiError("unable to get any free VMID")
    if cluster.faults.strike("nextid-race"):
        # Somebody else takes the number before the caller does.
        cluster.guests[free] = Guest(free, "qemu", call.local_node, {"name": "somebody-elses", "memory": "512"})
        cluster.touch(cluster.guests[free])
    return str(free)


@answers("GET /cluster/resources")
def list_resources(call: Call) -> Answer:
    """Everything the caller may see, in random order."""
    wanted = call.params.maybe("type")
    rows: list[Row] = []
    if wanted in (None, "node"):
        rows += _node_rows(call)
    if wanted in (None, "vm"):
        rows += _guest_rows(call)
    if wanted in (None, "storage"):
        rows += _storage_rows(call)
    if wanted is None:
        rows += _pool_rows(call)
    if wanted in (None, "sdn"):
        rows += _zone_rows(call, networks=wanted is None)
    call.cluster.rng.shuffle(rows)
    return rows


def _node_rows(call: Call) -> list[Row]:
    cluster, moment = call.cluster, call.cluster.statistics_at
    memory = node_memory(cluster, moment)
    rows: list[Row] = []
    for node in cluster.nodes.values():
        row: Row = {
            "id": f"node/{node.name}",
            "type": "node",
            "node": node.name,
            "status": "online" if node.online else "offline",
        }
        if node.online and call.allowed(f"/nodes/{node.name}", "Sys.Audit"):
            row.update(node_numbers(cluster, node, memory, moment), level=subscription_level(node))
            row["cgroup-mode"] = 2
        rows.append(row)
    return rows


def _guest_rows(call: Call) -> list[Row]:
    cluster = call.cluster
    allowed = cluster.access.allowed
    rows: list[Row] = []
    expired = {name for name in cluster.nodes if cluster.statistics_expired(name)}
    managed = cluster.sections.get("ha-resources", {})
    for vmid, guest in cluster.guests.items():
        if "VM.Audit" in allowed(call.who, f"/vms/{vmid}"):
            rows.append(_guest_row(call, guest, expired, managed))
    return rows


def guest_row(call: Call, guest: Guest) -> Row:
    """One guest as listings of the cluster show it."""
    cluster = call.cluster
    expired = {guest.node} if cluster.statistics_expired(guest.node) else set[str]()
    return _guest_row(call, guest, expired, cluster.sections.get("ha-resources", {}))


def _guest_row(call: Call, guest: Guest, expired: set[str], managed: dict[str, dict[str, str]]) -> Row:
    cluster = call.cluster
    row: Row = {
        "id": f"{guest.kind}/{guest.vmid}",
        "type": guest.kind,
        "vmid": guest.vmid,
        "node": guest.node,
        "status": "unknown",
    }
    seen = guest.seen
    if seen is not None and guest.node not in expired and not _told_too_long_ago(call, guest.node):
        row["status"] = "running" if seen.running else "stopped"
        row["name"] = seen.name
        row["template"] = int(seen.template)
        cpus = guest.cpus()
        row["maxcpu"] = int(cpus) if cpus == int(cpus) else cpus
        row.update(
            guest_numbers(cluster, guest, running=seen.running, started_s=seen.started_s, moment=cluster.statistics_at)
        )
    row.update(marks(guest))
    pool = cluster.pool_of(guest.vmid)
    if pool:
        row["pool"] = pool
    resource = managed.get(ha_sid(guest)) if managed else None
    if resource:
        row["hastate"] = resource.get("crm-state", "queued")
    return row


def _told_too_long_ago(call: Call, node: str) -> bool:
    fault = call.cluster.faults.find("stale-statistics", node=node)
    return fault is not None and call.now() - fault.since_s > 300


def _storage_rows(call: Call) -> list[Row]:
    cluster = call.cluster
    rows: list[Row] = []
    for storage in cluster.storages.values():
        if not storage.enabled or not call.allowed(f"/storage/{storage.name}", "Datastore.Audit"):
            continue
        for node in cluster.nodes.values():
            if not storage.on_node(node.name):
                continue
            rows.append(storage_row(call, storage, node.name))
    return rows


def storage_row(call: Call, storage: Storage, node: str) -> Row:
    """One storage of a node as listings of the cluster show it."""
    cluster = call.cluster
    row: Row = {
        "id": f"storage/{node}/{storage.name}",
        "type": "storage",
        "storage": storage.name,
        "node": node,
        "shared": int(storage.shared),
        "content": shuffled_content(call, storage.content),
        "plugintype": storage.type,
        "status": "unknown",
    }
    if not cluster.statistics_expired(node) and cluster.storage_active(storage, node):
        total, used = storage_numbers(cluster, storage, node)
        row.update(status="available", maxdisk=total, disk=used)
    return row


def shuffled_content(call: Call, content: list[str]) -> str:
    """Content types come as a comma list in random order."""
    words = list(content)
    call.cluster.rng.shuffle(words)
    return ",".join(words)


def _pool_rows(call: Call) -> list[Row]:
    return [
        {"id": f"/pool/{name}", "type": "pool", "pool": name}
        for name in call.cluster.pools
        if call.allowed(f"/pool/{name}", "Pool.Audit")
    ]


def _zone_rows(call: Call, *, networks: bool) -> list[Row]:
    cluster = call.cluster
    rows: list[Row] = []
    zones = ["localnetwork", *cluster.sections.get("sdn-zones.running", {})]
    for zone in zones:
        if not call.allowed(f"/sdn/zones/{zone}", "SDN.Audit", "SDN.Allocate", any_of=True):
            continue
        for node in cluster.nodes.values():
            status = "ok" if node.online else "unknown"
            rows.append(
                {"id": f"sdn/{node.name}/{zone}", "type": "sdn", "sdn": zone, "node": node.name, "status": status}
            )
            if networks and not cluster.release.startswith("8"):
                rows.append(
                    {
                        "id": f"network/{node.name}/zone/{zone}",
                        "type": "network",
                        "network": zone,
                        "network-type": "zone",
                        "node": node.name,
                        "status": status,
                    }
                )
    return rows


@answers("GET /cluster/log")
def get_log(call: Call) -> Answer:
    """Newest lines of the cluster log; without Sys.Syslog only the caller's own."""
    most = call.params.number("max", 50)
    everything = call.allowed("/", "Sys.Syslog")
    lines = [line for line in reversed(call.cluster.log) if everything or line["user"] == call.who]
    return lines[:most]


@answers("GET /cluster/options")
def get_options(call: Call) -> Answer:
    """Datacenter options; without Sys.Audit only what a login page needs."""
    options: Row = {}
    visible = call.allowed("/", "Sys.Audit")
    for name, value in call.cluster.options.items():
        if visible or name in ("console", "tag-style", "allowed-tags", "user-tag-access"):
            options[name] = int(value) if name == "max_workers" else value
    if "allowed-tags" not in options:
        options["allowed-tags"] = []
    return options


@answers("PUT /cluster/options")
def set_options(call: Call) -> Answer:
    """Change datacenter options."""
    cluster = call.cluster
    cluster.require_writable("datacenter.cfg")
    for name in call.params.words("delete"):
        cluster.options.pop(name, None)
    for name, value in call.params.raw().items():
        if name != "delete":
            cluster.options[name] = as_text(value)
    return None
