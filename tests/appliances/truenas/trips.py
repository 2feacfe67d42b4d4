"""Round trips of everything that a tool of the room can make: create, list, change, delete."""

from __future__ import annotations

from dataclasses import dataclass

from tests.appliances.truenas.case import Call
from tests.appliances.truenas.table import EXTENT, TAKEN, TARGET, VOLUME
from tests.appliances.truenas.table_storage import SMALL

MAKES = ("create_", "clone_", "add_", "install_", "map_", "attach_")
"""Verbs of tools that make something."""


@dataclass(frozen=True)
class Trip:
    """The calls of a round trip.

    Attributes:
        create: Makes the object.
        shown: The list that must show it in between, its arguments, and what of it.
        update: Changes it; empty where there is no such tool.
        delete: Takes it away.
        before: What must be there before; part of the state that is compared.
        first: What goes before the deletion; a release may have nothing to do for it.
        stays: Where in the simulator's state something rightly stays, by its end.
    """

    create: Call
    shown: tuple[str, dict[str, object], str]
    update: tuple[Call, ...]
    delete: Call
    before: tuple[Call, ...] = ()
    first: tuple[Call, ...] = ()
    stays: tuple[str, ...] = ()


def _list(name: str, text: str, **arguments: object) -> tuple[str, dict[str, object], str]:
    return name, {"limit": 200, **arguments}, text


REPLICATION = {
    "name": "trip",
    "source_datasets": ["tank/home"],
    "target_dataset": "tank/copy",
    "naming_schemas": ["auto-%Y-%m-%d_%H-%M"],
    "schedule": "0 5 * * *",
}
CLOUD = {"description": "trip", "path": "/mnt/tank/home", "account": 1, "bucket": "rack-archive"}
RSYNC = {"description": "trip", "path": "/mnt/tank/home", "user": "root", "host": "a@b.example"}
SNAPSHOT = {"snapshot": "tank/vms@trip"}
VM: Call = ("create_vm", {"name": "trip_1", "memory_mib": 1024, "cores": 2})
COMPOSE = {"services": {"web": {"image": "nginx:1", "ports": ["31299:80"]}}}
ISCSI = "delete_iscsi_object"

