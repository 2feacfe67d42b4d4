"""Reading and changing the configuration of guests (contract sections 4, 11, 12, 15.6, 15.7)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.configuration import (
    CLOUDINIT,
    complete_net,
    delete_option,
    is_drive_key,
    option_exists,
    option_schemas,
    typed,
    write_option,
)
from holdfast.simulators.proxmox.disks import DriveMaker, check_drive_allowed
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter, bad_parameters
from holdfast.simulators.proxmox.guest_permissions import require_bridges, require_options
from holdfast.simulators.proxmox.guests import Guest, is_indexed, parse_properties
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row, as_text, number, split_list
from holdfast.simulators.proxmox.verify import schema_of

_HIDDEN: Final = "**********"
_CONTROL: Final = frozenset({"node", "vmid", "digest", "delete", "revert", "force", "skiplock", "background_delay"})
_IGNORED: Final = frozenset({"skip_cloud_init", "import-working-storage"})


@answers("GET /nodes/{node}/qemu/{vmid}/config", "GET /nodes/{node}/lxc/{vmid}/config")
def get_config(call: Call) -> Answer:
    """The configuration with pending changes, as it runs (`current`), or of a snapshot."""
    params = call.params
    if "snapshot" in params and params.flag("current"):
        why = "cannot use 'snapshot' parameter with 'current'"
        raise bad_parameters({"snapshot": why, "current": why})
    guest = call.guest()
    if "snapshot" in params:
        snapshot = guest.snapshots.get(params.text("snapshot"))
        if snapshot is None:
            raise ApiError(f"snapshot '{params.text('snapshot')}' does not exist")
        return shown_config(call.cluster, guest, snapshot.config)
    config = dict(guest.config)
    if not params.flag("current"):
        config.update(guest.pending)
        for option in guest.pending_delete:
            config.pop(option, None)
    return shown_config(call.cluster, guest, config)


def shown_config(cluster: Cluster, guest: Guest, config: dict[str, str]) -> Row:
    """A configuration as the API gives it."""
    row: Row = {name: typed(cluster, guest.kind, name, value) for name, value in config.items()}
    if "cipassword" in row:
        row["cipassword"] = _HIDDEN
    if guest.parent:
        row["parent"] = guest.parent
    row["digest"] = guest.digest()
    return row


@answers("GET /nodes/{node}/qemu/{vmid}/pending", "GET /nodes/{node}/lxc/{vmid}/pending")
def get_pending(call: Call) -> Answer:
    """Current values beside what is waiting for the next start."""
    guest, cluster = call.guest(), call.cluster
    rows: list[Row] = []
    for option in sorted({*guest.config, *guest.pending, *guest.pending_delete}):
        row: Row = {"key": option}
        for name, source in (("value", guest.config), ("pending", guest.pending)):
            if option in source:
                hidden = option == "cipassword"
                row[name] = _HIDDEN if hidden else typed(cluster, guest.kind, option, source[option])
        if option in guest.pending_delete:
            row["delete"] = 2 if guest.pending_delete[option] else 1
        rows.append(row)
    rows.append({"key": "digest", "value": guest.digest()})
    return rows


class ConfigChange:
    """One change of a configuration: verified against the state, then applied at once."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.cluster = call.cluster
        self.guest = call.guest() if "/lxc/" in call.method.template else None
        self.kind = "lxc" if self.guest else "qemu"
        self.vmid = call.params.number("vmid")
        raw = call.params.raw()
        self.values = {option: as_text(value) for option, value in raw.items() if option not in _CONTROL | _IGNORED}
        if "cdrom" in self.values:
            self.values["ide2"] = f"{self.values.pop('cdrom')},media=cdrom"
        self.deleted = ["ide2" if word == "cdrom" else word for word in call.params.words("delete")]
        self.reverted = call.params.words("revert")
        self.force = call.params.flag("force")
        self._check_words()

    def _check_words(self) -> None:
        if not self.values and not self.deleted and not self.reverted:
            raise ApiError("no options specified")
        for option in self.reverted:
            if not option_exists(self.cluster, self.kind, option):
                raise bad_parameter("revert", f"unknown option '{option}'")
            if option in self.values:
                raise bad_parameter("delete", f"you can't use '-{option}' and -revert {option}' at the same time")
        for option in self.deleted:
            if option in self.values:
                raise bad_parameter("delete", f"you can't use '-{option}' and -delete {option}' at the same time")
            if option in self.reverted:
                raise bad_parameter(
                    "revert", f"you can't use '-delete {option}' and -revert {option}' at the same time"
                )
            if not option_exists(self.cluster, self.kind, option):
                raise bad_parameter("delete", f"unknown option '{option}'")

    def authorise(self) -> None:
        """Permissions of every option, storage and bridge concerned."""
        call = self.call
        require_options(call, f"/vms/{self.vmid}", self.kind, self.values, self.deleted)
        require_bridges(call, self.values)
        for option, value in self.values.items():
            if not _names_drive(self.kind, option):
                continue
            check_drive_allowed(call.who, option, value, self.kind)
            word = value.partition(",")[0].rpartition("=")[2]
            storage = word.partition(":")[0] if ":" in word else None
            if storage in self.cluster.storages:
                names: tuple[str, ...] = ("Datastore.AllocateSpace",)
                if "media=cdrom" in value and not word.endswith(":cloudinit"):
                    names = ("Datastore.Audit", "Datastore.AllocateSpace")
                call.require(f"/storage/{storage}", *names, any_of=True)

    def prepare(self) -> Guest:
        """The guest, with digest, lock and memory checked."""
        call, cluster = self.call, self.cluster
        guest = call.guest()
        if call.params.maybe("digest") not in (None, guest.digest()):
            raise ApiError("checksum mismatch (file change by other user?)")
        if not call.params.flag("skiplock") and not (guest.lock == "suspended" and "vmstate" in self.deleted):
            cluster.check_lock(guest)
        if "unprivileged" in self.values or (self.kind == "lxc" and "unprivileged" in self.deleted):
            raise ApiError("unable to modify read-only option: 'unprivileged'")
        balloon = number(self.values.get("balloon", guest.config.get("balloon")))
        memory = number((self.values.get("memory") or guest.config.get("memory", "512")).partition(",")[0], 512)
        if ("memory" in self.values or "balloon" in self.values) and balloon > memory:
            raise ApiError("balloon value too large (must be smaller than assigned memory)")
        return guest

    def apply(self, guest: Guest) -> list[str]:
        """Write the change; warnings for what was not there to delete."""
        cluster = self.cluster
        schemas = option_schemas(cluster, self.kind)
        maker = DriveMaker(cluster, guest.node, guest.vmid, self.kind, schemas)
        ready: dict[str, str] = {}
        try:
            for option, value in self.values.items():
                ready[option] = self._final(maker, guest, option, value)
        except ApiError:
            maker.undo()
            raise
        for option in self.reverted:
            guest.pending.pop(option, None)
            guest.pending_delete.pop(option, None)
        warnings = [
            warning
            for option in self.deleted
            if (warning := delete_option(cluster, guest, option, force=self.force)) is not None
        ]
        for option, value in ready.items():
            if option in CLOUDINIT or is_indexed(option, "ipconfig"):
                guest.cloudinit.setdefault(option, guest.config.get(option, ""))
            write_option(guest, option, value)
        if "vmstate" in self.deleted and guest.lock == "suspended":
            guest.config.pop("lock", None)
        cluster.touch(guest)
        hidden = {"cipassword": "<hidden>"}
        told = " ".join(f"-{option} {hidden.get(option, value)}" for option, value in sorted(self.values.items()))
        cluster.note(guest.node, self.call.who, f"update {guest.word} {guest.vmid}: {told}".rstrip(": "))
        return warnings

    def _final(self, maker: DriveMaker, guest: Guest, option: str, value: str) -> str:
        if is_drive_key(guest, option):
            return maker.make(option, value)
        if is_indexed(option, "net"):
            old = guest.config.get(option)
            if guest.kind == "lxc" and "hwaddr=" not in value and old:
                value = f"{value},hwaddr={parse_properties(old, 'name').get('hwaddr', '')}"
            return complete_net(self.cluster, self.kind, value, option_schemas(self.cluster, self.kind))
        if option == "tags":
            return ";".join(sorted({word.lower() for word in split_list(value)}))
        if option == "vmgenid" and value == "1":
            return _uuid(self.cluster)
        if option == "sshkeys" and not re.match(r"(ssh-|ecdsa-|sk-|#)", unquote(value).lstrip()):
            raise ApiError("SSH public key validation error")
        return value


