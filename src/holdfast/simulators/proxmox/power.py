"""Work of the power operations: what a worker does, says and fails with (contract sections 7 and 11).

Inside a worker an `ApiError` ends the task with its text as exit status.
"""

from __future__ import annotations

from holdfast.simulators.proxmox import runstate
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import TaskError
from holdfast.simulators.proxmox.guests import Guest, lock_path, parse_properties
from holdfast.simulators.proxmox.storages import split_volid
from holdfast.simulators.proxmox.tasks import Acquire, Pause, Warn, Work


def acquire(cluster: Cluster, kind: str, vmid: int) -> Acquire:
    """Ask for the configuration lock; the fault `lock-timeout` refuses it."""
    if cluster.faults.strike("lock-timeout", vmid=vmid):
        raise TaskError(f"can't lock file '{lock_path(kind, vmid)}' - got timeout")
    return Acquire(vmid, lock_path(kind, vmid))


def unlocked(cluster: Cluster, guest: Guest, *, skip: bool = False) -> None:
    """A lock in the configuration ends the task."""
    if not skip:
        cluster.check_lock(guest)


def start(cluster: Cluster, node: str, kind: str, vmid: int, *, skiplock: bool = False) -> Work:
    """Start a guest."""
    guest = cluster.guest(node, kind, vmid)
    yield acquire(cluster, kind, vmid)
    guest = cluster.guest(node, kind, vmid)
    resume = guest.lock == "suspended"
    if not resume:
        unlocked(cluster, guest, skip=skiplock)
    if guest.template:
        raise TaskError(f"you can't start a {'vm' if kind == 'qemu' else 'CT'} if it's a template")
    if guest.running:
        raise TaskError(f"{guest.word} {vmid} already running")
    for key in guest.drive_keys():
        volid = parse_properties(guest.config[key], "file" if kind == "qemu" else "volume").get("file") or ""
        volid = volid or parse_properties(guest.config[key], "volume").get("volume", "")
        if ":" in volid and not volid.startswith("/"):
            name = split_volid(volid)[0]
            cluster.usable_storage(name, node)
            if volid.partition(":")[2] != "cloudinit" and cluster.volume(node, volid) is None:
                raise TaskError(f"no such volume '{volid}'")
    if resume:
        yield "Resuming suspended VM"
    yield Pause()
    if resume:
        _drop_vmstate(cluster, guest)
        guest.config.pop("lock", None)
    runstate.started(cluster, guest)
    if resume:
        yield "Resumed VM, removing state"


def _drop_vmstate(cluster: Cluster, guest: Guest) -> None:
    volid = guest.config.pop("vmstate", None)
    volume = cluster.volume(guest.node, volid) if volid else None
    if volume is not None:
        cluster.volumes.remove(volume)


def stop(cluster: Cluster, node: str, kind: str, vmid: int, *, skiplock: bool = False) -> Work:
    """Cut the power; a stopped virtual machine is fine as it is."""
    guest = cluster.guest(node, kind, vmid)
    yield acquire(cluster, kind, vmid)
    guest = cluster.guest(node, kind, vmid)
    if not guest.running:
        return
    unlocked(cluster, guest, skip=skiplock)
    yield Pause()
    runstate.stopped(cluster, guest)


def shutdown(
    cluster: Cluster,
    node: str,
    kind: str,
    vmid: int,
    *,
    timeout: int | None = None,
    force: bool = False,
    skiplock: bool = False,
) -> Work:
    """Ask the guest to shut down; one that does not listen runs into the time-out."""
    guest = cluster.guest(node, kind, vmid)
    yield acquire(cluster, kind, vmid)
    guest = cluster.guest(node, kind, vmid)
    if not guest.running:
        return
    unlocked(cluster, guest, skip=skiplock)
    if guest.deaf:
        yield Pause(min(4, (timeout if timeout is not None else 60) / 15))
        if not force:
            raise TaskError("VM quit/powerdown failed - got timeout" if kind == "qemu" else "container did not stop")
        yield Warn("VM still running - terminating now with SIGTERM" if kind == "qemu" else "forcing container stop")
    else:
        yield Pause()
    runstate.stopped(cluster, guest)


def reboot(cluster: Cluster, node: str, kind: str, vmid: int, *, timeout: int | None = None) -> Work:
    """Shut down and start again: pending changes are applied."""
    yield from shutdown(cluster, node, kind, vmid, timeout=timeout)
    yield Pause(0.5)
    guest = cluster.guest(node, kind, vmid)
    runstate.started(cluster, guest)


def reset(cluster: Cluster, node: str, vmid: int, *, skiplock: bool = False) -> Work:
    """Press the reset button: the same configuration starts over."""
    guest = cluster.guest(node, "qemu", vmid)
    unlocked(cluster, guest, skip=skiplock)
    yield Pause(0.3)
    guest.started_s = cluster.now()
    cluster.touch(guest)


def pause(cluster: Cluster, node: str, vmid: int, *, skiplock: bool = False) -> Work:
    """Halt a virtual machine in memory."""
    guest = cluster.guest(node, "qemu", vmid)
    unlocked(cluster, guest, skip=skiplock)
    yield Pause(0.3)
    guest.paused = True


def resume(cluster: Cluster, node: str, vmid: int, *, skiplock: bool = False) -> Work:
    """Let a halted virtual machine go on."""
    guest = cluster.guest(node, "qemu", vmid)
    unlocked(cluster, guest, skip=skiplock)
    yield Pause(0.3)
    guest.paused = False
