"""Proxmox VE: clusters and single nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import exports

if TYPE_CHECKING:
    from holdfast.appliances.proxmox.blocking import ProxmoxClient
    from holdfast.appliances.proxmox.client import AsyncProxmoxClient, open_client
    from holdfast.appliances.proxmox.settings import ProxmoxSettings

__all__ = ["AsyncProxmoxClient", "ProxmoxClient", "ProxmoxSettings", "open_client"]

__getattr__ = exports(
    __name__,
    {
        "AsyncProxmoxClient": "client",
        "ProxmoxClient": "blocking",
        "ProxmoxSettings": "settings",
        "open_client": "client",
    },
)
