"""Create, list, update, delete: afterwards the cluster is configured as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.appliances.proxmox.harness import client_of, configuration, prepare, pve_room
from tests.appliances.proxmox.table import (
    ACCOUNTS,
    ALIAS,
    BRIDGE,
    ENTRY,
    GRANT,
    GROUP,
    HA,
    IPSET,
    ISO,
    JOB,
    MEMBERS,
    POOL,
    REPLICATION,
    ROLE,
    RULE,
    SNAP,
    STORE,
    TEMPLATE,
    TOKEN,
    USER,
    Call,
    Case,
)


@dataclass(frozen=True)
class Trip:
    """One object's life.

    Attributes:
        create, update, delete: Calls; several updates are made in turn.
        shows: A list or a read, and a text in its answer while the object exists.
        changed: A text in that answer after the updates.
        first: What the world needs before; its undoing is not part of the trip.
        zfs: Whether the world needs a guest on ZFS.
    """

    create: Call
    shows: tuple[Call, str]
    delete: Call
    update: tuple[Call, ...] = ()
    changed: str | None = None
    first: tuple[Call, ...] = ()
    zfs: bool = False

    @property
    def name(self) -> str:
        """The tool that creates, which names the trip."""
        return self.create[0].removeprefix("proxmox_")


VM = {"node": "pve1", "name": "fresh", "storage": "nas-vms", "disk_gib": 8, "vmid": 200}
CONTAINER = {"node": "pve1", "name": "box", "template": TEMPLATE, "storage": "local-lvm", "disk_gib": 4, "vmid": 201}
IN_GROUP = {"type": "in", "action": "ACCEPT", "group": "web-in"}
GUESTS: Call = ("proxmox_list_resources", {"type": "vm"})
SNAPSHOTS: Call = ("proxmox_list_snapshots", {"guest": "build"})
NETWORKS: Call = ("proxmox_list_networks", {"node": "pve2"})
OBJECTS: Call = ("proxmox_list_firewall_objects", {})


def rules_of(scope: dict[str, Any]) -> Trip:
    """A rule in one of the firewall's scopes."""
    return Trip(
        (RULE[0], {**RULE[1], **scope}),
        (("proxmox_list_firewall_rules", scope), "ssh"),
        ("proxmox_delete_firewall_rule", {"position": 0, **scope}),
        (("proxmox_update_firewall_rule", {"position": 0, "comment": "shell", **scope}),),
        "shell",
    )


