"""Dell iDRAC, through Redfish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import exports

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient, open_client
    from holdfast.appliances.idrac.settings import IDracSettings

__all__ = ["IDracClient", "IDracSettings", "open_client"]

__getattr__ = exports(__name__, {"IDracClient": "client", "IDracSettings": "settings", "open_client": "client"})
