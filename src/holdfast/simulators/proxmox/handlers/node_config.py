"""A node's own settings and texts (contract section 15.2)."""

from __future__ import annotations

import json
import time
from typing import Final

from holdfast.simulators.proxmox import membership
from holdfast.simulators.proxmox.call import HANDLERS, Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.facts import method_table
from holdfast.simulators.proxmox.firewall import digest_of
from holdfast.simulators.proxmox.handlers.inventory import version_row
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.permissions import check_rule
from holdfast.simulators.proxmox.values import Row, as_text
from holdfast.simulators.proxmox.verify import verify

_NUMBERS: Final = frozenset({"startall-onboot-delay", "ballooning-target"})
_BOOT_S: Final = 60.0
CHANGED: Final = "detected modified configuration - file changed by other user? Try again."


def check_digest(call: Call, current: str) -> None:
    """500 when the file is not the one the caller has seen."""
    if call.params.maybe("digest") not in (None, current):
        raise ApiError(CHANGED)


@answers("GET /nodes/{node}/config")
def get_config(call: Call) -> Answer:
    """Description, wake-on-LAN, delays."""
    node = call.member()
    row: Row = {name: int(value) if name in _NUMBERS else value for name, value in node.options.items()}
    if "property" in call.params:
        wanted = call.params.text("property")
        row = {name: value for name, value in row.items() if name == wanted}
    row["digest"] = digest_of(node.options)
    return row


@answers("PUT /nodes/{node}/config")
def set_config(call: Call) -> Answer:
    """Change them."""
    node = call.member()
    call.cluster.require_writable(f"nodes/{node.name}/config")
    check_digest(call, digest_of(node.options))
    for name in call.params.words("delete"):
        node.options.pop(name, None)
    for name, value in call.params.raw().items():
        if name not in ("node", "digest", "delete"):
            node.options[name] = as_text(value)
    return None


@answers("GET /nodes/{node}/hosts")
def get_hosts(call: Call) -> Answer:
    """The hosts file."""
    node = call.member()
    return {"data": node.hosts, "digest": digest_of(node.hosts)}


@answers("POST /nodes/{node}/hosts")
def set_hosts(call: Call) -> Answer:
    """Write the hosts file."""
    node = call.member()
    check_digest(call, digest_of(node.hosts))
    node.hosts = call.params.text("data")
    return None


@answers("GET /nodes/{node}/time")
def get_time(call: Call) -> Answer:
    """Clock and zone."""
    now = int(call.now())
    return {"time": now, "localtime": now, "timezone": call.member().timezone}


@answers("PUT /nodes/{node}/time")
def set_time_zone(call: Call) -> Answer:
    """Set the zone."""
    zone = call.params.text("timezone")
    if "/" not in zone and zone != "UTC":
        raise ApiError(f"No such timezone '{zone}'")
    call.member().timezone = zone
    return None


@answers("GET /nodes/{node}/dns")
def get_dns(call: Call) -> Answer:
    """Resolver."""
    return dict(call.member().dns)


@answers("PUT /nodes/{node}/dns")
def set_dns(call: Call) -> Answer:
    """Set the resolver; servers that are not given are dropped."""
    names = ("search", "dns1", "dns2", "dns3")
    call.member().dns = {name: call.params.text(name) for name in names if name in call.params}
    return None


@answers("GET /nodes/{node}/netstat")
def get_netstat(call: Call) -> Answer:
    """Traffic of the guests' network cards."""
    rows: list[Row] = []
    for guest in call.cluster.guests.values():
        if guest.node == call.node and guest.running:
            uptime = int(call.now() - guest.started_s)
            rows.append({"vmid": str(guest.vmid), "dev": "net0", "in": str(uptime * 900), "out": str(uptime * 700)})
    return rows


def _lines(call: Call, node: Node) -> list[str]:
    """What the journal of a node holds: its boot and the tasks."""
    lines = [(node.booted_s, "kernel: Linux version booting"), (node.booted_s + 20, "pveproxy[1203]: starting server")]
    lines += [
        (float(str(line["time"])), f"{line['tag']}[{line['pid']}]: <{line['user']}> {line['msg']}")
        for line in call.cluster.log
        if line["node"] == node.name
    ]
    return [f"{time.strftime('%b %d %H:%M:%S', time.gmtime(moment))} {node.name} {text}" for moment, text in lines]


