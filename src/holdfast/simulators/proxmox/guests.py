"""Guests: configuration files with pending changes, snapshots and run state (contract sections 8, 11, 12)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from holdfast.simulators.proxmox.values import number

MIB: Final = 1024**2
GIB: Final = 1024**3
_UNITS: Final = {"K": 1024, "M": MIB, "G": GIB, "T": 1024 * GIB}

DRIVES: Final = ("ide", "sata", "scsi", "virtio")
SINGLE_DRIVES: Final = ("efidisk0", "tpmstate0")


def parse_size(text: str) -> int:
    """Bytes behind `32G`, `512M`, `1.5T` or a plain number."""
    unit = _UNITS.get(text[-1:], 1)
    return int(float(text[:-1] if unit > 1 else text) * unit)


def format_size(size: int) -> str:
    """Bytes the way configuration files write them: the largest unit that leaves no rest."""
    for letter in "TGMK":
        unit = _UNITS[letter]
        if size >= unit and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)


def parse_properties(text: str, default: str) -> dict[str, str]:
    """`key=value` pairs in order; a bare word belongs to the default key."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, separator, value = part.partition("=")
        found[name if separator else default] = value if separator else name
    return found


def print_properties(values: dict[str, str], default: str) -> str:
    """The inverse of `parse_properties`, default key first and bare."""
    first = [values[default]] if default in values else []
    return ",".join([*first, *(f"{name}={value}" for name, value in values.items() if name != default)])


@dataclass
class Snapshot:
    """A snapshot: the configuration at that moment and what was saved with it."""

    name: str
    config: dict[str, str]
    snaptime: int
    description: str = ""
    parent: str | None = None
    vmstate: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a program in the guest ends, and after how many seconds."""

    code: int = 0
    out: str = ""
    err: str = ""
    seconds: float = 0.05


@dataclass(frozen=True)
class AgentCommand:
    """A program that the guest agent has started; the time is in seconds since the epoch."""

    ends_at_s: float
    outcome: Outcome


@dataclass
class Seen:
    """What the statistics daemon last told the cluster about a guest."""

    running: bool
    started_s: float
    name: str
    template: bool


@dataclass(eq=False)
class Guest:
    """A virtual machine ("qemu") or container ("lxc")."""

    vmid: int
    kind: str
    node: str
    config: dict[str, str]
    pending: dict[str, str] = field(default_factory=dict)
    pending_delete: dict[str, bool] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    parent: str | None = None
    running: bool = False
    paused: bool = False
    started_s: float = 0.0
    pid: int = 0
    live: dict[str, str] = field(default_factory=dict)
    address: str | None = None
    deaf: bool = False
    seen: Seen | None = None
    cloudinit: dict[str, str] = field(default_factory=dict)
    commands: dict[int, AgentCommand] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    frozen: bool = False

    @property
    def word(self) -> str:
        """What messages call it."""
        return "VM" if self.kind == "qemu" else "CT"

    @property
    def name(self) -> str:
        """Its name, or the one the product makes up."""
        key = "name" if self.kind == "qemu" else "hostname"
        return self.config.get(key) or f"{self.word}{'' if self.kind == 'lxc' else ' '}{self.vmid}"

    @property
    def lock(self) -> str | None:
        """The reason in the configuration why it may not be changed, if any."""
        return self.config.get("lock")

    @property
    def template(self) -> bool:
        """Whether it was made a template."""
        return self.config.get("template") == "1"

    @property
    def protected(self) -> bool:
        """Whether removal of it and its disks is forbidden."""
        return self.config.get("protection") == "1"

    @property
    def config_path(self) -> str:
        """The file name that error texts show, below the cluster file system."""
        return config_path(self.node, self.kind, self.vmid)

    @property
    def lock_path(self) -> str:
        """The lock file that error texts show."""
        return lock_path(self.kind, self.vmid)

    @property
    def current(self) -> dict[str, str]:
        """The configuration the running guest was started with; the written one when it is stopped."""
        return self.live if self.running else self.config

    def memory_bytes(self) -> int:
        """Configured memory."""
        text = self.config.get("memory", "512").partition(",")[0].removeprefix("current=")
        return int(number(text, 512)) * MIB

    def cpus(self) -> float:
        """Virtual processors."""
        cores = number(self.config.get("cores"), 1)
        if self.kind == "lxc":
            return number(self.config.get("cores"), 4)
        return number(self.config.get("vcpus"), cores * number(self.config.get("sockets"), 1))

    def drive_keys(self) -> list[str]:
        """Configuration keys that hold disks, in the product's order."""
        if self.kind == "lxc":
            return [key for key in sorted(self.config) if key == "rootfs" or is_indexed(key, "mp")]
        return [key for key in self.config if is_drive(key)]

    def boot_drive(self) -> str | None:
        """The disk whose size stands for the guest's in listings."""
        if self.kind == "lxc":
            return "rootfs" if "rootfs" in self.config else None
        order = parse_properties(self.config.get("boot", ""), "legacy").get("order", "")
        wanted = [key for key in order.split(";") if key in self.config and is_drive(key)]
        return next(iter([*wanted, *self.drive_keys()]), None)

    def disk_bytes(self) -> int:
        """Size of the boot disk."""
        key = self.boot_drive()
        return parse_size(parse_properties(self.config[key], "file").get("size", "0")) if key else 0

    def digest(self) -> str:
        """SHA-1 of the configuration file: every write changes it, equal content has the same."""
        lines = [f"{key}: {value}" for key, value in sorted(self.config.items())]
        lines += [f"pending {key}: {value}" for key, value in sorted(self.pending.items())]
        lines += [f"pending delete {key}: {force}" for key, force in sorted(self.pending_delete.items())]
        if self.parent:
            lines.append(f"parent: {self.parent}")
        for name, snapshot in sorted(self.snapshots.items()):
            lines.append(f"[{name}] {snapshot.snaptime} {snapshot.description} {snapshot.parent} {snapshot.vmstate}")
            lines += [f"{key}: {value}" for key, value in sorted(snapshot.config.items())]
        return hashlib.sha1("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


def config_path(node: str, kind: str, vmid: int) -> str:
    """Where the configuration of a guest lies."""
    return f"nodes/{node}/{'qemu-server' if kind == 'qemu' else 'lxc'}/{vmid}.conf"


def lock_path(kind: str, vmid: int) -> str:
    """Where the configuration lock of a guest lies."""
    return f"/var/lock/qemu-server/lock-{vmid}.conf" if kind == "qemu" else f"/run/lock/lxc/pve-config-{vmid}.lock"


@lru_cache(maxsize=4096)
def is_indexed(key: str, *prefixes: str) -> bool:
    """Whether a key is one of the prefixes followed by a number."""
    return any(key.startswith(prefix) and key.removeprefix(prefix).isdigit() for prefix in prefixes)


@lru_cache(maxsize=4096)
def is_drive(key: str) -> bool:
    """Whether a virtual machine's option names a drive."""
    return key in SINGLE_DRIVES or is_indexed(key, *DRIVES)


def is_cdrom(value: str) -> bool:
    """Whether a drive is a CD (cloud-init drives included)."""
    return parse_properties(value, "file").get("media") == "cdrom"
