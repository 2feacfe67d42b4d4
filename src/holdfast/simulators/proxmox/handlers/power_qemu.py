"""Virtual machines: listing, status, power (contract sections 11 and 15.6)."""

from __future__ import annotations

from holdfast.simulators.proxmox import ha, hibernation, power
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import ha_sid
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.guests import Guest, config_path
from holdfast.simulators.proxmox.status import current, qmp_status
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

QEMU = "/nodes/{node}/qemu/{vmid}"


@answers("GET /nodes/{node}/qemu", "GET /nodes/{node}/lxc")
def list_guests(call: Call) -> Answer:
    """Guests of one kind on a node that the caller may see."""
    kind = call.method.template.rpartition("/")[2]
    rows: list[Row] = []
    for guest in call.cluster.guests.values():
        if guest.kind == kind and guest.node == call.node and call.allowed(f"/vms/{guest.vmid}", "VM.Audit"):
            row = current(call.cluster, guest)
            if call.params.flag("full") and kind == "qemu":
                row["qmpstatus"] = qmp_status(guest)
            rows.append(row)
    call.cluster.rng.shuffle(rows)
    return rows


@answers(f"GET {QEMU}/status/current", "GET /nodes/{node}/lxc/{vmid}/status/current")
def get_current(call: Call) -> Answer:
    """The truth about one guest."""
    cluster, guest = call.cluster, call.guest()
    row = current(cluster, guest)
    resource = cluster.sections.get("ha-resources", {}).get(ha_sid(guest))
    row["ha"] = {"managed": int(resource is not None)}
    if resource is not None:
        row["ha"] = {"managed": 1, "state": resource.get("crm-state", "queued"), "sid": ha_sid(guest)}
    if guest.kind == "qemu":
        row["qmpstatus"] = qmp_status(guest)
        if guest.config.get("agent", "0").partition(",")[0].removeprefix("enabled=") == "1":
            row["agent"] = 1
        if guest.running:
            row["running-machine"] = guest.live.get("machine", "pc-i440fx-10.1+pve0")
            row["running-qemu"] = "10.1.2" if call.cluster.release != "8.4" else "9.2.0"
    return row


def existing(call: Call) -> Guest | None:
    """The guest of the path, or None: some operations find out in their worker only."""
    vmid = call.params.number("vmid")
    guest = call.cluster.guests.get(vmid)
    kind = "qemu" if "/qemu/" in call.method.template else "lxc"
    return guest if guest is not None and guest.node == call.node and guest.kind == kind else None


def not_running(call: Call) -> ApiError:
    """500 for an operation that needs a running guest."""
    word = "VM" if "/qemu/" in call.method.template else "CT"
    return ApiError(f"{word} {call.params.number('vmid')} not running")


def request_ha(call: Call, guest: Guest, state: str, kind: str) -> str:
    """Record a wish with the HA manager: the task ends long before the guest has done anything."""
    sid = ha_sid(guest)

    def work() -> Work:
        yield f"Requesting HA {'start' if state == 'started' else 'stop'} for {guest.word} {guest.vmid}"
        yield Pause(0.3)
        ha.request(call.cluster, sid, state)

    return call.fork(kind, guest.vmid, work())


@answers(f"POST {QEMU}/status/start")
def start(call: Call) -> Answer:
    """Start; whether the machine exists shows in the task."""
    call.root_only("skiplock", "stateuri", "migratedfrom", "migration_type", "migration_network", "force-cpu")
    call.root_only("targetstorage", "nets-host-mtu", "with-conntrack-state")
    call.cluster.require_quorum()
    guest = existing(call)
    if guest is not None and call.cluster.ha_managed(guest):
        return request_ha(call, guest, "started", "hastart")
    vmid = call.params.number("vmid")
    work = power.start(call.cluster, call.node, "qemu", vmid, skiplock=call.params.flag("skiplock"))
    return call.fork("qmstart", vmid, work)


@answers(f"POST {QEMU}/status/stop")
def stop(call: Call) -> Answer:
    """Stop; a stopped machine gives a task that ends OK."""
    call.root_only("skiplock", "keepActive", "migratedfrom")
    guest, vmid = existing(call), call.params.number("vmid")
    if guest is not None and call.cluster.ha_managed(guest):
        if call.params.flag("overrule-shutdown"):
            raise overrule_refused()
        return request_ha(call, guest, "stopped", "hastop")
    if call.params.flag("overrule-shutdown"):
        overrule(call, vmid, "qmshutdown")
    return call.fork(
        "qmstop", vmid, power.stop(call.cluster, call.node, "qemu", vmid, skiplock=call.params.flag("skiplock"))
    )


