"""Options of guests: types, hot-plug or pending, deletion (contract sections 4, 11, 12)."""

from __future__ import annotations

import re
from typing import Final

from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.disks import add_unused, destroy_volume, drive_volume
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.facts import Schema, method_table
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, is_drive, is_indexed, parse_properties
from holdfast.simulators.proxmox.values import Json
from holdfast.simulators.proxmox.verify import schema_of

CLOUDINIT: Final = frozenset(
    {"cicustom", "cipassword", "citype", "ciupgrade", "ciuser", "nameserver", "searchdomain", "sshkeys"}
)

# Options that take effect while a virtual machine runs, without any hot-plug.
_LIVE_QEMU: Final = frozenset(
    {"agent", "autostart", "balloon", "cpulimit", "cpuunits", "description", "hookscript", "lock", "migrate_downtime"}
    | {"migrate_speed", "name", "onboot", "ostype", "protection", "reboot", "shares", "startdate", "startup", "tags"}
    | {"tdf", "vmstatestorage"}
)
_LIVE_LXC: Final = frozenset(
    {"cores", "cpulimit", "cpuunits", "description", "hookscript", "hostname", "lock", "memory", "nameserver", "onboot"}
    | {"protection", "searchdomain", "startup", "swap", "tags"}
)
_HOTPLUG_DEFAULT: Final = "network,disk,usb"


def option_schemas(cluster: Cluster, kind: str) -> dict[str, Schema]:
    """Schemas of all options a guest's configuration may hold."""
    method = method_table(cluster.release).methods[f"PUT /nodes/{{node}}/{kind}/{{vmid}}/config"]
    beside = {"node", "vmid", "digest", "delete", "revert", "force", "skiplock", "background_delay"}
    return {name: schema for name, schema in method.schemas.items() if name not in beside}


def option_exists(cluster: Cluster, kind: str, name: str) -> bool:
    """Whether a name is an option of this kind of guest."""
    return schema_of(option_schemas(cluster, kind), name) is not None or name == "vmstate"


def typed(cluster: Cluster, kind: str, name: str, value: str) -> Json:
    """An option's value as the API gives it: numbers where the schema has numbers, strings elsewhere."""
    schema = schema_of(option_schemas(cluster, kind), name)
    sort = schema.get("type") if schema else None
    if sort in ("integer", "boolean") and re.fullmatch(r"-?\d+", value):
        return int(value)
    if sort == "number":
        parsed = float(value)
        return int(parsed) if parsed.is_integer() else parsed
    return value


def complete_net(cluster: Cluster, kind: str, value: str, schemas: dict[str, Schema]) -> str:
    """A network card with its MAC address, made up when none was given."""
    main = "model" if kind == "qemu" else "name"
    pairs = parse_properties(value, main)
    mac_key = "hwaddr"
    if kind == "qemu":
        models = schemas["net[n]"].get("keys")
        model = next(
            (key for key in pairs if isinstance(models, dict) and "keyAlias" in _mapping(models.get(key))), None
        )
        model, mac_key = model or pairs.pop("model", "virtio"), "macaddr"
        if model in pairs:
            pairs[mac_key] = pairs.pop(model)
        mac = pairs.pop(mac_key, None) or random_mac(cluster)
        rest = "".join(f",{key}={pairs[key]}" for key in sorted(pairs))
        return f"{model}={mac.upper()}{rest}"
    pairs[mac_key] = (pairs.get(mac_key) or random_mac(cluster)).upper()
    pairs.setdefault("type", "veth")
    return ",".join(f"{key}={pairs[key]}" for key in sorted(pairs, key=lambda key: (key != "name", key)))


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def random_mac(cluster: Cluster) -> str:
    """An address below the cluster's prefix."""
    prefix = cluster.options.get("mac_prefix", "BC:24:11").rstrip(":")
    missing = 6 - len(prefix.split(":"))
    return ":".join([prefix, *(f"{cluster.rng.randrange(256):02X}" for _ in range(missing))])


def applies_at_once(guest: Guest, option: str, old: str | None, new: str | None) -> bool:
    """Whether a change takes effect while the guest runs."""
    if not guest.running:
        return True
    if guest.kind == "lxc":
        return option in _LIVE_LXC or is_indexed(option, "net", "unused") or (is_indexed(option, "mp") and old is None)
    if option in _LIVE_QEMU or option in CLOUDINIT or is_indexed(option, "ipconfig", "unused"):
        return True
    hotplug = guest.config.get("hotplug", _HOTPLUG_DEFAULT)
    features = {"1": _HOTPLUG_DEFAULT, "0": ""}.get(hotplug, hotplug).split(",")
    if is_indexed(option, "net"):
        return "network" in features
    if is_indexed(option, "usb"):
        return "usb" in features
    if is_drive(option):
        return "disk" in features and _drive_hotplugs(option, old, new)
    return {"memory": "memory", "cores": "cpu", "vcpus": "cpu"}.get(option, "none") in features


