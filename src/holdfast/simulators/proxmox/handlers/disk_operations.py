"""Growing and moving disks (contract sections 15.6, 15.7)."""

from __future__ import annotations

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.disks import add_unused, allocate, default_key, destroy_volume, drive_volume
from holdfast.simulators.proxmox.errors import ApiError, bad_parameters
from holdfast.simulators.proxmox.guests import (
    Guest,
    format_size,
    is_cdrom,
    is_indexed,
    parse_properties,
    parse_size,
    print_properties,
)
from holdfast.simulators.proxmox.power import acquire
from holdfast.simulators.proxmox.sections import CHANGED
from holdfast.simulators.proxmox.storages import FILE_TYPES, Volume
from holdfast.simulators.proxmox.tasks import InterruptedWork, Pause, Work


def _require_digest(call: Call, guest: Guest, name: str = "digest", *, prefix: str = "") -> None:
    """500 when the configuration is not the one the caller has seen."""
    if call.params.maybe(name) not in (None, guest.digest()):
        raise ApiError(f"{prefix}{CHANGED}")


def _disk(call: Call, guest: Guest, key: str) -> Volume:
    """The volume behind a disk key; 500 when there is none."""
    value = guest.config.get(key)
    if value is None:
        raise ApiError(f"disk '{key}' does not exist")
    if guest.kind == "qemu" and is_cdrom(value):
        raise ApiError(f"you can't {'resize' if 'resize' in call.method.template else 'move'} a cdrom")
    volid = drive_volume(guest.kind, value)
    volume = call.cluster.volume(guest.node, volid) if volid else None
    if volume is None:
        raise ApiError(f"disk '{key}' has no associated volume")
    return volume


@answers("PUT /nodes/{node}/qemu/{vmid}/resize", "PUT /nodes/{node}/lxc/{vmid}/resize")
def resize(call: Call) -> Answer:
    """Grow a disk by `+N` or to an absolute size; never shrink it.

    For a virtual machine everything is checked in the worker, for a container before it.
    """
    call.root_only("skiplock")
    kind = "qemu" if "/qemu/" in call.method.template else "lxc"
    vmid = call.params.number("vmid")
    if kind == "lxc":
        guest = call.guest()
        if call.params.maybe("digest") not in (None, guest.digest()):
            raise ApiError(CHANGED)
        call.cluster.check_lock(guest)
        _new_size(call, guest)
    return call.fork("resize", vmid, _grow(call, kind, vmid), 0.2)


def _new_size(call: Call, guest: Guest) -> tuple[Volume, int]:
    """The volume to grow and its new size in bytes; 500 when it would shrink."""
    volume, wanted = _disk(call, guest, call.params.text("disk")), call.params.text("size")
    call.require(f"/storage/{volume.storage}", "Datastore.AllocateSpace")
    size = parse_size(wanted.removeprefix("+")) + (volume.size if wanted.startswith("+") else 0)
    if size < volume.size:
        raise ApiError("shrinking disks is not supported" if guest.kind == "qemu" else "unable to shrink disk size")
    return volume, size


def _grow(call: Call, kind: str, vmid: int) -> Work:
    cluster, key = call.cluster, call.params.text("disk")
    yield acquire(cluster, kind, vmid)
    guest = cluster.guest(call.node, kind, vmid)
    if kind == "qemu" and call.params.maybe("digest") not in (None, guest.digest()):
        raise ApiError("checksum mismatch (file change by other user?)")
    if not call.params.flag("skiplock"):
        cluster.check_lock(guest)
    volume, size = _new_size(call, guest)
    yield Pause()
    cluster.volumes.resized(volume, size)
    for config in (guest.config, guest.live):
        if key in config:
            pairs = parse_properties(config[key], default_key(kind))
            pairs["size"] = format_size(size)
            config[key] = print_properties(pairs, default_key(kind))
    cluster.touch(guest)


@answers("POST /nodes/{node}/qemu/{vmid}/move_disk", "POST /nodes/{node}/lxc/{vmid}/move_volume")
def move(call: Call) -> Answer:
    """Copy a disk to another storage, or hand it over to another guest."""
    call.root_only("skiplock")
    cluster, guest, params = call.cluster, call.guest(), call.params
    key = params.text("disk" if guest.kind == "qemu" else "volume")
    storage, other = params.maybe("storage"), params.maybe("target-vmid")
    if storage is not None and other is not None:
        why = "either set 'storage' or 'target-vmid', but not both"
        raise bad_parameters({"storage": why, "target-vmid": why})
    if storage is None and other is None:
        why = "both 'storage' and 'target-vmid' missing, either needs to be set"
        raise bad_parameters({"storage": why, "target-vmid": why})
    if other is not None:
        return _reassign(call, guest, key, int(other))
    assert storage is not None
    call.require(f"/storage/{storage}", "Datastore.AllocateSpace")
    cluster.check_lock(guest)
    _require_digest(call, guest)
    return _to_storage(call, guest, key, _disk(call, guest, key), storage)


