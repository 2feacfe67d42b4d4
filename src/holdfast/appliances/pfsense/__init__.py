"""pfSense, through the REST API package version 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import exports

if TYPE_CHECKING:
    from holdfast.appliances.pfsense.client import HTTPPfSenseClient, open_client
    from holdfast.appliances.pfsense.settings import PfSenseSettings

__all__ = ["HTTPPfSenseClient", "PfSenseSettings", "open_client"]

__getattr__ = exports(__name__, {"HTTPPfSenseClient": "client", "PfSenseSettings": "settings", "open_client": "client"})
