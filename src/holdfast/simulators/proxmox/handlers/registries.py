"""Lists of the cluster that differ in content only: mappings, metric servers, realm synchronisation."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.calendars import next_event
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.guests import parse_properties
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.status import guest_numbers, node_memory, node_numbers
from holdfast.simulators.proxmox.values import Row, split_list

_MAPPING: Final = "/cluster/mapping"
MAPPINGS: Final = {
    kind: Sections(f"mapping-{kind}", "id", f"mapping/{kind}.cfg", f"POST {_MAPPING}/{kind}", f"{kind} mapping")
    for kind in ("dir", "pci", "usb")
}
SERVERS: Final = Sections(
    "metric-servers", "id", "status.cfg", "POST /cluster/metrics/server/{id}", "metric server", frozenset({"token"})
)
SYNC: Final = Sections("realm-sync", "id", "jobs.cfg", "POST /cluster/jobs/realm-sync/{id}", "realm-sync job")


# -- hardware mappings ------------------------------------------------------------------------------------------------


def _mapping(call: Call) -> Sections:
    return MAPPINGS[call.method.template.split("/")[3]]


@answers(*(f"GET {_MAPPING}/{kind}" for kind in MAPPINGS))
def list_mappings(call: Call) -> Answer:
    """Mappings the caller may see, checked against a node when asked."""
    kind, node = _mapping(call), call.params.maybe("check-node")
    word = call.method.template.rpartition("/")[2]
    rows: list[Row] = []
    for name in kind.all(call):
        if not call.allowed(f"/mapping/{word}/{name}", "Mapping.Audit", "Mapping.Use", "Mapping.Modify", any_of=True):
            continue
        row = kind.row(call, name, digest=False)
        row.setdefault("description", "")
        if node is not None:
            entries = [parse_properties(text, "id") for text in kind.all(call)[name]["map"].split("\0")]
            here = [entry for entry in entries if entry.get("node") == node]
            checks: list[Row] = []
            if not here:
                checks.append({"severity": "warning", "message": f"No mapping for node {node}."})
            row["checks"] = checks
            if word == "usb":
                row["error"] = ""
        elif word == "usb":
            row["error"] = ""
        rows.append(row)
    return rows


@answers(*(f"GET {_MAPPING}/{kind}/{{id}}" for kind in MAPPINGS))
def get_mapping(call: Call) -> Answer:
    """One mapping."""
    kind = _mapping(call)
    if kind.ident(call) not in kind.all(call):
        raise ApiError(f"mapping '{kind.ident(call)}' not found")
    return kind.row(call, kind.ident(call))


def _check_map(call: Call) -> None:
    for text in call.params.words("map"):
        node = parse_properties(text, "id").get("node")
        if node is not None and node not in call.cluster.nodes:
            raise bad_parameter("map", f"no such cluster node '{node}'")


@answers(*(f"POST {_MAPPING}/{kind}" for kind in MAPPINGS))
def add_mapping(call: Call) -> Answer:
    """A new mapping."""
    kind = _mapping(call)
    if kind.ident(call) in kind.all(call):
        raise ApiError(f"{call.method.template.rpartition('/')[2].upper()} ID '{kind.ident(call)}' is already defined")
    _check_map(call)
    kind.add(call)
    return None


@answers(*(f"PUT {_MAPPING}/{kind}/{{id}}" for kind in MAPPINGS))
def change_mapping(call: Call) -> Answer:
    """Change a mapping."""
    _check_map(call)
    _mapping(call).change(call)
    return None


@answers(*(f"DELETE {_MAPPING}/{kind}/{{id}}" for kind in MAPPINGS))
def delete_mapping(call: Call) -> Answer:
    """Delete a mapping."""
    _mapping(call).remove(call)
    return None


# -- metric servers ---------------------------------------------------------------------------------------------------


@answers("GET /cluster/metrics/server")
def list_servers(call: Call) -> Answer:
    """Metric servers."""
    rows = SERVERS.rows(call)
    for row in rows:
        row.setdefault("disable", 0)
    return rows


@answers("GET /cluster/metrics/server/{id}")
def get_server(call: Call) -> Answer:
    """One metric server."""
    if SERVERS.ident(call) not in SERVERS.all(call):
        raise ApiError(f"status server entry '{SERVERS.ident(call)}' does not exist")
    return SERVERS.row(call, SERVERS.ident(call))


@answers("POST /cluster/metrics/server/{id}")
def add_server(call: Call) -> Answer:
    """A new metric server."""
    if SERVERS.ident(call) in SERVERS.all(call):
        raise ApiError(f"Metric server '{SERVERS.ident(call)}' already exists")
    SERVERS.add(call)
    return None


@answers("PUT /cluster/metrics/server/{id}")
def change_server(call: Call) -> Answer:
    """Change a metric server."""
    SERVERS.change(call)
    return None


@answers("DELETE /cluster/metrics/server/{id}")
def delete_server(call: Call) -> Answer:
    """Delete a metric server."""
    SERVERS.remove(call)
    return None


@answers("GET /cluster/metrics/export")
def export(call: Call) -> Answer:
    """The current numbers of nodes and guests as metrics."""
    cluster, moment = call.cluster, call.cluster.statistics_at
    start = call.params.number("start-time")
    wanted = split_list(call.params.maybe("node-list"))
    data: list[Row] = []
    memory = node_memory(cluster, moment)

    def add(ident: str, numbers: Row) -> None:
        for name, value in numbers.items():
            if isinstance(value, int | float) and moment >= start:
                kind = "derive" if name.startswith(("net", "disk")) and name != "disk" else "gauge"
                data.append({"id": ident, "metric": name, "timestamp": int(moment), "type": kind, "value": value})

    for node in cluster.nodes.values():
        local = not call.params.flag("local-only") or node.name == call.local_node
        if node.online and local and (not wanted or node.name in wanted):
            add(f"node/{node.name}", node_numbers(cluster, node, memory, moment))
    for guest in cluster.guests.values():
        local = not call.params.flag("local-only") or guest.node == call.local_node
        if cluster.online(guest.node) and local and (not wanted or guest.node in wanted):
            numbers = guest_numbers(cluster, guest, running=guest.running, started_s=guest.started_s, moment=moment)
            add(f"{guest.kind}/{guest.vmid}", numbers)
    return {"data": data}


# -- realm sync jobs --------------------------------------------------------------------------------------------------


def _sync_row(call: Call, ident: str) -> Row:
    row = SYNC.row(call, ident, digest=False)
    row.setdefault("enabled", 1)
    coming = next_event(str(row["schedule"]), call.now())
    if coming is not None:
        row["next-run"] = coming
    return row


@answers("GET /cluster/jobs/realm-sync")
def list_sync_jobs(call: Call) -> Answer:
    """Jobs that fetch users from directories."""
    return [_sync_row(call, ident) for ident in SYNC.all(call)]


@answers("GET /cluster/jobs/realm-sync/{id}")
def get_sync_job(call: Call) -> Answer:
    """One of them."""
    SYNC.find(call)
    return _sync_row(call, SYNC.ident(call))


@answers("POST /cluster/jobs/realm-sync/{id}")
def add_sync_job(call: Call) -> Answer:
    """A new one; the realm must be a directory."""
    realm = call.cluster.sections["domains"].get(call.params.text("realm"))
    if realm is None:
        raise ApiError(f"realm '{call.params.text('realm')}' does not exist")
    if realm["type"] not in ("ldap", "ad"):
        raise ApiError(f"Cannot sync realm type '{realm['type']}'")
    SYNC.add(call)
    return None


@answers("PUT /cluster/jobs/realm-sync/{id}")
def change_sync_job(call: Call) -> Answer:
    """Change one."""
    SYNC.change(call)
    return None


@answers("DELETE /cluster/jobs/realm-sync/{id}")
def delete_sync_job(call: Call) -> Answer:
    """Delete one."""
    SYNC.remove(call)
    return None