def _uuid(cluster: Cluster) -> str:
    text = f"{cluster.rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _names_drive(kind: str, option: str) -> bool:
    return is_drive_key(Guest(0, kind, "", {}), option)


@answers("PUT /nodes/{node}/qemu/{vmid}/config", "PUT /nodes/{node}/lxc/{vmid}/config")
def set_config(call: Call) -> Answer:
    """Change the configuration now."""
    call.root_only("skiplock")
    change = ConfigChange(call)
    change.authorise()
    call.cluster.require_writable(call.guest().config_path)
    guest = change.prepare()
    call.config_lock(guest)
    change.apply(guest)
    return None


@answers("POST /nodes/{node}/qemu/{vmid}/config")
def set_config_in_worker(call: Call) -> Answer:
    """Change the configuration in a worker; null when it ends within `background_delay`."""
    call.root_only("skiplock")
    change = ConfigChange(call)
    change.authorise()
    call.cluster.require_writable(call.guest().config_path)
    guest = change.prepare()
    call.config_lock(guest)

    def work(share: float) -> Work:
        if share:
            yield Pause(share)
        told = change.apply(change.prepare())
        yield f"update VM {guest.vmid}: " + " ".join(f"-{option}" for option in sorted(change.values))
        yield from told

    if "background_delay" in call.params:
        # The worker's small duration lies within any allowed delay, so the caller waits for its end.
        upid = call.fork("qmconfig", guest.vmid, work(0), 0)
        task = call.cluster.tasks.find(upid)
        if task is not None and task.exitstatus not in (None, "OK"):
            raise ApiError(f"failed to update VM {guest.vmid}: {task.exitstatus}")
        return None
    return call.fork("qmconfig", guest.vmid, work(1), 0.2)


