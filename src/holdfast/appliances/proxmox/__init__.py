"""Proxmox VE: clusters and single nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.appliances.proxmox.blocking import ProxmoxClient
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.settings import ProxmoxSettings

if TYPE_CHECKING:
    from holdfast.transport import ConnectionPool

__all__ = ["AsyncProxmoxClient", "ProxmoxClient", "ProxmoxSettings", "open_client"]


def open_client(settings: ProxmoxSettings, *, pool: ConnectionPool) -> AsyncProxmoxClient:
    """The client that the server uses; nothing is sent before its first call."""
    return AsyncProxmoxClient(settings, pool=pool)
