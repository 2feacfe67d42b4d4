"""`holdfast kill` and `holdfast release`: stop all writes of all servers of this installation, and allow them again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast.cli.setting import control_parts, operator, recorded
from holdfast.control.parts import STOP_FILE, Parts
from holdfast.control.room import default_state_dir
from holdfast.errors import ConfigError, HoldfastError


def kill(config_file: Path | None, reason: str) -> None:
    """Stop all writes, at once and beyond restarts.

    Raises:
        ConfigError: Writes were not stopped; the next step says how to stop them without this command.
    """
    parts = _parts(config_file, "Writes were NOT stopped", _BY_HAND)
    try:
        parts.kill_switch.engage(reason=reason, who=operator())
    except OSError as error:
        raise ConfigError(
            f"Writes were NOT stopped: the switch cannot be written: {error.strerror}.", next_step=_BY_HAND
        ) from None
    print("All writes are stopped. Reads go on. holdfast release allows writes again.")
    asyncio.run(recorded(parts, "kill switch engaged", "All writes ARE stopped.", reason=reason))


def release(config_file: Path | None) -> None:
    """Allow writes again.

    Raises:
        ConfigError: They stay as they are.
    """
    parts = _parts(config_file, "Nothing was changed: writes stay stopped if they were", None)
    try:
        before = parts.kill_switch.release()
    except OSError as error:
        raise ConfigError(f"Writes stay stopped: the switch cannot be removed: {error.strerror}.") from None
    if not before.engaged:
        print("Writes were not stopped.")
        return
    print(f"Writes are allowed again (they were stopped by {before.who}: {before.reason}).")
    asyncio.run(recorded(parts, "kill switch released", "Writes ARE allowed again.", reason=before.reason or ""))


def _parts(config_file: Path | None, failed: str, how: str | None) -> Parts:
    try:
        return control_parts(config_file)
    except HoldfastError as error:
        why = error.message.removesuffix(" Nothing was executed.")
        raise ConfigError(f"{failed}: {why}", next_step=how or error.next_step) from None


_BY_HAND = (
    f"Writes go on. To stop them, create a file named {STOP_FILE} in the servers' state directory (state_dir under "
    f"[control], else {default_state_dir()}), or send SIGUSR1 to each of them."
)
