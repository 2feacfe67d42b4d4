"""Methods that are new in 26 (contract sections 15 and 16)."""

from __future__ import annotations

from functools import cache

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.facts import Fact, JobFacts
from holdfast.simulators.truenas.shapes import (
    BOOL,
    FREE,
    INT,
    NAME,
    NULL,
    TEXT,
    array,
    closed,
    crud,
    default,
    either,
    fact,
    filters,
    mapping,
    maybe,
    nullable,
    one_of,
    query_answer,
    updatable,
)

NUMBER: Row = {"type": "number"}

# Containers -----------------------------------------------------------------------------------------------------
_DEVICE: Row = {
    "discriminator": {"propertyName": "dtype"},
    "oneOf": [
        closed({"dtype": {"const": "FILESYSTEM", "type": "string"}, "target": NAME, "source": NAME}),
        closed(
            {
                "dtype": {"const": "GPU", "type": "string"},
                "gpu_type": one_of("AMD", "INTEL", "NVIDIA"),
                "pci_address": NAME,
            }
        ),
        closed(
            {"dtype": {"const": "NIC", "type": "string"}},
            {
                "trust_guest_rx_filters": default(BOOL, False),
                "type": default(one_of("E1000", "VIRTIO"), "E1000"),
                "nic_attach": maybe(TEXT),
                "mac": maybe(TEXT),
            },
        ),
        closed(
            {"dtype": {"const": "USB", "type": "string"}},
            {"usb": maybe(closed({"vendor_id": NAME, "product_id": NAME})), "device": maybe(NAME)},
        ),
    ],
}
_DEVICE_ROW = closed({"id": INT, "attributes": _DEVICE, "container": INT})
_IDMAP: Row = {
    "discriminator": {"propertyName": "type"},
    "oneOf": [
        closed({"type": {"const": "DEFAULT", "type": "string"}}),
        closed(
            {
                "type": {"const": "ISOLATED", "type": "string"},
                "slice": nullable({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 1000}),
            }
        ),
    ],
}
_OPTIONAL: Row = {
    "uuid": maybe(TEXT),
    "description": default(TEXT, ""),
    "cpuset": maybe(TEXT),
    "autostart": default(BOOL, True),
    "time": default(one_of("LOCAL", "UTC"), "LOCAL"),
    "shutdown_timeout": {"type": "integer", "minimum": 5, "maximum": 300, "default": 90},
    "init": default(TEXT, "/sbin/init"),
    "initdir": maybe(TEXT),
    "initenv": default(mapping(TEXT), {}),
    "inituser": maybe(TEXT),
    "initgroup": maybe(TEXT),
    "capabilities_policy": default(one_of("DEFAULT", "ALLOW", "DENY"), "DEFAULT"),
    "capabilities_state": default(mapping(BOOL), {}),
}
_ID_MAP_OPTION: Row = {"idmap": default(either(_IDMAP, NULL), {"type": "DEFAULT"})}
_STATUS = closed({"state": one_of("RUNNING", "STOPPED"), "pid": nullable(INT), "domain_state": nullable(NAME)})
_ROW = closed(
    {"id": INT, "name": NAME, "dataset": TEXT, "status": _STATUS},
    {**_OPTIONAL, **_ID_MAP_OPTION, "devices": default(array(_DEVICE_ROW), []), "default_network": maybe(TEXT)},
)
_CREATE = closed(
    {"name": NAME, "image": closed({"name": TEXT, "version": TEXT})},
    {**_OPTIONAL, **_ID_MAP_OPTION, "pool": maybe(TEXT)},
)
_UPDATE = updatable({"name": NAME, **_OPTIONAL})
_STOP = closed({}, {"force": default(BOOL, False), "force_after_timeout": default(BOOL, False)})
_DELETE = closed({}, {"force": default(BOOL, False), "recursive": default(BOOL, False)})
_LXC = closed(
    {
        "id": INT,
        "bridge": nullable(TEXT),
        "v4_network": nullable(TEXT),
        "v6_network": nullable(TEXT),
        "preferred_pool": nullable(TEXT),
    }
)