def _to_storage(call: Call, guest: Guest, key: str, volume: Volume, storage: str) -> str:
    cluster, params = call.cluster, call.params
    image = params.maybe("format")
    if storage == volume.storage and (image is None or image == volume.format):
        raise ApiError("you can't move to the same storage with same format")
    place = cluster.usable_storage(storage, guest.node)
    content = "images" if guest.kind == "qemu" else "rootdir"
    if content not in place.content:
        what = "vm images" if guest.kind == "qemu" else "container directories"
        raise bad_parameters({"storage": f"storage '{storage}' does not support {what}"})
    if guest.kind == "lxc" and guest.running:
        raise ApiError("cannot move volumes of a running container")
    delete = params.flag("delete")
    if delete and any(
        drive_volume(guest.kind, one.config.get(key, "")) == volume.volid for one in guest.snapshots.values()
    ):
        raise ApiError("you can't move a disk with snapshots and delete the source")

    def work() -> Work:
        yield acquire(cluster, guest.kind, guest.vmid)
        if guest.kind == "lxc":
            guest.config["lock"] = "disk"
        wanted = (image or volume.format) if place.type in FILE_TYPES else None
        new = allocate(cluster, place, guest.node, guest.vmid, volume.size, kind=guest.kind, wanted=wanted)
        try:
            yield f"create full clone of drive {key} ({volume.volid})"
            yield Pause(0.5)
            yield f"transferred {format_size(volume.size // 2)}iB of {format_size(volume.size)}iB (50.00%)"
            yield Pause(0.5)
        except (InterruptedWork, ApiError):
            cluster.volumes.remove(new)
            if guest.kind == "lxc":
                guest.config.pop("lock", None)
            raise
        guest.config.pop("lock", None) if guest.kind == "lxc" else None
        for config in (guest.config, guest.live):
            if key in config:
                pairs = parse_properties(config[key], default_key(guest.kind))
                pairs[default_key(guest.kind)] = new.volid
                pairs.pop("format", None)
                config[key] = print_properties(pairs, default_key(guest.kind))
        if delete:
            destroy_volume(cluster, guest.node, volume.volid)
        else:
            add_unused(guest, volume.volid)
        cluster.touch(guest)

    return call.fork("qmmove" if guest.kind == "qemu" else "move_volume", guest.vmid, work(), 0.6)


def _reassign(call: Call, guest: Guest, key: str, vmid: int) -> str:
    cluster, params, word = call.cluster, call.params, guest.word
    call.require(f"/vms/{vmid}", "VM.Config.Disk")
    if vmid == guest.vmid:
        raise bad_parameters({"target-vmid": "must be different than source VMID to reassign disk"})
    other = cluster.guests.get(vmid)
    if other is None or other.kind != guest.kind:
        raise ApiError(f"could not find target {word} {vmid}")
    if other.node != guest.node:
        raise ApiError(f"Both {word}s need to be on the same node ({guest.node} != {other.node})")
    cluster.check_lock(guest)
    cluster.check_lock(other)
    if guest.template or other.template:
        raise ApiError(f"Can't move disks from or to template {word}s")
    _require_digest(call, guest, prefix=f"{word} {guest.vmid}: ")
    _require_digest(call, other, "target-digest", prefix=f"{word} {vmid}: ")
    if key not in guest.config:
        raise ApiError(f"Disk '{key}' for {word} '{guest.vmid}' does not exist")
    target_key = params.text("target-disk" if guest.kind == "qemu" else "target-volume", key)
    if target_key in other.config:
        raise ApiError(f"Target disk key '{target_key}' is already in use for {word} '{vmid}'")
    volume = _disk(call, guest, key)
    if any(drive_volume(guest.kind, one.config.get(key, "")) == volume.volid for one in guest.snapshots.values()):
        raise ApiError(f"Can't move disk used by a snapshot to another {word}")
    if guest.running and not is_indexed(key, "unused"):
        raise ApiError(f"Cannot move disk to another {word} while the source {word} is running - detach first")
    call.require(f"/storage/{volume.storage}", "Datastore.AllocateSpace")

    def work() -> Work:
        yield acquire(cluster, guest.kind, guest.vmid)
        yield Pause()
        storage = cluster.storage(volume.storage)
        value = guest.config.pop(key)
        guest.live.pop(key, None)
        cluster.volumes.remove(volume)
        suffix = volume.name.rpartition(".")[2]
        volume.name = cluster.volumes.free_disk_name(storage, guest.node, vmid, suffix)
        volume.vmid = vmid
        cluster.volumes.add(volume)
        pairs = parse_properties(value, default_key(guest.kind))
        pairs[default_key(guest.kind)] = volume.volid
        other.config[target_key] = print_properties(pairs, default_key(guest.kind))
        other.live = dict(other.config)
        yield f"removing disk '{key}' from {word} '{guest.vmid}' config"

    kind = "qmmove" if guest.kind == "qemu" else "move_volume"
    return call.fork(kind, f"{guest.vmid}-{key}>{vmid}-{target_key}", work(), 0.2)
