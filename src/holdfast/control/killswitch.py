"""The kill switch: a file whose presence stops every write.

Anything at the file's place counts, also a directory, a broken link or a file that cannot be read: when it cannot be
told that writing is allowed, it is not. The signal and the command put the file there; only the command takes it away.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from holdfast.control import statefiles
from holdfast.control.cleaning import one_line
from holdfast.errors import ConfigError, HoldfastError, KillSwitchError

_MAX_BYTES: Final = 16_384
_LONGEST: Final = 300


@dataclass(frozen=True)
class KillStatus:
    """Whether writes are stopped, and what is known about it.

    Attributes:
        since: Seconds since the epoch, if known.
    """

    engaged: bool
    reason: str | None = None
    who: str | None = None
    since: float | None = None


class KillSwitch:
    """The switch of an installation.

    Args:
        path: The file; its directory is created 0700 when missing.
        now: Seconds since the epoch.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._latched: KillStatus | None = None
        statefiles.private_dir(path.parent)
        self._place = _identity(path.parent)

    def check(self) -> None:
        """Call before every write.

        Raises:
            KillSwitchError: Writes are stopped. Nothing was executed.
        """
        status = self.status()
        if status.engaged:
            by = f" by {status.who}" if status.who else ""
            why = f": {status.reason}" if status.reason else ""
            raise KillSwitchError(f"The kill switch is engaged{by}{why}. Nothing was executed.")

    def status(self) -> KillStatus:
        """Whether writes are stopped. A file that cannot be looked at counts as present."""
        try:
            os.lstat(self._path)
        except FileNotFoundError:
            if self._latched is not None:
                return self._latched
            if _identity(self._path.parent) != self._place:
                # Whoever took the directory away, or put another in its place, may have taken the switch with it.
                return KillStatus(
                    engaged=True, reason="the state directory is not the one of the start: restart the server"
                )
            return KillStatus(engaged=False)
        except OSError:
            return KillStatus(engaged=True, reason="the switch's file cannot be examined")
        return self._read()

    def _read(self) -> KillStatus:
        try:
            found = json.loads(statefiles.read(self._path, _MAX_BYTES) or b"")
        except (OSError, ConfigError, ValueError, RecursionError):
            return KillStatus(engaged=True)
        if not isinstance(found, dict):
            return KillStatus(engaged=True)
        reason, who, since = found.get("reason"), found.get("who"), found.get("since")
        return KillStatus(
            engaged=True,
            reason=one_line(reason, _LONGEST) if isinstance(reason, str) else None,
            who=one_line(who, _LONGEST) if isinstance(who, str) else None,
            since=float(since) if isinstance(since, int | float) and not isinstance(since, bool) else None,
        )

    def engage(self, *, reason: str, who: str) -> KillStatus:
        """Stop all writes, of every process, at once and beyond restarts. The first reason given stays.

        When the file cannot be written, this process stops writing nevertheless, and the error says so.

        Raises:
            OSError: The file cannot be written; only this process is stopped.
        """
        status = KillStatus(True, one_line(reason, _LONGEST), one_line(who, _LONGEST), self._now())
        self._latched = self._latched or status
        statefiles.create(self._path, json.dumps(asdict(status)).encode("ascii"))
        # From here on the file speaks for itself; `release` in another process must be able to end it.
        self._latched = None
        return self.status()

    def release(self) -> KillStatus:
        """Allow writes again; the state before is returned.

        Raises:
            OSError: The file cannot be removed; writes stay stopped.
        """
        before = self.status()
        with suppress(FileNotFoundError):
            self._path.unlink()
        statefiles.sync_dir(self._path.parent)
        self._latched = None
        return before

    def engage_on_signal(self, number: int | None = None) -> None:
        """Engage when the process receives the signal, SIGUSR1 unless told otherwise. No signal releases.

        Call it in the main thread. Nothing happens where the system has no such signal.
        """
        on_signal(lambda: self, number)


def on_signal(switch: Callable[[], KillSwitch], number: int | None = None) -> None:
    """Engage the switch when the process receives the signal; it is only then asked for.

    A server that changes nothing, and has no state of its own, is not ended by the signal either, and stops those that
    share its state directory.
    """
    number = number or getattr(signal, "SIGUSR1", None)
    if number is None:
        return

    def engage(received: int, frame: object) -> None:
        name = signal.Signals(received).name
        # The latch holds even when the file cannot be written.
        with suppress(OSError, HoldfastError):
            switch().engage(reason=f"signal {name}", who=f"process {os.getpid()}")

    signal.signal(number, engage)


def _identity(directory: Path) -> tuple[int, int] | None:
    """Which directory this is; None when there is none."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
