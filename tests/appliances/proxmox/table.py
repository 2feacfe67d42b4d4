"""One working call of every tool of the room: what the generic tests drive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A call that works in the simulator's default world.

    Attributes:
        tool: Its name.
        arguments: That work.
        before: Calls that make the world fit first.
        missing: Arguments that name nothing there is; None where a call names nothing.
        invalid: Arguments that no grammar accepts.
        blind: Whether a lost answer cannot be settled by reading (what ran inside a guest, a node that goes down).
        ceph: Whether the world needs Ceph.
        sdn: Whether the world needs SDN objects.
        zfs: Whether the world needs a guest on ZFS (130), which can be replicated.
        exact: Whether undo brings back the very same configuration.
    """

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    before: tuple[Call, ...] = ()
    missing: dict[str, Any] | None = None
    invalid: dict[str, Any] = field(default_factory=lambda: {"no_such_argument": 1})
    blind: bool = False
    ceph: bool = False
    sdn: bool = False
    zfs: bool = False
    exact: bool = True


NOWHERE = {"guest": "nowhere"}
NO_NODE = {"node": "pve9"}
BAD_GUEST = {"guest": "../101"}
BAD_NODE = {"node": "pve1/../x"}
SNAP = ("proxmox_create_snapshot", {"guest": "build", "name": "first"})
JOB = (
    "proxmox_create_backup_job",
    {"job": "nightly", "schedule": "02:30", "storage": "nas-backup", "vmids": [101, 102], "keep": "keep-last=3"},
)
RULE = (
    "proxmox_create_firewall_rule",
    {"type": "in", "action": "ACCEPT", "protocol": "tcp", "dport": "22", "source": "10.20.0.0/24", "comment": "ssh"},
)
SECOND_RULE = ("proxmox_create_firewall_rule", {"type": "in", "action": "DROP", "protocol": "udp", "dport": "53"})
ALIAS = ("proxmox_create_firewall_alias", {"name": "nas", "cidr": "10.20.0.14", "comment": "storage"})
IPSET = ("proxmox_create_ipset", {"name": "mgmt"})
ENTRY = ("proxmox_add_ipset_entry", {"ipset": "mgmt", "cidr": "10.20.0.0/24"})
GROUP = ("proxmox_create_firewall_group", {"group": "web-in"})
USER = ("proxmox_create_user", {"user": "joe@pve", "email": "joe@rack.example", "comment": "operator"})
TOKEN = ("proxmox_create_token", {"user": "joe@pve", "name": "ci"})
ROLE = ("proxmox_create_role", {"role": "Watcher", "privileges": ["VM.Audit", "Sys.Audit"]})
GRANT = ("proxmox_grant", {"path": "/vms/101", "to": "joe@pve", "role": "PVEAuditor"})
STORE = (
    "proxmox_create_storage",
    {
        "storage": "iso2",
        "type": "dir",
        "path": "/srv/iso2",
        "content": ["iso"],
        "nodes": ["pve1"],
        "shared": True,
    },
)
ACCOUNTS = ("proxmox_create_group", {"group": "night", "comment": "watch"})
POOL = ("proxmox_create_pool", {"pool": "prod", "comment": "shop"})
MEMBERS = ("proxmox_add_to_pool", {"pool": "prod", "guests": ["build"], "storages": ["local"]})
HA = ("proxmox_add_ha_resource", {"sid": "vm:110", "state": "stopped"})
REPLICATION = ("proxmox_create_replication", {"job": "130-0", "to_node": "pve1", "schedule": "*/30"})
BRIDGE = ("proxmox_create_network", {"node": "pve2", "iface": "vmbr7", "type": "bridge", "autostart": True})
BACKUP = ("proxmox_run_backup", {"guest": "build", "storage": "nas-backup"})
ISO = {"storage": "local", "node": "pve2", "url": "https://mirror.example/debian.iso", "filename": "debian.iso"}
DOWNLOAD = ("proxmox_download_url", ISO)
TEMPLATE = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"
START = ("proxmox_start_guest", {"guest": "build"})