def overrule_refused() -> ApiError:
    """400: a shutdown that the HA manager runs cannot be overruled."""
    return bad_parameter("overrule-shutdown", "Not applicable for HA resources.")


def overrule(call: Call, vmid: int, kind: str) -> None:
    """Abort shutdown tasks of this guest that the caller may abort."""
    for task in call.cluster.tasks.running_of(call.node):
        if task.kind == kind and task.id == str(vmid):
            call.cluster.tasks.stop(task)


@answers(f"POST {QEMU}/status/shutdown")
def shutdown(call: Call) -> Answer:
    """Shut down through the guest's system."""
    call.root_only("skiplock", "keepActive")
    guest, vmid = existing(call), call.params.number("vmid")
    paused = guest is not None and guest.running and guest.paused
    if paused and not call.params.flag("forceStop"):
        raise ApiError("VM is paused - cannot shutdown")
    if guest is not None and call.cluster.ha_managed(guest):
        return request_ha(call, guest, "stopped", "hastop")
    skip = call.params.flag("skiplock")
    if paused:
        work = power.stop(call.cluster, call.node, "qemu", vmid, skiplock=skip)
    else:
        work = power.shutdown(
            call.cluster,
            call.node,
            "qemu",
            vmid,
            timeout=call.params.number("timeout") if "timeout" in call.params else None,
            force=call.params.flag("forceStop"),
            skiplock=skip,
        )
    return call.fork("qmshutdown", vmid, work)


def _running(call: Call) -> Guest:
    guest = existing(call)
    if guest is None or not guest.running:
        raise not_running(call)
    return guest


@answers(f"POST {QEMU}/status/reboot")
def reboot(call: Call) -> Answer:
    """Shut down and start."""
    guest = _running(call)
    if guest.paused:
        raise ApiError("VM is paused - cannot shutdown")
    timeout = call.params.number("timeout") if "timeout" in call.params else None
    work = power.reboot(call.cluster, call.node, "qemu", guest.vmid, timeout=timeout)
    return call.fork("qmreboot", guest.vmid, work, 0.5)


@answers(f"POST {QEMU}/status/reset")
def reset(call: Call) -> Answer:
    """Reset."""
    call.root_only("skiplock")
    guest = _running(call)
    work = power.reset(call.cluster, call.node, guest.vmid, skiplock=call.params.flag("skiplock"))
    return call.fork("qmreset", guest.vmid, work)


@answers(f"POST {QEMU}/status/suspend")
def suspend(call: Call) -> Answer:
    """Pause in memory, or hibernate to disk."""
    call.root_only("skiplock")
    guest = _running(call)
    cluster = call.cluster
    if not call.params.flag("todisk"):
        work = power.pause(cluster, call.node, guest.vmid, skiplock=call.params.flag("skiplock"))
        return call.fork("qmpause", guest.vmid, work)
    if cluster.ha_managed(guest):
        raise ApiError("Cannot suspend HA managed VM to disk")
    call.require(f"/vms/{guest.vmid}", "VM.Config.Disk")
    storage = hibernation.state_storage(guest, call.params.maybe("statestorage"))
    call.require(f"/storage/{storage}", "Datastore.AllocateSpace")
    return call.fork("qmsuspend", guest.vmid, hibernation.suspend(cluster, call.node, guest.vmid, storage))


@answers(f"POST {QEMU}/status/resume")
def resume(call: Call) -> Answer:
    """Go on after pause or hibernation."""
    call.root_only("skiplock", "nocheck")
    cluster, guest, vmid = call.cluster, existing(call), call.params.number("vmid")
    if guest is None:
        raise ApiError(f"Configuration file '{config_path(call.node, 'qemu', vmid)}' does not exist")
    if guest.lock == "suspended":
        return call.fork("qmresume", vmid, power.start(cluster, call.node, "qemu", vmid))
    if not guest.running:
        raise not_running(call)
    return call.fork("qmresume", vmid, power.resume(cluster, call.node, vmid, skiplock=call.params.flag("skiplock")))
