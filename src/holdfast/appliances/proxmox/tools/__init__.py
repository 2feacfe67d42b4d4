"""Toolsets of Proxmox VE."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

_HERE: Final = "holdfast.appliances.proxmox.tools"

TOOLSETS: Final = (
    Toolset("core", f"{_HERE}.core", "Cluster state, inventory, wait for a task.", default=True),
    Toolset("guests", f"{_HERE}.guests", "State of VMs and containers; start, shut down, stop.", default=True),
    Toolset("power", f"{_HERE}.power", "Reboot, reset, suspend, resume."),
    Toolset("provision", f"{_HERE}.provision", "Create, clone, template, delete."),
    Toolset("migration", f"{_HERE}.migration", "Move guests between nodes, with a check before."),
    Toolset("config", f"{_HERE}.config", "Configuration, disks, cloud-init and metrics of guests."),
    Toolset("snapshots", f"{_HERE}.snapshots", "Snapshots of guests."),
    Toolset("agent", f"{_HERE}.agent", "What the guest agent tells."),
    Toolset("command", f"{_HERE}.command", "Run programs in VMs through the guest agent."),
    Toolset("backup", f"{_HERE}.backup", "Backups, backup jobs, restore, prune."),
    Toolset("storage", f"{_HERE}.storage", "Storages and their content."),
    Toolset("storage_config", f"{_HERE}.storage_config", "Definitions of storages."),
    Toolset("firewall", f"{_HERE}.firewall", "Firewall rules and options."),
    Toolset("firewall_objects", f"{_HERE}.firewall_objects", "Aliases, ipsets and security groups."),
    Toolset("access", f"{_HERE}.access", "Users, API tokens, roles, grants, effective permissions."),
    Toolset("groups", f"{_HERE}.groups", "Groups of users."),
    Toolset("pools", f"{_HERE}.pools", "Resource pools and their members."),
    Toolset("cluster", f"{_HERE}.cluster", "Quorum, options and log of the cluster."),
    Toolset("ha", f"{_HERE}.ha", "High availability and replication."),
    Toolset("nodes", f"{_HERE}.nodes", "State, services, updates, disks and power of nodes."),
    Toolset("network", f"{_HERE}.network", "Network interfaces of nodes: stage, apply, drop."),
    Toolset("ceph", f"{_HERE}.ceph", "Ceph, for reading."),
    Toolset("sdn", f"{_HERE}.sdn", "Software-defined networks, for reading."),
    Toolset("tasks", f"{_HERE}.tasks", "List tasks, their logs, stop a task."),
    Toolset("raw", f"{_HERE}.raw", "Any readable path of the API."),
)
