"""Pools, file systems and configuration of Ceph (contract section 15.14)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.ceph import CephPool
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.handlers.ceph import health, installed, totals, up
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Json, Row

_BASE: Final = "/nodes/{node}/ceph"


def _pool(call: Call) -> CephPool:
    name = call.params.text("name")
    pool = installed(call).pools.get(name)
    if pool is None:
        raise ApiError(f"mon_cmd failed - unrecognized pool '{name}'")
    return pool


@answers(f"GET {_BASE}/pool")
def list_pools(call: Call) -> Answer:
    """Pools and their use."""
    ceph = installed(call)
    total, _ = totals(call, ceph)
    return [
        {
            "pool": pool.number,
            "pool_name": pool.name,
            "type": "replicated",
            "size": pool.size,
            "min_size": pool.min_size,
            "pg_num": pool.pg_num,
            "pg_num_final": pool.pg_num,
            "pg_autoscale_mode": pool.autoscale,
            "crush_rule": 0,
            "crush_rule_name": pool.rule,
            "bytes_used": pool.used * pool.size,
            "percent_used": pool.used * pool.size / max(1, total),
            "application_metadata": {pool.application: {}},
        }
        for pool in ceph.pools.values()
    ]


@answers(f"GET {_BASE}/pool/{{name}}")
def get_pool(call: Call) -> Answer:
    """What lies below a pool."""
    _pool(call)
    return [{"name": "status"}]


@answers(f"GET {_BASE}/pool/{{name}}/status")
def get_pool_status(call: Call) -> Answer:
    """Settings of a pool."""
    pool = _pool(call)
    off: Row = dict.fromkeys(
        ("fast_read", "nodeep-scrub", "nodelete", "nopgchange", "noscrub", "nosizechange", "write_fadvise_dontneed"), 0
    )
    row: Row = {
        "id": pool.number,
        "name": pool.name,
        "size": pool.size,
        "min_size": pool.min_size,
        "pg_num": pool.pg_num,
        "pgp_num": pool.pg_num,
        "pg_autoscale_mode": pool.autoscale,
        "crush_rule": pool.rule,
        "hashpspool": 1,
        "use_gmt_hitset": 1,
        **off,
    }
    if pool.application in ("rbd", "cephfs", "rgw"):
        row["application"] = pool.application
    if call.params.flag("verbose"):
        row["statistics"] = {"bytes_used": pool.used}
    return row


def _settings(call: Call, pool: CephPool) -> None:
    params = call.params
    pool.size = params.number("size", pool.size)
    pool.min_size = params.number("min_size", pool.min_size)
    pool.pg_num = params.number("pg_num", pool.pg_num)
    pool.autoscale = params.text("pg_autoscale_mode", pool.autoscale)
    pool.application = params.text("application", pool.application)
    if pool.min_size > pool.size:
        raise bad_parameter("min_size", "min_size must not be greater than size")


@answers(f"POST {_BASE}/pool", f"PUT {_BASE}/pool/{{name}}", f"DELETE {_BASE}/pool/{{name}}")
def change_pool(call: Call) -> Answer:
    """Create, change or destroy a pool."""
    ceph, name, verb = installed(call), call.params.text("name"), call.method.verb
    if verb == "POST":
        if name in ceph.pools:
            raise ApiError(f"pool '{name}' already exists")
        pool = CephPool(name, max((one.number for one in ceph.pools.values()), default=0) + 1, used=0)
    else:
        pool = _pool(call)
    if verb != "DELETE":
        _settings(call, pool)
    users = [storage.name for storage in call.cluster.storages.values() if storage.options.get("pool") == name]
    if verb == "DELETE" and users and not call.params.flag("remove_storages"):
        raise ApiError(f"ceph pool '{name}' still in use by storage '{users[0]}'")

    def work() -> Work:
        yield f"pool {name}: applying changes"
        yield Pause()
        if verb == "DELETE":
            ceph.pools.pop(name, None)
        else:
            ceph.pools[name] = pool

    kind = {"POST": "cephcreatepool", "PUT": "cephsetpool", "DELETE": "cephdestroypool"}[verb]
    return call.fork(kind, name, work(), 0.3)


@answers(f"GET {_BASE}/fs")
def list_filesystems(call: Call) -> Answer:
    """File systems."""
    return [
        {"name": name, "metadata_pool": metadata, "data_pool": data}
        for name, (metadata, data) in installed(call).filesystems.items()
    ]


@answers(f"POST {_BASE}/fs/{{name}}")
def add_filesystem(call: Call) -> Answer:
    """A new file system with its two pools."""
    ceph, name = installed(call), call.params.text("name")
    if name in ceph.filesystems:
        raise ApiError(f"ceph pools for FS '{name}' already exist")
    if not ceph.metadata_servers:
        raise ApiError("no running Metadata Server (MDS) found!")

    def work() -> Work:
        yield Pause()
        for suffix in ("metadata", "data"):
            number = max(pool.number for pool in ceph.pools.values()) + 1
            pool = CephPool(f"{name}_{suffix}", number, application="cephfs", used=0)
            ceph.pools[pool.name] = pool
        ceph.filesystems[name] = (f"{name}_metadata", f"{name}_data")

    return call.fork("cephfscreate", name, work(), 0.4)


@answers(f"POST {_BASE}/init")
def initialise(call: Call) -> Answer:
    """Write the first configuration: it is there already."""
    installed(call)
    return None


@answers(f"GET {_BASE}/crush")
def get_crush(call: Call) -> Answer:
    """The placement map as text."""
    ceph = installed(call)
    return "# begin crush map\n" + "".join(f"device {number} osd.{number} class ssd\n" for number in ceph.osds)


@answers(f"GET {_BASE}/rules")
def list_rules(call: Call) -> Answer:
    """Placement rules."""
    installed(call)
    return [{"name": "replicated_rule"}]


@answers(f"GET {_BASE}/log")
def get_log(call: Call) -> Answer:
    """The storage cluster's log."""
    ceph = installed(call)
    call.beside["total"] = 1
    return [{"n": 1, "t": f"cluster [INF] overall {health(call, ceph)['status']}"}]


