"""Every tool of the room, called once: what goes before, its arguments, and the method by which it writes.

A further subject's tools stand in a table of their own, which this one joins.
"""

from __future__ import annotations

from tests.appliances.truenas import table_protection, table_sharing, table_storage
from tests.appliances.truenas.case import Call, Case

SNAP = {"snapshot": "tank/vms@s1"}
TAKEN: Call = ("create_snapshot", {"dataset": "tank/vms", "name": "s1"})
VOLUME: Call = ("create_dataset", {"dataset": "tank/z1", "volume_bytes": 2**30})
EXTENT: Call = ("create_iscsi_extent", {"name": "e2", "volume": "tank/z1"})
TARGET: Call = ("create_iscsi_target", {"name": "t2", "portal": 1})
SECRET: Call = ("!encrypted", {})
COMPOSE = {"services": {"web": {"image": "nginx:1", "ports": ["31234:80"]}}}
GONE = {"dataset": "tank/nowhere"}
NO_APP = {"app": "nowhere"}
NO_GUEST = {"guest": "nowhere"}

READS = (
    Case("system_info"),
    Case("list_pools"),
    Case("list_alerts"),
    Case(
        "wait_job",
        {"job": 1},
        before=(("stop_app", {"app": "syncthing"}),),
        missing={"job": 99},
    ),
    Case("connection_test"),
    Case("list_datasets"),
    Case("list_snapshots"),
    Case("list_shares"),
    Case("list_services"),
    Case("list_jobs"),
    Case("list_iscsi"),
    Case("list_protection_tasks"),
    Case("preview_retention", {"task": "1", "delete": True}, missing={"task": "77"}),
    Case("list_disks"),
    Case("get_pool", {"pool": "tank"}, missing={"pool": "nowhere"}),
    Case("list_apps"),
    Case("list_catalogue"),
    Case("app_upgrade_summary", {"app": "jellyfin"}, missing=NO_APP),
    Case("check_compose", {"compose": COMPOSE}),
    Case("list_guests"),
    Case("list_users"),
    Case("list_groups"),
    Case("list_api_keys"),
    Case("list_boot_envs"),
    Case("check_update"),
    Case("list_audit"),
    Case("list_ntp_servers"),
    Case("list_interfaces"),
    *table_sharing.READS,
    *table_protection.READS,
    *table_storage.READS,
)

