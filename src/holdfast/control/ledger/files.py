"""Appends to the ledger: one writer at a time among all processes, on disk before anything else happens."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from holdfast.control import statefiles
from holdfast.control.canonical import derive_key
from holdfast.control.ledger import head
from holdfast.control.ledger.chain import (
    ACTIVE,
    HEAD_LOST,
    BrokenChainError,
    Position,
    follow,
    sealed_name,
    segments,
    torn_facts,
)
from holdfast.control.ledger.records import KEY_PURPOSE, Body, Kind, Record, seal
from holdfast.errors import ConfigError, LedgerError

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""A file of this size or more is closed and a new one begun, bytes."""
MAX_OPEN: Final = 1000
"""With so many writes whose outcome is not known no further one is let through."""
RESERVE_BYTES: Final = 65_536
"""Kept back, so that the outcome of a write that was sent can be recorded on a disk that has filled up meanwhile."""

_LOCK: Final = "lock"
_RESERVE: Final = "reserve"
_OWNERS: Final = "owners"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class Draft:
    """What is to become a record."""

    kind: Kind
    body: Body


class LedgerFiles:
    """The files of a ledger, as one process writes them.

    Args:
        directory: Is created 0700 when missing.
        key: Secret of the installation, to sign records; None leaves them unsigned.
        now: Seconds since the epoch.
        segment_bytes: Size at which a new file is begun.
        lock_timeout_s: Longest wait for other processes, seconds.

    Not for several threads at once.
    """

    def __init__(
        self,
        directory: Path,
        *,
        key: bytes | None = None,
        now: Callable[[], float] = time.time,
        segment_bytes: int = SEGMENT_BYTES,
        lock_timeout_s: float = 10.0,
    ) -> None:
        self.directory = directory
        self.owner = secrets.token_hex(8)
        self._key = None if key is None else derive_key(key, KEY_PURPOSE)
        self._now = now
        self._segment_bytes = segment_bytes
        self._lock_timeout_s = lock_timeout_s
        self._owner_handle: int | None = None
        self._poisoned = False

    def open(self, about: Body) -> list[str]:
        """Begin to write: recover what another process left unfinished, and say that this one writes from now on.

        Returns:
            Ids of intents whose process ended before it had recorded an outcome; they are recorded as unknown.

        Raises:
            LedgerError: The ledger cannot be written, or is damaged. Nothing may be changed.
        """
        if self._owner_handle is not None:
            return []
        with self._refusing("opened"):
            statefiles.private_dir(self.directory)
            owners = statefiles.private_dir(self.directory / _OWNERS)
            try:
                with self._locked():
                    # Inside of the lock, or another process that begins could take this one for dead.
                    self._owner_handle = os.open(
                        owners / f"{self.owner}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, statefiles.PRIVATE_FILE
                    )
                    statefiles.try_lock(self._owner_handle)
                    position = self._catch_up()
                    orphans = self._orphans(position)
                    note = "the process ended before it had recorded an outcome"
                    drafts = [Draft("opened", about)]
                    drafts += [Draft("outcome", {"id": name, "result": "unknown", "note": note}) for name in orphans]
                    self._write(position, drafts)
                    self._fill_reserve()
            except BaseException:
                self.close()
                raise
        return orphans

    def close(self) -> None:
        """Stop to write. The ledger stays as it is."""
        if self._owner_handle is not None:
            with suppress(OSError):
                (self.directory / _OWNERS / f"{self.owner}.lock").unlink()
            os.close(self._owner_handle)
            self._owner_handle = None

    def append(self, drafts: Sequence[Draft], *, may_use_reserve: bool = False) -> list[Record]:
        """Write records; when this returns they are on disk.

        Args:
            drafts: What to write, all or nothing.
            may_use_reserve: Whether the space kept back for outcomes may be used.

        Raises:
            LedgerError: None of them was written.
        """
        with self._refusing("written"), self._locked():
            position = self._catch_up()
            if not may_use_reserve:
                self._fill_reserve()
                if len(position.open) >= MAX_OPEN and any(draft.kind == "intent" for draft in drafts):
                    raise LedgerError(
                        f"The outcome of {MAX_OPEN} earlier changes is not known. Nothing was executed.",
                        next_step="Restart the server: it looks what became of each. holdfast audit unknown lists "
                        "those that are left; the operator settles them with holdfast audit settle.",
                    )
            try:
                return self._write(position, drafts)
            except OSError as error:
                if not may_use_reserve or error.errno not in _FULL:
                    raise
                (self.directory / _RESERVE).unlink(missing_ok=True)
                return self._write(self._catch_up(), drafts)

    def append_if_open(self, name: str, draft: Draft) -> bool:
        """Write a record about an intent whose outcome is not known; False, and nothing, when it is known by now.

        Raises:
            LedgerError: It was not written.
        """
        return self.append_if(lambda position: name in position.open, draft)

    def append_if(self, wanted: Callable[[Position], bool], draft: Draft) -> bool:
        """Write a record if it is wanted where the ledger ends; nobody else writes meanwhile. Tells whether it was.

        Raises:
            LedgerError: It was not written.
        """
        with self._refusing("written"), self._locked():
            position = self._catch_up()
            if not wanted(position):
                return False
            self._write(position, [draft])
            return True

    def _refusing(self, what: str) -> _Refusing:
        return _Refusing(self, what)

    def _locked(self) -> AbstractContextManager[None]:
        return statefiles.locked(self.directory / _LOCK, timeout_s=self._lock_timeout_s)

    def _catch_up(self) -> Position:
        """Where the ledger really ends: the head, and what was written after it by a process that then died."""
        position = head.read(self.directory, self._key)
        what = "a line was cut off"
        if position is None:
            position, what = Position(), HEAD_LOST
        has_head = position.seq > 0
        try:
            follow(self.directory, position, self._key)
        except BrokenChainError as error:
            raise _damaged(f"after record {position.seq}: {error.message}") from error
        if position.torn is not None or (position.seq and not has_head):
            facts = torn_facts(position.torn) if position.torn is not None else {}
            self._write(position, [Draft("recovered", {"what": what, **facts})])
        return position

    def _write(self, position: Position, drafts: Sequence[Draft]) -> list[Record]:
        """Append to the active file at the position, which moves along; all or nothing."""
        self._rotate(position)
        made: list[Record] = []
        seq, prev = position.seq, position.hash
        for draft in drafts:
            record = seal(seq + 1, self._now(), draft.kind, self.owner, draft.body, prev, self._key)
            made.append(record)
            seq, prev = record.seq, record.hash
        # A torn line keeps its place; it is only ended, and the first record after it says what it is.
        mend = b"\n" if position.torn is not None and not self._ends_with_line_feed() else b""
        self._append_bytes(mend + b"".join(record.line() for record in made))
        for record in made:
            position.advance(record.line()[:-1], True, self._key)
        # The records are on disk; a head that cannot be written only means more to read next time.
        with suppress(OSError):
            head.write(self.directory, position, self._key)
        return made

    def _ends_with_line_feed(self) -> bool:
        with (self.directory / ACTIVE).open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _append_bytes(self, data: bytes) -> None:
        path = self.directory / ACTIVE
        is_new = not path.exists()
        handle = os.open(
            path,
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0),
            statefiles.PRIVATE_FILE,
        )
        try:
            before = os.fstat(handle).st_size
            try:
                statefiles.write_all(handle, data)
            except OSError:
                # Nothing of it was promised to anybody; what stays behind if this fails too is recovered as torn.
                with suppress(OSError):
                    os.ftruncate(handle, before)
                raise
            try:
                os.fsync(handle)
            except OSError:
                # After a failed sync the system may have dropped what it could not write, and says so only once.
                self._poisoned = True
                with suppress(OSError):
                    os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
        if is_new:
            statefiles.sync_dir(self.directory)

    def _rotate(self, position: Position) -> None:
        if position.offset < self._segment_bytes or position.torn is not None:
            return
        (self.directory / ACTIVE).rename(self.directory / sealed_name(position.first))
        statefiles.sync_dir(self.directory)
        position.begin_segment()

    def _fill_reserve(self) -> None:
        path = self.directory / _RESERVE
        if path.exists() and path.stat().st_size >= RESERVE_BYTES:
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, statefiles.PRIVATE_FILE)
        try:
            # Random bytes, because a file system may store zeros without using any space.
            statefiles.write_all(handle, secrets.token_bytes(RESERVE_BYTES))
            os.fsync(handle)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)

    def _orphans(self, position: Position) -> list[str]:
        """Open intents of processes that are no more; forgets those processes."""
        living = {self.owner}
        for path in (self.directory / _OWNERS).glob("*.lock"):
            if path.stem == self.owner:
                continue
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if statefiles.try_lock(handle):
                    path.unlink(missing_ok=True)
                else:
                    living.add(path.stem)
            finally:
                os.close(handle)
        return [name for name, entry in position.open.items() if entry.state == "open" and entry.owner not in living]


