"""Large worlds, to see that inventories stay cheap."""

from __future__ import annotations

from holdfast.simulators.world import Guest, Server, World

_GIB = 1024**3


def scaled_world(nodes: int = 64, guests: int = 10_000, *, running_share: float = 0.7) -> World:
    """A world of one cluster with that many nodes and guests; every tenth guest is a container."""
    servers = tuple(_server(number) for number in range(1, nodes + 1))
    return World(
        cluster_name="fleet",
        lan_network="10.64.0.0/16",
        servers=servers,
        guests=tuple(_guest(number, servers, running_share) for number in range(guests)),
        shares=(),
    )


def _server(number: int) -> Server:
    high, low = divmod(number, 250)
    return Server(
        hostname=f"node{number:03d}",
        role="proxmox",
        host_ip=f"10.64.{high}.{low + 1}",
        host_macs=(f"b0:7b:26:00:{number:02x}:10", f"b0:7b:26:00:{number:02x}:11"),
        bmc_ip=f"10.65.{high}.{low + 1}",
        bmc_mac=f"b0:7b:26:00:{number:02x}:01",
        service_tag=f"FL{number:05d}",
        model="PowerEdge R660",
        generation=9,
        disk_serials=(f"S7FL{number:04d}K",),
    )


def _guest(number: int, servers: tuple[Server, ...], running_share: float) -> Guest:
    vmid = 1000 + number
    running = number % 100 < running_share * 100
    container = number % 10 == 9
    return Guest(
        vmid=vmid,
        name=f"{'ct' if container else 'vm'}-{number:05d}",
        kind="lxc" if container else "qemu",
        node=servers[number % len(servers)].hostname,
        mac=f"bc:24:11:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        ip=f"10.66.{number // 250}.{number % 250 + 1}" if running else None,
        running=running,
        memory_bytes=(2 + number % 7) * _GIB,
        cores=1 + number % 8,
        disk_bytes=(8 + number % 25) * _GIB,
        storage="local-lvm",
        tags=("prod",) if number % 3 == 0 else (),
    )