CASES: tuple[Case, ...] = (
    # core
    Case("proxmox_system_info"),
    Case("proxmox_list_resources", {"type": "vm"}, invalid={"type": "disk"}),
    Case("proxmox_list_tasks", {"node": "pve2"}, before=(START,), invalid=BAD_NODE),
    Case("proxmox_wait_task", {"upid": "@task"}, before=(START,), invalid={"upid": "x"}),
    # guests, power
    Case("proxmox_get_guest", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_start_guest", {"guest": "build"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_shutdown_guest", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_stop_guest", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_reboot_guest", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_reset_guest", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_suspend_guest", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case(
        "proxmox_resume_guest",
        {"guest": "web"},
        before=(("proxmox_suspend_guest", {"guest": "web"}),),
        missing=NOWHERE,
        invalid=BAD_GUEST,
    ),
    # provision, migration
    Case(
        "proxmox_create_vm",
        {"node": "pve1", "name": "fresh", "storage": "nas-vms", "disk_gib": 8, "vmid": 200},
        missing=NO_NODE,
        invalid={"disk_gib": 0},
    ),
    Case(
        "proxmox_create_container",
        {"node": "pve1", "name": "box", "template": TEMPLATE, "storage": "local-lvm", "disk_gib": 4, "vmid": 201},
        missing=NO_NODE,
        invalid={"template": "../x"},
    ),
    Case("proxmox_clone_guest", {"guest": "build", "name": "copy", "vmid": 202}, missing=NOWHERE, invalid={"vmid": 7}),
    Case("proxmox_make_template", {"guest": "build"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_delete_guest", {"guest": "build"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_check_migration", {"guest": "web", "to_node": "pve2"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_migrate_guest", {"guest": "web", "to_node": "pve2"}, missing=NOWHERE, invalid={"to_node": "a b"}),
    # config
    Case("proxmox_get_guest_config", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case(
        "proxmox_change_guest_config",
        {"guest": "build", "cores": 4, "memory_mib": 8192, "description": "builds", "tags": ["ci", "prod"]},
        missing=NOWHERE,
        invalid={"cores": 0},
    ),
    Case(
        "proxmox_revert_guest_config",
        {"guest": "web"},
        before=(("proxmox_change_guest_config", {"guest": "web", "cores": 4}),),
        missing=NOWHERE,
        invalid=BAD_GUEST,
    ),
    Case(
        "proxmox_resize_disk",
        {"guest": "web", "disk": "scsi0", "size_gib": 40},
        missing={"disk": "scsi7"},
        invalid={"disk": "x"},
    ),
    Case(
        "proxmox_move_disk",
        {"guest": "build", "disk": "scsi0", "storage": "local-lvm"},
        missing={"disk": "scsi7"},
        invalid={"disk": "x"},
        exact=False,
    ),
    Case("proxmox_get_cloudinit", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case(
        "proxmox_set_cloudinit",
        {"guest": "build", "user": "admin", "ssh_public_keys": ["ssh-ed25519 AAAA joe"], "ipconfig0": "ip=dhcp"},
        missing=NOWHERE,
        invalid={"ipconfig0": "ip=$(x)"},
    ),
    Case("proxmox_guest_metrics", {"guest": "web", "timeframe": "hour"}, missing=NOWHERE, invalid={"timeframe": "x"}),
    # snapshots
    Case("proxmox_list_snapshots", {"guest": "build"}, before=(SNAP,), missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_create_snapshot", {"guest": "build", "name": "one"}, missing=NOWHERE, invalid={"name": "current"}),
    Case(
        "proxmox_describe_snapshot",
        {"guest": "build", "name": "first", "description": "before the move"},
        before=(SNAP,),
        missing={"name": "other"},
        invalid={"name": "a/b"},
    ),
    Case(
        "proxmox_rollback_snapshot",
        {"guest": "build", "name": "first"},
        before=(SNAP,),
        missing={"name": "other"},
        invalid={"name": "a/b"},
    ),
    Case(
        "proxmox_delete_snapshot",
        {"guest": "build", "name": "first"},
        before=(SNAP,),
        missing={"name": "other"},
        invalid={"name": "a/b"},
    ),
    # agent, command
    Case("proxmox_agent_ping", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_guest_networks", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case("proxmox_guest_filesystems", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case(
        "proxmox_agent_exec",
        {"guest": "web", "command": ["uname", "-a"]},
        missing=NOWHERE,
        invalid={"command": []},
        blind=True,
    ),
    # backup
    Case("proxmox_list_backup_jobs", before=(JOB,)),
    Case("proxmox_list_unprotected_guests"),
    Case(
        "proxmox_list_backups",
        {"storage": "nas-backup"},
        before=(BACKUP,),
        missing={"storage": "none"},
        invalid={"storage": "/"},
    ),
    Case(
        "proxmox_run_backup",
        {"guest": "build", "storage": "nas-backup"},
        missing=NOWHERE,
        invalid={"mode": "copy"},
    ),
    Case(
        "proxmox_restore_backup",
        {"backup": "@backup", "node": "pve2", "vmid": 210},
        before=(BACKUP,),
        missing={"backup": "nas-backup:backup/vzdump-qemu-999-2026_01_01-00_00_00.vma.zst"},
        invalid={"vmid": 1},
    ),
    Case(
        "proxmox_preview_prune",
        {"storage": "nas-backup", "keep": "keep-last=1"},
        before=(BACKUP,),
        missing={"storage": "none"},
        invalid={"keep": "all"},
    ),
    Case(
        "proxmox_prune_backups",
        {"storage": "nas-backup", "keep": "keep-last=1"},
        before=(BACKUP, BACKUP),
        missing={"storage": "none"},
        invalid={"keep": "all"},
    ),
    Case("proxmox_create_backup_job", JOB[1], invalid={"schedule": ";"}),
    Case(
        "proxmox_update_backup_job",
        {"job": "nightly", "schedule": "03:15", "comment": "later", "unset": ["keep"]},
        before=(JOB,),
        missing={"job": "weekly"},
        invalid={"job": "a/b"},
    ),
    Case(
        "proxmox_delete_backup_job",
        {"job": "nightly"},
        before=(JOB,),
        missing={"job": "weekly"},
        invalid={"job": "a/b"},
    ),
    # storage
    Case("proxmox_list_storages"),
    Case("proxmox_get_storage", {"storage": "nas-vms"}, missing={"storage": "none"}, invalid={"storage": "/"}),
    Case(
        "proxmox_list_content",
        {"storage": "local", "node": "pve1"},
        missing={"storage": "none"},
        invalid={"storage": "/"},
    ),
    Case(
        "proxmox_query_url",
        {"node": "pve1", "url": "https://mirror.example/debian.iso"},
        invalid={"url": "file:///etc/passwd"},
    ),
    Case("proxmox_download_url", ISO, missing={"storage": "none"}, invalid={"url": "ftp://x/y"}),
    Case(
        "proxmox_upload_file",
        {"storage": "local", "node": "pve1", "file": "tiny.iso"},
        missing={"file": "none.iso"},
        invalid={"file": "../x"},
    ),
    Case(
        "proxmox_delete_volume",
        {"volume": "local:iso/debian.iso", "node": "pve2"},
        before=(DOWNLOAD,),
        missing={"volume": "local:iso/none.iso"},
        invalid={"volume": "local:../x"},
    ),
    Case("proxmox_create_storage", STORE[1], invalid={"path": "../x"}),
    Case(
        "proxmox_update_storage",
        {"storage": "iso2", "content": ["iso", "vztmpl"], "nodes": ["pve2"], "unset": ["shared"]},
        before=(STORE,),
        missing={"storage": "none"},
        invalid={"storage": "/"},
    ),
    Case(
        "proxmox_delete_storage",
        {"storage": "iso2"},
        before=(STORE,),
        missing={"storage": "none"},
        invalid={"storage": "/"},
    ),
    # firewall
    Case("proxmox_list_firewall_rules", before=(RULE,), invalid=BAD_GUEST),
    Case("proxmox_create_firewall_rule", RULE[1], missing=NOWHERE, invalid={"dport": "$(x)"}),
    Case(
        "proxmox_update_firewall_rule",
        {"position": 0, "comment": "shell", "dport": "2222"},
        before=(RULE,),
        missing={"position": 7},
        invalid={"position": -1},
    ),
    Case(
        "proxmox_delete_firewall_rule",
        {"position": 1},
        before=(RULE, SECOND_RULE),
        missing={"position": 7},
        invalid={"position": -1},
    ),
    Case("proxmox_get_firewall_options", {"guest": "web"}, missing=NOWHERE, invalid=BAD_GUEST),
    Case(
        "proxmox_set_firewall_options",
        {"guest": "web", "enabled": True, "policy_in": "DROP"},
        missing=NOWHERE,
        invalid={"policy_in": "x"},
    ),
    Case("proxmox_list_firewall_objects", before=(ALIAS, IPSET), missing=NOWHERE, invalid={"kind": "x"}),
    Case("proxmox_create_firewall_alias", ALIAS[1], missing=NOWHERE, invalid={"cidr": "10.0.0.0/40"}),
    Case(
        "proxmox_update_firewall_alias",
        {"name": "nas", "cidr": "10.20.0.15"},
        before=(ALIAS,),
        missing={"name": "none"},
        invalid={"name": "a b"},
    ),
    Case(
        "proxmox_delete_firewall_alias",
        {"name": "nas"},
        before=(ALIAS,),
        missing={"name": "none"},
        invalid={"name": "a b"},
    ),
    Case(
        "proxmox_list_ipset_entries",
        {"name": "mgmt"},
        before=(IPSET, ENTRY),
        missing={"name": "none"},
        invalid={"name": "a b"},
    ),
    Case("proxmox_create_ipset", IPSET[1], missing=NOWHERE, invalid={"name": "a b"}),
    Case("proxmox_delete_ipset", {"name": "mgmt"}, before=(IPSET,), missing={"name": "none"}, invalid={"name": "a b"}),
    Case("proxmox_add_ipset_entry", ENTRY[1], before=(IPSET,), missing={"ipset": "none"}, invalid={"cidr": "x"}),
    Case(
        "proxmox_remove_ipset_entry",
        ENTRY[1],
        before=(IPSET, ENTRY),
        missing={"cidr": "10.9.0.0/16"},
        invalid={"cidr": "x"},
    ),
    Case("proxmox_create_firewall_group", GROUP[1], invalid={"group": "a b"}),
    Case(
        "proxmox_delete_firewall_group", GROUP[1], before=(GROUP,), missing={"group": "none"}, invalid={"group": "a b"}
    ),
    # access
    Case("proxmox_permissions", invalid={"path": "vms"}),
    Case("proxmox_list_users"),
    Case("proxmox_list_tokens", {"user": "ops@pve"}, missing={"user": "nobody@pve"}, invalid={"user": "x"}),
    Case("proxmox_list_roles"),
    Case("proxmox_list_grants", invalid={"path": "../x"}),
    Case("proxmox_create_user", USER[1], invalid={"user": "joe"}),
    Case(
        "proxmox_update_user",
        {"user": "joe@pve", "enabled": False, "comment": "left"},
        before=(USER,),
        missing={"user": "nobody@pve"},
        invalid={"user": "x"},
    ),
    Case(
        "proxmox_delete_user",
        {"user": "joe@pve"},
        before=(USER,),
        missing={"user": "nobody@pve"},
        invalid={"user": "x"},
    ),
    Case("proxmox_create_token", TOKEN[1], before=(USER,), missing={"user": "nobody@pve"}, invalid={"name": "a b"}),
    Case("proxmox_delete_token", TOKEN[1], before=(USER, TOKEN), missing={"name": "none"}, invalid={"name": "a b"}),
    Case("proxmox_create_role", ROLE[1], invalid={"privileges": ["audit"]}),
    Case(
        "proxmox_update_role",
        {"role": "Watcher", "privileges": ["VM.Audit"]},
        before=(ROLE,),
        missing={"role": "none"},
        invalid={"role": "a b"},
    ),
    Case("proxmox_delete_role", {"role": "Watcher"}, before=(ROLE,), missing={"role": "none"}, invalid={"role": "a b"}),
    Case("proxmox_grant", GRANT[1], before=(USER,), invalid={"to": "joe"}),
    Case("proxmox_revoke", GRANT[1], before=(USER, GRANT), missing={"role": "PVEAdmin"}, invalid={"to": "joe"}),
    # groups, pools
    Case("proxmox_list_groups"),
    Case("proxmox_create_group", ACCOUNTS[1], invalid={"group": "a b"}),
    Case(
        "proxmox_update_group",
        {"group": "night", "comment": "late"},
        before=(ACCOUNTS,),
        missing={"group": "none"},
        invalid={"group": "a b"},
    ),
    Case(
        "proxmox_delete_group",
        {"group": "night"},
        before=(ACCOUNTS,),
        missing={"group": "none"},
        invalid={"group": "a b"},
    ),
    Case("proxmox_list_pools"),
    Case(
        "proxmox_get_pool",
        {"pool": "prod"},
        before=(POOL, MEMBERS),
        missing={"pool": "none"},
        invalid={"pool": "../x"},
    ),
    Case("proxmox_create_pool", POOL[1], invalid={"pool": "a b"}),
    Case(
        "proxmox_update_pool",
        {"pool": "prod", "comment": "shops"},
        before=(POOL,),
        missing={"pool": "none"},
        invalid={"pool": "a b"},
    ),
    Case("proxmox_delete_pool", {"pool": "prod"}, before=(POOL,), missing={"pool": "none"}, invalid={"pool": "a b"}),
    Case("proxmox_add_to_pool", MEMBERS[1], before=(POOL,), missing={"pool": "none"}, invalid={"guests": []}),
    Case(
        "proxmox_remove_from_pool",
        MEMBERS[1],
        before=(POOL, MEMBERS),
        missing={"guests": ["nowhere"]},
        invalid={"guests": ["../101"]},
    ),
    # cluster, ha
    Case("proxmox_cluster_status"),
    Case("proxmox_cluster_log"),
    Case("proxmox_get_cluster_options"),
    Case(
        "proxmox_set_cluster_options",
        {"keyboard": "de", "description": "the rack", "next_id": "lower=500,upper=900"},
        invalid={"keyboard": "x"},
    ),
    Case("proxmox_list_ha_resources", before=(HA,)),
    Case("proxmox_list_ha_rules"),
    Case("proxmox_add_ha_resource", HA[1], missing={"sid": "vm:999"}, invalid={"sid": "110"}),
    Case(
        "proxmox_update_ha_resource",
        {"sid": "vm:110", "max_restart": 2, "comment": "x"},
        before=(HA,),
        missing={"sid": "vm:101"},
        invalid={"sid": "110"},
    ),
    Case(
        "proxmox_remove_ha_resource", {"sid": "vm:110"}, before=(HA,), missing={"sid": "vm:101"}, invalid={"sid": "110"}
    ),
    Case("proxmox_list_replication", zfs=True, before=(REPLICATION,)),
    Case("proxmox_replication_state", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case(
        "proxmox_create_replication",
        REPLICATION[1],
        zfs=True,
        exact=False,
        missing={"to_node": "pve9"},
        invalid={"job": "x"},
    ),
    Case(
        "proxmox_update_replication",
        {"job": "130-0", "rate_mb_per_s": 50, "unset": ["schedule"]},
        zfs=True,
        before=(REPLICATION,),
        missing={"job": "130-7"},
        invalid={"job": "x"},
    ),
    Case(
        "proxmox_delete_replication",
        {"job": "130-0"},
        zfs=True,
        before=(REPLICATION,),
        missing={"job": "130-7"},
        invalid={"job": "x"},
    ),
    Case(
        "proxmox_run_replication",
        {"job": "130-0"},
        zfs=True,
        before=(REPLICATION,),
        missing={"job": "130-7"},
        invalid={"job": "x"},
        blind=True,
    ),
    # nodes, network
    Case("proxmox_list_nodes"),
    Case("proxmox_node_status", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_node_metrics", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_node_log", {"node": "pve2", "lines": 5}, missing=NO_NODE, invalid={"lines": 0}),
    Case("proxmox_list_services", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case(
        "proxmox_control_service",
        {"node": "pve2", "service": "cron", "action": "stop"},
        missing={"service": "httpd"},
        invalid={"action": "kill"},
    ),
    Case("proxmox_list_updates", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_refresh_updates", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_list_disks", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_disk_smart", {"node": "pve2", "disk": "@disk"}, missing=NO_NODE, invalid={"disk": "../sda"}),
    Case("proxmox_list_certificates", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_subscription", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case(
        "proxmox_node_power",
        {"node": "pve2", "command": "reboot"},
        missing=NO_NODE,
        invalid={"command": "halt"},
        blind=True,
    ),
    Case("proxmox_list_networks", {"node": "pve2"}, missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_create_network", BRIDGE[1], missing=NO_NODE, invalid={"iface": "a b"}),
    Case(
        "proxmox_update_network",
        {"node": "pve2", "iface": "vmbr0", "comment": "uplink", "mtu": 9000},
        missing={"iface": "vmbr9"},
        invalid={"mtu": 1},
    ),
    Case(
        "proxmox_delete_network",
        {"node": "pve2", "iface": "vmbr7"},
        before=(BRIDGE,),
        missing={"iface": "vmbr9"},
        invalid={"iface": "a b"},
    ),
    Case("proxmox_apply_network", {"node": "pve2"}, before=(BRIDGE,), missing=NO_NODE, invalid=BAD_NODE),
    Case("proxmox_revert_network", {"node": "pve2"}, before=(BRIDGE,), missing=NO_NODE, invalid=BAD_NODE),
    # ceph, sdn
    Case("proxmox_ceph_status", ceph=True),
    Case("proxmox_list_osds", {"node": "pve1"}, missing=NO_NODE, invalid=BAD_NODE, ceph=True),
    Case("proxmox_list_ceph_pools", {"node": "pve1"}, missing=NO_NODE, invalid=BAD_NODE, ceph=True),
    Case("proxmox_list_sdn", {"kind": "zones"}, invalid={"kind": "x"}, sdn=True),
    Case("proxmox_list_sdn_subnets", {"vnet": "lab"}, missing={"vnet": "none"}, invalid={"vnet": "a b"}, sdn=True),
    Case("proxmox_preview_sdn", {"node": "pve1"}, missing=NO_NODE, invalid=BAD_NODE, sdn=True),
    # tasks, raw
    Case("proxmox_task_log", {"upid": "@task"}, before=(START,), invalid={"upid": "x"}),
    Case("proxmox_stop_task", {"upid": "@running"}, invalid={"upid": "x"}),
    Case(
        "proxmox_raw_get",
        {"path": "/nodes/pve1/hardware/pci"},
        missing={"path": "/nodes/pve9/hosts"},
        invalid={"path": "/nodes/../x"},
    ),
)
