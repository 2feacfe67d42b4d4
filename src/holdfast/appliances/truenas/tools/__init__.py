"""Toolsets of TrueNAS."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

_HERE: Final = "holdfast.appliances.truenas.tools"

TOOLSETS: Final = (
    Toolset("core", f"{_HERE}.core", "System state, pools, alerts, jobs waited for.", default=True),
    Toolset("storage", f"{_HERE}.storage", "Datasets and snapshots as they are.", default=True),
    Toolset("serving", f"{_HERE}.serving", "Shares as they are.", default=True),
    Toolset("health", f"{_HERE}.health", "One verdict on the whole system with its evidence."),
    Toolset("services", f"{_HERE}.services", "Services started and stopped, alerts dismissed."),
    Toolset("jobs", f"{_HERE}.jobs", "Jobs listed and aborted, their logs."),
    Toolset("snapshots", f"{_HERE}.snapshots", "Snapshots taken, held, cloned, rolled back, deleted."),
    Toolset("datasets", f"{_HERE}.datasets", "Datasets created, changed, deleted, limited, locked."),
    Toolset("permissions", f"{_HERE}.permissions", "Owners, modes, ACLs of folders; quotas of users and groups."),
    Toolset("shares", f"{_HERE}.shares", "SMB shares and NFS exports created, changed, deleted."),
    Toolset("iscsi", f"{_HERE}.iscsi", "iSCSI portals, targets, extents, LUNs."),
    Toolset("iscsi_access", f"{_HERE}.iscsiaccess", "iSCSI portals, initiators, logins and targets changed."),
    Toolset("sessions", f"{_HERE}.sessions", "Live SMB, NFS and iSCSI sessions; settings of these services."),
    Toolset("protection", f"{_HERE}.protection", "Tasks that protect data listed and run; periodic snapshots."),
    Toolset("replication", f"{_HERE}.replication", "Replication tasks created, changed, deleted."),
    Toolset("transfers", f"{_HERE}.transfers", "Cloud sync and rsync tasks; credentials, without secrets."),
    Toolset("pools", f"{_HERE}.pools", "Disks, topology, scrub, replacement, expansion, wiping."),
    Toolset("vdevs", f"{_HERE}.vdevs", "Pools made larger: disks attached and detached, vdevs added and removed."),
    Toolset("disks", f"{_HERE}.disks", "Health of disks: errors, alerts, temperatures, self-tests."),
    Toolset("scrubs", f"{_HERE}.scrubs", "When pools are scrubbed; the window of resilvering."),
    Toolset("reporting", f"{_HERE}.reporting", "Graphs thinned for a reader; when a pool will be full."),
    Toolset("apps", f"{_HERE}.apps", "Apps listed, installed, upgraded, rolled back, started, stopped, deleted."),
    Toolset("appdetail", f"{_HERE}.appdetail", "Containers, logs, settings and images of apps."),
    Toolset("guests", f"{_HERE}.guests", "Virtual machines and containers: shown, started, stopped, paused."),
    Toolset("machines", f"{_HERE}.machines", "Virtual machines made, guests changed and deleted, devices of machines."),
    Toolset("containers", f"{_HERE}.containers", "Containers made from images."),
    Toolset("accounts", f"{_HERE}.accounts", "Users, groups, API keys."),
    Toolset("access", f"{_HERE}.access", "Privileges, roles, members of groups."),
    Toolset("keys", f"{_HERE}.keys", "API keys made, changed and renewed."),
    Toolset("network", f"{_HERE}.network", "Network interfaces, changed with a rollback timer."),
    Toolset("routes", f"{_HERE}.routes", "Static routes, host name, default gateway, name servers."),
    Toolset("system", f"{_HERE}.system", "Boot environments, updates, reboot, audit, time servers."),
    Toolset(
        "configuration", f"{_HERE}.configuration", "Configuration saved to a file; settings of system and services."
    ),
)