TRIPS = (
    Trip(
        ("create_dataset", {"dataset": "tank/trip"}),
        _list("list_datasets", "tank/trip"),
        (("update_dataset", {"dataset": "tank/trip", "compression": "ZSTD", "comments": "x"}),),
        ("delete_dataset", {"dataset": "tank/trip"}),
    ),
    Trip(
        ("create_snapshot", {"dataset": "tank/vms", "name": "trip"}),
        _list("list_snapshots", "tank/vms@trip"),
        (("hold_snapshot", SNAPSHOT), ("release_snapshot", SNAPSHOT)),
        ("delete_snapshot", SNAPSHOT),
    ),
    Trip(
        ("clone_snapshot", {"snapshot": "tank/vms@s1", "dataset": "tank/trip"}),
        _list("list_datasets", "tank/trip"),
        (("update_dataset", {"dataset": "tank/trip", "comments": "x"}),),
        ("delete_dataset", {"dataset": "tank/trip"}),
        before=(TAKEN,),
    ),
    Trip(
        ("create_snapshot_task", {"dataset": "tank/home", "schedule": "0 * * * *"}),
        _list("list_protection_tasks", "0 * * * *"),
        (("update_snapshot_task", {"task": "2", "keep": 5}),),
        ("delete_snapshot_task", {"task": "2"}),
    ),
    Trip(
        ("create_replication", REPLICATION),
        _list("list_protection_tasks", "trip"),
        (("update_replication", {"task": "trip", "enabled": False, "readonly": "IGNORE"}),),
        ("delete_replication", {"task": "trip"}),
    ),
    Trip(
        ("create_cloud_sync", CLOUD),
        _list("list_protection_tasks", "trip"),
        (("update_cloud_sync", {"task": "trip", "transfer_mode": "SYNC", "exclude": ["*.tmp"]}),),
        ("delete_cloud_sync", {"task": "trip"}),
    ),
    Trip(
        ("create_rsync", RSYNC),
        _list("list_protection_tasks", "trip"),
        (("update_rsync", {"task": "trip", "direction": "PULL", "archive": True}),),
        ("delete_rsync", {"task": "trip"}),
    ),
    Trip(
        ("create_smb_share", {"name": "trip", "path": "/mnt/tank/home"}),
        _list("list_shares", "trip"),
        (("update_smb_share", {"share": "trip", "comment": "c", "readonly": True}),),
        ("delete_smb_share", {"share": "trip"}),
    ),
    Trip(
        ("create_nfs_export", {"path": "/mnt/tank/home", "networks": ["10.9.0.0/16"]}),
        _list("list_shares", "10.9.0.0/16"),
        (("update_nfs_export", {"export": "/mnt/tank/home", "comment": "c"}),),
        ("delete_nfs_export", {"export": "/mnt/tank/home"}),
    ),
    Trip(
        ("create_iscsi_portal", {"comment": "trip", "listen": ["10.20.0.14"]}),
        _list("list_iscsi", "trip"),
        (("update_iscsi_portal", {"ref": "trip", "listen": ["::"]}),),
        (ISCSI, {"kind": "portal", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_initiators", {"comment": "trip", "initiators": ["iqn.2026-01.example:a"]}),
        _list("list_iscsi", "iqn.2026-01.example:a"),
        (("update_iscsi_initiators", {"ref": "trip", "initiators": ["iqn.2026-01.example:b"]}),),
        (ISCSI, {"kind": "initiator", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_auth", {"tag": 3, "user": "trip", "secret": "thirteen-char"}),
        _list("list_iscsi", "trip"),
        (("update_iscsi_auth", {"ref": "trip", "secret": "another-13-ch"}),),
        (ISCSI, {"kind": "auth", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_target", {"name": "trip", "portal": 1}),
        _list("list_iscsi", "trip"),
        (("update_iscsi_target", {"ref": "trip", "initiator": 1, "alias": "t"}),),
        (ISCSI, {"kind": "target", "ref": "trip"}),
    ),
    Trip(
        ("create_iscsi_extent", {"name": "trip", "volume": "tank/z1"}),
        _list("list_iscsi", "trip"),
        (("update_iscsi_extent", {"extent": "trip", "comment": "c"}),),
        (ISCSI, {"kind": "extent", "ref": "trip"}),
        before=(VOLUME,),
    ),
    Trip(
        ("map_iscsi_extent", {"iscsi_target": "t2", "extent": "e2"}),
        _list("list_iscsi", "e2"),
        (),
        (ISCSI, {"kind": "lun", "ref": "2"}),
        before=(VOLUME, EXTENT, TARGET),
    ),
    Trip(
        ("add_vdev", {"pool": "tank", "group": "cache", "layout": "STRIPE", "disks": ["$spare"]}),
        ("get_pool", {"pool": "tank"}, "sdh"),
        (),
        ("remove_vdev", {"pool": "tank", "vdev": "sdh"}),
    ),
    Trip(
        ("attach_disk", {"pool": "small", "vdev": "sdg", "disk": "$spare"}),
        ("get_pool", {"pool": "small"}, "sdh"),
        (),
        ("detach_disk", {"pool": "small", "member": "sdh"}),
        before=(SMALL,),
        stays=("scan",),  # the pool remembers its last resilver
    ),
    Trip(
        ("install_app", {"app": "trip", "compose": COMPOSE}),
        _list("list_apps", "trip"),
        (("stop_app", {"app": "trip"}), ("start_app", {"app": "trip"})),
        ("delete_app", {"app": "trip", "delete_volumes": True}),
    ),
    Trip(
        VM,
        _list("list_guests", "trip_1"),
        (("update_guest", {"guest": "trip_1", "memory_mib": 2048, "autostart": True}),),
        ("delete_guest", {"guest": "trip_1"}),
    ),
    Trip(
        ("add_vm_device", {"guest": "trip_1", "nic": "eno2"}),
        ("get_guest", {"guest": "trip_1"}, "eno2"),
        (),
        ("remove_vm_device", {"guest": "trip_1", "device": 3}),
        before=(VM,),
    ),
    Trip(
        ("create_container", {"name": "trip-1", "image": "$image"}),
        _list("list_guests", "trip-1"),
        (("update_guest", {"guest": "trip-1", "autostart": True}),),
        ("delete_guest", {"guest": "trip-1"}),
        first=(("stop_guest", {"guest": "trip-1"}),),
    ),
    Trip(
        ("create_user", {"username": "trip", "full_name": "T", "password": "long-enough-1"}),
        _list("list_users", "trip"),
        (("update_user", {"user": "trip", "full_name": "Trip"}),),
        ("delete_user", {"user": "trip", "with_group": True}),
    ),
    Trip(
        ("create_group", {"name": "trip"}),
        _list("list_groups", "trip"),
        (
            ("set_group_members", {"group": "trip", "users": ["alice"]}),
            ("update_group", {"group": "trip", "name": "t"}),
        ),
        ("delete_group", {"group": "t"}),
    ),
    Trip(
        ("create_privilege", {"name": "trip", "groups": ["family"], "roles": ["READONLY_ADMIN"]}),
        _list("list_privileges", "trip"),
        (("update_privilege", {"privilege": "trip", "roles": ["SHARING_SMB_READ"]}),),
        ("delete_privilege", {"privilege": "trip"}),
    ),
    Trip(
        ("create_api_key", {"name": "trip", "username": "truenas_admin"}),
        _list("list_api_keys", "trip"),
        (("update_api_key", {"ref": "trip", "name": "trip2"}),),
        ("delete_api_key", {"ref": "trip2"}),
    ),
    Trip(
        ("create_interface", {"name": "vlan30", "kind": "VLAN", "parent": "eno2", "tag": 30}),
        ("list_interfaces", {}, "vlan30"),
        (("update_interface", {"interface": "vlan30", "addresses": ["10.31.0.2/24"]}),),
        ("delete_interface", {"interface": "vlan30"}),
    ),
    Trip(
        ("create_static_route", {"destination": "10.50.0.0/16", "gateway": "10.20.0.9"}),
        _list("list_static_routes", "10.50.0.0/16"),
        (("update_static_route", {"route": "10.50.0.0/16", "gateway": "10.20.0.8"}),),
        ("delete_static_route", {"route": "10.50.0.0/16"}),
    ),
    Trip(
        ("create_ntp_server", {"address": "ntp.example", "force": True}),
        ("list_ntp_servers", {}, "ntp.example"),
        (("update_ntp_server", {"server": "ntp.example", "prefer": True, "force": True}),),
        ("delete_ntp_server", {"server": "ntp.example"}),
    ),
    Trip(
        ("clone_boot_env", {"name": "$old", "clone": "trip"}),
        _list("list_boot_envs", "trip"),
        (("keep_boot_env", {"name": "trip"}),),
        ("delete_boot_env", {"name": "trip"}),
    ),
)
