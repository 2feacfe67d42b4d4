"""The cluster's state at the start, made from the world."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Final

from holdfast.simulators.proxmox.access import ROOT, Grant, Group, Token, User
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.guests import Guest, format_size, parse_properties, parse_size
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.storages import FILE_TYPES, Storage, Volume
from holdfast.simulators.world import Guest as WorldGuest
from holdfast.simulators.world import Server, World

OPERATOR: Final = "ops@pve"
OPERATOR_TOKEN: Final = "holdfast"
AUDITOR: Final = "audit@pve"
_DAY: Final = 86_400
_MIB: Final = 1024**2
_UPDATES: Final = (
    ("libssl3t64", "3.5.1-1", "3.5.4-1~deb13u1"),
    ("pve-manager", "9.1.1", "9.1.4"),
    ("qemu-server", "9.1.0", "9.1.2"),
)


def build_cluster(world: World, clock: Callable[[], float], name: str, release: str) -> Cluster:
    """A cluster of the world's Proxmox servers, guests and storages, with an operator's and an auditor's account."""
    cluster = Cluster(release, world.cluster_name, clock, seed=f"{world.cluster_name}/{name}")
    for number, server in enumerate((one for one in world.servers if one.role == "proxmox"), start=1):
        cluster.nodes[server.hostname] = _node(number, server, world, cluster.now())
    _storages(cluster, world)
    for wanted in world.guests:
        _guest(cluster, wanted)
    for vmid, guest in cluster.guests.items():
        if cluster.nodes[guest.node].online:
            cluster.touch(guest)
        _disks(cluster, guest, cluster.now() - vmid % 97 * _DAY)
    _install_media(cluster)
    _accounts(cluster, name)
    cluster.timeline.before_event(cluster.now())
    return cluster


def _node(number: int, server: Server, world: World, now: float) -> Node:
    node = Node(
        name=server.hostname,
        number=number,
        ip=server.host_ip,
        server=server,
        domain=world.domain,
        booted_s=now - (20 + 7 * number) * _DAY,
    )
    if server.hostname in world.offline_nodes:
        node.online = False
        node.offline_since_s = now - 3600
    length = world.lan_network.rpartition("/")[2]
    node.interfaces = {
        "lo": {"type": "loopback", "method": "loopback", "autostart": "1"},
        "eno1": {"type": "eth", "method": "manual"},
        "eno2": {"type": "eth", "method": "manual"},
        "vmbr0": {
            "type": "bridge",
            "method": "static",
            "address": server.host_ip,
            "netmask": length,
            "cidr": f"{server.host_ip}/{length}",
            "gateway": world.firewall_lan_ip,
            "bridge_ports": "eno1",
            "bridge_stp": "off",
            "bridge_fd": "0",
            "autostart": "1",
        },
    }
    node.dns = {"search": world.domain, "dns1": world.firewall_lan_ip}
    others = [f"{one.host_ip} {one.hostname}.{world.domain} {one.hostname}" for one in world.servers]
    node.hosts = "\n".join(["127.0.0.1 localhost.localdomain localhost", *others]) + "\n"
    node.updates = list(_UPDATES)
    node.index_fetched_s = now - 0.5 * _DAY
    return node


def _storages(cluster: Cluster, world: World) -> None:
    cluster.storages["local"] = Storage(
        "local", "dir", {"path": "/var/lib/vz", "content": "iso,vztmpl,backup,snippets,import"}
    )
    cluster.storages["local-lvm"] = Storage(
        "local-lvm", "lvmthin", {"thinpool": "data", "vgname": "pve", "content": "images,rootdir"}
    )
    nas = next((server for server in world.servers if server.role == "truenas"), None)
    for share in world.shares:
        for storage in share.used_by:
            options = {
                "server": nas.host_ip if nas else "10.20.0.14",
                "export": share.path,
                "path": f"/mnt/pve/{storage}",
                "content": "backup" if "backup" in storage else "images,rootdir",
                "options": "vers=4.2",
            }
            cluster.storages[storage] = Storage(storage, share.kind, options)
    for guest in world.guests:
        if guest.storage not in cluster.storages:
            cluster.storages[guest.storage] = Storage(
                guest.storage, "zfspool", {"pool": guest.storage, "content": "images,rootdir", "sparse": "1"}
            )


