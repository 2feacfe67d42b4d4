"""The kinds of appliance, and their settings."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from holdfast.config import TargetSettings

KINDS: Final = ("pfsense", "truenas", "idrac", "proxmox")
TITLES: Final = {"pfsense": "pfSense", "truenas": "TrueNAS", "idrac": "Dell iDRAC", "proxmox": "Proxmox VE"}
_SETTINGS: Final = {
    "pfsense": "PfSenseSettings",
    "truenas": "TrueNASSettings",
    "idrac": "IDracSettings",
    "proxmox": "ProxmoxSettings",
}


def settings_class(kind: str) -> type[TargetSettings]:
    """The settings class of a kind of appliance."""
    module = import_module(f"holdfast.appliances.{kind}.settings")
    return cast("type[TargetSettings]", getattr(module, _SETTINGS[kind]))


def settings_classes() -> dict[str, type[TargetSettings]]:
    """The settings class of every kind, as `load_config` takes them."""
    return {kind: settings_class(kind) for kind in KINDS}
