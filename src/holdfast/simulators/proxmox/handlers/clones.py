"""Clones and templates (contract sections 11, 15.6, 15.7)."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.configuration import complete_net, option_schemas
from holdfast.simulators.proxmox.disks import allocate, default_key, drive_volume
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, is_indexed, parse_properties, print_properties
from holdfast.simulators.proxmox.pools import add_guest, require_pool
from holdfast.simulators.proxmox.storages import FILE_TYPES, Volume
from holdfast.simulators.proxmox.tasks import InterruptedWork, Pause, Work

_LINKABLE = frozenset({"lvmthin", "zfspool", "rbd", "btrfs", *FILE_TYPES})


@answers("POST /nodes/{node}/qemu/{vmid}/clone", "POST /nodes/{node}/lxc/{vmid}/clone")
def clone(call: Call) -> Answer:
    """Copy a guest; templates are linked unless `full` is set."""
    cluster, params = call.cluster, call.params
    require_pool(cluster, params.maybe("pool"))
    target = params.maybe("target")
    target = None if target in (call.node, "localhost") else target
    if target is not None:
        cluster.require_node(target)
    storage = params.maybe("storage")
    kind = "qemu" if "/qemu/" in call.method.template else "lxc"
    if storage is not None:
        where = cluster.usable_storage(storage, call.node)
        wanted = "images" if kind == "qemu" else "rootdir"
        if wanted not in where.content:
            what = "vm images" if kind == "qemu" else "container directories"
            raise bad_parameter("storage", f"storage '{storage}' does not support {what}")
        if target is not None:
            cluster.usable_storage(storage, target)
            if not where.shared:
                raise ApiError(f"can't clone to non-shared storage '{storage}'")
    cluster.require_quorum()
    guest = call.guest()
    cluster.check_lock(guest)
    return call.fork("qmclone" if kind == "qemu" else "vzclone", guest.vmid, _prepare(call, guest, target)(), 0.6)


def _prepare(call: Call, guest: Guest, target: str | None) -> Callable[[], Work]:
    cluster, params = call.cluster, call.params
    name, storage, snapname = (
        params.maybe("name" if guest.kind == "qemu" else "hostname"),
        params.maybe("storage"),
        params.maybe("snapname"),
    )
    newid, full = params.number("newid"), params.flag("full", not guest.template)
    if snapname is not None and snapname not in guest.snapshots:
        raise ApiError(f"snapshot '{snapname}' does not exist")
    source = guest.snapshots[snapname].config if snapname else guest.config
    for option in ("storage", "format"):
        if option in params and not full:
            raise ApiError(f"parameter '{option}' not allowed for linked clones")
    if guest.kind == "lxc" and guest.running and full and not snapname:
        raise ApiError("cannot do full clones on a running container without snapshots")
    disks = _disks(call, guest, source)
    if target is not None and any(not cluster.storage(volume.storage).shared for _, volume in disks):
        raise ApiError(f"can't clone {guest.word} to node '{target}' ({guest.word} uses local storage)")
    if newid in cluster.guests:
        raise ApiError(f"unable to create {guest.word} {newid}: config file already exists")
    for key, volume in disks:
        if not full and not volume.name.rpartition("/")[2].startswith(("base-", "basevol-")):
            raise ApiError(f"Linked clone feature is not supported for '{volume.volid}' ({key})")
        where = f"/storage/{storage or volume.storage}"
        call.require(where, "Datastore.AllocateSpace")
    pool, description, image = params.maybe("pool"), params.maybe("description"), params.maybe("format")

    def work() -> Work:
        yield (
            f"creating a clone of {guest.word} {guest.vmid} with ID {newid}" if guest.kind == "qemu" else "create clone"
        )
        copy = Guest(newid, guest.kind, guest.node, {"lock": "clone", "memory": source.get("memory", "512")})
        cluster.guests[newid] = copy
        cluster.touch(copy)
        config = _new_config(call, guest, source)
        made: list[Volume] = []
        try:
            for key, volume in disks:
                new = _copy_volume(call, guest, newid, volume, storage, image, full=full)
                made.append(new)
                yield f"create {'full' if full else 'linked'} clone of drive {key} ({volume.volid})"
                pairs = parse_properties(source[key], default_key(guest.kind))
                pairs[default_key(guest.kind)] = new.volid
                config[key] = print_properties(pairs, default_key(guest.kind))
            yield Pause(0.5)
            yield "transferred 16.0 GiB of 32.0 GiB (50.00%)"
            yield Pause(0.5)
            yield "transferred 32.0 GiB of 32.0 GiB (100.00%)"
        except (InterruptedWork, ApiError):
            for one in made:
                cluster.volumes.remove(one)
            cluster.forget_guest(copy)
            raise
        default = f"Copy-of-{guest.word}-{source.get('name', source.get('hostname', guest.vmid))}"
        config["name" if guest.kind == "qemu" else "hostname"] = name or default
        if description:
            config["description"] = description
        copy.config = config
        copy.live = dict(config)
        if target is not None:
            copy.node = target
        if pool is not None:
            add_guest(cluster, pool, newid)
        cluster.touch(copy)

    return work


def _disks(call: Call, guest: Guest, source: dict[str, str]) -> list[tuple[str, Volume]]:
    found: list[tuple[str, Volume]] = []
    for key in Guest(guest.vmid, guest.kind, guest.node, source).drive_keys():
        volid = drive_volume(guest.kind, source[key])
        if volid is None or (guest.kind == "qemu" and is_cdrom(source[key])):
            continue
        volume = call.cluster.volume(guest.node, volid)
        if volume is None:
            raise ApiError(f"volume '{volid}' does not exist")
        found.append((key, volume))
    return found


def _new_config(call: Call, guest: Guest, source: dict[str, str]) -> dict[str, str]:
    dropped = {"lock", "template", "parent", "vmstate", "snaptime"}
    config = {key: value for key, value in source.items() if key not in dropped and not is_indexed(key, "unused")}
    schemas = option_schemas(call.cluster, guest.kind)
    for key in [key for key in config if is_indexed(key, "net")]:
        parts = config[key].split(",")
        if guest.kind == "qemu":
            parts[0] = f"model={parts[0].partition('=')[0]}"
        bare = ",".join(part for part in parts if not part.startswith("hwaddr="))
        config[key] = complete_net(call.cluster, guest.kind, bare, schemas)
    if guest.kind == "qemu":
        text = f"{call.cluster.rng.getrandbits(128):032x}"
        unique = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        config["smbios1"] = f"uuid={unique}"
        if "vmgenid" in config:
            config["vmgenid"] = unique
    return config


def _copy_volume(
    call: Call, guest: Guest, newid: int, volume: Volume, storage: str | None, image: str | None, *, full: bool
) -> Volume:
    cluster = call.cluster
    place = cluster.usable_storage(storage or volume.storage, guest.node)
    if not full:
        new = allocate(cluster, place, guest.node, newid, volume.size, kind=guest.kind)
        cluster.volumes.remove(new)
        new.name = f"{volume.name}/{new.name}"
        new.parent = volume.volid
        return cluster.volumes.add(new)
    wanted = image if place.type in FILE_TYPES else None
    new = allocate(cluster, place, guest.node, newid, volume.size, kind=guest.kind, wanted=wanted)
    cluster.volumes.remove(new)
    new.used = volume.occupied
    return cluster.volumes.add(new)


@answers("POST /nodes/{node}/qemu/{vmid}/template", "POST /nodes/{node}/lxc/{vmid}/template")
def make_template(call: Call) -> Answer:
    """Turn a stopped guest into a template, for good."""
    cluster, guest = call.cluster, call.guest()
    call.config_lock(guest)
    cluster.check_lock(guest)
    if guest.snapshots:
        raise ApiError(f"unable to create template, because {guest.word} contains snapshots")
    if guest.template and "disk" not in call.params:
        raise ApiError("you can't convert a template to a template")
    if guest.running:
        word = "VM" if guest.kind == "qemu" else "container"
        raise ApiError(
            f"you can't convert a {word} to template if {'VM' if guest.kind == 'qemu' else 'the CT'} is running"
        )
    if guest.kind == "qemu" and "disk" in call.params and call.params.text("disk") not in guest.config:
        raise ApiError(f"disk '{call.params.text('disk')}' does not exist")
    upid = call.fork("qmtemplate" if guest.kind == "qemu" else "vztemplate", guest.vmid, _convert(call, guest), 0.3)
    return upid if guest.kind == "qemu" else None


def _convert(call: Call, guest: Guest) -> Work:
    cluster = call.cluster
    yield Pause()
    for key, volume in _disks(call, guest, guest.config):
        storage = cluster.storage(volume.storage)
        if storage.type not in _LINKABLE:
            continue
        cluster.volumes.remove(volume)
        suffix = volume.name.rpartition(".")[2]
        volume.name = cluster.volumes.free_disk_name(storage, guest.node, guest.vmid, suffix, base=True)
        cluster.volumes.add(volume)
        pairs = parse_properties(guest.config[key], default_key(guest.kind))
        pairs[default_key(guest.kind)] = volume.volid
        guest.config[key] = print_properties(pairs, default_key(guest.kind))
    guest.config["template"] = "1"
    guest.live = dict(guest.config)
    cluster.touch(guest)