class _Refusing:
    """Turns whatever keeps the ledger from being written into a `LedgerError`."""

    def __init__(self, files: LedgerFiles, what: str) -> None:
        self._files = files
        self._what = what

    def __enter__(self) -> None:
        if self._files._poisoned:
            raise LedgerError(
                "The disk has failed to store the ledger. Nothing was executed.",
                next_step="Check the disk, then restart the server.",
            )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError | ConfigError | ValueError):
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise LedgerError(
                f"The ledger cannot be {self._what}: {why}. Nothing was executed.",
                next_step="The operator must make the ledger's directory writable; until then only reads are possible.",
            ) from error


def _damaged(what: str) -> LedgerError:
    return LedgerError(
        f"The ledger is damaged: {what}. Nothing was executed.",
        next_step="Look into it (holdfast audit verify); then set it aside (holdfast audit restart).",
    )


def restart(directory: Path, *, who: str, reason: str, key: bytes | None = None, now: float | None = None) -> Path:
    """Set a damaged ledger aside, whole, and begin a new one whose first record names every file of the old one.

    Args:
        directory: Where the ledger is. No process may be writing to it.
        who: Who decided it.
        reason: Why.
        key: As for `LedgerFiles`.
        now: Seconds since the epoch.

    Returns:
        The directory that now holds the old files.

    Raises:
        LedgerError: It cannot be done.
    """
    moment = time.time() if now is None else now
    files = LedgerFiles(directory, key=key, now=lambda: moment)
    with files._refusing("restarted"), files._locked():
        aside = directory / time.strftime("set-aside-%Y%m%dT%H%M%SZ", time.gmtime(moment))
        aside.mkdir(mode=statefiles.PRIVATE_DIR)
        old = [*segments(directory), *(path for path in [directory / head.NAME] if path.exists())]
        facts: list[JsonValue] = []
        for path in old:
            content = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    content.update(chunk)
            facts.append({"name": path.name, "bytes": path.stat().st_size, "sha256": content.hexdigest()})
            path.rename(aside / path.name)
        statefiles.sync_dir(aside)
        body: Body = {"who": who, "reason": reason, "set_aside": aside.name, "files": facts[-64:], "count": len(facts)}
        files._write(Position(), [Draft("restarted", body)])
    return aside
