"""Time series of guests, nodes and storages (contract sections 9, 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.guests import Guest
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.status import guest_load, guest_memory, node_load, node_memory, storage_numbers, wave
from holdfast.simulators.proxmox.values import Row

_DAY: Final = 86_400
# Seconds per point and points, of release 9 and of release 8 (contract section 9).
_GRID_9: Final = {
    "hour": (60, 60),
    "day": (60, 1440),
    "week": (1800, 336),
    "month": (1800, 1440),
    "year": (21_600, 1440),
    "decade": (7 * _DAY, 570),
}
_GRID_8: Final = {
    "hour": (60, 70),
    "day": (1800, 70),
    "week": (3 * 3600, 70),
    "month": (12 * 3600, 70),
    "year": (7 * _DAY, 70),
    "decade": (7 * _DAY, 570),
}


def _series(call: Call, fill: Callable[[float], Row]) -> list[Row]:
    """One row per point up to now; `fill` gives an empty row where there is nothing known."""
    grid = _GRID_8 if call.cluster.release.startswith("8") else _GRID_9
    step, points = grid[call.params.text("timeframe")]
    last = int(call.now()) // step * step
    return [{"time": moment, **fill(moment)} for moment in range(last - step * (points - 1), last + 1, step)]


@answers("GET /nodes/{node}/qemu/{vmid}/rrddata", "GET /nodes/{node}/lxc/{vmid}/rrddata")
def guest_series(call: Call) -> Answer:
    """Usage of a guest; rates are bytes per second here."""
    guest = call.guest_anywhere()
    return _series(call, lambda moment: _guest_point(call, guest, moment))


def _guest_point(call: Call, guest: Guest, moment: float) -> Row:
    row: Row = {"maxcpu": guest.cpus(), "maxmem": guest.memory_bytes(), "maxdisk": guest.disk_bytes()}
    if not guest.running or moment < guest.started_s:
        # Before the guest started there is nothing: the point has gaps.
        return row if moment > call.now() - 600 else {}
    memory = guest_memory(guest, moment)
    base = 500 + guest.vmid % 911
    row |= {
        "cpu": guest_load(guest, moment),
        "mem": memory,
        "disk": guest.disk_bytes() * 2 // 5 if guest.kind == "lxc" else 0,
        "netin": base * 3.0,
        "netout": base * 2.0,
        "diskread": base * 5.0,
        "diskwrite": base * 7.0,
    }
    if not call.cluster.release.startswith("8"):
        row["memhost"] = memory + 96 * 1024**2
        for name in ("cpusome", "iosome", "iofull", "memorysome", "memoryfull"):
            row[f"pressure{name}"] = round(0.2 * wave(guest.vmid + len(name), moment), 3)
    return row


@answers("GET /nodes/{node}/rrddata")
def node_series(call: Call) -> Answer:
    """Usage of a node."""
    node = call.member()
    used = node_memory(call.cluster, call.now())[node.name]
    return _series(call, lambda moment: _node_point(call, node, used, moment))


def _node_point(call: Call, node: Node, used: int, moment: float) -> Row:
    if moment < node.booted_s:
        return {}
    load = node_load(node, moment)
    memory = int(used * (0.9 + 0.2 * wave(node.number, moment)))
    row: Row = {
        "cpu": load,
        "iowait": round(load / 40, 6),
        "loadavg": round(node.threads * load, 2),
        "maxcpu": node.threads,
        "memtotal": node.server.memory_bytes,
        "memused": memory,
        "swaptotal": 8 * 1024**3,
        "swapused": 0,
        "roottotal": node.root_bytes(),
        "rootused": 12 * 1024**3,
        "netin": round(40_000 + 90_000 * wave(node.number, moment), 2),
        "netout": round(50_000 + 80_000 * wave(node.number + 3, moment), 2),
    }
    if not call.cluster.release.startswith("8"):
        row["memavailable"] = node.server.memory_bytes - memory
        row["arcsize"] = 0
        for name in ("cpusome", "iosome", "iofull", "memorysome", "memoryfull"):
            row[f"pressure{name}"] = round(0.2 * wave(node.number + len(name), moment), 3)
    return row


@answers("GET /nodes/{node}/storage/{storage}/rrddata")
def storage_series(call: Call) -> Answer:
    """Capacity and use of a storage."""
    storage = call.cluster.storage(call.params.text("storage"))
    total, used = storage_numbers(call.cluster, storage, call.node)
    return _series(call, lambda moment: {"total": total, "used": int(used * (0.97 + 0.03 * wave(7, moment)))})


@answers(
    "GET /nodes/{node}/qemu/{vmid}/rrd",
    "GET /nodes/{node}/lxc/{vmid}/rrd",
    "GET /nodes/{node}/rrd",
    "GET /nodes/{node}/storage/{storage}/rrd",
)
def draw(call: Call) -> Answer:
    """The name of a drawn picture; the pictures themselves are no longer served by the product either."""
    if "vmid" in call.params:
        call.guest_anywhere()
    names = call.params.words("ds")
    if not names:
        raise ApiError("no data sources")
    subject = call.params.text("vmid") or call.params.text("storage") or call.node
    return {"filename": f"/var/cache/pve-rrd-{subject}-{call.params.text('timeframe')}-{'-'.join(names)}.png"}