# ZFS ------------------------------------------------------------------------------------------------------------
_ZFS_VALUE = closed({"raw": TEXT, "source": nullable(FREE), "value": nullable(either(INT, NUMBER, TEXT, BOOL))})
_POOL_VALUE = closed({"raw": TEXT, "source": nullable(TEXT), "value": nullable(either(INT, NUMBER, TEXT, BOOL))})
_SNAPSHOT = closed(
    {
        "createtxg": INT,
        "guid": INT,
        "name": TEXT,
        "pool": TEXT,
        "dataset": TEXT,
        "snapshot_name": TEXT,
        "holds": nullable(array(TEXT)),
        "properties": nullable(mapping(_ZFS_VALUE)),
        "user_properties": nullable(mapping(TEXT)),
    },
    {"type": default({"const": "SNAPSHOT", "type": "string"}, "SNAPSHOT")},
)
_PATHS: Row = {"paths": default({**array(TEXT), "uniqueItems": True}, []), "recursive": default(BOOL, False)}
_VDEVS = array(FREE)
_POOL = closed(
    {
        "name": TEXT,
        "guid": INT,
        "status": TEXT,
        "healthy": BOOL,
        "warning": BOOL,
        "status_code": nullable(TEXT),
        "status_detail": nullable(TEXT),
    },
    {
        "id": maybe(INT),
        "is_upgraded": maybe(BOOL),
        "properties": maybe(mapping(_POOL_VALUE)),
        "topology": maybe(
            closed(dict.fromkeys(("data", "log", "cache", "spares", "stripe", "special", "dedup"), _VDEVS))
        ),
        "scan": maybe(FREE),
        "expand": maybe(FREE),
        "features": maybe(array(FREE)),
    },
)
_SWITCH = default(BOOL, False)


def _zfs_snapshot() -> list[Fact]:
    prefix, read, write, delete = "zfs.resource.snapshot", ("SNAPSHOT_READ",), ("SNAPSHOT_WRITE",), ("SNAPSHOT_DELETE",)
    query = closed(
        {},
        {
            **_PATHS,
            "properties": default(nullable(array(TEXT)), []),
            "get_user_properties": _SWITCH,
            "get_source": _SWITCH,
            "get_holds": _SWITCH,
            "min_txg": default(INT, 0),
            "max_txg": default(INT, 0),
        },
    )
    create = closed(
        {"dataset": NAME, "name": NAME},
        {"recursive": _SWITCH, "exclude": default(array(TEXT), []), "user_properties": default(mapping(TEXT), {})},
    )
    rollback = closed(
        {"path": NAME}, dict.fromkeys(("recursive", "recursive_clones", "force", "recursive_rollback"), _SWITCH)
    )
    clone = closed({"snapshot": NAME, "dataset": NAME}, {"properties": default(mapping(either(TEXT, INT)), {})})
    return [
        fact(f"{prefix}.query", [("data", default(query, {}))], array(_SNAPSHOT), roles=read),
        fact(f"{prefix}.count", [("data", default(closed({}, _PATHS), {}))], mapping(INT), roles=read),
        fact(f"{prefix}.create", [("data", create)], _SNAPSHOT, roles=write),
        fact(
            f"{prefix}.destroy",
            [("data", closed({"path": NAME}, {"recursive": _SWITCH, "all_snapshots": _SWITCH, "defer": _SWITCH}))],
            roles=delete,
        ),
        fact(f"{prefix}.rollback", [("data", rollback)], roles=("SNAPSHOT_WRITE", "POOL_WRITE")),
        fact(f"{prefix}.clone", [("data", clone)], roles=("SNAPSHOT_WRITE", "DATASET_WRITE")),
        fact(
            f"{prefix}.hold",
            [("data", closed({"path": NAME}, {"tag": default(TEXT, "truenas"), "recursive": _SWITCH}))],
            roles=write,
        ),
        fact(f"{prefix}.holds", [("data", closed({"path": NAME}))], array(TEXT), roles=read),
        fact(
            f"{prefix}.release",
            [("data", closed({"path": NAME}, {"tag": maybe(TEXT), "recursive": _SWITCH}))],
            roles=write,
        ),
        fact(
            f"{prefix}.rename",
            [("data", closed({"current_name": NAME, "new_name": NAME}, {"recursive": _SWITCH}))],
            roles=write,
        ),
    ]


