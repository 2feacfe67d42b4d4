"""Nodes: listing, status, power (contract section 15.2)."""

from __future__ import annotations

from holdfast.simulators.proxmox import membership
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.handlers.inventory import subscription_level, version_row
from holdfast.simulators.proxmox.status import node_load, node_memory, node_numbers, storage_numbers, wave
from holdfast.simulators.proxmox.values import Row

_KERNELS = {"9.1": "6.17.4-1-pve", "8.4": "6.8.12-15-pve"}


@answers("GET /nodes")
def list_nodes(call: Call) -> Answer:
    """All members; numbers of those that are online and may be seen."""
    cluster, moment = call.cluster, call.cluster.statistics_at
    memory = node_memory(cluster, moment)
    rows: list[Row] = []
    for node in cluster.nodes.values():
        row: Row = {
            "id": f"node/{node.name}",
            "type": "node",
            "node": node.name,
            "status": "online" if node.online else "offline",
            "ssl_fingerprint": cluster.certificate(node).fingerprint if node.online else None,
        }
        if node.online and call.allowed(f"/nodes/{node.name}", "Sys.Audit"):
            row.update(node_numbers(cluster, node, memory, moment), level=subscription_level(node))
        rows.append(row)
    cluster.rng.shuffle(rows)
    return rows


@answers("GET /nodes/{node}/status")
def get_status(call: Call) -> Answer:
    """Load, memory, kernel of one node."""
    cluster, node, moment = call.cluster, call.member(), call.now()
    server = node.server
    used = node_memory(cluster, moment)[node.name]
    load = node_load(node, moment)
    local = cluster.storages.get("local")
    root_total, root_used = storage_numbers(cluster, local, node.name) if local else (node.root_bytes(), 0)
    kernel = _KERNELS[cluster.release]
    row: Row = {
        "cpu": load,
        "wait": round(load / 40, 6),
        "idle": 0,
        "loadavg": [f"{node.threads * load * factor:.2f}" for factor in (1.0, 0.97, 0.93)],
        "uptime": max(0, int(moment - node.booted_s)),
        "memory": {
            "total": server.memory_bytes,
            "used": used,
            "free": server.memory_bytes - used,
            "available": server.memory_bytes - used,
        },
        "swap": {"total": 8 * 1024**3, "used": 0, "free": 8 * 1024**3},
        "rootfs": {
            "total": root_total,
            "used": root_used,
            "avail": root_total - root_used,
            "free": root_total - root_used,
        },
        "cpuinfo": {
            "model": server.cpu_model,
            "sockets": server.cpu_sockets,
            "cores": server.cpu_sockets * server.cpu_cores_per_socket,
            "cpus": node.threads,
            "mhz": f"{2000 + 900 * wave(node.number, moment):.3f}",
            "flags": "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush vmx smx est",
            "hvm": "1",
            "user_hz": 100,
        },
        "current-kernel": {
            "sysname": "Linux",
            "release": kernel,
            "version": f"#1 SMP PREEMPT_DYNAMIC PMX {kernel.removesuffix('-pve')}",
            "machine": "x86_64",
        },
        "kversion": f"Linux {kernel} #1 SMP PREEMPT_DYNAMIC PMX {kernel.removesuffix('-pve')}",
        "boot-info": {"mode": "efi", "secureboot": 0},
        "pveversion": "pve-manager/{version}/{repoid}".format_map(version_row(cluster.release)),
        "ksm": {"shared": 0},
    }
    return row


@answers("POST /nodes/{node}/status")
def power(call: Call) -> Answer:
    """Reboot or shut down a node: its guests stop, and it is gone from the cluster a few seconds later."""
    cluster, node = call.cluster, call.member()
    back = 30.0 if call.params.text("command") == "reboot" else None
    cluster.note(node.name, call.who, f"initiated {call.params.text('command')}")

    def down() -> None:
        if node.name != call.local_node:
            membership.take_offline(cluster, node.name)
            if back is not None:
                cluster.timeline.after(back, lambda: membership.bring_online(cluster, node.name))
            return
        # The contacted node cannot vanish without the simulator itself: it only loses its guests and uptime.
        membership.stop_guests(cluster, node.name)
        node.booted_s = cluster.now()

    cluster.timeline.after(2.0, down)
    return None
