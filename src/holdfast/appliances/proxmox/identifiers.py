"""Grammars of what Proxmox VE names: nodes, guests, storages, volumes, tasks, users (contract 4)."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import Field

from holdfast.control.grammar import Grammar

_NODE: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_STORAGE: Final = r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]"
_PVE_USER: Final = r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*@[A-Za-z][A-Za-z0-9_.-]+"
_PVE_NAME: Final = r"[A-Za-z][A-Za-z0-9_.-]+"
_VOLUME_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9_.:+@=,~-]*"

NodeName: TypeAlias = Annotated[str, Grammar("node", _NODE, 63, "Proxmox node name", ("pve1", "pve-rack-2"))]
Vmid: TypeAlias = Annotated[int, Field(strict=True, ge=100, le=999_999_999, description="VM or container id")]
StorageId: TypeAlias = Annotated[
    str, Grammar("storage", _STORAGE, 100, "Proxmox storage id", ("local-lvm", "nas-vms", "pbs.main"))
]
VolumeId: TypeAlias = Annotated[
    str,
    Grammar(
        "volume id",
        rf"{_STORAGE}:{_VOLUME_PART}(?:/{_VOLUME_PART})*",
        255,
        "volume id STORAGE:volume (no blanks)",
        (
            "local:iso/debian-12.7.0-amd64-netinst.iso",
            "local-lvm:vm-101-disk-0",
            "nas-vms:101/vm-101-disk-0.qcow2",
            "local:backup/vzdump-qemu-101-2026_11_20-02_00_00.vma.zst",
            "pbs:backup/vm/101/2026-11-20T02:00:00Z",
        ),
    ),
]
SnapshotName: TypeAlias = Annotated[
    str,
    Grammar(
        "snapshot name",
        r"[A-Za-z][A-Za-z0-9_-]+",
        40,
        "snapshot name: letter, then letters, digits, _ or -; not current or pending",
        ("before-upgrade", "s1"),
        lambda text: text.lower() not in ("current", "pending"),
    ),
]
Upid: TypeAlias = Annotated[
    str,
    Grammar(
        "UPID",
        rf"UPID:{_NODE}:[0-9A-Fa-f]{{8}}:[0-9A-Fa-f]{{8,9}}:[0-9A-Fa-f]{{8}}:[A-Za-z0-9_-]+:[A-Za-z0-9_.@!+=~,-]*"
        r":[A-Za-z0-9_][A-Za-z0-9_.+@!-]*:",
        256,
        "Proxmox task id (UPID:…:)",
        (
            "UPID:pve1:0003FA2B:01A2B3C4:67A1B2C3:qmstart:101:root@pam:",
            "UPID:pve1:0003FA2B:101A2B3C4:67A1B2C3:srvreload:networking:ops@pve!holdfast:",
            "UPID:pve-2:0003FA2B:01A2B3C4:67A1B2C3:vzdump::root@pam:",
        ),
    ),
]
PveUserId: TypeAlias = Annotated[
    str, Grammar("user id", _PVE_USER, 64, "Proxmox user id user@realm", ("root@pam", "joe@corp.example@ad"))
]
PveTokenId: TypeAlias = Annotated[
    str,
    Grammar("token id", rf"{_PVE_USER}!{_PVE_NAME}", 128, "Proxmox token id user@realm!name", ("ops@pve!holdfast",)),
]
PveName: TypeAlias = Annotated[
    str, Grammar("name", _PVE_NAME, 64, "name: letter, then letters, digits, _ . -", ("pve", "PVEAuditor", "holdfast"))
]
PoolId: TypeAlias = Annotated[
    str,
    Grammar(
        "pool",
        r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,2}",
        120,
        "Proxmox pool id",
        ("prod/web",),
    ),
]
NetInterface: TypeAlias = Annotated[
    str,
    Grammar(
        "interface",
        r"[A-Za-z][A-Za-z0-9_]{1,19}(?:[.:][0-9]{1,4})?",
        24,
        "network interface name",
        ("vmbr0", "eno1", "bond0.10", "enp3s0f0np0"),
    ),
]
Bridge: TypeAlias = Annotated[
    str, Grammar("bridge", r"[A-Za-z][A-Za-z0-9_.-]{1,31}", 32, "bridge or VNet name", ("vmbr0", "vmbr0.100", "vnet_a"))
]
DiskKey: TypeAlias = Annotated[
    str,
    Grammar(
        "disk key",
        r"(?:(?:ide|sata|scsi|virtio|unused|mp|efidisk|tpmstate)[0-9]{1,3}|rootfs)",
        16,
        "disk key of a guest: scsi0, rootfs, mp0",
        ("scsi0", "rootfs", "mp12", "efidisk0"),
    ),
]
HaSid: TypeAlias = Annotated[
    str, Grammar("HA resource", r"(?:vm|ct):[1-9][0-9]{2,8}", 12, "HA resource as vm:100 or ct:100", ("vm:101",))
]
ReplicationJobId: TypeAlias = Annotated[
    str, Grammar("replication job", r"[1-9][0-9]{2,8}-[0-9]{1,9}", 19, "replication job VMID-N", ("101-0",))
]
GuestTag: TypeAlias = Annotated[
    str, Grammar("tag", r"[A-Za-z0-9_][A-Za-z0-9_+.-]*", 128, "guest tag", ("prod", "team-a"))
]