@answers(f"GET {_BASE}/cfg/raw")
def get_config(call: Call) -> Answer:
    """The configuration file."""
    return f"[global]\n\tfsid = {installed(call).fsid}\n\tpublic_network = 10.20.0.0/24\n"


@answers(f"GET {_BASE}/cfg/db")
def get_config_database(call: Call) -> Answer:
    """The configuration database."""
    installed(call)
    return [
        {
            "section": "osd",
            "name": "osd_memory_target",
            "value": "4294967296",
            "level": "basic",
            "mask": "",
            "can_update_at_runtime": 1,
        }
    ]


@answers(f"GET {_BASE}/cfg/value")
def get_config_values(call: Call) -> Answer:
    """Some values of the configuration."""
    ceph = installed(call)
    values: dict[str, Json] = {}
    for key in call.params.words("config-keys"):
        section, _, name = key.partition(":")
        if name == "fsid":
            values.setdefault(section, {})
            values[section] = {"fsid": ceph.fsid}
    return values


@answers(f"GET {_BASE}/cmd-safety")
def is_safe(call: Call) -> Answer:
    """Whether a daemon may be stopped or destroyed now."""
    ceph, service, ident = installed(call), call.params.text("service"), call.params.text("id")
    clean = all(up(call, osd) for osd in ceph.osds.values())
    enough = len([name for name in ceph.monitors if call.cluster.online(name)]) * 2 > len(ceph.monitors) + 1
    safe = enough if service == "mon" else clean
    row: Row = {"safe": int(safe)}
    if not safe:
        row["status"] = f"{service}.{ident} cannot be {call.params.text('action')}ped without reduced availability"
    return row
