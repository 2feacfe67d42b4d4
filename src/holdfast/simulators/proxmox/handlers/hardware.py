"""Hardware, capabilities and what is there to be used as storage (contract sections 15.8, 15.13)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.handlers.registries import MAPPINGS
from holdfast.simulators.proxmox.values import Row, split_list

_PCI: Final[tuple[Row, ...]] = (
    {
        "id": "0000:00:1f.2",
        "class": "0x010601",
        "vendor": "0x8086",
        "vendor_name": "Intel Corporation",
        "device": "0xa182",
        "device_name": "C620 Series Chipset Family SATA Controller [AHCI mode]",
        "iommugroup": 21,
    },
    {
        "id": "0000:3b:00.0",
        "class": "0x020000",
        "vendor": "0x14e4",
        "vendor_name": "Broadcom Inc. and subsidiaries",
        "device": "0x165f",
        "device_name": "NetXtreme BCM5720 Gigabit Ethernet PCIe",
        "iommugroup": 33,
    },
    {
        "id": "0000:af:00.0",
        "class": "0x030200",
        "vendor": "0x10de",
        "vendor_name": "NVIDIA Corporation",
        "device": "0x25b6",
        "device_name": "GA107GL [A2 / A16]",
        "iommugroup": 58,
        "mdev": 1,
    },
)
_HIDDEN_CLASSES: Final = "05;06;0b"


@answers("GET /nodes/{node}/hardware/pci")
def list_pci(call: Call) -> Answer:
    """PCI devices."""
    hidden = split_list(call.params.text("pci-class-blacklist", _HIDDEN_CLASSES))
    rows: list[Row] = []
    for device in _PCI:
        if str(device["class"]).removeprefix("0x").startswith(tuple(hidden) or ("none",)):
            continue
        kept = dict(device)
        if not call.params.flag("verbose", True):
            kept = {"id": device["id"]}
        rows.append(kept)
    return rows


@answers("GET /nodes/{node}/hardware/pci/{pci-id-or-mapping}/mdev")
def list_mediated(call: Call) -> Answer:
    """Mediated types of a PCI device."""
    ident = call.params.text("pci-id-or-mapping")
    known = [str(device["id"]) for device in _PCI]
    if ident not in MAPPINGS["pci"].all(call) and not any(ident.removeprefix("0000:") in one for one in known):
        raise ApiError(f"pci device '{ident}' not found")
    return [
        {"type": "nvidia-742", "name": "NVIDIA A2-2Q", "description": "num_heads=4, framebuffer=2048M", "available": 8}
    ]


@answers("GET /nodes/{node}/hardware/usb")
def list_usb(call: Call) -> Answer:
    """USB devices."""
    return [
        {
            "busnum": 1,
            "devnum": 2,
            "port": 0,
            "level": 1,
            "class": 9,
            "usbpath": "1-1",
            "vendid": "0624",
            "prodid": "0248",
            "speed": "480",
            "manufacturer": "Avocent",
            "product": "Virtual Hub",
        }
    ]


@answers("GET /nodes/{node}/capabilities/qemu/cpu")
def list_cpus(call: Call) -> Answer:
    """Processor models."""
    models = [(name, "default") for name in ("host", "kvm64", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4")]
    models += [("Icelake-Server", "GenuineIntel"), ("EPYC", "AuthenticAMD")]
    return [{"name": name, "vendor": vendor, "custom": 0} for name, vendor in models]


@answers("GET /nodes/{node}/capabilities/qemu/cpu-flags")
def list_flags(call: Call) -> Answer:
    """Processor flags that guests may be given."""
    return [
        {"name": "aes", "description": "Activate AES instruction set for HW acceleration."},
        {"name": "pdpe1gb", "description": "Allow guest OS to use 1GB size pages, if host HW supports it."},
        {"name": "spec-ctrl", "description": "Allows improved Spectre mitigation with Intel CPUs."},
    ]


@answers("GET /nodes/{node}/capabilities/qemu/machines")
def list_machines(call: Call) -> Answer:
    """Machine types."""
    versions = ("9.2", "9.0") if call.cluster.release.startswith("8") else ("10.1", "10.0", "9.2")
    return [
        {"id": f"pc-{kind}-{version}", "type": kind, "version": version}
        for kind in ("i440fx", "q35")
        for version in versions
    ]


@answers("GET /nodes/{node}/capabilities/qemu/migration")
def get_migration(call: Call) -> Answer:
    """What migrations of this node can carry."""
    return {"has-dbus-vmstate": 1}


# -- candidates for storages ------------------------------------------------------------------------------------------


@answers("GET /nodes/{node}/scan/nfs")
def scan_nfs(call: Call) -> Answer:
    """Exports of a server."""
    server = call.params.text("server")
    rows: list[Row] = [
        {"path": storage.options["export"], "options": "*"}
        for storage in call.cluster.storages.values()
        if storage.type == "nfs" and storage.options.get("server") == server
    ]
    if not rows:
        raise ApiError(f"command '/sbin/showmount --no-headers --exports {server}' failed: exit code 1")
    return rows


@answers(*(f"GET /nodes/{{node}}/scan/{kind}" for kind in ("cifs", "glusterfs", "iscsi", "pbs")))
def scan_absent(call: Call) -> Answer:
    """Servers of these kinds are not in the rack."""
    host = call.params.text("server") or call.params.text("portal")
    raise ApiError(f"error connecting to {host}: Connection timed out")


@answers("GET /nodes/{node}/scan/lvm")
def scan_lvm(call: Call) -> Answer:
    """Volume groups."""
    extra = [name for name, pool in call.member().pools.items() if pool["kind"] in ("lvm", "lvmthin")]
    return [{"vg": name} for name in ("pve", *extra)]


@answers("GET /nodes/{node}/scan/lvmthin")
def scan_thin(call: Call) -> Answer:
    """Thin pools of a volume group."""
    group = call.params.text("vg")
    if group == "pve":
        return [{"lv": "data"}]
    if call.member().pools.get(group, {}).get("kind") != "lvmthin":
        raise ApiError(f"no such volume group '{group}'")
    return [{"lv": group}]


@answers("GET /nodes/{node}/scan/zfs")
def scan_zfs(call: Call) -> Answer:
    """ZFS pools."""
    return [{"pool": name} for name, pool in call.member().pools.items() if pool["kind"] == "zfs"]