def _containers() -> list[Fact]:
    read, write = ("CONTAINER_READ",), ("CONTAINER_WRITE",)
    name = "container"
    locked = JobFacts(lock="callable")
    return [
        fact(f"{name}.query", filters(), query_answer(_ROW), roles=read),
        fact(f"{name}.get_instance", [("id", INT), filters()[1]], _ROW, roles=read),
        fact(f"{name}.create", [("container_create", _CREATE)], _ROW, roles=write, job=JobFacts()),
        fact(f"{name}.update", [("id", INT), ("container_update", _UPDATE)], _ROW, roles=write),
        fact(
            f"{name}.delete",
            [("id", INT), ("options", default(_DELETE, {}))],
            roles=("CONTAINER_DELETE", "CONTAINER_WRITE"),
            job=locked,
        ),
        fact(f"{name}.start", [("id", INT)], roles=write),
        fact(f"{name}.stop", [("id", INT), ("options", default(_STOP, {}))], roles=write, job=locked),
        fact(f"{name}.migrate", (), roles=write, job=JobFacts(lock="container_migrate")),
        fact(f"{name}.pool_choices", (), mapping(TEXT), roles=(*read, "READONLY_ADMIN")),
        fact(f"{name}.image.query_registry", (), array(closed({"name": TEXT, "versions": array(FREE)})), roles=read),
        *crud(
            "container.device",
            "container_device",
            _DEVICE_ROW,
            closed({"attributes": _DEVICE, "container": INT}),
            update=closed({}, {"attributes": FREE, "container": INT}),
            read="CONTAINER_DEVICE_READ",
            write="CONTAINER_DEVICE_WRITE",
        )[:4],
        fact(
            "container.device.delete",
            [("id", INT), ("options", default(closed({}, dict.fromkeys(("force", "raw_file", "zvol"), _SWITCH)), {}))],
            BOOL,
            roles=("CONTAINER_DEVICE_WRITE",),
        ),
        fact(
            "container.device.nic_attach_choices",
            (),
            closed({"BRIDGE": array(TEXT), "MACVLAN": array(TEXT)}),
            roles=read,
        ),
        fact("container.device.gpu_choices", (), FREE, roles=read),
        fact("container.device.usb_choices", (), FREE, roles=read),
        fact("lxc.config", (), _LXC, roles=("LXC_CONFIG_READ",)),
        fact(
            "lxc.update",
            [("lxc_update", updatable({k: v for k, v in _LXC["properties"].items() if k != "id"}))],
            _LXC,
            roles=("LXC_CONFIG_WRITE",),
        ),
        fact("lxc.bridge_choices", (), mapping(TEXT), roles=("LXC_CONFIG_READ",)),
    ]


@cache
def own() -> tuple[Fact, ...]:
    """Methods that are new in 26."""
    levels = default(one_of("ALL", "SESSIONS", "SHARES", "LOCKS", "BYTERANGE", "NOTIFICATIONS"), "ALL")
    status_options = closed(
        {},
        {
            "verbose": default(BOOL, True),
            "fast": _SWITCH,
            "restrict_user": default(TEXT, ""),
            "restrict_session": default(TEXT, ""),
            "resolve_uids": default(BOOL, True),
        },
    )
    scrub = closed(
        {"pool_name": TEXT},
        {
            "scan_type": default(one_of("SCRUB", "ERRORSCRUB"), "SCRUB"),
            "action": default(one_of("START", "PAUSE", "CANCEL"), "START"),
            "threshold": default(INT, 35),
        },
    )
    zpool = closed(
        {},
        {
            "pool_names": maybe(array(TEXT)),
            "properties": maybe(array(TEXT)),
            **dict.fromkeys(("topology", "scan", "expand", "features"), _SWITCH),
        },
    )
    raw_key = closed(
        {
            "api_key_id": INT,
            "iterations": INT,
            **dict.fromkeys(("salt", "client_key", "stored_key", "server_key"), TEXT),
        }
    )
    bulk = array(
        closed(
            {"app_name": NAME},
            {"app_version": default(NAME, "latest"), "values": default(FREE, {}), "snapshot_hostpaths": _SWITCH},
        )
    )
    return (
        *_containers(),
        *_zfs_snapshot(),
        fact("zpool.query", [("data", default(zpool, {}))], array(_POOL), roles=("POOL_READ",)),
        fact("zpool.scrub.run", [("data", scrub)], roles=("POOL_SCRUB_WRITE",), job=JobFacts(lock="callable")),
        fact("pool.prefetch", [("pool_name", NAME)], roles=("POOL_WRITE",), job=JobFacts(lock="callable")),
        fact(
            "pool.reimport",
            [("id", INT)],
            {"const": True, "type": "boolean"},
            roles=("POOL_WRITE",),
            job=JobFacts(lock="import_pool"),
        ),
        fact("privilege.become_readonly", auth="any"),
        fact("api_key.convert_raw_key", [("raw_key", TEXT)], raw_key, auth="any"),
        fact(
            "app.upgrade_bulk",
            [("apps", bulk)],
            array(closed({"app_name": TEXT, "success": BOOL, "error": nullable(TEXT)})),
            roles=("APPS_WRITE",),
            job=JobFacts(lock="app_upgrade_bulk"),
        ),
        fact(
            "smb.status",
            [("info_level", levels), *filters(), ("status_options", default(status_options, {}))],
            either(array(FREE), FREE, INT),
            roles=("SHARING_SMB_READ",),
        ),
    )
