"""The configuration and the control room, as the operator's commands need them."""

from __future__ import annotations

import getpass
from pathlib import Path

from holdfast.appliances.kinds import settings_classes
from holdfast.config import Config, TargetSettings, default_config_path, load_config
from holdfast.control.parts import Parts
from holdfast.control.room import ControlRoom
from holdfast.errors import UnknownTargetError


def configuration(config_file: Path | None) -> Config:
    """The configuration that a server with the same option would read.

    Raises:
        ConfigError: It cannot be used.
    """
    return load_config(config_file or default_config_path(), settings_classes())


def named_target(config: Config, name: str) -> TargetSettings:
    """The target called NAME or KIND.NAME.

    Raises:
        UnknownTargetError: There is none, or several kinds have one.
    """
    targets = config.targets
    found = [target for target in targets if name in (target.name, target.label)]
    if len(found) != 1:
        labels = ", ".join(target.label for target in targets)
        raise UnknownTargetError(f"{len(found)} targets are called {name}.", next_step=f"Targets: {labels}.")
    return found[0]


def control_parts(config_file: Path | None) -> Parts:
    """Plans, approvals, ledger and kill switch of the installation.

    Raises:
        ConfigError, LedgerError: The configuration or the state directory cannot be used.
    """
    return ControlRoom(configuration(config_file)).parts()


def operator() -> str:
    """Who runs this command, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
