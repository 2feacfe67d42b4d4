"""The control room of one server process: redaction, policy, and what a change needs, made when first needed."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.config import Config, Mode, Secret, TargetSettings
from holdfast.control import statefiles
from holdfast.control.answers import WriteResult
from holdfast.control.caller import Caller
from holdfast.control.canonical import derive_key
from holdfast.control.change import Change
from holdfast.control.exit import OneExit
from holdfast.control.inventory import Entry
from holdfast.control.parts import KEY_FILE, LEDGER_DIR, Parts, make_parts
from holdfast.control.policy import Policy
from holdfast.control.redactedlogs import RedactingFilter, install_crash_reports
from holdfast.control.redaction import Redactor
from holdfast.errors import ConfigError, HoldfastError

if TYPE_CHECKING:
    from holdfast.control.settling import Recompute

_log = logging.getLogger("holdfast.control")


def default_state_dir() -> Path:
    """`$HOLDFAST_STATE`, else `holdfast` in the user's state folder."""
    if named := os.environ.get("HOLDFAST_STATE"):
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path("~/.local/state").expanduser()) / "holdfast"


class ControlRoom:
    """What stands between a model and the appliances.

    Attributes:
        redactor: Knows every secret of the configuration, and those that logins bring.
        exit: Cleans and redacts everything that leaves.
        log_filter: The same for logs.

    Raises:
        ConfigError: The policy file is wrong, or one of its own tests fails.
    """

    def __init__(
        self,
        config: Config,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._config = config
        known, later = _revealed(config)
        self.redactor = Redactor(known)
        for secret in later:
            secret.when_revealed(self.redactor.add)
        self.exit = OneExit(self.redactor)
        self.log_filter: logging.Filter = RedactingFilter(self.redactor)
        self._made: Parts | None = None
        self._settling: asyncio.Task[None] | None = None
        self._damaged = False
        policy_file = config.control.policy_file
        self.policy = Policy.load(policy_file) if policy_file is not None else Policy.open()

    def redact_crashes(self) -> None:
        """Crash reports of this process pass the redactor from now on."""
        install_crash_reports(self.redactor)

    @property
    def state_dir(self) -> Path:
        """Where plans, approvals, the kill switch and the ledger are kept."""
        return self._config.control.state_dir or default_state_dir()

    async def start(self, recompute: Recompute) -> None:
        """Begin to serve: the kill switch listens to its signal, and what an earlier process left open of targets that
        may be changed is settled. A ledger that cannot be read refuses writes later; reads go on.
        """
        if threading.current_thread() is threading.main_thread():
            from holdfast.control.killswitch import on_signal

            on_signal(lambda: self.parts().kill_switch)
        if not self.changes_something:
            return
        self.parts()
        if (self.state_dir / LEDGER_DIR).is_dir():
            self._settling = asyncio.create_task(self._settle(recompute))

    @property
    def changes_something(self) -> bool:
        """Whether there are targets that may be changed."""
        return any(target.mode is Mode.OPERATE for target in self._config.targets)

    def confirmation_keys(self) -> list[bytes]:
        """What seals a confirmation that the client carries: the same in every server of this state directory.

        Empty where nothing is changed, so that nothing is confirmed.

        Raises:
            ConfigError: The state directory is open to others.
            LedgerError: It cannot be written.
        """
        if not self.changes_something:
            return []
        self.parts()
        return [derive_key(statefiles.load_or_create_key(self.state_dir / KEY_FILE), "confirmations")]

    def ready(self) -> tuple[bool, dict[str, int]]:
        """Whether what a change needs is there, and whether writes are stopped; nothing where nothing is changed.

        A change needs the state directory and a ledger that is whole and can be written. It is looked at, not tried:
        the question may come often, and from anybody.
        """
        if not self.changes_something:
            return True, {}
        ledger = self.state_dir / LEDGER_DIR
        place = ledger if ledger.is_dir() else self.state_dir
        files = [path for path in (ledger / "lock", ledger / "ledger.jsonl") if path.exists()]
        try:
            free = os.statvfs(place).f_bavail > 0
        except OSError:
            free = False
        writable = free and all(os.access(path, os.W_OK) for path in (place, *files)) and not self._damaged
        try:
            stopped = self.parts().kill_switch.status().engaged
        except HoldfastError:
            return False, {"ledger_writable": 0, "ledger_whole": 0, "writes_stopped": 1}
        whole = not self._damaged and self._is_proven()
        facts = {"ledger_writable": int(writable), "ledger_whole": int(whole), "writes_stopped": int(stopped)}
        return writable and whole, facts

    def _is_proven(self) -> bool:
        """Whether nothing at the ledger's end speaks against its being whole."""
        try:
            return self.parts().ledger.reader.proven()
        except HoldfastError:
            return False

    async def _settle(self, recompute: Recompute) -> None:
        from holdfast.control.settling import settle

        try:
            self._damaged = False
            await settle(self.parts().ledger, recompute, now=self._now, sleep=self._sleep)
        except HoldfastError as error:
            self._damaged = True
            _log.error("earlier writes cannot be settled: %s", error)

    async def stop(self) -> None:
        """End serving: the ledger is closed."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])
            self._settling = None
        if self._made is not None:
            await self._made.ledger.close()
            self._made = None

    async def run(
        self,
        entry: Entry,
        target: TargetSettings,
        caller: Caller,
        arguments: dict[str, object],
        compute: Callable[[], Awaitable[Change]],
        *,
        dry_run: bool,
        plan_id: str | None,
    ) -> WriteResult:
        """Carry out a change; see `Changes.run`."""
        changes = self.parts().changes
        return await changes.run(entry, target, caller, arguments, compute, dry_run=dry_run, plan_id=plan_id)

    def parts(self) -> Parts:
        """Plans, approvals, ledger and kill switch, made when first needed: a server that only reads has none.

        Raises:
            ConfigError: The state directory is open to others.
            LedgerError: It cannot be written. Nothing was executed.
        """
        if self._made is None:
            self._made = make_parts(self._config.control, self.state_dir, self.redactor, self._sleep, self._now)
        return self._made

    def gate(self, *, principal: str, target: TargetSettings | None, entry: Entry) -> None:
        """Refuse what the policy does not allow.

        Raises:
            PolicyError: Nothing was executed.
        """
        label = target.label if target is not None else None
        self.policy.require(principal, label, entry.kind, f"{entry.kind}:{entry.toolset}", entry.risk.value, entry.name)


def _revealed(config: Config) -> tuple[list[str], list[Secret]]:
    """Every secret that can be resolved now, and those that cannot: they are reported when they are needed."""
    found: list[str] = []
    later: list[Secret] = []
    for secret in config.secrets():
        try:
            found.append(secret.reveal())
        except ConfigError:
            later.append(secret)
    return found, later
