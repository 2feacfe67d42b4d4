"""System services and the subscription of a node (contract section 15.2)."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.nodes import ABSENT_SERVICES, SERVICES, Node
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_TEXTS: Final = {
    "pveproxy": "PVE API Proxy Server",
    "pvedaemon": "PVE API Daemon",
    "pvestatd": "PVE Status Daemon",
    "pve-cluster": "The Proxmox VE cluster filesystem",
    "corosync": "Corosync Cluster Engine",
    "pve-ha-crm": "PVE Cluster HA Resource Manager Daemon",
    "pve-ha-lrm": "PVE Local HA Resource Manager Daemon",
    "pve-firewall": "Proxmox VE firewall",
    "chrony": "chrony, an NTP client/server",
    "sshd": "OpenBSD Secure Shell server",
}
_NO_RELOAD: Final = frozenset({"chrony", "corosync", "lxcfs", "qmeventd"})


def _row(node: Node, name: str) -> Row:
    absent = name in ABSENT_SERVICES
    running = name not in node.stopped_services
    return {
        "service": name,
        "name": name,
        "desc": _TEXTS.get(name, f"{name} service"),
        "state": "running" if running else "dead",
        "active-state": "active" if running else "inactive",
        "unit-state": "not-found" if absent else "enabled",
    }


@answers("GET /nodes/{node}/services")
def list_services(call: Call) -> Answer:
    """All services the product knows."""
    return [_row(call.member(), name) for name in SERVICES]


@answers("GET /nodes/{node}/services/{service}/state")
def get_state(call: Call) -> Answer:
    """One service."""
    return _row(call.member(), call.params.text("service"))


@answers(*(f"POST /nodes/{{node}}/services/{{service}}/{word}" for word in ("start", "stop", "restart", "reload")))
def control(call: Call) -> Answer:
    """Start, stop, restart or reload."""
    node, name = call.member(), call.params.text("service")
    word = call.method.template.rpartition("/")[2]

    def work() -> Work:
        if name in ABSENT_SERVICES:
            raise TaskError(f"command 'systemctl {word} {name}' failed: exit code 5")
        if word == "reload" and name in _NO_RELOAD:
            yield f"Failed to reload {name}.service: Job type reload is not applicable for unit {name}.service."
            raise TaskError(f"command 'systemctl reload {name}' failed: exit code 1")
        yield Pause()
        if word == "stop":
            node.stopped_services.add(name)
        else:
            node.stopped_services.discard(name)

    return call.fork(f"srv{word}", name, work(), 0.3)


def _server_id(node: Node) -> str:
    return hashlib.md5(node.server.service_tag.encode(), usedforsecurity=False).hexdigest().upper()


@answers("GET /nodes/{node}/subscription")
def get_subscription(call: Call) -> Answer:
    """State of the subscription."""
    node = call.member()
    url = "https://www.proxmox.com/en/proxmox-virtual-environment/pricing"
    if node.subscription_key is None:
        return {
            "status": "notfound",
            "message": "There is no subscription key",
            "serverid": _server_id(node),
            "url": url,
        }
    day = time.strftime("%Y-%m-%d", time.gmtime(call.now()))
    return {
        "status": "active",
        "key": node.subscription_key,
        "level": node.subscription_key.partition("-")[0][-1],
        "productname": f"Proxmox VE Subscription {node.subscription_key[3]} CPU(s)/year",
        "regdate": f"{day} 00:00:00",
        "nextduedate": f"{int(day[:4]) + 1}{day[4:]}",
        "checktime": int(call.now()),
        "serverid": _server_id(node),
        "sockets": node.server.cpu_sockets,
        "url": url,
    }


@answers("PUT /nodes/{node}/subscription")
def set_subscription(call: Call) -> Answer:
    """Set the key."""
    node, key = call.member(), call.params.text("key").strip()
    sockets = int(key[3]) if key[3:4].isdigit() else 0
    if sockets < node.server.cpu_sockets:
        raise ApiError("wrong number of sockets")
    node.subscription_key = key
    return None


@answers("POST /nodes/{node}/subscription")
def check_subscription(call: Call) -> Answer:
    """Ask the shop again."""
    if call.member().subscription_key is None:
        raise ApiError("no subscription key set")
    return None


@answers("DELETE /nodes/{node}/subscription")
def delete_subscription(call: Call) -> Answer:
    """Forget the key."""
    call.member().subscription_key = None
    return None
