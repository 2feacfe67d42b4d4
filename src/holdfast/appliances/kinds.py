"""The kinds of appliance, and how to reach each room without importing the others."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from holdfast.config import TargetSettings

if TYPE_CHECKING:
    from holdfast.transport import ConnectionPool

KINDS: Final = ("pfsense", "truenas", "idrac", "proxmox")
TITLES: Final = {"pfsense": "pfSense", "truenas": "TrueNAS", "idrac": "Dell iDRAC", "proxmox": "Proxmox VE"}
_SETTINGS: Final = {
    "pfsense": "PfSenseSettings",
    "truenas": "TrueNASSettings",
    "idrac": "IDracSettings",
    "proxmox": "ProxmoxSettings",
}


class Breakable(Protocol):
    """What every appliance client offers to the floors above."""

    async def close(self) -> None:
        """End the session and release connections; never raises for an appliance that is away."""


def settings_class(kind: str) -> type[TargetSettings]:
    """The settings class of a kind of appliance."""
    module = import_module(f"holdfast.appliances.{kind}.settings")
    return cast("type[TargetSettings]", getattr(module, _SETTINGS[kind]))


def settings_classes() -> dict[str, type[TargetSettings]]:
    """The settings class of every kind, as `load_config` takes them."""
    return {kind: settings_class(kind) for kind in KINDS}
