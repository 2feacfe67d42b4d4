"""Definitions of storages in the cluster (contract section 15.8)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.facts import method_table
from holdfast.simulators.proxmox.firewall import digest_of
from holdfast.simulators.proxmox.handlers.inventory import shuffled_content
from holdfast.simulators.proxmox.handlers.node_config import CHANGED
from holdfast.simulators.proxmox.sections import shown, stored
from holdfast.simulators.proxmox.storages import FILE_TYPES, SHARED_TYPES, Storage
from holdfast.simulators.proxmox.values import Row

_REQUIRED: Final = {
    "dir": ("path",),
    "btrfs": ("path",),
    "nfs": ("server", "export"),
    "cifs": ("server", "share"),
    "lvm": ("vgname",),
    "lvmthin": ("vgname", "thinpool"),
    "zfspool": ("pool",),
    "zfs": ("pool", "portal", "target", "iscsiprovider"),
    "iscsi": ("portal", "target"),
    "iscsidirect": ("portal", "target"),
    "pbs": ("server", "datastore", "username"),
    "esxi": ("server", "username"),
}
_COMMON: Final = frozenset(
    {"content", "nodes", "disable", "shared", "bwlimit", "prune-backups", "format", "preallocation"}
)
_OWN: Final = {
    "dir": {"path", "mkdir", "create-base-path", "create-subdirs", "is_mountpoint", "content-dirs"},
    "nfs": {"server", "export", "options", "path", "mkdir", "create-base-path", "create-subdirs", "content-dirs"},
    "cifs": {"server", "share", "username", "password", "domain", "smbversion", "subdir", "options", "path", "mkdir"},
    "lvm": {"vgname", "base", "saferemove", "saferemove_throughput", "tagged_only"},
    "lvmthin": {"vgname", "thinpool"},
    "zfspool": {"pool", "sparse", "blocksize", "mountpoint"},
    "pbs": {
        "server",
        "datastore",
        "namespace",
        "username",
        "password",
        "fingerprint",
        "port",
        "encryption-key",
        "master-pubkey",
    },
}
_SECRET: Final = frozenset({"password", "encryption-key", "keyring", "master-pubkey"})
_WHERE: Final = ("Datastore.Audit", "Datastore.Allocate", "Datastore.AllocateSpace")


def config_digest(call: Call) -> str:
    """Over the whole storage configuration."""
    return digest_of({name: [one.type, one.options] for name, one in call.cluster.storages.items()})


def _row(call: Call, storage: Storage) -> Row:
    schemas = method_table(call.cluster.release).methods["POST /storage"].schemas
    row = shown(schemas, {name: value for name, value in storage.options.items() if name not in _SECRET})
    row |= {"storage": storage.name, "type": storage.type, "digest": config_digest(call)}
    row["content"] = shuffled_content(call, storage.content)
    if storage.shared:
        row["shared"] = 1
    return row


@answers("GET /storage")
def list_storages(call: Call) -> Answer:
    """Definitions the caller may see."""
    wanted = call.params.maybe("type")
    return [
        _row(call, storage)
        for storage in call.cluster.storages.values()
        if wanted in (None, storage.type) and call.allowed(f"/storage/{storage.name}", *_WHERE, any_of=True)
    ]


@answers("GET /storage/{storage}")
def get_storage(call: Call) -> Answer:
    """One definition."""
    return _row(call, call.cluster.storage(call.params.text("storage")))


@answers("POST /storage")
def create(call: Call) -> Answer:
    """Define a storage."""
    cluster, name, kind = call.cluster, call.params.text("storage"), call.params.text("type")
    cluster.require_writable("storage.cfg")
    if name in cluster.storages:
        raise ApiError(f"storage ID '{name}' already defined")
    options = {key: stored(value) for key, value in call.params.raw().items() if key not in ("storage", "type")}
    for key in options:
        if kind in _OWN and key not in _COMMON | _OWN[kind]:
            raise bad_parameter(key, f"unexpected property '{key}'")
    for key in _REQUIRED.get(kind, ()):
        if key not in options:
            raise bad_parameter(key, f"missing value for required option '{key}'")
    if kind in FILE_TYPES & SHARED_TYPES:
        options.setdefault("path", f"/mnt/pve/{name}")
    _check_content(kind, options)
    _check_reachable(options, name)
    cluster.storages[name] = Storage(name, kind, options)
    return {"storage": name, "type": kind}


def _check_content(kind: str, options: dict[str, str]) -> None:
    words = options.get("content", "").replace(";", ",").split(",")
    blocks = kind in ("lvm", "lvmthin", "zfspool", "rbd")
    for word in filter(None, words):
        if (blocks and word not in ("images", "rootdir", "none")) or (kind == "pbs" and word not in ("backup", "none")):
            raise bad_parameter("content", f"storage does not support content type '{word}'")


def _check_reachable(options: dict[str, str], name: str) -> None:
    server = options.get("server", "")
    if server.endswith(".invalid"):
        raise ApiError(f"create storage failed: error with cfs lock 'file-storage_cfg': storage '{name}' is not online")


@answers("PUT /storage/{storage}")
def change(call: Call) -> Answer:
    """Change a definition."""
    storage = call.cluster.storage(call.params.text("storage"))
    call.cluster.require_writable("storage.cfg")
    if call.params.maybe("digest") not in (None, config_digest(call)):
        raise ApiError(CHANGED)
    options = dict(storage.options)
    for key in call.params.words("delete"):
        if key in _REQUIRED.get(storage.type, ()):
            raise bad_parameter("delete", f"unable to delete required option '{key}'")
        options.pop(key, None)
    for key, value in call.params.raw().items():
        if key in ("storage", "digest", "delete"):
            continue
        if storage.type in _OWN and key not in _COMMON | _OWN[storage.type]:
            raise bad_parameter(key, f"unexpected property '{key}'")
        options[key] = stored(value)
    _check_content(storage.type, options)
    storage.options = options
    return {"storage": storage.name, "type": storage.type}


@answers("DELETE /storage/{storage}")
def delete(call: Call) -> Answer:
    """Remove a definition; the data stays where it is."""
    cluster = call.cluster
    storage = cluster.storage(call.params.text("storage"))
    cluster.require_writable("storage.cfg")
    users = [
        other.name
        for other in cluster.storages.values()
        if other.options.get("base", "").startswith(f"{storage.name}:")
    ]
    if users:
        raise ApiError("can't remove storage - storage is used as base for another storage")
    del cluster.storages[storage.name]
    cluster.access.pool_of.pop(f"/storage/{storage.name}", None)
    cluster.access.changed()
    return None