WRITES = (
    Case("create_snapshot", dict(TAKEN[1]), "pool.snapshot.create", missing={**GONE, "name": "x"}),
    Case("delete_snapshot", SNAP, "pool.snapshot.delete", (TAKEN,), missing={"snapshot": "tank/vms@no"}),
    Case(
        "rollback_snapshot",
        SNAP,
        "pool.snapshot.rollback",
        (TAKEN,),
        lost="unknown",
        missing={"snapshot": "tank/vms@no"},
    ),
    Case("clone_snapshot", {**SNAP, "dataset": "tank/c1"}, "pool.snapshot.clone", (TAKEN,)),
    Case("hold_snapshot", SNAP, "pool.snapshot.hold", (TAKEN,), missing={"snapshot": "tank/vms@no"}),
    Case("release_snapshot", SNAP, "pool.snapshot.release", (TAKEN, ("hold_snapshot", SNAP))),
    Case(
        "promote_dataset",
        {"dataset": "tank/c1"},
        "pool.dataset.promote",
        (TAKEN, ("clone_snapshot", {**SNAP, "dataset": "tank/c1"})),
        missing=GONE,
    ),
    Case("create_dataset", {"dataset": "tank/new", "quota": 2**31}, "pool.dataset.create"),
    Case(
        "update_dataset",
        {"dataset": "tank/home", "compression": "ZSTD", "comments": "x", "quota": 2**40 * 9},
        "pool.dataset.update",
        missing={**GONE, "comments": "x"},
    ),
    Case(
        "delete_dataset",
        {"dataset": "tank/new"},
        "pool.dataset.delete",
        (("create_dataset", {"dataset": "tank/new"}),),
        missing=GONE,
    ),
    Case(
        "set_quota",
        {"dataset": "tank/home", "kind": "USER", "name": "bob", "quota": 10**9},
        "pool.dataset.set_quota",
        missing={**GONE, "kind": "USER", "name": "bob", "quota": 1},
    ),
    Case("lock_dataset", {"dataset": "tank/secret"}, "pool.dataset.lock", (SECRET,), missing=GONE),
    Case(
        "unlock_dataset",
        {"dataset": "tank/secret", "passphrase": "correct horse battery"},
        "pool.dataset.unlock",
        (SECRET, ("lock_dataset", {"dataset": "tank/secret"})),
        missing={**GONE, "passphrase": "correct horse battery"},
    ),
    Case(
        "control_service",
        {"service": "ftp", "action": "START"},
        "service.control",
        missing={"service": "x", "action": "STOP"},
    ),
    Case(
        "enable_service",
        {"service": "ftp", "enabled": True},
        "service.update",
        missing={"service": "x", "enabled": True},
    ),
    Case(
        "dismiss_alert", {"uuid": "$alert"}, "alert.dismiss", missing={"uuid": "64cc8593-0000-4b5b-a318-3acc7818d7ed"}
    ),
    Case("restore_alert", {"uuid": "$alert"}, "alert.restore", (("dismiss_alert", {"uuid": "$alert"}),)),
    Case("abort_job", {"job": 1}, "core.job_abort", (("!long-job", {}),), missing={"job": 99}),
    Case("create_smb_share", {"name": "media", "path": "/mnt/tank/backup"}, "sharing.smb.create"),
    Case(
        "update_smb_share",
        {"share": "home", "readonly": True},
        "sharing.smb.update",
        missing={"share": "no", "readonly": True},
    ),
    Case("delete_smb_share", {"share": "home"}, "sharing.smb.delete", missing={"share": "no"}, undo=False),
    Case("create_nfs_export", {"path": "/mnt/tank/home", "networks": ["10.0.0.0/8"]}, "sharing.nfs.create"),
    Case(
        "update_nfs_export",
        {"export": "1", "readonly": True},
        "sharing.nfs.update",
        missing={"export": "9", "readonly": True},
    ),
    Case("delete_nfs_export", {"export": "1"}, "sharing.nfs.delete", missing={"export": "9"}, undo=False),
    Case("create_iscsi_portal", {"comment": "p2", "listen": ["10.20.0.14"]}, "iscsi.portal.create"),
    Case("create_iscsi_target", dict(TARGET[1]), "iscsi.target.create", missing={"name": "t9", "portal": 9}),
    Case("create_iscsi_extent", dict(EXTENT[1]), "iscsi.extent.create", (VOLUME,)),
    Case(
        "update_iscsi_extent",
        {"extent": "vm-store", "comment": "c"},
        "iscsi.extent.update",
        missing={"extent": "no", "comment": "c"},
    ),
    Case(
        "map_iscsi_extent",
        {"iscsi_target": "t2", "extent": "e2"},
        "iscsi.targetextent.create",
        (VOLUME, EXTENT, TARGET),
        missing={"iscsi_target": "no", "extent": "no"},
    ),
    Case(
        "delete_iscsi_object",
        {"kind": "target", "ref": "t2"},
        "iscsi.target.delete",
        (TARGET,),
        missing={"kind": "lun", "ref": "99"},
    ),
    Case(
        "create_snapshot_task",
        {"dataset": "tank/home", "schedule": "0 * * * *", "keep": 24, "keep_unit": "HOUR"},
        "pool.snapshottask.create",
        missing={**GONE, "schedule": "0 * * * *"},
    ),
    Case(
        "update_snapshot_task",
        {"task": "1", "keep": 1, "schedule": "5 * * * *"},
        "pool.snapshottask.update",
        missing={"task": "9", "keep": 1},
    ),
    Case(
        "delete_snapshot_task",
        {"task": "2"},
        "pool.snapshottask.delete",
        (("create_snapshot_task", {"dataset": "tank/home", "schedule": "0 * * * *"}),),
        missing={"task": "9"},
        undo=False,
    ),
    Case("run_replication", {"task": "1"}, "replication.run", missing={"task": "9"}),
    Case("run_cloud_sync", {"task": "1", "test_only": True}, "cloudsync.sync", missing={"task": "9"}),
    Case("run_rsync", {"task": "1"}, "rsynctask.run", missing={"task": "9"}),
    Case("scrub_pool", {"pool": "tank"}, "pool.scrub.scrub", missing={"pool": "nowhere"}, undo=False),
    Case(
        "replace_disk",
        {"pool": "tank", "member": "sda", "disk": "$spare"},
        "pool.replace",
        (("!pool-degraded", {}),),
        outcome="started",
        missing={"pool": "tank", "member": "sdx", "disk": "{serial}x"},
    ),
    Case("offline_disk", {"pool": "tank", "member": "sda"}, "pool.offline", missing={"pool": "tank", "member": "sdz"}),
    Case(
        "online_disk",
        {"pool": "tank", "member": "sda"},
        "pool.online",
        (("offline_disk", {"pool": "tank", "member": "sda"}),),
    ),
    Case("expand_pool", {"pool": "tank"}, "pool.expand", missing={"pool": "nowhere"}),
    Case("wipe_disk", {"disk": "sdh", "serial": "$serial"}, "disk.wipe", missing={"disk": "sdz", "serial": "1"}),
    Case("start_app", {"app": "syncthing"}, "app.start", (("stop_app", {"app": "syncthing"}),), missing=NO_APP),
    Case("stop_app", {"app": "syncthing"}, "app.stop", missing=NO_APP),
    Case("redeploy_app", {"app": "syncthing"}, "app.redeploy", missing=NO_APP),
    Case("upgrade_app", {"app": "jellyfin"}, "app.upgrade", missing=NO_APP),
    Case(
        "rollback_app",
        {"app": "jellyfin", "version": "1.2.10"},
        "app.rollback",
        (("upgrade_app", {"app": "jellyfin"}),),
        missing={**NO_APP, "version": "1"},
    ),
    Case("install_app", {"app": "mine", "compose": COMPOSE}, "app.create"),
    Case("delete_app", {"app": "syncthing"}, "app.delete", missing=NO_APP),
    Case("start_guest", {"guest": "win-lab"}, "vm.start", missing=NO_GUEST),
    Case("stop_guest", {"guest": "router"}, "vm.stop", missing=NO_GUEST),
    Case("restart_guest", {"guest": "router"}, "vm.restart", missing=NO_GUEST),
    Case("create_user", {"username": "carol", "full_name": "Carol", "password": "long-enough-1"}, "user.create"),
    Case("update_user", {"user": "bob", "full_name": "Bob C"}, "user.update", missing={"user": "no", "full_name": "x"}),
    Case("delete_user", {"user": "bob"}, "user.delete", missing={"user": "no"}),
    Case("create_group", {"name": "crew"}, "group.create"),
    Case(
        "update_group",
        {"group": "crew", "name": "team"},
        "group.update",
        (("create_group", {"name": "crew"}),),
        missing={"group": "no", "name": "x"},
    ),
    Case(
        "delete_group",
        {"group": "crew"},
        "group.delete",
        (("create_group", {"name": "crew"}),),
        missing={"group": "no"},
        undo=False,
    ),
    Case("delete_api_key", {"key": "spare"}, "api_key.delete", (("!spare-key", {}),), missing={"key": "no"}),
    Case("activate_boot_env", {"name": "$old"}, "boot.environment.activate", missing={"name": "no"}),
    Case("keep_boot_env", {"name": "$old"}, "boot.environment.keep", missing={"name": "no"}),
    Case(
        "clone_boot_env",
        {"name": "$old", "clone": "safe"},
        "boot.environment.clone",
        missing={"name": "no", "clone": "x"},
    ),
    Case("delete_boot_env", {"name": "$old"}, "boot.environment.destroy", missing={"name": "no"}),
    Case("run_update", {}, "update.run"),
    Case("reboot", {"reason": "maintenance"}, "system.reboot"),
    Case("shutdown", {"reason": "maintenance"}, "system.shutdown"),
    Case("create_ntp_server", {"address": "ntp.example", "force": True}, "system.ntpserver.create"),
    Case(
        "delete_ntp_server",
        {"server": "0.debian.pool.ntp.org"},
        "system.ntpserver.delete",
        missing={"server": "no"},
        undo=False,
    ),
    Case(
        "update_interface",
        {"interface": "eno1", "addresses": ["10.20.0.14/24", "10.20.0.15/24"]},
        "interface.update",
        lost="not_applied",
        missing={"interface": "eno9", "mtu": 1500},
    ),
    *table_sharing.WRITES,
    *table_protection.WRITES,
    *table_storage.WRITES,
)
ALL = (*READS, *WRITES)