@answers("GET /nodes/{node}/syslog")
def get_syslog(call: Call) -> Answer:
    """Lines of the system log, numbered."""
    lines = _lines(call, call.member())
    service = call.params.maybe("service")
    if service is not None:
        lines = [line for line in lines if f" {service}[" in line]
    call.beside["total"] = len(lines)
    start, limit = call.params.number("start"), call.params.number("limit", 50)
    page = lines[start : start + limit]
    if not page:
        return [{"n": 1, "t": "no content"}]
    return [{"n": number, "t": text} for number, text in enumerate(page, start + 1)]


@answers("GET /nodes/{node}/journal")
def get_journal(call: Call) -> Answer:
    """Lines of the journal between two cursors."""
    lines = _lines(call, call.member())
    most = call.params.number("lastentries", len(lines))
    page = lines[-most:] if most else []
    return [f"s=simulated;i={len(lines) - len(page):x}", *page, f"s=simulated;i={len(lines):x}"]


@answers("GET /nodes/{node}/report")
def get_report(call: Call) -> Answer:
    """The text that support asks for."""
    node = call.member()
    return "\n".join(
        [
            "==== general system info ====",
            f"# hostname\n{node.name}",
            "# pveversion --verbose",
            "pve-manager: {version} (running version: {version}/{repoid})".format_map(
                version_row(call.cluster.release)
            ),
            "==== info about storage ====",
            *(f"{storage.type}: {storage.name}" for storage in call.cluster.storages.values()),
            "==== info about virtual guests ====",
            *(f"# {guest.kind} {guest.vmid}" for guest in call.cluster.guests.values() if guest.node == node.name),
            "",
        ]
    )


@answers("POST /nodes/{node}/wakeonlan")
def wake(call: Call) -> Answer:
    """Send a magic packet; a node that is off boots."""
    cluster = call.cluster
    node = cluster.require_node(call.params.text("node"))
    mac = node.options.get("wakeonlan", "").partition(",")[0].removeprefix("mac=")
    if node.name == call.local_node:
        raise bad_parameter("node", f"'{node.name}' is local node, cannot wake my self!")
    if not mac:
        raise ApiError(f"No wake on LAN MAC address defined for '{node.name}'!")
    if not node.online:
        cluster.timeline.after(_BOOT_S, lambda: membership.bring_online(cluster, node.name))
    return mac


@answers("POST /nodes/{node}/execute")
def execute(call: Call) -> Answer:
    """Several calls in one: a dispatcher for root, not a shell."""
    try:
        commands = json.loads(call.params.text("commands"))
    except ValueError as error:
        raise bad_parameter("commands", f"invalid format - unable to decode JSON: {error}") from error
    if not isinstance(commands, list):
        raise bad_parameter("commands", "invalid format - must be a list")
    return [_execute_one(call, command) for command in commands]


def _execute_one(call: Call, command: object) -> Row:
    if not isinstance(command, dict) or not {"method", "path"} <= set(command):
        raise bad_parameter("commands", "invalid format - method and path are required")
    path = f"/nodes/{call.node}/{str(command['path']).lstrip('/')}"
    try:
        found = method_table(call.cluster.release).find(str(command["method"]), path)
        if found is None:
            raise ApiError(f"Method '{command['method']} {path}' not implemented", 501)
        method, values = found
        arguments = command.get("args") or {}
        given = {**(arguments if isinstance(arguments, dict) else {}), **values}
        check_rule(method.rule, call.cluster.access, call.who, given)
        params = verify(method, given)
        inner = Call(call.cluster, call.authenticator, method, params, call.identity, call.local_node)
        data = HANDLERS[method.endpoint](inner)
    except ApiError as error:
        row: Row = {"status": error.status, "message": error.text}
        if error.errors:
            row["errors"] = error.errors
        return row
    return {"status": 200, "data": str(data) if not isinstance(data, str | int | float | list | dict) else data}
