"""One grammar for each kind of identifier that the four appliances use.

Facts are of the wire contracts (Proxmox §4, pfSense §7.2 and §12, TrueNAS §15, iDRAC §2 and §15) and of the vendors'
schemas. Where a vendor accepts more than a path, a query or a log can carry without harm, the grammar is narrower; what
is left out is said at the kind. A value that fits is still percent-encoded when it becomes part of a path.

No grammar accepts an empty text, `.` or `..` as a part of a path, a control character, a blank at either end, or a
character outside of ASCII.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from holdfast.control.grammar import Grammar

_NODE: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_STORAGE: Final = r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]"
_PVE_USER: Final = r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*@[A-Za-z][A-Za-z0-9_.-]+"
_PVE_NAME: Final = r"[A-Za-z][A-Za-z0-9_.-]+"
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ZFS_PART: Final = r"\.?[A-Za-z0-9_](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?"
_ZFS_POOL: Final = r"[A-Za-z](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?"
_DATASET: Final = rf"{_ZFS_POOL}(?:/{_ZFS_PART})*"
_ZFS_SNAPSHOT: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?"
_PATH_PART: Final = r"\.?[A-Za-z0-9_@](?:[A-Za-z0-9_.:@+=, -]*[A-Za-z0-9_.:@+=,-])?"
_VOLUME_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9_.:+@=,~-]*"
_PORT: Final = r"[1-9][0-9]{0,4}"
_IP: Final = r"[0-9A-Fa-f:.]{2,45}"
_PF_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,31}(?:\.[0-9]{1,4})?", re.ASCII)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    address, _, prefix = text.partition("/")
    if not _is_ip(address) or (prefix.startswith("0") and prefix != "0"):
        return False
    return int(prefix) <= ipaddress.ip_address(address).max_prefixlen


def _is_ip_or_network(text: str) -> bool:
    return _is_network(text) if "/" in text else _is_ip(text)


def _are_ports(text: str) -> bool:
    low, _, high = text.partition(":")
    return int(low) <= int(high or low) <= 65535


# --- several appliances -----------------------------------------------------------------------------------------------

TargetName: TypeAlias = Annotated[
    str, Grammar("target name", r"[a-z0-9][a-z0-9_-]{0,31}", 32, "name of a configured target", ("pve-rack1", "nas"))
]
PlanId: TypeAlias = Annotated[str, Grammar("plan id", r"plan-[a-z2-7]{16}", 21, "plan id", ("plan-abcdefghijklmnop",))]
Uuid: TypeAlias = Annotated[
    str,
    Grammar(
        "UUID",
        r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        36,
        "UUID",
        ("4c4c4544-0048-5810-8051-b7c04f345432",),
    ),
]
IpAddress: TypeAlias = Annotated[
    str, Grammar("IP address", _IP, 45, "IPv4 or IPv6 address", ("10.20.0.1", "fd00::1", "::ffff:10.0.0.1"), _is_ip)
]
Cidr: TypeAlias = Annotated[
    str,
    Grammar("network", rf"{_IP}/[0-9]{{1,3}}", 49, "network as address/prefix", ("10.20.0.0/24", "::/0"), _is_network),
]
IpOrCidr: TypeAlias = Annotated[
    str,
    Grammar(
        "address or network",
        rf"{_IP}(?:/[0-9]{{1,3}})?",
        49,
        "IP address or network as address/prefix",
        ("10.20.0.1", "10.20.0.0/24"),
        _is_ip_or_network,
    ),
]
HostName: TypeAlias = Annotated[str, Grammar("host name", _LABEL, 63, "host name, one label", ("web", "pve-1"))]
Fqdn: TypeAlias = Annotated[
    str, Grammar("domain name", rf"{_LABEL}(?:\.{_LABEL})*", 253, "DNS name", ("nas.rack.example", "_acme.example.net"))
]
HostOrIp: TypeAlias = Annotated[
    str,
    Grammar(
        "host",
        rf"(?:{_LABEL}(?:\.{_LABEL})*|[0-9A-Fa-f.]*:{_IP})",
        253,
        "DNS name or IP address",
        ("nas.rack.example", "10.20.0.1", "fd00::1"),
        lambda text: _is_ip(text) if ":" in text or text.replace(".", "").isdigit() else True,
    ),
]
PortRange: TypeAlias = Annotated[
    str, Grammar("port", rf"{_PORT}(?::{_PORT})?", 11, "port 1-65535, or low:high", ("443", "8000:8080"), _are_ports)
]
Mac: TypeAlias = Annotated[
    str,
    Grammar(
        "MAC address", r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", 17, "MAC as aa:bb:cc:dd:ee:ff", ("bc:24:11:5e:01:01",)
    ),
]
Timestamp: TypeAlias = Annotated[
    str,
    Grammar(
        "time",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
        35,
        "time as 2026-11-23T12:00:00Z",
        ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00.125+01:00"),
    ),
]
Sha256: TypeAlias = Annotated[
    str, Grammar("SHA-256", r"[0-9a-f]{64}", 64, "SHA-256, 64 hex digits", ("0123456789abcdef" * 4,))
]
UserName: TypeAlias = Annotated[
    str, Grammar("user name", r"[A-Za-z0-9_][A-Za-z0-9_.-]*", 32, "user name", ("root", "svc_backup", "j.doe"))
]

# --- Proxmox VE -------------------------------------------------------------------------------------------------------

NodeName: TypeAlias = Annotated[str, Grammar("node", _NODE, 63, "Proxmox node name", ("pve1", "pve-rack-2"))]
Vmid: TypeAlias = Annotated[int, Field(strict=True, ge=100, le=999_999_999, description="VM or container id")]
StorageId: TypeAlias = Annotated[
    str, Grammar("storage", _STORAGE, 100, "Proxmox storage id", ("local-lvm", "nas-vms", "pbs.main"))
]
VolumeId: TypeAlias = Annotated[
    str,
    Grammar(
        "volume id",
        rf"{_STORAGE}:{_VOLUME_PART}(?:/{_VOLUME_PART})*",
        255,
        "volume id STORAGE:volume (no blanks)",
        (
            "local:iso/debian-12.7.0-amd64-netinst.iso",
            "local-lvm:vm-101-disk-0",
            "nas-vms:101/vm-101-disk-0.qcow2",
            "local:backup/vzdump-qemu-101-2026_11_20-02_00_00.vma.zst",
            "pbs:backup/vm/101/2026-11-20T02:00:00Z",
        ),
    ),
]
SnapshotName: TypeAlias = Annotated[
    str,
    Grammar(
        "snapshot name",
        r"[A-Za-z][A-Za-z0-9_-]+",
        40,
        "snapshot name: letter, then letters, digits, _ or -; not current or pending",
        ("before-upgrade", "s1"),
        lambda text: text.lower() not in ("current", "pending"),
    ),
]
Upid: TypeAlias = Annotated[
    str,
    Grammar(
        "UPID",
        rf"UPID:{_NODE}:[0-9A-Fa-f]{{8}}:[0-9A-Fa-f]{{8,9}}:[0-9A-Fa-f]{{8}}:[A-Za-z0-9_-]+:[A-Za-z0-9_.@!+=~,-]*"
        r":[A-Za-z0-9_][A-Za-z0-9_.+@!-]*:",
        256,
        "Proxmox task id (UPID:…:)",
        (
            "UPID:pve1:0003FA2B:01A2B3C4:67A1B2C3:qmstart:101:root@pam:",
            "UPID:pve1:0003FA2B:101A2B3C4:67A1B2C3:srvreload:networking:ops@pve!holdfast:",
            "UPID:pve-2:0003FA2B:01A2B3C4:67A1B2C3:vzdump::root@pam:",
        ),
    ),
]
PveUserId: TypeAlias = Annotated[
    str, Grammar("user id", _PVE_USER, 64, "Proxmox user id user@realm", ("root@pam", "joe@corp.example@ad"))
]
PveTokenId: TypeAlias = Annotated[
    str,
    Grammar("token id", rf"{_PVE_USER}!{_PVE_NAME}", 128, "Proxmox token id user@realm!name", ("ops@pve!holdfast",)),
]
PveName: TypeAlias = Annotated[
    str, Grammar("name", _PVE_NAME, 64, "name: letter, then letters, digits, _ . -", ("pve", "PVEAuditor", "holdfast"))
]
PoolId: TypeAlias = Annotated[
    str,
    Grammar(
        "pool",
        r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,2}",
        120,
        "Proxmox pool id",
        ("prod/web",),
    ),
]
NetInterface: TypeAlias = Annotated[
    str,
    Grammar(
        "interface",
        r"[A-Za-z][A-Za-z0-9_]{1,19}(?:[.:][0-9]{1,4})?",
        24,
        "network interface name",
        ("vmbr0", "eno1", "bond0.10", "enp3s0f0np0"),
    ),
]
Bridge: TypeAlias = Annotated[
    str, Grammar("bridge", r"[A-Za-z][A-Za-z0-9_.-]{1,31}", 32, "bridge or VNet name", ("vmbr0", "vmbr0.100", "vnet_a"))
]
DiskKey: TypeAlias = Annotated[
    str,
    Grammar(
        "disk key",
        r"(?:(?:ide|sata|scsi|virtio|unused|mp|efidisk|tpmstate)[0-9]{1,3}|rootfs)",
        16,
        "disk key of a guest: scsi0, rootfs, mp0",
        ("scsi0", "rootfs", "mp12", "efidisk0"),
    ),
]
HaSid: TypeAlias = Annotated[
    str, Grammar("HA resource", r"(?:vm|ct):[1-9][0-9]{2,8}", 12, "HA resource as vm:100 or ct:100", ("vm:101",))
]
ReplicationJobId: TypeAlias = Annotated[
    str, Grammar("replication job", r"[1-9][0-9]{2,8}-[0-9]{1,9}", 19, "replication job VMID-N", ("101-0",))
]
GuestTag: TypeAlias = Annotated[
    str, Grammar("tag", r"[A-Za-z0-9_][A-Za-z0-9_+.-]*", 128, "guest tag", ("prod", "team-a"))
]

# --- pfSense ----------------------------------------------------------------------------------------------------------

PfInterface: TypeAlias = Annotated[
    str,
    Grammar(
        "interface",
        r"[A-Za-z][A-Za-z0-9_]{0,26}(?:\.[0-9]{1,4})?",
        32,
        "interface: wan, lan, optN or device",
        ("wan", "opt3", "igb0.10"),
    ),
]
AliasName: TypeAlias = Annotated[
    str,
    Grammar(
        "alias name",
        r"[A-Za-z0-9_]+",
        31,
        "alias name: letters, digits, _; not only digits",
        ("nas_hosts", "web_ports"),
        lambda text: not text.isdigit(),
    ),
]
GatewayName: TypeAlias = Annotated[
    str, Grammar("gateway name", r"[A-Za-z0-9_]+", 31, "gateway name: letters, digits, _", ("WAN_DHCP",))
]
ObjectIndex: TypeAlias = Annotated[
    int, Field(strict=True, ge=0, le=65_535, description="array position in the configuration; moves when others go")
]
PfObjectId: TypeAlias = Annotated[
    str, Grammar("object id", r"[A-Za-z0-9_]+", 32, "object id: number, or interface id", ("0", "17", "lan", "opt1"))
]
RuleTracker: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=99_999_999_999, description="tracker of a rule")]
PfAddress: TypeAlias = Annotated[
    str,
    Grammar(
        "address",
        rf"!?(?:any|\(self\)|{_IP}(?:/[0-9]{{1,3}})?|[A-Za-z0-9_]{{1,31}}(?:\.[0-9]{{1,4}})?(?::ip)?)",
        52,
        "IP, network, alias, interface, interface:ip, any or (self); ! in front inverts",
        ("any", "(self)", "lan", "lan:ip", "!nas_hosts", "10.20.0.0/24", "fd00::1"),
        lambda text: _is_pf_address(text),
    ),
]
PfPort: TypeAlias = Annotated[
    str,
    Grammar(
        "port",
        rf"(?:{_PORT}(?::{_PORT})?|[0-9]{{0,30}}[A-Za-z_][A-Za-z0-9_]{{0,30}})",
        31,
        "port 1-65535, low:high, or a port alias",
        ("443", "8000:8080", "web_ports"),
        lambda text: _are_ports(text) if text.replace(":", "").isdigit() else True,
    ),
]
RefId: TypeAlias = Annotated[
    str, Grammar("reference id", r"[0-9a-f]{13}", 13, "certificate reference id, 13 hex digits", ("5f1c0d3a9b2e4",))
]
PackageName: TypeAlias = Annotated[
    str, Grammar("package", r"[A-Za-z0-9][A-Za-z0-9_.+-]*", 100, "package name", ("pfSense-pkg-RESTAPI",))
]

# --- TrueNAS ----------------------------------------------------------------------------------------------------------

PoolName: TypeAlias = Annotated[str, Grammar("pool", _ZFS_POOL, 50, "ZFS pool name", ("tank", "backup pool"))]
DatasetPath: TypeAlias = Annotated[
    str,
    Grammar("dataset", _DATASET, 200, "dataset path pool/a/b", ("tank", "tank/vm", "tank/My Files", "tank/.system")),
]
ZfsSnapshotName: TypeAlias = Annotated[
    str, Grammar("snapshot name", _ZFS_SNAPSHOT, 200, "ZFS snapshot name, after the @", ("auto-2026-11-20_00-00",))
]
ZfsSnapshotId: TypeAlias = Annotated[
    str,
    Grammar(
        "snapshot", rf"{_DATASET}@{_ZFS_SNAPSHOT}", 255, "ZFS snapshot dataset@name", ("tank/vm@auto-2026-11-20_00-00",)
    ),
]
SharePath: TypeAlias = Annotated[
    str,
    Grammar("path", rf"/mnt(?:/{_PATH_PART})+", 1023, "path below /mnt", ("/mnt/tank/vm", "/mnt/tank/My Files/a=b")),
]
ServiceName: TypeAlias = Annotated[
    str, Grammar("service", r"[A-Za-z][A-Za-z0-9_@.-]{0,63}", 64, "service name", ("cifs", "iscsitarget", "pveproxy"))
]
JobNumber: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647, description="TrueNAS job id")]
AppName: TypeAlias = Annotated[
    str, Grammar("app", r"[a-z](?:[a-z0-9-]*[a-z0-9])?", 40, "app name: lower case, digits, -", ("jellyfin", "my-app"))
]
ShareName: TypeAlias = Annotated[
    str,
    Grammar("share", r"[A-Za-z0-9_](?:[A-Za-z0-9_. -]*[A-Za-z0-9_.-])?\$?", 80, "SMB share name", ("media", "Admin$")),
]
DiskName: TypeAlias = Annotated[
    str, Grammar("disk", r"[a-z]{2,8}[a-z0-9]{0,24}", 32, "disk name", ("sda", "nvme0n1", "da12"))
]

# --- Dell iDRAC -------------------------------------------------------------------------------------------------------

DellJobId: TypeAlias = Annotated[
    str,
    Grammar(
        "job id",
        r"(?:(?:JID|RID)_[0-9]{1,20}|[0-9a-z][0-9a-z-]{0,35})",
        36,
        "job id JID_… or RID_…, or another vendor's",
        ("JID_764401982115", "RID_764401982116"),
    ),
]
RedfishId: TypeAlias = Annotated[
    str,
    Grammar(
        "Redfish id",
        r"[A-Za-z0-9][A-Za-z0-9_.:+-]*",
        200,
        "Id of a Redfish resource",
        (
            "System.Embedded.1",
            "Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1",
            "Installed-25227-2.19.1__BIOS.Setup.1-1",
        ),
    ),
]
ServiceTag: TypeAlias = Annotated[str, Grammar("service tag", r"[A-Za-z0-9]{5,7}", 7, "Dell service tag", ("7HXQ4T2",))]
AttributeName: TypeAlias = Annotated[
    str,
    Grammar(
        "attribute",
        r"[A-Za-z][A-Za-z0-9_-]*(?:[.#][A-Za-z0-9_-]+)*",
        128,
        "attribute name: BootMode, NIC.1.DNSRacName",
        ("BootMode", "NIC.1.DNSRacName", "ServerBoot.1#BootOnce"),
    ),
]


def _is_pf_address(text: str) -> bool:
    bare = text.removeprefix("!")
    if text == "!any":
        return False
    if "/" in bare:
        return _is_network(bare)
    if bare == "(self)" or _is_ip(bare):
        return True
    name = bare.removesuffix(":ip")
    return _PF_NAME.fullmatch(name) is not None and not name.replace(".", "").isdigit()


def all_grammars() -> dict[str, Grammar]:
    """Every grammar of this module by the name of its type."""
    found: dict[str, Grammar] = {}
    for name, value in globals().items():
        metadata = getattr(value, "__metadata__", ())
        if metadata and isinstance(metadata[0], Grammar):
            found[name] = metadata[0]
    return found


def grammar_of(identifier: object) -> Grammar:
    """The grammar of an identifier type, for use outside of models: `grammar_of(NodeName).parse(text)`."""
    for part in getattr(identifier, "__metadata__", ()):
        if isinstance(part, Grammar):
            return part
    raise TypeError("the type has no grammar")
