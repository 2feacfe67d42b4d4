"""Making guests: new ones and restored ones (contract sections 15.6, 15.7, 15.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.simulators.proxmox import ha, power
from holdfast.simulators.proxmox.access import ROOT
from holdfast.simulators.proxmox.archives import archive_kind, read_config, restore_disks
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import ha_sid
from holdfast.simulators.proxmox.configuration import complete_net, option_schemas
from holdfast.simulators.proxmox.disks import DriveMaker, check_drive_allowed, owned_volumes
from holdfast.simulators.proxmox.errors import ApiError, TaskError, bad_parameter, forbidden
from holdfast.simulators.proxmox.guest_permissions import require_bridges, require_options
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, is_drive, is_indexed
from holdfast.simulators.proxmox.pools import add_guest, require_pool
from holdfast.simulators.proxmox.storages import Volume
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import as_text, split_list

_NOT_OPTIONS: Final = frozenset(
    {"node", "vmid", "pool", "start", "storage", "archive", "force", "unique", "live-restore", "bwlimit", "ha-managed"}
    | {"ostemplate", "restore", "password", "ssh-public-keys", "ignore-unpack-errors", "import-working-storage"}
)


class Creation:
    """What both kinds of guest have in common when they are made."""

    def __init__(self, call: Call, kind: str) -> None:
        self.call = call
        self.cluster = call.cluster
        self.kind = kind
        self.vmid = call.params.number("vmid")
        self.pool = call.params.maybe("pool")
        self.force = call.params.flag("force")
        self.options = {name: as_text(value) for name, value in call.params.raw().items() if name not in _NOT_OPTIONS}
        self.source = self._source()

    def _source(self) -> str | None:
        params = self.call.params
        if self.kind == "qemu":
            return params.maybe("archive")
        return params.text("ostemplate") if params.flag("restore") else None

    def authorise(self) -> None:
        """403 unless the caller may make this guest with these options."""
        call, guest_path = self.call, f"/vms/{self.vmid}"
        path = guest_path
        if not call.allowed(guest_path, "VM.Allocate"):
            if self.pool is not None and call.allowed(f"/pool/{self.pool}", "VM.Allocate"):
                path = f"/pool/{self.pool}"
            elif not (
                self.source
                and self.force
                and self.vmid in self.cluster.guests
                and call.allowed(guest_path, "VM.Backup")
            ):
                raise forbidden()
        require_pool(self.cluster, self.pool)
        require_options(call, path, self.kind, {k: v for k, v in self.options.items() if k != "unprivileged"})
        require_bridges(call, self.options)
        for option, value in self.options.items():
            if is_drive(option) or option == "rootfs" or is_indexed(option, "mp"):
                check_drive_allowed(call.who, option, value, self.kind)
                word = value.partition(",")[0].rpartition("=")[2]
                storage = word.partition(":")[0] if ":" in word else None
                if storage in self.cluster.storages:
                    names = (
                        ("Datastore.Audit", "Datastore.AllocateSpace")
                        if "media=cdrom" in value
                        else ("Datastore.AllocateSpace",)
                    )
                    call.require(f"/storage/{storage}", *names, any_of=True)
        if "storage" in call.params:
            call.require(f"/storage/{call.params.text('storage')}", "Datastore.AllocateSpace")

    def check_free(self) -> Guest | None:
        """The guest that a forced restore overwrites; 500 when the id is taken otherwise."""
        word = "VM" if self.kind == "qemu" else "CT"
        doing = f"unable to {'restore' if self.source else 'create'} {word} {self.vmid}"
        there = self.cluster.guests.get(self.vmid)
        if there is None:
            return None
        if not (self.source and self.force) or there.node != self.call.node or there.kind != self.kind:
            raise ApiError(f"{doing} - {there.word} {self.vmid} already exists on node '{there.node}'")
        if there.running:
            raise ApiError(f"{doing} - {'vm' if self.kind == 'qemu' else 'container'} is running")
        if there.protected:
            raise ApiError(f"{doing} - protection mode enabled")
        if there.template:
            raise ApiError(f"{doing} - already existing template")
        self.cluster.check_lock(there)
        return there

    def archive(self) -> Volume:
        """The backup to restore; 500 when it is not there or of the other kind."""
        assert self.source is not None
        if ":" not in self.source:
            raise ApiError(f"can't use '{self.source}' - only backup volumes can be restored here")
        volume = self.cluster.volume(self.call.node, self.source)
        if volume is None or volume.content != "backup":
            raise ApiError(f"volume '{self.source}' does not exist")
        if archive_kind(volume) != self.kind:
            raise ApiError(f"unable to restore {self.source}: archive is of another guest type")
        call = self.call
        if not (call.allowed(f"/vms/{self.vmid}", "VM.Backup") and volume.vmid == self.vmid):
            call.require(f"/storage/{volume.storage}", "Datastore.AllocateSpace", "Datastore.Audit", any_of=True)
        return volume

    def begin(self) -> Guest:
        """Take the id: a configuration with the lock `create` appears at once."""
        guest = Guest(self.vmid, self.kind, self.call.node, {"lock": "create", "memory": "512"})
        self.cluster.guests[self.vmid] = guest
        self.cluster.touch(guest)
        return guest

    def finish(self, guest: Guest, config: dict[str, str]) -> None:
        """The configuration is complete."""
        guest.config = {key: value for key, value in config.items() if key not in ("lock", "parent")}
        guest.live = dict(guest.config)
        if self.pool is not None:
            add_guest(self.cluster, self.pool, self.vmid)
        self.cluster.touch(guest)

    def afterwards(self, guest: Guest) -> Work:
        """Start and HA, if asked for."""
        if self.call.params.flag("ha-managed"):
            ha.resources(self.cluster)[ha_sid(guest)] = {
                "state": "started" if self.call.params.flag("start") else "stopped"
            }
            ha.request(self.cluster, ha_sid(guest), "started" if self.call.params.flag("start") else "stopped")
        elif self.call.params.flag("start"):
            yield "Execute autostart"
            yield from power.start(self.cluster, guest.node, self.kind, self.vmid)

    def new_config(self, maker: DriveMaker, values: dict[str, str]) -> dict[str, str]:
        """Options as the configuration file keeps them; disks are made."""
        schemas = option_schemas(self.cluster, self.kind)
        config: dict[str, str] = {}
        for option, value in values.items():
            if (self.kind == "qemu" and is_drive(option)) or option == "rootfs" or is_indexed(option, "mp"):
                config[option] = maker.make(option, value)
            elif is_indexed(option, "net"):
                config[option] = complete_net(self.cluster, self.kind, value, schemas)
            elif option == "tags":
                config[option] = ";".join(sorted({word.lower() for word in split_list(value)}))
            else:
                config[option] = value
        return config

    def create(self, defaults: Callable[[dict[str, str]], None]) -> Work:
        """Worker of a new guest."""
        guest = self.begin()
        maker = DriveMaker(self.cluster, guest.node, self.vmid, self.kind, option_schemas(self.cluster, self.kind))
        try:
            config = self.new_config(maker, self.options)
            for volume in maker.made:
                yield f"{volume.storage}: successfully created disk '{volume.volid}'"
            yield Pause()
        except (ApiError, TaskError) as error:
            maker.undo()
            self.cluster.forget_guest(guest)
            raise TaskError(f"unable to create {guest.word} {self.vmid} - {str(error).strip()}") from error
        defaults(config)
        self.finish(guest, config)
        yield from self.afterwards(guest)

    def restore(self, volume: Volume, replaced: Guest | None) -> Work:
        """Worker of a restored guest."""
        target = self.call.params.maybe("storage")
        if replaced is not None:
            old = owned_volumes(self.cluster, replaced)
            yield f"overwriting {replaced.word} {self.vmid}"
            for one in old:
                self.cluster.volumes.remove(one)
        guest = self.begin()
        yield f"restore {self.source}"
        config = read_config(volume)
        made: list[Volume] = []
        try:
            made = restore_disks(self.cluster, guest.node, self.vmid, self.kind, config, target)
            for share in (0.5, 0.5):
                yield Pause(share)
                yield f"progress {50 if share == 0.5 else 100}% (read {volume.size} bytes, duration 1 sec)"
        except (ApiError, TaskError) as error:
            for one in made:
                self.cluster.volumes.remove(one)
            self.cluster.forget_guest(guest)
            raise TaskError(f"unable to restore {guest.word} {self.vmid} - {str(error).strip()}") from error
        config.update(self.new_config(DriveMaker(self.cluster, guest.node, self.vmid, self.kind, {}), self.options))
        if self.call.params.flag("unique"):
            schemas = option_schemas(self.cluster, self.kind)
            for key in [key for key in config if is_indexed(key, "net")]:
                bare = ",".join(part for part in _without_mac(config[key], self.kind))
                config[key] = complete_net(self.cluster, self.kind, bare, schemas)
        self.finish(guest, config)
        yield from self.afterwards(guest)


def _without_mac(value: str, kind: str) -> list[str]:
    parts = value.split(",")
    if kind == "lxc":
        return [part for part in parts if not part.startswith("hwaddr=")]
    return [f"model={parts[0].partition('=')[0]}", *parts[1:]]


@answers("POST /nodes/{node}/qemu")
def create_machine(call: Call) -> Answer:
    """A new virtual machine, or one restored from `archive`."""
    creation = Creation(call, "qemu")
    cluster = call.cluster
    cluster.require_quorum()
    if "cdrom" in creation.options:
        creation.options["ide2"] = f"{creation.options.pop('cdrom')},media=cdrom"
    creation.authorise()
    if creation.source is None:
        for name in ("unique", "force", "live-restore"):
            if name in call.params:
                raise bad_parameter(name, f"option '{name}' requires parameter 'archive'")
        creation.check_free()

        def defaults(config: dict[str, str]) -> None:
            config.setdefault("smbios1", f"uuid={_uuid(call)}")
            config.setdefault("vmgenid", _uuid(call))
            if config["vmgenid"] == "1":
                config["vmgenid"] = _uuid(call)
            config.setdefault("meta", f"creation-qemu=10.1.2,ctime={int(call.now())}")
            if "boot" not in config:
                order = [key for key in config if is_drive(key) and not is_cdrom(config[key]) and key[-5:] != "disk0"]
                order += [key for key in config if is_drive(key) and is_cdrom(config[key])]
                order += [key for key in config if is_indexed(key, "net")]
                config["boot"] = f"order={';'.join(order)}" if order else " "

        return call.fork("qmcreate", creation.vmid, creation.create(defaults))
    volume = creation.archive()
    replaced = creation.check_free()
    return call.fork("qmrestore", creation.vmid, creation.restore(volume, replaced), 0.6)


@answers("POST /nodes/{node}/lxc")
def create_container(call: Call) -> Answer:
    """A new container from a template, or one restored from a backup."""
    creation = Creation(call, "lxc")
    cluster = call.cluster
    cluster.require_quorum()
    creation.authorise()
    if creation.source is not None:
        volume = creation.archive()
        replaced = creation.check_free()
        return call.fork("vzrestore", creation.vmid, creation.restore(volume, replaced), 0.6)
    if call.params.flag("unique"):
        raise bad_parameter("unique", "can only be used in combination with 'restore'")
    if call.who != ROOT and not call.params.flag("unprivileged") and "features" in creation.options:
        raise forbidden("changing feature flags for privileged container is only allowed for root@pam")
    creation.check_free()
    template = call.params.text("ostemplate")
    found = cluster.volume(call.node, template) if ":" in template else None
    if found is None or found.content != "vztmpl":
        raise ApiError(f"volume '{template}' does not exist")
    call.require(f"/storage/{found.storage}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
    place = call.params.text("storage", "local")
    creation.options.setdefault("rootfs", f"{place}:4")

    def defaults(config: dict[str, str]) -> None:
        config.setdefault("arch", "amd64")
        config.setdefault("ostype", "debian")
        config.setdefault("memory", "512")
        config.setdefault("swap", "512")
        config.setdefault("hostname", f"CT{creation.vmid}")

    return call.fork("vzcreate", creation.vmid, creation.create(defaults))


def _uuid(call: Call) -> str:
    text = f"{call.cluster.rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
