"""Pools and their members."""

from __future__ import annotations

from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import ApiError


def require_pool(cluster: Cluster, name: str | None) -> None:
    """500 when a pool is named that does not exist."""
    if name is not None and name not in cluster.pools:
        raise ApiError(f"pool '{name}' does not exist")


def add_guest(cluster: Cluster, pool: str, vmid: int) -> None:
    """Put a guest into a pool."""
    cluster.access.pool_of[f"/vms/{vmid}"] = pool
    cluster.access.changed()


def members(cluster: Cluster, pool: str) -> list[int]:
    """Guests of a pool."""
    return [
        int(path.removeprefix("/vms/"))
        for path, name in cluster.access.pool_of.items()
        if name == pool and path.startswith("/vms/")
    ]


def storages(cluster: Cluster, pool: str) -> list[str]:
    """Storages of a pool."""
    return [
        path.removeprefix("/storage/")
        for path, name in cluster.access.pool_of.items()
        if name == pool and path.startswith("/storage/")
    ]
