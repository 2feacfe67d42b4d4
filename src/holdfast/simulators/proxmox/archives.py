"""Backup archives: what they hold and how a guest comes back from one."""

from __future__ import annotations

import time

from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.disks import allocate, default_key, drive_volume, volume_keys
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, is_drive, parse_properties, parse_size, print_properties
from holdfast.simulators.proxmox.storages import Storage, Volume

_SUFFIX = {"0": "", "1": ".lzo", "lzo": ".lzo", "gzip": ".gz", "zstd": ".zst"}


def write_archive(cluster: Cluster, guest: Guest, storage: Storage, compress: str) -> Volume:
    """A backup of the guest as it is now."""
    stamp = time.strftime("%Y_%m_%d-%H_%M_%S", time.gmtime(cluster.now()))
    kind, ending = ("qemu", "vma") if guest.kind == "qemu" else ("lxc", "tar")
    skipped = {"lock", "parent"}
    payload = "".join(f"{key}: {value}\n" for key, value in sorted(guest.config.items()) if key not in skipped)
    size = max(1, guest.disk_bytes() // 4)
    if storage.type == "pbs":
        iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(cluster.now()))
        name, shape = (
            f"backup/{'vm' if kind == 'qemu' else 'ct'}/{guest.vmid}/{iso}",
            f"pbs-{'vm' if kind == 'qemu' else 'ct'}",
        )
    else:
        name = f"backup/vzdump-{kind}-{guest.vmid}-{stamp}.{ending}{_SUFFIX[compress]}"
        shape = f"{ending}{_SUFFIX[compress]}"
    node = None if storage.shared else guest.node
    volume = Volume(storage.name, name, "backup", shape, size, int(cluster.now()), node, guest.vmid, payload=payload)
    if cluster.volume(guest.node, volume.volid) is not None:
        raise ApiError(f"unable to create temporary directory '{name}' - File exists")
    return cluster.volumes.add(volume)


def archive_kind(volume: Volume) -> str:
    """What kind of guest an archive holds."""
    return "qemu" if "vzdump-qemu-" in volume.name or "/vm/" in volume.name else "lxc"


def read_config(volume: Volume) -> dict[str, str]:
    """The configuration in an archive."""
    pairs = (line.partition(": ") for line in volume.payload.splitlines())
    return {key: value for key, _, value in pairs if key}


def restore_disks(
    cluster: Cluster, node: str, vmid: int, kind: str, config: dict[str, str], target: str | None
) -> list[Volume]:
    """Fresh volumes for the disks of a restored configuration, on their old storages or on `target`."""
    made: list[Volume] = []
    probe = Guest(vmid, kind, node, config)
    for key in volume_keys(probe):
        value = config[key]
        volid = drive_volume(kind, value)
        if volid is None or (kind == "qemu" and is_drive(key) and is_cdrom(value)):
            continue
        storage = cluster.usable_storage(target or volid.partition(":")[0], node)
        pairs = parse_properties(value, default_key(kind))
        volume = allocate(cluster, storage, node, vmid, parse_size(pairs.get("size", "1G")), kind=kind)
        made.append(volume)
        pairs[default_key(kind)] = volume.volid
        config[key] = print_properties(pairs, default_key(kind))
    return made
