"""25.04 where the vendor's file is silent: names that came later, and methods that existed only then."""

from __future__ import annotations

from functools import cache

from holdfast.simulators.truenas.facts import Fact, JobFacts
from holdfast.simulators.truenas.shapes import (
    ANY,
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

# Patterns of 25.10 methods that 25.04 does not have (contract section 16).
LATER: tuple[str, ...] = (
    "pool.snapshot.*",
    "pool.dataset.rename",
    "zfs.resource.*",
    "service.control",
    "interface.network_config_to_be_removed",
    "interface.save_network_config",
    "update.available_versions",
    "update.config",
    "update.profile_choices",
    "update.run",
    "update.status",
    "system.advanced.login_banner",
    "directoryservices.config",
    "app.used_host_ips",
    "docker.backup_to_pool",
    "vm.device.convert",
    "vm.device.virtual_size",
)

_SNAPSHOT_VERBS = ("query", "get_instance", "create", "update", "delete", "clone", "hold", "release", "rollback")
# 25.04 name → the 25.10 method with the same models.
SAME_AS: dict[str, str] = {f"zfs.snapshot.{verb}": f"pool.snapshot.{verb}" for verb in _SNAPSHOT_VERBS}

_SMB_PURPOSES = (
    "NO_PRESET",
    "DEFAULT_SHARE",
    "ENHANCED_TIMEMACHINE",
    "MULTI_PROTOCOL_NFS",
    "PRIVATE_DATASETS",
    "WORM_DROPBOX",
    "TIMEMACHINE",
)
_SMB_FLAGS_ON = ("acl", "durablehandle", "shadowcopy", "streams", "browsable", "enabled")
_SMB_FLAGS_OFF = ("home", "ro", "timemachine", "recyclebin", "guestok", "aapl_name_mangling", "abe", "fsrvp", "afp")
_AUDIT = closed(
    {},
    {"enable": default(BOOL, False), "watch_list": default(array(TEXT), []), "ignore_list": default(array(TEXT), [])},
)
_SMB_OPTIONAL = {
    "purpose": default(one_of(*_SMB_PURPOSES), "DEFAULT_SHARE"),
    "path_suffix": default(TEXT, ""),
    "comment": default(TEXT, ""),
    "hostsallow": default(array(TEXT), []),
    "hostsdeny": default(array(TEXT), []),
    "timemachine_quota": default(INT, 0),
    "auxsmbconf": default(TEXT, ""),
    "audit": _AUDIT,
    **{name: default(BOOL, True) for name in _SMB_FLAGS_ON},
    **{name: default(BOOL, False) for name in _SMB_FLAGS_OFF},
}
_SMB_CREATE = closed({"path": NAME, "name": NAME}, _SMB_OPTIONAL)
_SMB_ROW = closed(
    {"id": INT, "path": NAME, "name": NAME, "locked": nullable(BOOL), "path_local": TEXT, "vuid": TEXT}, _SMB_OPTIONAL
)
_TEST = closed(
    {
        "num": INT,
        "description": TEXT,
        "status": TEXT,
        "status_verbose": TEXT,
        "segment_number": nullable(INT),
        "remaining": INT,
        "lifetime": INT,
        "lba_of_first_error": nullable(TEXT),
    }
)
_INSTALL = closed(
    {},
    {"dataset_name": maybe(TEXT), "resume": default(BOOL, False), "train": maybe(TEXT), "reboot": default(BOOL, False)},
)


@cache
def own() -> tuple[Fact, ...]:
    """Methods that existed only then, or had other models."""
    smb_update = updatable(_SMB_CREATE["properties"])
    return (
        *(
            f
            for f in crud(
                "sharing.smb",
                "sharingsmb",
                _SMB_ROW,
                _SMB_CREATE,
                read="SHARING_SMB_READ",
                write="SHARING_SMB_WRITE",
                update=smb_update,
            )
        ),
        fact(
            "smb.status",
            [
                (
                    "info_level",
                    default(one_of("ALL", "SESSIONS", "SHARES", "LOCKS", "BYTERANGE", "NOTIFICATIONS"), "ALL"),
                ),
                *filters(),
                ("status_options", default(FREE, {})),
            ],
            either(array(FREE), FREE, INT),
            roles=("SHARING_SMB_READ",),
        ),
        fact(
            "service.update",
            [("id_or_name", TEXT), ("service_update", closed({}, {"enable": default(BOOL, False)}))],
            INT,
            roles=("SERVICE_WRITE",),
        ),
        fact("interface.default_route_will_be_removed", (), BOOL, roles=("NETWORK_INTERFACE_READ",)),
        fact("interface.save_default_route", [("gateway", TEXT)], NULL, roles=("NETWORK_INTERFACE_WRITE",)),
        fact(
            "update.check_available",
            [("update_check_available", default(closed({}, {"train": maybe(TEXT)}), {}))],
            FREE,
            roles=("SYSTEM_UPDATE_READ",),
        ),
        fact("update.get_trains", (), FREE, roles=("SYSTEM_UPDATE_READ",)),
        fact("update.set_train", [("train", TEXT)], BOOL, roles=("SYSTEM_UPDATE_WRITE",)),
        fact("update.get_pending", [("path", maybe(TEXT))], array(FREE), roles=("SYSTEM_UPDATE_READ",)),
        fact("update.set_auto_download", [("autocheck", BOOL)], NULL, roles=("SYSTEM_UPDATE_WRITE",)),
        fact("update.download", (), BOOL, roles=("SYSTEM_UPDATE_WRITE",), job=JobFacts()),
        fact(
            "update.update",
            [("update", default(_INSTALL, {}))],
            ANY,
            roles=("SYSTEM_UPDATE_WRITE",),
            job=JobFacts(lock="update"),
        ),
        fact(
            "disk.temperature",
            [("name", TEXT), ("options", default(FREE, {}))],
            nullable(INT),
            roles=("REPORTING_READ",),
        ),
        fact("disk.smart_attributes", [("name", TEXT)], array(FREE), roles=("DISK_READ",)),
        fact(
            "smart.test.results",
            filters(),
            query_answer(closed({"disk": TEXT, "tests": array(_TEST), "current_test": nullable(FREE)})),
            roles=("DISK_READ",),
        ),
        fact(
            "smart.config",
            (),
            closed(
                {
                    "id": INT,
                    "interval": INT,
                    "powermode": TEXT,
                    "difference": INT,
                    "informational": INT,
                    "critical": INT,
                }
            ),
            roles=("DISK_READ",),
        ),
        fact("sharing.smb.presets", (), mapping(FREE), roles=("SHARING_SMB_READ",)),
    )
