"""Which privilege each option of a guest needs (contract section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from holdfast.simulators.proxmox.access import ROOT
from holdfast.simulators.proxmox.call import Call
from holdfast.simulators.proxmox.errors import ApiError, forbidden
from holdfast.simulators.proxmox.guests import is_cdrom, is_drive, is_indexed, parse_properties

_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "VM.Config.Disk": ("boot", "bootdisk", "vmstatestorage"),
    "VM.Config.CPU": ("affinity", "cores", "cpu", "cpulimit", "cpuunits", "numa", "smp", "sockets", "vcpus"),
    "VM.Config.Memory": ("allow-ksm", "balloon", "hugepages", "keephugepages", "memory", "shares", "swap"),
    "VM.Config.HWType": (
        "acpi",
        "arch",
        "audio0",
        "hotplug",
        "kvm",
        "machine",
        "rng0",
        "scsihw",
        "smbios1",
        "spice_enhancements",
        "tablet",
        "vga",
        "watchdog",
    ),
    "VM.Config.Options": (
        "agent",
        "autostart",
        "bios",
        "cmode",
        "console",
        "debug",
        "description",
        "entrypoint",
        "env",
        "freeze",
        "keyboard",
        "localtime",
        "migrate_downtime",
        "migrate_speed",
        "name",
        "onboot",
        "ostype",
        "protection",
        "reboot",
        "startdate",
        "startup",
        "tags",
        "tdf",
        "template",
        "timezone",
        "tty",
        "unprivileged",
        "vmgenid",
        "vmstatestorage",
    ),
    "VM.Config.Network": ("hostname",),
    "VM.Config.Cloudinit": ("cicustom", "cipassword", "citype", "ciupgrade", "ciuser", "sshkeys"),
}
_PRIVILEGE: Final = {option: privilege for privilege, options in _NEEDS.items() for option in options}


def require_option(call: Call, path: str, kind: str, option: str, *, value: str | None = None) -> None:
    """403 or 500 unless the caller may change this option; `path` is the guest's or the pool's it is created in."""
    if call.who == ROOT:
        return
    if kind == "qemu" and is_drive(option):
        if value is not None and is_cdrom(value):
            call.require(path, "VM.Config.CDROM")
        else:
            call.require(path, "VM.Config.Disk")
    elif is_indexed(option, "unused", "mp") or option == "rootfs":
        call.require(path, "VM.Config.Disk")
    elif is_indexed(option, "net") or (kind == "lxc" and option in ("nameserver", "searchdomain")):
        call.require(path, "VM.Config.Network")
    elif is_indexed(option, "ipconfig") or (kind == "qemu" and option in ("nameserver", "searchdomain")):
        call.require(path, "VM.Config.Cloudinit", "VM.Config.Network", any_of=True)
    elif is_indexed(option, "numa"):
        call.require(path, "VM.Config.CPU")
    elif option == "cdrom":
        call.require(path, "VM.Config.CDROM")
    elif option == "features":
        _require_features(call, path, value)
    elif is_indexed(option, "usb", "hostpci"):
        call.require(path, "VM.Config.HWType")
        if value is not None and "mapping=" not in value and "spice" not in value:
            raise ApiError(f"only root can set '{option}' config for real devices")
    elif is_indexed(option, "serial"):
        call.require(path, "VM.Config.HWType")
        if value not in (None, "socket"):
            raise ApiError(f"only root can modify '{option}' config for real devices")
    elif is_indexed(option, "dev"):
        raise forbidden("configuring device passthrough is only allowed for root@pam")
    elif option in _PRIVILEGE:
        call.require(path, _PRIVILEGE[option])
    else:
        raise ApiError(f"only root can set '{option}' config")


def _require_features(call: Call, path: str, value: str | None) -> None:
    call.require(path, "VM.Allocate")
    others = set(parse_properties(value or "", "nesting")) - {"nesting"}
    if others:
        raise forbidden("changing feature flags (except nesting) is only allowed for root@pam")


def require_options(call: Call, path: str, kind: str, values: dict[str, str], deleted: Iterable[str] = ()) -> None:
    """`require_option` for a whole change."""
    for option, value in values.items():
        require_option(call, path, kind, option, value=value)
    for option in deleted:
        require_option(call, path, kind, option)


def require_bridges(call: Call, values: dict[str, str]) -> None:
    """403 unless the caller may use the bridges of these network cards."""
    for option, value in values.items():
        bridge = parse_properties(value, "model").get("bridge") if is_indexed(option, "net") else None
        if bridge:
            zone = call.cluster.sections.get("sdn-vnets.running", {}).get(bridge, {}).get("zone", "localnetwork")
            call.require(f"/sdn/zones/{zone}/{bridge}", "SDN.Use")