def _guest(cluster: Cluster, wanted: WorldGuest) -> None:
    seed = random.Random(f"{cluster.name}/{wanted.vmid}")
    disk = f"size={format_size(wanted.disk_bytes)}"
    config: dict[str, str] = {"memory": str(wanted.memory_bytes // _MIB), "cores": str(wanted.cores)}
    if wanted.kind == "qemu":
        config |= {
            "name": wanted.name,
            "sockets": "1",
            "cpu": "x86-64-v2-AES",
            "ostype": "l26",
            "scsihw": "virtio-scsi-single",
            "boot": "order=scsi0;ide2",
            "ide2": "none,media=cdrom",
            "scsi0": f"{wanted.storage}:?,iothread=1,{disk}",
            "net0": f"virtio={wanted.mac.upper()},bridge=vmbr0,firewall=1",
            "agent": "1",
            "onboot": "1" if wanted.running else "0",
            "smbios1": f"uuid={uuid.UUID(int=seed.getrandbits(128), version=4)}",
            "vmgenid": str(uuid.UUID(int=seed.getrandbits(128), version=4)),
        }
    else:
        config |= {
            "hostname": wanted.name,
            "arch": "amd64",
            "ostype": "debian",
            "swap": "512",
            "unprivileged": "1",
            "features": "nesting=1",
            "rootfs": f"{wanted.storage}:?,{disk}",
            "net0": f"name=eth0,bridge=vmbr0,firewall=1,hwaddr={wanted.mac.upper()},ip=dhcp,type=veth",
        }
    if wanted.tags:
        config["tags"] = ";".join(sorted(tag.lower() for tag in wanted.tags))
    if wanted.lock:
        config["lock"] = wanted.lock
    # A stopped guest gets its address when it starts; the world numbers addresses by vmid.
    address = wanted.ip or f"{cluster.nodes[wanted.node].ip.rpartition('.')[0]}.{wanted.vmid % 254 + 1}"
    guest = Guest(wanted.vmid, wanted.kind, wanted.node, config, address=address)
    if wanted.running:
        guest.running = True
        guest.pid = 1000 + seed.randrange(60_000)
        guest.started_s = max(cluster.nodes[wanted.node].booted_s + 120, cluster.now() - seed.randrange(_DAY, 9 * _DAY))
    cluster.guests[wanted.vmid] = guest


def _disks(cluster: Cluster, guest: Guest, created: float) -> None:
    """Give the disks named `STORAGE:?` in the configuration their volumes."""
    for key, value in list(guest.config.items()):
        place, separator, rest = value.partition(":?")
        if not separator:
            continue
        storage = cluster.storages[place]
        suffix = "qcow2" if guest.kind == "qemu" else "raw"
        name = cluster.volumes.free_disk_name(storage, guest.node, guest.vmid, suffix)
        size = _size(rest)
        cluster.volumes.add(
            Volume(
                storage.name,
                name,
                "images" if guest.kind == "qemu" else "rootdir",
                suffix if storage.type in FILE_TYPES else "raw",
                size,
                int(created),
                node=None if storage.shared else guest.node,
                vmid=guest.vmid,
                used=size * 2 // 5,
            )
        )
        guest.config[key] = f"{place}:{name}{rest}"
    guest.live = dict(guest.config)


def _size(rest: str) -> int:
    """Bytes behind the `size=` option of a drive."""
    return parse_size(parse_properties(rest.lstrip(","), "file")["size"])


def _install_media(cluster: Cluster) -> None:
    created = int(cluster.now()) - 40 * _DAY
    local = cluster.storages["local"]
    for node in cluster.nodes:
        for name, content, form, size in (
            ("iso/debian-13.1.0-amd64-netinst.iso", "iso", "iso", 784 * _MIB),
            ("vztmpl/debian-13-standard_13.1-2_amd64.tar.zst", "vztmpl", "tzst", 124 * _MIB),
        ):
            cluster.volumes.add(Volume(local.name, name, content, form, size, created, node=node))


def _accounts(cluster: Cluster, name: str) -> None:
    access = cluster.access
    seed = random.Random(f"accounts of {cluster.name}/{name}")

    def secret() -> str:
        return str(uuid.UUID(int=seed.getrandbits(128), version=4))

    access.users[ROOT].password = secret()
    access.users[OPERATOR] = User(
        OPERATOR, password=secret(), groups={"operators"}, tokens={OPERATOR_TOKEN: Token(secret())}
    )
    access.users[AUDITOR] = User(AUDITOR, password=secret(), tokens={"read": Token(secret(), privsep=False)})
    access.groups["operators"] = Group("people who run the rack")
    access.grants = [
        Grant("/", "group", "operators", "Administrator"),
        Grant("/", "token", f"{OPERATOR}!{OPERATOR_TOKEN}", "Administrator"),
        Grant("/", "user", AUDITOR, "PVEAuditor"),
    ]
    access.changed()
    cluster.sections["domains"] = {
        "pam": {"type": "pam", "comment": "Linux PAM standard authentication"},
        "pve": {"type": "pve", "comment": "Proxmox VE authentication server"},
    }
