"""One consistent rack, seen from every side.

All simulators are built from the same `World`, so that a MAC address in the firewall's ARP table is the one that the
BMC reports for its host, and the service tag of a server is the serial number that its operating system sees.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Disk:
    """A disk as both sides see it: the BMC's storage inventory and the operating system. `media` is HDD or SSD."""

    slot: int
    serial: str
    model: str
    media: str
    capacity_bytes: int


@dataclass(frozen=True)
class Vlan:
    """A tagged network behind the firewall."""

    tag: int
    name: str
    network: str


@dataclass(frozen=True)
class Neighbour:
    """An address in use on a network of the rack. `what` is firewall, host, bmc or guest; `network` is lan or bmc."""

    ip: str
    mac: str
    hostname: str
    network: str
    what: str
    online: bool


@dataclass(frozen=True)
class Server:
    """A Dell server: its BMC and the host that runs on it.

    `role` says what runs on it: "proxmox", "truenas", or "bare" for nothing that is simulated.
    """

    hostname: str
    role: str
    host_ip: str
    host_macs: tuple[str, ...]
    bmc_ip: str
    bmc_mac: str
    service_tag: str
    model: str
    generation: int
    disk_serials: tuple[str, ...]
    cpu_model: str = "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"
    cpu_sockets: int = 2
    cpu_cores_per_socket: int = 32
    memory_bytes: int = 274_877_906_944

    @property
    def disks(self) -> tuple[Disk, ...]:
        """The disks in its bays: large and turning in a storage server, small and fast elsewhere."""
        storage = self.role == "truenas"
        return tuple(
            Disk(
                slot=slot,
                serial=serial,
                model="ST16000NM006J" if storage else "MZILT960HBHQ0D3",
                media="HDD" if storage else "SSD",
                capacity_bytes=16_000_900_661_248 if storage else 960_197_124_096,
            )
            for slot, serial in enumerate(self.disk_serials)
        )


@dataclass(frozen=True)
class Guest:
    """A virtual machine ("qemu") or container ("lxc") of the Proxmox cluster."""

    vmid: int
    name: str
    kind: str
    node: str
    mac: str
    ip: str | None
    running: bool
    memory_bytes: int
    cores: int
    disk_bytes: int
    storage: str
    lock: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Share:
    """A share of the TrueNAS system; `used_by` names Proxmox storages that mount it."""

    name: str
    kind: str
    path: str
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """The rack: one firewall, three Proxmox nodes, one TrueNAS system, and the BMC of each server."""

    domain: str = "rack.example"
    lan_network: str = "10.20.0.0/24"
    bmc_network: str = "10.20.9.0/24"
    firewall_hostname: str = "gate"
    firewall_lan_ip: str = "10.20.0.1"
    firewall_wan_ip: str = "198.51.100.7"
    firewall_wan_gateway: str = "198.51.100.1"
    firewall_macs: tuple[str, str] = ("00:08:a2:0c:11:01", "00:08:a2:0c:11:02")
    cluster_name: str = "rack"
    nas_pool: str = "tank"
    servers: tuple[Server, ...] = ()
    guests: tuple[Guest, ...] = ()
    shares: tuple[Share, ...] = ()
    offline_nodes: frozenset[str] = field(default_factory=frozenset)
    bmc_vlan_tag: int = 9

    @property
    def firewall_wan_mac(self) -> str:
        """MAC address of the firewall's outer interface."""
        return self.firewall_macs[0]

    @property
    def firewall_lan_mac(self) -> str:
        """MAC address of the firewall's inner interface, which also carries the VLANs."""
        return self.firewall_macs[1]

    @property
    def firewall_bmc_ip(self) -> str:
        """The firewall's address on the BMC network: its first."""
        return str(ipaddress.ip_network(self.bmc_network)[1])

    @property
    def vlans(self) -> tuple[Vlan, ...]:
        """The tagged networks on the firewall's inner interface."""
        return (Vlan(self.bmc_vlan_tag, "BMC", self.bmc_network),)

    def neighbours(self) -> Iterator[Neighbour]:
        """Who is on the networks: what ARP tables show while `online`, and what DHCP leases are for."""
        for network, ip in (("lan", self.firewall_lan_ip), ("bmc", self.firewall_bmc_ip)):
            yield Neighbour(ip, self.firewall_lan_mac, self.firewall_hostname, network, "firewall", online=True)
        for server in self.servers:
            online = server.hostname not in self.offline_nodes
            yield Neighbour(server.host_ip, server.host_macs[0], server.hostname, "lan", "host", online)
            yield Neighbour(server.bmc_ip, server.bmc_mac, f"{server.hostname}-bmc", "bmc", "bmc", online=True)
        for guest in self.guests:
            if guest.ip is not None:
                yield Neighbour(guest.ip, guest.mac, guest.name, "lan", "guest", guest.running)

    def server(self, hostname: str) -> Server:
        """The server of this host name; KeyError when there is none."""
        for server in self.servers:
            if server.hostname == hostname:
                return server
        raise KeyError(hostname)


