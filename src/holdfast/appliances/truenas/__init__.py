"""TrueNAS 25.04 and newer, through JSON-RPC over one long-lived socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import exports

if TYPE_CHECKING:
    from holdfast.appliances.truenas.auth import AuthManager
    from holdfast.appliances.truenas.client import TrueNASClient, open_client
    from holdfast.appliances.truenas.settings import TrueNASSettings

__all__ = ["AuthManager", "TrueNASClient", "TrueNASSettings", "open_client"]

__getattr__ = exports(
    __name__,
    {"AuthManager": "auth", "TrueNASClient": "client", "TrueNASSettings": "settings", "open_client": "client"},
)
