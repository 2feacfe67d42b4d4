"""Where plans and approvals are kept: the seam at which one machine becomes several.

`FileState` serves all processes of one machine, `MemoryState` one process. An installation of several machines gives an
implementation over a shared service; `create` must be atomic there (Redis: `SET key value NX PX ttl`).
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Final, Protocol

from holdfast.control import statefiles
from holdfast.errors import ConfigError

MAX_RECORD_BYTES: Final = 256 * 1024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class State(Protocol):
    """Small records by space and key. Every method may raise `OSError` when the state cannot be reached.

    A record is never changed: it is created once, and removed some time after it has expired.
    """

    def create(self, space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        """Keep the record; False when there is one of this key. Of several callers exactly one gets True."""

    def get(self, space: str, key: str) -> bytes | None:
        """The record, or None."""

    def keys(self, space: str) -> list[str]:
        """Keys of the records, in no order."""

    def remove(self, space: str, key: str) -> None:
        """Remove the record if there is one."""

    def prune(self, space: str, *, before: float) -> None:
        """Remove records that expired before this time (seconds since the epoch)."""


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError("not a name of the state")
    return name


class MemoryState:
    """State of one process."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def create(self, space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        """See `State.create`."""
        where = (_checked(space), _checked(key))
        with self._lock:
            if where in self._records:
                return False
            self._records[where] = (record, expires_at)
            return True

    def get(self, space: str, key: str) -> bytes | None:
        """See `State.get`."""
        found = self._records.get((_checked(space), _checked(key)))
        return found[0] if found else None

    def keys(self, space: str) -> list[str]:
        """See `State.keys`."""
        with self._lock:
            return [key for where, key in self._records if where == space]

    def remove(self, space: str, key: str) -> None:
        """See `State.remove`."""
        with self._lock:
            self._records.pop((_checked(space), _checked(key)), None)

    def prune(self, space: str, *, before: float) -> None:
        """See `State.prune`."""
        with self._lock:
            for where, key in [w for w, (_, expires) in self._records.items() if w[0] == space and expires < before]:
                del self._records[where, key]


class FileState:
    """State of one machine: a directory a space, a file a record.

    Args:
        directory: Is created 0700 when missing.

    The expiry is the file's modification time, so that removing old records needs to read none of them.

    Raises:
        ConfigError: The directory is open to others.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = statefiles.private_dir(directory)

    def _space(self, space: str) -> Path:
        return self._directory / _checked(space)

    def create(self, space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        """See `State.create`."""
        if len(record) > MAX_RECORD_BYTES:
            raise ValueError("the record is too large")
        path = statefiles.private_dir(self._space(space)) / f"{_checked(key)}.json"
        return statefiles.create(path, record, modified_at=expires_at)

    def get(self, space: str, key: str) -> bytes | None:
        """See `State.get`. A file that others may have written counts as unreadable."""
        try:
            return statefiles.read(self._space(space) / f"{_checked(key)}.json", MAX_RECORD_BYTES)
        except ConfigError as error:
            raise OSError(str(error)) from error

    def keys(self, space: str) -> list[str]:
        """See `State.keys`."""
        try:
            names = os.listdir(self._space(space))
        except FileNotFoundError:
            return []
        return [stem for name in names if name.endswith(".json") and _NAME.fullmatch(stem := name[:-5])]

    def remove(self, space: str, key: str) -> None:
        """See `State.remove`."""
        (self._space(space) / f"{_checked(key)}.json").unlink(missing_ok=True)

    def prune(self, space: str, *, before: float) -> None:
        """See `State.prune`."""
        try:
            entries = list(os.scandir(self._space(space)))
        except FileNotFoundError:
            return
        for entry in entries:
            try:
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)
            except FileNotFoundError:
                continue