def _drive_hotplugs(option: str, old: str | None, new: str | None) -> bool:
    """SCSI and virtio disks come and go; other buses only change the medium of a CD drive."""
    if is_indexed(option, "scsi", "virtio"):
        if old is None or new is None:
            return True
        fixed = ("file", "iothread", "aio", "cache", "discard", "ssd")
        before, after = parse_properties(old, "file"), parse_properties(new, "file")
        return is_cdrom(old) or all(before.get(name) == after.get(name) for name in fixed)
    return old is not None and new is not None and is_cdrom(old) and is_cdrom(new)


def write_option(guest: Guest, option: str, value: str) -> None:
    """Set an option now, or note it as pending."""
    old = guest.config.get(option)
    guest.pending_delete.pop(option, None)
    if applies_at_once(guest, option, old, value):
        guest.pending.pop(option, None)
        if old is not None and is_drive_key(guest, option):
            _release_drive(guest, option, replaced_by=value)
        guest.config[option] = value
        if guest.running:
            guest.live[option] = value
    elif old == value:
        guest.pending.pop(option, None)
    else:
        guest.pending[option] = value


def is_drive_key(guest: Guest, option: str) -> bool:
    """Whether an option names a disk of this kind of guest."""
    return is_drive(option) if guest.kind == "qemu" else option == "rootfs" or is_indexed(option, "mp")


def _release_drive(guest: Guest, option: str, replaced_by: str | None = None) -> None:
    """The volume of a drive is not used under this key any more; keep it as unused."""
    old = drive_volume(guest.kind, guest.config[option])
    cd = guest.kind == "qemu" and is_cdrom(guest.config[option])
    new = drive_volume(guest.kind, replaced_by) if replaced_by else None
    del guest.config[option]
    guest.live.pop(option, None)
    if old is not None and old != new and not cd:
        add_unused(guest, old)


def delete_option(cluster: Cluster, guest: Guest, option: str, *, force: bool) -> str | None:
    """Remove an option now or later; a warning when it was not set."""
    value = guest.config.get(option)
    pending = guest.pending.pop(option, None)
    if value is None:
        if pending is not None:
            volid = drive_volume(guest.kind, pending) if is_drive_key(guest, option) else None
            if volid is not None:
                add_unused(guest, volid)
            return None
        return f"cannot delete '{option}' - not set in current configuration!"
    if is_indexed(option, "unused") or option == "vmstate":
        if guest.protected:
            what = "vmstate" if option == "vmstate" else "unused disk"
            raise ApiError(f"can't remove {what} '{value}' - protection mode enabled")
        destroy_volume(cluster, guest.node, value)
        del guest.config[option]
        return None
    drive = is_drive_key(guest, option)
    if drive and guest.protected:
        raise ApiError(f"can't remove drive '{option}' - protection mode enabled")
    if not applies_at_once(guest, option, value, None):
        guest.pending_delete[option] = force
        return None
    if drive:
        _drop_from_boot(guest, option)
        cd = guest.kind == "qemu" and is_cdrom(value)
        volid = drive_volume(guest.kind, value)
        _release_drive(guest, option)
        if force and volid is not None and not cd:
            for key in [key for key, held in guest.config.items() if key.startswith("unused") and held == volid]:
                del guest.config[key]
            destroy_volume(cluster, guest.node, volid)
        return None
    del guest.config[option]
    guest.live.pop(option, None)
    return None


def _drop_from_boot(guest: Guest, option: str) -> None:
    order = parse_properties(guest.config.get("boot", ""), "legacy").get("order")
    if order and option in order.split(";"):
        guest.config["boot"] = "order=" + ";".join(part for part in order.split(";") if part != option)


def apply_pending(cluster: Cluster, guest: Guest) -> None:
    """Make pending changes current: the guest is starting or has stopped."""
    deleted, pending = dict(guest.pending_delete), dict(guest.pending)
    guest.pending.clear()
    guest.pending_delete.clear()
    running, guest.running = guest.running, False
    for option, force in deleted.items():
        delete_option(cluster, guest, option, force=force)
    for option, value in pending.items():
        write_option(guest, option, value)
    guest.running = running
