"""Disks of guests: making, importing, detaching and destroying the volumes behind configuration keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.facts import Schema
from holdfast.simulators.proxmox.guests import GIB, Guest, format_size, is_drive, parse_properties, print_properties
from holdfast.simulators.proxmox.storages import FILE_TYPES, Storage, Volume, split_volid
from holdfast.simulators.proxmox.verify import parse_property_string

_NEW: Final = re.compile(r"(?P<storage>[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]):(?P<size>\d+(\.\d+)?)")
_CLOUDINIT_BYTES: Final = 4 * 1024**2


def default_key(kind: str) -> str:
    """The property that a bare word in a drive or mount point stands for."""
    return "file" if kind == "qemu" else "volume"


def drive_volume(kind: str, value: str) -> str | None:
    """The volume id in a drive or mount point; None for CDs without medium, devices and bind mounts."""
    word = parse_properties(value, default_key(kind)).get(default_key(kind), "")
    return word if ":" in word and not word.startswith("/") else None


def allocate(
    cluster: Cluster, storage: Storage, node: str, vmid: int, size: int, *, kind: str, wanted: str | None = None
) -> Volume:
    """A new, empty disk."""
    content = "images" if kind == "qemu" else "rootdir"
    if content not in storage.content:
        raise ApiError(f"storage '{storage.name}' does not support content-type '{content}'")
    image = wanted or (storage.image_format() if kind == "qemu" else "raw")
    if storage.type not in FILE_TYPES:
        if wanted not in (None, "raw"):
            raise ApiError(f"unsupported format '{wanted}'")
        image = "raw"
    name = cluster.volumes.free_disk_name(storage, node, vmid, image)
    if kind == "lxc" and storage.type == "zfspool":
        name = name.replace("vm-", "subvol-", 1)
    return cluster.volumes.add(
        Volume(
            storage.name,
            name,
            content,
            image,
            size,
            int(cluster.now()),
            node=None if storage.shared else node,
            vmid=vmid,
            used=0,
        )
    )


class DriveMaker:
    """Turns what a caller writes for a drive into what the configuration keeps."""

    def __init__(self, cluster: Cluster, node: str, vmid: int, kind: str, schemas: Mapping[str, Schema]) -> None:
        self._cluster = cluster
        self._node = node
        self._vmid = vmid
        self._kind = kind
        self._schemas = schemas
        self.made: list[Volume] = []

    def properties(self, key: str, value: str) -> dict[str, str]:
        """The drive taken apart, aliases resolved, booleans as 0 and 1."""
        prefix = key.rstrip("0123456789")
        schema = self._schemas.get(f"{prefix}[n]") or self._schemas.get(key) or {}
        keys = schema.get("keys")
        if not isinstance(keys, Mapping):
            return parse_properties(value, default_key(self._kind))
        return parse_property_string({name: part for name, part in keys.items() if isinstance(part, Mapping)}, value)

    def make(self, key: str, value: str) -> str:
        """The configuration value; new volumes are created and remembered in `made`."""
        main = default_key(self._kind)
        wanted = self.properties(key, value)
        source = wanted.pop("import-from", None)
        word = wanted.get(main, "")
        new = _NEW.fullmatch(word)
        if new is not None:
            volume = self._create(new["storage"], float(new["size"]), wanted.pop("format", None), source)
            wanted[main] = volume.volid
            wanted["size"] = format_size(volume.size)
        elif word.endswith(":cloudinit"):
            wanted[main] = self._cloudinit(word.partition(":")[0], wanted.pop("format", None)).volid
            wanted["media"] = "cdrom"
        elif word not in ("none", "cdrom") and ":" in word and not word.startswith("/"):
            volume = self._existing(word)
            if volume.content == "iso" and wanted.get("media") != "cdrom":
                raise ApiError(f"{key}: iso images need media=cdrom")
            wanted["size"] = format_size(volume.size)
        return print_properties(dict(sorted(wanted.items())), main)

    def _create(self, storage_name: str, size_gib: float, image: str | None, source: str | None) -> Volume:
        storage = self._cluster.usable_storage(storage_name, self._node)
        size = int(size_gib * GIB)
        if source is not None:
            found = self._cluster.volume(self._node, source) if ":" in source else None
            if found is None:
                raise ApiError(f"cannot import from '{source}': volume does not exist")
            size = found.size
        elif size <= 0:
            raise ApiError(f"unable to create image: invalid size '{size_gib:g}'")
        volume = allocate(self._cluster, storage, self._node, self._vmid, size, kind=self._kind, wanted=image)
        self.made.append(volume)
        return volume

    def _cloudinit(self, storage_name: str, image: str | None) -> Volume:
        storage = self._cluster.usable_storage(storage_name, self._node)
        name = f"vm-{self._vmid}-cloudinit"
        if storage.type in FILE_TYPES:
            name = f"{self._vmid}/{name}.{image or 'qcow2'}"
        shape = (image or "qcow2") if storage.type in FILE_TYPES else "raw"
        node = None if storage.shared else self._node
        volume = Volume(
            storage.name, name, "images", shape, _CLOUDINIT_BYTES, int(self._cluster.now()), node, self._vmid
        )
        if self._cluster.volume(self._node, volume.volid) is not None:
            raise ApiError(f"unable to create image: disk image '{volume.volid}' already exists")
        self.made.append(self._cluster.volumes.add(volume))
        return volume

    def _existing(self, volid: str) -> Volume:
        storage_name, _ = split_volid(volid)
        self._cluster.usable_storage(storage_name, self._node)
        volume = self._cluster.volume(self._node, volid)
        if volume is None:
            raise ApiError(f"volume '{volid}' does not exist")
        return volume

    def undo(self) -> None:
        """Remove what was created: the operation failed."""
        for volume in self.made:
            self._cluster.volumes.remove(volume)
        self.made.clear()


def check_drive_allowed(who: str, key: str, value: str, kind: str) -> None:
    """Only root may attach paths of the node itself."""
    word = parse_properties(value, default_key(kind)).get(default_key(kind), "")
    if word.startswith("/") and who != "root@pam":
        if kind == "qemu":
            raise bad_parameter(key, "Only root can pass arbitrary filesystem paths.")
        raise ApiError("Permission check failed (mount point type bind is only allowed for root@pam)", 403)


def destroy_volume(cluster: Cluster, node: str, volid: str) -> None:
    """Destroy a volume, if it is still there and nothing was cloned from it."""
    volume = cluster.volume(node, volid)
    if volume is None:
        return
    children = [one.volid for one in cluster.volumes if one.parent == volume.volid]
    if children:
        raise ApiError(f"base volume '{volume.name}' is still in use by linked clones")
    cluster.volumes.remove(volume)


def add_unused(guest: Guest, volid: str) -> str | None:
    """Note a volume that no key uses any more under the next free `unusedN`."""
    if volid in (value.partition(",")[0] for value in guest.config.values()):
        return None
    key = next(f"unused{index}" for index in range(256) if f"unused{index}" not in guest.config)
    guest.config[key] = volid
    return key


def volume_keys(guest: Guest) -> list[str]:
    """All keys whose volumes belong to the guest, unused ones included."""
    unused = [key for key in guest.config if re.fullmatch(r"unused\d+", key)]
    state = ["vmstate"] if "vmstate" in guest.config else []
    return [*guest.drive_keys(), *unused, *state]


def owned_volumes(cluster: Cluster, guest: Guest) -> list[Volume]:
    """The volumes that go when the guest goes: its disks, not the ISO images in its drives."""
    found: list[Volume] = []
    for config in (guest.config, *(snapshot.config for snapshot in guest.snapshots.values())):
        for key, value in config.items():
            if not (is_drive(key) or key in ("rootfs", "vmstate") or re.fullmatch(r"(mp|unused)\d+", key)):
                continue
            volid = drive_volume(guest.kind, value)
            volume = cluster.volume(guest.node, volid) if volid else None
            if volume is not None and volume.vmid == guest.vmid and volume not in found:
                found.append(volume)
    return found


def used_storages(guest: Guest) -> list[str]:
    """Storages that hold the guest's disks."""
    volids = [drive_volume(guest.kind, guest.config[key]) for key in volume_keys(guest)]
    return list(dict.fromkeys(volid.partition(":")[0] for volid in volids if volid))


def local_volumes(cluster: Cluster, guest: Guest) -> list[tuple[str, Volume]]:
    """Keys and volumes on storages that other nodes do not see."""
    found: list[tuple[str, Volume]] = []
    for key in volume_keys(guest):
        volid = drive_volume(guest.kind, guest.config[key])
        volume = cluster.volume(guest.node, volid) if volid else None
        if volume is not None and volume.node is not None:
            found.append((key, volume))
    return found
