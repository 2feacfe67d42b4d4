"""Daemons of Ceph: OSDs, monitors, managers, metadata servers (contract section 15.14)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.ceph import OSD_BYTES, Osd
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.handlers.ceph import FULL, RELEASE, installed, up
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_BASE: Final = "/nodes/{node}/ceph"


@answers(f"GET {_BASE}/osd")
def list_osds(call: Call) -> Answer:
    """The tree of hosts and OSDs."""
    ceph = installed(call)
    hosts: list[Row] = []
    for name in call.cluster.nodes:
        children: list[Row] = [
            {
                "id": str(osd.number),
                "name": f"osd.{osd.number}",
                "type": "osd",
                "type_id": "0",
                "host": name,
                "status": "up" if up(call, osd) else "down",
                "in": int(osd.taken_in),
                "device_class": "ssd",
                "crush_weight": 0.873,
                "reweight": 1,
                "pgs": 85,
                "percent_used": 5.1,
                "bytes_used": OSD_BYTES // 20,
                "total_space": OSD_BYTES,
                "leaf": 1,
                "osdtype": "bluestore",
                "ceph_version_short": RELEASE,
            }
            for osd in ceph.osds.values()
            if osd.node == name
        ]
        if children:
            hosts.append({"id": f"-{len(hosts) + 2}", "name": name, "type": "host", "leaf": 0, "children": children})
    root: Row = {"id": "-1", "name": "default", "type": "root", "leaf": 0, "children": hosts}
    return {"flags": ",".join(sorted(ceph.flags)) or "sortbitwise", "root": {"leaf": 0, "children": [root]}}


def _osd(call: Call) -> Osd:
    number = call.params.number("osdid")
    osd = installed(call).osds.get(number)
    if osd is None:
        raise ApiError(f"osd.{number} does not exist")
    return osd


@answers(f"GET {_BASE}/osd/{{osdid}}")
def get_osd(call: Call) -> Answer:
    """What lies below an OSD."""
    _osd(call)
    return [{"name": "metadata"}, {"name": "lv-info"}]


@answers(f"GET {_BASE}/osd/{{osdid}}/metadata")
def get_osd_metadata(call: Call) -> Answer:
    """Devices and addresses of an OSD."""
    osd = _osd(call)
    ip = call.cluster.nodes[osd.node].ip
    address = f"[v2:{ip}:6800/1,v1:{ip}:6801/1]"
    device: Row = {
        "device": "block",
        "dev_node": f"dm-{osd.number}",
        "devices": f"sd{'bc'[osd.number % 2]}",
        "size": OSD_BYTES,
        "support_discard": 1,
        "type": "ssd",
    }
    return {
        "osd": {
            "id": osd.number,
            "hostname": osd.node,
            "version": f"{FULL}",
            "pid": 2000 + osd.number,
            "mem_usage": 3_221_225_472,
            "osd_data": f"/var/lib/ceph/osd/ceph-{osd.number}",
            "osd_objectstore": "bluestore",
            "back_addr": address,
            "front_addr": address,
            "hb_back_addr": address,
            "hb_front_addr": address,
        },
        "devices": [device],
    }


@answers(f"GET {_BASE}/osd/{{osdid}}/lv-info")
def get_osd_volume(call: Call) -> Answer:
    """The logical volume below an OSD."""
    osd = _osd(call)
    kind = call.params.text("type", "block")
    return {
        "creation_time": "2026-03-02 10:11:12 +0000",
        "lv_name": f"osd-{kind}-{osd.number}",
        "lv_path": f"/dev/ceph-{osd.number}/osd-{kind}-{osd.number}",
        "lv_size": OSD_BYTES,
        "lv_uuid": f"simulated-{osd.number}",
        "vg_name": f"ceph-{osd.number}",
    }


@answers(*(f"POST {_BASE}/osd/{{osdid}}/{word}" for word in ("in", "out", "scrub")))
def change_osd(call: Call) -> Answer:
    """Take an OSD in or out of data placement, or scrub it."""
    osd, word = _osd(call), call.method.template.rpartition("/")[2]
    if word != "scrub":
        osd.taken_in = word == "in"
    return None


@answers(f"POST {_BASE}/osd", f"DELETE {_BASE}/osd/{{osdid}}")
def make_osd(call: Call) -> Answer:
    """Create an OSD on an unused disk, or destroy one that is down and out (for root alone)."""
    ceph = installed(call)
    if call.method.verb == "DELETE":
        osd = _osd(call)
        if osd.taken_in:
            raise ApiError("osd is in use (in == 1)")
        if up(call, osd):
            raise ApiError("osd is still running (up == 1)")

        def remove() -> Work:
            yield Pause()
            ceph.osds.pop(osd.number, None)

        return call.fork("cephdestroyosd", f"osd.{osd.number}", remove(), 0.4)
    number = max(ceph.osds, default=-1) + 1

    def create() -> Work:
        yield f"create OSD on {call.params.text('dev')} (bluestore)"
        yield Pause()
        ceph.osds[number] = Osd(number, call.node)

    return call.fork("cephcreateosd", call.params.text("dev").rpartition("/")[2], create(), 0.4)


@answers(f"GET {_BASE}/mon", f"GET {_BASE}/mgr")
def list_daemons(call: Call) -> Answer:
    """Monitors or managers."""
    ceph = installed(call)
    monitors = call.method.template.endswith("mon")
    rows: list[Row] = []
    for rank, name in enumerate(ceph.monitors if monitors else ceph.managers):
        online = call.cluster.online(name)
        row: Row = {"name": name, "addr": f"{call.cluster.nodes[name].ip}:6789/0"}
        if monitors:
            row |= {"host": 1, "rank": rank, "quorum": int(online), "service": 1, "direxists": "1"}
            row["state"] = "running" if online else "unknown"
            row |= {"ceph_version": FULL, "ceph_version_short": RELEASE}
        else:
            row["host"] = name
            row["state"] = "active" if rank == 0 else "standby"
        rows.append(row)
    return rows


@answers(
    *(f"{verb} {_BASE}/{path}" for verb in ("POST", "DELETE") for path in ("mon/{monid}", "mgr/{id}", "mds/{name}"))
)
def change_daemons(call: Call) -> Answer:
    """Create or destroy a monitor, manager or metadata server."""
    ceph = installed(call)
    kind = call.method.template.split("/")[4]
    name = call.params.maybe("monid") or call.params.maybe("id") or call.params.text("name")
    there = name in {"mon": ceph.monitors, "mgr": ceph.managers, "mds": ceph.metadata_servers}[kind]
    create = call.method.verb == "POST"
    if create == there:
        raise ApiError(f"{kind} '{name}' {'already exists' if create else 'does not exist'}")
    if kind == "mon" and not create and len(ceph.monitors) == 1:
        raise ApiError("can't remove last monitor")

    def work() -> Work:
        yield Pause()
        if kind == "mds":
            if create:
                ceph.metadata_servers[name] = call.node
            else:
                ceph.metadata_servers.pop(name, None)
            return
        names = ceph.monitors if kind == "mon" else ceph.managers
        if create:
            names.append(name)
        else:
            names.remove(name)

    return call.fork(f"ceph{'create' if create else 'destroy'}{kind}", f"{kind}.{name}", work(), 0.4)


@answers(f"GET {_BASE}/mds")
def list_metadata_servers(call: Call) -> Answer:
    """Metadata servers."""
    ceph = installed(call)
    return [
        {"name": name, "host": node, "state": "up:standby", "addr": f"{call.cluster.nodes[node].ip}:6800/1"}
        for name, node in ceph.metadata_servers.items()
    ]


@answers(*(f"POST {_BASE}/{word}" for word in ("start", "stop", "restart")))
def control(call: Call) -> Answer:
    """Start, stop or restart daemons of a node."""
    ceph, word = installed(call), call.method.template.rpartition("/")[2]
    service = call.params.text("service", "ceph.target")
    kind, _, ident = service.partition(".")

    def work() -> Work:
        yield Pause()
        for osd in ceph.osds.values():
            if osd.node == call.node and (kind == "ceph" or (kind == "osd" and ident in ("", str(osd.number)))):
                osd.stopped = word == "stop"

    return call.fork(f"srv{word}", service, work(), 0.3)
