"""Many guests at once: per node, and over the whole cluster since 9.1 (contract sections 15.2, 15.4)."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.simulators.proxmox import power
from holdfast.simulators.proxmox.access import ROOT
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, TaskError, bad_parameter
from holdfast.simulators.proxmox.guests import Guest
from holdfast.simulators.proxmox.handlers.migrations import transfer
from holdfast.simulators.proxmox.hibernation import state_storage, suspend
from holdfast.simulators.proxmox.tasks import Pause, Warn, Work


def _order(guest: Guest) -> tuple[int, int]:
    for part in guest.config.get("startup", "").split(","):
        number = part.removeprefix("order=")
        if number.isdigit():
            return int(number), guest.vmid
    return 1_000_000, guest.vmid


def _chosen(call: Call, privilege: str, *, whole_cluster: bool = False) -> list[Guest]:
    """Guests named in `vms`, or all; 403 when one of the named is not the caller's."""
    wanted = {int(word) for word in call.params.words("vms")}
    found = [
        guest
        for guest in call.cluster.guests.values()
        if (whole_cluster or guest.node == call.node) and (not wanted or guest.vmid in wanted)
    ]
    if call.who != ROOT and not wanted:
        call.require("/", privilege)
    for vmid in sorted(wanted):
        call.require(f"/vms/{vmid}", privilege)
    return sorted((guest for guest in found if not guest.template), key=_order)


def _each(call: Call, guests: list[Guest], what: str, one: Callable[[Guest], Work | None]) -> Work:
    """Do one thing after another, each as its own task; failures become warnings."""
    for guest in guests:
        try:
            inner = one(guest)
        except ApiError as error:
            yield Warn(f"{what} {guest.word} {guest.vmid} failed: {error}")
            continue
        if inner is None:
            continue
        yield f"{what} {guest.word} {guest.vmid}"
        kind = {"Starting": "start", "Stopping": "shutdown", "Suspending": "suspend", "Migrating": "migrate"}[what]
        prefix = "qm" if guest.kind == "qemu" else "vz"
        kind = "qmigrate" if kind == "migrate" and guest.kind == "qemu" else f"{prefix}{kind}"
        try:
            task = call.cluster.fork(guest.node, kind, guest.vmid, call.who, inner)
        except ApiError as error:
            yield Warn(f"{what} {guest.word} {guest.vmid} failed: {error}")
            continue
        for _ in range(100):
            if not task.running:
                break
            yield Pause(0.5)
        if task.running:
            yield Warn(f"{what} {guest.word} {guest.vmid} - still running")
        elif task.exitstatus not in (None, "OK"):
            yield Warn(f"{what} {guest.word} {guest.vmid} failed: {task.exitstatus}")


def _start(call: Call, guest: Guest, *, forced: bool) -> Work | None:
    if guest.running or not (forced or guest.config.get("onboot") == "1"):
        return None
    return power.start(call.cluster, guest.node, guest.kind, guest.vmid)


def _stop(call: Call, guest: Guest) -> Work | None:
    if not guest.running:
        return None
    timeout = call.params.number("timeout", 180)
    force = call.params.flag("force-stop", True)
    return power.shutdown(call.cluster, guest.node, guest.kind, guest.vmid, timeout=timeout, force=force)


def _suspend(call: Call, guest: Guest) -> Work | None:
    if guest.kind != "qemu" or not guest.running:
        return None
    storage = state_storage(guest, call.params.maybe("statestorage"))
    return suspend(call.cluster, guest.node, guest.vmid, storage)


def _migrate(call: Call, guest: Guest, target: str) -> Work | None:
    if guest.node == target:
        return None
    call.cluster.check_lock(guest)
    local = call.params.flag("with-local-disks") or not guest.running
    return transfer(call.cluster, guest, target, online=guest.kind == "qemu", local_disks=local)


@answers("POST /nodes/{node}/startall")
def start_all(call: Call) -> Answer:
    """Start guests: those marked to start at boot, or the named ones with `force`."""
    call.cluster.require_quorum()
    guests = _chosen(call, "VM.PowerMgmt")
    forced = call.params.flag("force")
    work = _each(call, guests, "Starting", lambda guest: _start(call, guest, forced=forced))
    return call.fork("startall", "", work, 0.1)


@answers("POST /nodes/{node}/stopall")
def stop_all(call: Call) -> Answer:
    """Shut guests down."""
    guests = _chosen(call, "VM.PowerMgmt")
    return call.fork("stopall", "", _each(call, guests, "Stopping", lambda guest: _stop(call, guest)), 0.1)


@answers("POST /nodes/{node}/suspendall")
def suspend_all(call: Call) -> Answer:
    """Hibernate virtual machines."""
    guests = _chosen(call, "VM.PowerMgmt")
    return call.fork("suspendall", "", _each(call, guests, "Suspending", lambda guest: _suspend(call, guest)), 0.1)


@answers("POST /nodes/{node}/migrateall")
def migrate_all(call: Call) -> Answer:
    """Move guests to another node."""
    target = call.params.text("target")
    if target == call.node:
        raise bad_parameter("target", "target is local node.")
    call.cluster.require_quorum()
    call.cluster.require_node(target)
    guests = _chosen(call, "VM.Migrate")
    work = _each(call, guests, "Migrating", lambda guest: _migrate(call, guest, target))
    return call.fork("migrateall", "", work, 0.1)


@answers(*(f"POST /cluster/bulk-action/guest/{word}" for word in ("start", "shutdown", "suspend", "migrate")))
def cluster_wide(call: Call) -> Answer:
    """The same over all nodes; an empty list means every guest."""
    word = call.method.template.rpartition("/")[2]
    guests = _chosen(call, "VM.Migrate" if word == "migrate" else "VM.PowerMgmt", whole_cluster=True)
    if word == "migrate":
        call.cluster.require_node(call.params.text("target"))
    works: dict[str, tuple[str, Callable[[Guest], Work | None]]] = {
        "start": ("Starting", lambda guest: _start(call, guest, forced=True)),
        "shutdown": ("Stopping", lambda guest: _stop(call, guest)),
        "suspend": ("Suspending", lambda guest: _suspend(call, guest)),
        "migrate": ("Migrating", lambda guest: _migrate(call, guest, call.params.text("target"))),
    }
    what, one = works[word]

    def reachable(guest: Guest) -> Work | None:
        if not call.cluster.online(guest.node):
            raise ApiError(f"node '{guest.node}' is not online")
        return one(guest)

    def work() -> Work:
        if not guests:
            raise TaskError("no guests selected")
        yield from _each(call, guests, what, reachable)

    return call.fork(f"bulk{word}", "", work(), 0.1)
