"""What a change needs, put together from the state directory: by the server, and by the operator's commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.config import ControlSettings
from holdfast.control import statefiles
from holdfast.errors import ConfigError, LedgerError

if TYPE_CHECKING:
    from holdfast.control.approval import Approvals
    from holdfast.control.approvalkeys import Approver, Checker
    from holdfast.control.killswitch import KillSwitch
    from holdfast.control.ledger import Ledger
    from holdfast.control.plans import PlanStore
    from holdfast.control.redaction import Redactor
    from holdfast.control.writes import Changes

KEY_FILE: Final = "key"
LEDGER_DIR: Final = "ledger"
STOP_FILE: Final = "stop"


@dataclass(frozen=True)
class Parts:
    """The parts of an installation's control room that keep state."""

    plans: PlanStore
    approvals: Approvals
    ledger: Ledger
    kill_switch: KillSwitch
    changes: Changes


def make_parts(
    settings: ControlSettings,
    state_dir: Path,
    redactor: Redactor,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], float] = time.time,
    *,
    approver: Path | None = None,
) -> Parts:
    """Open the state directory, creating it (mode 0700) and the installation's key (0600) when missing.

    Args:
        settings: The installation's.
        state_dir: Where its state is kept.
        redactor: Everything that is kept passes it.
        sleep, now: Time.
        approver: File of the private key of who approves; without it approvals are only checked where the settings
            name a public key, and made with the installation's key where they name none.

    Raises:
        ConfigError: The directory or a key is open to others, or the approver's key is not that of the settings.
        LedgerError: The directory cannot be written. Nothing was executed.
    """
    from holdfast.control.approval import Approvals
    from holdfast.control.exit import OneExit
    from holdfast.control.killswitch import KillSwitch
    from holdfast.control.ledger import Ledger
    from holdfast.control.plans import PlanStore
    from holdfast.control.statestore import FileState
    from holdfast.control.writes import Changes

    try:
        directory = statefiles.private_dir(state_dir)
        key = statefiles.load_or_create_key(directory / KEY_FILE)
        state = FileState(directory / "state")
    except OSError as error:
        raise LedgerError(
            f"The state directory {state_dir} cannot be written: {error.strerror}. Nothing was executed.",
            next_step="Set state_dir under [control] to a directory that the server may write.",
        ) from None
    plans = PlanStore(state, key)
    approvals = Approvals(state, key, redactor=redactor, decisions=_decisions(settings, approver))
    ledger = Ledger(directory / LEDGER_DIR, redactor=redactor, key=key, now=now)
    kill_switch = KillSwitch(directory / STOP_FILE)
    changes = Changes(
        settings,
        plans=plans,
        approvals=approvals,
        ledger=ledger,
        kill_switch=kill_switch,
        leave=OneExit(redactor),
        sleep=sleep,
    )
    return Parts(plans, approvals, ledger, kill_switch, changes)


def _decisions(settings: ControlSettings, approver: Path | None) -> Checker | Approver | None:
    """Signs or checks decisions of an approver with a key of its own; None: the installation's key does both."""
    from holdfast.control.approvalkeys import Ed25519Approver, Ed25519Checker

    wanted = settings.approver_key
    if approver is None:
        return None if wanted is None else Ed25519Checker.from_text(wanted)
    signs = Ed25519Approver.from_file(approver)
    if signs.public_text != wanted:
        raise ConfigError(
            f"The key in {approver} is not the approver_key of [control]: no server would accept its approval.",
            next_step=f'Set approver_key = "{signs.public_text}" and restart the servers, or name the right file.',
        )
    return signs