def _server(number: int, hostname: str, role: str, model: str, generation: int, tag: str, disks: int) -> Server:
    return Server(
        hostname=hostname,
        role=role,
        host_ip=f"10.20.0.{10 + number}",
        host_macs=(f"b0:7b:25:d1:0{number}:10", f"b0:7b:25:d1:0{number}:11"),
        bmc_ip=f"10.20.9.{10 + number}",
        bmc_mac=f"b0:7b:25:d1:0{number}:01",
        service_tag=tag,
        model=model,
        generation=generation,
        disk_serials=tuple(f"S6{tag[:4]}{n:02d}K" for n in range(disks)),
    )


def default_world() -> World:
    """The rack that `holdfast simulate` and `holdfast demo` show."""
    gib = 1024**3
    servers = (
        _server(1, "pve1", "proxmox", "PowerEdge R640", 9, "7HXQ4T2", 4),
        _server(2, "pve2", "proxmox", "PowerEdge R660", 9, "9KMD1V3", 4),
        _server(3, "pve3", "proxmox", "PowerEdge R630", 8, "4PZL8N2", 4),
        _server(4, "nas1", "truenas", "PowerEdge R760xd2", 10, "2WJC6R4", 8),
    )

    def guest(
        vmid: int,
        name: str,
        node: str,
        *,
        kind: str = "qemu",
        running: bool = True,
        lock: str | None = None,
        storage: str = "nas-vms",
        tags: tuple[str, ...] = (),
    ) -> Guest:
        return Guest(
            vmid=vmid,
            name=name,
            kind=kind,
            node=node,
            mac=f"bc:24:11:5e:{vmid // 100:02d}:{vmid % 100:02d}",
            ip=f"10.20.0.{vmid}" if running else None,
            running=running,
            memory_bytes=(4 if kind == "qemu" else 1) * gib,
            cores=2,
            disk_bytes=32 * gib,
            storage=storage,
            lock=lock,
            tags=tags,
        )

    guests = (
        guest(101, "web", "pve1", tags=("prod",)),
        guest(102, "db", "pve1", tags=("prod",)),
        guest(103, "dns", "pve1", kind="lxc", storage="local-lvm"),
        guest(110, "build", "pve2", running=False),
        guest(111, "mail", "pve2", lock="backup"),
        guest(112, "wiki", "pve2", kind="lxc", running=False, storage="local-lvm"),
        guest(120, "metrics", "pve3", running=False, storage="local-lvm"),
    )
    shares = (
        Share("nas-vms", "nfs", "/mnt/tank/vms", used_by=("nas-vms",)),
        Share("nas-backup", "nfs", "/mnt/tank/backup", used_by=("nas-backup",)),
        Share("home", "smb", "/mnt/tank/home"),
    )
    return World(servers=servers, guests=guests, shares=shares, offline_nodes=frozenset({"pve3"}))


def with_servers(world: World, count: int) -> World:
    """The same rack with at least so many servers: bare ones are added, each with addresses and a tag of its own.

    They stand for a hall of machines that only their BMCs tell about; up to 60 000.
    """
    models = (("PowerEdge R640", 9), ("PowerEdge R660", 9), ("PowerEdge R630", 8), ("PowerEdge R770", 10))
    added = []
    for number in range(len(world.servers) + 1, count + 1):
        model, generation = models[number % len(models)]
        high, low = divmod(number, 250)
        mac = f"b0:7b:25:e{number >> 16:x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        added.append(
            Server(
                hostname=f"bare{number:05d}",
                role="bare",
                host_ip=f"10.21.{high}.{low + 1}",
                host_macs=(mac.replace("b0:7b:25", "b0:7b:26"), mac.replace("b0:7b:25", "b0:7b:27")),
                bmc_ip=f"10.22.{high}.{low + 1}",
                bmc_mac=mac,
                service_tag=_service_tag(number),
                model=model,
                generation=generation,
                disk_serials=(f"S7B{number:05d}A0", f"S7B{number:05d}B1"),
            )
        )
    return replace(world, servers=world.servers + tuple(added)) if added else world


def _service_tag(number: int) -> str:
    """Seven characters as Dell writes them, no two alike."""
    alphabet = "123456789BCDFGHJKLMNPQRSTVWXYZ"
    tag = ""
    for _ in range(4):
        number, digit = divmod(number, len(alphabet))
        tag = alphabet[digit] + tag
    return f"{tag}X{alphabet[len(alphabet) // 2]}4"