TRIPS = (
    Trip(USER, (("proxmox_list_users", {}), "joe@pve"), ("proxmox_delete_user", {"user": "joe@pve"}),
         (("proxmox_update_user", {"user": "joe@pve", "comment": "left", "enabled": False}),), "left"),
    Trip(ROLE, (("proxmox_list_roles", {"limit": 200}), "Watcher"), ("proxmox_delete_role", {"role": "Watcher"}),
         (("proxmox_update_role", {"role": "Watcher", "privileges": ["Pool.Audit"]}),)),
    Trip(TOKEN, (("proxmox_list_tokens", {"user": "joe@pve"}), "joe@pve!ci"), ("proxmox_delete_token", TOKEN[1]),
         first=(USER,)),
    Trip(GRANT, (("proxmox_list_grants", {}), "joe@pve"), ("proxmox_revoke", GRANT[1]),
         (("proxmox_grant", {**GRANT[1], "propagate": False}),), first=(USER,)),
    Trip(STORE, (("proxmox_list_storages", {}), "iso2"), ("proxmox_delete_storage", {"storage": "iso2"}),
         (("proxmox_update_storage", {"storage": "iso2", "content": ["iso", "snippets"]}),), "snippets"),
    Trip(ACCOUNTS, (("proxmox_list_groups", {}), "night"), ("proxmox_delete_group", {"group": "night"}),
         (("proxmox_update_group", {"group": "night", "comment": "late"}),), "late"),
    Trip(POOL, (("proxmox_list_pools", {}), "prod"), ("proxmox_delete_pool", {"pool": "prod"}),
         (MEMBERS, ("proxmox_update_pool", {"pool": "prod", "comment": "shops"}),
          ("proxmox_remove_from_pool", MEMBERS[1])), "shops"),
    Trip(JOB, (("proxmox_list_backup_jobs", {}), "nightly"), ("proxmox_delete_backup_job", {"job": "nightly"}),
         (("proxmox_update_backup_job", {"job": "nightly", "schedule": "03:15", "unset": ["keep"]}),), "03:15"),
    rules_of({}),
    rules_of({"node": "pve2"}),
    rules_of({"guest": "web"}),
    Trip(ALIAS, (OBJECTS, "10.20.0.14"), ("proxmox_delete_firewall_alias", {"name": "nas"}),
         (("proxmox_update_firewall_alias", {"name": "nas", "cidr": "10.20.0.15"}),), "10.20.0.15"),
    Trip(IPSET, (OBJECTS, "mgmt"), ("proxmox_delete_ipset", {"name": "mgmt"}),
         (ENTRY, ("proxmox_remove_ipset_entry", ENTRY[1]))),
    Trip(GROUP, (OBJECTS, "web-in"), ("proxmox_delete_firewall_group", GROUP[1]),
         (("proxmox_create_firewall_rule", IN_GROUP),
          ("proxmox_delete_firewall_rule", {"position": 0, "group": "web-in"}))),
    Trip(HA, (("proxmox_list_ha_resources", {}), "vm:110"), ("proxmox_remove_ha_resource", {"sid": "vm:110"}),
         (("proxmox_update_ha_resource", {"sid": "vm:110", "comment": "watched"}),), "watched"),
    Trip(REPLICATION, (("proxmox_list_replication", {}), "130-0"), ("proxmox_delete_replication", {"job": "130-0"}),
         (("proxmox_update_replication", {"job": "130-0", "comment": "copy"}),), "copy", zfs=True),
    Trip(BRIDGE, (NETWORKS, "vmbr7"), ("proxmox_delete_network", {"node": "pve2", "iface": "vmbr7"}),
         (("proxmox_update_network", {"node": "pve2", "iface": "vmbr7", "comment": "lab"}),), "lab"),
    Trip(SNAP, (SNAPSHOTS, "first"), ("proxmox_delete_snapshot", {"guest": "build", "name": "first"}),
         (("proxmox_describe_snapshot", {"guest": "build", "name": "first", "description": "before"}),), "before"),
    Trip(("proxmox_create_vm", VM), (GUESTS, "fresh"), ("proxmox_delete_guest", {"guest": "200"}),
         (("proxmox_change_guest_config", {"guest": "200", "name": "fresher", "tags": ["lab"]}),
          ("proxmox_resize_disk", {"guest": "200", "disk": "scsi0", "size_gib": 12})), "fresher"),
    Trip(("proxmox_create_container", CONTAINER), (GUESTS, "box"), ("proxmox_delete_guest", {"guest": "201"}),
         (("proxmox_change_guest_config", {"guest": "201", "cores": 2}),)),
    Trip(("proxmox_clone_guest", {"guest": "build", "name": "copy", "vmid": 202}), (GUESTS, "copy"),
         ("proxmox_delete_guest", {"guest": "202"})),
    Trip(("proxmox_download_url", ISO), (("proxmox_list_content", {"storage": "local", "node": "pve2"}), "debian.iso"),
         ("proxmox_delete_volume", {"volume": "local:iso/debian.iso", "node": "pve2"})),
)  # fmt: skip


@pytest.mark.parametrize("trip", TRIPS, ids=lambda trip: trip.name)
async def test_what_is_created_listed_updated_and_deleted_leaves_nothing_behind(trip: Trip, tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        await prepare(pve, Case(trip.create[0], before=trip.first, zfs=trip.zfs))
        before = configuration(pve)
        (read, arguments), text = trip.shows

        async def seen() -> str:
            pve.clock.advance(30)
            (await client_of(pve)).inventory.forget()
            return str(await pve.call(read, **arguments))

        assert text not in await seen()
        for tool, given in (trip.create, *trip.update):
            answer = await pve.call(tool, **given)
            assert answer["outcome"] == "applied", answer
            if (tool, given) == trip.create:
                assert text in await seen()
                assert configuration(pve) != before
        assert (trip.changed or text) in await seen()
        answer = await pve.call(trip.delete[0], **trip.delete[1])
        assert answer["outcome"] == "applied"
        assert text not in await seen()
        assert configuration(pve) == before
