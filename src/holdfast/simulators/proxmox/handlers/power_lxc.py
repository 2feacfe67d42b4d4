"""Containers: power and interfaces (contract sections 11, 12, 15.7)."""

from __future__ import annotations

from holdfast.simulators.proxmox import power, runstate
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.guests import Guest, is_indexed, parse_properties
from holdfast.simulators.proxmox.handlers.power_qemu import (
    existing,
    not_running,
    overrule,
    overrule_refused,
    request_ha,
)
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

LXC = "/nodes/{node}/lxc/{vmid}"


@answers(f"POST {LXC}/status/start")
def start(call: Call) -> Answer:
    """Start; unlike a virtual machine a running container is refused at once."""
    call.root_only("skiplock")
    guest, vmid = existing(call), call.params.number("vmid")
    if guest is not None and guest.running:
        raise ApiError(f"CT {vmid} already running")
    call.cluster.require_quorum()
    if guest is not None and call.cluster.ha_managed(guest):
        return request_ha(call, guest, "started", "hastart")
    work = power.start(call.cluster, call.node, "lxc", vmid, skiplock=call.params.flag("skiplock"))
    return call.fork("vzstart", vmid, work)


def _running(call: Call) -> Guest:
    guest = existing(call)
    if guest is None or not guest.running:
        raise not_running(call)
    return guest


@answers(f"POST {LXC}/status/stop")
def stop(call: Call) -> Answer:
    """Stop; a stopped container is an error."""
    call.root_only("skiplock")
    guest = _running(call)
    if call.cluster.ha_managed(guest):
        if call.params.flag("overrule-shutdown"):
            raise overrule_refused()
        return request_ha(call, guest, "stopped", "hastop")
    if call.params.flag("overrule-shutdown"):
        overrule(call, guest.vmid, "vzshutdown")
    work = power.stop(call.cluster, call.node, "lxc", guest.vmid, skiplock=call.params.flag("skiplock"))
    return call.fork("vzstop", guest.vmid, work)


@answers(f"POST {LXC}/status/shutdown")
def shutdown(call: Call) -> Answer:
    """Shut down; a stopped container is an error."""
    guest = _running(call)
    if call.cluster.ha_managed(guest):
        return request_ha(call, guest, "stopped", "hastop")
    timeout = call.params.number("timeout", 60)
    work = power.shutdown(
        call.cluster, call.node, "lxc", guest.vmid, timeout=timeout, force=call.params.flag("forceStop")
    )
    return call.fork("vzshutdown", guest.vmid, work)


@answers(f"POST {LXC}/status/reboot")
def reboot(call: Call) -> Answer:
    """Shut down and start; the refusal speaks of a VM, as the vendor's does."""
    guest = existing(call)
    if guest is None or not guest.running:
        raise ApiError(f"VM {call.params.number('vmid')} not running")
    timeout = call.params.number("timeout") if "timeout" in call.params else None
    return call.fork("vzreboot", guest.vmid, power.reboot(call.cluster, call.node, "lxc", guest.vmid, timeout=timeout))


@answers(f"POST {LXC}/status/suspend")
def suspend(call: Call) -> Answer:
    """Checkpoint; experimental on the real product too, and refused for most containers."""
    guest = _running(call)
    cluster = call.cluster

    def work() -> Work:
        cluster.check_lock(guest)
        yield Pause()
        guest.config["lock"] = "suspended"
        runstate.stopped(cluster, guest)

    return call.fork("vzsuspend", guest.vmid, work())


@answers(f"POST {LXC}/status/resume")
def resume(call: Call) -> Answer:
    """Go on from a checkpoint."""
    guest, cluster = call.guest(), call.cluster
    if guest.running:
        raise ApiError(f"CT {guest.vmid} already running")

    def work() -> Work:
        if guest.lock != "suspended":
            cluster.check_lock(guest)
            raise ApiError(f"CT {guest.vmid} is not suspended")
        yield Pause()
        guest.config.pop("lock")
        runstate.started(cluster, guest)

    return call.fork("vzresume", guest.vmid, work())


@answers(f"GET {LXC}/interfaces")
def list_interfaces(call: Call) -> Answer:
    """Addresses of a running container; null when it is stopped."""
    guest = call.guest()
    if not guest.running:
        return None
    rows: list[Row] = [_interface("lo", "00:00:00:00:00:00", "127.0.0.1/8", "::1/128")]
    for key in sorted(key for key in guest.live if is_indexed(key, "net")):
        pairs = parse_properties(guest.live[key], "name")
        address = pairs.get("ip")
        if address in (None, "dhcp", "manual"):
            address = f"{guest.address}/24" if guest.address and key == "net0" else None
        rows.append(_interface(pairs.get("name", "eth0"), pairs.get("hwaddr", "").lower(), address, None))
    return rows


def _interface(name: str, mac: str, inet: str | None, inet6: str | None) -> Row:
    addresses: list[Row] = []
    row: Row = {"name": name, "hwaddr": mac, "hardware-address": mac}
    for key, sort, value in (("inet", "inet", inet), ("inet6", "inet6", inet6)):
        if value:
            row[key] = value
            address, _, prefix = value.partition("/")
            addresses.append({"ip-address": address, "ip-address-type": sort, "prefix": int(prefix)})
    row["ip-addresses"] = addresses
    return row
