"""Migration: the check before it, the move, the remote one (contract sections 7, 15.6, 15.7)."""

from __future__ import annotations

import time

from holdfast.simulators.proxmox import ha, runstate
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster, ha_sid
from holdfast.simulators.proxmox.disks import local_volumes, used_storages
from holdfast.simulators.proxmox.errors import ApiError, TaskError, bad_parameter
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, is_indexed, parse_properties
from holdfast.simulators.proxmox.power import acquire
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Json, Row


def _unavailable(cluster: Cluster, guest: Guest, node: str) -> list[str]:
    return [name for name in used_storages(guest) if not cluster.storage(name).on_node(node)]


@answers("GET /nodes/{node}/qemu/{vmid}/migrate", "GET /nodes/{node}/lxc/{vmid}/migrate")
def check(call: Call) -> Answer:
    """What stands in the way of a migration."""
    cluster = call.cluster
    cluster.require_quorum()
    guest = call.guest()
    cluster.check_lock(guest)
    others = [node.name for node in cluster.nodes.values() if node.name != guest.node]
    target = call.params.maybe("target")
    if target is not None:
        cluster.require_node(target)
    allowed: list[str] = []
    refused: Row = {}
    for node in others:
        missing = _unavailable(cluster, guest, node)
        if missing:
            refused[node] = {"unavailable_storages": missing}
        else:
            allowed.append(node)
    old = cluster.release.startswith("8")
    if guest.kind == "lxc":
        row: Row = {"running": int(guest.running), "allowed-nodes": allowed, "not-allowed-nodes": refused}
        if not old:
            row["dependent-ha-resources"] = []
        return row
    disks: list[Row] = [
        {
            "volid": volume.volid,
            "size": volume.size,
            "cdrom": int(is_cdrom(guest.config[key])),
            "is_unused": int(is_indexed(key, "unused")),
        }
        for key, volume in local_volumes(cluster, guest)
    ]
    resources: list[Json] = [
        key for key in guest.config if is_indexed(key, "hostpci", "usb") and "mapping=" not in guest.config[key]
    ]
    answer: Row = {
        "running": int(guest.running),
        "local_disks": disks,
        "local_resources": resources,
        "mapped-resources": [],
        "mapped-resource-info": {},
    }
    if not old:
        answer["has-dbus-vmstate"] = 1
        answer["dependent-ha-resources"] = []
    if not (old and guest.running):
        answer["allowed_nodes"] = allowed
        answer["not_allowed_nodes"] = refused
    return answer


@answers("POST /nodes/{node}/qemu/{vmid}/migrate")
def migrate_machine(call: Call) -> Answer:
    """Move a virtual machine."""
    call.root_only("force", "migration_type", "migration_network")
    guest = _checked(call)
    if guest.running and not call.params.flag("online"):
        raise ApiError("can't migrate running VM without --online")
    return _begin(call, guest, online=True)


@answers("POST /nodes/{node}/lxc/{vmid}/migrate")
def migrate_container(call: Call) -> Answer:
    """Move a container; a running one is stopped and started again."""
    guest = _checked(call)
    if guest.running and not call.params.flag("online") and not call.params.flag("restart"):
        raise ApiError("can't migrate running container without --online or --restart")
    return _begin(call, guest, online=False)


def _checked(call: Call) -> Guest:
    cluster, target = call.cluster, call.params.text("target")
    if target == call.node:
        raise bad_parameter("target", "target is local node.")
    cluster.require_quorum()
    cluster.require_node(target)
    guest = call.guest()
    cluster.check_lock(guest)
    pairs = call.params.maybe("targetstorage" if guest.kind == "qemu" else "target-storage")
    if pairs is None:
        for name in _unavailable(cluster, guest, target):
            raise ApiError(f"storage '{name}' is not available on node '{target}'")
    return guest


def _begin(call: Call, guest: Guest, *, online: bool) -> str:
    cluster, target = call.cluster, call.params.text("target")
    if cluster.ha_managed(guest):
        sid = ha_sid(guest)

        def request() -> Work:
            yield f"Requesting HA migration for {guest.word} {guest.vmid} to node {target}"
            yield Pause(0.3)
            ha.move(cluster, sid, target, online=online)

        return call.fork("hamigrate", guest.vmid, request())
    kind = "qmigrate" if guest.kind == "qemu" else "vzmigrate"
    local_disks = call.params.flag("with-local-disks") or guest.kind == "lxc" or not guest.running
    return call.fork(kind, guest.vmid, transfer(cluster, guest, target, online=online, local_disks=local_disks), 1.0)


def transfer(cluster: Cluster, guest: Guest, target: str, *, online: bool, local_disks: bool) -> Work:
    """Worker of a migration; stopped half-way it leaves the lock `migrate`."""

    def stamp() -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(cluster.now()))

    started = cluster.now()
    yield acquire(cluster, guest.kind, guest.vmid)
    cluster.guest(guest.node, guest.kind, guest.vmid)
    cluster.check_lock(guest)
    member = cluster.require_node(target)
    yield f"{stamp()} starting migration of {guest.word} {guest.vmid} to node '{target}' ({member.ip})"
    if not member.online:
        why = "Can't connect to destination address using public key"
        yield f"{stamp()} ERROR: migration aborted (duration 00:00:03): {why}"
        raise TaskError("migration aborted")
    local = local_volumes(cluster, guest)
    for key, volume in local:
        yield f"{stamp()} found local disk '{volume.volid}' (attached)"
        if not local_disks and not is_indexed(key, "unused"):
            yield (
                f"{stamp()} ERROR: Problem found while scanning volumes - can't live migrate attached local disks"
                " without with-local-disks option"
            )
            raise TaskError("migration aborted")
    guest.config["lock"] = "migrate"
    was_running = guest.running
    if was_running and not online:
        yield f"{stamp()} shutdown CT {guest.vmid}"
        runstate.stopped(cluster, guest)
    for part in range(4):
        yield Pause(0.25)
        yield f"{stamp()} transferred {25 * (part + 1)}% of state"
        if not cluster.online(target):
            guest.config.pop("lock", None)
            yield f"{stamp()} ERROR: migration aborted (duration 00:00:10): connection to '{target}' lost"
            raise TaskError("migration aborted")
    guest.config.pop("lock", None)
    runstate.moved(cluster, guest, target)
    if was_running and not online:
        yield f"{stamp()} start container on target node"
        runstate.started(cluster, guest)
    elapsed = time.strftime("%H:%M:%S", time.gmtime(max(0, cluster.now() - started)))
    yield f"{stamp()} migration finished successfully (duration {elapsed})"


@answers("POST /nodes/{node}/qemu/{vmid}/remote_migrate", "POST /nodes/{node}/lxc/{vmid}/remote_migrate")
def migrate_remotely(call: Call) -> Answer:
    """Another cluster is asked before anything is begun, and none is reachable from the simulated one."""
    cluster = call.cluster
    cluster.require_quorum()
    guest = call.guest()
    cluster.check_lock(guest)
    if ha_sid(guest) in ha.resources(cluster):
        raise bad_parameter("vmid", f"cannot remote-migrate {guest.word} that is configured for HA")
    pairs = parse_properties(call.params.text("target-endpoint"), "host")
    raise ApiError(f"Can't connect to {pairs.get('host')}:{pairs.get('port', '8006')} (No route to host)")
