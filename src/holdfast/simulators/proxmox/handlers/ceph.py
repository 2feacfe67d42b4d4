"""Ceph: refused where it is not installed, else read and, in part, changed (contract section 15.14)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.ceph import FLAGS, OSD_BYTES, Ceph, Osd
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.tasks import Work
from holdfast.simulators.proxmox.values import Row

_BASE: Final = "/nodes/{node}/ceph"
RELEASE: Final = "19.2.3"
FULL: Final = "ceph version 19.2.3 squid (stable)"


def installed(call: Call) -> Ceph:
    """The storage cluster; 500 where the programs are missing."""
    ceph = call.cluster.ceph
    if ceph is None:
        raise ApiError("binary not installed: /usr/bin/ceph-mon")
    return ceph


def up(call: Call, osd: Osd) -> bool:
    """Whether an OSD runs."""
    return call.cluster.online(osd.node) and not osd.stopped


def health(call: Call, ceph: Ceph) -> Row:
    """Health and what is wrong."""
    checks: Row = {}
    down = [osd for osd in ceph.osds.values() if not up(call, osd)]
    if down:
        checks["OSD_DOWN"] = {
            "severity": "HEALTH_WARN",
            "summary": {"message": f"{len(down)} osds down", "count": len(down)},
            "muted": False,
        }
    missing = [name for name in ceph.monitors if not call.cluster.online(name)]
    if missing:
        checks["MON_DOWN"] = {
            "severity": "HEALTH_WARN",
            "summary": {"message": f"{len(missing)}/{len(ceph.monitors)} mons down", "count": len(missing)},
            "muted": False,
        }
    if ceph.flags:
        checks["OSDMAP_FLAGS"] = {
            "severity": "HEALTH_WARN",
            "summary": {"message": f"{','.join(sorted(ceph.flags))} flag(s) set", "count": len(ceph.flags)},
            "muted": False,
        }
    return {"status": "HEALTH_WARN" if checks else "HEALTH_OK", "checks": checks, "mutes": []}


def totals(call: Call, ceph: Ceph) -> tuple[int, int]:
    """Capacity and use in bytes."""
    total = OSD_BYTES * sum(up(call, osd) and osd.taken_in for osd in ceph.osds.values())
    return total, sum(pool.used * pool.size for pool in ceph.pools.values())


@answers("GET /cluster/ceph/status", f"GET {_BASE}/status")
def get_status(call: Call) -> Answer:
    """Health and counts."""
    ceph = installed(call)
    total, used = totals(call, ceph)
    quorum = [name for name in ceph.monitors if call.cluster.online(name)]
    groups = sum(pool.pg_num for pool in ceph.pools.values())
    clean = all(up(call, osd) for osd in ceph.osds.values())
    states: list[Row] = [{"state_name": "active+clean" if clean else "active+undersized+degraded", "count": groups}]
    return {
        "fsid": ceph.fsid,
        "health": health(call, ceph),
        "quorum_names": quorum,
        "quorum": list(range(len(quorum))),
        "monmap": {"num_mons": len(ceph.monitors), "mons": [{"name": name} for name in ceph.monitors]},
        "mgrmap": {"available": True, "active_name": quorum[0] if quorum else "", "standbys": []},
        "osdmap": {
            "num_osds": len(ceph.osds),
            "num_up_osds": sum(up(call, osd) for osd in ceph.osds.values()),
            "num_in_osds": sum(osd.taken_in for osd in ceph.osds.values()),
        },
        "pgmap": {
            "bytes_total": total,
            "bytes_used": used,
            "bytes_avail": total - used,
            "num_pgs": groups,
            "num_pools": len(ceph.pools),
            "pgs_by_state": states,
        },
    }


@answers("GET /cluster/ceph/metadata")
def get_metadata(call: Call) -> Answer:
    """Versions of every daemon."""
    ceph = installed(call)

    def daemon(name: str, node: str) -> Row:
        return {
            "name": name,
            "hostname": node,
            "addr": call.cluster.nodes[node].ip,
            "addrs": call.cluster.nodes[node].ip,
            "ceph_release": "squid",
            "ceph_version": FULL,
            "ceph_version_short": RELEASE,
            "mem_swap_kb": 8_388_604,
            "mem_total_kb": call.cluster.nodes[node].server.memory_bytes // 1024,
        }

    osds: list[Row] = [
        {
            **daemon(f"osd.{osd.number}", osd.node),
            "id": osd.number,
            "back_addr": "",
            "front_addr": "",
            "device_id": "",
            "osd_data": f"/var/lib/ceph/osd/ceph-{osd.number}",
            "osd_objectstore": "bluestore",
        }
        for osd in ceph.osds.values()
    ]
    return {
        "mon": {f"{name}@{name}": daemon(name, name) for name in ceph.monitors},
        "mgr": {f"{name}@{name}": daemon(name, name) for name in ceph.managers},
        "mds": {f"{name}@{node}": daemon(name, node) for name, node in ceph.metadata_servers.items()},
        "node": {
            name: {"buildcommit": "c92aebb2", "version": {"str": RELEASE, "parts": [19, 2, 3]}}
            for name in ceph.monitors
        },
        "osd": osds,
    }


@answers("GET /cluster/ceph/flags")
def list_flags(call: Call) -> Answer:
    """All flags and whether they are set."""
    ceph = installed(call)
    return [{"name": name, "description": text, "value": int(name in ceph.flags)} for name, text in FLAGS.items()]


@answers("GET /cluster/ceph/flags/{flag}")
def get_flag(call: Call) -> Answer:
    """One flag."""
    return int(call.params.text("flag") in installed(call).flags)


@answers("PUT /cluster/ceph/flags/{flag}")
def set_flag(call: Call) -> Answer:
    """Set or clear one flag."""
    _switch(installed(call), call.params.text("flag"), call.params.flag("value"))
    return None


def _switch(ceph: Ceph, flag: str, value: bool) -> None:
    if value:
        ceph.flags.add(flag)
    else:
        ceph.flags.discard(flag)


@answers("PUT /cluster/ceph/flags")
def set_flags(call: Call) -> Answer:
    """Set or clear several flags."""
    ceph = installed(call)
    wanted = {name: call.params.flag(name) for name in FLAGS if name in call.params}

    def work() -> Work:
        for name, value in wanted.items():
            yield f"{'set' if value else 'unset'} flag {name}"
            _switch(ceph, name, value)

    return call.fork("cephsetflags", "", work(), 0.1)
