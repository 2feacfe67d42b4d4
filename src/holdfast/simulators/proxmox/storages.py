"""Storage definitions of the cluster and the volumes that lie on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.values import split_list

GIB: Final = 1024**3
FILE_TYPES: Final = frozenset({"dir", "nfs", "cifs", "btrfs", "cephfs", "glusterfs"})
SHARED_TYPES: Final = frozenset(
    {"nfs", "cifs", "cephfs", "glusterfs", "rbd", "iscsi", "iscsidirect", "pbs", "zfs", "esxi"}
)
DEFAULT_CONTENT: Final = {
    "dir": "images,rootdir,vztmpl,iso,backup,snippets",
    "nfs": "images,rootdir,vztmpl,iso,backup,snippets",
    "cifs": "images,rootdir,vztmpl,iso,backup,snippets",
    "btrfs": "images,rootdir",
    "cephfs": "vztmpl,iso,backup,snippets",
    "pbs": "backup",
    "esxi": "import",
    "iscsi": "images,none",
}
_TOTAL: Final = {"dir": 94 * GIB, "lvmthin": 760 * GIB, "lvm": 760 * GIB, "zfspool": 900 * GIB}
_OWN_USE: Final = {"dir": 11 * GIB}


@dataclass
class Storage:
    """One entry of the storage configuration."""

    name: str
    type: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def shared(self) -> bool:
        """Whether all nodes see the same volumes."""
        return self.type in SHARED_TYPES or self.options.get("shared") == "1"

    @property
    def enabled(self) -> bool:
        """Whether it is switched on."""
        return self.options.get("disable") != "1"

    @property
    def content(self) -> list[str]:
        """What it may hold."""
        return split_list(self.options.get("content") or DEFAULT_CONTENT.get(self.type, "images,rootdir"))

    def on_node(self, node: str) -> bool:
        """Whether this node may use it."""
        nodes = split_list(self.options.get("nodes"))
        return not nodes or node in nodes

    def total_bytes(self) -> int:
        """Capacity."""
        return _TOTAL.get(self.type, 8192 * GIB)

    def image_format(self) -> str:
        """The format new disks get unless another is asked for."""
        return "qcow2" if self.type in FILE_TYPES else "raw"


@dataclass(eq=False)
class Volume:
    """A disk image, ISO, template, backup or snippet."""

    storage: str
    name: str
    content: str
    format: str
    size: int
    ctime: int
    node: str | None = None
    vmid: int | None = None
    used: int | None = None
    notes: str | None = None
    protected: bool = False
    parent: str | None = None
    payload: str = ""

    @property
    def volid(self) -> str:
        """The name clients use."""
        return f"{self.storage}:{self.name}"

    @property
    def occupied(self) -> int:
        """Bytes really taken."""
        return self.size if self.used is None else self.used


class Volumes:
    """All volumes; those of a storage that is not shared belong to one node."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str | None], dict[str, Volume]] = {}
        self._occupied: dict[tuple[str, str | None], int] = {}
        self._owned: dict[int, list[Volume]] = {}

    @staticmethod
    def _place(storage: Storage, node: str) -> tuple[str, str | None]:
        return storage.name, None if storage.shared else node

    def listed(self, storage: Storage, node: str) -> list[Volume]:
        """Volumes a node sees on a storage."""
        return list(self._of.get(self._place(storage, node), {}).values())

    def find(self, storage: Storage, node: str, volid: str) -> Volume | None:
        """One volume, as a node sees it."""
        return self._of.get(self._place(storage, node), {}).get(volid)

    def add(self, volume: Volume) -> Volume:
        """Put a volume in its place."""
        place = (volume.storage, volume.node)
        self._of.setdefault(place, {})[volume.volid] = volume
        if volume.vmid is not None:
            self._owned.setdefault(volume.vmid, []).append(volume)
        self._occupied[place] = self._occupied.get(place, 0) + volume.occupied
        return volume

    def remove(self, volume: Volume) -> None:
        """Destroy a volume."""
        place = (volume.storage, volume.node)
        if self._of.get(place, {}).pop(volume.volid, None) is not None:
            self._occupied[place] -= volume.occupied
            if volume.vmid is not None:
                self._owned[volume.vmid].remove(volume)

    def resized(self, volume: Volume, size: int) -> None:
        """Note a new size."""
        self.remove(volume)
        volume.size = size
        self.add(volume)

    def of_guest(self, vmid: int) -> list[Volume]:
        """Volumes that carry a guest's number, on all nodes."""
        return list(self._owned.get(vmid, []))

    def used_bytes(self, storage: Storage, node: str) -> int:
        """Bytes in use on a storage, as a node sees it."""
        return _OWN_USE.get(storage.type, 0) + self._occupied.get(self._place(storage, node), 0)

    def __iter__(self) -> Iterator[Volume]:
        for volumes in self._of.values():
            yield from volumes.values()

    def free_disk_name(self, storage: Storage, node: str, vmid: int, suffix: str, *, base: bool = False) -> str:
        """The next unused `vm-<vmid>-disk-<n>` (or `base-…`) on a storage."""
        word = "base" if base else "vm"
        place = self._place(storage, node)
        taken = [volume.volid for volume in self.of_guest(vmid) if (volume.storage, volume.node) == place]
        for index in range(1000):
            leaf = f"{word}-{vmid}-disk-{index}"
            name = f"{vmid}/{leaf}.{suffix}" if storage.type in FILE_TYPES else leaf
            if not any(volid.endswith(name) for volid in taken):
                return name
        raise ApiError(f"unable to allocate an image name for VM {vmid} in storage '{storage.name}'")


def split_volid(volid: str) -> tuple[str, str]:
    """Storage and name of a volume id; 500 when it is none."""
    storage, separator, name = volid.partition(":")
    if not separator or not storage or not name:
        raise ApiError(f"unable to parse volume ID '{volid}'")
    return storage, name
