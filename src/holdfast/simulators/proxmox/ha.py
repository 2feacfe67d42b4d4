"""The HA manager: requested states become real a moment later, lost nodes are fenced (contract sections 7, 15.5)."""

from __future__ import annotations

from functools import partial
from typing import Final

from holdfast.simulators.proxmox import runstate
from holdfast.simulators.proxmox.cluster import Cluster, ha_sid
from holdfast.simulators.proxmox.guests import Guest
from holdfast.simulators.proxmox.values import split_list

CYCLE_S: Final = 0.4
FENCE_S: Final = 120.0
RECOVERY_S: Final = 60.0


def resources(cluster: Cluster) -> dict[str, dict[str, str]]:
    """Managed guests by sid; each has the requested `state` and, below `crm-state`, what the manager is at."""
    return cluster.sections.setdefault("ha-resources", {})


def guest_of(cluster: Cluster, sid: str) -> Guest | None:
    """The guest behind a sid."""
    kind, _, vmid = sid.partition(":")
    guest = cluster.guests.get(int(vmid)) if vmid.isdigit() else None
    return guest if guest is not None and ha_sid(guest).startswith(f"{kind}:") else None


def request(cluster: Cluster, sid: str, state: str) -> None:
    """Note a requested state and let the manager act in its next cycle."""
    resource = resources(cluster).get(sid)
    if resource is None:
        return
    resource["state"] = state
    if state == "ignored":
        resource.pop("crm-state", None)
        return
    resource["crm-state"] = "queued" if "crm-state" not in resource else f"request_{state.removesuffix('ped')}"
    if resource["crm-state"].startswith("request_"):
        resource["crm-state"] = "request_stop" if state in ("stopped", "disabled") else "started"
    cluster.timeline.after(CYCLE_S, lambda: settle(cluster, sid))


def settle(cluster: Cluster, sid: str) -> None:
    """One cycle of the manager for one guest: make it what was requested."""
    resource, guest = resources(cluster).get(sid), guest_of(cluster, sid)
    if resource is None or guest is None or resource.get("state") == "ignored":
        return
    if not cluster.nodes[guest.node].online or not cluster.quorate() or armed(cluster) != "armed":
        return
    if resource.get("state", "started") == "started":
        if guest.lock:
            resource["crm-state"] = "error"
            return
        if not guest.running:
            runstate.started(cluster, guest)
        resource["crm-state"] = "started"
    else:
        if guest.running:
            runstate.stopped(cluster, guest)
        resource["crm-state"] = resource["state"]


def armed(cluster: Cluster) -> str:
    """Whether the manager acts at all: "armed" or "disarmed"."""
    return cluster.options_hidden.get("ha-armed", "armed")


def move(cluster: Cluster, sid: str, target: str, *, online: bool) -> None:
    """Migrate (running) or relocate (stop, move, start) in the next cycle."""
    resource = resources(cluster)[sid]
    resource["crm-state"] = "migrate" if online else "relocate"

    def arrive() -> None:
        guest = guest_of(cluster, sid)
        if guest is None or sid not in resources(cluster):
            return
        if cluster.online(target) and not guest.lock:
            runstate.moved(cluster, guest, target, restarted=not online)
        settle(cluster, sid)

    cluster.timeline.after(CYCLE_S, arrive)


def node_lost(cluster: Cluster, node: str) -> None:
    """Managed guests of a lost node are fenced and recovered elsewhere."""
    lost = [sid for sid in resources(cluster) if (guest := guest_of(cluster, sid)) is not None and guest.node == node]
    for sid in lost:
        resource = resources(cluster)[sid]
        if resource.get("state") in ("ignored", "disabled", "stopped"):
            continue
        resource["crm-state"] = "fence"
        cluster.timeline.after(FENCE_S, partial(_recover, cluster, sid, node))


def _recover(cluster: Cluster, sid: str, lost: str) -> None:
    resource, guest = resources(cluster).get(sid), guest_of(cluster, sid)
    if resource is None or guest is None or guest.node != lost or cluster.online(lost):
        return
    resource["crm-state"] = "recovery"
    target = next(iter(candidates(cluster, guest)), None)
    if target is None or not cluster.quorate():
        cluster.timeline.after(RECOVERY_S, lambda: _recover(cluster, sid, lost))
        return
    guest.running = False
    runstate.moved(cluster, guest, target, restarted=True)
    settle(cluster, sid)


def candidates(cluster: Cluster, guest: Guest) -> list[str]:
    """Nodes that may run a managed guest now, the preferred first."""
    sid = ha_sid(guest)
    online = [node.name for node in cluster.nodes.values() if node.online and node.name != guest.node]
    for rule in cluster.sections.get("ha-rules", {}).values():
        if rule.get("type") != "node-affinity" or rule.get("disable") == "1":
            continue
        if sid not in split_list(rule.get("resources")):
            continue
        named = [word.partition(":")[0] for word in split_list(rule.get("nodes"))]
        preferred = [node for node in online if node in named]
        if rule.get("strict") == "1":
            return preferred
        return preferred + [node for node in online if node not in named]
    return online