@answers("PUT /nodes/{node}/qemu/{vmid}/unlink")
def unlink(call: Call) -> Answer:
    """Detach disks, or destroy them with `force`."""
    for option in call.params.words("idlist"):
        if schema_of(option_schemas(call.cluster, "qemu"), option) is None:
            raise bad_parameter("delete", f"unknown option '{option}'")
    guest = call.guest()
    require_options(call, f"/vms/{guest.vmid}", "qemu", {}, call.params.words("idlist"))
    call.cluster.check_lock(guest)
    call.config_lock(guest)
    for option in call.params.words("idlist"):
        delete_option(call.cluster, guest, option, force=call.params.flag("force"))
    call.cluster.touch(guest)
    return None


@answers("GET /nodes/{node}/qemu/{vmid}/cloudinit")
def get_cloudinit(call: Call) -> Answer:
    """Cloud-init options beside what the current image was made with."""
    guest = call.guest()
    rows: list[Row] = []
    names = [name for name in guest.config if name in CLOUDINIT or is_indexed(name, "ipconfig")]
    for name in sorted({*names, *guest.cloudinit}):
        hidden = name == "cipassword"
        now = guest.config.get(name)
        row: Row = {"key": name}
        if name in guest.cloudinit:
            before = guest.cloudinit[name]
            if before:
                row["value"] = _HIDDEN if hidden else before
            if now is not None:
                row["pending"] = _HIDDEN if hidden else now
            else:
                row["delete"] = 1
        elif now is not None:
            row["value"] = _HIDDEN if hidden else now
        rows.append(row)
    return rows


@answers("PUT /nodes/{node}/qemu/{vmid}/cloudinit")
def regenerate_cloudinit(call: Call) -> Answer:
    """Write the cloud-init image anew."""
    guest = call.guest()
    call.config_lock(guest)
    call.cluster.check_lock(guest)
    guest.cloudinit.clear()
    return None


@answers("GET /nodes/{node}/qemu/{vmid}/cloudinit/dump")
def dump_cloudinit(call: Call) -> Answer:
    """The generated files."""
    guest, config = call.guest(), call.guest().config
    sort = call.params.text("type")
    if sort == "meta":
        return f"instance-id: {guest.digest()}\n"
    if sort == "network":
        lines = ["version: 1", "config:"]
        for name in sorted(name for name in config if is_indexed(name, "ipconfig")):
            pairs = parse_properties(config[name], "ip")
            mac = config.get(f"net{name.removeprefix('ipconfig')}", "").partition("=")[2].partition(",")[0]
            lines += ["    - type: physical", f"      name: eth{name.removeprefix('ipconfig')}"]
            lines += [f"      mac_address: '{mac.lower()}'", "      subnets:"]
            address = pairs.get("ip", "dhcp")
            lines.append("      - type: dhcp4" if address == "dhcp" else "      - type: static")
            if address != "dhcp":
                lines.append(f"        address: '{address}'")
            if "gw" in pairs:
                lines.append(f"        gateway: '{pairs['gw']}'")
        return "\n".join(lines) + "\n"
    lines = ["#cloud-config", f"hostname: {guest.name}", "manage_etc_hosts: true"]
    if "ciuser" in config:
        lines.append(f"user: {config['ciuser']}")
    if "cipassword" in config:
        lines.append("password: $5$simulated")
    if "sshkeys" in config:
        lines.append("ssh_authorized_keys:")
        lines += [f"  - {key}" for key in unquote(config["sshkeys"]).splitlines() if key]
    return "\n".join(lines) + "\n"
