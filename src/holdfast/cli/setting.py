"""The configuration and the control room, as the operator's commands need them."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from holdfast.appliances.kinds import settings_classes
from holdfast.config import Config, TargetSettings, default_config_path, load_config
from holdfast.control.parts import Parts, make_parts
from holdfast.control.room import ControlRoom
from holdfast.errors import LedgerError, UnknownTargetError


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


def control_parts(config_file: Path | None, approver: Path | None = None) -> Parts:
    """Plans, approvals, ledger and kill switch of the installation, with the approver's key where a file is named.

    Raises:
        ConfigError, LedgerError: The configuration or the state directory cannot be used.
    """
    config = configuration(config_file)
    room = ControlRoom(config)
    if approver is None:
        return room.parts()
    return make_parts(config.control, room.state_dir, room.redactor, approver=approver)


async def recorded(parts: Parts, event: str, what_stands: str, **facts: str) -> None:
    """Put on the ledger what an operator's command has done; where that fails, say that it is done nevertheless."""
    try:
        await parts.ledger.event(event, by=operator(), **facts)
        await parts.ledger.close()
    except LedgerError as error:
        why = error.message.removesuffix(" Nothing was executed.")
        print(f"{what_stands} It could not be recorded on the ledger: {why}", file=sys.stderr)
        if error.next_step:
            print(f"  {error.next_step}", file=sys.stderr)


def operator() -> str:
    """Who runs this command, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
